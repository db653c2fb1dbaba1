"""Leads and opportunities of a campaign are found by an index of those that name one."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


def index(name):
    return models.Index(
        fields=["campaign", "-updated_at", "-id"], name=name, condition=models.Q(("campaign__isnull", False))
    )


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("sales", "0011_campaigns")]

    operations = [
        AddIndexConcurrently("lead", index("lead_by_campaign")),
        AddIndexConcurrently("opportunity", index("opportunity_by_campaign")),
    ]
