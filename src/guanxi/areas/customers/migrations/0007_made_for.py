"""How many customers somebody got in a stretch of time is counted in the index alone."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("customers", "0006_counted_by_index")]

    operations = [
        AddIndexConcurrently(
            "customer",
            models.Index(
                fields=["owner", "created_at"],
                name="customer_made_for",
                condition=models.Q(("deleted_at__isnull", True)),
            ),
        )
    ]
