"""Take the pictures of the README from a running demo.

    GUANXI_DEMO_PASSWORD=secret ./guanxi demo --port 8000
    GUANXI_DEMO_PASSWORD=secret .venv/bin/python tools/screenshots.py http://127.0.0.1:8000

Needs the development packages and a Chromium (``GUANXI_BROWSER_PATH``, else the first found). Writes ``docs/images``;
no picture has more than 150 KB.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

TARGET = Path(__file__).resolve().parent.parent / "docs" / "images"
LIMIT = 150_000
WIDE, PHONE = (1280, 800), (390, 700)


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: its name, who looks, in which language and theme, at what, and what is done there first."""

    name: str
    user: str
    language: str
    theme: str
    size: tuple[int, int]
    address: str
    then: Callable[[Page], None] | None = None


def _busiest_customer(page: Page) -> None:
    """Open, of one's own key accounts with several contacts, the one contacted last."""
    wishes: list[dict[str, object]] = [
        {"field": "level", "op": "eq", "value": "a"},
        {"field": "kind", "op": "eq", "value": "organisation"},
        {"field": "owner", "op": "eq", "value": "@me"},
        {"count": "customers.contact.customer", "op": "gte", "value": 4},
    ]
    wanted = json.dumps({"all": wishes})
    answer = page.request.get(
        f"{page.url.split('/customers/')[0]}/api/v1/customers",
        params={"filter": wanted, "sort": "-last_contact_at", "limit": "1"},
    )
    page.goto(f"{page.url.split('?')[0]}{answer.json()['items'][0]['id']}/")
    page.wait_for_timeout(1500)


def _palette(page: Page) -> None:
    page.keyboard.press("Control+k")
    page.wait_for_selector("dialog[open] input")
    page.keyboard.type("shenzhen")
    page.wait_for_timeout(2500)


def _quick(page: Page) -> None:
    _busiest_customer(page)
    page.keyboard.press("f")
    page.wait_for_selector("dialog[open] form")
    page.wait_for_timeout(1500)
    page.keyboard.type("预算已经批了，下周把方案和报价一起发过去。")


PICTURES = (
    Picture("today-zh", "zhangwei", "zh-hans", "light", WIDE, "/"),
    Picture("customer-zh", "zhangwei", "zh-hans", "light", WIDE, "/customers/", _busiest_customer),
    Picture("customers-en", "chenjianguo", "en", "light", WIDE, "/customers/"),
    Picture("board-en-dark", "chenjianguo", "en", "dark", WIDE, "/customers/board/"),
    Picture("palette-zh-dark", "zhangwei", "zh-hans", "dark", WIDE, "/", _palette),
    Picture("follow-up-phone-zh", "zhangwei", "zh-hans", "light", PHONE, "/customers/", _quick),
)


def _small(picture: bytes) -> bytes:
    """The picture with as few colours as keep it below the limit."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    for colours in (256, 128, 64, 32):
        out = io.BytesIO()
        image.quantize(colours, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        if out.tell() <= LIMIT:
            return out.getvalue()
    raise ValueError(f"the picture stays above {LIMIT} bytes")


def _take(browser: Browser, base: str, picture: Picture, password: str) -> None:
    width, height = picture.size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        timezone_id="Asia/Shanghai",
        locale="en" if picture.language == "en" else "zh-CN",
    )
    page = context.new_page()
    page.goto(f"{base}/account/login/")
    page.fill("input[name=login]", picture.user)
    page.fill("input[name=password]", password)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda address: "/account/login" not in address)
    secret = page.locator("input[name=csrfmiddlewaretoken]").first.get_attribute("value") or ""
    for name, value in (("language", picture.language), ("theme", picture.theme)):
        page.request.post(
            f"{base}/preferences/",
            form={name: value, "csrfmiddlewaretoken": secret},
            headers={"Referer": f"{base}/"},
        )
    page.goto(base + picture.address)
    page.wait_for_load_state("load")
    page.wait_for_timeout(1500)
    if picture.then:
        picture.then(page)
        page.wait_for_timeout(1000)
    found = _small(page.screenshot())
    (TARGET / f"{picture.name}.png").write_bytes(found)
    print(f"{picture.name}.png {len(found):,} bytes")
    context.close()


def main() -> int:
    """Take every picture, or those named after the address. Returns the exit code."""
    base, wanted = sys.argv[1].rstrip("/"), sys.argv[2:]
    program = os.environ.get("GUANXI_BROWSER_PATH") or shutil.which("chromium") or shutil.which("chromium-browser")
    TARGET.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for picture in PICTURES:
            if not wanted or picture.name in wanted:
                _take(browser, base, picture, os.environ["GUANXI_DEMO_PASSWORD"])
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
