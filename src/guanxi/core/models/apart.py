"""The values of an own field apart from its records: a narrow table of id, value and owner beside the entity's.

PostgreSQL counts from an index alone only what stands in columns of it, and an own field is an expression over ``custom``.
Here its value is a column. Triggers keep the table as the records are; those in the trash and those without a value are
not in it. Of several choices each is a row. It is made and filled by the job that makes the field's indexes, used once it is
whole, and goes with them (``shaping.indexes.drop``).
"""

# ruff: noqa: S608 - statements are made of our own tables and of keys that are slugs
from __future__ import annotations

from typing import Any

import psycopg
from django.apps import apps
from django.db import connection, models
from django.db.models.fields.json import KeyTransform
from psycopg import sql

from guanxi.core.models.fields import QuickJSONField

APP = "apart"
#: Records whose values are entered in one turn; writers of the entity wait for so long.
TURN = 50_000
_WHOLE = "whole"
_VERBS = {
    "INSERT": "NEW.deleted_at IS NULL AND NEW.custom ? '{key}'",
    "UPDATE": "OLD.custom->'{key}' IS DISTINCT FROM NEW.custom->'{key}' OR OLD.deleted_at IS DISTINCT FROM NEW.deleted_at{moved}",
    "DELETE": "OLD.custom ? '{key}'",
}


class _Held(KeyTransform):
    """The value of the one key there is: the column itself."""

    def as_sql(self, compiler: Any, *_more: Any, **_options: Any) -> Any:
        """The column."""
        return compiler.compile(self.lhs)

    as_postgresql = as_sql


class HeldField(QuickJSONField):
    """Stands for ``custom``: whatever key is asked for is what the column holds."""

    def get_transform(self, name: str) -> Any:
        """What a path into ``custom`` becomes."""
        return lambda *given, **more: _Held(name, *given, **more)


def apart_model(table: str, owners: tuple[str, ...]) -> type[models.Model]:
    """The model of such a table: ``custom`` is asked as the record's own, owners under the names they have there."""
    known = apps.all_models[APP].get(table)
    if known is not None and {one.name for one in known._meta.fields} == {"id", "custom", *owners}:
        return known
    apps.all_models[APP].pop(table, None)  # an object that went, and came again with other owners
    content: dict[str, Any] = {
        "__module__": __name__,
        "Meta": type("Meta", (), {"app_label": APP, "db_table": table, "managed": False}),
        "id": models.BigIntegerField(primary_key=True),
        "custom": HeldField(db_column="value"),
    }
    for name in owners:
        content[name] = models.ForeignKey(
            "core.User", models.DO_NOTHING, null=True, related_name="+", db_constraint=False
        )
    return type(table, (models.Model,), content)


def apart_make(
    owner: psycopg.Connection, table: str, records: str, key: str, owners: tuple[str, ...], *, many: bool = False
) -> None:
    """Make the table of a field as the owner of the database, fill it turn by turn and say that it is whole.

    Outside a transaction writers of the records wait for one turn at a time. To be counted from the index alone it has to be vacuumed.
    """
    columns = [f"{name}_id" for name in owners]
    with owner.transaction():
        owner.execute(
            _said(
                f'CREATE TABLE IF NOT EXISTS "{table}" (id bigint NOT NULL, value jsonb NOT NULL'
                + "".join(f", {name} bigint" for name in columns)
                + f", PRIMARY KEY (id{', value' if many else ''}))"
            )
        )
        owner.execute("SELECT public.guanxi_door_grant('SELECT, INSERT, UPDATE, DELETE', 'TABLE', %s)", [table])
        owner.execute(_said(_function_of_many(table, key, columns) if many else _function(table, key, columns)))
        moved = "".join(f" OR OLD.{name} IS DISTINCT FROM NEW.{name}" for name in columns)
        for verb, when in _VERBS.items():
            owner.execute(
                _said(
                    f'CREATE OR REPLACE TRIGGER "{table[:55]}_{verb.lower()}" AFTER {verb} ON "{records}" FOR EACH ROW'
                    f' WHEN ({when.format(key=key, moved=moved)}) EXECUTE FUNCTION "{table}"()'
                )
            )
    _fill(owner, table, records, key, columns, many=many)
    # Without the id, equal entries are stored once; with several values a record, ids are told apart.
    parts = ", ".join(["value", *columns, *(["id"] if many else [])])
    owner.execute(_said(f'CREATE INDEX IF NOT EXISTS "{table[:59]}_of" ON "{table}" ({parts})'))
    owner.execute(_said(f"COMMENT ON TABLE \"{table}\" IS '{_WHOLE}'"))


def _said(text: str) -> sql.SQL:
    """A statement of our own names."""
    return sql.SQL(text)


def _function(table: str, key: str, columns: list[str]) -> str:
    """What the triggers do: the row of a record is made, changed or taken away."""
    names = ", ".join(["id", "value", *columns])
    values = ", ".join(["NEW.id", f"NEW.custom->'{key}'", *(f"NEW.{name}" for name in columns)])
    same = ", ".join(f"{name} = excluded.{name}" for name in ["value", *columns])
    return (
        f'CREATE OR REPLACE FUNCTION "{table}"() RETURNS trigger LANGUAGE plpgsql AS $apart$ BEGIN'
        f" IF TG_OP <> 'DELETE' AND NEW.deleted_at IS NULL AND NEW.custom ? '{key}' THEN"
        f' INSERT INTO public."{table}" ({names}) VALUES ({values}) ON CONFLICT (id) DO UPDATE SET {same};'
        f" ELSIF TG_OP <> 'INSERT' THEN DELETE FROM public.\"{table}\" WHERE id = OLD.id;"
        " END IF; RETURN NULL; END $apart$"
    )


def _function_of_many(table: str, key: str, columns: list[str]) -> str:
    """The same where a record holds several values, each a row."""
    names = ", ".join(["id", "value", *columns])
    values = ", ".join(["NEW.id", "each.value", *(f"NEW.{name}" for name in columns)])
    return (
        f'CREATE OR REPLACE FUNCTION "{table}"() RETURNS trigger LANGUAGE plpgsql AS $apart$ BEGIN'
        f" IF TG_OP <> 'INSERT' THEN DELETE FROM public.\"{table}\" WHERE id = OLD.id; END IF;"
        f" IF TG_OP <> 'DELETE' AND NEW.deleted_at IS NULL AND jsonb_typeof(NEW.custom->'{key}') = 'array' THEN"
        f" INSERT INTO public.\"{table}\" ({names}) SELECT {values} FROM jsonb_array_elements(NEW.custom->'{key}') each"
        " ON CONFLICT DO NOTHING; END IF; RETURN NULL; END $apart$"
    )


def _fill(owner: psycopg.Connection, table: str, records: str, key: str, columns: list[str], *, many: bool) -> None:
    """Enter what the records hold. Writers wait during a turn, so that none changes a row that is not entered yet."""
    names = ", ".join(["id", "value", *columns])
    values = ", ".join(["id", "each.value" if many else f"custom->'{key}'", *columns])
    held = f" CROSS JOIN LATERAL jsonb_array_elements(custom->'{key}') each" if many else ""
    wanted = f"jsonb_typeof(custom->'{key}') = 'array'" if many else f"custom ? '{key}'"
    found = owner.execute(_said(f'SELECT coalesce(max(id), 0) FROM "{records}"')).fetchone()
    for start in range(0, int(found[0]) if found else 0, TURN):
        with owner.transaction():
            owner.execute(_said(f'LOCK TABLE "{records}" IN SHARE MODE'))
            owner.execute(
                _said(
                    f'INSERT INTO "{table}" ({names}) SELECT {values} FROM "{records}"{held}'
                    f" WHERE id > {start} AND id <= {start + TURN} AND deleted_at IS NULL AND {wanted}"
                    " ON CONFLICT DO NOTHING"
                )
            )


def apart_whole(tables: list[str]) -> frozenset[str]:
    """Those of the tables that are there and whole."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c WHERE c.relname = ANY(%s) AND c.relkind = 'r'"
            " AND obj_description(c.oid, 'pg_class') = %s",
            [tables, _WHOLE],
        )
        return frozenset(row[0] for row in cursor.fetchall())
