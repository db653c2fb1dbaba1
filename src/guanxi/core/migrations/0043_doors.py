"""The application's role owns nothing: what it changes of the shape of the database goes through functions of the owner."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

from guanxi.core.migrations import _doors


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("core", "0042_audit_since")]

    operations: ClassVar[list[Any]] = [migrations.RunSQL(_doors.FORWARDS, _doors.BACKWARDS)]
