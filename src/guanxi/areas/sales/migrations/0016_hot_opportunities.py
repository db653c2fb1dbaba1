"""Today counts the customers with a hot opportunity: those few are found by an index of their own, not among all of somebody's."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("sales", "0015_tally_by_carrier")]

    operations = [
        AddIndexConcurrently(
            "opportunity",
            models.Index(
                fields=["customer"],
                include=["owner", "carrier_owner"],
                name="opportunity_hot",
                condition=models.Q(("deleted_at__isnull", True), ("category", "open"), ("hot", True)),
            ),
        ),
    ]
