"""All that was made of a custom field goes by the one door; objects of long names have a function for each verb."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

from guanxi.core.migrations import _doors


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("core", "0043_doors")]

    operations: ClassVar[list[Any]] = [migrations.RunSQL(_doors.UNINDEX + _doors.INSTALL, migrations.RunSQL.noop)]
