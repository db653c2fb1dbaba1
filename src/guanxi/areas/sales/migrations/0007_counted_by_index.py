"""Boards, reports and the forecast are added up in an index alone."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

from guanxi.core.migrations._indexes import ReplaceIndex

LIVING = models.Q(("deleted_at__isnull", True))
PEOPLE = ("owner", "carrier_owner")
USUAL = ("stage", "category", "value", "close_on")


def index(name, *fields, include=(), where=LIVING):
    return models.Index(fields=list(fields), name=name, condition=where, include=include or None)


def again(name, *fields, include, before=()):
    return ReplaceIndex("opportunity", index(name, *fields, include=before), index(name, *fields, include=include))


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("sales", "0006_wide_audit")]

    operations = [
        again("opportunity_recent", "-updated_at", "-id", include=(*USUAL, *PEOPLE)),
        again("opportunity_owner", "owner", "-updated_at", "-id", include=(*USUAL, "carrier_owner")),
        again(
            "opportunity_board",
            "pipeline",
            "stage",
            before=("value", "weighted", *PEOPLE),
            include=("value", "weighted", "close_on", *PEOPLE),
        ),
        again("opportunity_lane", "stage", "-updated_at", "-id", include=PEOPLE),
        again("opportunity_by_close", "category", "close_on", include=("value", "weighted", "forecast", *PEOPLE)),
        AddIndexConcurrently(
            "opportunity",
            index(
                "opportunity_by_closed",
                "category",
                "closed_at",
                include=("value", *PEOPLE),
                where=LIVING & models.Q(("closed_at__isnull", False)),
            ),
        ),
        AddIndexConcurrently(
            "opportunity",
            index(
                "opportunity_stale",
                "category",
                "stale_on",
                include=PEOPLE,
                where=LIVING & models.Q(("stale_on__isnull", False)),
            ),
        ),
    ]
