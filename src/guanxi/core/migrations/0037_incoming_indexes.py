"""What answers a message, and what was sent by itself, is found in indexes of their own, made beside the work."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("core", "0037_incoming")]

    operations = [
        AddIndexConcurrently(
            "outboundmessage",
            models.Index(fields=["reply_to"], name="outbound_answering", condition=models.Q(("reply_to__isnull", False))),
        ),
        AddIndexConcurrently(
            "outboundmessage",
            models.Index(fields=["to", "-created_at"], name="outbound_automatic", condition=models.Q(("automatic", True))),
        ),
        AddIndexConcurrently(
            "rulerun",
            models.Index(fields=["heard"], name="rule_run_heard", condition=models.Q(("heard__isnull", False))),
        ),
    ]
