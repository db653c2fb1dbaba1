"""Another time zone of the workspace holds for connections that wrote before it was set, too."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

from guanxi.core.migrations import _doors


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("core", "0047_search_owners")]

    operations: ClassVar[list[Any]] = [migrations.RunSQL(_doors.ZONE, migrations.RunSQL.noop)]
