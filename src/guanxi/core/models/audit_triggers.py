"""The statement triggers that write the audit: one row per changed record, with the columns that differ.

Who acts travels in the transaction's setting ``guanxi.context`` (JSON: actor, name, via, request, address, operation),
set by ``records.writing``. A change made past the application is noted too, without a name.
"""

from __future__ import annotations

from typing import Any

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models

#: Columns whose change says nothing by itself.
SILENT = (
    "id",
    "version",
    "created_at",
    "updated_at",
    "created_by_id",
    "updated_by_id",
    "carrier_owner_id",
    "sort_key",
    "password",
    "last_login",
)

_INTO = """
INSERT INTO core_auditentry (at, entity, record_id, action, changes, actor_id, actor_name, via, request_id, address, operation_id)
SELECT clock_timestamp(), TG_TABLE_NAME, {row}.id, '{action}', d.changes,
       (c.context->>'actor')::bigint, coalesce(c.context->>'name', ''), coalesce(c.context->>'via', 'database'),
       coalesce(c.context->>'request', ''), coalesce(c.context->>'address', ''), (c.context->>'operation')::bigint
"""
_CONTEXT = """
CROSS JOIN (SELECT coalesce(nullif(current_setting('guanxi.context', true), ''), '{}')::jsonb AS context) c
"""
#: The same, read once for all rows of a statement: what stands in a join is put in the place of each of its uses.
_HELD = """
    DECLARE
        acting jsonb := coalesce(nullif(current_setting('guanxi.context', true), ''), '{{}}')::jsonb;
    BEGIN
        {body};
    END;
    RETURN NULL;
"""


def _held(body: str) -> str:
    return _HELD.format(body=body.replace("c.context", "acting"))


def audit_triggers(silent: tuple[str, ...] = SILENT, *, wide: bool = False) -> list[pgtrigger.Trigger]:
    """The three triggers (insert, update, delete) of one audited table.

    Inserts go through ``json``, which costs half of ``jsonb`` for rows mostly empty; ``OFFSET 0`` keeps PostgreSQL from
    making the old row's document anew for each column. ``wide``, for tables of many columns that are written in bulk,
    spells the columns out: a third of the cost, the same entry, and a migration of the triggers with each new column.
    """
    return [Inserted(silent, wide=wide), Updated(silent, wide=wide), Deleted(silent)]


class _Audit(pgtrigger.Trigger):
    """A trigger after each statement of a sort, that makes the entries of its rows."""

    def __init__(self, verb: pgtrigger.core.Operation, silent: tuple[str, ...], *, wide: bool, **rows: str) -> None:
        self.silent, self.wide = silent, wide
        super().__init__(
            name=f"audit_{str(verb).lower()}",
            level=pgtrigger.Statement,
            when=pgtrigger.After,
            operation=verb,
            referencing=pgtrigger.Referencing(**rows),
        )


class Inserted(_Audit):
    """The trigger for new rows of a table; of a ``wide`` one with an expression for each column."""

    def __init__(self, silent: tuple[str, ...], *, wide: bool) -> None:
        super().__init__(pgtrigger.Insert, silent, wide=wide, new="new_rows")

    def get_func(self, model: Any) -> str:
        """The entry of each new row: the columns that hold something."""
        if self.wide:
            told = f"(SELECT {_changes(model, self.silent)} AS changes) d"
            return _held(f"{_INTO.format(row='n', action='create')} FROM new_rows n CROSS JOIN LATERAL {told}")
        told = f"""(SELECT json_object_agg(k.key, json_build_array(NULL, k.value))::jsonb AS changes
            FROM json_each(row_to_json(n)) k
            WHERE k.key NOT IN ({_quoted(self.silent)}) AND k.value::text NOT IN ('null', '""', '[]', '{{}}')) d"""
        return f"""
        {_INTO.format(row="n", action="create")}
        FROM new_rows n {_CONTEXT}
        CROSS JOIN LATERAL {told};
        RETURN NULL;
    """


class Updated(_Audit):
    """The trigger for changed rows of a table; of a ``wide`` one with a comparison for each column."""

    def __init__(self, silent: tuple[str, ...], *, wide: bool) -> None:
        super().__init__(pgtrigger.Update, silent, wide=wide, old="old_rows", new="new_rows")

    def get_func(self, model: Any) -> str:
        """The entry of each changed row: the columns that differ, before and after."""
        if self.wide:
            # ``OFFSET 0``, or PostgreSQL would put the changes together once to see that there are some, and again to tell them.
            told = f"(SELECT {_differences(model, self.silent)} AS changes OFFSET 0) d"
            rows = (
                f"FROM new_rows n JOIN old_rows o ON o.id = n.id CROSS JOIN LATERAL {told} WHERE d.changes IS NOT NULL"
            )
            return _held(f"{_INTO.format(row='n', action='update')} {rows}")
        told = f"""(SELECT to_jsonb(o) AS before OFFSET 0) b
        CROSS JOIN LATERAL (SELECT jsonb_object_agg(k.key, jsonb_build_array(b.before->k.key, k.value)) AS changes
            FROM jsonb_each(to_jsonb(n)) k
            WHERE k.key NOT IN ({_quoted(self.silent)}) AND b.before->k.key IS DISTINCT FROM k.value) d"""
        return f"""
        {_INTO.format(row="n", action="update")}
        FROM new_rows n JOIN old_rows o ON o.id = n.id {_CONTEXT}
        CROSS JOIN LATERAL {told}
        WHERE d.changes IS NOT NULL;
        RETURN NULL;
    """


class Deleted(_Audit):
    """The trigger for rows that are gone for good."""

    def __init__(self, silent: tuple[str, ...]) -> None:
        super().__init__(pgtrigger.Delete, silent, wide=False, old="old_rows")

    def get_func(self, model: Any) -> str:  # noqa: ARG002 - the same for every table
        """The entry of each: the columns that held something."""
        return f"""
        {_INTO.format(row="o", action="destroy")}
        FROM old_rows o {_CONTEXT}
        CROSS JOIN LATERAL (SELECT jsonb_object_agg(k.key, jsonb_build_array(k.value, NULL)) AS changes
            FROM jsonb_each(to_jsonb(o)) k WHERE k.key NOT IN ({_quoted(self.silent)}) AND k.value NOT IN ('null', '""', '[]', '{{}}')) d;
        RETURN NULL;
    """


def _quoted(silent: tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in silent)


def changes_sql(model: Any) -> str:
    """SQL for what the audit says of a new row ``n`` of an audited model."""
    trigger = next(one for one in model._meta.triggers if one.name == "audit_insert")
    return _changes(model, trigger.silent).replace("%", "%%")


def _changes(model: Any, silent: tuple[str, ...]) -> str:
    return _document([_told(column) for column in model._meta.concrete_fields if column.column not in silent])


def _differences(model: Any, silent: tuple[str, ...]) -> str:
    return _document([_compared(column) for column in model._meta.concrete_fields if column.column not in silent])


def _document(told: list[str]) -> str:
    """A document of parts, each null or ``"column": [before, after]``; null when all are."""
    # concat_ws leaves out what is null, and takes a hundred arguments.
    parts = ",\n".join(f"nullif(concat_ws(',', {', '.join(told[n : n + 50])}), '')" for n in range(0, len(told), 50))
    return f"nullif('{{' || concat_ws(',', {parts}) || '}}', '{{}}')::jsonb"


def _compared(column: models.Field[Any, Any]) -> str:
    """``"column": [before, after]``, null where they are the same."""
    before, after = f'o."{column.column}"', f'n."{column.column}"'
    if isinstance(column, models.JSONField):
        before, after = f"coalesce({before}, 'null')", f"coalesce({after}, 'null')"
    values = " || ',' || ".join(f"coalesce(to_json({one})::text, 'null')" for one in (before, after))
    return f"""CASE WHEN {after} IS DISTINCT FROM {before} THEN '"{column.column}":[' || {values} || ']' END"""


def _told(column: models.Field[Any, Any]) -> str:
    """``"column": [null, value]``, null for an empty value."""
    value = f'n."{column.column}"'
    if isinstance(column, models.CharField | models.TextField):
        filled = f"to_json(nullif({value}, ''))"
    elif isinstance(column, models.JSONField):
        filled = f"""CASE WHEN {value} NOT IN ('null', '""', '[]', '{{}}') THEN {value} END"""
    elif isinstance(column, ArrayField):
        filled = f"to_json(nullif({value}, '{{}}'))"
    else:
        filled = f"to_json({value})"
    return f"""'"{column.column}":[null,' || {filled}::text || ']'"""
