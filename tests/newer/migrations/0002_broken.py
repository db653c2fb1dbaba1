"""It changes something, and fails."""

from typing import Any, ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    """Its first step is taken back with the second."""

    dependencies: ClassVar[list[Any]] = [("newer", "0001_more")]
    operations: ClassVar[list[Any]] = [
        migrations.RunSQL("UPDATE customers_customer SET name = 'lost'", migrations.RunSQL.noop),
        migrations.RunSQL("SELECT 1 / 0", migrations.RunSQL.noop),
    ]
