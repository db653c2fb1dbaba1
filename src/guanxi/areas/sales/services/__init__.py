"""What people do with leads, opportunities and pools."""

from guanxi.areas.sales.services import handover, pools, sharing, targets
from guanxi.areas.sales.services.conversion import CONVERT, lead_convert, lead_unconvert
from guanxi.areas.sales.services.deals import deal_reopen, stage_delete
from guanxi.areas.sales.services.leads import follow_up_create, lead_note

__all__ = [
    "CONVERT",
    "deal_reopen",
    "follow_up_create",
    "handover",
    "lead_convert",
    "lead_note",
    "lead_unconvert",
    "pools",
    "sharing",
    "stage_delete",
    "targets",
]
