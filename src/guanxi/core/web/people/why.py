"""“Why can I (not) see this?” for every record and field, for oneself and, for administrators, for others."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core import access
from guanxi.core.access import actors
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import NotFound
from guanxi.core.models import User
from guanxi.core.people.guards import is_administrator
from guanxi.core.people.rights import field_sources
from guanxi.core.records import display
from guanxi.core.records.shape import fields_of
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_at
from guanxi.core.web.people.common import me, show
from guanxi.core.web.views.common import actor_of, page_view


def _subject(request: HttpRequest) -> tuple[Actor, User | None]:
    """Whose view is explained: the asker's, or that of ``?user=<id>`` when an administrator asks."""
    actor, wanted = actor_of(request), request.GET.get("user", "")
    if not wanted.isdecimal() or int(wanted) == actor.user_id:
        return actor, None
    user = User.objects.filter(pk=int(wanted[:18])).first()
    if user is None or not is_administrator(actor):
        raise NotFound
    return actors.load(user), user


def _found(entity: Entity, record_id: int) -> Any:
    found = entity.model._default_manager.filter(pk=record_id).first()
    if found is None:
        raise NotFound
    return found


@page_view()
def why(request: HttpRequest, path: str, record_id: int) -> HttpResponseBase:
    """Every action on the record and every field, with what gives it or what is missing.

    Who may not see the record gets 404 like everywhere; only an administrator may ask about another person.
    """
    actor, entity = actor_of(request), entity_at(path)
    record = _found(entity, record_id)
    access.require(actor, "view", record)
    subject, user = _subject(request)
    asked = request.GET.get("field", "")
    actions = [
        (str(label), access.explain(subject, record, action=action))
        for action, label in entity.all_actions.items()
        if action not in ("create", "import")
    ]
    sources = field_sources(user or me(request), entity)
    fields = [
        (name, str(field.label), access.explain(subject, record, field=name).reasons[-1], sources.get(name, ()))
        for name, field in fields_of(entity).items()
        if access.field_level(actor, entity, name) != "hidden" or user is None
    ]
    context = {
        "title": _("Why can I (not) see this?")
        if user is None
        else _("Why can %(name)s (not) see this?") % {"name": user},
        "visible": access.allowed(subject, "view", record),
        "entity": entity,
        "name": display.title_of(entity, record, actor),
        "address": f"/{entity.path}/{record_id}/",
        "user": user,
        "users": list(User.objects.filter(is_active=True).order_by("sort_key", "pk")[:500])
        if is_administrator(actor)
        else [],
        "actions": actions,
        "fields": fields,
        "asked": asked,
    }
    return show(request, "people/why.jinja", context)
