"""Records as JSON: the fields an actor may see, masked where he sees them masked; references by id or expanded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from guanxi.core import records
from guanxi.core.access import allowed, field_level, reads, visible
from guanxi.core.api.problems import json_bytes
from guanxi.core.kernel import masking
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Operation
from guanxi.core.records import values
from guanxi.core.schema.derive import target_of
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of

Getter = Callable[[Any], Any]
MOST_EXPANDED = 5


def _getter(actor: Actor, entity: Entity, field: Field) -> Getter:
    masked = field_level(actor, entity, field.name) == "masked"
    if field.custom:
        key = field.key
        plain: Getter = lambda record: record.custom.get(key)  # noqa: E731
    else:
        name = field.column if field.kind in ("reference", "user", "file", "image") else field.name
        plain = lambda record: getattr(record, name)  # noqa: E731
    if not masked:
        return plain
    kind = field.mask

    def hidden(record: Any) -> Any:
        value = plain(record)
        return masking.mask(kind, value) if value not in (None, "", []) else value

    return hidden


def writer_for(actor: Actor, entity: Entity, only: Iterable[str] = ()) -> Callable[[Any], dict[str, Any]]:
    """A function that turns records into JSON data; made once per answer. Raises Invalid for an unknown field."""
    fields = records.shape.readable(actor, entity)
    wanted = list(only)
    for name in wanted:
        if name not in fields:
            raise Invalid(_("There is no field “%(path)s”.") % {"path": name}, code="fields.unknown", field="fields")
    chosen = [field for name, field in fields.items() if not wanted or name in wanted or name == "id"]
    built_in = [(field.name, _getter(actor, entity, field)) for field in chosen if not field.custom]
    custom = [(field.key, _getter(actor, entity, field)) for field in chosen if field.custom]

    def write(record: Any) -> dict[str, Any]:
        data = {name: get(record) for name, get in built_in}
        data["version"] = record.version
        if custom:
            data["custom"] = {key: get(record) for key, get in custom}
        return data

    return write


def lined(actor: Actor, entity: Entity, record: Any, data: dict[str, Any]) -> None:
    """Add the lines of a record, as far as the actor may see such lines and their fields."""
    for spec in entity.lines:
        if allowed(actor, "view", spec.entity):
            write = writer_for(actor, entity_of(spec.entity))
            data[spec.key] = [write(row) for row in records.lines.stored(record, spec)]


def expanded(
    actor: Actor, entity: Entity, rows: Sequence[Any], data: Sequence[dict[str, Any]], paths: Sequence[str]
) -> None:
    """Replace ids by the records they name, one query per reference; what the actor may not see becomes null."""
    if len(paths) > MOST_EXPANDED:
        raise Invalid(
            _("At most %(most)d references can be expanded.") % {"most": MOST_EXPANDED},
            code="expand.size",
            field="expand",
        )
    fields = records.shape.readable(actor, entity)
    for path in paths:
        field = fields.get(path)
        target = target_of(field) if field else None
        if field is None or target is None:
            raise Invalid(_("“%(path)s” is no reference.") % {"path": path}, code="expand.field", field="expand")
        if not reads(actor, entity, path):
            continue
        ids = {number for row in rows if (number := values.current(row, field))}
        found = {row.pk: row for row in visible(target.model._base_manager.filter(pk__in=ids), actor)}
        write = writer_for(actor, target)
        ready = {number: write(row) for number, row in found.items()}
        for one, row in zip(data, rows, strict=True):
            if path in one:
                one[path] = ready.get(values.current(row, field) or 0)


def etag(record: Any) -> str:
    """The record's version as an entity tag."""
    return f'"{record.pk}-{record.version}"'


def reply(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """Data as a JSON answer."""
    return HttpResponse(json_bytes(data), status=status, content_type="application/json", headers=headers)


def one(
    request: HttpRequest, actor: Actor, entity: Entity, record: Any, *, expand: Sequence[str] = (), status: int = 200
) -> HttpResponse:
    """One record; 304 when the caller has this version already."""
    tag = etag(record)
    if status == 200 and not expand and request.method == "GET" and request.headers.get("If-None-Match") == tag:
        return HttpResponse(status=304, headers={"ETag": tag})
    data = writer_for(actor, entity)(record)
    lined(actor, entity, record, data)
    expanded(actor, entity, [record], [data], expand)
    headers = {"ETag": tag}
    if status == 201:
        headers["Location"] = f"/api/v1/{entity.path}/{record.pk}"
    return reply(data, status, headers)


def operation(found: Operation) -> dict[str, Any]:
    """A recorded operation as JSON data."""
    return {
        "id": found.pk,
        "sort": found.sort,
        "entity": found.entity,
        "state": found.state,
        "progress": found.progress,
        "total": found.total,
        "result": found.result,
        "created_at": found.created_at,
        "finished_at": found.finished_at,
        "undo_until": found.undo_until,
        "undone_at": found.undone_at,
    }
