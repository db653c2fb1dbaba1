"""The form of the mappings: which object holds transactions, which holds answers of surveys, and which of their fields is what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict
from django.utils.text import capfirst

from guanxi.areas.insight import sources, surveys
from guanxi.areas.insight.sources import Source
from guanxi.areas.insight.surveys import Survey
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.records import dictionaries, shape
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entities, entity_of, is_registered

Choice = tuple[str, str]
OWN = frozenset({"insight.customervalue"})


def candidates() -> list[Entity]:
    """Entities that name a customer: directly, or as what they belong to."""
    return [one for one in entities() if one.key not in OWN and _fitting(one, "customer")]


def _fitting(entity: Entity, part: str) -> list[Choice]:
    return [
        (name, capfirst(str(one.label))) for name, one in shape.fields_of(entity).items() if sources.fits(part, one)
    ]


def _states(entity: Entity) -> list[Choice]:
    return [(name, capfirst(str(one.label))) for name, one in shape.fields_of(entity).items() if one.kind == "choice"]


def shown(actor: Actor, data: Mapping[str, str]) -> dict[str, Any]:
    """What the page draws: the present mappings, and what may be chosen for the objects at hand."""
    del actor
    source, survey = sources.chosen(), surveys.chosen()
    return {
        "objects": [(one.key, capfirst(str(one.plural))) for one in candidates()],
        "source": _source_form(data.get("entity") if data.get("what") == "source" else None, source),
        "survey": _survey_form(data.get("entity") if data.get("what") == "survey" else None, survey),
        "own": sources.is_own(),
    }


def _source_form(wanted: str | None, now: Source | None) -> dict[str, Any]:
    key = wanted or (now.entity if now else "")
    if not is_registered(key):
        return {"entity": "", "parts": [], "states": [], "values": []}
    entity = entity_of(key)
    same = now if now and now.entity == key else None
    where: Mapping[str, Any] = same.where if same else {}
    state = str(where.get("field", "")) or next(
        (name for name, _label in _states(entity) if name in ("status", "category")), ""
    )
    field = shape.fields_of(entity).get(state)
    values = [(str(one.key), capfirst(str(one.label))) for one in dictionaries.choices_of(field)] if field else []
    listed = [str(one) for one in _listed(where)]
    excluded = where.get("op") in ("not_in", "ne")
    ticked = [one for one, _label in values if not listed or (one in listed) != excluded]
    return {
        "entity": key,
        "parts": [
            (part, _fitting(entity, part), getattr(same, part) if same else next(iter(dict(_fitting(entity, part))), "") if part != "rate" else "")
            for part in ("customer", "day", "amount", "rate")
        ],
        "states": _states(entity), "state": state, "values": values, "ticked": ticked,
    }  # fmt: skip


def _listed(where: Mapping[str, Any]) -> list[Any]:
    value = where.get("value")
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


def _survey_form(wanted: str | None, now: Survey | None) -> dict[str, Any]:
    key = wanted or (now.entity if now else "")
    if not is_registered(key):
        return {"entity": "", "parts": [], "drivers": []}
    entity = entity_of(key)
    same = now if now and now.entity == key else None
    numbers = _fitting(entity, "amount")
    texts = [
        (name, capfirst(str(one.label)))
        for name, one in shape.fields_of(entity).items()
        if one.kind in ("text", "long_text")
    ]
    offers = {
        "customer": _fitting(entity, "customer"),
        "day": _fitting(entity, "day"),
        "nps": numbers,
        "csat": numbers,
        "ces": numbers,
        "comment": texts,
    }
    return {
        "entity": key,
        "parts": [(part, offer, getattr(same, part) if same else next(iter(dict(offer)), "") if part == "customer" else "") for part, offer in offers.items()],
        "numbers": numbers, "drivers": list(same.drivers) if same else [],
    }  # fmt: skip


def store(actor: Actor, data: QueryDict) -> dict[str, str]:
    """Keep what was chosen; returns what is wrong by part, empty when it was kept. Raises Denied."""
    try:
        if data.get("what") == "survey":
            surveys.survey_set(actor, _survey(data) if data.get("entity") else None)
        else:
            sources.source_set(actor, _source(data) if data.get("entity") and "usual" not in data else None)
    except Invalid as error:
        return {error.field or "entity": str(error.message)}
    return {}


def _source(data: QueryDict) -> Source:
    key = str(data["entity"])
    known = next((one for one in sources.KNOWN if one.entity == key), None)
    where: dict[str, Any] = {}
    if data.get("state"):
        where = {"field": data["state"], "op": "in", "value": data.getlist("value")}
    lines: dict[str, str] = (
        {"items": known.items, "basket": known.basket, "item": known.item} if known else sources.lines_of(key)
    )
    return Source(
        entity=key, customer=data.get("customer", ""), day=data.get("day", ""), amount=data.get("amount", ""), rate=data.get("rate", ""), where=where, **lines
    )  # fmt: skip


def _survey(data: QueryDict) -> Survey:
    parts: dict[str, Any] = {part: data.get(part, "") for part in ("customer", "day", "nps", "csat", "ces", "comment")}
    return Survey(entity=str(data["entity"]), drivers=tuple(data.getlist("drivers")), **parts)
