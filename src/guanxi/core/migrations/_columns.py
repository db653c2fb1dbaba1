"""Changes of columns that do not hold up whoever works on the table."""

from __future__ import annotations

from typing import Any

from django.db import migrations


class Added(migrations.AddField):
    """A new column, which is there already where a migration that is not ``atomic`` is begun again after it was ended half-way."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """The column, unless it is there."""
        model = to_state.apps.get_model(app_label, self.model_name)
        with schema_editor.connection.cursor() as cursor:
            there = schema_editor.connection.introspection.get_table_description(cursor, model._meta.db_table)
        if model._meta.get_field(self.name).column not in {one.name for one in there}:
            super().database_forwards(app_label, schema_editor, from_state, to_state)


class Filled(migrations.AlterField):
    """A column of figures may no longer be empty; what was is nothing. The rows are looked through beside the work; for
    ``atomic = False`` only.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, _from_state: Any, to_state: Any) -> None:
        """A constraint that is checked later, then the column itself, which takes the constraint's word."""
        table, column = self._place(app_label, to_state)
        known = schema_editor.quote_name(f"{table}_{column}_filled"[:63])
        where = f"ALTER TABLE {schema_editor.quote_name(table)}"
        name = schema_editor.quote_name(column)
        schema_editor.execute(f"UPDATE {schema_editor.quote_name(table)} SET {name} = 0 WHERE {name} IS NULL")  # noqa: S608 - our own names
        schema_editor.execute(f"{where} DROP CONSTRAINT IF EXISTS {known}")
        schema_editor.execute(f"{where} ADD CONSTRAINT {known} CHECK ({name} IS NOT NULL) NOT VALID")
        schema_editor.execute(f"{where} VALIDATE CONSTRAINT {known}")
        schema_editor.execute(f"{where} ALTER COLUMN {name} SET NOT NULL")
        schema_editor.execute(f"{where} DROP CONSTRAINT {known}")

    def database_backwards(self, app_label: str, schema_editor: Any, _from_state: Any, to_state: Any) -> None:
        """It may be empty again."""
        table, column = self._place(app_label, to_state)
        quote = schema_editor.quote_name
        schema_editor.execute(f"ALTER TABLE {quote(table)} ALTER COLUMN {quote(column)} DROP NOT NULL")

    def _place(self, app_label: str, state: Any) -> tuple[str, str]:
        model = state.apps.get_model(app_label, self.model_name)
        return model._meta.db_table, model._meta.get_field(self.name).column
