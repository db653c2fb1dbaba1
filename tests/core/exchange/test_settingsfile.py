"""The settings as one file: the round trip byte for byte, twice is nothing, all or nothing, versions, bad files."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from guanxi.core import records
from guanxi.core.automation.approvals.flows import FlowDraft, flow_save
from guanxi.core.automation.rules.store import RuleDraft, rule_save
from guanxi.core.exchange import settingsfile
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid, RuleBroken
from guanxi.core.models import (
    ApprovalFlow,
    AutomationRule,
    CustomField,
    Department,
    Dictionary,
    DictionaryValue,
    MessageTemplate,
    Numbering,
    Role,
    RoleRight,
    Segment,
    SettingsVersion,
    WorkCalendar,
)
from guanxi.core.records import shape, worktime_edit
from guanxi.core.records.settings_registry import settings_models
from guanxi.core.records.worktime_edit import CalendarDraft
from guanxi.core.shaping.segments import SegmentDraft, segment_save
from tests.core.web.conftest import browse  # noqa: F401 - a fixture

WEEK = [[["09:00", "18:00"]]] * 5 + [[], []]


def furnish(cast: Any) -> None:
    """A workspace somebody has worked on."""
    CustomField.objects.create(
        entity="fakes.gadget", key="grade", kind="text", label_zh="等级", label_en="Grade", position=3
    )
    Numbering.objects.create(entity="fakes.gadget", field="number", format="G{seq:5}")
    made = Dictionary.objects.create(key="grades", name_zh="等级", name_en="Grades")
    DictionaryValue.objects.create(dictionary=made, key="a", name_zh="甲", position=1)
    worktime_edit.calendar_save(
        cast.root, None, CalendarDraft(name_zh="客服", name_en="Support", pattern=WEEK, based_on="standard")
    )
    steps = [{"name_zh": "初审", "who": [{"kind": "superior", "level": 1}]}]
    flow_save(
        cast.root, None, FlowDraft(name_zh="改价", name_en="Price", entity="fakes.gadget", action="change", steps=steps)
    )
    rule = {"name_zh": "规则", "name_en": "Rule", "entity": "fakes.gadget", "trigger": {"on": "created"}}
    rule_save(cast.root, None, RuleDraft(**rule, steps=({"do": "stop"},), active=True))
    MessageTemplate.objects.create(key="hello", name_zh="问候", entity="fakes.gadget", body_zh="{{ name }}\n您好")
    RoleRight.objects.filter(role__key="reader", action="export").delete()


def strip() -> None:
    """As an empty workspace: only what every new one starts with, and less."""
    for model in (ApprovalFlow, AutomationRule, MessageTemplate, CustomField):
        model.objects.all().delete()
    Numbering.objects.filter(entity="fakes.gadget").delete()
    Dictionary.objects.filter(key="grades").delete()
    WorkCalendar.objects.filter(key="support").delete()
    WorkCalendar.objects.get(key="standard").days.filter(day__year=2026).delete()
    role = Role.objects.get(key="reader")
    RoleRight.objects.create(role=role, entity="fakes.gadget", action="delete", scope="all")
    Dictionary.objects.create(key="only-here", name_zh="多余", name_en="Spare")


def test_the_round_trip_is_byte_for_byte(cast: Any) -> None:
    furnish(cast)
    first = settingsfile.export(cast.root)
    strip()
    assert settingsfile.export(cast.root) != first
    changed = settingsfile.apply(cast.root, first)
    assert {one.sort for one in changed} == {"add", "remove"}
    assert settingsfile.export(cast.root) == first
    assert settingsfile.apply(cast.root, first) == []
    assert settingsfile.diff(cast.root, first) == []
    assert not RoleRight.objects.filter(role__key="reader", action="delete").exists()
    assert "custom.grade" in shape.fields_of("fakes.gadget"), "what is cached is read anew"
    assert AutomationRule.objects.get(key="rule").steps == [{"do": "stop"}]


def test_every_table_is_in_the_file_and_names_no_person(cast: Any) -> None:
    furnish(cast)
    found = json.loads(settingsfile.export(cast.root))
    assert set(found) == {"guanxi", *(one.key for one in settings_models())}
    assert "林爱丽" not in json.dumps(found, ensure_ascii=False)
    assert [row["key"] for row in found["calendars"]] == ["always", "standard", "support"]
    assert len(next(row for row in found["calendars"] if row["key"] == "standard")["days"]) > 100


def test_departments_travel_by_their_codes_and_those_of_the_other_workspace_stay(cast: Any) -> None:
    head = records.create(cast.root, "core.department", {"code": "A-HQ", "name": "总部"})
    south = records.create(cast.root, "core.department", {"code": "A-SOUTH", "name": "华南", "parent": head.pk})
    regional = Role.objects.create(key="regional", name="区域")
    right = {"role": regional, "entity": "fakes.gadget", "action": "view", "scope": "chosen"}
    RoleRight.objects.create(**right, departments=[south.pk])
    first = settingsfile.export(cast.root)
    for one in (south, head):
        records.delete(cast.root, one)
    theirs = records.create(cast.root, "core.department", {"code": "EAST", "name": "华东"})
    assert {(one.sort, one.name) for one in settingsfile.apply(cast.root, first) if one.table == "departments"} == {
        ("add", "A-SOUTH"),
        ("add", "A-HQ"),
    }
    made = Department.objects.get(code="A-SOUTH")
    assert made.parent.code == "A-HQ"
    assert made.path == f"/{made.parent_id}/{made.pk}/"
    assert RoleRight.objects.get(role=regional).departments == [made.pk]
    assert Department.objects.filter(pk=theirs.pk).exists(), "another firm's departments are not this file's to remove"
    records.delete(cast.root, theirs)
    assert settingsfile.export(cast.root) == first
    assert settingsfile.apply(cast.root, first) == []


def test_a_difference_says_what_would_change(cast: Any) -> None:
    furnish(cast)
    found = json.loads(settingsfile.export(cast.root))
    flow = next(row for row in found["flows"] if row["key"] == "price")
    flow["name_en"], flow["active"] = "Other", False
    found["rules"].append({**copy.deepcopy(found["rules"][0]), "key": "second"})
    found["templates"] = []
    said = [
        (one.sort, one.table, one.name, [field[0] for field in one.fields])
        for one in settingsfile.diff(cast.root, json.dumps(found))
    ]
    assert ("change", "flows", "price", ["name_en", "active"]) in said
    assert ("remove", "templates", "hello", []) in said
    assert [one[:3] for one in said if one[0] == "add"] == [("add", "rules", "second")]
    assert ApprovalFlow.objects.get(key="price").name_en == "Price", "comparing changes nothing"


def test_a_part_only_adds_and_changes(cast: Any) -> None:
    part = {
        "guanxi": {"format": 1},
        "dictionaries": [
            {
                "key": "grades",
                "name_zh": "等级",
                "name_en": "Grades",
                "values": [{"key": "b", "name_zh": "乙", "position": 1}],
            }
        ],
    }
    before = Role.objects.count()
    changed = settingsfile.apply(cast.root, json.dumps(part))
    assert [(one.sort, one.table) for one in changed] == [
        ("add", "dictionaries"),
        ("add", "dictionaries/grades/values"),
    ]
    assert Role.objects.count() == before
    assert list(DictionaryValue.objects.filter(dictionary__key="grades").values_list("name_zh", flat=True)) == ["乙"]
    assert settingsfile.apply(cast.root, json.dumps(part)) == []


def test_what_refers_to_records_that_are_not_here_is_said_to_stay_out(cast: Any, make: Any, browse: Any) -> None:  # noqa: F811
    make("catalog.product", name="泵", code="P1")
    prices = [{"product": code, "from_quantity": "1", "price": "7", "note": ""} for code in ("P1", "P9")]
    part = json.dumps({"guanxi": {"format": 1}, "price_books": [{"name": "书", "currency": "CNY", "entries": prices}]})
    told = [(one.sort, one.name) for one in settingsfile.diff(cast.root, part)]
    assert told == [("add", "书"), ("add", "P1/1"), ("leave", "P9/1")]
    sent = SettingsVersion.objects.create(
        by=cast.root_user, sort=settingsfile.SENT, digest="", content=part, at=clock.now()
    )
    page = browse("root").get(f"/settings/file/{sent.pk}/").content.decode()
    assert "“P9” is not here" in page
    assert [one.name for one in settingsfile.apply(cast.root, part)] == ["书", "P1/1"]
    assert settingsfile.apply(cast.root, part) == []
    assert [one.sort for one in settingsfile.diff(cast.root, part)] == ["leave"]


def test_all_or_nothing(cast: Any) -> None:
    bad = {
        "guanxi": {"format": 1},
        "dictionaries": [{"key": "fine", "name_zh": "好", "name_en": "Fine"}],
        "calendars": [{"key": "lost", "name_zh": "无", "pattern": WEEK, "based_on": "nowhere"}],
    }
    before = settingsfile.text_of(settingsfile.document())
    with pytest.raises(Invalid) as caught:
        settingsfile.apply(cast.root, json.dumps(bad))
    assert caught.value.code == "settings.reference"
    assert settingsfile.text_of(settingsfile.document()) == before
    for row in ({"position": "many"}, {"name_zh": "长" * 500}):
        part = {"guanxi": {"format": 1}, "snippets": [{"key": "a", "name_zh": "短语", **row}]}
        with pytest.raises(Invalid) as caught:
            settingsfile.apply(cast.root, json.dumps(part))
        assert "snippets/a" in str(caught.value)
    assert settingsfile.text_of(settingsfile.document()) == before


@pytest.mark.parametrize("content", [
    "", "hello", "[]", "{}", '{"guanxi": 1}', '{"guanxi": {"format": 99}}', '{"guanxi": {"format": 1}, "wizards": []}',
    '{"guanxi": {"format": 1}, "flows": {}}', '{"guanxi": {"format": 1}, "flows": [1]}', '{"guanxi": {"format": 1}, "flows": [{}]}',
    '{"guanxi": {"format": 1}, "flows": [{"key": "a", "magic": 1}]}', '{"guanxi": {"format": 1}, "flows": [{"key": "a"}, {"key": "a"}]}',
    "[" * 5000,
])  # fmt: skip
def test_what_is_no_settings_file_is_refused(cast: Any, content: str) -> None:
    before = settingsfile.text_of(settingsfile.document())
    for work in (settingsfile.diff, settingsfile.apply):
        with pytest.raises(Invalid):
            work(cast.root, content)
    assert settingsfile.text_of(settingsfile.document()) == before


def test_versions_are_kept_and_come_back(cast: Any) -> None:
    furnish(cast)
    assert settingsfile.keep_changed()
    assert not settingsfile.keep_changed(), "the same settings are kept once"
    first = SettingsVersion.objects.get()
    strip()
    assert settingsfile.keep_changed()
    settingsfile.revert(cast.root, first)
    assert settingsfile.export(cast.root) == first.content
    assert SettingsVersion.objects.count() == 3


def test_who_may(cast: Any) -> None:
    content = settingsfile.text_of(settingsfile.document())
    for work in (
        lambda: settingsfile.export(cast.alice),
        lambda: settingsfile.diff(cast.alice, content),
        lambda: settingsfile.apply(cast.alice, content),
    ):
        with pytest.raises(Denied):
            work()
    assert not SettingsVersion.objects.exists()


def test_a_row_in_use_is_retired_not_lost(cast: Any) -> None:
    furnish(cast)
    found = json.loads(settingsfile.export(cast.root))
    found["calendars"] = [row for row in found["calendars"] if row["key"] != "standard"]
    with pytest.raises(Exception) as caught:  # noqa: PT011 - refused either as a reference or as in use
        settingsfile.apply(cast.root, json.dumps(found))
    assert "calendars/" in str(caught.value)
    assert WorkCalendar.objects.filter(key="standard").exists()


@pytest.mark.parametrize(
    ("table", "row", "word"),
    [
        ("rules", {"key": "bad", "name_zh": "坏", "entity": "fakes.gadget", "trigger": {"on": "never"}, "steps": [{"do": "stop"}]}, "rules/bad"),
        ("rules", {"key": "bad", "name_zh": "坏", "entity": "fakes.gadget", "trigger": {"on": "created"}, "steps": [{"do": "set", "values": {"nothing": 1}}]}, "nothing"),
        ("flows", {"key": "bad", "name_zh": "坏", "entity": "fakes.gadget", "action": "change", "steps": [{"name_zh": "初审", "who": [{"kind": "role", "role": "ghost"}]}]}, "flows/bad"),
        ("templates", {"key": "bad", "name_zh": "坏", "entity": "fakes.gadget", "body_zh": "{{ secret_of_nobody }}"}, "secret_of_nobody"),
        ("layouts", {"entity": "fakes.gadget", "face": "list", "role": "", "kind": "", "definition": {"fields": ["ghost"]}}, "ghost"),
        ("fields", {"entity": "fakes.gadget", "key": "wrong", "kind": "formula", "label_zh": "坏", "options": {"formula": "nobody + 1"}}, "fields/fakes.gadget/wrong"),
        ("processes", {"entity": "fakes.gadget", "field": "ghost", "definition": {}}, "ghost"),
        ("numberings", {"entity": "fakes.gadget", "field": "number", "format": "G", "reset": "never"}, "numberings/"),
    ],
)  # fmt: skip
def test_a_file_is_held_to_what_the_editors_ask(cast: Any, table: str, row: dict[str, Any], word: str) -> None:
    before = settingsfile.text_of(settingsfile.document())
    with pytest.raises(Invalid) as caught:
        settingsfile.apply(cast.root, json.dumps({"guanxi": {"format": 1}, table: [row]}))
    assert word in str(caught.value)
    assert settingsfile.text_of(settingsfile.document()) == before


def test_what_a_file_need_not_say_is_worked_out(cast: Any) -> None:
    field = {
        "entity": "fakes.gadget",
        "key": "double",
        "kind": "formula",
        "label_zh": "双倍",
        "options": {"formula": "price * 2"},
    }
    part = json.dumps({"guanxi": {"format": 1}, "fields": [field]})
    assert len(settingsfile.apply(cast.root, part)) == 1
    assert ["fakes.gadget", "price"] in CustomField.objects.get(key="double").options["reads"]
    assert settingsfile.apply(cast.root, part) == []


def test_a_segment_goes_only_where_nothing_that_stays_asks_for_it(cast: Any) -> None:
    condition = {"field": "price", "op": "gte", "value": 100}
    for key in ("dear", "spare"):
        draft = SegmentDraft(key=key, name_zh=key, entity="fakes.gadget", condition=condition)
        segment_save(cast.root, None, draft)
    rule = {
        "name_zh": "规则",
        "name_en": "Rule",
        "entity": "fakes.gadget",
        "trigger": {"on": "enters", "segment": "dear"},
    }
    rule_save(cast.root, None, RuleDraft(**rule, steps=({"do": "stop"},), active=True))
    found = json.loads(settingsfile.export(cast.root))
    with pytest.raises(RuleBroken, match="segments/dear"):
        settingsfile.apply(cast.root, json.dumps({**found, "segments": []}))
    settingsfile.apply(cast.root, json.dumps({**found, "segments": found["segments"][:1]}))
    assert list(Segment.objects.values_list("key", flat=True)) == ["dear"]
    settingsfile.apply(cast.root, json.dumps({**found, "segments": [], "rules": []}))
    assert not Segment.objects.exists()


def test_somebody_a_flow_names_need_not_be_there(cast: Any) -> None:
    steps = [{"name_zh": "初审", "who": [{"kind": "people", "users": ["who-left"]}]}]
    flow = {"key": "named", "name_zh": "改价", "entity": "fakes.gadget", "action": "change", "steps": steps}
    settingsfile.apply(cast.root, json.dumps({"guanxi": {"format": 1}, "flows": [flow]}))
    assert ApprovalFlow.objects.get(key="named").steps == steps
