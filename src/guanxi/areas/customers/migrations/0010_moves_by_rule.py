"""What an assignment rule handed out lately is found in an index of its own."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("customers", "0009_segment_of_rule")]

    operations = [
        AddIndexConcurrently(
            "poolmove",
            models.Index(fields=["note", "-at"], name="pool_move_by_rule", condition=models.Q(("reason", "rule"))),
        )
    ]
