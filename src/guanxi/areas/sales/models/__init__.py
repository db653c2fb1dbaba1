"""What selling is about: leads, pipelines with their stages, opportunities and what hangs on them."""

from guanxi.areas.sales.models.alerts import DealAlert, DealAlertSent, DealFollowUp
from guanxi.areas.sales.models.leads import LEAD_STATUSES, Lead, LeadFollowUp
from guanxi.areas.sales.models.lines import OpportunityLine
from guanxi.areas.sales.models.opportunities import (
    Competitor,
    Milestone,
    Opportunity,
    OpportunityRole,
    OpportunityState,
    OpportunityTally,
    Party,
)
from guanxi.areas.sales.models.pipelines import CATEGORIES, LOST, OPEN, WON, Pipeline, Stage, StageRoute
from guanxi.areas.sales.models.sharing import AssignMember, AssignRule, Territory, TerritoryRule
from guanxi.areas.sales.models.targets import ForecastEntry, OpportunitySnapshot, Target

__all__ = [
    "CATEGORIES",
    "LEAD_STATUSES",
    "LOST",
    "OPEN",
    "WON",
    "AssignMember",
    "AssignRule",
    "Competitor",
    "DealAlert",
    "DealAlertSent",
    "DealFollowUp",
    "ForecastEntry",
    "Lead",
    "LeadFollowUp",
    "Milestone",
    "Opportunity",
    "OpportunityLine",
    "OpportunityRole",
    "OpportunitySnapshot",
    "OpportunityState",
    "OpportunityTally",
    "Party",
    "Pipeline",
    "Stage",
    "StageRoute",
    "Target",
    "Territory",
    "TerritoryRule",
]
