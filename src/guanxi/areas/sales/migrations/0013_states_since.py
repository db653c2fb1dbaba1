"""Which opportunities changed since a moment is told by an index."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("sales", "0012_by_campaign")]

    operations = [
        AddIndexConcurrently(
            "opportunitystate", models.Index(fields=["at", "opportunity"], name="opportunity_state_since")
        ),
    ]
