"""What every workspace starts with: dictionaries, numbering, rights, and a pipeline to begin with."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.areas.customers.models import Pool
from guanxi.areas.customers.models.pools import HoldingLimit, PoolMember, PoolRule
from guanxi.areas.sales.models import (
    AssignRule,
    DealAlert,
    Pipeline,
    Stage,
    StageRoute,
    Target,
    Territory,
    TerritoryRule,
)
from guanxi.areas.sales.models.targets import COMPANY, DEPARTMENT, EVEN, GIVEN
from guanxi.areas.sales.selectors import STAMP, pools
from guanxi.core import records
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.models import Department, Role
from guanxi.core.records import seeds
from guanxi.core.records.seeds import Value
from guanxi.core.records.settings_registry import Reference, SettingsModel, register_settings

seeds.dictionary(
    "lead_invalid_reason",
    "线索无效原因",
    "Why invalid",
    [
        Value("no_need", "没有需求", "No need"),
        Value("no_budget", "没有预算", "No budget"),
        Value("unreachable", "联系不上", "Cannot be reached"),
        Value("wrong_data", "资料有误", "Wrong details"),
        Value("duplicate", "重复线索", "Duplicate"),
        Value("competitor", "同行", "A competitor"),
    ],
)
seeds.dictionary(
    "opportunity_kind",
    "商机类型",
    "Type of opportunity",
    [
        Value("new", "新客户", "New business", "blue", default=True),
        Value("more", "增购", "More of the same", "teal"),
        Value("renewal", "续约", "Renewal", "purple"),
        Value("replacement", "替换", "Replacement", "orange"),
    ],
)
seeds.dictionary(
    "close_reason",
    "赢单/输单原因",
    "Reason won or lost",
    [
        Value("product", "产品与方案", "Product and solution", "blue"),
        Value("price", "价格", "Price", "orange"),
        Value("relation", "客户关系", "Relationship", "pink"),
        Value("service", "服务与交付", "Service and delivery", "teal"),
        Value("brand", "品牌与案例", "Brand and references", "purple"),
        Value("timing", "时机", "Timing", "yellow"),
        Value("no_budget", "预算取消", "Budget withdrawn", "gray"),
        Value("no_decision", "没有决定", "No decision", "gray"),
        Value("competitor", "输给对手", "Lost to a competitor", "red"),
        Value("other", "其他", "Other", "gray"),
    ],
)
seeds.dictionary(
    "party_role",
    "参与方角色",
    "Part in a deal",
    [
        Value("owner", "业主", "Owner"),
        Value("integrator", "集成商", "Integrator"),
        Value("designer", "设计院", "Designer"),
        Value("contractor", "总包方", "General contractor"),
        Value("distributor", "经销商", "Distributor"),
        Value("consultant", "咨询方", "Consultant"),
        Value("tender_agent", "招标代理", "Tender agent"),
        Value("competitor", "竞争对手", "Competitor", "red"),
        Value("other", "其他", "Other", "gray"),
    ],
)
seeds.dictionary(
    "pool_reason",
    "退回原因",
    "Reason for giving back",
    [
        Value("no_time", "没有精力跟进", "No time for it"),
        Value("no_need", "暂无需求", "No need now"),
        Value("unreachable", "联系不上", "Cannot be reached"),
        Value("not_mine", "不属于我的区域", "Not my territory"),
        Value("wrong_data", "资料有误", "Wrong details"),
        Value("other", "其他", "Other", "gray"),
    ],
)
seeds.numbering("sales.opportunity", "number", "OP{yyyy}{seq:5}", reset="year")

#: key, Chinese, English, category, probability, expected days, forecast, required, checklist, colour
STAGES = (
    ("contact", "初步接洽", "First contact", "open", 10, 14, "pipeline", (), (), "slate"),
    ("needs", "需求确认", "Needs confirmed", "open", 30, 14, "pipeline", ("amount", "close_on"), ("确认决策人", "确认预算"), "blue"),
    ("proposal", "方案报价", "Proposal", "open", 50, 21, "best_case", ("contact",), ("方案已讲解",), "cyan"),
    ("negotiation", "谈判签约", "Negotiation", "open", 75, 30, "commit", (), (), "purple"),
    ("won", "赢单", "Won", "won", 100, None, "commit", ("amount",), (), "green"),
    ("lost", "输单", "Lost", "lost", 0, None, "omitted", ("close_reason",), (), "red"),
)  # fmt: skip


def first_pipeline(known: Any) -> tuple[Any, int]:
    """The pipeline a workspace starts with, entered once."""
    if known:
        return known, 0
    actor = system_actor("base data", via="cli")
    pipeline = records.create(
        actor, "sales.pipeline", {"key": "standard", "name": "标准销售流程", "name_en": "Standard pipeline"}
    )
    for position, one in enumerate(STAGES, start=1):
        key, zh, en, category, probability, days, forecast, required, checklist, color = one
        values = {
            "pipeline": pipeline.pk,
            "key": key,
            "name": zh,
            "name_en": en,
            "position": position,
            "category": category,
            "probability": probability,
            "expected_days": days,
            "forecast": forecast,
            "required": list(required),
            "checklist": [{"text": text} for text in checklist],
            "color": color,
        }
        records.create(actor, "sales.stage", values)
    return True, 1 + len(STAGES)


seeds.further("sales.pipeline", first_pipeline)

#: Members and limits of departments travel; those of single persons stay in the workspace where the persons are.
OF_DEPARTMENT = {"deleted_at__isnull": True, "user__isnull": True, "department__code__gt": ""}
BY_CODE = Reference(Department, by="code")


def _by_whom(actor: Actor) -> dict[str, Any]:
    """A target that a file brings belongs to whoever brings it."""
    return {"owner_id": actor.user_id}


register_settings(
    SettingsModel(
        key="pipelines", label=_("Pipelines"), model=Pipeline, identity=("key",), order=55,
        where={"deleted_at__isnull": True, "key__gt": ""},
        fields=("name", "name_en", "position", "next_step_required", "quiet_days", "active", "description"),
        children=(
            SettingsModel(
                key="stages", label=_("Stages"), model=Stage, identity=("key",), parent="pipeline", where={"deleted_at__isnull": True, "key__gt": ""},
                fields=("name", "name_en", "position", "category", "probability", "forecast", "expected_days", "required", "checklist", "role",
                        "color", "active"),
                references={"role": Reference(Role)}, stamps=(STAMP,),
                children=(
                    SettingsModel(
                        key="moves", label=_("Allowed moves"), model=StageRoute, identity=("to",), parent="stage", fields=("note",),
                        where={"deleted_at__isnull": True, "to__deleted_at__isnull": True, "to__key__gt": ""},
                        references={"to": Reference(Stage, within="pipeline")}, stamps=(STAMP,),
                    ),
                ),
            ),
        ),
    ),
    SettingsModel(
        key="deal_alerts", label=_("Large-deal alerts"), model=DealAlert, identity=("name",), order=57,
        where={"deleted_at__isnull": True, "role__isnull": False},
        fields=("pipeline", "amount", "currency", "role", "active"), references={"pipeline": Reference(Pipeline), "role": Reference(Role)},
    ),
    SettingsModel(
        key="pools", label=_("Pools"), model=Pool, identity=("name",), order=58, where={"deleted_at__isnull": True},
        fields=("name_en", "subject", "position", "everyone", "daily_limit", "bar_days", "warn_days", "active", "counted", "least_length",
                "copies", "spare_deals", "description"), stamps=(pools.STAMP,),
        children=(
            SettingsModel(
                key="rules", label=_("Return rules"), model=PoolRule, identity=("ground", "level", "segment"), parent="pool", where={"deleted_at__isnull": True},
                fields=("days", "active", "note"), stamps=(pools.STAMP,),
            ),
            SettingsModel(
                key="members", label=_("Members"), model=PoolMember, identity=("department",), parent="pool", where=OF_DEPARTMENT,
                fields=("admin", "note"), references={"department": BY_CODE}, stamps=(pools.STAMP,),
            ),
        ),
    ),
    SettingsModel(
        key="holding_limits", label=_("Holding limits"), model=HoldingLimit, identity=("subject", "department"), where=OF_DEPARTMENT, order=58,
        fields=("most", "spared_levels", "spared_statuses", "note"), references={"department": BY_CODE}, stamps=(pools.STAMP,),
    ),
    SettingsModel(
        key="targets", label=_("Targets of departments"), model=Target, identity=("year", "measure", "department"), order=61,
        where={"scope": DEPARTMENT, "season__in": [EVEN, GIVEN], "department__code__gt": "", "deleted_at__isnull": True},
        fields=("scope", "base", "stretch", "season", "months", "note"), references={"department": BY_CODE}, defaults=_by_whom,
    ),
    SettingsModel(
        key="company_targets", label=_("Targets of the company"), model=Target, identity=("year", "measure"), order=62,
        where={"scope": COMPANY, "season__in": [EVEN, GIVEN], "deleted_at__isnull": True},
        fields=("scope", "base", "stretch", "season", "months", "note"), defaults=_by_whom,
    ),
    SettingsModel(
        key="territories", label=_("Territories"), model=Territory, identity=("name",), order=59, where={"deleted_at__isnull": True},
        fields=("position", "active", "description"),
        children=(
            SettingsModel(
                key="rules", label=_("Territory rules"), model=TerritoryRule, identity=("region", "industry", "level", "source"), parent="territory",
                where={"deleted_at__isnull": True}, fields=("note",),
            ),
        ),
    ),
    SettingsModel(
        key="assignment_rules", label=_("Assignment rules"), model=AssignRule, identity=("name",), order=60, where={"deleted_at__isnull": True},
        fields=("subject", "position", "method", "region", "industry", "source", "segment", "least_score", "working_only", "active"),
    ),
)  # fmt: skip
