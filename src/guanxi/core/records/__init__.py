"""Floor 5: the one read path and the one write path.

Faces and services import from here::

    from guanxi.core import records
    records.create(actor, "customers.customer", {"name": "…"})
"""

from guanxi.core.records import bulk, dictionaries, display, history, numbering, process, processrows, shape
from guanxi.core.records.merge import merge
from guanxi.core.records.query import compile_tree
from guanxi.core.records.reading import COUNT_LIMIT, Group, Page, counted, get, groups, page, queryset, select, totals
from guanxi.core.records.saving import (
    create,
    create_plain,
    delete,
    delete_plain,
    locked,
    restore,
    save,
    update,
    update_plain,
)
from guanxi.core.records.shape import field_at, fields_of
from guanxi.core.records.undo import UndoResult, can_undo, undo
from guanxi.core.records.writing import emit, operation_begin, writing

__all__ = [
    "COUNT_LIMIT",
    "Group",
    "Page",
    "UndoResult",
    "bulk",
    "can_undo",
    "compile_tree",
    "counted",
    "create",
    "create_plain",
    "delete",
    "delete_plain",
    "dictionaries",
    "display",
    "emit",
    "field_at",
    "fields_of",
    "get",
    "groups",
    "history",
    "lines",
    "locked",
    "merge",
    "numbering",
    "operation_begin",
    "page",
    "process",
    "processrows",
    "queryset",
    "restore",
    "save",
    "select",
    "shape",
    "totals",
    "undo",
    "update",
    "update_plain",
    "writing",
]
