# ruff: noqa: S608 - the statements are made of our own tables and of keys that are slugs
"""Triggers that note which records are due when something they read elsewhere changes.

They are made from the rows of derived fields: ``install`` writes one function and trigger per watched table and verb, and
drops those nothing needs any more. Seen by the application's own writes, by undo, by import and by hand alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection

from guanxi.core.models import CustomField
from guanxi.core.records import columns, shape
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of, is_registered

_PREFIX = "guanxi_due_"
_VERBS = {
    "insert": ("INSERT", "REFERENCING NEW TABLE AS new_rows", ("new_rows",)),
    "update": ("UPDATE", "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows", ("old_rows", "new_rows")),
    "delete": ("DELETE", "REFERENCING OLD TABLE AS old_rows", ("old_rows",)),
}


@dataclass(frozen=True, slots=True)
class Watch:
    """One thing to watch: rows of ``table``; ``select`` gives ids that are due from the rows called ``{rows}``."""

    table: str
    entity: str
    select: str
    verbs: tuple[str, ...]


def _column(field: Field, row: str) -> str:
    """The id a reference holds, of a row."""
    return f"({row}.custom->>'{field.key}')::bigint" if field.custom else f'{row}."{field.column}"'


def _watched_value(field: Field, row: str) -> str:
    return f"{row}.custom->'{field.key}'" if field.custom else f'{row}."{field.column}"'


def _of_relation(entity: Entity, child: Entity, reference: Field) -> Watch:
    if reference.kind == "references":
        select = (
            "SELECT e.value::bigint FROM {rows} r CROSS JOIN LATERAL"
            f" jsonb_array_elements_text(coalesce(r.custom->'{reference.key}', '[]')) e"
        )
    else:
        select = f"SELECT {_column(reference, 'r')} FROM {{rows}} r"
    return Watch(child.table, entity.key, select, ("insert", "update", "delete"))


def _of_path(entity: Entity, path: str) -> list[Watch]:
    """One watch per step of ``customer.region``: the record at its end changes, or one on the way points elsewhere."""
    found: list[Watch] = []
    here, joins, last = entity, "", "e"
    names = steps(path)
    for place, name in enumerate(names[:-1]):
        field = shape.fields_of(here).get(name)
        target = (
            "core.user" if field is not None and field.kind == "user" else field.target if field is not None else ""
        )
        if field is None or field.kind not in ("reference", "user") or not is_registered(target):
            return found
        here = entity_of(target)
        watched = shape.fields_of(here).get(names[place + 1])
        if watched is None:
            return found
        row = f"t{place}"
        select = (
            f'SELECT e.id FROM "{entity.table}" e {joins}JOIN {{rows}} n ON n.id = {_column(field, last)}'
            f" JOIN old_rows o ON o.id = n.id"
            f" WHERE {_watched_value(watched, 'n')} IS DISTINCT FROM {_watched_value(watched, 'o')}"
        )
        found.append(Watch(here.table, entity.key, select, ("update",)))
        joins += f'JOIN "{here.table}" {row} ON {row}.id = {_column(field, last)} '
        last = row
    return found


def steps(path: str) -> list[str]:
    """A path as names of fields: ``customer.custom.score`` has two, ``customer`` and ``custom.score``."""
    parts, names = path.split("."), []
    while parts:
        one = parts.pop(0)
        names.append(f"custom.{parts.pop(0)}" if one == "custom" and parts else one)
    return names


def watches() -> list[Watch]:
    """Everything the derived fields there are stand on."""
    found: dict[Watch, None] = {}
    for row in CustomField.objects.filter(active=True, kind__in=shape.DERIVED):
        if not is_registered(row.entity):
            continue
        entity = entity_of(row.entity)
        relations = [row.options.get("rollup", {}).get("relation", "")] if row.kind == "rollup" else []
        relations += [one[0] for one in row.options.get("relations", ())]
        for path in relations:
            child, reference = columns.relation(entity, path)
            if child is not None and reference is not None:
                found[_of_relation(entity, child, reference)] = None
        for path in row.options.get("paths", ()):
            found.update(dict.fromkeys(_of_path(entity, path)))
    return list(found)


def install() -> None:
    """Bring the triggers in line with the derived fields; within the transaction that changed those, or after a migration."""
    wanted: dict[tuple[str, str], list[Watch]] = {}
    for watch in watches():
        for verb in watch.verbs:
            wanted.setdefault((watch.table, verb), []).append(watch)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('guanxi_due'))")
        cursor.execute(
            "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE t.tgname LIKE %s",
            [f"{_PREFIX}%"],
        )
        for table, name in cursor.fetchall():
            if (table, name.removeprefix(_PREFIX)) not in wanted:
                cursor.execute(f'DROP TRIGGER "{name}" ON "{table}"')
        for (table, verb), listed in sorted(wanted.items()):
            _install_one(cursor, table, verb, listed)


def _install_one(cursor: Any, table: str, verb: str, listed: list[Watch]) -> None:
    event, referencing, names = _VERBS[verb]
    inserts = []
    for watch in listed:
        sources = names if "old_rows o" not in watch.select else ("new_rows",)
        union = " UNION ".join(watch.select.format(rows=one) for one in sources)
        inserts.append(
            "INSERT INTO core_due (entity, record_id, transaction)"
            f" SELECT DISTINCT '{watch.entity}', d.id, pg_current_xact_id()::text::bigint"
            f" FROM ({union}) AS d (id) WHERE d.id IS NOT NULL;"
        )
    name = f"{_PREFIX}{table}_{verb}"
    cursor.execute(
        f'CREATE OR REPLACE FUNCTION "{name}"() RETURNS trigger LANGUAGE plpgsql AS $due$'
        f" BEGIN {' '.join(inserts)} RETURN NULL; END $due$"
    )
    cursor.execute(
        f'CREATE OR REPLACE TRIGGER "{_PREFIX}{verb}" AFTER {event} ON "{table}" {referencing}'
        f' FOR EACH STATEMENT EXECUTE FUNCTION "{name}"()'
    )
