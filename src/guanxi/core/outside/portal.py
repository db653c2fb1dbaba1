"""The client's own pages: what is opened to him, his records, and making one of his own. All through ``access``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.db import models
from django.utils.translation import gettext as _

from guanxi.core import records
from guanxi.core.access import clients, require
from guanxi.core.kernel import machines
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.errors import Invalid, NotFound, Text
from guanxi.core.models import PortalView
from guanxi.core.outside import lookups
from guanxi.core.people import throttle
from guanxi.core.records import display, passing, process, saving, shape
from guanxi.core.records.shape import spoken
from guanxi.core.records.writing import emit, writing
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.kinds import KINDS
from guanxi.core.schema.registry import entity_at, entity_of, is_registered

SHOWN = 50
#: Records a client may make in an hour: each is heard of by somebody of the house, and by rules.
PER_HOUR = 60
#: Kinds a client may be asked for: nothing that would need a picker over our records.
ASKED = frozenset(
    ["text", "long_text", "integer", "decimal", "money", "percent", "date", "datetime", "time", "choice", "choices", "boolean", "phone", "email", "url"]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shelf:
    """One entity on the client's pages: its name, and whether he may add to it from here."""

    view: clients.View
    entity: Entity
    label: Text
    adds: bool


def check(row: PortalView) -> None:
    """Raise Invalid for a view that leads nowhere or names fields there are not."""
    for key in (row.entity, row.subject):
        if not is_registered(key):
            raise Invalid(_("There is no such record."), code="portal.entity", field="entity")
    entity = entity_of(row.entity)
    here = entity
    for part in [one for one in row.path.split(".") if one]:
        field = shape.fields_of(here).get(part)
        if field is None or field.custom or field.kind != "reference" or not is_registered(field.target):
            raise Invalid(
                _("The path must lead over references to whoever signs in."), code="portal.path", field="path"
            )
        here = entity_of(field.target)
    if here.key != row.subject:
        raise Invalid(_("The path must lead over references to whoever signs in."), code="portal.path", field="path")
    fields = shape.fields_of(entity)
    for name in (*row.fields, *row.create):
        if name not in fields:
            raise Invalid(_("There is no field “%(path)s”.") % {"path": name}, code="public.field", field="fields")
    for name in row.create:
        if fields[name].readonly or fields[name].kind not in ASKED:
            raise Invalid(
                _("Clients cannot fill in “%(path)s”.") % {"path": fields[name].label},
                code="portal.create",
                field="create",
            )


def shelves(actor: Actor) -> list[Shelf]:
    """Everything opened to the client as a page of its own, in order."""
    return [_shelf(one) for one in clients.views(actor) if "." not in one.path]


def _shelf(view: clients.View) -> Shelf:
    entity = entity_of(view.entity)
    return Shelf(view, entity, spoken(view.name_zh, view.name_en) or entity.plural, bool(view.create and view.path))


def shelf_at(actor: Actor, path: str) -> Shelf:
    """The shelf of an address. Raises NotFound for what is not opened to him."""
    view = clients.view(actor, entity_at(path).key)
    if view is None:
        raise NotFound
    return _shelf(view)


def below(actor: Actor, entity: Entity) -> list[Shelf]:
    """What hangs on records of an entity and is opened too."""
    found = clients.view(actor, entity.key)
    if found is None:
        return []
    way = f".{found.path}" if found.path else ""
    return [
        _shelf(one)
        for one in clients.views(actor)
        if one.path.endswith(way) and one.path.count(".") == (found.path.count(".") + 1 if found.path else 0) and one.path
        and shape.fields_of(one.entity)[one.path.partition(".")[0]].target == entity.key and one.entity != entity.key
    ]  # fmt: skip


def rows(actor: Actor, shelf: Shelf, *, within: models.Model | None = None, start: int = 0) -> tuple[list[Any], bool]:
    """His records, newest first (of one record: oldest first), and whether there are more."""
    found = records.queryset(actor, shelf.entity)
    if within is not None:
        found = found.filter(**{f"{shelf.view.path.partition('.')[0]}_id": within.pk})
    order = ("created_at", "pk") if within is not None else ("-created_at", "-pk")
    some = list(found.order_by(*order)[start : start + SHOWN + 1])
    return some[:SHOWN], len(some) > SHOWN


def record(actor: Actor, shelf: Shelf, number: int) -> Any:
    """One of his records. Raises NotFound for any other."""
    return records.get(actor, shelf.entity, number)


def facts(actor: Actor, shelf: Shelf, one: Any) -> list[tuple[Text, str]]:
    """What he sees of a record, in words."""
    names = [name for name in shelf.view.fields if name != shelf.entity.title]
    return lookups.facts(actor, shelf.entity, one, names)


def path_of(shelf: Shelf, one: Any) -> list[passing.Passed]:
    """The steps a record went, when the field that is a process is opened to him."""
    field = next((name for name in process.process_fields(shelf.entity) if name in shelf.view.fields), "")
    return passing.path_of(shelf.entity, one, field) if field else []


def asked(shelf: Shelf) -> list[Field]:
    """The fields he fills in to make a record."""
    fields = shape.fields_of(shelf.entity)
    return [fields[name] for name in shelf.view.create if name in fields and KINDS[fields[name].kind].written]


def _heard(actor: Actor, entity: Entity, made: Any) -> dict[str, list[Any]]:
    """What rules hear of what a client made: a message by his own pages, its texts together."""
    texts = [
        str(getattr(made, one.name, "") or "") if not one.custom else str(made.custom.get(one.key) or "")
        for one in shape.fields_of(entity).values()
        if one.kind in ("text", "long_text") and one.name != entity.title
    ]
    told = {
        "channel": "portal",
        "sender": actor.name,
        "subject": display.title_of(entity, made),
        "text": "\n".join(filter(None, texts))[:4000],
    }
    return {name: [None, value] for name, value in told.items()}


def make(actor: Actor, shelf: Shelf, given: Mapping[str, Any], *, within: int | None = None) -> Any:
    """Make a record of his: the fields opened for it, what the view presets, belonging to him or to a record of his.

    Whoever he signs in as (``subject``) has received a message then: rules hear ``message_received`` of that record.
    Raises Denied, NotFound for a record that is not his, Invalid with the errors of each field, TooMany.
    """
    require(actor, "create", shelf.entity)
    first, _dot, rest = shelf.view.path.partition(".")
    subject = actor.subject
    if subject is None or not first:
        raise NotFound
    if rest:
        above = entity_of(shape.fields_of(shelf.entity)[first].target)
        mother = records.get(actor, above, within or 0)
    else:
        mother = entity_of(subject[0]).model._default_manager.get(pk=subject[1])
    names = {one.name for one in asked(shelf)}
    values = {**shelf.view.preset, **{name: one for name, one in given.items() if name in names}, first: mother.pk}
    owner = shelf.entity.access.owner
    if owner:
        values[owner] = getattr(mother, "owner_id", None)
    missing = [one for one in asked(shelf) if one.required and values.get(one.name) in (None, "", [])]
    if missing:
        raise Invalid.collect({
            one.name: [Invalid(_("“%(label)s” must be filled.") % {"label": one.label}, code="value.required", field=one.name)]
            for one in missing
        })  # fmt: skip
    throttle.window_take(f"portal:make:{subject[0]}:{subject[1]}", PER_HOUR, 3600, guessed=False)
    # What leads to him is ours to say: he sees neither the record above nor its owner, so the house writes in his name.
    house = replace(
        system_actor(machines.own("client", actor.name), via="web"), address=actor.address, request_id=actor.request_id
    )
    with writing(house):
        made = saving.create(house, shelf.entity, values, trusted=True)
        emit(
            house, "message_received", None, _heard(actor, shelf.entity, made), entity=subject[0], record_id=subject[1]
        )
    return made
