"""CEL: read with positions, checked before it runs, exact, bounded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from django.utils import translation

from guanxi.core.kernel.cel import FormulaError, Run, check, parse
from guanxi.core.kernel.cel.running import compiled

NOW = dt.datetime(2026, 3, 10, 8, 0, tzinfo=dt.UTC)


class Names:
    """Names with given types."""

    def __init__(self, types: Mapping[str, str]) -> None:
        self.types = types

    def type_of(self, name: str) -> str | None:
        return self.types.get(name)

    def member_type(self, of: str, name: str) -> str | None:
        return self.types.get(f"{of}.{name}")

    def relation_type(self, path: str, name: str) -> str | None:
        return {"tasks": "number", "tasks.hours": "number"}.get(f"{path}.{name}" if name else path)


TYPES = {
    "a": "number",
    "b": "number",
    "t": "text",
    "d": "date",
    "yes": "bool",
    "rows": "list",
    "c": "record:c",
    "record:c.level": "text",
}


def run(source: str, **values: Any) -> tuple[Any, list[str]]:
    check(parse(source), Names(TYPES))
    one = Run(values, today=NOW.date(), now=NOW)
    return compiled(source)(one), [str(text) for text in one.warnings]


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("1 + 2 * 3", Decimal(7)),
        ("(1 + 2) * 3", Decimal(9)),
        ("0.1 + 0.2 == 0.3", True),
        ("10 - 2 - 3", Decimal(5)),
        ("-a + 1", Decimal(-1)),
        ("a > 1 && !yes || t == '北京'", True),
        ("yes ? '是' : '否'", "是"),
        ("size('你好')", Decimal(2)),
        ("t + '市'", "北京市"),
        ("t in ['上海', '北京']", True),
        ("days(d, today())", Decimal(9)),
        ("d + 30 > today()", True),
        ("today() - d", Decimal(9)),
        ("add_months(date('2026-01-31'), 1)", dt.date(2026, 2, 28)),
        ("add_working_days(date('2026-03-06'), 1)", dt.date(2026, 3, 9)),
        ("working_days(date('2026-03-06'), date('2026-03-10'))", Decimal(2)),
        ("quarter(date('2026-05-01'))", Decimal(2)),
        ("age(date('2000-03-11'))", Decimal(25)),
        ("round(2.345, 2)", Decimal("2.35")),
        ("without_tax(113, 13)", Decimal(100)),
        ("coalesce(c.level, t)", "北京"),
        ("rows.map(r, r.price * r.count)", [Decimal(6), Decimal(20)]),
        ("total(rows.map(r, r.price))", Decimal(7)),
        ("rows.exists(r, r.price > 4) && rows.all(r, r.price > 1)", True),
        ("rows.filter(r, r.price > 4)[0].count", Decimal(4)),
        ("min(a, b, 3)", Decimal(2)),
        ("'A12'.matches('^[A-Z][0-9]{2}$')", True),
        ("'深圳-前海'.split('-')[1]", "前海"),
        ("// a note\n1 +\n  1", Decimal(2)),
    ],
)
def test_what_formulas_give(source: str, value: Any) -> None:
    rows = [{"price": 2, "count": 3}, {"price": 5, "count": 4}]
    assert run(source, a=Decimal(2), t="北京", d=dt.date(2026, 3, 1), yes=True, rows=rows, c={})[0] == value


def test_empty_values_make_empty_results() -> None:
    assert run("a + b", a=Decimal(1)) == (None, [])
    assert run("a > b")[0] is None
    assert run("a == b")[0] is True
    assert run("is_empty(t) && has(a)", a=Decimal(0))[0] is True


def test_division_by_zero_is_empty_and_says_so() -> None:
    with translation.override("en"):
        assert run("a / b", a=Decimal(1), b=Decimal(0)) == (None, ["Divided by zero: the result is empty."])


@pytest.mark.parametrize(
    ("source", "code", "position"),
    [
        ("1 + * 2", "formula.syntax", 4),
        ("a +", "formula.syntax", 3),
        ("a ¥ b", "formula.syntax", 2),
        ("", "formula.empty", 0),
        ("a + unknown", "formula.name", 4),
        ("c.secret", "formula.name", 2),
        ("a + t", "formula.type", 4),
        ("t > 3", "formula.type", 2),
        ("yes ? 1 : 'x'", "formula.type", 4),
        ("nothing(1)", "formula.function", 0),
        ("round()", "formula.arguments", 0),
        ("1\n+ round(t)", "formula.type", 10),
        ("t.matches('(?=a)b')", "formula.pattern", 10),
        ("t.matches('(a{50}){50}')", "formula.pattern", 10),
        ("count('nowhere')", "formula.relation", 6),
        ("rows.map(x, rows.map(y, rows.map(z, 1)))", "formula.cost", 29),
    ],
)
def test_mistakes_say_where_they_stand(source: str, code: str, position: int) -> None:
    with pytest.raises(FormulaError) as refused:
        check(parse(source), Names(TYPES))
    assert (refused.value.code, refused.value.position) == (code, position)


def test_lines_and_columns() -> None:
    with pytest.raises(FormulaError) as refused:
        parse("1 +\n  * 2")
    assert refused.value.placed("1 +\n  * 2") == "2:3"


def test_the_result_must_be_what_is_wanted() -> None:
    with pytest.raises(FormulaError) as refused:
        check(parse("a + 1"), Names(TYPES), ("bool",))
    assert refused.value.code == "formula.result"


def test_what_runs_away_is_stopped() -> None:
    rows = list(range(200))
    with pytest.raises(FormulaError) as refused:
        run("rows.map(x, rows.map(y, x * y)).size()", rows=rows)
    assert refused.value.code == "formula.cost"
    with pytest.raises(FormulaError) as refused:
        run("a * a * a", a=Decimal(10) ** 9)
    assert refused.value.code == "formula.size"


def test_nested_and_long_sources_are_refused_quickly() -> None:
    for source in ("(" * 5000 + "1", "!" * 3000 + "true", "+".join(["1"] * 1500), "[" * 500 + "]" * 500):
        with pytest.raises(FormulaError):
            parse(source)


def test_what_a_formula_reads() -> None:
    found = check(parse("c.level == 'A' && a > count('tasks') ? sum('tasks', 'hours') : b"), Names(TYPES))
    assert (found.type, found.reads, found.relations) == (
        "number",
        ("c.level", "a", "b"),
        (("tasks", ""), ("tasks", "hours")),
    )
    assert check(parse("days(d, today())"), Names(TYPES)).volatile
