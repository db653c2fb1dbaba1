"""Amounts that are always filled are so in the database: migrations did not tell."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

from guanxi.core.migrations._columns import Filled
from guanxi.core.models.fields import MoneyField


class Migration(migrations.Migration):
    atomic = False

    dependencies: ClassVar[list[Any]] = [("sales", "0018_audit_of_changes")]
    operations: ClassVar[list[Any]] = [
        Filled("dealalert", "amount", MoneyField(blank=False, decimal_places=2, max_digits=18, null=False, verbose_name="from the amount")),
    ]
