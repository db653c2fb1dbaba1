"""A choice or reference field as a process: which moves are allowed, for whom, and what each asks on the way.

One gate for stages of sale, cases, contracts and custom objects: ``check`` runs inside ``records.save`` for every changed
field that is a process, so no face and no service goes around it. Where a process comes from is a *source*: an
administrator's rows, or an area that keeps its stages in tables of its own (``add_source``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from django.utils.translation import gettext as _

from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, RuleBroken, Text
from guanxi.core.models import ProcessEntry, ProcessTick, User
from guanxi.core.records import shape, values
from guanxi.core.schema import kinds
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of

#: What a move is called from or to when any step is meant; ``NEW`` is where a record comes from that is being made.
ANY, NEW = "*", ""
#: People named by their place to the record instead of by a role.
OWNER, SUPERIOR = "@owner", "@superior"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of a checklist; ``required`` ones must be ticked before the record may leave the step they stand at."""

    key: str
    label: Text
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One value of the process field.

    ``who`` may enter it: keys of roles, ``@owner``, ``@superior``; empty means whoever may change the record.
    ``required`` names fields that must be filled to enter it, ``checklist`` what must be ticked before leaving it
    onwards, ``asks`` fields a page offers beside the required ones. ``sets`` are values written with the entry (field → raw value, ``@now``, ``@today``, ``@me``), ``runs`` the
    keys of what follows the entry (actions of the entity). ``ending`` steps close the process.
    """

    key: str
    label: Text
    color: str = ""
    who: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    checklist: tuple[Item, ...] = ()
    sets: Mapping[str, Any] = field(default_factory=dict)
    runs: tuple[str, ...] = ()
    ending: Literal["", "good", "bad"] = ""
    help: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One allowed move, from step key to step key (``*`` stands for any); ``who`` and ``required`` as at a step."""

    source: str
    target: str
    who: tuple[str, ...] = ()
    required: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """The rules of one field. Without ``moves`` every move is allowed; with them only those listed."""

    entity: str
    field: str
    steps: tuple[Step, ...]
    moves: tuple[Move, ...] = ()

    def step(self, key: str) -> Step | None:
        """The step of a key, ``None`` if there is none."""
        return next((one for one in self.steps if one.key == key), None)

    def place(self, key: str) -> int:
        """Where a step stands in the order; -1 for none."""
        return next((number for number, one in enumerate(self.steps) if one.key == key), -1)

    def between(self, source: str, target: str) -> list[Move]:
        """The listed moves that fit."""
        return [one for one in self.moves if one.source in (source, ANY) and one.target in (target, ANY)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What stands between a record and a step.

    ``refused`` says why the move is not possible at all ('' when it is), ``missing`` names the fields to fill first,
    ``open_items`` the required lines still to tick, ``items`` all lines of the step to leave, ``ticked`` those done.
    """

    target: str
    refused: Text = ""
    code: str = ""
    missing: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()
    ticked: frozenset[str] = frozenset()

    @property
    def open_items(self) -> tuple[Item, ...]:
        """Required lines that nobody has ticked."""
        return tuple(one for one in self.items if one.required and one.key not in self.ticked)

    @property
    def open(self) -> bool:
        """Whether the move can be made as things are."""
        return not (self.refused or self.missing or self.open_items)


#: A source says what the process of a field is for a record, ``None`` when it knows of none.
Source = Callable[[Any], "Process | None"]
_sources: dict[tuple[str, str], Source] = {}
_general: list[Callable[[Entity, str], Process | None]] = []


def add_source(entity: str, field_name: str, source: Source) -> None:
    """An area says from which of its own rows the process of a field comes; ``source(record)`` may ask the database."""
    _sources[(entity, field_name)] = source


def add_general_source(source: Callable[[Entity, str], Process | None]) -> None:
    """A source asked for every field without one of its own (the administrator's rows)."""
    if source not in _general:
        _general.append(source)


def process_of(entity: Entity | str, field_name: str, record: Any = None) -> Process | None:
    """The process of a field, ``None`` for a field that is none. ``record`` chooses among several (its pipeline)."""
    declared = entity_of(entity)
    own = _sources.get((declared.key, field_name))
    if own is not None:
        return own(record) if record is not None else None
    return next((found for source in _general if (found := source(declared, field_name))), None)


def held_fields(entity: Entity) -> frozenset[str]:
    """Names of the fields a change of which :func:`hold` has to look at."""
    return frozenset(
        name
        for name, one in shape.fields_of(entity).items()
        if one.kind in ("choice", "reference")
        and ((entity.key, name) in _sources or process_of(entity, name) is not None)
    )


def process_fields(entity: Entity | str) -> list[str]:
    """Names of the entity's fields that may be a process."""
    declared = entity_of(entity)
    own = [name for key, name in _sources if key == declared.key]
    fields = shape.fields_of(declared)
    return own + [
        name
        for name, one in fields.items()
        if one.kind == "choice" and name not in own and process_of(declared, name) is not None
    ]


def _is_one_of(actor: Actor, record: Any, who: Sequence[str]) -> bool:
    if not who or actor.is_system or actor.rights.everything or set(who) & actor.roles:
        return True
    owner = getattr(record, "owner_id", None)
    if OWNER in who and owner == actor.user_id:
        return True
    superior = (
        User.everything.filter(pk=owner).values_list("superior_id", flat=True).first()
        if SUPERIOR in who and owner
        else None
    )
    return superior is not None and superior == actor.user_id


def _refusal(
    actor: Actor, record: Any, process: Process, source: str, target: str, moves: Sequence[Move]
) -> tuple[Text, str]:
    """Why the move is not possible at all, and the code for it."""
    step = process.step(target)
    if step is None:
        return _("This step does not belong to the process."), "process.step"
    if process.moves and not moves and source != target:
        here = process.step(source)
        words = {"source": here.label if here else _("nothing"), "target": step.label}
        return _("From “%(source)s” there is no way to “%(target)s”.") % words, "process.move"
    allowed = [one for one in moves if _is_one_of(actor, record, one.who)]
    if not _is_one_of(actor, record, step.who) or (moves and not allowed):
        return _("You may not move this to “%(target)s”.") % {"target": step.label}, "process.who"
    return "", ""


def gate(
    actor: Actor,
    record: Any,
    process: Process,
    to: str,
    given: Mapping[str, Any] | None = None,
    *,
    source: str | None = None,
    ticks: Sequence[str] = (),
) -> Gate:
    """What a move to ``to`` would meet. ``given`` are values sent along by field name, ``ticks`` lines ticked with it."""
    fields = shape.fields_of(process.entity)
    here = str(values.current(record, fields[process.field]) or "") if source is None else source
    if not record.pk:
        here = NEW
    moves = [one for one in process.between(here, to) if here != NEW]
    checked = process if here != NEW else Process(entity=process.entity, field=process.field, steps=process.steps)
    refused, code = _refusal(actor, record, checked, here, to, moves)
    step, leaving = process.step(to), process.step(here)
    wanted = list(step.required) if step else []
    if moves and not any(not one.required for one in moves):
        wanted += [name for name in moves[0].required if name not in wanted]
    missing = [name for name in wanted if name in fields and _empty(record, fields[name], given or {})]
    onwards = leaving is not None and process.place(to) > process.place(here) and (not step or step.ending != "bad")
    items = leaving.checklist if leaving and onwards else ()
    return Gate(
        target=to,
        refused=refused,
        code=code,
        missing=tuple(missing),
        items=items,
        ticked=frozenset(ticks) | (ticked(record, process, here) if items else frozenset()),
    )


def _empty(record: Any, declared: Any, given: Mapping[str, Any]) -> bool:
    value = given[declared.name] if declared.name in given else values.current(record, declared)
    return value in (None, "", [], {})


def check(
    actor: Actor,
    record: Any,
    process: Process | None,
    to: str,
    given: Mapping[str, Any] | None = None,
    *,
    source: str | None = None,
    ticks: Sequence[str] = (),
) -> Gate:
    """The gate, or its refusal: RuleBroken when the move is not possible, Invalid with one error per field to fill.

    ``process`` may be ``None``: then everything is allowed. ``source`` is the step left, when the record bears the new
    one already.
    """
    if process is None:
        return Gate(target=to)
    found = gate(actor, record, process, to, given, source=source, ticks=ticks)
    if found.refused:
        raise RuleBroken(found.refused, code=found.code, field=process.field, details={"to": to})
    fields = shape.fields_of(process.entity)
    step = process.step(to)
    errors: dict[str, list[Invalid]] = {
        name: [
            Invalid(
                _("“%(label)s” must be filled before this becomes “%(step)s”.")
                % {"label": fields[name].label, "step": step.label if step else to},
                code="process.required",
                field=name,
            )
        ]
        for name in found.missing
    }
    if found.open_items:
        lines = ", ".join(str(one.label) for one in found.open_items)
        errors[process.field] = [
            Invalid(_("Still to do: %(lines)s.") % {"lines": lines}, code="process.checklist", field=process.field)
        ]
    if errors:
        raise Invalid.collect(errors)
    return found


def ticked(record: Any, process: Process, step: str) -> frozenset[str]:
    """Keys of the lines of a step's checklist that were ticked for a record."""
    if not record.pk:
        return frozenset()
    rows = ProcessTick.objects.filter(entity=process.entity, record_id=record.pk, field=process.field, step=step)
    return frozenset(rows.values_list("item", flat=True))


def tick(actor: Actor, record: Any, process: Process, step: str, items: Sequence[str]) -> None:
    """Tick exactly these lines of a step's checklist (others of it are unticked); within ``writing``."""
    known = {one.key for one in (process.step(step) or Step(key="", label="")).checklist}
    rows = ProcessTick.objects.filter(entity=process.entity, record_id=record.pk, field=process.field, step=step)
    rows.exclude(item__in=items).delete()
    ProcessTick.objects.bulk_create(
        [
            ProcessTick(
                entity=process.entity, record_id=record.pk, field=process.field, step=step, item=item,
                user_id=actor.user_id,
            )
            for item in dict.fromkeys(items)
            if item in known
        ],
        ignore_conflicts=True,
    )  # fmt: skip


def hold(
    actor: Actor, entity: Entity, record: Any, changes: dict[str, list[Any]], *, creating: bool = False
) -> list[tuple[Process, Step]]:
    """Check every changed process field of a record that bears its new values already; called by the write path.

    Writes what the steps entered say is to be set and adds it to ``changes``. Returns the steps entered.
    """
    fields = shape.fields_of(entity)
    entered: list[tuple[Process, Step]] = []
    for name, (before, after) in list(changes.items()):
        declared = fields.get(name)
        found = process_of(entity, name, record) if declared and declared.kind in ("choice", "reference") else None
        if found is None or before == after:
            continue
        check(actor, record, found, str(after or ""), source=NEW if creating else str(before or ""))
        step = found.step(str(after or ""))
        if step is not None:
            entered.append((found, step))
            changes.update(_set(actor, fields, record, step))
    return entered


def _set(actor: Actor, fields: Mapping[str, Any], record: Any, step: Step) -> dict[str, list[Any]]:
    given = {name: value_set(actor, fields[name], raw) for name, raw in step.sets.items() if name in fields}
    return values.assign(record, fields, given)


def value_set(actor: Actor, declared: Field, raw: Any) -> Any:
    """What a step that sets ``raw`` (a raw value, ``@now``, ``@today``, ``@me``) writes into a field. Raises Invalid."""
    spoken = {"@now": clock.now(), "@today": clock.today(actor.timezone), "@me": actor.user_id}
    return kinds.parse(declared, spoken.get(raw, raw) if isinstance(raw, str) else raw)


def follow(actor: Actor, entity: Entity, record: Any, entered: Sequence[tuple[Process, Step]]) -> None:
    """Note the steps entered and run what they say is to follow: actions of the entity, in order, in the same transaction."""
    note(actor, [(record, entered)])
    for _process, step in entered:
        for key in step.runs:
            action = next((one for one in entity.actions if one.key == key), None)
            if action is not None and not action.fields:
                action.do(actor, record, {})


def note(actor: Actor, passed: Iterable[tuple[Any, Sequence[tuple[Process, Step]]]]) -> None:
    """Keep when and by whom steps were entered, for processes an administrator made; an area keeps its own."""
    ProcessEntry.objects.bulk_create([
        ProcessEntry(
            entity=process.entity, record_id=record.pk, field=process.field, step=step.key, at=clock.now(),
            user_id=actor.user_id, department_id=actor.department_id,
        )
        for record, entered in passed
        for process, step in entered
        if (process.entity, process.field) not in _sources
    ])  # fmt: skip
