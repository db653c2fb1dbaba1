"""Automation rules: when something happens to a record and it fits, do these steps, with stated rights."""

from guanxi.core.automation.rules import telling_steps, writing_steps  # noqa: F401 - they enter themselves
from guanxi.core.automation.rules.steps import Ask, StepKind, register_step

__all__ = ["Ask", "StepKind", "register_step"]
