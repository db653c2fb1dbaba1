"""The organisation tree: departments move with everything below them and never into themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Count, Q
from django.utils.translation import gettext_lazy as _

from guanxi.core import access
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, RuleBroken
from guanxi.core.models import Department, Operation
from guanxi.core.records import saving
from guanxi.core.records.writing import writing


def _lock() -> None:
    """One move at a time, so that two cannot tie a knot together."""
    list(Department.everything.select_for_update().order_by("pk").values_list("pk", flat=True))


def _check_parent(department: Department, parent: Department | None) -> None:
    if parent is None:
        return
    if parent.deleted_at is not None:
        raise Invalid(_("This department is in the trash."), code="department.parent_gone", field="parent")
    if department.pk and (parent.pk == department.pk or f"/{department.pk}/" in parent.path):
        raise Invalid(_("A department cannot stand below itself."), code="department.cycle", field="parent")


def department_clean(_actor: Actor, department: Department, _changes: Mapping[str, Any]) -> None:
    """What must be true of every department, however it is written: not below itself, and with the right path.

    Whatever lies below it moves along; rights are worked out anew.
    """
    _lock()
    parent = Department.everything.filter(pk=department.parent_id).first() if department.parent_id else None
    _check_parent(department, parent)
    if not department.pk:
        department.pk = _next_id()
    old, new = department.path, f"{parent.path if parent else '/'}{department.pk}/"
    if old != new:
        below = Department.everything.filter(path__startswith=old).exclude(pk=department.pk) if old else []
        moved = list(below)
        for one in moved:
            one.path = new + one.path[len(old) :]
        Department.everything.bulk_update(moved, ["path"])
        department.path = new


def _next_id() -> int:
    """The id the next department gets: its path needs it before the row is there."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [Department._meta.db_table])
        return int(cursor.fetchone()[0])


def department_move(
    actor: Actor, department: Department, *, parent: Department | None, position: int | None = None
) -> Department:
    """Put a department below another (``None``: at the top), at a place among its siblings (0 is the first).

    Raises ``Denied``, ``NotFound``, ``Invalid`` (code ``department.cycle``).
    """
    access.require(actor, "change", department)
    with writing(actor):
        _lock()
        department = Department.objects.get(pk=department.pk)
        before = department.parent_id
        department.parent_id = parent.pk if parent else None
        if department.parent_id != before:
            saving.save(actor, department, changes={"parent": [before, department.parent_id]}, verb="moved")
        if position is not None:
            _reorder(actor, department, position)
    return department


def _reorder(actor: Actor, moved: Department, position: int) -> None:
    siblings = list(
        Department.objects.filter(parent=moved.parent_id).exclude(pk=moved.pk).order_by("position", "name", "pk")
    )
    siblings.insert(max(0, min(position, len(siblings))), moved)
    for index, one in enumerate(siblings):
        if one.position != index:
            before, one.position = one.position, index
            saving.save(actor, one, changes={"position": [before, index]})


def department_delete(actor: Actor, department: Department, *, operation: Operation | None = None) -> Operation:
    """Into the trash, when it is empty. Raises ``RuleBroken`` (code ``department.in_use``) with what is still in it."""
    access.require(actor, "delete", department)
    people = department.users.filter(deleted_at__isnull=True).count()
    below = Department.objects.filter(parent=department).count()
    if people or below:
        text = _("%(people)d people and %(below)d departments are still in it. Move them first.")
        details = {"people": people, "below": below}
        raise RuleBroken(text % details, code="department.in_use", details=details)
    return saving.delete_plain(actor, department, operation=operation)


@dataclass(frozen=True, slots=True)
class Node:
    """A department in the tree with its people (those of the departments below not counted)."""

    department: Department
    depth: int
    people: int
    children: tuple[Node, ...]


def department_nodes(actor: Actor) -> tuple[Node, ...]:
    """The whole tree the actor may see, in its order; departments whose parent is hidden stand at the top."""
    rows = list(
        access.visible(Department.objects.all(), actor)
        .select_related("head")
        .annotate(people=Count("users", filter=Q(users__is_active=True, users__deleted_at__isnull=True)))
        .order_by("position", "name", "pk")
    )
    known = {row.pk for row in rows}
    below: dict[int | None, list[Department]] = {}
    for row in rows:
        below.setdefault(row.parent_id if row.parent_id in known else None, []).append(row)

    def grow(parent: int | None, depth: int) -> tuple[Node, ...]:
        return tuple(
            Node(row, depth, row.people, grow(row.pk, depth + 1))  # type: ignore[attr-defined]
            for row in below.get(parent, [])
        )

    return grow(None, 0)
