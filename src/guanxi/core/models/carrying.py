"""Changes of owner that are still to be repeated on what was hung on the records at that moment."""

from __future__ import annotations

from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models


class CarryLag(models.Model):
    """Records whose owner changed, until everybody who may have read the former one has ended.

    Written in the transaction of the change. ``upto`` is the first transaction that began after it was seen to be there,
    at ``noted_at``; both are ``None`` before that.
    """

    id = models.BigAutoField(primary_key=True)
    entity = models.CharField(max_length=100, db_collation="C")
    ids = ArrayField(models.BigIntegerField())
    upto = models.BigIntegerField(null=True)
    noted_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        db_table = "core_carry_lag"

    def __str__(self) -> str:
        return f"{self.entity}/{len(self.ids)}"
