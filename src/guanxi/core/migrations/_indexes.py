"""Index changes that do not hold up whoever works on the table."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models
from django.db.migrations.operations.base import Operation


class ReplaceIndex(Operation):
    """Make an index of the same name anew beside the old one, then let it take its place. For ``atomic = False`` only."""

    reduces_to_sql = True
    reversible = True

    def __init__(self, model_name: str, old: models.Index, new: models.Index) -> None:
        self.model_name, self.old, self.new = model_name, old, new

    def deconstruct(self) -> Any:
        """How the operation is made."""
        return type(self).__name__, [self.model_name, self.old, self.new], {}

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The model holds the new index."""
        migrations.RemoveIndex(self.model_name, self.old.name).state_forwards(app_label, state)
        migrations.AddIndex(self.model_name, self.new).state_forwards(app_label, state)

    def database_forwards(self, app_label: str, schema_editor: Any, _from_state: Any, to_state: Any) -> None:
        """The new index for the old one."""
        self._replace(app_label, schema_editor, to_state, self.new)

    def database_backwards(self, app_label: str, schema_editor: Any, _from_state: Any, to_state: Any) -> None:
        """The old index for the new one."""
        self._replace(app_label, schema_editor, to_state, self.old)

    def describe(self) -> str:
        """What is done."""
        return f"Make index {self.new.name} of {self.model_name} anew"

    def _replace(self, app_label: str, schema_editor: Any, state: Any, wanted: models.Index) -> None:
        model = state.apps.get_model(app_label, self.model_name)
        beside = wanted.clone()
        beside.name = f"{wanted.name[:26]}_new"
        schema_editor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{beside.name}"')
        schema_editor.execute(beside.create_sql(model, schema_editor, concurrently=True), params=None)
        schema_editor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{wanted.name}"')
        schema_editor.execute(f'ALTER INDEX "{beside.name}" RENAME TO "{wanted.name}"')
