"""The shape of each entity's JSON as pydantic models, for OpenAPI. Values are read by the kinds, not by pydantic."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from ninja import Schema
from pydantic import BaseModel, ConfigDict, WithJsonSchema, create_model
from pydantic import Field as Described

from guanxi.core.schema.derive import fields_of
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of

_TEXT = {"type": "string"}
_NUMBER = {"anyOf": [{"type": "number"}, {"type": "string"}]}
_ENTRY = {
    "type": "object",
    "properties": {"value": _TEXT, "label": _TEXT, "primary": {"type": "boolean"}},
    "required": ["value"],
}
_ADDRESS = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("country", "region", "street", "postcode", "label"), _TEXT),
        "primary": {"type": "boolean"},
    },
}

#: One table from kind to JSON schema; a test demands that it covers every kind.
JSON_SCHEMAS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("text", "long_text", "rich_text", "choice", "region", "serial", "phone"), _TEXT),
    "email": {"type": "string", "format": "email"},
    "url": {"type": "string", "format": "uri"},
    "integer": {"type": "integer"},
    **dict.fromkeys(("decimal", "percent", "money", "formula", "rollup"), _NUMBER),
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "time": {"type": "string", "format": "time"},
    "boolean": {"type": "boolean"},
    **{kind: {"type": "integer", "minimum": 1} for kind in ("reference", "user", "file", "image")},
    "choices": {"type": "array", "items": _TEXT},
    "tags": {"type": "array", "items": {"type": "integer"}},
    **{kind: {"type": "array", "items": _ENTRY} for kind in ("emails", "phones", "urls")},
    "addresses": {"type": "array", "items": _ADDRESS},
    "references": {"type": "array", "items": {"type": "integer", "minimum": 1}},
}


def json_schema(field: Field) -> dict[str, Any]:
    """The JSON schema of a field's value; null is always possible."""
    if field.kind == "table":
        columns = {column.name: {**JSON_SCHEMAS[column.kind], "title": str(column.label)} for column in field.columns}
        found: dict[str, Any] = {"type": "array", "items": {"type": "object", "properties": columns}}
    else:
        found = dict(JSON_SCHEMAS[field.kind])
    if field.choices:
        found["enum"] = [key for key, _label in field.choices]
    if field.max_length and found.get("type") == "string":
        found["maxLength"] = field.max_length
    extra = {"x-kind": field.kind}
    if field.dictionary:
        extra["x-dictionary"] = field.dictionary
    if field.target:
        extra["x-entity"] = field.target
    if field.required:
        return {"title": str(field.label), **found, **extra}
    return {"title": str(field.label), "anyOf": [found, {"type": "null"}], **extra}


class _Open(BaseModel):
    """Accepts what it does not know, so that the writer names the wrong field (ninja's own Schema would drop it)."""

    model_config = ConfigDict(extra="allow")


def _name(entity: Entity, suffix: str) -> str:
    return entity.model.__name__ + suffix


#: Whose a new record is.
OWNED = (
    "A new record without this key belongs to whoever creates it. Sent as null it is nobody's: leads and customers are then "
    "handed out by the assignment rules, or lie in their pool."
)


def _annotated(field: Field, about: str = "") -> Any:
    return Annotated[Any, WithJsonSchema({**json_schema(field), **({"description": about} if about else {})})]


def _line_fields(entity: Entity) -> dict[str, Any]:
    """The lines of a record as lists of objects."""
    found: dict[str, Any] = {}
    for spec in entity.lines:
        line = entity_of(spec.entity)
        own = {one.name: json_schema(one) for one in fields_of(line).values() if one.name != spec.field}
        schema = {"type": "array", "title": str(spec.label), "items": {"type": "object", "properties": own}}
        found[spec.key] = (Annotated[Any, WithJsonSchema(schema)], None)
    return found


@cache
def body_model(entity: Entity) -> type[BaseModel]:
    """What may be sent to create or change a record."""
    fields: dict[str, Any] = {
        field.name: (_annotated(field, OWNED if field.name == entity.access.owner else ""), None)
        for field in fields_of(entity).values()
        if not field.readonly
    }
    fields["custom"] = (Annotated[Any, WithJsonSchema({"type": "object", "title": "Custom fields"})], None)
    return create_model(_name(entity, "In"), __base__=_Open, **fields, **_line_fields(entity))


@cache
def record_model(entity: Entity) -> type[BaseModel]:
    """What a record looks like in an answer."""
    fields: dict[str, Any] = {field.name: (_annotated(field), None) for field in fields_of(entity).values()}
    fields["version"] = (int, 1)
    fields["custom"] = (Annotated[Any, WithJsonSchema({"type": "object", "title": "Custom fields"})], None)
    return create_model(_name(entity, "Out"), __base__=_Open, **fields, **_line_fields(entity))


@cache
def page_model(entity: Entity) -> type[Schema]:
    """One page of records."""
    item = record_model(entity)
    return create_model(
        _name(entity, "Page"),
        __base__=Schema,
        items=(list[item], ...),  # type: ignore[valid-type]
        next=(str | None, Described(description="Cursor of the next page, null at the end")),
        previous=(str | None, Described(description="Cursor of the previous page, null at the beginning")),
        count=(int | None, Described(description="Number of rows; at most the limit of counting")),
        count_exact=(bool, Described(description="False when there are more rows than counted")),
    )


class ListQuery(Schema):
    """How to read a list."""

    q: str = Described("", description="Search words, as in the global search", max_length=200)
    filter: str = Described("", description="The query tree as JSON", max_length=20_000)
    sort: str = Described("", description="Field names with commas, '-' first for descending", max_length=300)
    limit: int = Described(50, ge=1, le=500)
    cursor: str = Described("", max_length=4000)
    expand: str = Described("", description="References to expand, with commas", max_length=300)
    fields: str = Described("", description="Only these fields, with commas", max_length=2000)
    count: bool = Described(True, description="Whether to count the rows")


class TreeQuery(Schema):
    """A list read by POST, for trees too long for an address."""

    q: str = Described("", max_length=200)
    filter: dict[str, Any] | None = None
    sort: list[str] = Described(default_factory=list, max_length=10)
    limit: int = Described(50, ge=1, le=500)
    cursor: str = Described("", max_length=4000)
    expand: list[str] = Described(default_factory=list)
    fields: list[str] = Described(default_factory=list)
    count: bool = True


class BulkIn(Schema):
    """One change on many records: by ``ids``, or by ``filter`` and ``q``."""

    action: str = Described(description="update, assign, tag, untag or delete")
    ids: list[int] = Described(default_factory=list, max_length=10_000)
    filter: dict[str, Any] | None = None
    q: str = ""
    values: dict[str, Any] = Described(
        default_factory=dict,
        description='update: fields and their new values; assign: {"owner": 7}, or null for nobody; '
        'tag and untag: {"tags": [3, 5]}; delete: nothing',
    )


class MergeIn(Schema):
    """Records to merge into ``keep``; ``choices`` maps a field to the id whose value is kept."""

    keep: int
    others: list[int] = Described(max_length=20)
    choices: dict[str, int] = Described(default_factory=dict)


class Problem(Schema):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    instance: str = ""
    request_id: str = ""
    errors: list[dict[str, Any]] = Described(default_factory=list)
