"""From what purchases say to a plan of visits; and from a report on a score to the very customers it counted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from guanxi.areas.activities.models import FollowUpPlan
from guanxi.areas.insight import services
from guanxi.areas.insight.models import DONE, CustomerValue
from guanxi.areas.sales.models import Opportunity
from guanxi.core.kernel import clock
from tests.areas.insight.test_insight import purchases
from tests.browser.conftest import World
from tests.browsing import violations
from tests.factories.cast import Cast

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
People = Callable[..., Page]


@pytest.fixture
def computed(world: World, cast: Cast, make: Any) -> None:
    """Two years of deals won with the customers of the small world, and what follows from them."""
    stage = make("sales.stage")
    rows = purchases([one.pk for one in (*world.alices, *world.bobs)], clock.today(cast.root.timezone))
    Opportunity.objects.bulk_create(
        Opportunity(
            name="d", customer_id=key, pipeline=stage.pipeline, stage=stage, category="won", value=Decimal(str(value)),
            closed_at=dt.datetime.combine(day, dt.time(4), dt.UTC),
        )
        for key, day, value in rows
    )  # fmt: skip
    calculation = services.calculation_ask(cast.root)
    services.calculation_run(calculation)
    assert calculation.state == DONE


def test_from_scores_to_visits_and_from_a_report_to_its_customers(
    people: People, computed: None, world: World, cast: Cast
) -> None:
    page = people("root", "zh-hans")
    page.goto("/insight/leaving/")
    expect(page.locator("svg.gx-chart")).to_be_visible()
    page.locator("input[name=alarm]").fill("45")
    expect(page.locator("#insight-effect strong")).to_be_visible()
    assert violations(page) == []
    page.goto("/insight/rfm/")
    mark = page.locator("svg.gx-chart a").first
    told = int((mark.locator("title").text_content() or "").rpartition(": ")[2])
    mark.click()
    expect(page.locator("#list-view tbody tr[data-id]")).to_have_count(told)

    page.goto("/insight/declining/")
    boxes = page.locator("input[name=customer]")
    boxes.nth(0).check()
    boxes.nth(1).check()
    page.get_by_role("button", name="安排跟进").click()
    expect(page.locator(".gx-toast, .toast").first).to_contain_text("已安排 2 个跟进")
    assert FollowUpPlan.objects.filter(subject="拜访：购买减少").count() == 2
    assert violations(page) == []

    page.goto("/reports/new/?dataset=customers")
    page.wait_for_load_state("load")
    page.locator("#b-r0-field").select_option("insight.value_class")
    expect(page.locator("#report-preview thead")).to_contain_text("价值等级")
    row = page.locator("#report-preview tbody tr").filter(has_text="A").first
    counted = row.locator("a").last
    number = int((counted.text_content() or "").strip())
    assert number == CustomerValue.objects.filter(value_class="A").count()
    counted.click()
    expect(page.locator("#list-view tbody tr[data-id]")).to_have_count(number)

    phone = people("alice", "en", phone=True, dark=True)
    phone.goto("/insight/winback/")
    expect(phone.get_by_role("heading", level=1)).to_contain_text("Win back")
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
    assert violations(phone) == []
