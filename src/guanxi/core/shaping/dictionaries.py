"""Dictionaries and their values: made, renamed, ordered, retired, merged; and where each is used."""

# ruff: noqa: S608 - statements are made of our own tables and of keys that are slugs
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, models
from django.utils.translation import gettext as _

from guanxi.core.access.features import SETTINGS
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, NotFound, RuleBroken
from guanxi.core.models import Dictionary, DictionaryValue, Operation
from guanxi.core.models.stamps import bump
from guanxi.core.records import dictionaries, shape
from guanxi.core.records.settings_registry import not_longer
from guanxi.core.records.writing import operation_begin, writing
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entities
from guanxi.core.shaping import uses
from guanxi.core.shaping.common import check_version, key_from, put, require_shaper, required

LABELS: Mapping[str, Any] = {"name_zh": "name_zh", "name_en": "name_en", "narrowed_by": "narrowed_by"}


@dataclass(frozen=True, slots=True)
class Place:
    """A field that takes its values from a dictionary; ``column`` of a sub-table, or ''."""

    entity: Entity
    field: Field
    column: str = ""


def dictionary_for(key: str) -> Dictionary:
    """The dictionary of a key. Raises NotFound."""
    found = Dictionary.objects.filter(key=key).first()
    if found is None:
        raise NotFound(code="dictionary.unknown")
    return found


def places(key: str) -> list[Place]:
    """Every field of any entity that uses a dictionary."""
    found = []
    for entity in entities():
        for field in shape.fields_of(entity).values():
            if field.dictionary == key:
                found.append(Place(entity, field))
            found += [Place(entity, field, one.name) for one in field.columns if one.dictionary == key]
    return found


def _condition(place: Place, value: str) -> models.Q:
    field = place.field
    if place.column:
        rows = [{place.column: value}]
        return (
            models.Q(custom__contains={field.key: rows})
            if field.custom
            else models.Q(**{f"{field.name}__contains": rows})
        )
    if field.custom:
        return models.Q(custom__contains={field.key: [value] if field.kind == "choices" else value})
    return (
        models.Q(**{f"{field.name}__contains": [value]}) if field.kind == "choices" else models.Q(**{field.name: value})
    )


def used(key: str, value: str, limit: int = 10_000) -> list[tuple[Place, int]]:
    """Where a value is used, records in the trash included: places with the number of records, up to a limit each."""
    found = []
    for place in places(key):
        rows = place.entity.model._base_manager.filter(_condition(place, value)).order_by()
        number = rows[: limit + 1].count()
        if number:
            found.append((place, number))
    return found


def named(key: str, value: str) -> list[uses.Use]:
    """Settings that name a value through one of the fields that use the dictionary; they are not changed by a merge."""
    found = [
        use
        for place in places(key)
        if not place.column
        for use in uses.uses_of_value(place.entity.key, place.field.name, value)
    ]
    return list(dict.fromkeys(found))


def dictionary_save(
    actor: Actor, key: str, given: Mapping[str, Any], *, new: bool = False, version: int | None = None
) -> Dictionary:
    """Make or change a dictionary: ``name_zh name_en narrowed_by``. Raises Invalid, Conflict.

    Narrowed by other values than before, its own belong to none in particular.
    """
    require_shaper(actor)
    required(given, "name_zh")
    values = {"name_zh": given["name_zh"].strip(), "name_en": (given.get("name_en") or given["name_zh"]).strip()}
    if "narrowed_by" in given:
        values["narrowed_by"] = str(given["narrowed_by"] or "")
    with writing(actor):
        check_narrowing(key, values.get("narrowed_by", ""))
        if new:
            made = key_from(
                key, values["name_en"] or values["name_zh"], set(Dictionary.objects.values_list("key", flat=True))
            )
            row = Dictionary(key=made, **values)
        else:
            row = Dictionary.objects.select_for_update().get(pk=dictionary_for(key).pk)
            check_version(row, version, values, LABELS)
            row.version += 1
            if values.get("narrowed_by", row.narrowed_by) != row.narrowed_by:
                row.values.exclude(belongs_to=[]).update(belongs_to=[])
            put(row, values)
        row.save()
        bump("dictionaries", "fields")
    return row


def check_narrowing(key: str, by: str) -> None:
    """A dictionary is narrowed by regions or another dictionary, and not by itself over any number of steps. Raises Invalid."""
    above = dict(Dictionary.objects.exclude(narrowed_by="").values_list("key", "narrowed_by")) | {key: by}
    if by and by != shape.REGIONS and not Dictionary.objects.filter(key=by).exists():
        raise Invalid(_("Choose an entry from the list."), code="dictionary.unknown", field="narrowed_by")
    seen = {key}
    while by and by != shape.REGIONS:
        if by in seen:
            text = _("Two dictionaries cannot narrow each other in a circle.")
            raise Invalid(text, code="dictionary.circle", field="narrowed_by")
        seen.add(by)
        by = above.get(by, "")


def check_belonging(dictionary: Dictionary, wanted: Sequence[str]) -> list[str]:
    """The values a value of the dictionary may belong to, each once. Raises Invalid for one that is not there."""
    by = dictionary.narrowed_by
    found = list(dict.fromkeys(one for one in wanted if one))
    known = (
        dictionaries.region_known if by == shape.REGIONS else (lambda one: dictionaries.value_of(by, one) is not None)
    )
    for one in found:
        if not by or not known(one):
            text = _("“%(value)s” is not one of the choices.") % {"value": one}
            raise Invalid(text, code="choice.unknown", field="belongs_to")
    return found


def narrowed_by(key: str) -> list[Dictionary]:
    """The dictionaries whose values a dictionary narrows."""
    return list(Dictionary.objects.filter(narrowed_by=key).order_by("key"))


def dictionary_delete(actor: Actor, key: str) -> None:
    """Remove a dictionary no field uses."""
    require_shaper(actor)
    found = places(key)
    if found:
        names = ", ".join(f"{one.entity.label} · {one.field.label}" for one in found[:5])
        raise RuleBroken(_("It is used by: %(names)s.") % {"names": names}, code="dictionary.used")
    others = narrowed_by(key)
    if others:
        names = ", ".join(shape.spoken(one.name_zh, one.name_en) for one in others[:5])
        raise RuleBroken(_("It narrows: %(names)s.") % {"names": names}, code="dictionary.used")
    with writing(actor):
        dictionary_for(key).delete()
        bump("dictionaries")


def value_save(actor: Actor, key: str, value: str, given: Mapping[str, Any], *, new: bool = False) -> DictionaryValue:
    """Make or change one value: ``name_zh name_en color parent_key belongs_to active is_default``; the key itself stays."""
    require_shaper(actor)
    required(given, "name_zh")
    dictionary = dictionary_for(key)
    with writing(actor):
        rows = DictionaryValue.objects.select_for_update().filter(dictionary=dictionary)
        known = {row.key: row for row in rows}
        if new:
            made = key_from(value, given.get("name_en") or given["name_zh"], set(known))
            row = DictionaryValue(dictionary=dictionary, key=made, position=len(known) + 1)
        elif value in known:
            row = known[value]
        else:
            raise NotFound(code="dictionary.value")
        parent = str(given.get("parent_key") or "")
        _check_parent(known, row.key, parent)
        put(
            row,
            {
                "name_zh": not_longer(given["name_zh"], "name_zh"),
                "name_en": not_longer(str(given.get("name_en") or ""), "name_en"),
                "color": str(given.get("color") or ""),
                "parent_key": parent,
                "belongs_to": check_belonging(dictionary, given.get("belongs_to", row.belongs_to) or ()),
                "active": bool(given.get("active", True)),
                "is_default": bool(given.get("is_default", False)) and bool(given.get("active", True)),
            },
        )
        if row.is_default:
            rows.exclude(key=row.key).filter(is_default=True).update(is_default=False)
        row.save()
        _touch(dictionary)
    return row


def _check_parent(known: Mapping[str, DictionaryValue], key: str, parent: str) -> None:
    above = parent
    for _step in range(20):
        if not above:
            return
        if above == key or above not in known:
            break
        above = known[above].parent_key
    raise Invalid(_("A value cannot lie below itself."), code="dictionary.parent", field="parent_key")


def _touch(dictionary: Dictionary) -> None:
    Dictionary.objects.filter(pk=dictionary.pk).update(version=models.F("version") + 1)
    bump("dictionaries")


def values_order(actor: Actor, key: str, order: Sequence[str]) -> None:
    """Put the values into an order; those not named come after, as they were."""
    require_shaper(actor)
    dictionary = dictionary_for(key)
    with writing(actor):
        rows = list(DictionaryValue.objects.select_for_update().filter(dictionary=dictionary))
        place = {one: number for number, one in enumerate(order)}
        rows.sort(key=lambda row: (place.get(row.key, len(place)), row.position, row.pk))
        for number, row in enumerate(rows, 1):
            row.position = number
        DictionaryValue.objects.bulk_update(rows, ["position"])
        _touch(dictionary)


def value_delete(actor: Actor, key: str, value: str) -> None:
    """Remove a value nothing uses; one in use is retired or merged instead. Raises RuleBroken."""
    require_shaper(actor)
    dictionary = dictionary_for(key)
    found = used(key, value)
    below = DictionaryValue.objects.filter(dictionary=dictionary, parent_key=value)
    if found or below.exists() or _belonging(key, value).exists():
        raise RuleBroken(
            _("This value is in use. Retire it, or merge it into another one."), code="dictionary.value_used"
        )
    with writing(actor):
        DictionaryValue.objects.filter(dictionary=dictionary, key=value).delete()
        _touch(dictionary)


def _belonging(key: str, value: str) -> models.QuerySet[DictionaryValue]:
    """Values of other dictionaries that belong to a value."""
    return DictionaryValue.objects.filter(dictionary__narrowed_by=key, belongs_to__contains=[value])


def value_merge(actor: Actor, key: str, source: str, target: str) -> Operation:
    """Give every record that bears ``source`` the value ``target`` and remove ``source``. The records can be undone."""
    require_shaper(actor)
    dictionary = dictionary_for(key)
    known = {row.key: row for row in DictionaryValue.objects.filter(dictionary=dictionary)}
    if source not in known or target not in known or source == target:
        raise Invalid(_("Choose two different values."), code="dictionary.merge", field="target")
    _check_parent({**known, target: known[target]}, source, known[target].parent_key)
    found = used(key, source)
    total = sum(number for _place, number in found)
    with writing(actor):
        step = operation_begin(
            actor,
            "value_merge",
            "",
            total=total,
            parameters={"dictionary": key, "source": source, "target": target, "feature": SETTINGS},
        )
        with writing(actor, operation=step):
            for place, _number in found:
                _replace(actor, place, source, target)
            DictionaryValue.objects.filter(dictionary=dictionary, parent_key=source).update(parent_key=target)
            for row in _belonging(key, source):
                row.belongs_to = list(dict.fromkeys(target if one == source else one for one in row.belongs_to))
                row.save(update_fields=["belongs_to"])
            DictionaryValue.objects.filter(dictionary=dictionary, key=source).delete()
            _touch(dictionary)
        step.progress, step.finished_at = total, clock.now()
        step.result = {"done": total, "skipped": 0, "failed": 0}
        step.save(update_fields=["progress", "finished_at", "result"])
    return step


def _replace(actor: Actor, place: Place, source: str, target: str) -> None:
    """One statement per field: the value itself, within a list, or in a column of a sub-table."""
    field, table = place.field, place.entity.table
    rows = place.entity.model._base_manager.filter(_condition(place, source))
    stamp = {"updated_at": clock.now(), "updated_by_id": actor.user_id, "version": models.F("version") + 1}
    if not field.custom and field.kind == "choice":
        rows.update(**{field.name: target}, **stamp)
        return
    held = f"custom->'{field.key}'" if field.custom else f'"{field.column}"::jsonb'
    made = {
        "choice": "to_jsonb(%(target)s::text)",
        "choices": f"(SELECT jsonb_agg(DISTINCT CASE WHEN e = %(source)s THEN %(target)s ELSE e END)"
        f" FROM jsonb_array_elements_text({held}) e)",
        "table": f"(SELECT jsonb_agg(CASE WHEN e->>%(column)s = %(source)s THEN jsonb_set(e, ARRAY[%(column)s], to_jsonb(%(target)s::text))"
        f" ELSE e END) FROM jsonb_array_elements({held}) e)",
    }[field.kind]
    put_back = (
        f"custom = jsonb_set(custom, ARRAY['{field.key}'], {made})" if field.custom else f'"{field.column}" = {made}'
    )
    ids = list(rows.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(
            f'UPDATE "{table}" SET {put_back}, version = version + 1 WHERE id = ANY(%(ids)s)',
            {"source": source, "target": target, "column": place.column, "ids": ids},
        )


def tree(key: str) -> Iterator[tuple[int, dictionaries.Choice]]:
    """Values in their order as (depth, value), each below its parent."""
    listed = dictionaries.values(key)
    known = {one.key for one in listed}
    below: dict[str, list[dictionaries.Choice]] = {}
    for one in listed:
        below.setdefault(one.parent if one.parent in known else "", []).append(one)

    def walk(parent: str, depth: int) -> Iterator[tuple[int, dictionaries.Choice]]:
        for one in below.get(parent, ()):
            yield depth, one
            if depth < 10:
                yield from walk(one.key, depth + 1)

    yield from walk("", 0)
