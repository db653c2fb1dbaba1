"""Django's ``migrate``, without drawing half of all models anew for each index, constraint and trigger.

Django renders a model and all that refer to it again whenever an option of it changes. Indexes, constraints and triggers change
no field, so it is enough to tell the rendered model; a new database is made in a third of the time.
"""

from __future__ import annotations

from typing import Any

from django.core.management.commands.migrate import Command as DjangoCommand
from django.db.migrations.state import ProjectState
from pgtrigger.migrations import AddTrigger


def _told(state: ProjectState, app_label: str, model_name: str, option: str) -> None:
    """Give the rendered model, if there is one, the option as the state has it now."""
    if "apps" in state.__dict__:
        model = state.apps.get_model(app_label, model_name)
        setattr(model._meta, option, list(state.models[app_label, model_name.lower()].options[option]))


def _append_option(self: ProjectState, app_label: str, model_name: str, option_name: str, obj: Any) -> None:
    options = self.models[app_label, model_name].options
    options[option_name] = [*options[option_name], obj]
    _told(self, app_label, model_name, option_name)


def _trigger_added(self: AddTrigger, app_label: str, state: ProjectState) -> None:
    options = state.models[app_label, self.model_name].options
    options["triggers"] = [*options.get("triggers", []), self.trigger]
    _told(state, app_label, self.model_name, "triggers")


class Command(DjangoCommand):
    """The command, quicker."""

    def handle(self, *arguments: Any, **options: Any) -> None:
        """Apply what is missing."""
        ProjectState._append_option = _append_option  # type: ignore[attr-defined]
        AddTrigger.state_forwards = _trigger_added  # type: ignore[method-assign]
        super().handle(*arguments, **options)
