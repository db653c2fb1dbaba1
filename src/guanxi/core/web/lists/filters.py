"""The filter above a list: its conditions as chips people take away, and quick filters as selects."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Text
from guanxi.core.records import shape
from guanxi.core.schema import operators as op
from guanxi.core.schema.fields import Field
from guanxi.core.web.forms import choosing
from guanxi.core.web.inputs import Option
from guanxi.core.web.lists.state import ListState
from guanxi.core.web.lists.wording import describe, joined, nodes_of, options, word

#: So many declared filters stand above the list; the others are in the builder.
QUICK = 5


@dataclass(frozen=True, slots=True)
class Chip:
    """One condition people can take away or change."""

    text: str
    remove: str
    edit: str = ""


def chips(actor: Actor, state: ListState) -> list[Chip]:
    """The filter as chips. An “any” group at the top is one chip; taking one away keeps the rest."""
    match, nodes = nodes_of(state.now.filter)
    edit = state.url(path=f"/{state.entity.path}/filter/")
    if match == "any" and len(nodes) > 1:
        return [Chip(describe(actor, state.entity, state.now.filter), state.url(filter={}), edit)]
    found = []
    for number, node in enumerate(nodes):
        rest = joined("all", [other for place, other in enumerate(nodes) if place != number])
        found.append(Chip(describe(actor, state.entity, node), state.url(filter=rest), edit))
    return found


@dataclass(frozen=True, slots=True)
class Quick:
    """One quick filter above the list: a select."""

    name: str
    label: Text
    value: str
    options: tuple[Option, ...] = ()
    search_url: str = ""
    chosen: tuple[Option, ...] = ()


def _among(state: ListState, path: str, declared: Field) -> choosing.Among | None:
    """What the quick filter of the field that narrows a choice asks for."""
    around = path.removesuffix(declared.name) + declared.within if declared.within else ""
    field = shape.field_at(state.entity, around) if state.quick.get(around) else None
    return choosing.Among(field, state.quick[around]) if field else None


def quick_filters(actor: Actor, state: ListState) -> list[Quick]:
    """The first declared filters, and those in use, as selects; those with very many values look them up."""
    found: list[Quick] = []
    for path in state.entity.filters:
        if len(found) >= QUICK and path not in state.quick:
            continue
        declared = shape.field_at(state.entity, path)
        if declared is None or shape.path_level(actor, state.entity, path) not in ("read", "write"):
            continue
        value = state.quick.get(path, "")
        label = shape.path_label(state.entity, path)
        if declared.kind == "choice":
            found.append(Quick(path, label, value, choosing.options(declared, value, _among(state, path, declared))))
        elif declared.kind == "boolean":
            found.append(Quick(path, label, value, (Option("1", _("Yes")), Option("0", _("No")))))
        elif declared.kind in ("reference", "user", "region"):
            own = (Option("@me", str(op.TOKENS["@me"])),) if declared.kind == "user" else ()
            held = (Option(value, word(actor, declared, value)),) if value and value != "@me" else ()
            found.append(Quick(path, label, value, (), choosing.search_url(state.entity, declared), own + held))
        elif declared.kind in ("date", "datetime"):
            found.append(Quick(path, label, value, tuple(options(op.PERIODS))))
    return found
