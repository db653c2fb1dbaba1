"""Mails that ask whether a yes is meant are found in an index of their own: a form of the web asks for the last ones."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("core", "0034_audit_owner")]

    operations = [
        AddIndexConcurrently(
            "outboundmessage",
            models.Index(fields=["created_at"], name="outbound_confirming", condition=models.Q(("payload__has_key", "confirms"))),
        )
    ]
