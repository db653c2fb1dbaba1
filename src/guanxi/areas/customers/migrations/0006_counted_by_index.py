"""How many customers a narrowed list holds is counted in the index alone."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

from guanxi.core.migrations._indexes import ReplaceIndex

LIVING = models.Q(("deleted_at__isnull", True))
USUAL = ("level", "lifecycle", "status")


def index(name, *fields, include=()):
    return models.Index(fields=list(fields), name=name, condition=LIVING, include=include or None)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("customers", "0005_wide_audit")]

    operations = [
        ReplaceIndex(
            "customer",
            index("customer_recent", "-updated_at", "-id"),
            index("customer_recent", "-updated_at", "-id", include=(*USUAL, "owner")),
        ),
        ReplaceIndex(
            "customer",
            index("customer_owner", "owner", "-updated_at", "-id"),
            index("customer_owner", "owner", "-updated_at", "-id", include=USUAL),
        ),
        AddIndexConcurrently("customer", index("customer_made", "created_at", "owner", "created_by")),
        AddIndexConcurrently("customer", index("customer_since", "owner", "-owner_since", "-id")),
    ]
