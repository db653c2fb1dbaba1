"""Draw the pictures of the installed app from the logo: ``python tools/icons.py`` (needs Playwright and Chromium)."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import sync_playwright

STATIC = Path(__file__).resolve().parent.parent / "src" / "guanxi" / "core" / "web" / "static" / "guanxi"
#: Name, size in pixels, how much of it the logo takes, background.
PICTURES = (
    ("app-192.png", 192, 1.0, "transparent"),
    ("app-512.png", 512, 1.0, "transparent"),
    ("app-180.png", 180, 0.8, "#ffffff"),
    ("app-mask.png", 512, 0.6, "#1f5fd0"),
)


def main() -> None:
    """Write every picture."""
    logo = (STATIC / "logo.svg").read_text(encoding="utf-8")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for name, size, share, color in PICTURES:
            page = browser.new_page(viewport={"width": size, "height": size})
            page.set_content(
                f"<style>body{{margin:0;display:grid;place-items:center;width:{size}px;height:{size}px;background:{color}}}"
                f"svg{{width:{size * share}px;height:{size * share}px}}</style>{logo}"
            )
            page.screenshot(path=str(STATIC / name), omit_background=color == "transparent")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
