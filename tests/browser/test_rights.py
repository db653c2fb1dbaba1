"""Four people look at the same customers: their own, their department's, all, and all with masked phones."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import World
from tests.factories.cast import Cast

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
People = Callable[..., Page]


def looks(
    page: Page, world: World, *, sees: int, mine: tuple[int, str], hidden: tuple[int, str] | None, phone: str
) -> None:
    """List, record page, search and the direct address tell the same story."""
    page.goto("/customers/?view=0&cols=name,phones")
    expect(page.locator("#list-view .gx-foot")).to_contain_text(f"{sees} 条")
    number, name = mine
    page.goto(f"/customers/{number}/")
    expect(page).to_have_title(f"{name} · 客户 · 关系")
    assert phone in page.locator("main").inner_text().replace(" ", "")
    page.goto(f"/search/?q={name}")
    expect(page.locator("main")).to_contain_text(name)
    if hidden is None:
        return
    number, name = hidden
    answer = page.goto(f"/customers/{number}/")
    assert answer is not None
    assert answer.status == 404
    assert name not in page.content()
    page.goto("/search/?q=华诚软件")
    expect(page.locator("main")).not_to_contain_text(name)
    page.keyboard.press("Control+k")
    page.keyboard.type("huachengruanjian")
    expect(page.locator("#palette [data-results]")).not_to_contain_text(name)


def test_one_who_sees_his_own(people: People, world: World, role: Callable[..., None], cast: Cast) -> None:
    role(cast.charlie_user, "own")
    mine, foreign = world.charlies[0], world.alices[0]
    looks(
        people("charlie", "zh-hans"),
        world,
        sees=10,
        mine=(mine.pk, mine.name),
        hidden=(foreign.pk, foreign.name),
        phone="13800130050",
    )


def test_one_who_sees_the_department(people: People, world: World) -> None:
    bobs, foreign = world.bobs[0], world.charlies[0]
    looks(
        people("alice", "zh-hans"),
        world,
        sees=50,
        mine=(bobs.pk, bobs.name),
        hidden=(foreign.pk, foreign.name),
        phone="13800130030",
    )


def test_one_who_sees_all(people: People, world: World) -> None:
    one = world.charlies[-1]
    looks(people("root", "zh-hans"), world, sees=60, mine=(one.pk, one.name), hidden=None, phone="13800130059")


def test_one_who_sees_all_with_masked_phones(
    people: People, world: World, role: Callable[..., None], cast: Cast
) -> None:
    role(cast.dave_user, "all", masked=("phones",))
    page, one = people("dave", "zh-hans"), world.alices[0]
    looks(page, world, sees=60, mine=(one.pk, one.name), hidden=None, phone="138****0000")
    for address in (
        "/customers/?view=0&cols=name,phones",
        f"/customers/{one.pk}/",
        f"/customers/{one.pk}/peek/",
        f"/customers/{one.pk}/history/",
        f"/search/?q={one.name}",
        "/customers/board/",
    ):
        page.goto(address)
        text = page.content().replace(" ", "").replace("-", "")
        assert "13800130000" not in text, address
        assert "80013000" not in text, address
    page.goto("/search/?q=13800130000")
    expect(page.locator("main")).not_to_contain_text(one.name)


def test_one_without_rights_sees_nothing(people: People, world: World) -> None:
    page = people("dave", "zh-hans")
    page.goto("/")
    expect(page.get_by_role("navigation", name="主导航")).not_to_contain_text("客户")
    for address in ("/customers/", f"/customers/{world.alices[0].pk}/", "/customers/new/", "/customers/board/"):
        answer = page.goto(address)
        assert answer is not None
        assert answer.status in (403, 404), address
        assert "华诚" not in page.content()
