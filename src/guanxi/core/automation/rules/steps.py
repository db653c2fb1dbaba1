"""What a rule can do: kinds of steps, each with how it is checked when saved and carried out when run.

A kind is entered with ``register_step``; areas add theirs (a task, a campaign). ``run(doing, step)`` acts as ``doing.actor`` on
``doing.record`` and returns what it did in words; whatever leaves the house goes through ``messages.put``, so that a rehearsal, which
takes its transaction back, sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from guanxi.core import records
from guanxi.core.access import require
from guanxi.core.automation import messages, outbound, templates
from guanxi.core.automation.approvals import deciding, flows, people
from guanxi.core.automation.notify import notify
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid, NotFound, RuleBroken, Text
from guanxi.core.models import RuleRun, User
from guanxi.core.records import display, formula, shape, values
from guanxi.core.records.query import compile_tree
from guanxi.core.schema import kinds
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of, is_registered

#: A rule's own words come as the whole sentence.
SAID = gettext_noop("%(text)s")
SORT = "rule"
MOST_RELATED = 500


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
class StepKind:
    """One kind of step. ``parts`` names the parts of its form: values, whom, text, template, entity, reference, url, fields,
    rule, action, hours, method, channel, to.
    """

    key: str
    label: Text
    icon: str
    parts: tuple[str, ...]
    run: Callable[[Doing, Mapping[str, Any]], str]
    check: Callable[[Actor, Entity, Mapping[str, Any]], None] | None = None


KINDS: dict[str, StepKind] = {}


def register_step(kind: StepKind) -> None:
    """Enter a kind of step; one with a known key replaces it."""
    KINDS[kind.key] = kind


# -- values ------------------------------------------------------------------------------------------------------------


def value_for(doing: Doing, given: Any) -> Any:
    """A value a step names: ``=formula`` is reckoned, ``{{ field }}`` filled in, everything else taken as it stands."""
    if isinstance(given, str) and given.startswith("="):
        return kinds.json_of(formula.evaluate(given[1:], doing.record, extra={"old": doing.old}).value)
    if isinstance(given, str) and ("{{" in given or "{%" in given):
        return templates.fill(doing.actor, doing.record, given)
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
            templates.check(actor, about, one)
        else:
            plain[name] = one
    for name, one in plain.items():
        kinds.parse(fields[name], one)


def _said(entity: Entity, changed: Mapping[str, Any]) -> str:
    fields = shape.fields_of(entity)
    return ", ".join(
        f"{fields[name].label}: {display.shown(fields[name], one)}" for name, one in changed.items() if name in fields
    )[:500]


# -- the kinds ---------------------------------------------------------------------------------------------------------


def _set(doing: Doing, step: Mapping[str, Any]) -> str:
    given = values_for(doing, step["values"])
    fresh = records.update(doing.actor, doing.fresh(), given)
    doing.record = fresh
    fields = shape.fields_of(doing.entity)
    return _said(doing.entity, {name: values.current(fresh, fields[name]) for name in given})


def _set_check(actor: Actor, entity: Entity, step: Mapping[str, Any]) -> None:
    check_values(actor, entity, entity, step.get("values") or {})


def _target(entity: Entity, step: Mapping[str, Any]) -> tuple[Entity, str]:
    """The entity a step makes or changes, and its reference to the rule's record ('' for none)."""
    key, reference = str(step.get("entity", "")), str(step.get("reference", ""))
    if not is_registered(key):
        raise Invalid(_("Choose what is made or changed."), code="rule.entity")
    target = entity_of(key)
    if reference:
        declared = shape.fields_of(target).get(reference)
        if declared is None or declared.target != entity.key:
            raise Invalid(_("There is no field “%(path)s”.") % {"path": reference}, code="rule.field")
    return target, reference


def _create(doing: Doing, step: Mapping[str, Any]) -> str:
    target, reference = _target(doing.entity, step)
    given = values_for(doing, step.get("values") or {})
    if reference:
        given[reference] = doing.record.pk
    if target.access.owner and target.access.owner not in given and doing.entity.access.owner:
        given[target.access.owner] = getattr(doing.record, f"{doing.entity.access.owner}_id")
    made = records.create(doing.actor, target, given)
    return _("%(what)s “%(name)s” was made.") % {"what": target.label, "name": display.title_of(target, made)}


def _create_check(actor: Actor, entity: Entity, step: Mapping[str, Any]) -> None:
    target, _reference = _target(entity, step)
    if step.get("values"):
        check_values(actor, target, entity, step["values"])


def _related(doing: Doing, step: Mapping[str, Any]) -> str:
    target, reference = _target(doing.entity, step)
    rows = target.model._default_manager.filter(**{f"{reference}_id": doing.record.pk})
    if step.get("when"):
        rows = rows.filter(compile_tree(flows.seeing_all(doing.actor), target, step["when"]))
    given = values_for(doing, step["values"])
    chosen = list(rows.order_by("pk")[:MOST_RELATED])
    for row in chosen:
        records.update(doing.actor, row, given)
    return _("%(count)d changed: %(what)s") % {"count": len(chosen), "what": _said(target, given)}


def _related_check(actor: Actor, entity: Entity, step: Mapping[str, Any]) -> None:
    target, reference = _target(entity, step)
    if not reference:
        raise Invalid(_("Choose the field that points to the record."), code="rule.reference")
    check_values(actor, target, entity, step.get("values") or {})


def _applicant(doing: Doing) -> User | None:
    """Whose superior or department is meant: the owner of the record, else who caused the run."""
    owner = getattr(doing.record, f"{doing.entity.access.owner}_id", None) if doing.entity.access.owner else None
    return User.objects.filter(pk=owner or doing.run.by_id or 0).first()


def whom(doing: Doing, step: Mapping[str, Any]) -> list[int]:
    """Ids of the people a step names; “the applicant” is the owner of the record."""
    owner = _applicant(doing)
    named = step.get("whom") or ()
    if owner is None:
        named = [one for one in named if one.get("kind") in ("role", "people", "field")]
        owner = User()
    return people.find(named, owner, doing.record)


def _check_whom(_actor: Actor, entity: Entity, step: Mapping[str, Any]) -> None:
    if not step.get("whom"):
        raise Invalid(_("Choose people."), code="rule.whom")
    for one in step["whom"]:
        flows.check_whom(entity.key, one, "")


def _assign(doing: Doing, step: Mapping[str, Any]) -> str:
    """Give the record to one of the people: the next in turn, the one with the fewest records, or the first."""
    found = whom(doing, step)
    if not found:
        raise RuleBroken(_("Nobody was found to give it to."), code="rule.nobody")
    owner = doing.entity.access.owner
    method = str(step.get("method"))
    chosen = (
        _next_in_turn(doing, found)
        if method == "round"
        else _least_busy(doing, found)
        if method == "least"
        else found[0]
    )
    doing.record = records.update(doing.actor, doing.fresh(), {owner: chosen})
    return _("given to %(name)s") % {"name": User.everything.get(pk=chosen).name}


def _next_in_turn(doing: Doing, found: list[int]) -> int:
    last = (
        RuleRun.objects.filter(rule_id=doing.run.rule_id, pk__lt=doing.run.pk, state__in=("done", "waiting", "running"))
        .order_by("-pk")
        .values_list("pk", flat=True)
    )
    return found[len(last[:10_000]) % len(found)]


def _least_busy(doing: Doing, found: list[int]) -> int:
    owner = f"{doing.entity.access.owner}_id"
    rows = doing.entity.model._default_manager.filter(**{f"{owner}__in": found}).exclude(pk=doing.record.pk)
    busy = dict(rows.order_by().values(owner).annotate(n=Count("pk")).values_list(owner, "n"))
    return min(found, key=lambda user: (busy.get(user, 0), found.index(user)))


def _assign_check(actor: Actor, entity: Entity, step: Mapping[str, Any]) -> None:
    if not entity.access.owner:
        raise Invalid(_("These records have no owner."), code="rule.owner")
    _check_whom(actor, entity, step)


def _notify(doing: Doing, step: Mapping[str, Any]) -> str:
    text = templates.fill(doing.actor, doing.record, str(step.get("text", "")))
    told = notify(whom(doing, step), SORT, SAID, {"text": text[:500]}, record=doing.record)
    names = User.everything.filter(pk__in=told).values_list("name", flat=True)
    return _("told: %(names)s") % {"names": ", ".join(names) or "—"}


def _text_check(actor: Actor, entity: Entity, step: Mapping[str, Any]) -> None:
    if step.get("template"):
        templates.template_of(str(step["template"]))
    elif not str(step.get("text", "")).strip():
        raise Invalid(_("Write a text."), code="rule.text")
    for name in ("subject", "text"):
        templates.check(actor, entity, str(step.get(name) or ""))


def _notify_check(actor: Actor, entity: Entity, step: Mapping[str, Any]) -> None:
    _check_whom(actor, entity, step)
    _text_check(actor, entity, step)


def _message(doing: Doing, step: Mapping[str, Any]) -> str:
    """A mail or text message: to the address in a field of the record, or to people by their own."""
    channel = str(step.get("channel") or "mail")
    sent = []
    for address, language in _addresses(doing, step, channel):
        if step.get("template"):
            message = templates.filled(
                doing.actor, templates.template_of(str(step["template"])), doing.record, language
            )
        else:
            message = templates.Message(
                templates.fill(doing.actor, doing.record, str(step.get("subject") or ""), language=language),
                templates.fill(doing.actor, doing.record, str(step.get("text") or ""), language=language),
            )
        row = messages.put(
            channel, address, subject=message.subject, body=message.body, record=doing.record, run_id=doing.run.pk
        )
        sent.append(row.to)
    return _("written to: %(addresses)s") % {"addresses": ", ".join(sent) or "—"}


def _addresses(doing: Doing, step: Mapping[str, Any], channel: str) -> list[tuple[str, str]]:
    """Where a message goes, with the reader's language."""
    name = str(step.get("to") or "")
    if name:
        declared = shape.field_at(doing.entity, name)
        value = doing.record
        for part in name.split("."):
            value = getattr(value, part, None) if not isinstance(value, Mapping) else value.get(part)
        if declared is not None and declared.kind in ("emails", "phones"):
            value = next((one.get("value") for one in value or () if isinstance(one, Mapping)), "")
        return [(str(value), "zh-hans")] if value else []
    rows = User.objects.filter(pk__in=whom(doing, step))
    return [
        (user.email if channel == "mail" else user.phone, user.language)
        for user in rows
        if (user.email if channel == "mail" else user.phone)
    ]


def _message_check(actor: Actor, entity: Entity, step: Mapping[str, Any]) -> None:
    _text_check(actor, entity, step)
    if step.get("channel", "mail") not in messages.CHANNELS:
        raise Invalid(_("Choose how it is sent."), code="rule.channel")
    if step.get("to"):
        declared = shape.field_at(entity, str(step["to"]))
        if declared is None or declared.kind not in ("email", "emails", "phone", "phones"):
            raise Invalid(_("Choose a field with an address."), code="rule.to")
    else:
        _check_whom(actor, entity, step)


def _webhook(doing: Doing, step: Mapping[str, Any]) -> str:
    """Post the record's fields, as the rule's actor may see them, to an address."""
    readable = shape.readable(doing.actor, doing.entity)
    names = [name for name in step.get("fields") or readable if name in readable and name != "id"]
    payload = {
        "rule": doing.run.rule.key,
        "entity": doing.entity.key,
        "id": doing.record.pk,
        "at": clock.now().isoformat(),
        "values": {
            name: kinds.json_of(
                display.masked(doing.actor, doing.entity, readable[name], values.current(doing.record, readable[name]))
            )
            for name in names
        },
    }
    row = messages.put("webhook", str(step["url"]), payload=payload, record=doing.record, run_id=doing.run.pk)
    return _("sent to %(address)s") % {"address": row.to}


def _webhook_check(_actor: Actor, entity: Entity, step: Mapping[str, Any]) -> None:
    outbound.check_address(str(step.get("url") or ""))
    for name in step.get("fields") or ():
        if name not in shape.fields_of(entity):
            raise Invalid(_("There is no field “%(path)s”.") % {"path": name}, code="rule.field")


def _approval(doing: Doing, step: Mapping[str, Any]) -> str:
    """Send the record into the approval of an action, in the name of its owner."""
    owner = _applicant(doing)
    if owner is None:
        raise RuleBroken(_("Nobody was found to ask in the name of."), code="rule.nobody")
    made = deciding.submit(deciding.actor_for(owner), doing.entity.key, doing.record.pk, str(step["action"]), {})
    return _("sent into approval: %(flow)s") % {"flow": flows.name_of(made.flow)}


def _approval_check(_actor: Actor, entity: Entity, step: Mapping[str, Any]) -> None:
    if step.get("action") not in flows.actions_of(entity.key) or step.get("action") == "change":
        raise Invalid(_("Choose the action."), code="rule.action")


def _act(doing: Doing, step: Mapping[str, Any]) -> str:
    """Do a declared action of the record."""
    action = next((one for one in doing.entity.actions if one.key == step.get("action")), None)
    if action is None:
        raise NotFound(_("There is no such action."), code="action.unknown")
    require(doing.actor, action.right, doing.fresh())
    applies = action.applies(doing.record) if action.applies else True
    if applies is not True:
        raise RuleBroken(applies or None, code="rule.not_now")
    action.run(doing.actor, doing.record, **values_for(doing, step.get("values") or {}))
    return str(action.label)


def _act_check(_actor: Actor, entity: Entity, step: Mapping[str, Any]) -> None:
    if not any(one.key == step.get("action") for one in entity.actions):
        raise Invalid(_("Choose the action."), code="rule.action")


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


register_step(StepKind("set", gettext_lazy("Set fields"), "edit", ("values",), _set, _set_check))
register_step(
    StepKind(
        "create", gettext_lazy("Create a record"), "plus", ("entity", "reference", "values"), _create, _create_check
    )
)
register_step(
    StepKind(
        "related",
        gettext_lazy("Change related records"),
        "relation-one-to-many",
        ("entity", "reference", "values"),
        _related,
        _related_check,
    )
)
register_step(
    StepKind("assign", gettext_lazy("Give to somebody"), "user-check", ("whom", "method"), _assign, _assign_check)
)
register_step(StepKind("notify", gettext_lazy("Tell people"), "bell", ("whom", "text"), _notify, _notify_check))
register_step(
    StepKind(
        "message",
        gettext_lazy("Send a mail or text message"),
        "mail",
        ("channel", "to", "whom", "template", "subject", "text"),
        _message,
        _message_check,
    )
)
register_step(
    StepKind("webhook", gettext_lazy("Call a web address"), "webhook", ("url", "fields"), _webhook, _webhook_check)
)
register_step(
    StepKind("approval", gettext_lazy("Send into approval"), "rubber-stamp", ("action",), _approval, _approval_check)
)
register_step(
    StepKind("act", gettext_lazy("Do an action of the record"), "bolt", ("action", "values"), _act, _act_check)
)
