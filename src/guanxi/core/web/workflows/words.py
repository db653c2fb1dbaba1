"""What the drawing tool says, and the one freedom its page has: fonts that come inside its style sheet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from django.http import HttpResponseBase
from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel.errors import Text

R = TypeVar("R", bound=HttpResponseBase)

#: The tool's own English sentences (its keys) and ours.
WORDS: Mapping[str, Text] = {
    "Activate hand tool": _("Move the view"),
    "Activate lasso tool": _("Select several"),
    "Activate create/remove space tool": _("Make room"),
    "Activate global connect tool": _("Connect"),
    "Create start event": _("Beginning"),
    "Create end event": _("End"),
    "Create intermediate/boundary event": _("Event on the way"),
    "Create gateway": _("Gateway"),
    "Create task": _("Task"),
    "Create expanded sub-process": _("Sub-process"),
    "Append end event": _("Then the end"),
    "Append gateway": _("Then a gateway"),
    "Append task": _("Then a task"),
    "Append intermediate/boundary event": _("Then an event"),
    "Add text annotation": _("Note"),
    "Append text annotation": _("Note"),
    "Change element": _("Change the sort"),
    "Change type": _("Change the sort"),
    "Connect to other element": _("Connect"),
    "Connect using association": _("Connect"),
    "Connect using sequence/message flow or association": _("Connect"),
    "Delete": _("Remove"),
    "Remove": _("Remove"),
    "Set color": _("Colour"),
    "User task": _("Task of a person"),
    "Manual task": _("Task outside the system"),
    "Service task": _("Run a rule"),
    "Script task": _("Reckon something"),
    "Task": _("Step to look at"),
    "Exclusive gateway": _("One way"),
    "Parallel gateway": _("All ways"),
    "Inclusive gateway": _("Every way that fits"),
    "Start event": _("Beginning"),
    "End event": _("End"),
    "Terminate end event": _("End of everything"),
    "Timer intermediate catch event": _("Wait"),
    "Intermediate throw event": _("Mark on the way"),
    "Timer boundary event": _("Time limit"),
    "Timer boundary event (non-interrupting)": _("Reminder beside it"),
    "Sub-process (expanded)": _("Sub-process, open"),
    "Sub-process (collapsed)": _("Sub-process, folded"),
    "Sequence flow": _("Way"),
    "Default flow": _("Otherwise"),
    "Conditional flow": _("Way with a condition"),
    "Search": _("Search"),
    "Toggle": _("Show"),
}
#: What the panel beside the drawing says.
PANEL: Mapping[str, Text] = {
    "none": _("Choose a shape to say what it does. Draw by drag, or with the keyboard: arrows move, Delete removes."),
    "name": _("Name"),
    "nameEn": _("Name in English"),
    "help": _("What to know"),
    "helpEn": _("What to know, in English"),
    "who": _("Who does it"),
    "fields": _("Fields filled in"),
    "outcomes": _("Ways it may end"),
    "outcomesHint": _(
        "One a line: ok=Fine, or ok=Chinese|English. The word before = is what conditions ask: data.outcome == 'ok'."
    ),
    "rule": _("Runs the rule"),
    "script": _("Reckons"),
    "scriptHint": _("One a line: total = amount * 2. Conditions ask for data.total."),
    "timer": _("Waits"),
    "timerHint": _("P3D is three days, PT4H four hours; a date, or a formula that gives one."),
    "condition": _("Taken when"),
    "conditionHint": _("A formula over the record and data, such as amount > 10000 or data.outcome == 'ok'."),
    "add": _("Add"),
    "remove": _("Take away"),
    "level": _("Steps up"),
}
WORDS = {**WORDS, **{f"gx.{key}": text for key, text in PANEL.items()}}


def drawn(response: R) -> R:
    """The page with a policy that lets the drawing's font through, which comes inside its style sheet; scripts stay ours."""
    response.policy = {"font-src": "'self' data:"}  # type: ignore[attr-defined]
    return response
