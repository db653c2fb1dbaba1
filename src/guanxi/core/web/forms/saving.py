"""Reading a sent form and handing it to the writer named in the declaration; files ride along."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from django.http import HttpRequest, QueryDict

from guanxi.core import records
from guanxi.core.kernel.actor import Actor
from guanxi.core.records import once, shape, together
from guanxi.core.records.files import Upload
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of
from guanxi.core.web.forms import grid
from guanxi.core.web.forms.build import askable
from guanxi.core.web.inputs import raw_values

FILES = ("file", "image")


@dataclass(frozen=True, slots=True)
class Sent:
    """What came back: raw values by field, the version and originals the editing started from, the form's token."""

    values: dict[str, Any]
    version: int | None
    original: dict[str, Any]
    token: str
    then: str


def sent(actor: Actor, entity: Entity, data: QueryDict, names: Iterable[str] | None = None) -> Sent:
    """Read the fields the actor may write; ``names`` limits them."""
    fields = askable(shape.writable(actor, entity))
    chosen: list[Field] = [
        one for name, one in fields.items() if (names is None or name in names) and one.kind not in FILES
    ]
    version = data.get("_version", "")
    values = raw_values(chosen, data, partial=True)
    for spec in entity.lines if names is None else ():
        rows = grid.read(actor, spec, data)
        if rows is not None:
            values[spec.key] = rows
    return Sent(
        values=values,
        version=int(version) if version.isdecimal() and len(version) < 10 else None,
        original={
            **_object(data.get("_original", "")),
            **{spec.key: data[f"{spec.key}.marks"] for spec in entity.lines if f"{spec.key}.marks" in data},
        },
        token=data.get("_token", "")[:64],
        then=data.get("_then", ""),
    )


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def create(actor: Actor, entity: Entity, form: Sent, request: HttpRequest) -> tuple[Any, bool]:
    """Make the record once, however often the form was sent; says whether it was made now."""

    def make() -> Any:
        return _with_files(actor, records.create(actor, entity, form.values), request)

    return once.made_once(actor, f"form:{form.token}" if form.token else "", entity, make)


def update(actor: Actor, record: Any, form: Sent, request: HttpRequest) -> Any:
    """Save the fields that differ from what the editing started from; raises Conflict when others changed the same."""
    changed = changes(form.values, form.original)
    with records.writing(actor):
        if changed:
            record = records.update(actor, record, changed, version=form.version, original=form.original or None)
        step = getattr(record, "operation_id", None)
        record = _with_files(actor, record, request)
        record.operation_id = getattr(record, "operation_id", None) or step
        return record


def changes(values: Mapping[str, Any], original: Mapping[str, Any]) -> dict[str, Any]:
    """The values that were touched. Without originals everything counts as touched."""
    if not original:
        return dict(values)
    return {
        name: value for name, value in values.items() if name not in original or flat(value) != flat(original[name])
    }


def flat(value: Any) -> Any:
    """A raw or stored value in one comparable form: blanks are equal, numbers and times as their shortest text."""
    if isinstance(value, Mapping):
        shown = value.get("written") or value.get("value")
        rest = {
            key: flat(part)
            for key, part in value.items()
            if key not in ("value", "written", "extension") and flat(part)
        }
        return {**rest, **({"value": str(shown)} if shown else {})}
    if isinstance(value, list | tuple):
        return [flat(one) for one in value]
    if value in (None, "", False):
        return ""
    if value is True:
        return "1"
    text = str(value).replace("\r\n", "\n").strip()
    if "." in text and text.replace(".", "", 1).lstrip("-").isdecimal():
        text = text.rstrip("0").rstrip(".")
    return text


def _with_files(actor: Actor, record: Any, request: HttpRequest) -> Any:
    """Store sent files of file fields and name them in the record."""
    entity = entity_of(record)
    fields = [
        one
        for one in askable(shape.writable(actor, entity)).values()
        if one.kind in FILES and request.FILES.get(one.name)
    ]
    if not fields:
        return record
    given = {one.name: cast("Upload", request.FILES[one.name]) for one in fields}
    return records.update(
        actor, record, {name: together.file_add(actor, record, sent).pk for name, sent in given.items()}
    )
