"""Pages stand still while they load: nothing moves under the hand once it is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import World
from tests.factories.billing import quote_of
from tests.factories.cast import Cast

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
#: As browsers count: the part of the window that moves, times how far; below 0.1 they call it good. What comes in two pieces
#: on a busy machine may move by less than this.
MOST = 0.03
NOTED = """
window.moved = [];
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) {
    if (one.hadRecentInput) continue;
    const what = one.sources.map(({ node, previousRect: a, currentRect: b }) =>
      `${node?.nodeName}.${node?.className} ${a.x},${a.y},${a.width},${a.height} → ${b.x},${b.y},${b.width},${b.height}`);
    window.moved.push([one.value, what.slice(0, 5).join(", ")]);
  }
}).observe({ type: "layout-shift", buffered: true });
"""


@pytest.mark.parametrize("phone", [False, True], ids=["wide", "phone"])
def test_pages_stand_still(people: Callable[..., Page], world: World, cast: Cast, make: Any, phone: bool) -> None:
    page, quote = people("alice", "zh-hans", phone=phone), quote_of(cast, make)
    page.add_init_script(NOTED)
    one = world.alices[0]
    for address in (
        "/",
        "/customers/",
        f"/customers/{one.pk}/",
        "/customers/new/",
        "/opportunities/new/",
        "/opportunities/board/",
        "/quotes/",
        f"/quotes/{quote.pk}/edit/",
    ):
        page.goto(address, wait_until="networkidle")
        if page.locator("select[data-picker]").count():
            expect(page.locator("select[data-picker]:not(.tomselected)")).to_have_count(0)
            page.wait_for_timeout(200)
        moved = page.evaluate("window.moved")
        assert sum(value for value, _what in moved) <= MOST, (address, moved)
