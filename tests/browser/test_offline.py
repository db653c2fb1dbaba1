"""Without a server: the shell opens, what is written waits in the browser, arrives once, and what is refused stays."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from guanxi.areas.activities.models import Activity
from guanxi.core import records
from tests.browser.conftest import World
from tests.factories.cast import Cast

People = Callable[..., Page]
READY = "async () => navigator.serviceWorker.controller && !!(await caches.match('/offline/'))"


def prepared(page: Page) -> None:
    """The worker answers and the page for the time without a server is kept (a waiting function is not awaited)."""
    for _turn in range(100):
        if page.evaluate(READY):
            return
        page.wait_for_timeout(100)
    raise AssertionError("nothing was kept for the time without a server")


def note(page: Page, words: str) -> None:
    page.keyboard.press("f")
    box = page.locator("#dialog textarea[name=body]")
    expect(box).to_be_visible()
    box.fill(words)
    page.locator("#dialog button[type=submit]").click()
    expect(page.locator("#toasts")).to_contain_text("恢复连接后自动发送")


def test_a_follow_up_written_offline_arrives_once_and_a_refused_one_stays(
    people: People, world: World, cast: Cast
) -> None:
    kept, gone = world.alices[0], world.alices[1]
    page = people("alice", "zh-hans")
    page.goto(f"/customers/{gone.pk}/")
    prepared(page)
    page.context.set_offline(True)
    note(page, "客户改用别家")
    expect(page.locator("#outbox-mark")).to_have_attribute("aria-label", "1 条待发送")
    page.context.set_offline(False)
    expect(page.locator("#outbox-mark")).to_be_hidden()
    assert Activity.objects.filter(body="客户改用别家", customer=gone).count() == 1

    page.goto(f"/customers/{kept.pk}/")
    page.context.set_offline(True)
    note(page, "地下车库里写的")
    page.goto("/customers/", wait_until="commit")
    expect(page.locator("h1")).to_have_text("离线记录")
    expect(page.locator("[data-outbox] li")).to_contain_text("地下车库里写的")
    page.locator("[data-offline-open=follow-up]").click()
    page.locator("select[name=_subject]").select_option(f"customers.customer/{gone.pk}", force=True)
    page.locator("[data-offline-here] textarea[name=body]").fill("此客户随后被删")
    page.locator("[data-offline-here] button[type=submit]").click()
    expect(page.locator("[data-outbox] li")).to_have_count(2)
    records.delete(cast.root, gone)
    page.context.set_offline(False)
    expect(page.locator("[data-outbox] li")).to_have_count(1)
    expect(page.locator("[data-outbox] li")).to_contain_text("所关联的记录已不存在")
    arrived = Activity.objects.get(body="地下车库里写的")
    assert (arrived.customer_id, arrived.owner_id) == (kept.pk, cast.alice_user.pk)
    assert not Activity.objects.filter(body="此客户随后被删").exists()
    page.on("dialog", lambda asked: asked.accept())
    page.locator("[data-outbox] [data-drop]").click()
    expect(page.locator("[data-outbox-empty]")).to_be_visible()
