"""Saved views: how somebody set up a list or board, for himself, his department or everyone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, Invalid, NotFound
from guanxi.core.models import SavedView
from guanxi.core.models.fixed import Fixed
from guanxi.core.records.settings_registry import not_longer
from guanxi.core.records.writing import writing
from guanxi.core.schema.entity import Entity

VISIBILITIES = ("private", "team", "public")
#: The right to share a view with everyone belongs to those with this feature, or with all rights.
SHARE_FEATURE = "views.public"
KEYS = ("filter", "text", "sort", "columns", "group", "kind", "given")


def _seen_by(user_id: int, department_id: int) -> Q:
    return Q(user_id=user_id) | Q(visibility="public") | Q(visibility="team", department_id=department_id)


_SEEN = Fixed(
    lambda user_id, department_id, keys: SavedView.objects.filter(
        _seen_by(user_id, department_id), entity__any=keys
    ).select_related("user"),
    [-1, -2, ["\0"]],
)


def views_for(actor: Actor, entity: Entity) -> list[SavedView]:
    """The views of an entity's list the actor may use: his own first, then shared ones, by name."""
    return views_by_entity(actor, [entity]).get(entity.key, [])


def views_by_entity(actor: Actor, some: Iterable[Entity]) -> dict[str, list[SavedView]]:
    """The same for several entities in one query, by key; entities without a view are left out."""
    rows = _SEEN.rows(actor.user_id or 0, actor.department_id or 0, [one.key for one in some])
    found: dict[str, list[SavedView]] = {}
    for view in sorted(rows, key=lambda view: (view.user_id != actor.user_id, view.position, view.name)):
        found.setdefault(view.entity, []).append(view)
    return found


def view_get(actor: Actor, entity: Entity, view_id: int) -> SavedView:
    """One view the actor may use. Raises NotFound."""
    seen = _seen_by(actor.user_id or 0, actor.department_id or 0)
    found = SavedView.objects.filter(seen, entity=entity.key, pk=view_id).first()
    if found is None:
        raise NotFound(_("This view does not exist, or is not shared with you."), code="view.not_found")
    return found


def may_change(actor: Actor, view: SavedView) -> bool:
    """Whether the actor may change or delete the view: his own, or any for those with all rights."""
    return view.user_id == actor.user_id or actor.rights.everything


def _checked(actor: Actor, name: str, visibility: str) -> tuple[str, str]:
    name = not_longer(" ".join(name.split()), "name")
    if not name:
        raise Invalid(_("Give the view a name."), code="view.name", field="name")
    if visibility not in VISIBILITIES:
        raise Invalid(field="visibility")
    if visibility == "team" and actor.department_id is None:
        raise Invalid(_("You belong to no department."), code="view.team", field="visibility")
    if visibility == "public" and not (actor.rights.everything or SHARE_FEATURE in actor.rights.features):
        raise Denied(_("You may not share views with everyone."), code="view.public")
    return name, visibility


def _definition(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: given[key] for key in KEYS if given.get(key)}


def view_create(
    actor: Actor,
    entity: Entity,
    *,
    name: str,
    definition: Mapping[str, Any],
    visibility: str = "private",
    pin: bool = False,
) -> SavedView:
    """Keep a set-up under a name. Raises Invalid or Denied."""
    if actor.user_id is None:
        raise Denied
    name, visibility = _checked(actor, name, visibility)
    with writing(actor):
        return SavedView.objects.create(
            entity=entity.key,
            name=name,
            user_id=actor.user_id,
            visibility=visibility,
            department_id=actor.department_id if visibility == "team" else None,
            definition=_definition(definition),
            pinned_by=[actor.user_id] if pin else [],
            created_by_id=actor.user_id,
            updated_by_id=actor.user_id,
        )


def _locked(actor: Actor, entity: Entity, view_id: int) -> SavedView:
    view_get(actor, entity, view_id)
    return SavedView.objects.select_for_update().get(pk=view_id)


def view_update(
    actor: Actor,
    entity: Entity,
    view_id: int,
    *,
    name: str | None = None,
    definition: Mapping[str, Any] | None = None,
    visibility: str | None = None,
) -> SavedView:
    """Change one's own view. Raises Denied for somebody else's."""
    with writing(actor):
        view = _locked(actor, entity, view_id)
        if not may_change(actor, view):
            raise Denied(_("This view belongs to somebody else. Save it as your own."), code="view.foreign")
        if name is not None or visibility is not None:
            wanted = visibility or view.visibility
            changed = wanted if wanted != view.visibility else "private"
            view.name, _kept = _checked(actor, name if name is not None else view.name, changed)
            view.visibility = wanted
            view.department_id = actor.department_id if wanted == "team" else None
        if definition is not None:
            view.definition = _definition(definition)
        view.version += 1
        view.updated_by_id = actor.user_id
        view.save()
    return view


def view_delete(actor: Actor, entity: Entity, view_id: int) -> None:
    """Throw one's own view away."""
    with writing(actor):
        view = _locked(actor, entity, view_id)
        if not may_change(actor, view):
            raise Denied(_("This view belongs to somebody else."), code="view.foreign")
        view.delete()


def view_mark(
    actor: Actor, entity: Entity, view_id: int, *, pin: bool | None = None, default: bool | None = None
) -> SavedView:
    """Pin a view to one's navigation, or make it the one one's list opens with (at most one per list)."""
    if actor.user_id is None:
        raise Denied
    me = actor.user_id
    with writing(actor):
        view = _locked(actor, entity, view_id)
        if pin is not None:
            view.pinned_by = [*(one for one in view.pinned_by if one != me), *([me] if pin else [])]
        if default is not None:
            for other in SavedView.objects.filter(entity=entity.key, default_of__contains=[me]).exclude(pk=view.pk):
                other.default_of = [one for one in other.default_of if one != me]
                other.save(update_fields=["default_of"])
            view.default_of = [*(one for one in view.default_of if one != me), *([me] if default else [])]
        view.save(update_fields=["pinned_by", "default_of"])
    return view


def default_view(actor: Actor, views: list[SavedView]) -> SavedView | None:
    """The view the actor's list opens with, if he chose one."""
    return next((view for view in views if actor.user_id in view.default_of), None)
