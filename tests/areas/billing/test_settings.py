"""Settings of the area as one file: told, compared, brought to another state and back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from guanxi.areas.billing.models import CommissionPlan, DiscountLimit, PrintTemplate
from guanxi.areas.catalog.models import PriceBook
from guanxi.core import records
from guanxi.core.exchange import settingsfile
from guanxi.core.models import Role
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db


def test_price_books_limits_templates_and_plans_travel(cast: Cast, make: Any) -> None:
    member = Role.objects.get(key="member")
    make("billing.discountlimit", role=member.pk, percent=10)
    make("catalog.pricebook", name="大客户价", discount=8)
    make("catalog.pricebook", name="只给一家", customer=make("customers.customer").pk)
    make("billing.printtemplate", name="英文报价")
    rules = [{"from_achievement": 0, "rate": "1.5"}, {"from_achievement": 100, "rate": 2}]
    records.create(cast.root, "billing.commissionplan", {"name": "回款提成", "base": "received", "rules": rules})
    told = json.loads(settingsfile.export(cast.root))
    assert [(one["role"], one["percent"]) for one in told["discount_limits"]] == [("member", "10")]
    assert [one["name"] for one in told["price_books"]] == ["大客户价"]
    assert [one["rate"] for one in told["commission_plans"][0]["rates"]] == ["1.5", "2"]
    assert [one["name"] for one in told["print_templates"]] == ["英文报价"]
    told["discount_limits"][0]["percent"] = "12.5"
    told["price_books"][0]["discount"] = "9"
    told["commission_plans"][0]["rates"].pop()
    told["print_templates"] = []
    settingsfile.apply(cast.root, json.dumps(told))
    assert str(DiscountLimit.objects.get().percent) == "12.50"
    assert [(one.name, one.discount) for one in PriceBook.objects.order_by("pk")] == [
        ("大客户价", 9),
        ("只给一家", None),
    ]
    assert CommissionPlan.objects.get().rules.filter(deleted_at__isnull=True).count() == 1
    assert not PrintTemplate.objects.exists()
    assert settingsfile.diff(cast.root, json.dumps(told)) == []
