"""Models of custom objects: one class per object, made at run time over its partition of the one table.

The class is all Django needs: lists, filters, joins to the record it belongs to, audit and undo work as for any other
model. It is in no installed app, so migrations and Django's own flush do not know it.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import connection, models
from django.utils.translation import gettext_lazy as _

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


def table_make(key: str) -> None:
    """Make an object's partition with its own numbers and audit triggers; within the transaction that makes the object."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT guanxi_door_object_make(%s)", [key])


def table_drop(key: str) -> None:
    """Drop an object's partition, which holds no records."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT guanxi_door_object_drop(%s)", [key])
