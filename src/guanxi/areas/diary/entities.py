"""The area's declarations: work reports and expenses."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.areas.diary import panels, policies, services
from guanxi.areas.diary.models import APPROVED, DRAFT, REJECTED, SENT, SUBMITTED, Expense, WorkReport
from guanxi.core.kernel.errors import Text
from guanxi.core.schema.entity import Access, Action, Entity, Form, Menu, Panel, Related, Search, Section
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import register


def is_draft(record: WorkReport) -> bool | Text:
    """Only a draft can be sent."""
    return record.status == DRAFT or _("This report has been sent.")


def is_sent(record: WorkReport) -> bool | Text:
    """Only a sent report can be read or taken back."""
    return record.status == SENT or _("Only a report that was sent and not read yet.")


def may_submit(record: Expense) -> bool | Text:
    """Only a draft, or a rejected expense, can be submitted."""
    return record.status in (DRAFT, REJECTED) or _("This expense has been submitted.")


def is_submitted(record: Expense) -> bool | Text:
    """Only a submitted expense can be decided."""
    return record.status == SUBMITTED or _("Only a submitted expense can be decided.")


def is_approved(record: Expense) -> bool | Text:
    """Only an approved expense can be paid."""
    return record.status == APPROVED or _("Only an approved expense can be paid.")


WORK_REPORT = Entity(
    key=services.REPORT,
    model=WorkReport,
    label=_("Work report"),
    plural=_("Work reports"),
    path="work-reports",
    icon="report",
    color="teal",
    columns=("name", "period", "day", "owner", "status", "sent_at", "read_by"),
    filters=("period", "owner", "status", "day"),
    sort=("-day", "-id"),
    facts=("period", "day", "owner", "status", "sent_at", "read_by"),
    search=Search(names=("name",), text=("summary", "plan", "trouble")),
    form=Form(
        sections=(Section(_("Work report"), ("period", "day", "summary", "plan", "trouble")),),
        create=("period", "day", "summary", "plan", "trouble"),
    ),
    panels=(
        Panel(
            key="facts", label=_("What was done"), template="diary/facts.jinja", context=panels.facts, where="main", order=1,
            shows=("summary", "plan", "trouble"),
        ),
    ),
    actions=(
        Action(
            key="send",
            label=_("Send"),
            run=services.work_report_send,
            icon="send",
            applies=is_draft,
            lead=True,
            description=_("What is recorded is kept with the report, and the superior is told."),
        ),
        Action(key="recall", label=_("Take back"), run=services.work_report_recall, icon="arrow-back-up", applies=is_sent),
        Action(
            key="read", label=_("Mark as read"), run=services.work_report_read, right="view", icon="eye-check",
            applies=is_sent, bulk=True,
        ),
    ),
    clean=policies.work_report_clean,
    importable=False,
    description=_("What somebody did in a day, week or month, and what comes next."),
)  # fmt: skip

EXPENSE = Entity(
    key=services.EXPENSE,
    model=Expense,
    label=_("Expense"),
    plural=_("Expenses"),
    path="expenses",
    icon="receipt-2",
    color="amber",
    columns=("name", "kind", "spent_on", "amount", "currency", "customer", "owner", "status"),
    filters=("status", "kind", "owner", "customer", "campaign", "spent_on"),
    sort=("-spent_on", "-id"),
    facts=("status", "amount", "currency", "kind", "spent_on", "customer", "campaign", "owner"),
    fields={"spent_on": {"default": "@today"}},
    search=Search(names=("name",), text=("note",)),
    form=Form(
        sections=(
            Section(
                _("Expense"),
                ("name", "kind", "spent_on", "amount", "currency", "customer", "activity", "campaign", "receipt", "note"),
            ),
        ),
        create=("name", "kind", "spent_on", "amount", "customer", "campaign", "receipt"),
    ),
    related=(
        Related(field="customer", label=_("Expenses"), columns=("name", "amount", "spent_on", "owner", "status")),
        Related(field="campaign", label=_("Expenses"), columns=("name", "amount", "spent_on", "owner", "status"), order=35),
        Related(field="activity", label=_("Expenses"), columns=("name", "amount", "spent_on", "status")),
    ),
    actions=(
        Action(
            key="submit",
            label=_("Submit"),
            run=services.expense_submit,
            icon="send",
            applies=may_submit,
            lead=True,
            bulk=True,
            description=_("Asks for the money back."),
        ),
        Action(
            key="approve", label=_("Approve"), run=services.expense_approve, right="approve", icon="check",
            applies=is_submitted, bulk=True, lead=True,
        ),
        Action(
            key="reject",
            label=_("Reject"),
            run=services.expense_reject,
            right="approve",
            fields=(Field(name="reason", kind="text", label=_("Reason"), max_length=300, required=True),),
            icon="x",
            applies=is_submitted,
        ),
        Action(
            key="pay",
            label=_("Note as paid"),
            run=services.expense_pay,
            right="pay",
            fields=(Field(name="paid_on", kind="date", label=_("Paid on"), default="@today"),),
            icon="cash",
            applies=is_approved,
            bulk=True,
            lead=True,
        ),
    ),
    access=Access(owner="owner", extra_actions=("approve", "pay")),
    menu=Menu(group="work", order=50),
    clean=policies.expense_clean,
    description=_("Money laid out for the business, to be paid back."),
)  # fmt: skip

register(WORK_REPORT, EXPENSE)
