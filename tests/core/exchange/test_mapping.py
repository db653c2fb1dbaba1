"""A mapping outlives its file: kept as plain data, taken for the next file of the same columns."""

from __future__ import annotations

from guanxi.areas.customers.models import Customer
from guanxi.core.exchange import imports
from guanxi.core.exchange.mapping import FieldMap
from guanxi.core.models import CustomField
from guanxi.core.models.stamps import bump
from tests.core.exchange.bringing import CUSTOMER, bring
from tests.factories.cast import Cast


def test_custom_fields_and_saved_mappings(cast: Cast) -> None:
    CustomField.objects.create(
        entity=CUSTOMER, key="channel", kind="text", label_zh="渠道备注", label_en="Channel note"
    )
    bump("fields")
    run = bring(
        cast.root,
        "名称,渠道备注,怪列\n甲公司,线上,w\n",
        mapping={"columns": {"0": "name", "1": "custom.channel", "2": "description"}},
    )
    made = Customer.objects.get()
    assert (made.custom, made.description) == ({"channel": "线上"}, "w")
    later = imports.import_stage(
        cast.root, content="名称,渠道备注,怪列\n乙公司,线下,\n".encode(), name="y.csv", entity=CUSTOMER
    )
    assert later.mapping == run.mapping


def test_mapping_survives_json() -> None:
    mapping = FieldMap.from_json(
        {"columns": {"0": "name", "2": {"field": "phones", "label": "work", "keep": True}}, "defaults": {"level": "a"}}
    )
    assert FieldMap.from_json(mapping.as_json()) == mapping
