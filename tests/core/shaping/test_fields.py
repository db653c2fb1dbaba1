"""Custom fields: checked when made, the same as built-in ones everywhere, shown where used before they go."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from guanxi.core import records
from guanxi.core.kernel.errors import Conflict, Denied, Invalid, RuleBroken
from guanxi.core.models import CustomField, FieldIndex, RoleField, SavedView, stamps
from guanxi.core.records import values
from guanxi.core.records.history import history
from guanxi.core.records.timeline import timeline
from guanxi.core.schema.registry import entity_of
from guanxi.core.shaping import converting, dictionaries, fields, indexes
from tests.factories.cast import Cast
from tests.fakes.models import Gadget
from tests.rights import as_owner
from tests.signing import browser

pytestmark = pytest.mark.django_db
GADGET = "fakes.gadget"


@pytest.fixture
def add(cast: Cast) -> Callable[..., CustomField]:
    """Make a field of gadgets."""
    stamps.refresh()

    def add(key: str, kind: str, **given: Any) -> CustomField:
        return fields.field_save(cast.root, GADGET, key, {"kind": kind, "label_zh": key, **given}, new=True)

    return add


VALUES: dict[str, tuple[Any, Any]] = {
    "text": ("深圳", "深圳"),
    "long_text": ("一\n二", "一\n二"),
    "rich_text": ("<b>粗</b><script>x</script>", "<b>粗</b>"),
    "integer": ("42", 42),
    "decimal": ("1.50", Decimal("1.5")),
    "percent": ("35%", Decimal(35)),
    "money": ("¥1,200", Decimal(1200)),
    "date": ("2026-03-05", dt.date(2026, 3, 5)),
    "datetime": ("2026-03-05T10:00:00+00:00", dt.datetime(2026, 3, 5, 10, tzinfo=dt.UTC)),
    "time": ("14:30", dt.time(14, 30)),
    "boolean": ("是", True),
    "email": ("a@B.com", "a@b.com"),
    "phone": ("13800138000", "+8613800138000"),
    "url": ("example.com", "https://example.com"),
    "emails": (["a@b.com"], [{"value": "a@b.com", "label": "", "primary": True}]),
    "region": ("CN44", "CN44"),
}


@pytest.mark.parametrize("kind", sorted(VALUES))
def test_every_kind_is_kept_filtered_sorted_and_read_back(
    cast: Cast, add: Callable[..., CustomField], make: Callable[..., Any], kind: str
) -> None:
    add("extra", kind)
    given, expected = VALUES[kind]
    empty, filled = make(GADGET, name="空"), make(GADGET, name="满", **{"custom.extra": given})
    field = records.fields_of(GADGET)["custom.extra"]
    assert values.current(Gadget.objects.get(pk=filled.pk), field) == expected
    tree = (
        {"field": "custom.extra", "op": "not_empty"}
        if kind != "boolean"
        else {"field": "custom.extra", "op": "eq", "value": True}
    )
    found = records.select(cast.alice, GADGET, filter=tree).items
    assert [one.pk for one in found] == [filled.pk]
    if kind not in ("long_text", "rich_text", "emails"):
        for sort in ("custom.extra", "-custom.extra"):
            page = records.select(cast.alice, GADGET, sort=(sort,), limit=1)
            after = records.select(cast.alice, GADGET, sort=(sort,), limit=1, cursor=page.next)
            assert [page.items[0].pk, after.items[0].pk] == [filled.pk, empty.pk]
    changed = records.update(cast.alice, filled, {"custom.extra": given})
    assert changed.version == 1
    assert records.update(cast.alice, filled, {"custom.extra": None}).custom in ({}, {"extra": False})


def test_sums_groups_and_periods(cast: Cast, add: Callable[..., CustomField], make: Callable[..., Any]) -> None:
    add("cost", "money")
    add("bought", "date")
    for cost, day in (("10.5", "2026-03-01"), ("20", "2026-03-09"), ("1", "2026-04-01")):
        make(GADGET, **{"custom.cost": cost, "custom.bought": day})
    assert records.totals(cast.alice, GADGET, ["custom.cost"])["sum_custom_cost"] == Decimal("31.5")
    found = records.groups(cast.alice, GADGET, "custom.bought", totals=["custom.cost"])
    assert [(one.value.month, one.count, one.totals["custom.cost"]) for one in found] == [
        (3, 2, Decimal("30.5")),
        (4, 1, Decimal(1)),
    ]


def test_references_to_many(cast: Cast, add: Callable[..., CustomField], make: Callable[..., Any]) -> None:
    add("friends", "references", target=GADGET)
    a, b = make(GADGET, name="甲"), make(GADGET, name="乙")
    hidden = make(GADGET, name="丙", by=cast.charlie_user)
    one = records.create(cast.alice, GADGET, {"name": "友", "custom.friends": [a.pk, b.pk]})
    assert records.display.value_text(cast.alice, GADGET, one, "custom.friends") == "甲, 乙"
    assert [
        x.pk
        for x in records.select(
            cast.alice, GADGET, filter={"field": "custom.friends", "op": "has_any", "value": [b.pk]}
        ).items
    ] == [one.pk]
    with pytest.raises(Invalid):
        records.update(cast.alice, one, {"custom.friends": [hidden.pk]})


def test_serial_numbers_and_defaults(cast: Cast, add: Callable[..., CustomField]) -> None:
    add("no", "serial", options={"format": "G-{seq:4}"})
    add("grade", "integer", options={"default": "3", "minimum": 1, "maximum": 5})
    first, second = (records.create(cast.alice, GADGET, {"name": name}) for name in "甲乙")
    assert (first.custom, second.custom) == ({"no": "G-0001", "grade": 3}, {"no": "G-0002", "grade": 3})
    with pytest.raises(Invalid):
        records.update(cast.alice, first, {"custom.grade": 6})


def test_unique_also_together_with_another(
    cast: Cast, add: Callable[..., CustomField], make: Callable[..., Any]
) -> None:
    add("code", "text", options={"unique": True, "unique_with": ["state"]})
    make(GADGET, state="new", **{"custom.code": "A"})
    make(GADGET, state="used", **{"custom.code": "A"})
    with pytest.raises(Invalid) as refused:
        make(GADGET, state="new", **{"custom.code": "A"})
    assert set(refused.value.errors) == {"custom.code"}
    make(GADGET, **{"custom.code": "B"})
    row = fields.field_for(GADGET, "code")
    with pytest.raises(Invalid) as refused:
        fields.field_save(cast.root, GADGET, "code", {"label_zh": "码", "options": {"unique": True}})
    assert refused.value.errors["unique"][0].code == "field.not_unique"
    assert fields.field_for(GADGET, "code").version == row.version


def test_formulas_are_checked_when_saved(cast: Cast, add: Callable[..., CustomField]) -> None:
    for source, code in (("price +", "formula.syntax"), ("price + name", "formula.type"), ("wrong", "formula.name")):
        with pytest.raises(Invalid) as refused:
            add("f", "formula", options={"formula": source, "result": "money"})
        assert refused.value.errors["formula"][0].code == code
    assert not CustomField.objects.filter(entity=GADGET).exists()
    stamps.refresh()
    row = add("f", "formula", options={"formula": "price * 2 + parent.price", "result": "money"})
    assert row.options["reads"] == [[GADGET, "parent"], [GADGET, "price"]]
    assert row.options["paths"] == ["parent.price"]


def test_cycles_are_refused(cast: Cast, add: Callable[..., CustomField]) -> None:
    add("a", "formula", options={"formula": "price", "result": "money"})
    add("b", "formula", options={"formula": "custom.a * 2", "result": "money"})
    with pytest.raises(Invalid) as refused:
        fields.field_save(
            cast.root, GADGET, "a", {"label_zh": "a", "options": {"formula": "custom.b", "result": "money"}}
        )
    assert refused.value.errors["formula"][0].code == "formula.cycle"
    with pytest.raises(Invalid) as refused:
        add("c", "formula", options={"formula": "custom.c + 1", "result": "money"})
    assert refused.value.errors["formula"][0].code == "formula.cycle"


def test_two_administrators_at_once(cast: Cast, add: Callable[..., CustomField]) -> None:
    add("note2", "text")
    fields.field_save(cast.root, GADGET, "note2", {"label_zh": "备注甲"}, version=1)
    with pytest.raises(Conflict) as refused:
        fields.field_save(cast.root, GADGET, "note2", {"label_zh": "备注乙"}, version=1)
    assert [(one.mine, one.theirs) for one in refused.value.clashes] == [("备注乙", "备注甲")]


def test_a_used_field_is_not_removed(cast: Cast, add: Callable[..., CustomField], make: Callable[..., Any]) -> None:
    add("size2", "integer")
    view = SavedView.objects.create(
        entity=GADGET, name="大件", user=cast.alice_user, definition={"columns": ["name", "custom.size2"]}
    )
    add("twice", "formula", options={"formula": "custom.size2 * 2", "result": "integer"})
    with pytest.raises(RuleBroken) as refused:
        fields.field_delete(cast.root, GADGET, "size2")
    assert "大件" in str(refused.value)
    assert "twice" in str(refused.value)
    one = make(GADGET, **{"custom.size2": 4})
    fields.field_retire(cast.root, GADGET, "size2")
    assert "custom.size2" not in records.fields_of(GADGET)
    assert Gadget.objects.get(pk=one.pk).custom["size2"] == 4
    view.delete()
    fields.field_delete(cast.root, GADGET, "twice")
    fields.field_delete(cast.root, GADGET, "size2")
    assert Gadget.objects.get(pk=one.pk).custom == {}


def test_rights_and_masking(cast: Cast, add: Callable[..., CustomField], make: Callable[..., Any]) -> None:
    add("id_card", "text", personal="identity")
    one = make(GADGET, **{"custom.id_card": "110101199003070011"})
    assert "*" in records.display.value_text(cast.alice, GADGET, one, "custom.id_card")
    assert records.display.value_text(cast.root, GADGET, one, "custom.id_card") == "110101199003070011"
    RoleField.objects.create(role=cast.role, entity=GADGET, field="custom.id_card", level="hidden")
    stamps.bump("rights")
    assert "custom.id_card" not in records.shape.readable(cast.actor(cast.alice_user), entity_of(GADGET))


def test_only_who_may_change_settings(cast: Cast) -> None:
    with pytest.raises(Denied):
        fields.field_save(cast.alice, GADGET, "", {"kind": "text", "label_zh": "私"}, new=True)
    assert not CustomField.objects.exists()


def test_an_index_is_asked_for_once(cast: Cast, add: Callable[..., CustomField]) -> None:
    add("score", "integer")
    first, again = (indexes.wanted(entity_of(GADGET), "custom.score") for _turn in range(2))
    assert first is not None
    assert again is not None
    assert (first.pk, first.state) == (again.pk, "waiting")
    assert indexes.wanted(entity_of(GADGET), "price") is None
    assert FieldIndex.objects.count() == 1


def test_what_the_indexes_of_a_field_hold(cast: Cast, add: Callable[..., CustomField]) -> None:
    add("score", "integer")
    entity = entity_of(GADGET)
    found = {name[:5]: text for name, text in indexes._wanted(entity, "score").items()}
    value, usual, owner = "(custom->'score')", '"updated_at" DESC, "id" DESC', '"owner_id"'
    live = "WHERE deleted_at IS NULL"
    void = f"coalesce({value}, 'null'::jsonb) IN ('null'::jsonb, '\"\"'::jsonb, '[]'::jsonb)"
    assert found == {
        "gx_nx": f"({usual}, {owner}) {live} AND {void}",
        "gx_fx": f"({usual}, {owner}) {live} AND NOT ({void})",
        "gx_ix": f"({value}, id) {live}",
        "gx_dx": f"({value} DESC NULLS LAST, id DESC) {live}",
        "gx_ex": f"({value}, {usual}, {owner}) {live}",
    }


def test_a_choice_is_counted_from_the_index_of_its_value(
    cast: Cast, add: Callable[..., CustomField], make: Callable[..., Any]
) -> None:
    dictionaries.dictionary_save(cast.root, "grade", {"name_zh": "等级"}, new=True)
    for key in ("a", "b", "c"):
        dictionaries.value_save(cast.root, "grade", key, {"name_zh": key, "parent_key": "a" * (key == "b")}, new=True)
    add("grade", "choice", dictionary="grade")
    entity = entity_of(GADGET)
    with as_owner(), connection.cursor() as cursor:
        for name, text in indexes._wanted(entity, "grade").items():
            cursor.execute(f'CREATE INDEX "{name}" ON "{entity.table}" {text}')
        told = indexes._statistics(entity, "grade")
        cursor.execute(f'CREATE STATISTICS "{told}" ON (custom->\'grade\') FROM "{entity.table}"')
    for key, number in (("a", 3), ("b", 4), ("c", 5)):
        for _turn in range(number):
            make(GADGET, **{"custom.grade": key})
    make(GADGET)
    found = FieldIndex(entity=GADGET, field="grade", state="ready")
    assert indexes.complete(found)

    def listed(op: str, value: Any) -> int | None:
        return records.select(
            cast.root, GADGET, filter={"field": "custom.grade", "op": op, "value": value}, limit=1
        ).count

    assert (listed("eq", "a"), listed("in", ["a", "c", "a"]), listed("under", "a"), listed("not_in", ["a", "c"])) == (
        3,
        8,
        7,
        5,
    )
    rows = records.queryset(cast.root, GADGET, filter={"field": "custom.grade", "op": "eq", "value": "c"})
    others = [name for name in indexes._wanted(entity, "grade") if not name.startswith("gx_vx_")]
    with as_owner(), connection.cursor() as cursor:
        for name in others:  # at this size the planner finds either cheap; what is asked is that the value's can answer
            cursor.execute(f'DROP INDEX "{name}"')
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
    told = rows.values_list("pk")[:10].explain()
    assert "Index Only Scan" in told
    assert "gx_vx_" in told

    dictionaries.value_save(cast.root, "grade", "d", {"name_zh": "d"}, new=True)
    assert not indexes.complete(found), "the new value has none yet"
    indexes.drop(entity, "grade")
    assert indexes._present(entity, "grade") == {}


def test_several_choices_are_asked_for_with_and_without_a_value(
    cast: Cast, add: Callable[..., CustomField], make: Callable[..., Any]
) -> None:
    dictionaries.dictionary_save(cast.root, "trade", {"name_zh": "行当"}, new=True)
    for key in ("a", "b", "c"):
        dictionaries.value_save(cast.root, "trade", key, {"name_zh": key}, new=True)
    add("trades", "choices", dictionary="trade")
    for held in (["a"], ["a", "b"], ["c"], []):
        make(GADGET, **{"custom.trades": held})
    assert {name[:5] for name in indexes._wanted(entity_of(GADGET), "trades")} == {"gx_nx", "gx_fx", "gx_vx"}

    def listed(op: str, *value: str) -> int | None:
        node = {"field": "custom.trades", "op": op, "value": list(value)}
        return records.select(cast.root, GADGET, filter=node, limit=1).count

    found = [
        listed("has_any", "b", "c"),
        listed("has_all", "a", "b"),
        listed("has_none", "a"),
        listed("empty"),
        listed("not_empty"),
    ]
    assert found == [2, 1, 2, 1, 3]


def test_a_time_of_ones_own_is_compared(cast: Cast, add: Callable[..., CustomField], make: Callable[..., Any]) -> None:
    add("opens", "time")
    for at in ("08:30", "09:00", "17:45"):
        make(GADGET, **{"custom.opens": at})
    make(GADGET)

    def listed(op: str, value: Any = None) -> int | None:
        node = {"field": "custom.opens", "op": op, "value": value}
        return records.select(cast.root, GADGET, filter=node, limit=9).count

    asked = (("eq", "09:00"), ("gte", "09:00"), ("between", ["08:00", "09:00"]), ("ne", "09:00"), ("empty", None))
    assert [listed(*one) for one in asked] == [1, 2, 2, 3, 1]


def test_a_region_of_ones_own_is_found_under_a_higher_one(
    cast: Cast, add: Callable[..., CustomField], make: Callable[..., Any]
) -> None:
    add("place", "region")
    city, other, nowhere = (
        make(GADGET, **given) for given in ({"custom.place": "CN4403"}, {"custom.place": "CN33"}, {})
    )

    def listed(op: str) -> set[int]:
        tree = {"field": "custom.place", "op": op, "value": ["CN44"]}
        return {one.pk for one in records.select(cast.alice, GADGET, filter=tree).items}

    assert (listed("under"), listed("not_under")) == ({city.pk}, {other.pk, nowhere.pk})


def test_the_past_of_a_field_whose_kind_was_changed_is_told_as_it_was_written(
    cast: Cast, add: Callable[..., CustomField]
) -> None:
    add("asset", "text")
    record = records.create(cast.alice, GADGET, {"name": "钟", "custom.asset": "ZC-1"})
    converting.kind_change(cast.root, entity_of(GADGET), "asset", "integer", "")
    record.refresh_from_db()
    told = [(one.before, one.after) for change in history(cast.alice, record) for one in change.fields]
    assert (None, "ZC-1") in told
    assert ("ZC-1", None) in told


def test_the_timeline_names_what_added_fields_point_to(cast: Cast, add: Callable[..., CustomField]) -> None:
    add("spare", "reference", target=GADGET)
    add("kin", "references", target=GADGET)
    one, two = (records.create(cast.alice, GADGET, {"name": name}) for name in ("钟", "表"))
    record = records.create(cast.alice, GADGET, {"name": "泵", "custom.spare": one.pk})
    records.update(cast.root, record, {"custom.spare": two.pk, "custom.kin": [one.pk, two.pk]})
    entry, _made = timeline(cast.alice, record).entries
    assert {line.field.key: (line.before, line.after) for line in entry.changes} == {
        "spare": ("钟", "表"),
        "kin": ("", "钟, 表"),
    }
    page = browser(cast.alice_user).get(f"/gadgets/{record.pk}/history/").content.decode()
    assert "钟, 表" in page
