"""Which column of a file goes into which field, found out from headers in both languages and from sample values."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.utils import translation

from guanxi.core.access import allowed
from guanxi.core.exchange import words
from guanxi.core.exchange.mapping import (
    AUTHORSHIP,
    BESIDE,
    SEVERAL,
    FieldMap,
    Target,
    companion_fields,
    importable_fields,
)
from guanxi.core.exchange.reading.shapes import shape as shape_of
from guanxi.core.exchange.reading.table import Column
from guanxi.core.exchange.regions import region_code
from guanxi.core.exchange.subtables import header
from guanxi.core.kernel.actor import Actor
from guanxi.core.records import shape
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entities, entity_of

#: Columns of a file of refused rows that are ours (``results.import_write_errors``).
_OURS = ("Reason", "Row")
_PREFIXES = (
    "property",
    "properties",
    "contact1",
    "contact",
    "account1",
    "account",
    "company",
    "customer",
    "person",
    "organization1",
)


def auto_map(
    actor: Actor, entity: Entity | str, columns: Sequence[Column], sample: Sequence[Sequence[str]] = ()
) -> FieldMap:
    """The likeliest mapping of columns (with some sample rows of values) to the entity's fields."""
    declared = entity_of(entity)
    fields = importable_fields(actor, declared)
    vocabulary = _vocabulary(declared, fields)
    offers: list[tuple[int, int, Target]] = []
    for column in columns:
        values = [row[column.index] for row in sample if column.index < len(row) and row[column.index]]
        found = _offer(column, values, vocabulary, fields)
        if found:
            offers.append((-found[0], column.index, found[1]))
    targets = _chosen(sorted(offers, key=lambda offer: offer[:2]), fields, declared)
    targets = _sensible(declared, fields, targets, sample)
    targets = {index: _with_order(target, fields, index, sample) for index, target in sorted(targets.items())}
    targets |= _companions(actor, declared, columns, sample)
    targets |= _rows_of_one_table(fields, columns, targets)
    return FieldMap(targets, _defaults(declared, fields, targets))


def speaks_of(entity: Entity, name: str, headers: Iterable[str]) -> bool:
    """Whether a column by its header is about a field, also one this actor may not fill."""
    vocabulary = _vocabulary(entity, {name: shape.fields_of(entity)[name]})
    return any(words.plain(one) in vocabulary for one in headers)


def _companions(
    actor: Actor, entity: Entity, columns: Sequence[Column], sample: Sequence[Sequence[str]]
) -> dict[int, Target]:
    """Columns whose headers speak of a companion, if one of them names it."""
    found: dict[int, Target] = {}
    for companion in entity.companions:
        fields = companion_fields(actor, companion)
        declared = entity_of(companion.entity)
        if declared.title not in fields:
            continue
        vocabulary, taken = _vocabulary(declared, fields), set()
        offers: dict[int, Target] = {}
        for column in columns:
            word = words.plain(column.name) if column.named else ""
            start = next((one for one in map(words.plain, companion.words) if word.startswith(one)), "")
            rest = word.removeprefix(start)
            known = vocabulary.get(rest) if rest else (100, Target(declared.title))
            values = [row[column.index] for row in sample if column.index < len(row) and row[column.index]]
            target = _fitting(known, values, fields) if start and known else None
            if target and (target[1].field not in taken or fields[target[1].field].kind in SEVERAL):
                taken.add(target[1].field)
                offers[column.index] = replace(target[1], field=f"{companion.entity}{BESIDE}{target[1].field}")
        if declared.title in taken:
            found |= offers
    return found


Vocabulary = dict[str, tuple[int, Target]]


def _vocabulary(entity: Entity, fields: Mapping[str, Field]) -> Vocabulary:
    """Word → (how sure, target)."""
    found: Vocabulary = {}

    def add(word: str, sure: int, target: Target) -> None:
        if word and (word not in found or found[word][0] < sure):
            found[word] = (sure, target)

    own = words.of_area(entity.key)
    for name, one in fields.items():
        target = Target(name)
        if one.kind == "table":
            _add_columns(one, add)
            continue
        add(words.plain(name.removeprefix("custom.")), 90, target)
        for language in ("zh-hans", "en"):
            with translation.override(language):
                add(words.plain(str(one.label)), 100, target)
        for word in own.get(name, ()):
            add(word, 80, target)
        for word in words.split(words.FIELDS.get(name, "")):
            add(word, 60, target)
        for word, (part, label) in words.of_kind(one.kind).items():
            add(word, 70, replace(target, part=part, label=label))
    if entity.title in fields:
        for word, part in words.of_names().items():
            add(word, 65, Target(entity.title, part=part))
    return found


def _add_columns(field: Field, add: Callable[[str, int, Target], None]) -> None:
    """The columns of a table by its name and theirs."""
    for column in field.columns:
        for language in ("zh-hans", "en"):
            with translation.override(language):
                add(words.plain(header(field, column)), 95, Target(field.name, part=column.name))


def _rows_of_one_table(
    fields: Mapping[str, Field], columns: Sequence[Column], targets: Mapping[int, Target]
) -> dict[int, Target]:
    """Columns nothing else is known of, if two or more of them are called like the columns of one table."""
    free = {words.plain(one.name): one.index for one in columns if one.named and one.index not in targets}
    for field in fields.values() if targets and free else ():
        found: dict[int, Target] = {}
        for column in field.columns if field.kind == "table" else ():
            for language in ("zh-hans", "en"):
                with translation.override(language):
                    index = free.get(words.plain(str(column.label)))
                if index is not None:
                    found[index] = Target(field.name, part=column.name)
        if len(found) > 1:
            return found
    return {}


def _our_columns() -> frozenset[str]:
    found = set()
    for language in ("zh-hans", "en"):
        with translation.override(language):
            found |= {translation.gettext(name) for name in _OURS}
    return frozenset(found)


def _offer(
    column: Column, values: Sequence[str], vocabulary: Vocabulary, fields: Mapping[str, Field]
) -> tuple[int, Target] | None:
    """The best target for one column, with how sure that is."""
    found = None
    if column.named and column.name in _our_columns():
        return None
    if column.named:
        word = words.plain(re.sub(r"\(\d+\)$|\*$", "", column.name))
        found = vocabulary.get(word)
        bare = word
        for prefix in _PREFIXES if found is None else ():
            bare = word.removeprefix(prefix)
            if bare != word and bare in vocabulary:
                found = (vocabulary[bare][0] - 25, vocabulary[bare][1])
                break
    found = _fitting(found, values, fields) if found else None
    return found or _by_values(values, fields)


def _fitting(
    found: tuple[int, Target], values: Sequence[str], fields: Mapping[str, Field]
) -> tuple[int, Target] | None:
    """Turn an offer down, or into another, when the values speak against it."""
    sure, target = found
    kind = fields[target.field].kind
    looked = [value for value in values[:100] if words.plain(value) not in words.BLANK_WORDS]
    if not looked:
        return found
    if kind == "region":
        known = sum(bool(region_code(value)) for value in looked)
        if known * 10 < len(looked) * 6:
            address = next((one for one in fields.values() if one.kind == "addresses"), None)
            return (sure - 20, Target(address.name, part="state")) if address else None
    if kind in ("integer", "decimal", "money", "percent"):
        numeric = sum(
            shape_of(value) in ("number", "phone") or any(char.isdigit() for char in value) for value in looked
        )
        return found if numeric * 2 >= len(looked) else None
    if kind in ("date", "datetime"):
        dated = sum(any(char.isdigit() for char in value) for value in looked)
        return found if dated * 2 >= len(looked) else None
    return found


def _by_values(values: Sequence[str], fields: Mapping[str, Field]) -> tuple[int, Target] | None:
    """A target for a column whose name says nothing, when its values do."""
    if len(values) < 2:
        return None
    shapes = Counter(shape_of(value) for value in values[:100])
    wanted = {"email": "emails", "url": "urls"}
    common, count = shapes.most_common(1)[0]
    kind = wanted.get(common, "")
    if (
        sum(bool(re.fullmatch(r"(?:\+?86)?1[3-9]\d{9}", value)) for value in values[:100]) * 5
        >= min(len(values), 100) * 4
    ):
        kind, count = "phones", len(values[:100])
    if not kind or count * 5 < min(len(values), 100) * 4:
        return None
    name = next((one.name for one in fields.values() if one.kind == kind), "")
    return (20, Target(name)) if name else None


def _chosen(
    offers: Iterable[tuple[int, int, Target]], fields: Mapping[str, Field], entity: Entity
) -> dict[int, Target]:
    """Give each target to the surest column; entries of lists may come from many."""
    taken: set[tuple[str, str, str]] = set()
    chosen: dict[int, Target] = {}
    for _sure, index, target in offers:
        kind = fields[target.field].kind
        place = (target.field, target.part, target.label if kind == "addresses" else "")
        if (kind not in SEVERAL or kind == "addresses") and place in taken:
            continue
        taken.add(place)
        chosen[index] = target
    parts = [target.part for target in chosen.values() if target.field == entity.title and target.part]
    if parts == ["prefix"] or parts == ["suffix"]:
        chosen = {i: t for i, t in chosen.items() if t.part not in ("prefix", "suffix") or t.field != entity.title}
    return chosen


def _sensible(
    entity: Entity, fields: Mapping[str, Field], targets: dict[int, Target], sample: Sequence[Sequence[str]]
) -> dict[int, Target]:
    """Correct what single columns could not tell: a name beside a person's parts that is a company's; numbers that
    stand on rows of different names and so are somebody else's."""
    place = {(target.field, target.part): index for index, target in targets.items()}
    whole, last = place.get((entity.title, "")), place.get((entity.title, "last"))
    first = place.get((entity.title, "first"))
    rows = [row for row in sample if len(row) > max(targets, default=0)]
    if whole is not None and last is not None and first is not None:
        named = [row for row in rows if row[whole] and row[last]]
        foreign = sum(row[last].casefold() not in row[whole].casefold() for row in named)
        if named and foreign * 2 > len(named):
            company = entity.access.carried_by
            del targets[whole]
            if company in fields and (company, "") not in place:
                targets[whole] = Target(company)
    titled = [index for index, target in targets.items() if target.field == entity.title]
    for name in ("external_id", "number"):
        index = place.get((name, ""))
        if index is not None and titled:
            held: dict[str, set[str]] = {}
            for row in rows:
                if row[index]:
                    held.setdefault(row[index], set()).add("\x1f".join(row[one] for one in titled))
            if any(len(titles) > 1 for titles in held.values()):
                del targets[index]
    return targets


def _with_order(target: Target, fields: Mapping[str, Field], index: int, sample: Sequence[Sequence[str]]) -> Target:
    if fields[target.field].kind not in ("date", "datetime"):
        return target
    order = date_order(row[index] for row in sample if index < len(row))
    return replace(target, order=order) if order else target


def date_order(values: Iterable[str]) -> str:
    """How dates like 4/8/1966 are meant in a column: ``mdy`` or ``dmy``, told by those that can be read in one way."""
    first = second = seen = 0
    for value in values:
        found = re.match(r"\s*(\d{1,2})[/.-](\d{1,2})[/.-]\d{4}", value)
        if found:
            seen += 1
            first += int(found[1]) > 12
            second += int(found[2]) > 12
    if not seen or (first and second):
        return ""
    return "dmy" if first else "mdy" if second else ""


def _defaults(entity: Entity, fields: Mapping[str, Field], targets: Mapping[int, Target]) -> dict[str, Any]:
    """A row with a given and a family name is a person, where the entity knows both sorts."""
    kind = fields.get("kind")
    parts = {target.part for target in targets.values() if target.field == entity.title}
    person = kind is not None and any(key == "person" for key, _label in kind.choices)
    if person and {"first", "last"} & parts and not any(target.field == "kind" for target in targets.values()):
        whole = any(target.field == entity.title and not target.part for target in targets.values())
        return {} if whole else {"kind": "person"}
    return {}


def guess_entity(
    actor: Actor, columns: Sequence[Column], sample: Sequence[Sequence[str]], *, name: str = ""
) -> tuple[Entity | None, FieldMap]:
    """The entity a table seems to be about, with its mapping; ``None`` when none fits. ``name`` is the file's."""
    best: tuple[float, Entity, FieldMap] | None = None
    for entity in entities():
        if not (entity.importable and entity.creatable and entity.access.owner and allowed(actor, "import", entity)):
            continue
        mapping = auto_map(actor, entity, columns, sample)
        score = _score(entity, mapping, columns, name)
        if score > 0 and (best is None or score > best[0]):
            best = (score, entity, mapping)
    return (best[1], best[2]) if best else (None, FieldMap({}))


def _score(entity: Entity, mapping: FieldMap, columns: Sequence[Column], name: str) -> float:
    fields = mapping.fields()
    if entity.title not in fields:
        return 0.0
    required = [one.name for one in shape.fields_of(entity).values() if one.required and not one.readonly]
    if any(one not in fields and one != entity.title for one in required):
        return 0.0
    useful = [one for one in mapping.own().targets.values() if one.field not in ("external_id", *AUTHORSHIP)]
    score = float(len({(target.field, target.part) for target in useful}))
    hints = (words.plain(entity.path), *words.of_area(entity.key).get("files", ()))
    stem = words.plain(re.sub(r"(\.\w{1,5})+$", "", name.rsplit("/", 1)[-1]))
    if any(hint and hint in stem for hint in hints):
        return score + 4 + len(columns) * 0.1
    return score if score >= 2 and score * 5 >= len(columns) else 0.0
