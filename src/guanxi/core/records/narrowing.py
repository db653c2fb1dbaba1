"""Choices that narrow each other: a value may belong to values of another dictionary, or to regions.

A choice ``within`` another field offers, once that field is filled, the values that belong to the one chosen there, to
those below and above it in its tree, and those that belong to none in particular.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core.kernel.errors import Invalid
from guanxi.core.models.stamps import kept
from guanxi.core.records import dictionaries, shape
from guanxi.core.schema.fields import Field

Choice = dictionaries.Choice


@kept("fields")
def narrowed(key: str) -> tuple[Field, ...]:
    """The choices of an entity that another field narrows."""
    fields = shape.fields_of(key)
    return tuple(one for one in fields.values() if one.within and one.dictionary)


def _listed(value: Any) -> list[str]:
    return [str(one) for one in (value if isinstance(value, list | tuple) else [value]) if one not in (None, "")]


@kept("dictionaries")
def _lines(dictionary: str, key: str) -> frozenset[str]:
    """A value with those below and above it."""
    found = set(dictionaries.below(dictionary, key))
    above = dictionaries.value_of(dictionary, key)
    while above is not None and above.parent and above.parent not in found:
        found.add(above.parent)
        above = dictionaries.value_of(dictionary, above.parent)
    return frozenset(found)


def under(around: Field, choice: Choice) -> list[str]:
    """The values of the narrowing field under which a choice may be chosen; empty: under all. Regions stand for all codes that begin so."""
    if around.kind == "region":
        return list(choice.belongs_to)
    return sorted({one for key in choice.belongs_to for one in _lines(around.dictionary, key)})


def fits(around: Field, chosen: Any, choice: Choice) -> bool:
    """Whether a choice may be chosen while the narrowing field holds ``chosen``."""
    held = _listed(chosen)
    if not held or not choice.belongs_to:
        return True
    if around.kind == "region":
        return any(one.startswith(top) or top.startswith(one) for one in held for top in choice.belongs_to)
    return not set(held).isdisjoint(under(around, choice))


def fitting(around: Field, chosen: Any) -> Callable[[Choice], bool]:
    """The test of choices while the narrowing field holds ``chosen``."""
    return lambda choice: fits(around, chosen, choice)


def usual(fields: Mapping[str, Field], field: Field, given: Mapping[str, Any]) -> Any:
    """The default of a field; none where what narrows it does not allow it."""
    default = dictionaries.usual(field)
    if not field.within or not field.dictionary or default in (None, "", []):
        return default
    choice = dictionaries.value_of(field.dictionary, str(default))
    return default if choice is None or fits(fields[field.within], given.get(field.within), choice) else None


def astray(field: Field, around: Field, value: Any, chosen: Any) -> Invalid | None:
    """Why a value of a choice does not go with what its narrowing field holds; ``None`` if it does."""
    for key in _listed(value):
        choice = dictionaries.value_of(field.dictionary, key)
        if choice is not None and not fits(around, chosen, choice):
            name = ", ".join(dictionaries.label_of(around, one) for one in _listed(chosen))
            text = _("“%(value)s” does not belong to %(field)s “%(name)s”.")
            text %= {"value": choice.label, "field": around.label, "name": name}
            return Invalid(text, code="choice.elsewhere", field=field.name)
    return None


def check_rows(declared: Field, rows: Sequence[Mapping[str, Any]]) -> None:
    """Refuse rows of a table whose choice does not belong to that of the column that narrows it. Raises Invalid."""
    columns = {one.name: one for one in declared.columns}
    for column in declared.columns:
        for number, row in enumerate(rows) if column.within else ():
            wrong = astray(column, columns[column.within], row.get(column.name), row.get(column.within))
            if wrong is not None:
                raise Invalid(wrong.message, code=wrong.code, field=f"{declared.name}.{number}.{column.name}")
