"""Numbering: what the numbers of a field look like, when they start again, and with which one they go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import F
from django.db.models.fields.json import KT
from django.utils.translation import gettext as _

from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, NotFound, RuleBroken
from guanxi.core.models import CustomField, Numbering
from guanxi.core.models.stamps import bump
from guanxi.core.records import numbering, shape
from guanxi.core.records.writing import writing
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entities
from guanxi.core.shaping.common import check_version, put, require_shaper

#: What a rule says, with the number to go on with.
NAMES = ("format", "reset", "gap_free", "start")
#: So many coming numbers are compared with those records have.
AHEAD = 10_000
LABELS: Mapping[str, Any] = {name: name for name in NAMES}


@dataclass(frozen=True, slots=True)
class Numbered:
    """A field that holds a number; ``rule`` is ``None`` where people type it."""

    entity: Entity
    field: Field
    rule: Numbering | None


def numbered() -> Iterator[Numbered]:
    """Every field for numbers, of the product and of one's own, with its rule."""
    rules = {(one.entity, one.field): one for one in Numbering.objects.all()}
    for entity in sorted(entities(), key=lambda one: str(one.plural)):
        for name, field in shape.fields_of(entity).items():
            if field.kind == "serial":
                yield Numbered(entity, field, rules.get((entity.key, name)))


def numbered_field(entity: Entity, name: str) -> Numbered:
    """One field for numbers with its rule. Raises NotFound."""
    field = shape.fields_of(entity).get(name)
    if field is None or field.kind != "serial":
        raise NotFound(code="field.unknown")
    return Numbered(entity, field, Numbering.objects.filter(entity=entity.key, field=name).first())


def examples(given: Mapping[str, Any], how_many: int = 3) -> list[str]:
    """The next numbers as a rule of these values would write them today. Raises Invalid for a format that cannot be."""
    numbering.check_format(given["format"], given["reset"])
    today = clock.today(settings.TIME_ZONE)
    return [numbering.spelled(given["format"], (given["number"] or 1) + step, today) for step in range(how_many)]


def numbering_save(
    actor: Actor, entity: Entity, name: str, given: Mapping[str, Any], *, version: int | None = None
) -> Numbering:
    """Say how a field is numbered: ``format reset gap_free start``, and ``number``, the number to go on with now.

    Raises Denied, Invalid at the question (numbers that were given already are not given again), Conflict when somebody
    saved first.
    """
    require_shaper(actor)
    values = {one: given[one] for one in NAMES}
    wrong = next((name for name in ("start", "number") if (given[name] or 0) < 1), "")
    if wrong:
        raise Invalid(_("Numbers begin at 1."), code="numbering.start", field=wrong)
    first = examples(given, 1)[0]
    with writing(actor):
        row = Numbering.objects.select_for_update().filter(entity=entity.key, field=name).first()
        if row is None:
            row = Numbering(entity=numbered_field(entity, name).entity.key, field=name, version=0)
        else:
            check_version(row, version, values, LABELS)
        going = numbering.upcoming(row) if row.pk else 0
        kept = (row.format, row.reset) == (values["format"], values["reset"])
        behind = kept and given["number"] < going
        if (clash := (first, going) if behind else _given(entity, name, given)) is not None:
            text = _("“%(number)s” was given already. Go on with %(next)d or a higher number.")
            text %= {"number": clash[0], "next": clash[1]}
            raise Invalid(text, code="numbering.given", field="number")
        put(row, values)
        row.version += 1
        row.save()
        numbering.go_on_from(row, given["number"])
        _tell_field(row)
        bump("numbering")
    return row


def numbering_delete(actor: Actor, entity: Entity, name: str) -> None:
    """People type the number from now on. A field of one's own that is made for numbers keeps its rule."""
    require_shaper(actor)
    if numbered_field(entity, name).field.custom:
        raise RuleBroken(_("A number field of your own always has a rule."), code="numbering.own")
    with writing(actor):
        Numbering.objects.filter(entity=entity.key, field=name).delete()
        bump("numbering")


def _given(entity: Entity, name: str, given: Mapping[str, Any]) -> tuple[str, int] | None:
    """The first of the coming numbers that a record has already, and the number after the last such one."""
    coming = {text: given["number"] + step for step, text in enumerate(examples(given, AHEAD))}
    custom = name.removeprefix("custom.")
    rows = entity.model._base_manager.annotate(given_number=F(name) if custom == name else KT(f"custom__{custom}"))
    taken = [coming[text] for text in rows.filter(given_number__in=coming).values_list("given_number", flat=True)]
    return (next(text for text, number in coming.items() if number == min(taken)), max(taken) + 1) if taken else None


def _tell_field(row: Numbering) -> None:
    """A field of one's own says its format on its own page too."""
    key = row.field.removeprefix("custom.")
    if key != row.field:
        for field in CustomField.objects.filter(entity=row.entity, key=key):
            field.options = {**field.options, "format": row.format, "reset": row.reset}
            field.save(update_fields=["options"])
        bump("fields")
