"""A table, a column on a table in use, and a change of what stands in another."""

from typing import Any, ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """It can be taken back."""

    dependencies: ClassVar[list[Any]] = [("customers", "0001_initial")]
    operations: ClassVar[list[Any]] = [
        migrations.CreateModel("Novelty", [("id", models.BigAutoField(primary_key=True)), ("name", models.TextField())]),
        migrations.RunSQL(
            "ALTER TABLE customers_customer ADD COLUMN novelty text NOT NULL DEFAULT 'new'",
            "ALTER TABLE customers_customer DROP COLUMN novelty",
        ),
    ]
