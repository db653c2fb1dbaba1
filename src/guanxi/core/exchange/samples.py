"""Sample records of a pack: tables read from CSV, entered once, taken away again unless somebody worked on them.

``samples/10-customers.customer.csv`` holds records of one entity, a column a field. ``key`` names a record for others (``$key``), ``at``
is when it was made, ``name:en`` what is said in English beside ``name``, or in its place. ``@today-30d``, ``@now-3h`` are moments before
or after the present, ``@role:claims_handler`` the next in turn of those with a role, a cell in brackets is JSON.
``samples/30-custom.claim.steps.csv`` (``key at field value``, and further fields) says what happened to records afterwards.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _

from guanxi.core import records
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid
from guanxi.core.models import ProcessEntry, User
from guanxi.core.records import saving, shape
from guanxi.core.records.writing import coming_from, operation_begin, writing
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import carried_by, entity_of, is_registered

_MOMENT = re.compile(r"@(today|now)(?:([+-])(\d{1,5})([dhmy]))?\Z")
_ROLE = "@role:"
_UNITS = {
    "d": dt.timedelta(days=1),
    "h": dt.timedelta(hours=1),
    "m": dt.timedelta(minutes=1),
    "y": dt.timedelta(days=365),
}
_OWN = ("key", "at")
#: What stands between the words of two languages, by kind of field.
_BETWEEN = {"long_text": "\n"}


@dataclass(frozen=True, slots=True)
class Table:
    """One file: records of an entity, or with ``steps`` what happened to them afterwards."""

    name: str
    entity: str
    steps: bool
    rows: tuple[Mapping[str, str], ...]


def tables(place: Path) -> Iterator[Table]:
    """The sample tables of a pack, in the order of their names."""
    for path in sorted(place.glob("*.csv")):
        entity = path.stem.partition("-")[2]
        steps = entity.endswith(".steps")
        with path.open(encoding="utf-8", newline="") as lines:
            rows = tuple(csv.DictReader(lines))
        yield Table(path.name, entity.removesuffix(".steps"), steps, rows)


@dataclass
class Entering:
    """One entering of a pack's samples. ``roles`` are asked in turn for owners; without people it is the actor, or an administrator.

    Words that stand in both languages are entered in ``language``, or in ``both``, the English ones after the Chinese.

    ``told`` hears how many records were entered, table by table.
    """

    actor: Actor
    roles: Sequence[str]
    language: str = "both"
    told: Callable[[int], None] = lambda _count: None
    known: dict[str, tuple[str, int]] = field(default_factory=dict)
    owners: dict[str, int | None] = field(default_factory=dict)
    _turns: dict[str, list[int]] = field(default_factory=dict)

    def run(self, found: Sequence[Table]) -> list[list[Any]]:
        """Enter everything; entity, id and version of each record, in order. No rule runs on samples. Raises Invalid naming the line."""
        with coming_from("import"):
            for table in found:
                self.told(len(self.known))
                for number, row in enumerate(table.rows, start=2):
                    try:
                        (self._step if table.steps else self._record)(table, row)
                    except (GuanxiError, KeyError, ValueError) as error:
                        words = {"file": table.name, "line": number, "reason": _reason(error)}
                        raise Invalid(_("%(file)s, line %(line)d: %(reason)s") % words, code="pack.sample") from None
        return [[entity, pk, _version(entity, pk)] for entity, pk in self.known.values()]

    def _record(self, table: Table, row: Mapping[str, str]) -> None:
        entity = entity_of(table.entity)
        given = self._values(entity, row)
        owner = entity.access.owner
        if owner and owner not in given:
            given[owner] = self._owner(row)
        with clock.moved_to(self._moment(row.get("at") or "@now")):
            record = records.create(self.actor, entity, given)
        self.known[row["key"]] = (entity.key, record.pk)
        self.owners[row["key"]] = getattr(record, f"{owner}_id", None) if owner else None

    def _owner(self, row: Mapping[str, str]) -> int | None:
        """The owner of what it belongs to, else the next in turn."""
        above = next((self.owners.get(value[1:]) for value in row.values() if value and value.startswith("$")), None)
        return above or next((one for role in self.roles if (one := self._next(role)) is not None), self._fallback())

    def _next(self, role: str) -> int | None:
        if role not in self._turns:
            people = User.objects.filter(is_active=True, roles__key=role, roles__deleted_at__isnull=True).order_by("pk")
            self._turns[role] = list(people.values_list("pk", flat=True))
        turn = self._turns[role]
        if not turn:
            return None
        turn.append(turn.pop(0))
        return turn[-1]

    def _fallback(self) -> int | None:
        return self.actor.user_id or self._next("administrator")

    def _step(self, table: Table, row: Mapping[str, str]) -> None:
        entity = entity_of(table.entity)
        record = records.get(self.actor, entity, self.known[row["key"]][1])
        given = self._values(entity, row)
        moment = self._moment(row["at"])
        with clock.moved_to(moment):
            records.update(self.actor, record, given)
        person = next((one for name, one in given.items() if entity_field(entity, name) == "user"), None)
        if person:
            department = User.everything.filter(pk=person).values_list("department_id", flat=True).first()
            rows = ProcessEntry.objects.filter(entity=entity.key, record_id=record.pk, at=moment)
            rows.update(user_id=person, department_id=department)

    def _values(self, entity: Entity, row: Mapping[str, str]) -> dict[str, Any]:
        fields = shape.fields_of(entity)
        found: dict[str, Any] = {}
        for name, text in row.items():
            plain, _colon, language = name.partition(":")
            if plain in _OWN or not text or (language and self.language == "zh-hans"):
                continue
            if plain not in fields:
                raise KeyError(plain)
            value = self._value(fields[plain].kind, text)
            if language and self.language == "both" and found.get(plain) and value != found[plain]:
                value = f"{found[plain]}{_BETWEEN.get(fields[plain].kind, ' ')}{value}"
            found[plain] = value
        return found

    def _value(self, kind: str, text: str) -> Any:
        if text.startswith("$"):
            return self.known[text[1:]][1]
        if text.startswith(_ROLE):
            role = text.removeprefix(_ROLE)
            return next(
                (one for each in (role, *self.roles) if (one := self._next(each)) is not None), self._fallback()
            )
        if _MOMENT.match(text):
            moment = self._moment(text)
            return moment.astimezone(ZoneInfo(settings.TIME_ZONE)).date() if kind == "date" else moment
        if text[0] in "[{":
            return self._inside(json.loads(text))
        return text

    def _inside(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._inside(one) for one in value]
        return self.known[value[1:]][1] if isinstance(value, str) and value.startswith("$") else value

    def _moment(self, text: str) -> dt.datetime:
        found = _MOMENT.match(text)
        if found is None:
            raise ValueError(text)
        base, sign, number, unit = found.groups()
        moment = clock.now() if base == "now" else clock.day_start(clock.today(settings.TIME_ZONE), settings.TIME_ZONE)
        shift = _UNITS[unit] * int(number) if unit else dt.timedelta()
        return moment - shift if sign == "-" else moment + shift


def entity_field(entity: Entity, name: str) -> str:
    """The kind of a field."""
    return shape.fields_of(entity)[name].kind


def _reason(error: Exception) -> str:
    if isinstance(error, Invalid) and error.errors:
        return "; ".join(f"{name}: {one.message}" for name, some in error.errors.items() for one in some)
    return str(error)


def _version(entity: str, pk: int) -> int:
    found = entity_of(entity).model._default_manager.filter(pk=pk).values_list("version", flat=True).first()
    return int(found or 0)


def take_away(actor: Actor, entered: Sequence[Sequence[Any]]) -> tuple[int, int]:
    """Put samples in the trash, the last ones first; how many went and how many stay.

    What somebody changed since stays, and so does what bears it or anything somebody added: working on a sample makes it his.
    """
    gone = kept = 0
    for key, group in groupby(reversed(entered), key=lambda one: one[0]):
        if not is_registered(key):
            continue
        entity, versions = entity_of(key), {pk: version for _key, pk, version in group}
        living = dict(entity.model._default_manager.filter(pk__in=versions).values_list("pk", "version"))
        changed = {pk for pk, version in living.items() if version != versions[pk]} | _bearing(entity, list(living))
        untouched = [pk for pk in living if pk not in changed]
        kept += len(changed)
        if untouched:
            step = operation_begin(actor, "delete", key, total=len(untouched), parameters={"ids": untouched})
            with writing(actor, operation=step):
                gone += saving.trash(actor, entity, untouched)
    return gone, kept


def _bearing(entity: Entity, ids: Sequence[int]) -> set[int]:
    """Which of the records carry others that live."""
    found: set[int] = set()
    for child, name in carried_by(entity.key):
        rows = child.model._default_manager.filter(**{f"{name}_id__in": ids})
        found.update(rows.order_by().values_list(f"{name}_id", flat=True))
    return found
