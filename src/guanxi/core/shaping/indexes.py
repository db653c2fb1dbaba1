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
from guanxi.core.models.apart import apart_make, apart_whole
from guanxi.core.models.lookups import VOID
from guanxi.core.models.stamps import bump, kept
from guanxi.core.records import apart, dictionaries, paging, shape
from guanxi.core.records.columns import index_name
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.kinds import KINDS
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


@kept(apart.STAMP)
def _states(entity: str) -> dict[str, str]:
    return dict(FieldIndex.objects.filter(entity=entity).values_list("field", "state"))


def build(found: FieldIndex) -> None:
    """Make what is missing of a field's indexes, past transactions and without holding up writers; notes in the row how it went.

    An index can be made so only from outside of any function, hence by the owner of the table himself: raises Unavailable
    where this process does not know his address.
    """
    if not is_registered(found.entity):
        return
    entity, key = entity_of(found.entity), found.field
    if _field(entity, key) is not None:
        _make(found, entity, key)
    made = FieldIndex.objects.filter(pk=found.pk).update(state="ready", ready_at=clock.now(), error="")
    if not made:  # the field went, or became another kind, meanwhile
        drop(entity, key)
    bump(apart.STAMP)


def _make(found: FieldIndex, entity: Entity, key: str) -> None:
    made, present = _wanted(entity, key), _present(entity, key)
    needless = [one for one, valid in present.items() if not valid or (one not in made and not _unique(one))]
    missing = [name for name in made if not present.get(name)]
    if not needless and not missing and complete(found):
        return
    try:
        with psycopg.connect(environment().owner_url, autocommit=True) as owner:
            for name in needless:
                owner.execute(_statement("DROP INDEX CONCURRENTLY IF EXISTS {}", name))
            for name in missing:
                owner.execute(_statement("CREATE INDEX CONCURRENTLY {} ON {} ", name, entity.table, rest=made[name]))
            if made:
                _told_and_apart(owner, entity, key)
    except psycopg.errors.InsufficientPrivilege:
        raise Unavailable(code="index.owner") from None


def _told_and_apart(owner: psycopg.Connection, entity: Entity, key: str) -> None:
    """Let the planner know how the values are spread, and set them apart where that is of use."""
    if not _is_told(_statistics(entity, key)):
        of = sql.SQL("CREATE STATISTICS {} ON (custom->{}) FROM {}")
        owner.execute(
            of.format(sql.Identifier(_statistics(entity, key)), sql.Literal(key), sql.Identifier(entity.table))
        )
    owner.execute(_statement("ANALYZE {}", entity.table))
    if _stands_apart(entity, key) and not _apart(entity, key):
        apart_make(
            owner,
            apart.table_of(entity, key),
            entity.table,
            key,
            apart.owners_of(entity),
            many=_kind(entity, key) in apart.MANY,
        )
        owner.execute(_statement("VACUUM (ANALYZE) {}", apart.table_of(entity, key)))


def _statement(form: LiteralString, *names: str, rest: str = "") -> sql.Composed:
    return sql.SQL(form).format(*map(sql.Identifier, names)) + sql.SQL(rest)


def complete(found: FieldIndex) -> bool:
    """Whether an index that is ready still holds what it should: a choice may have got another value since.

    What was made of a field, or an object, out of use stays as it is until it comes back.
    """
    if not is_registered(found.entity) or _field(entity_of(found.entity), found.field) is None:
        return True
    entity, key = entity_of(found.entity), found.field
    there = _is_told(_statistics(entity, key)) and (_apart(entity, key) or not _stands_apart(entity, key))
    made, present = _wanted(entity, key), _present(entity, key)
    return there and set(made) == {name for name, valid in present.items() if valid and not _unique(name)}


def _stands_apart(entity: Entity, key: str) -> bool:
    """Whether the values of a field are to stand apart: those of few values have an index for each."""
    return apart.fits(entity, key) and not _values(entity, key)


def _statistics(entity: Entity, key: str) -> str:
    """The name under which the planner knows how the values of a field are spread: partial indexes do not tell it."""
    return index_name(entity.table, key, "st")


def _is_told(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_statistic_ext WHERE stxname = %s)", [name])
        return bool(cursor.fetchone() == (True,))


def _apart(entity: Entity, key: str) -> bool:
    """Whether the values of a field stand apart."""
    return bool(apart_whole([apart.table_of(entity, key)]))


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
    """The indexes of a field by name: to sort by it either way, to filter by one value of it, and by whether there is one.

    Those to filter keep rows in the usual order of the list, with who may see them at the end: rows outside somebody's
    reach are passed over within the index. A choice has one for each of its values, which lets rows be counted without
    being looked at: an index over an expression never does, one whose condition is the value does. How many have another
    value is told by the values apart (``models.apart``).
    """
    if not re.fullmatch(r"[\w-]+", key, re.ASCII):  # the owner makes nothing of a key that no page would have taken
        return {}
    live, value, void = "deleted_at IS NULL", f"(custom->'{key}')", VOID.format(value=f"(custom->'{key}')")
    values, many = _values(entity, key), KINDS[_kind(entity, key)].multiple

    def named(sort: str, of: str = key) -> str:
        return index_name(entity.table, of, sort)

    found = {}
    if not many:
        found = {
            named("ix"): f"({value}, id) WHERE {live}",
            named("dx"): f"({value} DESC NULLS LAST, id DESC) WHERE {live}",
        }
    elif not values and _kind(entity, key) in ("choices", "references"):
        found = {named("gx"): f"USING gin ({value} jsonb_path_ops) WHERE {live}"}
    usual = _usual(entity)
    if usual:
        found |= {
            named("nx"): f"({usual}) WHERE {live} AND {void}",
            named("fx"): f"({usual}) WHERE {live} AND NOT ({void})",
        }
        each = {one: f"{value} {'@>' if many else '='} '{held}'" for one, held in values.items()}
        found |= {named("vx", f"{key}.{one}"): f"({usual}) WHERE {live} AND {is_it}" for one, is_it in each.items()}
        found |= {named("ex"): f"({value}, {usual}) WHERE {live}"} if not values and not many else {}
    return found


def _usual(entity: Entity) -> str:
    """The columns of an index in the usual order of the list, then those that say who may see a row; '' where it is another table's."""
    order = paging.sort_keys(system_actor("indexes"), entity, ())
    if any("__" in one.column for one in order):
        return ""
    down = {True: " DESC", False: ""}
    parts = [f'"{one.column}"{down[one.descending]}{" NULLS LAST" if one.nullable else ""}' for one in order]
    return ", ".join(parts + [f'"{name}_id"' for name in apart.owners_of(entity)])


def _field(entity: Entity, key: str) -> Field | None:
    """A custom field in use."""
    return shape.fields_of(entity).get(f"custom.{key}")


def _kind(entity: Entity, key: str) -> str:
    field = _field(entity, key)
    return field.kind if field is not None else "text"


def _values(entity: Entity, key: str) -> dict[str, str]:
    """The values of a choice, each with how JSON writes it, if they are few enough for an index each; none for other kinds."""
    field = _field(entity, key)
    if field is not None and field.kind == "boolean":
        return {"true": "true"}
    if field is None or field.kind not in ("choice", "choices"):
        return {}
    known = [one.key for one in dictionaries.values(field.dictionary)]
    plain = all(re.fullmatch(r"[\w-]+", one, re.ASCII) for one in known)
    spelled = '["{}"]' if field.kind == "choices" else '"{}"'
    return {one: spelled.format(one) for one in known} if plain and len(known) <= MOST_VALUES else {}


def drop(entity: Entity, key: str) -> None:
    """Drop all that was made of a field: its indexes, its values apart, what the planner was told of them."""
    with connection.cursor() as cursor:
        for name in (*_present(entity, key), apart.table_of(entity, key), _statistics(entity, key)):
            cursor.execute("SELECT guanxi_door_unindex(%s)", [name])
    FieldIndex.objects.filter(entity=entity.key, field=key).delete()
    bump(apart.STAMP)
