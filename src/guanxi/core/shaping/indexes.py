"""Indexes on custom fields: unique ones are made with the field, those for filtering and sorting by a job when wanted."""

# ruff: noqa: S608 - statements are made of our own tables and of keys that are slugs
from __future__ import annotations

import json
import re
from typing import LiteralString

import psycopg
from django.db import connection
from django.utils.translation import gettext as _
from psycopg import sql

from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import system_actor
from guanxi.core.kernel.errors import Invalid, Unavailable
from guanxi.core.models import CustomField, FieldIndex
from guanxi.core.models.stamps import bump, kept
from guanxi.core.records import dictionaries, paging, shape
from guanxi.core.records.columns import index_name
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of, is_registered
from guanxi.runtime.environment import environment

#: Values of a choice that get an index each; with more, one over the value serves all.
MOST_VALUES = 24


def uniqueindex_name(entity: Entity, row: CustomField) -> str:
    """The name of a field's unique index."""
    return index_name(entity.table, row.key, "uq")


def keep_unique(entity: Entity, row: CustomField) -> None:
    """Make or drop a field's unique index as its options say. Raises Invalid when there are records alike already."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT guanxi_door_unindex(%s)", [uniqueindex_name(entity, row)])
        if not row.options.get("unique") or not row.active:
            return
        parts = [{"custom": row.key}]
        for name in row.options.get("unique_with") or ():
            field = shape.fields_of(entity).get(str(name))
            if field is None:
                raise Invalid(
                    _("There is no field “%(name)s”.") % {"name": name}, code="field.unknown", field="unique_with"
                )
            parts.append({"custom": field.key} if field.custom else {"column": field.column})
        together = ", ".join(
            f"(custom->'{one['custom']}')" if "custom" in one else f'"{one["column"]}"' for one in parts
        )
        where = f"deleted_at IS NULL AND custom ? '{row.key}'"
        cursor.execute(
            f'SELECT count(*) FROM (SELECT 1 FROM "{entity.table}" WHERE {where} GROUP BY {together} HAVING count(*) > 1) d'
        )
        alike = cursor.fetchone()[0]
        if alike:
            raise Invalid(
                _("%(number)d values occur more than once; put them right first.") % {"number": alike},
                code="field.not_unique",
                field="unique",
            )
        named = uniqueindex_name(entity, row)
        cursor.execute("SELECT guanxi_door_unique(%s, %s, %s::jsonb)", [entity.table, named, json.dumps(parts)])


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
    """Make what is missing of a field's indexes, past transactions and without holding up writers; notes in the row how it went.

    An index can be made so only from outside of any function, hence by the owner of the table himself: raises Unavailable
    where this process does not know his address.
    """
    if not is_registered(found.entity):
        return
    entity = entity_of(found.entity)
    made = _wanted(entity, found.field)
    present = _present(entity, found.field)
    needless = [one for one, valid in present.items() if not valid or (one not in made and not _unique(one))]
    missing = [name for name in made if not present.get(name)]
    if needless or missing:
        try:
            with psycopg.connect(environment().owner_url, autocommit=True) as owner:
                for name in needless:
                    owner.execute(_statement("DROP INDEX CONCURRENTLY IF EXISTS {}", name))
                for name in missing:
                    owner.execute(
                        _statement("CREATE INDEX CONCURRENTLY {} ON {} ", name, entity.table, rest=made[name])
                    )
                if missing:
                    owner.execute(_statement("ANALYZE {}", entity.table))
        except psycopg.errors.InsufficientPrivilege:
            raise Unavailable(code="index.owner") from None
    found.state, found.ready_at, found.error = "ready", clock.now(), ""
    found.save(update_fields=["state", "ready_at", "error"])
    bump("indexes")


def _statement(form: LiteralString, *names: str, rest: str = "") -> sql.Composed:
    return sql.SQL(form).format(*map(sql.Identifier, names)) + sql.SQL(rest)


def complete(found: FieldIndex) -> bool:
    """Whether an index that is ready still holds what it should: a choice may have got another value since."""
    if not is_registered(found.entity):
        return True
    entity = entity_of(found.entity)
    made, present = _wanted(entity, found.field), _present(entity, found.field)
    return set(made) == {name for name, valid in present.items() if valid and not _unique(name)}


def _unique(name: str) -> bool:
    return name.startswith("gx_uq_")


def _present(entity: Entity, key: str) -> dict[str, bool]:
    """The indexes of a field there are, with whether each is valid; by what they hold, for a value's name may be gone."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            " WHERE i.indrelid = to_regclass(%s) AND c.relname LIKE 'gx\\_%%' AND position(%s in pg_get_indexdef(c.oid)) > 0",
            [f'"{entity.table}"', f"(custom -> '{key}'::text)"],
        )
        return dict(cursor.fetchall())


def _wanted(entity: Entity, key: str) -> dict[str, str]:
    """The indexes of a field by name: to sort by it either way, and to filter by one value of it.

    The last keep rows of a value in the usual order of the list, with their owner at the end: rows outside somebody's reach
    are passed over within the index. A choice has one for each of its values, which alone lets rows be counted without
    being looked at: an index over an expression never does, one whose condition is the value does.
    """
    if not re.fullmatch(r"[\w-]+", key, re.ASCII):  # the owner makes nothing of a key that no page would have taken
        return {}
    live, value = "deleted_at IS NULL", f"(custom->'{key}')"

    def named(sort: str, of: str = key) -> str:
        return index_name(entity.table, of, sort)

    found = {
        named("ix"): f"({value}, id) WHERE {live}",
        named("dx"): f"({value} DESC NULLS LAST, id DESC) WHERE {live}",
    }
    order = paging.sort_keys(system_actor("indexes"), entity, ())
    if any("__" in one.column for one in order):
        return found
    down = {True: " DESC", False: ""}
    parts = [f'"{one.column}"{down[one.descending]}{" NULLS LAST" if one.nullable else ""}' for one in order]
    parts += [f'"{entity.access.owner}_id"'] if entity.access.owner else []
    values = _values(entity, key)
    if not values:
        return {**found, named("ex"): f"({', '.join([value, *parts])}) WHERE {live}"}
    each = {
        named("vx", f"{key}.{one}"): f"({', '.join(parts)}) WHERE {live} AND {value} = '{held}'"
        for one, held in values.items()
    }
    return {**found, **each}


def _values(entity: Entity, key: str) -> dict[str, str]:
    """The values of a choice, each with how JSON writes it, if they are few enough for an index each; none for other kinds."""
    field = shape.fields_of(entity).get(f"custom.{key}")
    if field is not None and field.kind == "boolean":
        return {"true": "true"}
    if field is None or field.kind != "choice":
        return {}
    known = [one.key for one in dictionaries.values(field.dictionary)]
    plain = all(re.fullmatch(r"[\w-]+", one, re.ASCII) for one in known)
    return {one: f'"{one}"' for one in known} if plain and len(known) <= MOST_VALUES else {}


def drop(entity: Entity, row: CustomField) -> None:
    """Drop every index of a field."""
    with connection.cursor() as cursor:
        for name in _present(entity, row.key):
            cursor.execute("SELECT guanxi_door_unindex(%s)", [name])
    FieldIndex.objects.filter(entity=entity.key, field=row.key).delete()
