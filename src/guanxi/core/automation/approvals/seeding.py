"""Flows every workspace starts with: entered once, never brought back where an administrator changed or removed them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from guanxi.core.automation.approvals.flows import FlowDraft, flow_save
from guanxi.core.kernel.actor import system_actor
from guanxi.core.models import ApprovalFlow
from guanxi.core.records import seeds


def flow(
    key: str,
    entity: str,
    action: str,
    names: tuple[str, str],
    steps: Sequence[Mapping[str, Any]],
    condition: Mapping[str, Any] | None = None,
) -> None:
    """Bring an approval flow; ``names`` are the Chinese and the English one, ``steps`` as ``flows`` describes them."""

    def enter(known: Any) -> tuple[Any, int]:
        if known or ApprovalFlow.objects.filter(key=key).exists():
            return True, 0
        draft = FlowDraft(
            key=key, name_zh=names[0], name_en=names[1], entity=entity, action=action, steps=steps, condition=condition
        )
        flow_save(system_actor("base data", via="cli"), None, draft)
        return True, 1

    seeds.further(f"flow:{key}", enter)
