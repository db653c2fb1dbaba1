"""Models of custom objects: one class per object, made at run time over its partition of the one table.

The class is all Django needs: lists, filters, joins to the record it belongs to, audit and undo work as for any other
model. It is in no installed app, so migrations and Django's own flush do not know it.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import connection, models
from django.utils.translation import gettext_lazy as _

from guanxi.core.models.audit_triggers import audit_triggers
from guanxi.core.models.custom import ObjectRecord

APP = "custom"
_made: dict[str, tuple[str, type[ObjectRecord]]] = {}


def table_of(key: str) -> str:
    """The partition an object's records lie in."""
    return f"core_object_{key}"


def object_model(key: str, parent: type[models.Model] | None) -> type[ObjectRecord]:
    """The model of an object; ``parent`` is the model of the record each of its records belongs to, if any."""
    above = parent._meta.label_lower if parent is not None else ""
    known = _made.get(key)
    if known is not None and known[0] == above:
        return known[1]
    apps.all_models[APP].pop(key, None)
    meta = type(
        "Meta",
        (),
        {
            "app_label": APP,
            "db_table": table_of(key),
            "managed": False,
            "base_manager_name": "everything",
            "default_manager_name": "objects",
        },
    )
    content: dict[str, Any] = {"__module__": __name__, "Meta": meta}
    if parent is not None:
        content["parent"] = models.ForeignKey(
            parent, models.DO_NOTHING, null=True, blank=True, related_name="+", db_constraint=False,
            verbose_name=_("belongs to"),
        )  # fmt: skip
    made: type[ObjectRecord] = type(key, (ObjectRecord,), content)
    _made[key] = (above, made)
    return made


def table_make(model: type[ObjectRecord], key: str) -> None:
    """Make an object's partition with its own numbers and audit triggers; within the transaction that makes the object."""
    table = table_of(key)
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE SEQUENCE "{table}_id_seq"')
        cursor.execute(f"CREATE TABLE \"{table}\" PARTITION OF core_objectrecord FOR VALUES IN ('{key}')")
        cursor.execute(f"ALTER TABLE \"{table}\" ALTER COLUMN id SET DEFAULT nextval('{table}_id_seq')")
        cursor.execute(f"ALTER TABLE \"{table}\" ALTER COLUMN object SET DEFAULT '{key}'")
        cursor.execute(f'ALTER SEQUENCE "{table}_id_seq" OWNED BY "{table}".id')
        cursor.execute(f'CREATE UNIQUE INDEX ON "{table}" (id)')
    for trigger in audit_triggers():
        trigger.install(model)  # type: ignore[arg-type]


def table_drop(key: str) -> None:
    """Drop an object's partition with all its records."""
    with connection.cursor() as cursor:
        cursor.execute(f'DROP TABLE IF EXISTS "{table_of(key)}" CASCADE')
