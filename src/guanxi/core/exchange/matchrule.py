"""Which existing record a row means: alternatives in order, each one field or several together."""

from __future__ import annotations

import itertools
import marshal
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from guanxi.core.exchange.rows import RowKeys
from guanxi.core.exchange.trial import Trial
from guanxi.core.kernel.errors import Invalid
from guanxi.core.kernel.text import fold, name_keys, words
from guanxi.core.records import matching, values
from guanxi.core.records.copying import array_literal
from guanxi.core.records.search.tokens import entries
from guanxi.core.schema.entity import Entity, MatchKey
from guanxi.core.schema.fields import Field

Key = tuple[str, str, str]

#: Kinds that can be part of a match rule without a declared match key: compared as they are.
PLAIN = frozenset(("text", "serial", "email", "phone", "reference", "date", "integer", "choice"))
TEXTS = frozenset(("text", "serial", "email", "phone", "choice"))


@dataclass(frozen=True, slots=True)
class Rule:
    """Alternatives in order; each is a tuple of field names that must all agree."""

    alternatives: tuple[tuple[str, ...], ...]

    def fields(self) -> set[str]:
        """All fields the rule looks at."""
        return {name for alternative in self.alternatives for name in alternative}

    def as_json(self) -> list[str]:
        """``["credit_code", "name+customer"]``."""
        return ["+".join(alternative) for alternative in self.alternatives]


def own_rule(entity: Entity, mapped: Iterable[str]) -> Rule:
    """The rule an entity suggests for the mapped fields: what is certain by itself, then the name, then the rest with it."""
    names = set(mapped)
    found: list[tuple[str, ...]] = [
        (key.field,) for key in entity.match_keys if key.weight >= 100 and key.field in names
    ]
    found += [(name,) for name in ("external_id", "number") if name in names]
    title = entity.title if entity.title in names else ""
    carrier = entity.access.carried_by
    for key in entity.match_keys:
        if key.field not in names or key.weight >= 100 or key.how == "email_domain" or key.field == title:
            continue
        if key.how in ("phone", "email", "exact"):
            found.append((key.field, title) if title else (key.field,))
    by_name = next((key for key in entity.match_keys if key.field == title and key.how == "name"), None)
    if by_name is not None and by_name.weight >= 60:
        found.append((title,))
    elif title and carrier in names:
        found.append((title, carrier))
    elif title and by_name is None and not entity.match_keys:
        found.append((title,))
    return Rule(tuple(dict.fromkeys(found)))


def rule_of(entity: Entity, fields: Mapping[str, Field], given: Sequence[str], mapped: Iterable[str]) -> Rule:
    """The rule somebody chose, or the entity's own. Raises Invalid for a field that cannot be matched by."""
    if not given:
        return own_rule(entity, mapped)
    keyed = {key.field for key in entity.match_keys}
    alternatives = []
    for text in given:
        names = tuple(part.strip() for part in text.split("+") if part.strip())
        for name in names:
            if name not in fields or not (name in keyed or fields[name].kind in PLAIN) or fields[name].custom:
                raise Invalid(
                    _("Records cannot be matched by “%(field)s”.") % {"field": name}, code="import.match", field="match"
                )
        alternatives.append(names)
    return Rule(tuple(alternatives))


@dataclass(slots=True)
class Sought:
    """What many rows stand under, each kind and text once, with the position of the first row: as PostgreSQL writes lists,
    by field where there are no match keys; and the rows that share something. Plain, for it is sent."""

    kinds: str
    texts: str
    places: str
    plainly: dict[str, dict[str, int]]
    shared: set[int]


@dataclass(slots=True)
class Found:
    """What the rule says of one row: the ids of candidates, or the position of an earlier row of the same batch."""

    records: list[int] = field(default_factory=list)
    earlier: int | None = None
    similar: list[int] = field(default_factory=list)


class Matcher:
    """Finds, for a batch of clean rows, the records they mean: two or three queries whatever its size."""

    def __init__(
        self,
        entity: Entity,
        fields: Mapping[str, Field],
        rule: Rule,
        *,
        lock: bool = True,
        unsaid: Collection[str] = (),
    ) -> None:
        self.entity = entity
        self.unsaid = unsaid
        self.lock = lock
        self.fields = fields
        self.rule = rule
        self.keys = {key.field: key for key in entity.match_keys if key.how != "email_domain"}
        self.heads = {alternative[0] for alternative in rule.alternatives if alternative}
        self.looked_at: tuple[str, ...] = ()
        self.strong = [
            name for name in fields if name in ("external_id", "number")
            or any(key.field == name and key.weight >= 100 for key in entity.match_keys)
        ]  # fmt: skip
        self.looked_at = tuple({*rule.fields(), *self.strong})
        self._kinds = [(name, *self._kind(name)) for name in self.looked_at]
        self._read = [fields[name] for name in {*self.looked_at, "kind"} & set(fields)]
        #: What a dry run has made and changed before; ``None`` where rows are written.
        self.trial: Trial | None = None

    def _kind(self, name: str) -> tuple[str, MatchKey | None]:
        """Under what keys of a field stand, and the match key declared for it."""
        key = self.keys.get(name)
        if key is None:
            return f"={name}", None
        return f"exact:{name}" if key.how == "exact" else key.how, key

    def find(
        self,
        rows: Mapping[int, Mapping[str, Any]],
        known: Mapping[int, RowKeys | bytes] | None = None,
        sought: Sought | None = None,
    ) -> dict[int, Found]:
        """What rows (by position) mean, those left out that share nothing with a record or another row; with ``lock`` all
        records they may mean are held to the end.

        ``known`` has the keys of rows, packed or not, where they have been worked out before, ``sought`` what all of
        those rows stand under.
        """
        known = known or {}
        if sought is None or not known.keys() >= rows.keys():
            made = {one: unpacked(known[one]) if one in known else self.keys_of(row) for one, row in rows.items()}
            known, sought = made, self.sought(made)
        hits, met = self._lookup(sought)
        theirs = self._living({number for numbers in hits.values() for number in numbers})
        if self.trial is not None:
            met |= self.trial.join({one: unpacked(known[one]) for one in rows}, hits, theirs)
        telling = sought.shared | met
        keys = {one: unpacked(known[one]) for one in rows if one in telling}
        seen: dict[Key, list[int]] = defaultdict(list)
        found: dict[int, Found] = {}
        for position, mine in keys.items():
            found[position] = self._decide(rows[position], mine, hits, theirs, seen, keys)
            for key in itertools.chain.from_iterable(mine.values()):
                seen[key].append(position)
        return found

    def sought(self, keys: Mapping[int, RowKeys]) -> Sought:
        """What rows stand under, by position."""
        first: dict[str, dict[str, int]] = defaultdict(dict)
        shared: set[int] = set()
        for position, mine in keys.items():
            for kind, text, _same in itertools.chain.from_iterable(mine.values()):
                other = first[kind].setdefault(text, position)
                if other != position:
                    shared |= {other, position}
        kinds: list[str] = []
        texts: list[str] = []
        places: list[int] = []
        for kind, held in sorted(first.items()):
            if kind[0] != "=":
                in_order = sorted(held)  # so that neighbours are looked up one after another
                kinds += [kind] * len(held)
                texts += in_order
                places += [held[text] for text in in_order]
        plainly = {kind[1:]: held for kind, held in first.items() if kind[0] == "="}
        return Sought(array_literal(kinds), array_literal(texts), array_literal(places), plainly, shared)

    def keyed(self, row: Mapping[str, Any]) -> bool:
        """Whether a row has what records are found by."""
        return next(self._applying(row, self.keys_of(row)), None) is not None

    def _living(self, ids: set[int]) -> dict[int, RowKeys]:
        """Keys of the living records among these; read as values, of which a batch may need thousands."""
        if not ids:
            return {}
        columns = [one.column for one in self._read]
        rows = self.entity.model._default_manager.filter(pk__in=ids)
        if self.lock:
            rows = rows.select_for_update(of=("self",), no_key=True)
        names = [one.name for one in self._read]
        return {
            row[0]: self.keys_of(dict(zip(names, row[1:], strict=True))) for row in rows.values_list("pk", *columns)
        }

    def _decide(
        self,
        row: Mapping[str, Any],
        mine: RowKeys,
        hits: Mapping[tuple[str, str], list[int]],
        known: Mapping[int, RowKeys],
        seen: Mapping[Key, list[int]],
        keys: Mapping[int, RowKeys],
    ) -> Found:
        result = Found()
        for alternative in self._applying(row, mine):
            first = mine[alternative[0]]
            numbers = {number for key in first for number in hits.get(key[:2], ()) if number in known}
            fitting = [
                number for number in sorted(numbers)
                if self._agree(alternative, mine, known[number]) and not self._differs(mine, known[number])
            ]  # fmt: skip
            if fitting:
                result.records = fitting
                return result
            earlier = [
                other for key in first for other in seen.get(key, ())
                if self._agree(alternative, mine, keys[other]) and not self._differs(mine, keys[other])
            ]  # fmt: skip
            if earlier:
                result.earlier = min(earlier)
                return result
            if alternative == (self.entity.title,):
                result.similar = sorted(self._sayable(first, numbers))[:5]
        return result

    def _sayable(self, keys: Iterable[Key], numbers: set[int]) -> set[int]:
        """Those of the records that stand under the keys without the fields that are ``unsaid``."""
        wanted = {key[:2] for key in keys}
        if not numbers or matching.kinds_of(self.entity, self.unsaid).isdisjoint(kind for kind, _text in wanted):
            return numbers
        own = matching.own_keys(self.entity, numbers, self.unsaid)
        return {number for number in numbers if not wanted.isdisjoint(own.get(number, ()))}

    def _applying(self, row: Mapping[str, Any], mine: RowKeys) -> Iterator[tuple[str, ...]]:
        """Alternatives all of whose fields are filled; a person's name alone says too little."""
        person = row.get("kind") == "person"
        for alternative in self.rule.alternatives:
            if all(mine.get(name) for name in alternative) and not (person and alternative == (self.entity.title,)):
                yield alternative

    def _agree(self, names: Iterable[str], mine: RowKeys, theirs: RowKeys) -> bool:
        return all(not set(mine[name]).isdisjoint(theirs.get(name, ())) for name in names)

    def _differs(self, mine: RowKeys, theirs: RowKeys) -> bool:
        """Whether something certain (a credit code, a number elsewhere) speaks against it."""
        return any(
            mine.get(name) and theirs.get(name) and set(mine[name]).isdisjoint(theirs[name]) for name in self.strong
        )

    def keys_of(self, row: Mapping[str, Any]) -> RowKeys:
        """The keys of clean values, by field."""
        found: dict[str, tuple[Key, ...]] = {}
        for name, kind, key in self._kinds:
            value = row.get(name)
            if value is None or value == "" or value == []:
                continue
            if key is None:
                found[name] = ((kind, plain(value), ""),)
            elif key.how == "name":
                person = row.get("kind") == "person" if row.get("kind") else self.entity.icon.startswith("user")
                found[name] = tuple(_names(entries(value), person))
            else:
                made = map(matching.HOW[key.how], entries(value))
                found[name] = tuple([(kind, one[: matching.VALUE_LENGTH], "") for one in made if one])
        return found

    def keys_held(self, record: Any) -> RowKeys:
        """The keys of what a record holds."""
        return self.keys_of({one.name: values.current(record, one) for one in self._read})

    def _lookup(self, sought: Sought) -> tuple[dict[tuple[str, str], list[int]], set[int]]:
        """Ids of living records by kind and value of a key; and the positions of rows that stand under the same."""
        hits: dict[tuple[str, str], list[int]] = defaultdict(list)
        met: set[int] = set()
        if sought.texts != "{}":
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT k.kind, k.value, k.place, m.record_id"
                    " FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS k(kind, value, place)"
                    " CROSS JOIN LATERAL (SELECT record_id FROM core_match_key WHERE entity = %s AND kind = k.kind"
                    " AND value = k.value LIMIT 20) m",
                    [sought.kinds, sought.texts, sought.places, self.entity.key],
                )
                for kind, text, place, number in cursor.fetchall():
                    hits[kind, text].append(number)
                    met.add(place)
        for name, places in sought.plainly.items():
            column = self.fields[name].column
            kind = self.fields[name].kind
            if kind == "reference" and name not in self.heads:
                continue  # too many have it; it only confirms what another field of the alternative found
            # Such columns are indexed where they are filled, which PostgreSQL does not see in a long list.
            filled = (
                self.entity.model._default_manager.exclude(**{column: ""})
                if kind in TEXTS
                else self.entity.model._default_manager.all()
            )
            rows = filled.filter(**{f"{column}__any" if kind in TEXTS else f"{column}__in": list(places)})
            for value, number in rows.values_list(column, "pk"):
                text = plain(value)
                hits[f"={name}", text].append(number)
                met.add(places.get(text, 0))
        return hits, met


def _names(written: Iterable[str], person: bool) -> Iterator[Key]:
    for name in written:
        for one in name_keys(name, person=person)[:1]:
            yield "name", one[: matching.VALUE_LENGTH], _strict(name)


@lru_cache(maxsize=4096)
def _strict(name: str) -> str:
    """A name without width, case and punctuation: what two spellings must share to be the same."""
    return "".join(words(fold(name)))


def packed(keys: RowKeys | bytes) -> bytes:
    """The keys of a row as bytes: few rows of a batch are looked at again."""
    return keys if isinstance(keys, bytes) else marshal.dumps(keys)


def unpacked(keys: RowKeys | bytes) -> RowKeys:
    """The counterpart of :func:`packed`, for what this program has packed itself."""
    found: RowKeys = marshal.loads(keys) if isinstance(keys, bytes) else keys  # noqa: S302 - from our own process
    return found


def plain(value: Any) -> str:
    """A value as it is compared when no match key says how."""
    return value if isinstance(value, str) else str(value)
