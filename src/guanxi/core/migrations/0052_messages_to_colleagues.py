"""What rules wrote to colleagues is told apart from what went to people outside: it leaves the timelines of records."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

MARK = """
    UPDATE core_outboundmessage m SET payload = m.payload || '{"inside": true}'
    FROM core_user u WHERE m.run_id IS NOT NULL AND m.reply_to_id IS NULL AND NOT m.marketing AND (
        m.channel = 'mail' AND lower(u.email) = lower(m."to") OR m.channel = 'sms' AND u.phone = m."to"
    )
"""


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("core", "0051_turn_looked_at")]

    operations: ClassVar[list[Any]] = [migrations.RunSQL(MARK, migrations.RunSQL.noop)]
