"""Built-in fields set up: other names and help, that one must be filled, conditions under which it is shown, asked or locked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import FieldSetup
from guanxi.core.models.stamps import bump
from guanxi.core.records.writing import writing
from guanxi.core.schema import derive
from guanxi.core.schema.derive import INTERNAL
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.shaping.common import check_version, put, require_shaper
from guanxi.core.shaping.fields import check_conditions

NAMES = ("label_zh", "label_en", "help_zh", "help_en", "required", "rules")


def built_in(entity: Entity) -> dict[str, Field]:
    """The fields of the product itself that can be set up, as they are without it."""
    return {name: one for name, one in derive.fields_of(entity.key).items() if name not in INTERNAL and name != "id"}


def row_of(entity: Entity, field: str) -> FieldSetup | None:
    """What was set about a field, ``None`` while it is as it came."""
    return FieldSetup.objects.filter(entity=entity.key, field=field).first()


def setup_check(entity: Entity, field: str, rules: Mapping[str, Any]) -> None:
    """Raise Invalid for a field that is not there, or a condition that means nothing."""
    if field not in built_in(entity):
        raise Invalid(_("There is no field “%(name)s”.") % {"name": field}, code="field.unknown", field="field")
    check_conditions(entity, rules)


def setup_save(
    actor: Actor, entity: Entity, field: str, given: Mapping[str, Any], *, version: int | None = None
) -> FieldSetup:
    """Set a built-in field up. Raises Denied, Invalid with one error per condition, Conflict when somebody saved first."""
    require_shaper(actor)
    values = {name: given[name] for name in NAMES if name in given}
    setup_check(entity, field, values.get("rules", {}))
    with writing(actor):
        row = FieldSetup.objects.select_for_update().filter(entity=entity.key, field=field).first()
        if row is None:
            row = FieldSetup(entity=entity.key, field=field, version=0)
        else:
            check_version(row, version, values, {name: name for name in NAMES})
        put(row, values)
        row.version += 1
        row.save()
        bump("fields")
    return row


def setup_reset(actor: Actor, entity: Entity, field: str) -> None:
    """The field as it came with the product."""
    require_shaper(actor)
    with writing(actor):
        FieldSetup.objects.filter(entity=entity.key, field=field).delete()
        bump("fields")
