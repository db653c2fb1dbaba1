"""SpiffWorkflow behind three functions. Imported when a workflow runs, not before: most processes never need it."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _
from SpiffWorkflow.bpmn.parser import BpmnParser
from SpiffWorkflow.bpmn.parser.task_parsers import TaskParser
from SpiffWorkflow.bpmn.parser.util import full_tag
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.bpmn.specs.defaults import ManualTask
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.exceptions import SpiffWorkflowException
from SpiffWorkflow.util.task import TaskState

from guanxi.core.automation.workflows import drawing
from guanxi.core.kernel.errors import Invalid, RuleBroken
from guanxi.core.records import formula
from guanxi.core.schema import kinds

#: Steps without a person or a timer in one going-on.
MOST_STEPS = 1000


class _Parser(BpmnParser):  # type: ignore[misc]
    """Service tasks stop like tasks of people: the house carries them out."""

    OVERRIDE_PARSER_CLASSES = {full_tag("serviceTask"): (TaskParser, ManualTask)}  # noqa: RUF012 - as the library has it


class _NoPython:
    """Where the library would run Python there is nothing."""

    def evaluate(self, *_args: Any, **_more: Any) -> NoReturn:
        raise RuleBroken("workflow.python")

    execute = call_service = evaluate


def _lively(data: Mapping[str, Any]) -> dict[str, Any]:
    """What a run remembers, as formulas know it: numbers are decimals."""
    return {
        name: Decimal(str(one)) if isinstance(one, int | float) and not isinstance(one, bool) else one
        for name, one in data.items()
    }


def _aware(moment: dt.datetime) -> str:
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(settings.TIME_ZONE))).isoformat()


class Formulas:
    """The script engine of a run: conditions, timers and scripts are CEL over its record and what it remembers."""

    environment = _NoPython()

    def __init__(self, record: Any) -> None:
        self.record = record

    def validate(self, _expression: str) -> None:
        """Formulas are checked when the drawing is saved."""

    def evaluate(self, task: Any, expression: str, _context: Any = None, **_more: Any) -> Any:
        """The value of a condition or of a timer."""
        text = expression.strip()
        if drawing.is_moment(text):
            return text if text.startswith("P") else _aware(dt.datetime.fromisoformat(text))
        value = formula.evaluate(text, self.record, extra={"data": _lively(task.data)}).value
        if isinstance(value, dt.date):
            moment = value if isinstance(value, dt.datetime) else dt.datetime.combine(value, dt.time())
            return _aware(moment)
        return value

    def execute(self, task: Any, script: str, _context: Any = None, **_more: Any) -> bool:
        """Remember what each line of a script gives."""
        for name, source in drawing.assignments(script):
            value = formula.evaluate(source, self.record, extra={"data": _lively(task.data)}).value
            task.data[name] = float(value) if isinstance(value, Decimal) else kinds.json_of(value)
        return True

    def call_service(self, *_args: Any, **_more: Any) -> NoReturn:
        """Never asked: service tasks are carried out by the house."""
        raise RuleBroken("workflow.service")


def begin(xml: str, record: Any, data: dict[str, Any]) -> BpmnWorkflow:
    """A run that has not gone on yet. Raises Invalid when the library does not understand the drawing."""
    parser = _Parser()
    own = drawing.process_id(xml)
    try:
        parser.add_bpmn_str(xml.encode())
        found = BpmnWorkflow(parser.get_spec(own), parser.get_subprocess_specs(own), script_engine=Formulas(record))
    except SpiffWorkflowException as error:
        raise Invalid(str(error)[:500], code="workflow.drawing", field="xml") from None
    found.data.update(data)
    found.task_tree.data.update(data)
    return found


def stored(run: BpmnWorkflow) -> dict[str, Any]:
    """Where a run stands, as plain data, with the definition it was made from."""
    return dict(BpmnWorkflowSerializer().to_dict(run))


def restored(data: dict[str, Any], record: Any) -> BpmnWorkflow:
    """A stored run."""
    found = BpmnWorkflowSerializer().from_dict(data)
    found.script_engine = Formulas(record)
    return found


def go_on(run: BpmnWorkflow) -> list[Any]:
    """Go on as far as it goes by itself; the tasks that wait for somebody. Raises RuleBroken when it turns in a circle."""
    steps = itertools.count()

    def counted(_task: Any) -> None:
        if next(steps) >= MOST_STEPS:
            raise RuleBroken(_("This workflow turns in a circle."), code="workflow.circle")

    try:
        for _round in range(2):
            run.refresh_timers()
            run.do_engine_steps(will_complete_task=counted)
    except SpiffWorkflowException as error:
        raise RuleBroken(str(error)[:500], code="workflow.stuck") from None
    return list(run.get_tasks(state=TaskState.READY, manual=True))


def task_of(run: BpmnWorkflow, token: str) -> Any:
    """The waiting task of a token, ``None`` when it is over."""
    return next((one for one in run.get_tasks(state=TaskState.READY, manual=True) if str(one.id) == token), None)


def next_timer(run: BpmnWorkflow) -> dt.datetime | None:
    """When the first timer that is waited for is over."""
    events = [one for one in run.waiting_events() if "Time" in str(one.event_type) and isinstance(one.value, str)]
    return min((dt.datetime.fromisoformat(one.value) for one in events), default=None)


def marks(run: BpmnWorkflow) -> dict[str, str]:
    """How each shape of the drawing stands: ``done`` or ``now``; what was not reached is not named."""
    found: dict[str, str] = {}
    for task in run.get_tasks():
        name = str(getattr(task.task_spec, "bpmn_id", "") or "")
        if not name:
            continue
        if task.state in (TaskState.READY, TaskState.WAITING, TaskState.STARTED):
            found[name] = "now"
        elif task.state == TaskState.COMPLETED:
            found.setdefault(name, "done")
    return found
