"""Indexes on custom fields: unique ones are made with the field, those for filtering and sorting by a job when wanted."""

# ruff: noqa: S608 - statements are made of our own tables and of keys that are slugs
from __future__ import annotations

from django.db import connection
from django.utils.translation import gettext as _

from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import system_actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import CustomField, FieldIndex
from guanxi.core.models.stamps import bump, kept
from guanxi.core.records import paging, shape
from guanxi.core.records.columns import index_name
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of, is_registered


def uniqueindex_name(entity: Entity, row: CustomField) -> str:
    """The name of a field's unique index."""
    return index_name(entity.table, row.key, "uq")


def keep_unique(entity: Entity, row: CustomField) -> None:
    """Make or drop a field's unique index as its options say. Raises Invalid when there are records alike already."""
    with connection.cursor() as cursor:
        cursor.execute(f'DROP INDEX IF EXISTS "{uniqueindex_name(entity, row)}"')
        if not row.options.get("unique") or not row.active:
            return
        parts = [f"(custom->'{row.key}')"]
        for name in row.options.get("unique_with") or ():
            field = shape.fields_of(entity).get(str(name))
            if field is None:
                raise Invalid(
                    _("There is no field “%(name)s”.") % {"name": name}, code="field.unknown", field="unique_with"
                )
            parts.append(f"(custom->'{field.key}')" if field.custom else f'"{field.column}"')
        where = f"deleted_at IS NULL AND custom ? '{row.key}'"
        cursor.execute(
            f'SELECT count(*) FROM (SELECT 1 FROM "{entity.table}" WHERE {where} GROUP BY {", ".join(parts)} HAVING count(*) > 1) d'
        )
        alike = cursor.fetchone()[0]
        if alike:
            raise Invalid(
                _("%(number)d values occur more than once; put them right first.") % {"number": alike},
                code="field.not_unique",
                field="unique",
            )
        cursor.execute(
            f'CREATE UNIQUE INDEX "{uniqueindex_name(entity, row)}" ON "{entity.table}" ({", ".join(parts)}) WHERE {where}'
        )


def wanted(entity: Entity, name: str) -> FieldIndex | None:
    """Somebody filters or sorts by a custom field: ask for its index, once. ``None`` for a field that needs none."""
    field = shape.fields_of(entity).get(name)
    if field is None or not field.custom or field.kind in ("table", "long_text", "rich_text", "file", "image"):
        return None
    if (state := _states(entity.key).get(field.key)) == "ready":
        return FieldIndex(entity=entity.key, field=field.key, state=state)
    found, _made = FieldIndex.objects.get_or_create(entity=entity.key, field=field.key)
    return found


@kept("indexes")
def _states(entity: str) -> dict[str, str]:
    return dict(FieldIndex.objects.filter(entity=entity).values_list("field", "state"))


def build(found: FieldIndex) -> None:
    """Make an index, past transactions and without holding up writers; notes in the row how it went."""
    if not is_registered(found.entity):
        return
    entity = entity_of(found.entity)
    with connection.cursor() as cursor:
        for sort, columns in _wanted_columns(entity, found.field).items():
            name = index_name(entity.table, found.field, sort)
            cursor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{name}"')
            cursor.execute(
                f'CREATE INDEX CONCURRENTLY "{name}" ON "{entity.table}" ({columns}) WHERE deleted_at IS NULL'
            )
        cursor.execute(f'ANALYZE "{entity.table}"')
    found.state, found.ready_at, found.error = "ready", clock.now(), ""
    found.save(update_fields=["state", "ready_at", "error"])
    bump("indexes")


def _wanted_columns(entity: Entity, key: str) -> dict[str, str]:
    """What the indexes of a field hold, by their sort: to sort by it either way, and to filter by one value.

    The last keeps rows of a value in the usual order of the list, and their owner at the end: rows outside somebody's reach
    are passed over within the index.
    """
    value = f"(custom->'{key}')"
    found = {"ix": f"{value}, id", "dx": f"{value} DESC NULLS LAST, id DESC"}
    order = paging.sort_keys(system_actor("indexes"), entity, ())
    if any("__" in one.column for one in order):
        return found
    down = {True: " DESC", False: ""}
    parts = [f'"{one.column}"{down[one.descending]}{" NULLS LAST" if one.nullable else ""}' for one in order]
    owner = [f'"{entity.access.owner}_id"'] if entity.access.owner else []
    return {**found, "ex": ", ".join([value, *parts, *owner])}


def drop(entity: Entity, row: CustomField) -> None:
    """Drop every index of a field."""
    with connection.cursor() as cursor:
        for sort in ("uq", "ix", "dx", "ex"):
            cursor.execute(f'DROP INDEX IF EXISTS "{index_name(entity.table, row.key, sort)}"')
    FieldIndex.objects.filter(entity=entity.key, field=row.key).delete()
