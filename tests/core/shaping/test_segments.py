"""Segments: told by a condition, asked for by name in filters, seen through rights, followed by rules as records come and go."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from guanxi.core import records
from guanxi.core.automation.rules import hearing, running
from guanxi.core.automation.rules.store import RuleDraft, rule_save, rule_switch
from guanxi.core.exchange import settingsfile
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Conflict, Denied, Invalid, RuleBroken
from guanxi.core.models import AutomationRule, RoleField, RuleRun, Segment, SegmentMember
from guanxi.core.models.stamps import bump
from guanxi.core.records import steady
from guanxi.core.schema.registry import entity_of
from guanxi.core.shaping import uses as fields_uses
from guanxi.core.shaping.segments import SegmentDraft, segment_delete, segment_save, uses_of
from tests.core.automation.ruling import settle
from tests.fakes.models import Gadget
from tests.signing import browser

pytestmark = pytest.mark.django_db
DEAR = {"field": "price", "op": "gte", "value": 100}


def segment(cast: Any, condition: Any = DEAR, **values: Any) -> Segment:
    given = {"name_zh": "贵的", "name_en": "Dear ones", "key": "dear", "entity": "fakes.gadget"}
    return segment_save(cast.root, None, SegmentDraft(**{**given, "condition": condition, **values}))


def named(*keys: str, op: str = "has_any", path: str = "@segment") -> dict[str, Any]:
    return {"field": path, "op": op, "value": list(keys)}


def names(actor: Any, tree: Any, entity: str = "fakes.gadget") -> list[str]:
    return sorted(row.name for row in records.queryset(actor, entity, filter=tree))


@pytest.fixture
def gadgets(make: Any, cast: Any) -> list[Gadget]:
    return [
        make("fakes.gadget", owner=owner, name=name, price=price)
        for owner, name, price in (
            (cast.alice_user, "泵", "50"), (cast.alice_user, "阀", "500"), (cast.charlie_user, "轴", "900")
        )
    ]  # fmt: skip


def test_a_filter_asks_for_a_segment_by_its_name(cast: Any, gadgets: list[Gadget]) -> None:
    segment(cast)
    segment(cast, {"field": "price", "op": "gte", "value": 800}, name_zh="极贵", key="dearest", name_en="")
    assert names(cast.root, named("dear")) == ["轴", "阀"]
    assert names(cast.root, named("dear", "dearest", op="has_all")) == ["轴"]
    assert names(cast.root, named("dearest", op="has_none")) == ["泵", "阀"]
    assert names(cast.root, {"field": "@segment", "op": "empty"}) == ["泵"]
    assert names(cast.root, {"field": "@segment", "op": "not_empty"}) == ["轴", "阀"]
    assert names(cast.alice, named("dear")) == ["阀"], "only those one may see"
    with pytest.raises(Invalid, match="nothing"):
        names(cast.root, named("nothing"))
    with pytest.raises(Invalid):
        names(cast.root, named())


def test_from_afar_and_within_one_another(cast: Any, gadgets: list[Gadget], make: Any) -> None:
    segment(cast)
    made = [make("fakes.part", gadget=one, owner=cast.alice_user) for one in gadgets[:2]]
    found = records.queryset(cast.root, "fakes.part", filter=named("dear", path="gadget.@segment"))
    assert list(found) == [made[1]]
    segment(cast, {"all": [named("dear"), {"field": "price", "op": "lt", "value": 800}]}, key="middle", name_zh="中等")
    assert names(cast.root, named("middle")) == ["阀"]
    row = Segment.objects.get(key="dear")
    with pytest.raises(Invalid) as error:
        segment_save(cast.root, row, SegmentDraft(name_zh="贵的", entity="fakes.gadget", condition=named("middle")))
    assert error.value.code == "segment.circle"
    Segment.objects.filter(key="dear").update(condition=named("middle"))
    bump("dictionaries")
    with pytest.raises(Invalid, match="自己"):
        names(cast.root, named("middle"))


def test_what_a_segment_stands_on_is_not_told_to_whom_it_is_hidden(cast: Any, gadgets: list[Gadget]) -> None:
    segment(cast)
    RoleField.objects.create(role=cast.role, entity="fakes.gadget", field="price", level="hidden")
    bump("rights")
    with pytest.raises(Invalid) as refused:
        names(cast.actor(cast.alice_user), named("dear"))
    assert refused.value.code == "segment.hidden"
    assert "price" not in str(refused.value)
    with pytest.raises(Denied):
        segment_save(cast.alice, None, SegmentDraft(name_zh="我的", entity="fakes.gadget", condition=DEAR))
    assert not Segment.objects.filter(name_zh="我的").exists()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name_zh": " "}, "name_zh"),
        ({"entity": "no.such"}, "entity"),
        ({"condition": {}}, "condition"),
        ({"condition": {"field": "nothing", "op": "eq", "value": 1}}, "condition"),
    ],
)
def test_mistakes_are_named_at_their_place(cast: Any, values: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as error:
        segment(cast, **values)
    assert error.value.field == field
    assert not Segment.objects.exists()


def test_two_editors_and_one_that_is_used(cast: Any) -> None:
    row = segment(cast)
    draft = SegmentDraft(name_zh="很贵", entity="fakes.gadget", condition=DEAR)
    segment_save(cast.root, row, draft, version=row.version)
    with pytest.raises(Conflict):
        segment_save(cast.root, row, draft, version=row.version)
    segment(cast, named("dear"), key="again", name_zh="又")
    assert [one.name for one in uses_of("dear")] == ["又"]
    with pytest.raises(RuleBroken, match="又"):
        segment_delete(cast.root, row)
    segment_delete(cast.root, Segment.objects.get(key="again"))
    segment_delete(cast.root, row)
    assert not Segment.objects.exists()


def test_a_field_a_segment_asks_about_is_told_as_used(cast: Any) -> None:
    segment(cast)
    assert [one.name for one in fields_uses.uses_of("fakes.gadget", "price")] == ["贵的"]
    assert fields_uses.uses_of("fakes.gadget", "color") == []


def test_only_filters_know_segments(cast: Any, gadgets: list[Gadget]) -> None:
    segment(cast, {"field": "created_at", "op": "within", "value": "today"}, key="fresh")
    entity = entity_of("fakes.gadget")
    for op in ("empty", "not_empty"):
        assert steady.key_of(cast.root, entity, {"field": "@segment", "op": op}) is None, "tomorrow it means others"
    page = browser(cast.root_user)
    assert page.get("/gadgets/", {"cols": "name,@segment"}).status_code == 200
    assert page.get("/gadgets/", {"f": '{"field": "@segment", "op": "empty"}'}).status_code == 200
    new = "/settings/segments/new/"
    for nonsense in ('{"any": [[]]}', '{"all": 5}', "5", "{"):
        assert page.get(new, {"entity": "gadgets", "f": nonsense}).status_code == 200
    handed = page.get(new, {"entity": "gadgets", "f": '{"field": "price", "op": "gte", "value": "77"}'})
    assert 'value="77"' in handed.content.decode()


# -- rules that wait for who comes and goes --------------------------------------------------------------------------


def rule(cast: Any, on: str, text: str, key: str = "dear") -> Any:
    return rule_save(
        cast.root, None,
        RuleDraft(
            name_zh=f"规则 {on}", entity="fakes.gadget", trigger={"on": on, "segment": key}, active=True,
            steps=({"do": "set", "values": {"note": text}},),
        ),
    )  # fmt: skip


def notes(gadgets: list[Gadget]) -> list[str]:
    return [Gadget.objects.get(pk=one.pk).note for one in gadgets]


def test_a_rule_follows_who_comes_in_and_who_leaves(cast: Any, gadgets: list[Gadget]) -> None:
    segment(cast)
    with pytest.raises(Invalid):
        rule_save(
            cast.root, None,
            RuleDraft(name_zh="错", entity="fakes.gadget", trigger={"on": "enters", "segment": "no"}, steps=({"do": "stop"},)),
        )  # fmt: skip
    rule(cast, "enters", "进来")
    rule(cast, "leaves", "离开")
    now = clock.now()
    settle()
    assert hearing.look(now) == 0, "who is in at the start does not come in"
    assert set(SegmentMember.objects.values_list("record_id", flat=True)) == {gadgets[1].pk, gadgets[2].pk}
    settle()
    assert notes(gadgets) == ["", "", ""]
    records.update(cast.alice, Gadget.objects.get(pk=gadgets[0].pk), {"price": "150"})
    settle()
    assert notes(gadgets) == ["进来", "", ""], "a write is seen at once"
    Gadget.objects.filter(pk=gadgets[1].pk).update(price=1)
    assert hearing.look(now + dt.timedelta(minutes=1)) == 0, "not yet looked at again"
    assert hearing.look(now + dt.timedelta(minutes=11)) == 1
    settle()
    assert notes(gadgets) == ["进来", "离开", ""]
    assert hearing.look(now + dt.timedelta(minutes=22)) == 0, "nothing happens twice"
    assert RuleRun.objects.filter(state="done").count() == 2


def test_a_rule_put_into_use_later_begins_with_who_is_in_then(cast: Any, gadgets: list[Gadget]) -> None:
    segment(cast)
    waiting = rule(cast, "enters", "进来")
    now = clock.now()
    hearing.look(now)
    rule_switch(cast.root, waiting, active=False)
    hearing.look(now + dt.timedelta(minutes=1))
    assert not SegmentMember.objects.exists()
    Gadget.objects.filter(pk=gadgets[0].pk).update(price=300)
    rule_switch(cast.root, waiting, active=True)
    assert hearing.look(now + dt.timedelta(minutes=30)) == 0
    assert notes(gadgets) == ["", "", ""]


def test_more_than_a_rules_hour_holds_waits_for_the_next(cast: Any, gadgets: list[Gadget], make: Any) -> None:
    """Five come in at once where two runs an hour are allowed: all five are served, two in each hour."""
    segment(cast)
    waiting = rule(cast, "enters", "进来")
    AutomationRule.objects.filter(pk=waiting.pk).update(per_hour=2)
    bump(hearing.STAMP)
    now = clock.now()
    hearing.look(now)
    more = [make("fakes.gadget", by=cast.alice_user, price=500) for _one in range(5)]
    assert hearing.look(now + dt.timedelta(minutes=11)) == 5
    settle()
    seen = [notes(more).count("进来")]
    assert RuleRun.objects.filter(state="waiting").count() == 3
    for hours in (1, 2, 3):
        with clock.moved_to(now + dt.timedelta(hours=hours, minutes=15 + hours)):
            running.resume_due(clock.now())
            settle()
        seen.append(notes(more).count("进来"))
    assert seen == [2, 4, 5, 5]
    assert not RuleRun.objects.exclude(state="done").exists()


def test_nobody_in_particular_asks_for_a_segment_of_mine(cast: Any, gadgets: list[Gadget]) -> None:
    mine = {"field": "owner", "op": "in", "value": ["@me"]}
    segment(cast, mine, key="mine")
    outer = segment(cast, named("mine"), key="outer")
    assert names(cast.alice, named("outer")) == names(cast.alice, mine)
    for key in ("mine", "outer"):
        with pytest.raises(Invalid) as error:
            rule(cast, "enters", "进来", key)
        assert error.value.code == "rule.trigger"
    draft = {"name_zh": "规则", "entity": "fakes.gadget", "trigger": {"on": "created"}, "steps": ({"do": "stop"},)}
    for condition in (named("outer"), mine):
        with pytest.raises(Invalid) as error:
            rule_save(cast.root, None, RuleDraft(**{**draft, "condition": condition}))
        assert error.value.code == "condition.personal"
    # A segment that a rule asks for already does not become personal, nor one it stands on.
    inner = segment(cast, DEAR, key="inner")
    outer.refresh_from_db()
    segment_save(cast.root, outer, SegmentDraft(name_zh="外", entity="fakes.gadget", condition=named("inner")))
    rule(cast, "enters", "进来", "outer")
    for row in (inner, outer):
        with pytest.raises(Invalid) as error:
            segment_save(cast.root, row, SegmentDraft(name_zh="变", entity="fakes.gadget", condition=mine))
        assert error.value.code == "segment.personal"


@pytest.mark.parametrize("by_file", [False, True])
def test_a_changed_condition_brings_nobody_in(cast: Any, gadgets: list[Gadget], by_file: bool) -> None:
    row, outer = segment(cast), segment(cast, named("dear"), key="outer")
    rule(cast, "enters", "进来")
    rule(cast, "enters", "也进来", outer.key)
    now = clock.now()
    hearing.look(now)
    row.refresh_from_db()
    wider = SegmentDraft(name_zh="贵的", name_en="Dear", entity="fakes.gadget", condition={**DEAR, "value": "1"})
    if by_file:
        found = json.loads(settingsfile.export(cast.root))
        next(one for one in found["segments"] if one["key"] == "dear")["condition"] = wider.condition
        settingsfile.apply(cast.root, json.dumps(found))
    else:
        segment_save(cast.root, row, wider, version=row.version)
    assert hearing.look(now + dt.timedelta(minutes=11)) == 0
    settle()
    assert notes(gadgets) == ["", "", ""]
    assert SegmentMember.objects.filter(segment=row).count() == 3


# -- pages -----------------------------------------------------------------------------------------------------------


def test_the_page_counts_saves_and_names_the_mistake(cast: Any, gadgets: list[Gadget]) -> None:
    page = browser(cast.root_user)
    sent = {
        "name_zh": "贵的", "name_en": "Dear", "entity": "fakes.gadget", "match.0": "all", "c.0.group": "0",
        "c.0.field": "price", "c.0.op": "gte", "c.0.value": "100", "position": "0",
    }  # fmt: skip
    counted = page.post("/settings/segments/new/", {**sent, "do": "count"}).content.decode()
    assert "2 belong to it now" in counted
    assert not Segment.objects.exists()
    assert page.post("/settings/segments/new/", {**sent, "name_zh": "", "do": "save"}).status_code == 422
    assert page.post("/settings/segments/new/", {**sent, "do": "save"}).status_code == 303
    row = Segment.objects.get()
    assert (row.key, row.condition) == ("dear", {"field": "price", "op": "gte", "value": "100"})
    begun = page.get("/settings/segments/new/").content.decode()
    assert 'value="customers.customer" selected' in begun, "what a segment is about at first"
    listed = page.get("/settings/segments/").content.decode()
    assert "/settings/segments/dear/" in listed
    assert browser(cast.alice_user).get("/settings/segments/").status_code == 404
    assert browser(cast.alice_user).post("/settings/segments/dear/", {"do": "delete"}).status_code == 404
    assert Segment.objects.exists()
