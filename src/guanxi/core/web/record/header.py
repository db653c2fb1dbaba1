"""The head of a record page: name, facts, tags, stages, what can be done with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from guanxi.core import access
from guanxi.core.automation.approvals import gate
from guanxi.core.automation.incoming import correspondence
from guanxi.core.automation.workflows import store as workflows
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Text
from guanxi.core.outside import logins
from guanxi.core.records import layouts, presence, process, shape, together, values
from guanxi.core.schema.entity import Action, Entity, Flag
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import quick_forms
from guanxi.core.web import addresses
from guanxi.core.web.forms import choosing
from guanxi.core.web.inputs import Option
from guanxi.core.web.lists import lanes
from guanxi.core.web.record.shown import Shown, names_of, shown
from guanxi.core.web.rules.buttons import buttons_of

#: A path of stages is drawn for a board with at most this many columns.
STAGES = 10
#: So many actions stand as buttons.
LEADS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Doing:
    """One action in the menu: where it goes, whether it asks something first, why it is not possible now."""

    key: str
    label: Text
    icon: str
    url: str
    asks: bool
    danger: bool = False
    lead: bool = False
    reason: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Everything the head of a record page shows."""

    title: str
    url: str
    list_url: str
    facts: list[Shown]
    flags: list[Flag]
    tags: list[Option]
    stages: list[dict[str, Any]]
    stage_label: Text
    doings: list[Doing]
    quick: list[dict[str, Any]]
    marks: frozenset[str]
    may: frozenset[str]
    stamp: str
    write: str = ""

    @property
    def leads(self) -> list[Doing]:
        """The steps people take next, at most two: they stand beside the menu, not in it."""
        return [one for one in self.doings if one.lead][:LEADS]


def header(actor: Actor, entity: Entity, record: Any) -> Header:
    """The head of a record for an actor who may see it."""
    may = frozenset(
        action for action in ("change", "delete", "share", "merge", "reveal") if access.allowed(actor, action, record)
    )
    readable = shape.readable(actor, entity)
    stages, label = _stages(actor, entity, record, may)
    return Header(
        title=choosing.title_of(entity, record, actor),
        url=addresses.record_url(entity, record.pk),
        list_url=addresses.list_url(entity),
        facts=facts(actor, entity, record),
        flags=flags(actor, entity, record),
        tags=list(choosing.chosen(actor, readable["tags"], record.tags)) if "tags" in readable else [],
        stages=stages,
        stage_label=label,
        doings=doings(actor, entity, record),
        quick=quick_here(actor, entity, record),
        marks=together.marks_of(actor, record),
        may=may,
        stamp=presence.stamp(actor, record),
        write=f"/write/{entity.path}/{record.pk}/" if "change" in may and correspondence.writes(entity) else "",
    )


def facts(actor: Actor, entity: Entity, record: Any) -> list[Shown]:
    """What is told of a record at a glance, as far as the actor may see it; its owner is always among it."""
    readable = shape.readable(actor, entity)
    arranged = layouts.names(layouts.layout_of(actor, entity, "side", record))
    names = [name for name in arranged or entity.facts if name in readable]
    if entity.access.owner in readable and entity.access.owner not in names:
        names.insert(0, entity.access.owner)
    known = names_of(actor, record, [readable[name] for name in names])
    found = [shown(actor, entity, record, readable[name], change=False, reveal=False, names=known) for name in names]
    return [one for one in found if _tells(one, record) or one.field.name == entity.access.owner]


def _tells(one: Shown, record: Any) -> bool:
    """Whether a fact says anything in the head: nothing empty, no “no”."""
    no = one.field.kind == "boolean" and not one.masked and values.current(record, one.field) is False
    return not one.empty and not no


def flags(actor: Actor, entity: Entity, record: Any) -> list[Flag]:
    """What is to be watched about a record, the urgent first."""
    badges = sorted(
        (one for one in entity.badges if access.reads(actor, entity, *one.fields)), key=lambda one: one.order
    )
    found = [flag for badge in badges if (flag := badge.find(actor, record)) is not None]
    return sorted(found, key=lambda one: one.color != "red")


def path_field(actor: Actor, entity: Entity) -> Field | None:
    """The field shown as a path: the board's, else the first that is a process; ``None`` if he may not read it."""
    fields = shape.readable(actor, entity)
    names = [entity.board.field] if entity.board and entity.board.path else process.process_fields(entity)
    field = fields.get(names[0]) if names else None
    if field is None or field.kind not in ("choice", "reference"):
        return None
    return None if access.field_level(actor, entity, field.name) == "masked" else field


def _stages(actor: Actor, entity: Entity, record: Any, may: frozenset[str]) -> tuple[list[dict[str, Any]], Text]:
    """The columns of the board, or the first process, as a path; a click moves the record there."""
    field = path_field(actor, entity)
    if field is None:
        return [], ""
    within = getattr(record, f"{entity.board.within}_id", None) if entity.board and entity.board.within else None
    choices = [one for one in lanes.choices_for(actor, entity, field, within) if one.active]
    if not 2 <= len(choices) <= STAGES:
        return [], ""
    now = str(values.current(record, field) or "")
    found = process.process_of(entity, field.name, record)
    ends = _ends(entity, found)
    # Whoever has come to an end sees that one alone; the others stand there while they may still be reached.
    beside = entity.board.exits if entity.board else ()
    choices = [one for one in choices if one.key == now or one.key not in (ends if now in ends else beside)]
    bad = ends.get(now) == "bad"
    at = next((number for number, one in enumerate(choices) if one.key == now), -1)
    open_ = "change" in may and field.name in shape.writable(actor, entity)
    moves = gettext("Moves on with what is done: see the buttons and the menu.") if field.readonly else ""
    action = f"{addresses.record_url(entity, record.pk)}stage/" if open_ else ""
    refused = (
        {one.key: process.gate(actor, record, found, one.key).refused for one in choices} if found and open_ else {}
    )
    return [
        {
            "key": one.key,
            "label": one.label,
            "state": ("now lost" if bad else "now") if number == at else "done" if number < at and not bad else "next",
            "action": f"{action}{one.key}/" if action and not refused.get(one.key) else "",
            "reason": refused.get(one.key, moves) if number != at else "",
        }
        for number, one in enumerate(choices)
    ], field.label


def _ends(entity: Entity, found: process.Process | None) -> dict[str, str]:
    """Where the way of a record ends (good, bad), by key."""
    ends: dict[str, str] = {one.key: one.ending for one in found.steps if one.ending} if found else {}
    return ends | dict.fromkeys(entity.board.exits if entity.board else (), "bad")


def doings(actor: Actor, entity: Entity, record: Any) -> list[Doing]:
    """The declared actions the actor may do on this record; those that make no sense now say why."""
    found = []
    waits = gate.waiting(entity.key, record.pk) if entity.actions else ""
    for action in entity.actions:
        if access.allowed(actor, action.right, record):
            reason = why_not(action, record)
            if reason == "" and action.key == waits:
                reason = gettext("It waits for its approval.")
            if reason is not None:
                url = f"{addresses.record_url(entity, record.pk)}do/{action.key}/"
                found.append(
                    Doing(
                        key=action.key, label=action.label, icon=action.icon or "bolt", url=url,
                        asks=bool(action.fields) or action.danger, danger=action.danger, lead=not reason and _leads(action, record), reason=reason,
                    )
                )  # fmt: skip
    return found + _rule_buttons(actor, entity, record) + _client_sign_in(actor, entity, record)


def _client_sign_in(actor: Actor, entity: Entity, record: Any) -> list[Doing]:
    """Letting a record sign in as a client, where clients have pages of their own."""
    if not logins.may_have(record) or not access.allowed(actor, "change", record):
        return []
    url = f"/client-login/{entity.path}/{record.pk}/"
    return [Doing(key="client-login", label=_("Client sign-in"), icon="world", url=url, asks=True)]


def _leads(action: Action, record: Any) -> bool:
    return action.lead(record) if callable(action.lead) else action.lead


def _rule_buttons(actor: Actor, entity: Entity, record: Any) -> list[Doing]:
    """Automation rules and workflows that people start from the menu."""
    started = [(f"rule-{key}", name, "player-play", f"/rules/{key}/press/") for key, name in buttons_of(entity)]
    started += [
        (f"workflow-{key}", name, "sitemap", f"/workflows/{key}/begin/") for key, name in workflows.buttons_of(entity)
    ]
    if not started or not access.allowed(actor, "change", record):
        return []
    return [
        Doing(key=key, label=name, icon=icon, url=f"{url}{entity.path}/{record.pk}/", asks=False)
        for key, name, icon, url in started
    ]


def why_not(action: Action, record: Any) -> Text | None:
    """'' when the action is possible now, a sentence when it is not, ``None`` when it never makes sense here."""
    answer = action.applies(record) if action.applies else True
    if answer is True:
        return ""
    return None if answer is False else answer


def quick_here(actor: Actor, entity: Entity, record: Any) -> list[dict[str, Any]]:
    """Small forms that may be about this record; the first answers the key of the form that opens anywhere, when that
    one is about something else.
    """
    usual = next((form.shortcut for form in quick_forms() if form.shortcut), "")
    here = [
        form for form in quick_forms() if entity.key in form.subjects and access.allowed(actor, form.right, form.entity)
    ]
    taken = any(form.shortcut == usual for form in here)
    return [
        {
            "key": form.key,
            "label": form.label,
            "icon": form.icon,
            "url": f"/quick/{form.key}/?entity={entity.key}&id={record.pk}",
            "shortcut": usual if place == 0 and not taken else "",
        }
        for place, form in enumerate(here)
    ]
