"""Entries of the audit can neither be changed nor removed, and seals chain them so that going round that is found."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations, models

import guanxi.core.kernel.clock
from guanxi.core.migrations import _audit

FORWARDS = f"""
{_audit.KEEP}CREATE TRIGGER audit_keep BEFORE UPDATE OR DELETE ON core_auditentry FOR EACH ROW EXECUTE FUNCTION guanxi_audit_keep();
CREATE TRIGGER audit_keep_all BEFORE TRUNCATE ON core_auditentry FOR EACH STATEMENT EXECUTE FUNCTION guanxi_audit_keep();
CREATE TRIGGER seal_keep BEFORE DELETE ON core_auditseal FOR EACH ROW EXECUTE FUNCTION guanxi_audit_keep();
"""
BACKWARDS = """
DROP TRIGGER seal_keep ON core_auditseal;
DROP TRIGGER audit_keep_all ON core_auditentry;
DROP TRIGGER audit_keep ON core_auditentry;
DROP FUNCTION guanxi_audit_keep();
"""


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("core", "0009_used_codes")]

    operations: ClassVar[list[Any]] = [
        migrations.CreateModel(
            name="AuditSeal",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(default=guanxi.core.kernel.clock.now)),
                ("last_entry", models.BigIntegerField()),
                ("horizon", models.BigIntegerField()),
                ("entries", models.BigIntegerField(null=True)),
                ("digest", models.CharField(default="", max_length=64)),
            ],
        ),
        migrations.RunSQL(FORWARDS, BACKWARDS),
    ]
