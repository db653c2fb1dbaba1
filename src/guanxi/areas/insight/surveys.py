"""Where answers of surveys are, and what they say: any object that names a customer and holds scores, stated in one preference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.utils.translation import gettext as _

from guanxi.areas.insight import sources
from guanxi.core import records
from guanxi.core.access import allowed
from guanxi.core.access.features import require_feature
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Preference
from guanxi.core.records import shape, writing
from guanxi.core.schema.registry import entity_of, is_registered

PREFERENCE = "insight_survey"
MOST = 50_000
"""So many answers, the latest ones, are looked at by a page."""


@dataclass(frozen=True, kw_only=True)
class Survey:
    """Paths of the answers' fields: ``nps`` 0–10, ``csat`` (overall) 1–``csat_scale``, ``ces`` 1–``ces_scale``, ``drivers`` like ``csat``, ``comment`` text."""

    entity: str
    customer: str = "customer"
    day: str = ""
    nps: str = ""
    csat: str = ""
    ces: str = ""
    drivers: tuple[str, ...] = ()
    comment: str = ""
    csat_scale: int = 5
    ces_scale: int = 7


def chosen() -> Survey | None:
    """The mapping of the workspace, if there is one and its object still is."""
    row = Preference.objects.filter(key=PREFERENCE).values_list("value", flat=True).first()
    if not row or not is_registered(row["entity"]):
        return None
    return Survey(**{**row, "drivers": tuple(row.get("drivers", ()))})


def survey_set(actor: Actor, survey: Survey | None) -> None:
    """Keep where answers are; ``None`` forgets it. Raises Denied, and Invalid naming the part that does not fit."""
    require_feature(actor, "settings")
    if survey is not None:
        check(survey)
    with writing(actor):
        if survey is None:
            Preference.objects.filter(key=PREFERENCE).delete()
        else:
            Preference.objects.update_or_create(key=PREFERENCE, defaults={"value": asdict(survey)})


def check(survey: Survey) -> None:
    """Raise Invalid, naming the part, unless every path fits and there is a score at all."""
    if not is_registered(survey.entity):
        raise Invalid(_("There is no such object."), code="source.entity", field="entity")
    if not (survey.nps or survey.csat or survey.ces):
        raise Invalid(_("Choose at least one score."), code="survey.scores", field="nps")
    sources.require_fit(survey.entity, "customer", survey.customer)
    sources.require_fit(survey.entity, "day", survey.day, optional=True)
    for part in ("nps", "csat", "ces"):
        sources.require_fit(survey.entity, part, getattr(survey, part), optional=True, kind="amount")
    for path in survey.drivers:
        sources.require_fit(survey.entity, "drivers", path, kind="amount")


def responses(actor: Actor, survey: Survey, tree: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """The answers the actor may see, the latest first: ``customer day nps csat ces comment`` and each driver by its path; ``None`` for what was not answered."""
    entity = entity_of(survey.entity)
    if not allowed(actor, "view", entity):
        return []
    paths = {name: getattr(survey, name) for name in ("customer", "day", "nps", "csat", "ces", "comment")}
    paths = {name: one for name, one in paths.items() if one and shape.path_level(actor, entity, one) in ("read", "write")}  # fmt: skip
    paths |= {one: one for one in survey.drivers if shape.path_level(actor, entity, one) in ("read", "write")}
    found = records.queryset(actor, entity, filter=tree).order_by("-pk")
    spelled = [sources.column(entity, one) for one in paths.values()]
    return [dict(zip(paths, row, strict=True)) for row in found.values_list(*spelled)[:MOST]]


def label(survey: Survey, path: str) -> str:
    """What a field of the answers is called."""
    field = shape.field_at(entity_of(survey.entity), path)
    return str(field.label) if field else path
