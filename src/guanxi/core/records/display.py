"""Values as people read them: choices, references and people named in few queries, masked where they must be."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import get_language, gettext

from guanxi.core.access import field_level, reads, sight, visible
from guanxi.core.kernel import masking
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.regional import person_name
from guanxi.core.models import File, Tag, User
from guanxi.core.models.fixed import Shaped
from guanxi.core.models.stamps import kept
from guanxi.core.records import dictionaries, shape, values
from guanxi.core.schema import kinds
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of, generation, is_registered

Names = dict[str, dict[int, str]]
#: Where names of files stand among those of records.
FILES = "core.file"
#: Kinds whose value is the number of something that has a name.
POINTING = ("reference", "user", "file", "image")
#: So many users' names are kept by a process.
MOST_KEPT = 5000


def english_name(record: Any) -> str:
    """The English name of a record that has one, when English is the present language."""
    return "" if (get_language() or "").startswith("zh") else str(getattr(record, "name_en", "") or "")


def title_of(entity: Entity, record: Any, actor: Actor | None = None) -> str:
    """What a record is called; a choice by its name, what has an English name by that in English.

    ``actor`` is who reads it: a title he sees masked is masked, one hidden from him is not told. Without one it is for the
    house itself.
    """
    level = shape.title_level(actor, entity)
    found = _titled(entity, record) if level != "hidden" else ""
    if level == "masked":
        field = shape.fields_of(entity).get(entity.title)
        chosen = field is not None and field.kind in ("choice", "region")
        found = masking.mask_text(found) if chosen else masking.mask_name(found)
    return found or _named_by(entity, record, actor) or f"#{record.pk}"


def _titled(entity: Entity, record: Any) -> str:
    value = owner = record
    for step in entity.title.split("."):
        owner, value = value, getattr(value, step, "") if value is not None else ""
    field = shape.fields_of(entity).get(entity.title)
    if field is not None and field.kind in ("choice", "region"):
        value = dictionaries.label_of(field, value)
    if step == "name":
        value = english_name(owner) or value
    if field is not None and field.person and value:
        value = person_name(str(value))
    return str(value or "")


def _named_by(entity: Entity, record: Any, actor: Actor | None) -> str:
    """What a record without a title says, in the words of a few of its fields, those the actor may read in full."""
    fields = shape.fields_of(entity)
    told = [name for name in entity.named_by if name in fields and (actor is None or reads(actor, entity, name))]
    texts = [_told(fields[name], record) for name in told]
    return " · ".join(text for text in texts if text)


def _told(field: Field, record: Any) -> str:
    if field.kind == "user":
        number = getattr(record, f"{field.name}_id")
        return _people_named({number} - {None}).get(number, "")
    value = getattr(record, field.name, None)
    if value in (None, ""):
        return ""
    return dictionaries.label_of(field, value) if field.kind in ("choice", "region") else str(value)


def names_of(actor: Actor, wanted: Mapping[str, Iterable[int]]) -> Names:
    """Titles of records by entity key and id, as far as the actor may see them: one query per entity."""
    found: Names = {}
    for key, ids in wanted.items():
        chosen = {number for number in ids if number}
        if not chosen:
            continue
        if key == "core.user":
            found[key] = _people_named(chosen)
        elif key == FILES:
            found[key] = dict(File.objects.filter(pk__in=chosen).values_list("pk", "name"))
        elif is_registered(key):
            entity, sees = entity_of(key), sight(actor)
            rows = _TITLED.rows(sees and (key, generation(), sees), (entity, actor), sorted(chosen))
            if _titled_whole(entity) or shape.title_level(actor, entity) in ("hidden", "masked"):
                found[key] = {row.pk: title_of(entity, row, actor) for row in rows}
            else:
                written = _written(entity)
                found[key] = {number: written(str(name or f"#{number}")) for number, name in rows}
    return found


def _titled_whole(entity: Entity) -> bool:
    """Whether it takes the record, not one column of it, to say what it is called."""
    return "." in entity.title or bool(entity.named_by) or hasattr(entity.model, "name_en")


def _titles(entity: Entity, actor: Actor, ids: Iterable[int]) -> QuerySet[Any]:
    rows = visible(entity.model._base_manager.filter(pk__any=ids), actor)
    if not _titled_whole(entity) and shape.title_level(actor, entity) not in ("hidden", "masked"):
        return rows.values_list("pk", entity.title)
    above = entity.title.rpartition(".")[0].replace(".", "__")
    return rows.select_related(above) if above else rows


_TITLED = Shaped(_titles, [[-7003]])


def _written(entity: Entity) -> Callable[[str], str]:
    """How titles that are read without their records are written."""
    field = shape.fields_of(entity).get(entity.title)
    return person_name if field is not None and field.person else str


@kept("rights", size=1)
def _everybody() -> dict[int, str] | None:
    """All users by id, unless they are too many to be kept."""
    rows = dict(User.everything.values_list("pk", "name")[: MOST_KEPT + 1])
    return rows if len(rows) <= MOST_KEPT else None


def _people_named(ids: set[int]) -> dict[int, str]:
    known = _everybody()
    if known is None or not ids <= known.keys():
        known = dict(User.everything.filter(pk__in=ids).values_list("pk", "name"))
    return {number: person_name(known[number]) for number in ids & known.keys()}


def target_of(field: Field) -> str:
    """Among which names that of a field's value stands; '' for what points to nothing."""
    return {"user": "core.user", "file": FILES, "image": FILES}.get(field.kind, field.target)


def references(records: Sequence[Any], fields: Iterable[Field]) -> dict[str, set[int]]:
    """Ids the records point to through the fields, by entity key."""
    wanted: dict[str, set[int]] = {}
    for field in fields:
        if field.kind == "references":
            many = wanted.setdefault(field.target, set())
            many.update(one for record in records for one in values.current(record, field) or ())
        elif field.kind in POINTING:
            ids = wanted.setdefault(target_of(field), set())
            ids.update(number for record in records if (number := values.current(record, field)))
    return wanted


def names_for(actor: Actor, records: Sequence[Any], fields: Iterable[Field]) -> Names:
    """Names of everything the records point to through the fields."""
    return names_of(actor, references(records, list(fields)))


def masked(actor: Actor, entity: Entity, field: Field, value: Any) -> Any:
    """The value as the actor may see it: itself, masked, or ``None`` when hidden."""
    level = field_level(actor, entity, field.name)
    if level == "hidden":
        return None
    return masking.mask(field.mask, value) if level == "masked" and value not in (None, "", []) else value


def shown(field: Field, value: Any, names: Names | None = None) -> str:
    """A value (already masked if it must be) as text in the present language."""
    if value is None or value in ("", [], masking.STARS):
        return value or ""
    if field.kind == "boolean":
        return gettext("Yes") if value else gettext("No")
    if field.kind in ("file", "image") and FILES not in (names or {}):
        return File.objects.filter(pk=value).values_list("name", flat=True).first() or ""
    if field.kind in ("choice", "region"):
        return dictionaries.label_of(field, value)
    if field.kind == "choices":
        return ", ".join(dictionaries.label_of(field, one) for one in value)
    if field.kind in POINTING:
        return (names or {}).get(target_of(field), {}).get(value, "")
    if field.kind == "references":
        known = (names or {}).get(field.target, {})
        return ", ".join(known[one] for one in value if one in known)
    if field.kind == "tags":
        tags = tag_names()
        return ", ".join(tags[one] for one in value if one in tags)
    if field.kind in ("addresses", "table") and not isinstance(value, str):
        return "; ".join(address_text(one) if field.kind == "addresses" else _row_text(field, one) for one in value)
    if field.kind == "datetime" and isinstance(value, str):
        return _moment_text(value)
    if field.person:
        return person_name(str(value))
    return gettext(str(value)) if field.translated else kinds.text_of(field, value)


def _row_text(field: Field, row: Mapping[str, Any]) -> str:
    """One row of a table on one line, choices named."""
    return "/".join(shown(one, row.get(one.name)) for one in field.columns)


def _moment_text(written: str) -> str:
    """A moment as the audit writes it, in the active time zone; what is no moment (a masked one) as it stands."""
    try:
        return timezone.localtime(dt.datetime.fromisoformat(written)).strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return written


def address_text(entry: Mapping[str, Any]) -> str:
    """One address on one line, the region named."""
    region = dictionaries.region_label(entry["region"]) if entry.get("region") else ""
    parts = (entry.get("country"), region, entry.get("street"), entry.get("postcode"))
    return " ".join(str(part) for part in parts if part)


def value_text(actor: Actor, entity: Entity | str, record: Any, name: str, names: Names | None = None) -> str:
    """One field of a record as the actor reads it; '' for a hidden or empty one."""
    declared = entity_of(entity)
    field = shape.fields_of(declared)[name]
    value = masked(actor, declared, field, values.current(record, field))
    return text_of(actor, field, value) if names is None else shown(field, value, names)


def text_of(actor: Actor, field: Field, value: Any) -> str:
    """A value (already masked if it must be) as text, what it points to by its name where the actor may see it."""
    ids = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, int)]
    points = field.kind in (*POINTING, "references")
    return shown(field, value, names_of(actor, {target_of(field): ids}) if points and ids else None)


def tag_names() -> dict[int, str]:
    """Names of all tags by id."""
    return dict(Tag.objects.values_list("pk", "name"))
