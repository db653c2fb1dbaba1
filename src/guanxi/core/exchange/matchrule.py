"""Which existing record a row means: alternatives in order, each one field or several together."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from guanxi.core.kernel.errors import Invalid
from guanxi.core.kernel.text import fold, name_keys, words
from guanxi.core.records import matching
from guanxi.core.records.copying import array_literal
from guanxi.core.records.search.tokens import entries
from guanxi.core.schema.entity import Entity, MatchKey
from guanxi.core.schema.fields import Field

#: (kind, value looked up, value that must be the same); the last two differ for names only.
Key = tuple[str, str, str]
RowKeys = Mapping[str, tuple[Key, ...]]

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
class Found:
    """What the rule says of one row: the ids of candidates, or the position of an earlier row of the same batch."""

    records: list[int] = field(default_factory=list)
    earlier: int | None = None
    keyed: bool = False
    similar: list[int] = field(default_factory=list)


class Matcher:
    """Finds, for a batch of clean rows, the records they mean: two or three queries whatever its size."""

    def __init__(self, entity: Entity, fields: Mapping[str, Field], rule: Rule, *, lock: bool = True) -> None:
        self.entity = entity
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

    def find(
        self, rows: Mapping[int, Mapping[str, Any]], known: Mapping[int, RowKeys] | None = None
    ) -> tuple[dict[int, Found], set[int]]:
        """For each row (by position) what it means; and the ids of all records it may mean, with ``lock`` held to the end.

        ``known`` has the keys (``keys_of``) of rows where they have been worked out before.
        """
        known = known or {}
        keys = {position: known.get(position) or self.keys_of(row) for position, row in rows.items()}
        own = {position: [key for each in mine.values() for key in each] for position, mine in keys.items()}
        often = Counter(itertools.chain.from_iterable(own.values()))
        hits = self._lookup(often)
        telling = {key for key, count in often.items() if count > 1 or key[:2] in hits}
        theirs = self._living({number for numbers in hits.values() for number in numbers})
        seen: dict[Key, list[int]] = defaultdict(list)
        found: dict[int, Found] = {}
        for position, row in rows.items():
            mine = keys[position]
            if telling.isdisjoint(own[position]):
                found[position] = Found(keyed=next(self._applying(row, mine), None) is not None)
                continue
            found[position] = self._decide(row, mine, hits, theirs, seen, keys)
            for key in own[position]:
                seen[key].append(position)
        return found, set(theirs)

    def _living(self, ids: set[int]) -> dict[int, RowKeys]:
        """Keys of the living records among these; read as values, of which a batch may need thousands."""
        if not ids:
            return {}
        fields = [self.fields[name] for name in {*self.looked_at, "kind"} & set(self.fields)]
        columns = [one.column for one in fields]
        rows = self.entity.model._default_manager.filter(pk__in=ids)
        if self.lock:
            rows = rows.select_for_update(of=("self",), no_key=True)
        names = [one.name for one in fields]
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
            result.keyed = True
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
                result.similar = sorted(numbers)[:5]
        return result

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
        for name in self.looked_at:
            value = row.get(name)
            if value in (None, "", []):
                continue
            key = self.keys.get(name)
            found[name] = self._declared(key, row) if key is not None else ((f"={name}", plain(value), ""),)
        return found

    def _declared(self, key: MatchKey, row: Mapping[str, Any]) -> tuple[Key, ...]:
        person = row.get("kind") == "person" if row.get("kind") else self.entity.icon.startswith("user")
        found: list[Key] = []
        for written in entries(row[key.field]):
            if key.how == "name":
                strict = _strict(written)
                found += [
                    ("name", one[: matching.VALUE_LENGTH], strict) for one in name_keys(written, person=person)[:1]
                ]
            elif value := matching.HOW[key.how](written):
                kind = f"exact:{key.field}" if key.how == "exact" else key.how
                found.append((kind, value[: matching.VALUE_LENGTH], ""))
        return tuple(found)

    def _lookup(self, wanted: Iterable[Key]) -> dict[tuple[str, str], list[int]]:
        """Ids of living records by kind and value of a key."""
        hits: dict[tuple[str, str], list[int]] = defaultdict(list)
        stored = sorted({key[:2] for key in wanted if not key[0].startswith("=")})
        if stored:
            kinds, texts = [key[0] for key in stored], [key[1] for key in stored]
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT k.kind, k.value, m.record_id FROM unnest(%s::text[], %s::text[]) AS k(kind, value)"
                    " CROSS JOIN LATERAL (SELECT record_id FROM core_match_key WHERE entity = %s AND kind = k.kind"
                    " AND value = k.value LIMIT 20) m",
                    [array_literal(kinds), array_literal(texts), self.entity.key],
                )
                for kind, text, number in cursor.fetchall():
                    hits[kind, text].append(number)
        for name in {key[0][1:] for key in wanted if key[0].startswith("=")}:
            texts = [key[1] for key in wanted if key[0] == f"={name}"]
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
            rows = filled.filter(**{f"{column}__any" if kind in TEXTS else f"{column}__in": texts})
            for value, number in rows.values_list(column, "pk"):
                hits[f"={name}", plain(value)].append(number)
        return hits


@lru_cache(maxsize=4096)
def _strict(name: str) -> str:
    """A name without width, case and punctuation: what two spellings must share to be the same."""
    return "".join(words(fold(name)))


def plain(value: Any) -> str:
    """A value as it is compared when no match key says how."""
    return value if isinstance(value, str) else str(value)
