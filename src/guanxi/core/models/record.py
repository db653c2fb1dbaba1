"""The abstract record every entity's model builds on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self, TypeVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel import clock
from guanxi.core.models.audit_triggers import audit_triggers
from guanxi.core.models.fields import QuickJSONField

M = TypeVar("M", bound=models.Model)


def carrying(indexes: Sequence[models.Index], *columns: str) -> list[models.Index]:
    """The usual indexes of a list, the newest first and by owner, with columns lists are narrowed and counted by.

    How many rows there are is then read in the index alone, also for a person who sees few of them.
    """
    usual = {index.name.rpartition("_")[2]: index for index in indexes}
    people = ["owner", *(["carrier_owner"] if "carrier" in usual else [])]
    found = []
    for word, index in usual.items():
        if word in ("recent", "owner"):
            index = index.clone()  # noqa: PLW2901 - the abstract class keeps its own
            index.include = tuple(name for name in (*columns, *people) if name not in index.fields)
        found.append(index)
    return found


class LivingManager(models.Manager[M]):
    """Records that are not in the trash."""

    _living: models.QuerySet[M] | None = None

    def get_queryset(self) -> models.QuerySet[M]:
        if self._db or self._hints:  # type: ignore[attr-defined]
            return super().get_queryset().filter(deleted_at__isnull=True)
        if self._living is None:
            self._living = super().get_queryset().filter(deleted_at__isnull=True)
        return self._living._chain()  # type: ignore[attr-defined, no-any-return]


class Record(models.Model):
    """What every record has: who made and changed it and when, a version, custom values, tags, a place in the trash.

    ``objects`` leaves out the trash, ``everything`` does not. Rows are written by ``guanxi.core.records`` only; a
    statement trigger notes each change in the audit.
    """

    id = models.BigAutoField(primary_key=True)
    created_at = models.DateTimeField(_("created"), default=clock.now, editable=False)
    updated_at = models.DateTimeField(_("changed"), default=clock.now, editable=False)
    created_by = models.ForeignKey(
        "core.User",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
        verbose_name=_("created by"),
        db_index=False,
    )
    updated_by = models.ForeignKey(
        "core.User",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
        verbose_name=_("changed by"),
        db_index=False,
    )
    version = models.PositiveIntegerField(default=1, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    deleted_by = models.ForeignKey(
        "core.User", models.SET_NULL, null=True, blank=True, related_name="+", editable=False, db_index=False
    )
    custom = QuickJSONField(default=dict, blank=True)
    tags = ArrayField(models.BigIntegerField(), default=list, blank=True, verbose_name=_("tags"))

    objects: ClassVar[models.Manager[Self]] = LivingManager()
    everything: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        abstract = True
        base_manager_name = "everything"
        default_manager_name = "objects"
        triggers: ClassVar[list[Any]] = audit_triggers()
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["-updated_at", "-id"], name="%(class)s_recent", condition=models.Q(deleted_at__isnull=True)
            ),
            models.Index(fields=["deleted_at"], name="%(class)s_trash", condition=models.Q(deleted_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return str(getattr(self, "name", "") or f"#{self.pk}")


class OwnedRecord(Record):
    """A record with an owner, the one user answerable for it; without one it lies in a pool."""

    owner = models.ForeignKey(
        "core.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("owner"), db_index=False
    )

    class Meta(Record.Meta):
        abstract = True
        indexes: ClassVar[list[models.Index]] = [
            *Record.Meta.indexes,
            models.Index(
                fields=["owner", "-updated_at", "-id"],
                name="%(class)s_owner",
                condition=models.Q(deleted_at__isnull=True),
            ),
        ]


class CarriedRecord(OwnedRecord):
    """An owned record that follows another one: who owns that one sees this one too.

    ``carrier_owner`` repeats the owner of the record it hangs on, so that a list needs no join; the writer keeps it.
    """

    carrier_owner = models.ForeignKey(
        "core.User", models.SET_NULL, null=True, blank=True, related_name="+", editable=False, db_index=False
    )

    class Meta(OwnedRecord.Meta):
        abstract = True
        indexes: ClassVar[list[models.Index]] = [
            *OwnedRecord.Meta.indexes,
            models.Index(
                fields=["carrier_owner", "-updated_at", "-id"],
                name="%(class)s_carrier",
                condition=models.Q(deleted_at__isnull=True),
            ),
        ]
