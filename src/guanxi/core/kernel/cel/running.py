"""Running CEL: a tree becomes a function of a run, which holds the names, the clock and a bound of steps.

An empty value makes what is reckoned or compared from it empty (``==`` and ``!=`` excepted), and counts as no in a
condition. Division by zero gives an empty value and a warning.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation, Overflow
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel.cel.checking import path_of
from guanxi.core.kernel.cel.errors import FormulaError
from guanxi.core.kernel.cel.functions import FUNCTIONS, MAX_TEXT, Function
from guanxi.core.kernel.cel.syntax import Node, parse
from guanxi.core.kernel.errors import Text

#: Steps one run may take.
STEPS = 10_000
_LARGEST = Decimal(10) ** 18


class Run:
    """One run over plain values; ``records.formula`` has one over a record. ``warnings`` says what was left empty."""

    def __init__(self, values: Mapping[str, Any] | None = None, *, today: dt.date, now: dt.datetime) -> None:
        self.values = dict(values or {})
        self.own: dict[str, Any] = {}
        self.today, self.now = today, now
        self.left = STEPS
        self.warnings: list[Text] = []

    def spend(self, steps: int, at: int) -> None:
        """Take steps of the bound. Raises FormulaError when it is used up."""
        self.left -= steps
        if self.left < 0:
            raise FormulaError(_("The formula takes too long."), position=at, code="formula.cost")

    def warn(self, text: Text) -> None:
        """Note why something is empty; each reason once."""
        if text not in self.warnings:
            self.warnings.append(text)

    def name(self, name: str) -> Any:
        """The value of a name; ``None`` for one that has none."""
        return self.own[name] if name in self.own else self.values.get(name)

    def member(self, value: Any, name: str) -> Any:
        """A member of a value."""
        return value.get(name) if isinstance(value, Mapping) else None

    def working_days(self, first: dt.date, last: dt.date) -> Decimal:
        """Working days from one day to another, the first not counted; Monday to Friday here."""
        step = 1 if last >= first else -1
        days = min(abs((last - first).days), 4000)
        return Decimal(step * sum((first + dt.timedelta(step * n)).isoweekday() < 6 for n in range(1, days + 1)))

    def add_working_days(self, day: dt.date, number: int) -> dt.date:
        """The day so many working days later; Monday to Friday here."""
        step, left = (1 if number >= 0 else -1), min(abs(number), 2000)
        while left:
            day += dt.timedelta(step)
            left -= day.isoweekday() < 6
        return day

    def label(self, _path: str, value: Any) -> str:
        """The name of a choice."""
        return str(value)

    def related(self, _path: str, _how: str, _name: str) -> Any:
        """A figure over records that point here."""
        return None


Step = Callable[[Run], Any]


def _plain(value: Any) -> Any:
    """Numbers as decimals, whatever they were."""
    if isinstance(value, bool) or value is None or isinstance(value, str | Decimal):
        return value
    return Decimal(str(value)) if isinstance(value, int | float) else value


def _bounded(value: Any, at: int) -> Any:
    if isinstance(value, Decimal) and abs(value) > _LARGEST:
        raise FormulaError(_("The result is too large."), position=at, code="formula.size")
    if isinstance(value, str | list) and len(value) > MAX_TEXT:
        raise FormulaError(_("The result is too large."), position=at, code="formula.size")
    return value


def _same_sort(a: Any, b: Any) -> tuple[Any, Any]:
    """A day and a moment are compared as days."""
    if isinstance(a, dt.datetime) != isinstance(b, dt.datetime) and isinstance(a, dt.date) and isinstance(b, dt.date):
        return (a.date() if isinstance(a, dt.datetime) else a), (b.date() if isinstance(b, dt.datetime) else b)
    return a, b


def _add(a: Any, b: Any) -> Any:
    return a + dt.timedelta(days=int(b)) if isinstance(a, dt.date) else a + b


def _take(a: Any, b: Any) -> Any:
    if isinstance(a, dt.date) and isinstance(b, dt.date):
        a, b = _same_sort(a, b)
        return Decimal((a - b).days)
    return a - dt.timedelta(days=int(b)) if isinstance(a, dt.date) else a - b


_RECKON: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": _add,
    "-": _take,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "%": lambda a, b: a % b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _binary(node: Node) -> Step:
    left, right = (compile_node(one) for one in node.parts)
    mark, at = node.text, node.at
    if mark == "&&":
        return lambda run: bool(left(run)) and bool(right(run))
    if mark == "||":
        return lambda run: bool(left(run)) or bool(right(run))
    if mark in ("==", "!="):
        wanted = mark == "=="

        def equal(run: Run) -> bool:
            a, b = _same_sort(left(run), right(run))
            return ((a in (None, "") and b in (None, "")) or a == b) is wanted

        return equal
    if mark == "in":
        return lambda run: left(run) in (right(run) or ())
    return _reckoned(mark, at, left, right)


def _reckoned(mark: str, at: int, left: Step, right: Step) -> Step:
    do = _RECKON[mark]

    def reckon(run: Run) -> Any:
        run.spend(1, at)
        a, b = left(run), right(run)
        if mark == "+" and (isinstance(a, str) or isinstance(b, str)):
            a, b = a or "", b or ""
        if a is None or b is None:
            return None
        if mark in ("/", "%") and b == 0:
            run.warn(_("Divided by zero: the result is empty."))
            return None
        try:
            return _bounded(do(*_same_sort(a, b)), at)
        except (TypeError, InvalidOperation, Overflow, OverflowError, ValueError):
            run.warn(_("Two values do not fit together: the result is empty."))
            return None

    return reckon


def _unary(node: Node) -> Step:
    inner = compile_node(node.parts[0])
    if node.text == "!":
        return lambda run: not inner(run)

    def minus(run: Run) -> Any:
        value = inner(run)
        return -value if isinstance(value, Decimal) else None

    return minus


def _choose(node: Node) -> Step:
    condition, yes, no = (compile_node(one) for one in node.parts)
    return lambda run: yes(run) if condition(run) else no(run)


def _index(node: Node) -> Step:
    of, key = (compile_node(one) for one in node.parts)

    def take(run: Run) -> Any:
        held, place = of(run), key(run)
        if isinstance(held, Mapping):
            return _plain(held.get(place))
        if isinstance(held, list | tuple) and isinstance(place, Decimal) and 0 <= place < len(held):
            return _plain(held[int(place)])
        return None

    return take


def _each(node: Node) -> Step:
    listed, inner, name, at = compile_node(node.parts[0]), compile_node(node.parts[1]), str(node.value), node.at

    def results(run: Run) -> list[tuple[Any, Any]]:
        before = run.own
        found = []
        for one in listed(run) or ():
            run.spend(2, at)
            run.own = {**before, name: _plain(one)}
            found.append((one, inner(run)))
        run.own = before
        return found

    ends: Mapping[str, Step] = {
        "all": lambda run: all(result for _one, result in results(run)),
        "exists": lambda run: any(result for _one, result in results(run)),
        "exists_one": lambda run: sum(1 for _one, result in results(run) if result) == 1,
        "map": lambda run: [result for _one, result in results(run)],
        "filter": lambda run: [one for one, result in results(run) if result],
    }
    return ends[node.text]


def _call(node: Node) -> Step:
    given = [compile_node(one) for one in node.parts]
    if node.text == "has":
        return lambda run: given[0](run) not in (None, "", [], {})
    function, at = FUNCTIONS[node.text], node.at
    if function.name == "label":
        path = path_of(node.parts[0])
        return lambda run: run.label(path, given[0](run) or "")

    def call(run: Run) -> Any:
        run.spend(function.cost, at)
        values = [one(run) for one in given]
        if not function.nulls and any(one is None for one in values):
            return None
        return _bounded(_called(function, run, values), at)

    return call


def _called(function: Function, run: Run, values: list[Any]) -> Any:
    try:
        return function.run(run, *values) if function.context else function.run(*values)
    except (TypeError, ValueError, ArithmeticError, AttributeError):
        run.warn(_("“%(name)s” got a value it cannot use: the result is empty.") % {"name": function.name})
        return None


def _member(node: Node) -> Step:
    of, name, at = compile_node(node.parts[0]), node.text, node.at

    def member(run: Run) -> Any:
        run.spend(1, at)
        held = of(run)
        return None if held is None else _plain(run.member(held, name))

    return member


def _list(node: Node) -> Step:
    parts = [compile_node(one) for one in node.parts]
    return lambda run: [one(run) for one in parts]


def _map(node: Node) -> Step:
    parts = [compile_node(one) for one in node.parts]
    return lambda run: {key(run): value(run) for key, value in zip(parts[::2], parts[1::2], strict=True)}


_MAKERS: Mapping[str, Callable[[Node], Step]] = {
    "value": lambda node: lambda _run: node.value,
    "name": lambda node: lambda run: _plain(run.name(node.text)),
    "member": _member,
    "index": _index,
    "call": _call,
    "unary": _unary,
    "binary": _binary,
    "choose": _choose,
    "list": _list,
    "map": _map,
    "each": _each,
}


def compile_node(node: Node) -> Step:
    """A tree as something that can be run; it has been checked before."""
    return _MAKERS[node.sort](node)


@lru_cache(maxsize=2000)
def compiled(source: str) -> Step:
    """A source as something that can be run, read once per process. Raises FormulaError."""
    return compile_node(parse(source))
