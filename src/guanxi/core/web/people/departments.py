"""The organisation as a tree, moved by dragging or by choosing."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core import access
from guanxi.core.kernel.errors import GuanxiError, NotFound
from guanxi.core.models import Department
from guanxi.core.people.departments import Node, department_move, department_nodes
from guanxi.core.web.people.common import done, number, show
from guanxi.core.web.views.common import actor_of, page_view


def _flat(nodes: tuple[Node, ...]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _flat(node.children)


@page_view()
def tree(request: HttpRequest) -> HttpResponseBase:
    """All departments with their heads and people."""
    actor = actor_of(request)
    nodes = department_nodes(actor)
    context = {
        "title": _("Organisation"),
        "nodes": nodes,
        "flat": [(node.department.pk, "　" * node.depth + node.department.name) for node in _flat(nodes)],
        "may_move": access.allowed(actor, "change", "core.department"),
        "may_create": access.allowed(actor, "create", "core.department"),
    }
    return show(request, "people/departments.jinja", context)


def _department(request: HttpRequest, department_id: int) -> Department:
    found = access.visible(Department.objects.all(), actor_of(request)).filter(pk=department_id).first()
    if found is None:
        raise NotFound
    return found


@page_view("POST")
def move(request: HttpRequest, department_id: int) -> HttpResponseBase:
    """Put a department below another (``parent``, '' for the top) at ``position``."""
    department = _department(request, department_id)
    parent, position = request.POST.get("parent", ""), request.POST.get("position", "")
    try:
        department_move(
            actor_of(request),
            department,
            parent=_department(request, number(parent)) if parent else None,
            position=number(position) if position else None,
        )
    except GuanxiError as error:
        if "HX-Request" in request.headers:
            raise
        return done(request, "/people/departments/", error.message)
    return done(request, "/people/departments/", _("%(name)s was moved.") % {"name": department.name})
