"""What figures are called and measured in, and what a reader must be told about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from guanxi.core.records import shape
from guanxi.core.reporting import expressions
from guanxi.core.reporting.folding import Head
from guanxi.core.reporting.results import Result, Unit
from guanxi.core.reporting.spec import AGGREGATES, DERIVED

if TYPE_CHECKING:
    from guanxi.core.reporting.engine import Run


def note_currency(run: Run, found: Mapping[str, Sequence[str]]) -> None:
    """Say that amounts were converted, and how many could not be. ``found`` are the foreign currencies of each column that says them."""
    for name, place in run.currencies.items():
        foreign = found[name]
        if not foreign:
            continue
        own = expressions.rate_field(run.entity, place)
        how = _("the rate kept with each record") if own else _("the rate of the day")
        run.notes.append(
            _("Amounts in %(codes)s are converted to %(base)s by %(how)s.")
            % {"codes": ", ".join(sorted(foreign)), "base": run.money.currency, "how": how}
        )
        missing = [code for code in foreign if not run.money.rates.get(code)]
        if missing and not own:
            run.notes.append(
                _("There is no rate of %(codes)s; those amounts are left out.") % {"codes": ", ".join(sorted(missing))}
            )


def day_words(result: Result) -> str:
    """Of which day the records are, for a result of the past."""
    found = _("as it was at the end of %(day)s") % {"day": result.day}
    if result.day_before is None:
        return found
    return f"{found} · " + _("compared with %(period)s") % {"period": result.day_before}


def step_heads(grain: str, keys: Sequence[Any]) -> tuple[list[Any], dict[Any, Head]]:
    """The columns of a cohort: those before its own bucket, then from that on without a gap; last those without a date."""
    known = [key for key in keys if key is not None]
    ordered = [*sorted(key for key in known if key < 0), *range(max(known, default=-1) + 1)]
    word = {"week": _("week"), "month": _("month"), "quarter": _("quarter"), "year": _("year")}[grain]
    named = {key: Head(key, f"{word} {key:+d}" if key else f"{word} 0", rank=(0, key)) for key in ordered}
    if None in keys:
        named[None] = Head(None, _("(none)"), "gray", rank=(1, 0))
    return list(named), named


def label(run: Run, place: int) -> str:
    """The name of a measure."""
    one = run.spec.measures[place]
    own = shape.spoken(one.label_zh, one.label_en)
    if own:
        return own
    field = run.fields[place][0]
    if one.how == "count":
        return str(run.entity.plural)
    if field is not None:
        return str(field.label) if one.how == "sum" else f"{field.label} · {AGGREGATES[one.how]}"
    return f"{DERIVED[one.how]} · {label(run, one.a)}"


def unit(run: Run, place: int) -> Unit:
    """What a measure is measured in."""
    one = run.spec.measures[place]
    if one.how == "kept":
        return Unit("percent", places=0, heat=True)
    if one.how == "share" or one.unit == "percent":
        return Unit("percent", places=1)
    if one.how == "running":
        return unit(run, one.a)
    if one.how == "ratio":
        return Unit(places=2)
    field = run.fields[place][0]
    if field is None or one.how == "distinct":
        return Unit(places=0)
    if one.how == "days":
        return Unit(places=1)
    if field.field.kind == "money":
        return Unit("money", "" if field.field.custom else run.money.currency, 2)
    if field.field.kind == "percent":
        return Unit("percent", places=1)
    return Unit(places=0 if field.field.kind == "integer" and one.how != "avg" else 2)
