"""The second line of a record where records are listed briefly: a few of its values in words."""

from __future__ import annotations

import datetime as dt
from typing import Any

from guanxi.core.access import field_level
from guanxi.core.kernel.actor import Actor
from guanxi.core.records import display, figures, values
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of
from guanxi.core.web import formats
from guanxi.core.web.inputs import FIGURES


def hint(actor: Actor, record: Any, field: Field, known: display.Names) -> str:
    """One value: money in its currency as people write it, other figures with their name, days and moments as near as they
    are, a yes as the name of its field, a no not at all.

    All else, and what is masked, as it reads anywhere.
    """
    entity = entity_of(record)
    value = values.current(record, field)
    if value is None or field_level(actor, entity, field.name) == "masked":
        return display.value_text(actor, entity, record, field.name, known)
    currency = str(getattr(record, field.currency, "") or "") if field.kind == "money" and field.currency else ""
    if currency:
        return formats.money(value, currency)
    if field.kind == "boolean":
        return str(field.label) if value else ""
    if field.kind in FIGURES:
        written = figures.percent(value) if field.kind == "percent" else figures.number(value)
        return f"{field.label} {written}"
    if isinstance(value, dt.date):
        return formats.when(value)
    return display.value_text(actor, entity, record, field.name, known)
