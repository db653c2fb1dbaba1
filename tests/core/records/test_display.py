"""Values as people read them."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone, translation

from guanxi.areas.customers.models import Customer, CustomerLink
from guanxi.core.records import display
from guanxi.core.records.shape import fields_of
from guanxi.core.schema.registry import entity_of

pytestmark = pytest.mark.usefixtures("base_data")


@pytest.mark.parametrize(("language", "name"), [("zh-hans", "供应商"), ("en", "Supplier")])
def test_a_record_named_by_a_choice_bears_the_choices_name(language: str, name: str) -> None:
    with translation.override(language):
        assert display.title_of(entity_of(CustomerLink), CustomerLink(pk=7, relation="supplier")) == name


def test_a_record_without_a_name_bears_its_number() -> None:
    assert display.title_of(entity_of(Customer), Customer(pk=7, name="")) == "#7"


def test_moments_of_the_audit_are_read_in_ones_own_zone() -> None:
    field = fields_of("customers.customer")["last_contact_at"]
    with timezone.override(ZoneInfo("Asia/Shanghai")):
        assert display.shown(field, "2026-11-05T02:46:00+00:00") == "2026-11-05 10:46"
        assert display.shown(field, "•••") == "•••"


def test_a_deleted_record_says_when_in_both_languages() -> None:
    label = fields_of("customers.customer")["deleted_at"].label
    with translation.override("zh-hans"):
        assert str(label) == "删除时间"
    with translation.override("en"):
        assert str(label) == "deleted"


def test_dates_are_left_alone() -> None:
    assert display.shown(fields_of("customers.customer")["birthday"], dt.date(1990, 5, 1)) == "1990-05-01"
