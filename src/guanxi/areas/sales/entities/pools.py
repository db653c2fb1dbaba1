"""Declarations of pools, and what they add to customers and leads."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.areas.customers.models import HoldingLimit, Pool, PoolMember, PoolRule
from guanxi.areas.sales import panels, policies
from guanxi.areas.sales.selectors import pools as read
from guanxi.areas.sales.services import pools, sharing
from guanxi.core.kernel.errors import Text
from guanxi.core.schema.entity import Access, Action, Badge, Entity, Form, Menu, Panel, Related, Section
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import extend, register

POOL = Entity(
    key="customers.pool",
    model=Pool,
    label=_("Pool"),
    plural=_("Pools"),
    path="pools",
    icon="inbox",
    color="teal",
    stamp=read.STAMP,
    columns=("name", "subject", "position", "everyone", "daily_limit", "bar_days", "warn_days", "active"),
    filters=("subject", "active"),
    sort=("position", "name"),
    facts=("subject", "everyone", "daily_limit", "bar_days", "warn_days", "active"),
    fields={
        "counted": {"dictionary": "follow_up_kind"},
        "subject": {"required": True},
        **{name: {"plain": True} for name in ("position", "daily_limit", "bar_days", "warn_days")},
    },
    form=Form(
        sections=(
            Section(_("Pool"), ("name", "name_en", "subject", "position", "everyone", "active", "description")),
            Section(_("Claiming"), ("daily_limit", "bar_days", "warn_days", "spare_deals")),
            Section(_("What counts as follow-up"), ("counted", "least_length", "copies")),
        ),
        create=("name", "subject", "everyone", "daily_limit", "bar_days"),
    ),
    panels=(
        Panel(
            key="inside",
            label=_("In the pool"),
            template="sales/pool.jinja",
            context=panels.pool,
            where="main",
            order=1,
        ),
    ),
    access=Access(owner="", public=True),
    menu=Menu(group="settings", order=62),
    description=_("Where records without an owner lie, who may claim them, and when held ones come back."),
)

MEMBER = Entity(
    key="customers.poolmember",
    model=PoolMember,
    label=_("Pool member"),
    plural=_("Pool members"),
    path="pool-members",
    icon="users",
    color="teal",
    title="note",
    named_by=("user", "department"),
    stamp=read.STAMP,
    columns=("pool", "user", "department", "admin", "note"),
    filters=("pool", "user", "department", "admin"),
    sort=("pool",),
    form=Form(sections=(Section(_("Member"), ("pool", "user", "department", "admin", "note")),)),
    related=(Related(field="pool", label=_("Members"), columns=("admin",), order=10),),
    access=Access(owner="", public=True),
    clean=policies.member_clean,
    description=_("A person or department that may claim from a pool; administrators also assign."),
)

RULE = Entity(
    key="customers.poolrule",
    model=PoolRule,
    label=_("Return rule"),
    plural=_("Return rules"),
    path="pool-rules",
    icon="hourglass",
    color="teal",
    title="note",
    named_by=("ground", "level", "days"),
    stamp=read.STAMP,
    columns=("pool", "ground", "level", "segment", "days", "active", "note"),
    fields={"days": {"plain": True}},
    filters=("pool", "ground", "level", "segment", "active"),
    sort=("pool", "days"),
    form=Form(sections=(Section(_("Rule"), ("pool", "ground", "level", "segment", "days", "active", "note")),)),
    clean=policies.segment_clean,
    related=(
        Related(field="pool", columns=("ground", "level", "segment", "days", "active"), sort=("days",), order=20),
    ),
    access=Access(owner="", public=True),
    description=_("After how many days without a follow-up, a deal or a contract a record goes back."),
)

LIMIT = Entity(
    key="customers.holdinglimit",
    model=HoldingLimit,
    label=_("Holding limit"),
    plural=_("Holding limits"),
    path="holding-limits",
    icon="stack-2",
    color="teal",
    title="note",
    named_by=("user", "department", "most"),
    columns=("subject", "user", "department", "most", "spared_levels", "spared_statuses", "note"),
    filters=("subject", "user", "department"),
    sort=("most",),
    fields={
        "spared_levels": {"dictionary": "customer_level"},
        "spared_statuses": {"dictionary": "customer_status"},
        "most": {"required": True, "plain": True},
    },
    form=Form(
        sections=(
            Section(_("Limit"), ("subject", "user", "department", "most", "spared_levels", "spared_statuses", "note")),
        ),
    ),
    access=Access(owner="", public=True),
    menu=Menu(group="settings", order=63),
    clean=policies.member_clean,
    description=_("How many customers or leads a person, or each in a department, may hold."),
)

register(POOL, MEMBER, RULE, LIMIT)


def is_unowned(record: Any) -> bool | Text:
    """Only what nobody owns can be claimed."""
    return record.owner_id is None or False


def is_owned(record: Any) -> bool | Text:
    """Only what somebody owns can be given back."""
    return record.owner_id is not None or False


ACTIONS = (
    Action(
        key="claim",
        label=_("Claim"),
        run=pools.pool_claim,
        right="claim",
        icon="hand-stop",
        applies=is_unowned,
        lead=True,
        bulk=True,
        description=_("It becomes yours."),
    ),
    Action(
        key="release",
        label=_("Back to the pool"),
        run=pools.pool_release,
        fields=(
            Field(name="reason", kind="choice", label=_("Reason"), dictionary="pool_reason", required=True),
            Field(name="note", kind="long_text", label=_("Note")),
            Field(name="pool", kind="reference", label=_("To the pool"), target="customers.pool"),
        ),
        icon="inbox",
        applies=is_owned,
        bulk=True,
        description=_("Others may claim it; what happened stays on it."),
    ),
    Action(
        key="hand-out",
        label=_("Assign from the pool"),
        run=pools.pool_assign,
        right="assign",
        fields=(Field(name="to", kind="user", label=_("To"), target="core.user", required=True),),
        icon="user-share",
        applies=is_unowned,
        bulk=True,
    ),
    Action(
        key="by-rules",
        label=_("Hand out by the rules"),
        run=sharing.by_rules,
        right="assign",
        icon="user-bolt",
        applies=is_unowned,
        bulk=True,
        description=_("To whom the assignment rules name now."),
    ),
    Action(
        key="protect",
        label=_("Protect from return"),
        run=pools.pool_protect,
        right="assign",
        fields=(Field(name="until", kind="date", label=_("Until"), help=_("Empty: no longer protected.")),),
        icon="shield-check",
        applies=is_owned,
        bulk=True,
    ),
)
_HOLDING = Panel(
    key="holding", label=_("Pool"), template="sales/holding.jinja", context=panels.holding, where="right", order=8
)
_RETURNS = Badge(key="returns", find=panels.going_back, fields=("returns_on",), order=30)
extend(read.CUSTOMER, actions=ACTIONS, panels=(_HOLDING,), badges=(_RETURNS,))
extend(read.LEAD, actions=ACTIONS, panels=(_HOLDING,), badges=(_RETURNS,))
