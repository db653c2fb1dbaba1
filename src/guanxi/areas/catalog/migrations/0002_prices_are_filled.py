"""Amounts that are always filled are so in the database: migrations did not tell."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

from guanxi.core.migrations._columns import Filled
from guanxi.core.models.fields import MoneyField


class Migration(migrations.Migration):
    atomic = False

    dependencies: ClassVar[list[Any]] = [("catalog", "0001_initial")]
    operations: ClassVar[list[Any]] = [
        Filled("priceentry", "price", MoneyField(blank=False, decimal_places=4, max_digits=18, null=False, verbose_name="price")),
    ]
