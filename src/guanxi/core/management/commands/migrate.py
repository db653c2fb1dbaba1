"""Django's ``migrate``, without drawing half of all models anew for each index, constraint, trigger and plain new field.

Django renders a model and all that refer to it again whenever anything of it changes. Indexes, constraints and triggers change
no field, and a new field that points nowhere is nobody else's business, so it is enough to tell the rendered model; a new
database is made in a third of the time.
"""

from __future__ import annotations

from typing import Any

from django.core.management.commands.migrate import Command as DjangoCommand
from django.db.migrations.state import ProjectState
from pgtrigger.migrations import AddTrigger, RemoveTrigger

_django_add_field = ProjectState.add_field


def _told(state: ProjectState, app_label: str, model_name: str, option: str) -> None:
    """Give the rendered model, if there is one, the option as the state has it now."""
    if "apps" in state.__dict__:
        model = state.apps.get_model(app_label, model_name)
        setattr(model._meta, option, list(state.models[app_label, model_name.lower()].options[option]))


def _append_option(self: ProjectState, app_label: str, model_name: str, option_name: str, obj: Any) -> None:
    options = self.models[app_label, model_name].options
    options[option_name] = [*options[option_name], obj]
    _told(self, app_label, model_name, option_name)


def _remove_option(self: ProjectState, app_label: str, model_name: str, option_name: str, obj_name: str) -> None:
    options = self.models[app_label, model_name].options
    options[option_name] = [one for one in options[option_name] if one.name != obj_name]
    _told(self, app_label, model_name, option_name)


def _add_field(
    self: ProjectState, app_label: str, model_name: str, name: str, field: Any, preserve_default: bool
) -> None:
    apps = None if field.is_relation else self.__dict__.pop("apps", None)
    try:
        _django_add_field(self, app_label, model_name, name, field, preserve_default)
    finally:
        if apps is not None:
            self.__dict__["apps"] = apps
    if apps is not None:
        added = self.models[app_label, model_name].fields[name].clone()
        added.contribute_to_class(apps.get_model(app_label, model_name), name)


def _trigger_added(self: AddTrigger, app_label: str, state: ProjectState) -> None:
    options = state.models[app_label, self.model_name].options
    options["triggers"] = [*options.get("triggers", []), self.trigger]
    _told(state, app_label, self.model_name, "triggers")


def _trigger_removed(self: RemoveTrigger, app_label: str, state: ProjectState) -> None:
    options = state.models[app_label, self.model_name].options
    options["triggers"] = [one for one in options.get("triggers", []) if one.name != self.name]
    _told(state, app_label, self.model_name, "triggers")


class Command(DjangoCommand):
    """The command, quicker."""

    def handle(self, *arguments: Any, **options: Any) -> None:
        """Apply what is missing."""
        ProjectState._append_option = _append_option  # type: ignore[attr-defined]
        ProjectState._remove_option = _remove_option  # type: ignore[attr-defined]
        ProjectState.add_field = _add_field  # type: ignore[method-assign]
        AddTrigger.state_forwards = _trigger_added  # type: ignore[method-assign]
        RemoveTrigger.state_forwards = _trigger_removed  # type: ignore[method-assign]
        super().handle(*arguments, **options)
