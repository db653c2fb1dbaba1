"""Reports and boards people keep, beside the built-in ones: whose they are, who may use and change them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guanxi.core.access import allowed, at_home
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, Invalid, NotFound
from guanxi.core.models import Dashboard, Report, Role, User
from guanxi.core.records.settings_registry import not_longer
from guanxi.core.records.shape import spoken
from guanxi.core.records.writing import writing
from guanxi.core.reporting import builtin
from guanxi.core.reporting.builtin import BuiltIn
from guanxi.core.reporting.spec import read, written
from guanxi.core.schema.registry import entity_of, is_registered

Sort = Literal["report", "board"]
VISIBILITIES = ("private", "team", "public")
#: The feature of a role that lets its holder share with everyone.
FEATURE = "reports.public"
MOST_TILES = 24
_MODELS: dict[Sort, type[Report | Dashboard]] = {"report": Report, "board": Dashboard}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A report or board as its reader finds it; ``row`` is the stored one, ``None`` for a built-in one as it came."""

    sort: Sort
    key: str
    name: str
    about: str
    group: str
    definition: Mapping[str, Any]
    row: Report | Dashboard | None
    visibility: str
    mine: bool
    may_change: bool
    built_in: bool
    position: int = 50
    roles: tuple[str, ...] = ()
    owner: str = ""

    @property
    def url(self) -> str:
        """The address of its page."""
        return f"/{'reports' if self.sort == 'report' else 'dashboards'}/{self.key}/"


def may_share_with_all(actor: Actor) -> bool:
    """Whether the actor may keep things for everyone."""
    return actor.rights.everything or FEATURE in actor.rights.features or "views.public" in actor.rights.features


def _builtin(sort: Sort) -> Mapping[str, BuiltIn]:
    return builtin.reports() if sort == "report" else builtin.boards()


def _seen_by(actor: Actor) -> Q:
    seen = Q(user_id=actor.user_id) | Q(visibility="public")
    if actor.department_id is not None:
        seen |= Q(visibility="team", department_id=actor.department_id)
    return seen


def _usable(actor: Actor, key: str) -> bool:
    return is_registered(key) and allowed(actor, "view", key)


def _of_row(actor: Actor, sort: Sort, row: Report | Dashboard) -> Setup:
    known = _builtin(sort).get(row.key)
    mine = row.user_id == actor.user_id
    return Setup(
        sort=sort,
        key=row.key,
        name=spoken(row.name_zh, row.name_en),
        about=spoken(row.about_zh, row.about_en),
        group=row.group if isinstance(row, Report) else "",
        definition=row.definition,
        row=row,
        visibility=row.visibility,
        mine=mine,
        may_change=mine or actor.rights.everything,
        built_in=known is not None,
        position=row.position,
        roles=tuple(row.roles) if isinstance(row, Dashboard) else (),
        owner=row.user.name if row.user_id and row.user else "",
    )


def _of_builtin(actor: Actor, sort: Sort, known: BuiltIn) -> Setup:
    return Setup(
        sort=sort,
        key=known.key,
        name=spoken(known.zh, known.en),
        about=spoken(known.about_zh, known.about_en),
        group=known.group,
        definition=known.definition,
        row=None,
        visibility="public",
        mine=False,
        may_change=may_share_with_all(actor),
        built_in=True,
        position=known.position,
        roles=known.roles,
    )


def setups(actor: Actor, sort: Sort) -> list[Setup]:
    """Everything of a sort the actor may use: built-in ones and kept ones, by place and name. One query."""
    rows = _MODELS[sort]._default_manager.filter(_seen_by(actor)).select_related("user")
    found = {row.key: _of_row(actor, sort, row) for row in rows}
    for key, known in _builtin(sort).items():
        if key not in found:
            found[key] = _of_builtin(actor, sort, known)
    if sort == "report":
        found = {key: one for key, one in found.items() if _usable(actor, str(one.definition.get("dataset", "")))}
    return sorted(found.values(), key=lambda one: (one.position, one.name))


def offered(actor: Actor) -> list[Setup]:
    """The reports a list offers: his own, and those about what is part of his work. The others open by their address."""
    return [
        one for one in setups(actor, "report") if one.mine or at_home(actor, entity_of(str(one.definition["dataset"])))
    ]


def setup(actor: Actor, sort: Sort, key: str) -> Setup:
    """One report or board the actor may use. Raises NotFound."""
    row = _MODELS[sort]._default_manager.filter(_seen_by(actor), key=key).select_related("user").first()
    known = _builtin(sort).get(key)
    if row is None and known is None:
        raise NotFound(_("This does not exist, or is not shared with you."), code=f"{sort}.not_found")
    found = _of_row(actor, sort, row) if row is not None else _of_builtin(actor, sort, known)  # type: ignore[arg-type]
    if sort == "report" and not _usable(actor, str(found.definition.get("dataset", ""))):
        raise NotFound(_("This does not exist, or is not shared with you."), code="report.not_found")
    return found


def _checked(actor: Actor, name: str, visibility: str) -> str:
    name = not_longer(" ".join(name.split()), "name")
    if not name:
        raise Invalid(_("Give it a name."), code="report.name", field="name")
    if visibility not in VISIBILITIES:
        raise Invalid(field="visibility")
    if visibility == "team" and actor.department_id is None:
        raise Invalid(_("You belong to no department."), code="report.team", field="visibility")
    if visibility == "public" and not may_share_with_all(actor):
        raise Denied(_("You may not share this with everyone."), code="report.public")
    return name


def definition_check(sort: Sort, given: Mapping[str, Any]) -> dict[str, Any]:
    """A report or board as it is stored. Raises Invalid."""
    if sort == "report":
        return written(read(given))
    tiles = given.get("tiles")
    if not isinstance(tiles, list) or len(tiles) > MOST_TILES:
        raise Invalid(_("A board holds at most %(most)d tiles.") % {"most": MOST_TILES}, code="board.size")
    return {"tiles": [_tile(one) for one in tiles]}


def _tile(given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping) or not given.get("report"):
        raise Invalid(_("A tile shows a report."), code="board.tile")
    width = given.get("width", 1)
    found = {"report": str(given["report"])[:80], "width": width if width in (1, 2, 3) else 1}
    for name in ("chart", "title"):
        if given.get(name):
            found[name] = str(given[name])[:100]
    return found


def setup_save(
    actor: Actor,
    *,
    sort: Sort,
    name: str,
    definition: Mapping[str, Any],
    visibility: str = "private",
    key: str = "",
    roles: Sequence[str] | None = None,
    about: str | None = None,
) -> Setup:
    """Keep a report or board: a new one without ``key``, else the one under it (a built-in one gets a row over it).

    Raises Denied for somebody else's, Invalid for a definition that cannot be.
    """
    if actor.user_id is None:
        raise Denied
    held = setup(actor, sort, key) if key else None
    if held is not None and not held.may_change:
        raise Denied(_("This belongs to somebody else. Duplicate it to have your own."), code=f"{sort}.foreign")
    kept_visibility = held is not None and visibility == held.visibility
    name = _checked(actor, name, "private" if kept_visibility else visibility)
    model = _MODELS[sort]
    with writing(actor):
        row: Any = model._default_manager.select_for_update().get(pk=held.row.pk) if held and held.row else model()
        if row.pk is None:
            row.key = key or f"x{secrets.token_hex(5)}"
            row.user_id = actor.user_id
            row.created_by_id = actor.user_id
            if sort == "report":
                row.group = held.group if held else ""
            row.position = held.position if held else 50
            if held and held.sort == "board":
                row.roles = list(held.roles)
        _named(row, name, about)
        row.visibility, row.definition = visibility, definition_check(sort, definition)
        row.department_id = actor.department_id if visibility == "team" else None
        if sort == "board" and roles is not None and may_share_with_all(actor):
            known = set(Role.objects.values_list("key", flat=True))
            row.roles = [one for one in roles if one in known]
        row.version += 1 if row.pk else 0
        row.updated_by_id, row.updated_at = actor.user_id, clock.now()
        row.save()
    return setup(actor, sort, row.key)


def _named(row: Any, name: str, about: str | None) -> None:
    """The name goes to the language it was given in; the other one falls back to it."""
    here, there = ("name_zh", "name_en") if spoken("zh", "en") == "zh" else ("name_en", "name_zh")
    if getattr(row, here) != name:
        setattr(row, here, name)
        if not row.pk:
            setattr(row, there, "")
    if not row.name_zh and not row.name_en:
        row.name_zh = name
    if about is not None:
        setattr(row, "about_zh" if here == "name_zh" else "about_en", " ".join(about.split())[:300])


def setup_copy(actor: Actor, *, sort: Sort, key: str) -> Setup:
    """A copy as one's own."""
    held = setup(actor, sort, key)
    name = str(_("Copy of %(name)s")) % {"name": held.name}
    return setup_save(actor, sort=sort, name=name, definition=held.definition, about=held.about)


def _own_row(actor: Actor, sort: Sort, key: str, *, gone: bool) -> Any:
    rows = _MODELS[sort].everything.select_for_update().filter(key=key, deleted_at__isnull=not gone)
    row = rows.first()
    if row is None or not (row.user_id == actor.user_id or actor.rights.everything):
        raise NotFound(_("This does not exist, or is not shared with you."), code=f"{sort}.not_found")
    return row


def setup_delete(actor: Actor, *, sort: Sort, key: str) -> None:
    """Put one's own into the trash; a built-in one is as it came again."""
    with writing(actor):
        row = _own_row(actor, sort, key, gone=False)
        if key in _builtin(sort):
            row.delete()
            return
        row.deleted_at, row.deleted_by_id = clock.now(), actor.user_id
        row.save(update_fields=["deleted_at", "deleted_by"])


def setup_restore(actor: Actor, *, sort: Sort, key: str) -> None:
    """Take one's own out of the trash again."""
    with writing(actor):
        row = _own_row(actor, sort, key, gone=True)
        row.deleted_at = row.deleted_by_id = None
        row.save(update_fields=["deleted_at", "deleted_by"])


def default_board(actor: Actor) -> Setup | None:
    """The board the actor opens with: the one of his role, own ones first."""
    held = set(User.objects.filter(pk=actor.user_id or 0).values_list("roles__key", flat=True))
    known = setups(actor, "board")
    fitting = [one for one in known if held & set(one.roles)]
    mine = [one for one in known if one.mine and not one.roles]
    return next(iter([*fitting, *mine, *known]), None)
