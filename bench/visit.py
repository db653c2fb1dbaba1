"""What a person waits for in Chromium: the first list after signing in, what moves while it is drawn, and what it weighs.

    guanxi bench run --size M --folder var/bench-M
    python bench/visit.py var/bench-M --repeat 5 --json visit.json

Serves the folder, signs in with an empty cache as often as asked, and opens pages. ``first list`` is from sending the form
to the moment the list's rows are drawn; ``shift`` is the browser's layout shift (0 where nothing moves); ``kB`` is what
came over the line (without the service worker, which keeps more). Aims: a second; nought; 300 kB with an empty cache, 40 kB afterwards. Needs Playwright and Chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))
os.environ["PYTHONPATH"] = str(ROOT / "src")

from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402 - the path is set first

from guanxi.config.bench.measure import PEOPLE  # noqa: E402
from guanxi.core.cli.faults.workspace import Workspace  # noqa: E402

PAGES = {"home": "/", "list": "/customers/", "board": "/customers/board/", "opportunities": "/opportunities/"}
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
#: Notes every layout shift from the first moment of a document on.
WATCH = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) window.shifted += one.value;
}).observe({ type: "layout-shift", buffered: true });
"""
LOADED = """() => {
  const line = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
  const own = performance.getEntriesByType("navigation")[0];
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  return { bytes: line.reduce((sum, one) => sum + one.transferSize, 0), shift: window.shifted,
           server: own.responseStart - own.requestStart, painted: paint ? paint.startTime : 0, done: own.loadEventEnd };
}"""


def visit(browser: Browser, base: str, name: str, password: str, size: tuple[int, int]) -> dict[str, dict[str, float]]:
    """One person with an empty cache: signs in to the list, then opens the pages."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, locale="zh-CN", service_workers="block"
    )
    context.add_init_script(WATCH)
    page = context.new_page()
    page.goto(f"{base}/account/login/?next=/customers/")
    found = {"sign-in, nothing kept": told(page)}
    page.fill("input[name=login]", name)
    page.fill("input[name=password]", password)
    begun = page.evaluate("performance.timeOrigin + performance.now()")
    page.press("input[name=password]", "Enter")
    page.wait_for_selector("tbody tr, .gx-list-card")
    first = page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.timeOrigin + performance.now()))))"
    )
    found["first list"] = {"ms": first - begun, **told(page)}
    for word, path in PAGES.items():
        page.goto(base + path)
        found[word] = told(page)
    context.close()
    return found


def told(page: Page) -> dict[str, float]:
    """What the browser says of the page it shows, once nothing more comes."""
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(300)
    return dict(page.evaluate(LOADED))


def main() -> None:
    """Serve, visit, print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--port", type=int, default=8091)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    os.environ |= {"GUANXI_DATA": str(given.folder)}
    password = (given.folder / "bench-password").read_text()
    place, found = Workspace(given.folder, given.port), dict[str, Any]()
    place.start()
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=given.chromium, args=["--no-sandbox", "--disable-gpu"])
            for look, size in SIZES.items():
                runs = [
                    visit(browser, f"http://127.0.0.1:{given.port}", PEOPLE["own"], password, size)
                    for _each in range(given.repeat)
                ]
                found |= {f"{word} · {look}": _medians([run[word] for run in runs]) for word in runs[0]}
            browser.close()
    finally:
        place.end()
    print("| page | ms | painted | server | shift | kB |\n|---|---|---|---|---|---|")
    for name, one in found.items():
        ms = one.get("ms", one["done"])
        print(f"| {name} | {ms:.0f} | {one['painted']:.0f} | {one['server']:.0f} | {one['shift']:.3f} | {one['bytes'] / 1000:.0f} |")  # fmt: skip
    if given.json:
        given.json.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", "utf-8")


def _medians(runs: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


if __name__ == "__main__":
    main()
