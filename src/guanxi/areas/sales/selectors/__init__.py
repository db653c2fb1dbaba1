"""What the area reads."""

from guanxi.areas.sales.selectors.alerts import alerts_for
from guanxi.areas.sales.selectors.stages import (
    STAMP,
    checklist,
    deal_process,
    pipelines,
    pipelines_for,
    stages_by_id,
    stages_of,
    stale,
    usual_pipeline_id,
    visits,
)

__all__ = [
    "STAMP",
    "alerts_for",
    "checklist",
    "deal_process",
    "pipelines",
    "pipelines_for",
    "stages_by_id",
    "stages_of",
    "stale",
    "usual_pipeline_id",
    "visits",
]
