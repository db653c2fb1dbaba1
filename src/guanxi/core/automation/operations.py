"""Long bulk changes in the background."""

from __future__ import annotations

from django.utils.translation import gettext_noop

from guanxi.core.access import actors
from guanxi.core.automation.notify import notify
from guanxi.core.automation.queue import job
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied
from guanxi.core.models import Operation, User
from guanxi.core.records import bulk

FINISHED = gettext_noop("Your change of %(done)s records is finished.")
FINISHED_PARTLY = gettext_noop("Your change is finished: %(done)s done, %(failed)s not possible.")


@job(name="operation_run", lock="operations")
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


def start(actor: Actor, operation: Operation) -> Operation:
    """Run a recorded bulk change now when it is short, else in the background; returns it as it is then."""
    if operation.total <= bulk.AT_ONCE:
        return bulk.run(actor, operation)
    operation_run.defer(operation_id=operation.pk)
    return operation
