"""How many follow-ups there were in a stretch of days is counted in the index alone."""

from django.db import migrations, models

from guanxi.core.migrations._indexes import ReplaceIndex

LIVING = models.Q(("deleted_at__isnull", True))


def index(name, *fields, include=()):
    return models.Index(fields=list(fields), name=name, condition=LIVING, include=include or None)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("activities", "0003_participants")]

    operations = [
        ReplaceIndex(
            "activity",
            index("activity_by_owner", "owner", "-occurred_at", "-id"),
            index("activity_by_owner", "owner", "-occurred_at", "-id", include=("kind", "carrier_owner")),
        ),
        ReplaceIndex(
            "activity",
            index("activity_latest", "-occurred_at", "-id"),
            index("activity_latest", "-occurred_at", "-id", include=("kind", "owner", "carrier_owner")),
        ),
    ]
