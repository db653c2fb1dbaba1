"""The kind of a field changed: what of its values converts, what would be lost, and the change with the old values kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core.access.features import SETTINGS
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid
from guanxi.core.models import CustomField, Operation
from guanxi.core.models.stamps import bump
from guanxi.core.records import dictionaries, shape, values
from guanxi.core.records.writing import operation_begin, writing
from guanxi.core.schema import kinds
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.shaping import indexes, jobs
from guanxi.core.shaping.common import require_shaper
from guanxi.core.shaping.fields import field_for

#: Kinds whose values can be read as another kind: those written as text or a number.
CONVERTIBLE = (
    "text", "long_text", "integer", "decimal", "percent", "money", "date", "datetime", "time", "boolean", "choice",
    "email", "phone", "url",
)  # fmt: skip
_PART = 1000
_SAMPLES = 20


@dataclass(frozen=True, slots=True)
class Preview:
    """What a change of kind would do: how many values there are, how many convert, examples of those that do not."""

    total: int
    converted: int
    lost: tuple[tuple[int, str, str], ...]

    @property
    def failing(self) -> int:
        """Values that do not convert."""
        return self.total - self.converted


def _rows(entity: Entity, key: str) -> Iterator[list[Any]]:
    last = 0
    while True:
        part = list(entity.model._base_manager.filter(custom__has_key=key, pk__gt=last).order_by("pk")[:_PART])
        if not part:
            return
        yield part
        last = part[-1].pk


def _wanted(row: CustomField, kind: str, dictionary: str) -> Field:
    if kind not in CONVERTIBLE or row.kind not in CONVERTIBLE:
        raise Invalid(_("A field of this kind cannot become one of that kind."), code="field.conversion", field="kind")
    return replace(shape.declared(row), kind=kind, dictionary=dictionary, required=False)


def _converted(old: Field, new: Field, stored: Any) -> Any:
    """A stored value as one of the new kind. Raises Invalid."""
    value = values.lively(old, stored)
    text = dictionaries.label_of(old, value) if old.kind == "choice" else kinds.text_of(old, value)
    if new.kind == "choice":
        key = dictionaries.find(new.dictionary, text)
        if not key:
            raise Invalid(_("“%(value)s” is not one of the choices.") % {"value": text}, code="choice.unknown")
        return key
    return values.stored(new, kinds.parse(new, text))


def kind_preview(actor: Actor, entity: Entity, key: str, kind: str, dictionary: str = "") -> Preview:
    """What changing the kind would convert and lose; writes nothing."""
    require_shaper(actor)
    row = field_for(entity.key, key)
    old, new = shape.declared(row), _wanted(row, kind, dictionary)
    total, good = 0, 0
    lost: list[tuple[int, str, str]] = []
    for part in _rows(entity, key):
        for record in part:
            total += 1
            try:
                _converted(old, new, record.custom[key])
                good += 1
            except GuanxiError as error:
                if len(lost) < _SAMPLES:
                    lost.append((record.pk, str(record.custom[key]), str(error)))
    return Preview(total, good, tuple(lost))


def kind_change(
    actor: Actor, entity: Entity, key: str, kind: str, dictionary: str = "", *, version: int | None = None
) -> Operation:
    """Change the kind. All old values stay in a retired field beside it, so that nothing is lost; one operation."""
    require_shaper(actor)
    with writing(actor):
        row = CustomField.objects.select_for_update().get(pk=field_for(entity.key, key).pk)
        if version is not None and version != row.version:
            raise Invalid(_("Somebody else changed this field in the meantime."), code="field.version")
        old, new = shape.declared(row), _wanted(row, kind, dictionary)
        kept = _keep_old(entity, row)
        step = operation_begin(
            actor,
            "kind_change",
            entity.key,
            parameters={"field": key, "from": row.kind, "to": kind, "feature": SETTINGS},
        )
        done, failed = 0, 0
        with writing(actor, operation=step):
            for part in _rows(entity, key):
                for record in part:
                    held = record.custom.pop(key)
                    record.custom[kept.key] = held
                    try:
                        record.custom[key] = _converted(old, new, held)
                        done += 1
                    except GuanxiError:
                        failed += 1
                entity.model._base_manager.bulk_update(part, ["custom"])
        row.kind, row.dictionary, row.version = kind, dictionary, row.version + 1
        row.options = {name: one for name, one in row.options.items() if name not in ("default", "minimum", "maximum")}
        row.save()
        indexes.drop(entity, key)
        indexes.keep_unique(entity, row)
        step.total, step.progress, step.finished_at = done + failed, done + failed, clock.now()
        step.result = {"done": done, "skipped": 0, "failed": failed, "kept": kept.key}
        step.save()
        bump("fields")
        jobs.search_again.defer(entity=entity.key, key=key)
    return step


def _keep_old(entity: Entity, row: CustomField) -> CustomField:
    """A retired field that takes over the old values."""
    taken = set(CustomField.objects.filter(entity=entity.key).values_list("key", flat=True))
    number = next(n for n in range(1, 1000) if f"{row.key[:50]}_old{n}" not in taken)
    return CustomField.objects.create(
        entity=entity.key,
        key=f"{row.key[:50]}_old{number}",
        kind=row.kind,
        label_zh=f"{row.label_zh}（旧）"[:100],
        label_en=f"{row.label_en or row.key} (old)"[:100],
        dictionary=row.dictionary,
        target=row.target,
        personal=row.personal,
        options={name: one for name, one in row.options.items() if name in ("places", "columns")},
        position=row.position + 1,
        active=False,
    )
