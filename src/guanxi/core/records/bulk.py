"""One change on many records: recorded, in the background when long, stoppable, and with an undo."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from guanxi.core.access import actors, require
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid, RuleBroken
from guanxi.core.models import Operation
from guanxi.core.records import (
    alike,
    carrying,
    cleaning,
    doubts,
    gates,
    numbering,
    reading,
    saving,
    shape,
    upkeep,
    values,
)
from guanxi.core.records.writing import emit, operation_begin, writing
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of
from guanxi.runtime.failpoints import reach

#: Up to so many records a bulk change runs at once; more go to the background.
AT_ONCE = 200
CHUNK = 200
MOST = 200_000
SORTS = ("update", "assign", "tag", "untag", "delete", "restore")
Work = Callable[[Actor, Entity, Any, Operation], bool]
#: Further sorts of rooms above: from the stored values to what is done with one record.
_further: dict[str, Callable[[Mapping[str, Any]], Work]] = {}


def add_sort(sort: str, work: Callable[[Mapping[str, Any]], Work]) -> None:
    """A room above brings a further bulk change; it records its operations by ``begin_checked``."""
    _further[sort] = work


def selected(
    actor: Actor, entity: Entity | str, *, filter: Mapping[str, Any] | None = None, text: str = ""
) -> list[int]:
    """Ids of all rows of a list, at most ``MOST``."""
    rows = reading.queryset(actor, entity, filter=filter, text=text)
    return list(rows.order_by("pk").values_list("pk", flat=True)[:MOST])


def begin(
    actor: Actor, sort: str, entity: Entity | str, ids: Iterable[int], given: Mapping[str, Any] | None = None
) -> Operation:
    """Record a bulk change that waits to be run. Raises Invalid for values that suit no record, Denied without the right."""
    declared = entity_of(entity)
    if sort not in SORTS:
        raise Invalid(_("There is no bulk action “%(name)s”.") % {"name": sort}, code="bulk.unknown")
    require(actor, {"delete": "delete", "restore": "delete", "assign": "assign"}.get(sort, "change"), declared)
    if sort in ("update", "assign"):
        cleaning.clean(actor, declared, given or {}, record=declared.model())
    return begin_checked(actor, sort, declared, ids, given or {})


def begin_checked(actor: Actor, sort: str, entity: Entity, ids: Iterable[int], given: Mapping[str, Any]) -> Operation:
    """``begin`` for a change whose rights and values were looked at already. Raises Invalid when nothing is selected."""
    chosen = list(dict.fromkeys(ids))[:MOST]
    if not chosen:
        raise Invalid(_("Nothing is selected."), code="bulk.empty")
    return operation_begin(
        actor,
        f"bulk_{sort}",
        entity.key,
        state="waiting",
        total=len(chosen),
        parameters={"ids": chosen, "values": dict(given), "asks": doubts.asked() and len(chosen) > AT_ONCE},
        result={"done": 0, "skipped": 0, "failed": 0, "problems": []},
    )


def _work(sort: str, values_: Mapping[str, Any]) -> Work:
    """What to do with one record; returns whether anything changed."""
    if sort in _further:
        return _further[sort](values_)

    def update(actor: Actor, _entity: Entity, record: Any, operation: Operation) -> bool:
        version = record.version
        return bool(saving.update(actor, record, values_, operation=operation).version != version)

    def tag(actor: Actor, _entity: Entity, record: Any, operation: Operation) -> bool:
        tags = _tagged(sort, values_, record)
        return tags is not None and bool(saving.update(actor, record, tags, operation=operation))

    def delete(actor: Actor, _entity: Entity, record: Any, operation: Operation) -> bool:
        saving.delete(actor, record, operation=operation)
        return True

    return {"update": update, "assign": update, "tag": tag, "untag": tag, "delete": delete}[sort]


def _tagged(sort: str, values_: Mapping[str, Any], record: Any) -> dict[str, Any] | None:
    """The tags a record is to have; ``None`` where it has them."""
    wanted = [int(one) for one in values_.get("tags", [])]
    if sort == "tag":
        now = [*record.tags, *(one for one in wanted if one not in record.tags)]
    else:
        now = [one for one in record.tags if one not in wanted]
    return {"tags": now} if now != record.tags else None


def _given(sort: str, values_: Mapping[str, Any]) -> alike.Given | None:
    """What each record is to hold, where a sort of change is no more than that."""
    if sort in ("update", "assign"):
        return lambda _record: values_
    return (lambda record: _tagged(sort, values_, record)) if sort in ("tag", "untag") else None


def run(actor: Actor, operation: Operation) -> Operation:
    """Carry out a recorded bulk change in chunks, each one transaction; stops between chunks when cancelled.

    A record the actor may not change, or whose change breaks a rule, is skipped or failed with its reason; each chunk
    is done with the rights he has by then. May be called again after a crash: it goes on after the last finished chunk.
    """
    entity = entity_of(operation.entity)
    sort = operation.sort.removeprefix("bulk_")
    work, given = _work(sort, operation.parameters["values"]), _given(sort, operation.parameters["values"])
    Operation.objects.filter(pk=operation.pk, state="waiting").update(state="running")
    ids: list[int] = operation.parameters["ids"]
    while True:
        with transaction.atomic():
            # Its parameters, ids by the ten thousand, are known: they are not read again for each chunk.
            current = Operation.objects.select_for_update().defer("parameters").get(pk=operation.pk)
            current.parameters = operation.parameters
            if current.state != "running" or current.progress >= len(ids):
                break
            actor = actors.renewed(actor)
            _chunk(actor, entity, current, ids[current.progress : current.progress + CHUNK], work, given)
            reach("bulk.before_commit")
        reach("bulk.after_commit")
    with transaction.atomic():
        current = Operation.objects.select_for_update().get(pk=operation.pk)
        if current.state == "running":
            current.state = "done"
        current.finished_at = clock.now()
        current.save(update_fields=["state", "finished_at"])
    return current


def _chunk(
    actor: Actor,
    entity: Entity,
    operation: Operation,
    ids: Sequence[int],
    work: Work,
    given: alike.Given | None,
) -> None:
    result = operation.result
    with writing(actor, operation=operation):
        together = alike.change(actor, entity, ids, given, operation) if given is not None else {}
        for number in ids:
            if number in together:
                result["done" if together[number] else "skipped"] += 1
                continue
            try:
                with transaction.atomic():
                    changed = _one(actor, entity, number, operation, work)
                result["done" if changed else "skipped"] += 1
            except GuanxiError as error:
                result["failed"] += 1
                if len(result["problems"]) < 10_000:
                    result["problems"].append({"id": number, "code": error.code, "message": str(error)})
    operation.progress += len(ids)
    operation.save(update_fields=["progress", "result"])


def _one(actor: Actor, entity: Entity, number: int, operation: Operation, work: Work) -> bool:
    """Change one record. In a long change whose person is to be asked back, raises Doubtful for what is rarely meant."""
    record = reading.get(actor, entity, number)
    if not operation.parameters.get("asks"):
        return work(actor, entity, record, operation)
    with doubts.heard() as odd:
        changed = work(actor, entity, record, operation)
    if odd:
        raise doubts.doubtful(odd)
    return changed


def meant(actor: Actor, operation: Operation) -> Operation:
    """The records a finished change left out because of doubts, as a change that is meant so and waits to be run.

    Raises RuleBroken where there are none.
    """
    ids = [one["id"] for one in operation.result.get("problems", ()) if one["code"] == doubts.CODE]
    if not ids or operation.state != "done" or operation.actor_id != actor.user_id:
        raise RuleBroken(_("Nothing of this is left to be done."), code="bulk.meant")
    with doubts.asking(sure=True):
        step = begin_checked(
            actor,
            operation.sort.removeprefix("bulk_"),
            entity_of(operation.entity),
            ids,
            operation.parameters["values"],
        )
    rest = [one for one in operation.result["problems"] if one["code"] != doubts.CODE]
    operation.result = {**operation.result, "problems": rest, "failed": operation.result["failed"] - len(ids)}
    operation.save(update_fields=["result"])
    return step


def cancel(actor: Actor, operation: Operation) -> None:
    """Stop a running bulk change after its present chunk; what is done stays done, and can be undone."""
    if operation.actor_id != actor.user_id and not actor.rights.everything:
        require(actor, "delete", operation.entity)
    Operation.objects.filter(pk=operation.pk, state__in=("waiting", "running")).update(
        state="cancelled", finished_at=clock.now()
    )


def change(
    actor: Actor, sort: str, entity: Entity | str, ids: Iterable[int], given: Mapping[str, Any] | None = None
) -> Operation:
    """Record and carry out a bulk change at once; the finished operation holds the counts and problems."""
    return run(actor, begin(actor, sort, entity, ids, given))


def create_many(
    actor: Actor,
    entity: Entity | str,
    rows: Sequence[Mapping[str, Any]],
    *,
    operation: Operation | None = None,
    trusted: bool = False,
    quiet: bool = False,
) -> list[Any]:
    """Make many records at once; returns a record, or the Invalid that refused it, per row in order.

    Rules, audit, search, match keys and numbers are the same as for one. ``trusted`` also takes author and dates
    (``created_at``, ``created_by``, ``updated_at``); ``quiet`` sends no events (bulk loads).
    """
    declared = entity_of(entity)
    if not trusted:
        require(actor, "create", declared)
    with writing(actor, operation=operation):
        made = [_built(actor, declared, row, trusted=trusted) for row in rows]
        records = [record for record in made if not isinstance(record, Invalid)]
        numbering.fill_many(declared, records)
        carrying.carry_many(declared, records)
        declared.model._base_manager.bulk_create(records, batch_size=1000)
        upkeep.after_save(declared, records)
        if not quiet:
            for record in records:
                emit(actor, "created", record)
        for record in records:
            gates.after(actor, declared, record, {}, creating=True)
    return made


def _built(actor: Actor, entity: Entity, row: Mapping[str, Any], *, trusted: bool) -> Any:
    """A checked, unsaved record, or what is wrong with the row."""
    try:
        cleaned = cleaning.clean(actor, entity, row, trusted=trusted)
        record: Any = entity.model()
        owner = entity.access.owner
        if owner and owner not in row:
            cleaned[owner] = actor.user_id
        elif owner and cleaned.get(owner) != actor.user_id and not trusted:
            require(actor, "assign", entity)
        changes = values.assign(record, shape.fields_of(entity), cleaned)
        if entity.clean is not None:
            entity.clean(actor, record, changes)
        record.created_by_id = record.created_by_id or actor.user_id
        record.updated_by_id = record.updated_by_id or actor.user_id
        saving.check_model(record)
    except GuanxiError as error:
        return error if isinstance(error, Invalid) else Invalid(error.message, code=error.code)
    return record
