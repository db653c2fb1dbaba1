"""A field in use is shown where it is used, and not removed; a record in approval is neither merged nor put back."""

from __future__ import annotations

from typing import Any

import pytest

from guanxi.core import records
from guanxi.core.automation import approvals, uses
from guanxi.core.automation.approvals.flows import FlowDraft, flow_save
from guanxi.core.kernel.errors import RuleBroken
from guanxi.core.models import (
    AutomationRule,
    CustomField,
    MessageTemplate,
    Operation,
    PortalView,
    PublicPage,
    RetentionRule,
    Workflow,
)
from guanxi.core.records.merge import merge
from guanxi.core.schema.registry import entity_of
from guanxi.core.shaping import fields
from guanxi.core.shaping.uses import uses_of
from tests.fakes.models import Gadget

BOB = {"kind": "people", "users": ["bob"]}


def flow(cast: Any, **values: Any) -> None:
    given = {"name_zh": "改价", "name_en": "Price", "entity": "fakes.gadget", "action": "change", "fields": ["price"]}
    flow_save(cast.root, None, FlowDraft(**{**given, "steps": [{"name_zh": "审", "who": [BOB]}], **values}))


def test_a_field_in_use_says_where_and_stays(cast: Any) -> None:
    fields.field_save(cast.root, "fakes.gadget", "grade", {"kind": "text", "label_zh": "等级"}, new=True)
    flow(cast, fields=["custom.grade"])
    about = {"name_zh": "规则", "entity": "fakes.gadget"}
    AutomationRule.objects.create(key="r", trigger={"on": "created"}, formula="custom.grade == 'A'", steps=[], **about)
    AutomationRule.objects.create(
        key="s", trigger={"on": "created"}, steps=[{"do": "set", "values": {"custom.grade2": 1}}], **about
    )
    MessageTemplate.objects.create(key="m", name_zh="问候", entity="fakes.gadget", body_zh="{{ custom.grade }} 您好")
    PortalView.objects.create(entity="fakes.gadget", subject="customers.customer", fields=["name", "custom.grade"])
    PublicPage.objects.create(
        key="p", kind="lookup", name_zh="查询", entity="fakes.gadget", definition={"shown": ["custom.grade"]}
    )
    RetentionRule.objects.create(
        key="k",
        name_zh="旧的",
        entity="fakes.gadget",
        condition={"field": "custom.grade", "op": "empty"},
        action="delete",
    )
    Workflow.objects.create(key="w", name_zh="流程", entity="fakes.gadget", xml='<x gx:fields="custom.grade name"/>')
    found = uses_of("fakes.gadget", "custom.grade")
    assert [(one.name, one.url) for one in found] == [
        ("改价", "/settings/approvals/price/"),
        ("规则", "/settings/rules/r/"),
        ("问候", "/settings/templates/m/"),
        ("流程", "/settings/workflows/w/"),
        ("查询", f"/settings/outside/pages/{PublicPage.objects.get().pk}/"),
        (str(entity_of("fakes.gadget").plural), f"/settings/outside/views/{PortalView.objects.get().pk}/"),
        ("旧的", "/settings/privacy/retention/k/"),
    ]
    with pytest.raises(RuleBroken) as caught:
        fields.field_delete(cast.root, "fakes.gadget", "grade")
    assert caught.value.code == "field.used"
    assert CustomField.objects.filter(key="grade").exists()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("{{ price }}", True),
        ("prices > 1", False),
        ({"customer.price": 1}, True),
        (["unit_price"], False),
        ("old.price != price", True),
        ("2024-price.", True),
    ],
)
def test_names_are_whole_words(given: Any, named: bool) -> None:
    assert uses.names(given, "price") is named


def test_what_is_in_approval_is_neither_merged_nor_put_back(cast: Any, make: Any) -> None:
    flow(cast)
    one = make("fakes.gadget", owner=cast.alice_user, name="泵", price="10")
    other = make("fakes.gadget", owner=cast.alice_user, name="泵二")
    changed = records.update(cast.alice, one, {"name": "水泵"})
    approvals.submit(cast.alice, "fakes.gadget", one.pk, "change", {"price": "2000"}, "")
    with pytest.raises(RuleBroken) as caught:
        merge(cast.root, "fakes.gadget", other.pk, [one.pk])
    assert caught.value.code == "approval.locked"
    assert Gadget.objects.filter(pk=one.pk).exists()
    found = records.undo(cast.alice, changed.operation_id)
    assert (found.undone, len(found.skipped)) == (0, 1)
    assert Gadget.objects.get(pk=one.pk).name == "水泵"
    assert Operation.objects.filter(undoes_id=changed.operation_id).exists()
