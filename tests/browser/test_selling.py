"""Selling by hand: a card carried by a finger; what is typed wrongly is refused at its field, in both languages, and stays."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from guanxi.areas.billing.models import Contract, Quote, Receipt
from guanxi.areas.sales.models import Opportunity, Stage
from guanxi.core import records
from guanxi.core.kernel import clock
from tests.factories.cast import Cast

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def stages(make: Any, *names: str) -> list[Stage]:
    """Stages of one pipeline, in order."""
    first = make("sales.stage", name=names[0], position=1)
    rest = [
        make("sales.stage", name=name, position=place, pipeline=first.pipeline_id)
        for place, name in enumerate(names[1:], start=2)
    ]
    return [first, *rest]


def finger(page: Page, *points: tuple[float, float]) -> None:
    """Put a finger down, hold it until the card is lifted, carry it along the points, take it off."""
    cdp = page.context.new_cdp_session(page)

    def touch(sort: str, *at: tuple[float, float]) -> None:
        cdp.send("Input.dispatchTouchEvent", {"type": sort, "touchPoints": [{"x": x, "y": y} for x, y in at]})

    touch("touchStart", points[0])
    expect(page.locator(".sortable-chosen").first).to_be_attached()
    for before, after in zip(points, points[1:], strict=False):
        for part in range(1, 9):
            touch("touchMove", tuple(one + (other - one) * part / 8 for one, other in zip(before, after, strict=True)))  # type: ignore[arg-type]
    touch("touchEnd")
    cdp.detach()


def test_a_card_is_carried_by_a_finger(people: Any, make: Any) -> None:
    first, second, _third = stages(make, "初步接洽", "方案报价", "合同谈判")
    deal = make("sales.opportunity", name="手指拖动的商机", stage=first.pk, pipeline=first.pipeline_id)
    page = people("alice", "zh-hans", phone=True)
    page.goto("/opportunities/board/?view=0")
    page.wait_for_function("window.Sortable !== undefined")
    page.wait_for_load_state("networkidle")
    card = page.locator(".gx-card", has_text="手指拖动的商机")
    card.scroll_into_view_if_needed()
    lane = page.locator(f".gx-lane[data-key='{second.pk}'] .gx-lane-cards")
    start = card.bounding_box()
    assert start is not None
    grip = (start["x"] + start["width"] / 2, start["y"] + start["height"] - 6)
    finger(page, grip, (grip[0] - 60, grip[1]), (grip[0] + 30, grip[1] + 5))  # a move within its own column changes nothing
    assert Opportunity.objects.get(pk=deal.pk).stage_id == first.pk
    end = lane.bounding_box()
    assert end is not None
    finger(page, grip, (min(end["x"] + 40, 380), end["y"] + 30))
    expect(page.locator("#toasts")).to_contain_text("方案报价")
    expect(lane.locator(".gx-card", has_text="手指拖动的商机")).to_be_attached()
    assert Opportunity.objects.get(pk=deal.pk).stage_id == second.pk
