"""Long bulk changes in the background."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.utils.translation import gettext_noop

from guanxi.core.access import actors, require
from guanxi.core.automation.doing import action_do, action_of
from guanxi.core.automation.notify import notify
from guanxi.core.automation.queue import LONG, job
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, NotFound
from guanxi.core.models import Operation, User
from guanxi.core.records import bulk
from guanxi.core.records.writing import gathering, writing
from guanxi.core.schema import kinds
from guanxi.core.schema.entity import Action, Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of

FINISHED = gettext_noop("Your change of %(done)s records is finished.")
FINISHED_PARTLY = gettext_noop("Your change is finished: %(done)s done, %(failed)s not possible.")


@job(name="operation_run", queue=LONG, lock="operations")
def operation_run(operation_id: int) -> None:
    """Carry out a recorded bulk change in the name of who asked; goes on where a crash left it."""
    operation = Operation.objects.get(pk=operation_id)
    user = User.objects.filter(pk=operation.actor_id or 0, is_active=True).first()
    if user is None:
        Operation.objects.filter(pk=operation_id).update(state="failed")
        raise Denied
    finished = bulk.run(actors.load(user, via="job"), operation)
    done, failed = finished.result.get("done", 0), finished.result.get("failed", 0)
    text = FINISHED_PARTLY if failed else FINISHED
    notify([user.pk], "operation", text, {"done": done, "failed": failed}, once=f"operation:{operation_id}")


def act_begin(
    actor: Actor, entity: Entity | str, key: str, ids: Iterable[int], given: Mapping[str, Any] | None = None
) -> Operation:
    """Record a declared action on many records, which waits to be run; all it writes is one thing to take back.

    ``given`` are the values of its dialog as JSON. Raises NotFound, Denied, Invalid.
    """
    declared = entity_of(entity)
    require(actor, _declared(declared, key).right, declared)
    return bulk.begin_checked(actor, "act", declared, ids, {"action": key, "given": dict(given or {})})


def _declared(entity: Entity, key: str) -> Action:
    found = action_of(entity, key)
    if not found.bulk:
        raise NotFound
    return found


def _read(action: Action, given: Mapping[str, Any]) -> dict[str, Any]:
    fields = {one.name: one for one in action.fields if isinstance(one, Field)}
    return {name: kinds.parse(fields[name], value) for name, value in given.items() if name in fields}


def _acting(values: Mapping[str, Any]) -> bulk.Work:
    """An action on one record, with every check it has on a page; it says ``False`` when there was nothing to do."""
    key, given = str(values["action"]), values["given"]

    def act(actor: Actor, entity: Entity, record: Any, operation: Operation) -> bool:
        with gathering(operation):
            return action_do(actor, record, key, _read(_declared(entity, key), given)) is not False

    return act


bulk.add_sort("act", _acting)


def begun(actor: Actor, begin: Callable[[], Operation]) -> Operation:
    """Record a bulk change by ``begin`` and :func:`start` it. Where who asks is asked back what is rarely meant, a short one
    raises Doubtful and leaves nothing; a long one leaves out the records it doubts, to be changed when he says so.
    """
    with writing(actor):
        return start(actor, begin())


def start(actor: Actor, operation: Operation) -> Operation:
    """Run a recorded bulk change now when it is short, else in the background; returns it as it is then."""
    if operation.total <= bulk.AT_ONCE:
        return bulk.run(actor, operation)
    operation_run.defer(operation_id=operation.pk)
    return operation
