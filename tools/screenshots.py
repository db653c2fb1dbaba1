"""Take the pictures of the README and of the guide from a running demo.

    GUANXI_DEMO_PASSWORD=secret ./guanxi demo --port 8000
    GUANXI_DEMO_PASSWORD=secret .venv/bin/python tools/screenshots.py http://127.0.0.1:8000

Needs the development packages and a Chromium (``GUANXI_BROWSER_PATH``, else the first found). Writes ``docs/images``
(no picture above 150 KB) and ``docs/guide/images`` (none above 60 KB). Names after the address take only these.
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

DOCS = Path(__file__).resolve().parent.parent / "docs"
WIDE, PHONE, PAGE = (1280, 800), (390, 700), (1100, 640)


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
    folder: str = "images"
    limit: int = 150_000


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


def _first(page: Page) -> None:
    """Open the first record of the list."""
    row = page.locator("#list-view tbody tr[data-id]").first
    page.goto(f"{page.url.split('?')[0]}{row.get_attribute('data-id')}/")
    page.wait_for_timeout(1500)


def _edit(page: Page) -> None:
    _first(page)
    page.goto(f"{page.url}edit/")
    page.locator("tr[data-line]").last.scroll_into_view_if_needed()
    page.wait_for_timeout(1500)


def _simulated(page: Page) -> None:
    _first(page)
    page.goto(f"{page.url}simulate/")
    page.wait_for_timeout(1500)


def _account(page: Page) -> None:
    """The account of the customer who owes most."""
    page.locator("main a[href^='/customers/'][href*='/account/']").first.click()
    page.wait_for_timeout(1500)


#: Pages of selling: name, who looks, address, what is done first. English pictures for one half, Chinese for the other.
SELLING = (
    ("leads", "zhangwei", "zh-hans", "/leads/", None),
    ("lead", "zhangwei", "en", "/leads/", _first),
    ("deals-board", "zhangwei", "zh-hans", "/opportunities/board/", None),
    ("deal", "zhangwei", "en", "/opportunities/", _first),
    ("pool-simulator", "admin", "zh-hans", "/pools/", _simulated),
    ("handover", "admin", "en", "/handover/", None),
    ("forecast", "chenjianguo", "zh-hans", "/forecast/", None),
    ("pipeline-course", "chenjianguo", "en", "/pipeline-course/", None),
    ("products", "zhangwei", "zh-hans", "/products/", None),
    ("quote", "zhangwei", "en", "/quotes/", _first),
    ("quote-lines", "zhangwei", "zh-hans", "/quotes/", _edit),
    ("contract", "zhangwei", "zh-hans", "/contracts/", _first),
    ("order", "zhangwei", "en", "/sales-orders/", _first),
    ("bank-statement", "xuli", "zh-hans", "/bank-statement/", None),
    ("receivables", "xuli", "en", "/receivables/", None),
    ("account", "xuli", "zh-hans", "/receivables/", _account),
    ("invoices", "xuli", "en", "/invoices/", None),
    ("commission", "xuli", "zh-hans", "/commission-statements/", _first),
    ("home-finance", "xuli", "zh-hans", "/", None),
    ("home-manager", "chenjianguo", "en", "/", None),
    ("diary", "chenjianguo", "zh-hans", "/diary/", None),
    ("recipes", "admin", "en", "/import/recipe/", None),
)
PICTURES = (
    *PICTURES,
    *(
        Picture(name, user, language, "light", PAGE, address, then, "guide/images", 60_000)
        for name, user, language, address, then in SELLING
    ),
)


def _small(picture: bytes, limit: int) -> bytes:
    """The picture with as few colours as keep it below the limit."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    for colours in (256, 128, 64, 32, 16):
        out = io.BytesIO()
        image.quantize(colours, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        if out.tell() <= limit:
            return out.getvalue()
    raise ValueError(f"the picture stays above {limit} bytes")


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
    found = _small(page.screenshot(), picture.limit)
    place = DOCS / picture.folder / f"{picture.name}.png"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(found)
    print(f"{picture.name}.png {len(found):,} bytes")
    context.close()


def main() -> int:
    """Take every picture, or those named after the address. Returns the exit code."""
    base, wanted = sys.argv[1].rstrip("/"), sys.argv[2:]
    program = os.environ.get("GUANXI_BROWSER_PATH") or shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for picture in PICTURES:
            if not wanted or picture.name in wanted:
                _take(browser, base, picture, os.environ["GUANXI_DEMO_PASSWORD"])
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
