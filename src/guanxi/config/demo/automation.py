"""What a sales firm lets happen by itself: message templates, rules, an approval flow and a workflow, with runs under way."""

from __future__ import annotations

from pathlib import Path

from guanxi.areas.sales.models import Opportunity
from guanxi.core.access import actors
from guanxi.core.automation.approvals.flows import FlowDraft, flow_save
from guanxi.core.automation.rules.store import RuleDraft, rule_save
from guanxi.core.automation.templates import template_save
from guanxi.core.automation.workflows import running, store
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import ApprovalFlow, AutomationRule, MessageTemplate, Segment, User, Workflow
from guanxi.core.shaping.segments import SegmentDraft, segment_save

DEAL = "sales.opportunity"
DRAWING = Path(__file__).parent / "data" / "deal-review.bpmn"
SUPERIOR = [{"kind": "superior", "level": 1}]
OWNER = [{"kind": "applicant"}]
#: Deals on which the demo's workflow is under way.
UNDER_WAY = 4

TEMPLATES = (
    {
        "name_zh": "初次联系", "name_en": "First contact", "entity": "customers.customer", "channel": "mail",
        "subject_zh": "很高兴认识您：{{ workspace }}", "subject_en": "Nice to meet you: {{ workspace }}",
        "body_zh": "{{ name }}，您好！\n\n我是{{ workspace }}的{{ me.name }}。附上我们的介绍，期待有机会为您服务。\n\n{{ me.name }}\n{{ me.phone }}",
        "body_en": "Dear {{ name }},\n\nI am {{ me.name }} of {{ workspace }}. Please find our introduction attached; I look forward to working with you.\n\n{{ me.name }}",
    },
    {
        "name_zh": "报价跟进", "name_en": "About our quote", "entity": DEAL, "channel": "mail",
        "subject_zh": "关于“{{ name }}”的报价", "subject_en": "Our quote for “{{ name }}”",
        "body_zh": "{{ customer.name }}，您好！\n\n上次给您的方案不知看得怎么样？预计金额 {{ amount }}，如有疑问我随时可以说明。\n\n{{ me.name }}",
        "body_en": "Dear {{ customer.name }},\n\nhave you had a chance to look at our proposal ({{ amount }})? I am glad to answer any question.\n\n{{ me.name }}",
    },
    {
        "name_zh": "节日问候", "name_en": "Season's greetings", "entity": "customers.customer", "channel": "sms",
        "body_zh": "{{ name }}，{{ workspace }}祝您佳节愉快，感谢一路同行。{{ me.name }}",
        "body_en": "{{ name }}, season's greetings from {{ workspace }}. Thank you for your trust. {{ me.name }}",
    },
)  # fmt: skip
SEGMENTS = (
    SegmentDraft(
        key="key-customers-in-danger", name_zh="告急大客户", name_en="Key customers in danger", entity="customers.customer",
        description="价值等级 A，已打破自己的购买节奏或流失风险高",
        condition={"all": [
            {"field": "insight.value_class", "op": "eq", "value": "A"},
            {"any": [{"field": "insight.out_of_rhythm", "op": "eq", "value": True}, {"field": "insight.risk", "op": "eq", "value": "high"}]},
        ]},
    ),
    SegmentDraft(
        key="never-bought", name_zh="从未购买", name_en="Never bought", entity="customers.customer",
        condition={"field": "insight.purchases", "op": "empty"},
    ),
)  # fmt: skip
RULES = (
    RuleDraft(
        key="key-customer-in-danger", name_zh="大客户告急", name_en="A key customer in danger", entity="customers.customer", active=True,
        trigger={"on": "enters", "segment": "key-customers-in-danger"},
        steps=({"do": "notify", "whom": OWNER, "text": "大客户“{{ name }}”告急：请本周联系。",
                "text_en": "Key customer “{{ name }}” is in danger: get in touch this week."},),
    ),
    RuleDraft(
        key="deal-waiting", name_zh="催办大单评审", name_en="Ask for the review of a deal", entity=DEAL, active=True, trigger={"on": "button"},
        steps=({"do": "notify", "whom": SUPERIOR, "text": "大单“{{ name }}”（{{ amount }}）在等您评审。",
                "text_en": "“{{ name }}” ({{ amount }}) waits for your review."},),
    ),
    RuleDraft(
        key="quiet-customer", name_zh="三十天未联系提醒", name_en="Quiet for thirty days", entity="customers.customer", active=True,
        trigger={"on": "date", "field": "last_contact_at", "offset": 30, "unit": "days", "at": "09:00"},
        steps=({"do": "notify", "whom": OWNER, "text": "“{{ name }}”已经三十天没有联系。",
             "text_en": "“{{ name }}” was not contacted for thirty days."},),
    ),
    RuleDraft(
        key="won-thanks", name_zh="赢单后三天回访", name_en="Three days after winning", entity=DEAL, active=True,
        trigger={"on": "changed", "fields": ["category"], "to": ["won"]},
        steps=(
            {"do": "wait", "hours": 24, "working": True},
            {"do": "notify", "whom": OWNER, "text": "请回访“{{ customer.name }}”：项目“{{ name }}”赢单后的情况。",
             "text_en": "Ask “{{ customer.name }}” how “{{ name }}” is going since it was won."},
        ),
    ),
)  # fmt: skip
FLOW = FlowDraft(
    key="deal-amount", name_zh="大额商机改价", name_en="Amount of a large deal", entity=DEAL, action="change", fields=("amount",),
    condition={"all": [{"field": "amount", "op": "gte", "value": 2_000_000}]},
    steps=(
        {"name_zh": "区域经理", "name_en": "Regional manager", "who": SUPERIOR, "nobody": "skip", "hours": 16, "late": "remind"},
        {"name_zh": "销售总监", "name_en": "Sales director", "who": [{"kind": "role", "role": "director"}]},
    ),
)  # fmt: skip


def fill(actor: Actor) -> None:
    """Enter what is not there yet, and begin the workflow on a few large deals."""
    for values in TEMPLATES:
        if not MessageTemplate.objects.filter(name_zh=values["name_zh"]).exists():
            template_save(actor, None, values)
    for segment in SEGMENTS:
        if not Segment.objects.filter(key=segment.key).exists():
            segment_save(actor, None, segment)
    for rule in RULES:
        if not AutomationRule.objects.filter(key=rule.key).exists():
            rule_save(actor, None, rule)
    if not ApprovalFlow.objects.filter(key=FLOW.key).exists():
        flow_save(actor, None, FLOW)
    if not Workflow.objects.filter(key="deal-review").exists():
        draft = store.WorkflowDraft(
            key="deal-review", name_zh="大单立项", name_en="Large deal review", entity=DEAL, xml=DRAWING.read_text("utf-8"), active=True
        )  # fmt: skip
        store.workflow_save(actor, None, draft)
        _begin()


def _begin() -> None:
    """Runs on open deals: the first waits at its first task, others have gone one step on."""
    deals = Opportunity.objects.filter(category="open", amount__gte=500_000, amount__lt=2_000_000).order_by("pk")
    for number, deal in enumerate(deals.select_related("owner")[:UNDER_WAY]):
        owner: User | None = deal.owner
        if owner is None:
            continue
        person = actors.load(owner, via="cli")
        run = running.start_by_hand(person, "deal-review", deal)
        task = run.tasks.filter(state="open").first()
        if number and task is not None:
            running.task_done(person, task.pk, {})
