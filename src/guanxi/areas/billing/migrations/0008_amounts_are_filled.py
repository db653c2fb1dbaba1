"""Amounts that are always filled are so in the database: migrations did not tell."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

from guanxi.core.migrations._columns import Filled
from guanxi.core.models.fields import MoneyField


class Migration(migrations.Migration):
    atomic = False

    dependencies: ClassVar[list[Any]] = [("billing", "0007_asking_for_invoices")]
    operations: ClassVar[list[Any]] = [
        Filled("receipt", "amount", MoneyField(blank=False, decimal_places=2, max_digits=18, null=False, verbose_name="amount")),
        Filled("invoice", "amount", MoneyField(blank=True, decimal_places=2, max_digits=18, null=False, verbose_name="amount with tax")),
        Filled("invoiceline", "amount", MoneyField(blank=False, decimal_places=2, max_digits=18, null=False, verbose_name="amount with tax")),
        Filled("allocation", "amount", MoneyField(blank=False, decimal_places=2, max_digits=18, null=False, verbose_name="amount")),
        Filled("bankentry", "amount", MoneyField(blank=False, decimal_places=2, max_digits=18, null=False, verbose_name="amount")),
        Filled("creditlimit", "amount", MoneyField(blank=False, decimal_places=2, max_digits=18, null=False, verbose_name="credit limit")),
    ]
