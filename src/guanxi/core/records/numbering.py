"""Serial numbers by rule: format, restart, gap-free where asked."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import NumberCounter, Numbering
from guanxi.core.models.fixed import ask
from guanxi.core.models.stamps import kept
from guanxi.core.schema.entity import Entity

_PART = re.compile(r"\{(yyyy|yy|mm|dd|seq(?::(\d{1,2}))?)\}")
_PERIODS = {"never": "", "year": "%Y", "month": "%Y%m", "day": "%Y%m%d"}


def check_format(format_: str, reset: str) -> None:
    """Raise Invalid for a format without a place for the number, or a restart that would give numbers twice."""
    parts = {found[1].split(":")[0] for found in _PART.finditer(format_)}
    wanted = {"never": set(), "year": {"yy"}, "month": {"yy", "mm"}, "day": {"yy", "mm", "dd"}}.get(reset)
    if "seq" not in parts or "{" in _PART.sub("", format_):
        raise Invalid(
            _("The format needs {seq}, and knows {yyyy}, {yy}, {mm}, {dd}."), code="numbering.format", field="format"
        )
    if wanted is None or wanted - {"yy" if one == "yyyy" else one for one in parts}:
        raise Invalid(
            _("Numbers that start anew need the period in their format."), code="numbering.reset", field="format"
        )


@kept("numbering")
def _rules(entity: str) -> tuple[Numbering, ...]:
    return tuple(Numbering.objects.filter(entity=entity))


def fill(entity: Entity, record: Any) -> None:
    """Give a new record its numbers where its numbered fields are empty; within ``writing``."""
    for rule in _rules(entity.key):
        if not _held(record, rule.field):
            _give(record, rule.field, next_numbers(rule, 1)[0])


def fill_many(entity: Entity, records: Sequence[Any]) -> None:
    """Give many new records their numbers, one step of the counter per rule; within ``writing``."""
    for rule in _rules(entity.key):
        empty = [record for record in records if not _held(record, rule.field)]
        if empty:
            for record, number in zip(empty, next_numbers(rule, len(empty)), strict=True):
                _give(record, rule.field, number)


def fields_of(entity: Entity) -> list[str]:
    """The fields of an entity that rules fill."""
    return [rule.field for rule in _rules(entity.key)]


def numbers_for(entity: Entity, how_many: int) -> list[str]:
    """The next numbers of an entity with one rule, [] for one without; within ``writing``."""
    return [number for rule in _rules(entity.key) if how_many for number in next_numbers(rule, how_many)]


def _held(record: Any, field: str) -> Any:
    custom = field.removeprefix("custom.")
    return getattr(record, field, "") if custom == field else record.custom.get(custom)


def _give(record: Any, field: str, number: str) -> None:
    custom = field.removeprefix("custom.")
    if custom == field:
        setattr(record, field, number)
    else:
        record.custom = {**record.custom, custom: number}


def next_numbers(rule: Numbering, how_many: int) -> list[str]:
    """The next numbers of a rule.

    Gap-free rules hold their counter until the transaction ends, so a rolled-back record gives its number back;
    others take it from a sequence at once and may leave gaps, but never wait for each other.
    """
    today = clock.today(settings.TIME_ZONE)
    period = _period(rule, today)
    numbers = _advance_gap_free(rule, period, how_many) if rule.gap_free else _advance(rule, period, how_many)
    dated = _PART.sub(lambda part: part[0] if part[1].startswith("seq") else _of_day(part[1], today), rule.format)
    return [spelled(dated, number, today) for number in numbers]


def _of_day(part: str, day: dt.date) -> str:
    return day.strftime({"yyyy": "%Y", "yy": "%y", "mm": "%m", "dd": "%d"}[part])


def spelled(format_: str, number: int, day: dt.date) -> str:
    """A number as the format writes it on a day."""

    def part(match: re.Match[str]) -> str:
        if match[1].startswith("seq"):
            return str(number).zfill(int(match[2] or 1))
        return _of_day(match[1], day)

    return _PART.sub(part, format_)


def upcoming(rule: Numbering) -> int:
    """The number the rule gives next in the present period, without taking it."""
    period = _period(rule, clock.today(settings.TIME_ZONE))
    if rule.gap_free:
        last = rule.counters.filter(period=period).values_list("last", flat=True).first()
        return rule.start if last is None else last + 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [_sequence(rule, period)])
        if cursor.fetchone() == (None,):
            return rule.start
        cursor.execute(f'SELECT last_value + is_called::int FROM "{_sequence(rule, period)}"')  # noqa: S608 - our own name
        row = cursor.fetchone()
    return int(row[0]) if row else rule.start


def go_on_from(rule: Numbering, number: int) -> None:
    """The rule goes on with this number in the present period; within ``writing``."""
    period = _period(rule, clock.today(settings.TIME_ZONE))
    if rule.gap_free:
        NumberCounter.objects.update_or_create(numbering=rule, period=period, defaults={"last": number - 1})
        return
    with connection.cursor() as cursor:
        _sequence_made(cursor, rule, period)
        cursor.execute("SELECT setval(%s::regclass, %s, false)", [_sequence(rule, period), number])


def _period(rule: Numbering, day: dt.date) -> str:
    return day.strftime(_PERIODS[rule.reset])


def _sequence(rule: Numbering, period: str) -> str:
    return f"guanxi_number_{rule.pk}_{period or 'all'}"


def _sequence_made(cursor: Any, rule: Numbering, period: str) -> None:
    cursor.execute("SELECT to_regclass(%s)", [_sequence(rule, period)])
    if cursor.fetchone() == (None,):
        cursor.execute("SELECT guanxi_door_number_make(%s, %s)", [_sequence(rule, period), rule.start])


def _advance_gap_free(rule: Numbering, period: str, how_many: int) -> list[int]:
    NumberCounter.objects.get_or_create(numbering=rule, period=period, defaults={"last": rule.start - 1})
    counter = NumberCounter.objects.select_for_update().get(numbering=rule, period=period)
    counter.last += how_many
    counter.save(update_fields=["last"])
    return list(range(counter.last - how_many + 1, counter.last + 1))


def _advance(rule: Numbering, period: str, how_many: int) -> list[int]:
    taken = "SELECT string_agg(nextval(to_regclass(%s))::text, ',') FROM generate_series(1, %s)"
    given = [_sequence(rule, period), how_many]
    [(found,)] = ask(taken, given)
    if found is None:
        with connection.cursor() as cursor:
            _sequence_made(cursor, rule, period)
        [(found,)] = ask(taken, given)
    return [int(number) for number in found.split(",")]
