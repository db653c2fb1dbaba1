"""What selling is about: leads, pipelines with their stages, opportunities and what hangs on them."""

from guanxi.areas.sales.models.leads import LEAD_STATUSES, Lead, LeadFollowUp
from guanxi.areas.sales.models.opportunities import (
    Competitor,
    Milestone,
    Opportunity,
    OpportunityRole,
    OpportunityState,
    Party,
)
from guanxi.areas.sales.models.pipelines import CATEGORIES, LOST, OPEN, WON, Pipeline, Stage, StageRoute

__all__ = [
    "CATEGORIES",
    "LEAD_STATUSES",
    "LOST",
    "OPEN",
    "WON",
    "Competitor",
    "Lead",
    "LeadFollowUp",
    "Milestone",
    "Opportunity",
    "OpportunityRole",
    "OpportunityState",
    "Party",
    "Pipeline",
    "Stage",
    "StageRoute",
]
