"""Custom objects: made, changed, retired, removed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.translation import gettext as _
from django.utils.translation import override

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, NotFound, RuleBroken
from guanxi.core.models import CustomField, CustomObject, FieldIndex, Layout, Numbering, Process
from guanxi.core.models.objects import object_model, table_drop, table_make
from guanxi.core.models.stamps import bump
from guanxi.core.records import objects, seeds, watching
from guanxi.core.records.writing import writing
from guanxi.core.schema.registry import entities, entity_of, is_registered
from guanxi.core.schema.vocabulary import GROUPS
from guanxi.core.shaping import indexes
from guanxi.core.shaping.common import check_version, key_from, put, require_shaper, required

#: Words that no address of ours begins with today and that an object may not take all the same.
RESERVED = frozenset(["export", "imports", "media", "new", "portal", "static", "today"])
#: What an address may be: every page of the object answers under it.
ADDRESS = re.compile(r"[a-z][a-z0-9-]*")
NAMES = (
    "path", "name_zh", "name_en", "plural_en", "description_zh", "description_en", "icon", "color", "group", "owned",
    "parent", "options", "position",
)  # fmt: skip


def object_for(key: str) -> CustomObject:
    """The row of an object. Raises NotFound."""
    found = CustomObject.objects.filter(key=key).first()
    if found is None:
        raise NotFound(code="object.unknown")
    return found


def object_save(
    actor: Actor, key: str, given: Mapping[str, Any], *, new: bool = False, version: int | None = None
) -> CustomObject:
    """Make or change an object; what it belongs to and whether it has owners are settled when it is made."""
    require_shaper(actor)
    required(given, "name_zh")
    values = {name: given[name] for name in NAMES if name in given}
    with objects.changing(), writing(actor):
        taken = set(CustomObject.objects.values_list("key", flat=True))
        if new:
            made = key_from(key, given.get("name_en") or given["name_zh"], taken)
            row = CustomObject(key=made, path=made.replace("_", "-"))
        else:
            row = CustomObject.objects.select_for_update().get(pk=object_for(key).pk)
            check_version(row, version, values, {name: name for name in NAMES})
            for name in ("parent", "owned"):
                values.pop(name, None)
            row.version += 1
        if not values.get("path"):
            values.pop("path", None)
        put(row, values)
        object_check(row)
        row.save()
        if new:
            table_make(row.key)
        bump("objects")
        if new:
            seeds.grant_new()
    return row


def object_check(row: CustomObject) -> None:
    """Raise Invalid for a taken address or name, an unknown group or nothing to belong to."""
    errors: dict[str, list[Invalid]] = {}
    own = objects.key_of(row)
    others = {one.path for one in entities() if one.key != own}
    others |= set(CustomObject.objects.exclude(key=row.key).values_list("path", flat=True))
    if not ADDRESS.fullmatch(row.path):
        text = _("An address is of small letters, digits and hyphens, and begins with a letter, like “spare-parts”.")
        errors["path"] = [Invalid(text, code="object.path", field="path")]
    elif row.path in others or row.path in RESERVED or row.path in _first_words(get_resolver().url_patterns):
        errors["path"] = [
            Invalid(_("The address “%(path)s” is taken.") % {"path": row.path}, code="object.path", field="path")
        ]
    for field in ("name_zh", "name_en") if row.active else ():
        name = getattr(row, field).strip()
        if name and name.casefold() in _names(own, field):
            text = _("There are records called “%(name)s” already; nobody could tell them apart.") % {"name": name}
            errors[field] = [Invalid(text, code="object.name", field=field)]
    if row.parent and not is_registered(row.parent):
        errors["parent"] = [Invalid(_("Choose what it belongs to."), code="object.parent", field="parent")]
    if row.group not in GROUPS:
        errors["group"] = [Invalid(_("Choose where it stands."), code="object.group", field="group")]
    if errors:
        raise Invalid.collect(errors)


def _first_words(patterns: Sequence[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    """What the addresses of all pages begin with: an object with such a word would have no list."""
    for one in patterns:
        address = (before + str(one.pattern)).lstrip("^/")
        if isinstance(one, URLResolver) and "/" not in address:
            yield from _first_words(one.url_patterns, address)
        else:
            yield address.split("/")[0]


def _names(own: str, field: str) -> set[str]:
    """What other sorts of records are called in the language of a field."""
    with override("zh-hans" if field == "name_zh" else "en"):
        return {str(one.label).strip().casefold() for one in entities() if one.key != own}


def object_retire(actor: Actor, key: str, *, active: bool = False) -> CustomObject:
    """Take an object out of use, or back; its records stay."""
    require_shaper(actor)
    with objects.changing(), writing(actor):
        row = object_for(key)
        row.active, row.version = active, row.version + 1
        row.save(update_fields=["active", "version"])
        bump("objects", "fields", "rights")
        watching.install()
    return row


def object_delete(actor: Actor, key: str) -> None:
    """Remove an object that has no records (the trash included) and nothing points to. Raises RuleBroken."""
    require_shaper(actor)
    row = object_for(key)
    own = objects.key_of(row)
    pointing = CustomField.objects.filter(target=own).exclude(entity=own).first()
    if pointing is not None:
        raise RuleBroken(_("The field “%(name)s” points to it.") % {"name": str(pointing)}, code="object.used")
    if CustomObject.objects.filter(parent=own).exists():
        raise RuleBroken(_("Another object belongs to it."), code="object.used")
    parent = entity_of(row.parent).model if row.parent and is_registered(row.parent) else None
    if object_model(row.key, parent).everything.exists():
        raise RuleBroken(_("It has records. Retire it, or empty it and its trash first."), code="object.filled")
    with objects.changing(), writing(actor):
        for one in FieldIndex.objects.filter(entity=own):
            indexes.drop(objects.entity_from(row, []), one.field)
        for model in (CustomField, Layout, Process, Numbering):
            model.objects.filter(entity=own).delete()
        row.delete()
        table_drop(key)
        bump("objects", "fields", "layouts", "processes", "numbering")
        watching.install()
