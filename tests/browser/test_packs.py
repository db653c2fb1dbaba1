"""The main story of an industry pack, in Chinese, as people of that trade go through it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from guanxi.core.exchange import packs
from guanxi.core.models import CustomObject, Role
from guanxi.core.models.stamps import bump
from guanxi.core.records import objects
from guanxi.core.schema.registry import entity_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    CustomObject.objects.all().delete()
    objects.sync()


@pytest.fixture
def trade(cast: Any) -> Callable[..., None]:
    """``trade("insurance", "insurance_agent")``: the pack without samples, Alice in its role."""

    def trade(key: str, *roles: str) -> None:
        packs.apply(cast.root, key, with_samples=False)
        cast.alice_user.roles.add(*Role.objects.filter(key__in=roles))
        bump("rights")

    return trade


def of(key: str) -> Any:
    return entity_of(key).model._default_manager


def test_exhibition_from_the_invitation_to_the_rebooking(trade: Any, people: Any, make: Any, cast: Any) -> None:
    trade("exhibition", "show_sales", "show_manager")
    customer = make("customers.customer", owner=cast.alice_user.pk, name="佛山恒达家具有限公司")
    show = of("custom.show").create(name="智能家居展", owner=cast.alice_user)
    edition = of("custom.show_edition").create(name="第 6 届智能家居展", parent=show, owner=cast.alice_user)
    made = of("custom.participation").create(
        name="CZ1", parent=customer, owner=cast.alice_user, carrier_owner=cast.alice_user,
        custom={"edition": edition.pk, "role": "exhibitor", "state": "invited", "fee": "36000.00"},
    )  # fmt: skip
    page = people("alice", "zh-hans")
    page.goto(f"/participations/{made.pk}/")
    for step in ("已报名", "已签约", "已付款", "已参加"):
        page.locator(".gx-stages").get_by_role("button", name=step).click()
        expect(page.locator(".gx-stages [aria-current=step]")).to_contain_text(step)
    expect(page.locator(".gx-passed li")).to_have_count(4)
    page.goto(f"/participations/{made.pk}/edit/")
    page.locator("input[name='custom.satisfaction']").fill("9")
    page.locator("input[type=checkbox][name='custom.rebooked']").check()
    page.get_by_role("button", name="保存", exact=True).first.click()
    page.wait_for_url(re.compile(rf"/participations/{made.pk}/$"))
    made.refresh_from_db()
    assert (made.custom["satisfaction"], made.custom["rebooked"]) == (9, True)
    page.goto("/reports/show-rebooking/")
    expect(page.locator("main")).to_contain_text("100")
