"""What a rule can do: kinds of steps, each with how it is checked when saved and carried out when run.

A kind is entered with ``register_step``; areas add theirs (a task, a campaign). ``run(doing, step)`` acts as ``doing.actor`` on
``doing.record`` and returns what it did in words; whatever leaves the house goes through ``messages.put``, so that a rehearsal, which
takes its transaction back, sends nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core.automation import merge_fields
from guanxi.core.automation.approvals import flows, people
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid, NotFound, Text
from guanxi.core.models import RuleRun, User
from guanxi.core.records import formula, shape
from guanxi.core.schema import kinds
from guanxi.core.schema.entity import Entity


@dataclass(slots=True)
class Doing:
    """A step being carried out: as whom, on which record, in which run; ``old`` holds the values before the change."""

    actor: Actor
    entity: Entity
    record: Any
    run: RuleRun
    old: Mapping[str, Any] = field(default_factory=dict)

    def fresh(self) -> Any:
        """The record as it is now. Raises NotFound when it is gone."""
        found = self.entity.model._default_manager.filter(pk=self.run.record_id).first()
        if found is None:
            raise NotFound
        self.record = found
        return found


@dataclass(frozen=True, slots=True)
class Ask:
    """Something a kind of step has chosen from a list of its own: stored under ``name``; ``options()`` are (key, name).

    ``records`` says that they are records: a settings file may name one that is not in this workspace.
    """

    name: str
    label: Text
    options: Callable[[], list[tuple[str, str]]]
    records: bool = False


@dataclass(frozen=True, slots=True)
class StepKind:
    """One kind of step. ``parts`` names the parts of its form: values, whom, text, template, entity, reference, url, fields,
    rule, action, hours, method, channel, to; ``asks`` are those no other kind has.
    """

    key: str
    label: Text
    icon: str
    parts: tuple[str, ...]
    run: Callable[[Doing, Mapping[str, Any]], str]
    check: Callable[[Actor, Entity, Mapping[str, Any]], None] | None = None
    asks: tuple[Ask, ...] = ()


KINDS: dict[str, StepKind] = {}
#: A text that is one merge field and nothing else.
_ALONE = re.compile(r"\{\{[^{}]*\}\}")


def register_step(kind: StepKind) -> None:
    """Enter a kind of step; one with a known key replaces it."""
    KINDS[kind.key] = kind


# -- values ------------------------------------------------------------------------------------------------------------


def value_for(doing: Doing, given: Any) -> Any:
    """A value a step names: ``=formula`` is reckoned, ``{{ field }}`` filled in, everything else taken as it stands."""
    if isinstance(given, str) and given.startswith("="):
        return kinds.json_of(formula.evaluate(given[1:], doing.record, extra={"old": doing.old}).value)
    if isinstance(given, str) and ("{{" in given or "{%" in given):
        alone = _ALONE.fullmatch(given.strip()) is not None  # a field, not a sentence: a number stays one
        return merge_fields.fill(doing.actor, doing.record, given, plain=alone)
    return given


def values_for(doing: Doing, given: Mapping[str, Any]) -> dict[str, Any]:
    """Every value of a step."""
    return {name: value_for(doing, one) for name, one in given.items()}


def check_values(actor: Actor, entity: Entity, about: Entity, given: Mapping[str, Any]) -> None:
    """Raise Invalid for unknown or read-only fields, formulas and texts that mean nothing, values that do not fit."""
    if not given:
        raise Invalid(_("Choose a field and a value."), code="rule.values")
    fields = shape.fields_of(entity)
    plain = {}
    for name, one in given.items():
        declared = fields.get(name)
        if declared is None or declared.readonly:
            raise Invalid(_("There is no field “%(path)s”.") % {"path": name}, code="rule.field")
        if isinstance(one, str) and one.startswith("="):
            formula.check(about, one[1:], extra={"old": f"record:{about.key}"})
        elif isinstance(one, str) and ("{{" in one or "{%" in one):
            merge_fields.check(actor, about, one)
        else:
            plain[name] = one
    for name, one in plain.items():
        kinds.parse(fields[name], one)


def applicant(doing: Doing) -> User | None:
    """Whose superior or department is meant: the owner of the record, else who caused the run."""
    owner = getattr(doing.record, f"{doing.entity.access.owner}_id", None) if doing.entity.access.owner else None
    return User.objects.filter(pk=owner or doing.run.by_id or 0).first()


def whom(doing: Doing, step: Mapping[str, Any]) -> list[int]:
    """Ids of the people a step names; “the applicant” is the owner of the record."""
    owner = applicant(doing)
    named = step.get("whom") or ()
    if owner is None:
        named = [one for one in named if one.get("kind") in ("role", "people", "field")]
        owner = User()
    return people.find(named, owner, doing.record)


def check_whom(_actor: Actor, entity: Entity, step: Mapping[str, Any]) -> None:
    """Raise Invalid unless a step names people that can be found."""
    if not step.get("whom"):
        raise Invalid(_("Choose people."), code="rule.whom")
    for one in step["whom"]:
        flows.check_whom(entity.key, one, "")


def guarded(
    check: Callable[..., None] | None, actor: Actor, entity: Entity, step: Mapping[str, Any], place: str
) -> None:
    """Run a step's check; whatever it raises is told at the step."""
    if check is None:
        return
    try:
        check(actor, entity, step)
    except GuanxiError as error:
        raise Invalid(error.message, code=error.code, field=place) from None
