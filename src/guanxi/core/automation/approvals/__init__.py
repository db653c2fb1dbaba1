"""Approvals of any action on any record: flows, the path of people, decisions, the lock meanwhile."""

from guanxi.core.automation.approvals.deciding import require, submit
from guanxi.core.automation.approvals.flows import register_action
from guanxi.core.automation.approvals.gate import ApprovalNeeded, check

__all__ = ["ApprovalNeeded", "check", "register_action", "require", "submit"]
