"""axe on every kind of page: nothing serious or critical, in both languages, light and dark, wide and on a phone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from guanxi.core.models import Operation, Role
from tests.browser.conftest import World
from tests.browsing import settled, violations
from tests.factories.cast import Cast

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
People = Callable[..., Page]

FILTER = "%7B%22all%22%3A%5B%7B%22field%22%3A%22level%22%2C%22op%22%3A%22eq%22%2C%22value%22%3A%22A%22%7D%5D%7D"
#: Pages of records; ``{pk}`` is a customer of Alice's.
RECORDS = (
    "/",
    "/customers/",
    f"/customers/?view=0&filter={FILTER}",
    "/customers/?view=0&q=华诚&group=level",
    "/customers/?view=0&q=没有这样的客户",
    "/customers/board/?view=0",
    "/customers/board/?view=0&rows=owner&color=level&most=1",
    "/customers/board/look/?board=lifecycle",
    "/customers/{pk}/",
    "/customers/{pk}/edit/",
    "/customers/{pk}/history/",
    "/customers/{pk}/share/",
    "/customers/{pk}/why/",
    "/customers/{pk}/why/all/",
    "/customers/{pk}/delete/",
    "/customers/{pk}/do/relate/",
    "/customers/new/",
    "/customers/filter/",
    "/customers/columns/",
    "/customers/export/",
    "/contacts/",
    "/activities/",
    "/plans/",
    "/tasks/",
    "/tasks/board/",
    "/activities/new/",
    "/quick/follow-up/",
    "/search/?q=华诚",
    "/search/",
    "/duplicates/",
    "/customers/merge/?ids={pk},{other}",
    "/import/",
    "/trash/",
    "/operations/",
    "/notifications/",
    "/offline/",
)
#: Pages about oneself and administration; ``{user}`` is Bob, ``{role}`` the cast's role.
SETTINGS = (
    "/account/",
    "/account/security/",
    "/account/tokens/",
    "/account/notifications/",
    "/account/rights/",
    "/account/password/change/",
    "/users/",
    "/users/{user}/",
    "/users/new/",
    "/departments/",
    "/people/departments/",
    "/people/roles/",
    "/people/roles/new/",
    "/people/roles/{role}/",
    "/people/users/{user}/",
    "/people/users/{user}/rights/",
    "/settings/",
    "/settings/numbering/",
    "/settings/numbering/customers/number/",
    "/people/users/{user}/open/",
    "/people/tokens/",
    "/people/log/",
    "/api/v1/docs",
    "/api/v1/docs?q=customer",
)


def walk(
    page: Page, addresses: tuple[str, ...], wide: bool = True, rules: tuple[str, ...] = (), **values: int
) -> dict[str, list[str]]:
    """What axe finds per address (by all its ``rules``, or some); the pages must be there, and nothing may stand out of a narrow screen."""
    found: dict[str, list[str]] = {}
    for address in addresses:
        answer = page.goto(address.format(**values))
        assert answer is not None
        assert answer.status == 200, address
        page.wait_for_load_state("load")
        settled(page)
        wrong = violations(page, rules)
        if not wide and not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
            wrong.append("wider than the screen")
        if wrong:
            found[address] = wrong
    return found


def test_pages_of_records(people: People, world: World) -> None:
    page = people("alice", "zh-hans")
    assert walk(page, RECORDS, pk=world.alices[0].pk, other=world.alices[1].pk) == {}


def test_pages_of_records_on_a_dark_phone(people: People, world: World) -> None:
    page = people("alice", "en", phone=True, dark=True)
    assert walk(page, RECORDS[:16] + RECORDS[26:], wide=False, pk=world.alices[0].pk, other=world.alices[1].pk) == {}


def test_pages_about_oneself_and_administration(people: People, world: World, cast: Cast) -> None:
    page = people("root", "zh-hans")
    ids = {"user": cast.bob_user.pk, "role": Role.objects.get(key="cast").pk}
    assert walk(page, SETTINGS, **ids) == {}


def test_pages_of_administration_in_the_dark(people: People, world: World, cast: Cast) -> None:
    page = people("root", "en", dark=True)
    ids = {"user": cast.bob_user.pk, "role": Role.objects.get(key="cast").pk}
    pages = tuple(
        one for one in SETTINGS if one not in {"/people/roles/new/", "/api/v1/docs"}
    )  # large; their like are here
    assert walk(page, pages, rules=("color-contrast",), **ids) == {}  # nothing else depends on it


def test_pages_outside(contexts: Callable[..., BrowserContext], people: People, world: World) -> None:
    guest = contexts().new_page()
    assert walk(guest, ("/account/login/", "/account/password/reset/", "/api/v1/docs")) == {}
    page, found = people("alice", "zh-hans"), {}
    for address, status in (("/customers/999999/", 404), ("/nothing/at/all/", 404), ("/people/roles/", 403)):
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == status
        found[address] = violations(page)
    assert not any(found.values()), found


def test_open_dialogs_menus_and_the_side_panel(people: People, world: World) -> None:
    page = people("alice", "zh-hans")
    page.goto(f"/customers/?view=0&peek={world.alices[0].pk}")
    expect(page.locator("#side h2, #side h1").first).to_be_visible()
    assert violations(page) == []
    page.goto("/customers/")
    page.keyboard.press("c")
    expect(page.locator("#dialog")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    for menu in ("me-menu", "create-menu", "list-more"):
        page.locator(f"[popovertarget={menu}]").click()
        expect(page.locator(f"#{menu}")).to_be_visible()
        assert violations(page) == [], menu
        page.keyboard.press("Escape")
    page.locator("tbody input[name=ids]").first.check()
    assert violations(page) == []


def test_the_steps_of_an_import(people: People, world: World, tmp_path: Path) -> None:
    file = tmp_path / "客户.csv"
    file.write_text("公司名称,联系电话\n东莞松山湖机器人有限公司,0769-22891234\n,13900001111\n", encoding="utf-8")
    page, found = people("alice", "zh-hans"), {}
    page.goto("/customers/import/")
    page.locator("input[type=file]").set_input_files(file)
    page.locator("main form button.btn-primary").last.click()
    for step in ("map", "rule", "preview"):
        page.wait_for_url(f"**/import/*/{step}/")
        page.wait_for_load_state("networkidle")
        found[step] = violations(page)
        page.locator("main form button.btn-primary").last.click()
    page.wait_for_url("**/import/*/result/")
    found["result"] = violations(page)
    page.goto(f"/operations/{Operation.objects.latest('pk').pk}/")
    found["operation"] = violations(page)
    assert not any(found.values()), found
