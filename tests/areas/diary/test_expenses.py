"""Expenses are submitted by who laid out the money and decided by somebody else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from guanxi.areas.diary import services
from guanxi.core import records
from guanxi.core.access import actors
from guanxi.core.kernel.errors import Denied, Invalid, NotFound, RuleBroken
from guanxi.core.models import Notification, Role, User
from guanxi.core.models.stamps import bump
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db
Make = Callable[..., Any]
TAXI = {"name": "打车", "spent_on": dt.date(2026, 1, 5), "amount": "35.50", "kind": "travel"}


@pytest.fixture
def people(cast: Cast) -> tuple[Any, Any, Any]:
    """Alice the member, her manager, the director."""
    made = {}
    for key, department in (("manager", cast.south), ("director", None)):
        made[key] = User.objects.create(username=key, name=key, department=department)
        made[key].roles.add(Role.objects.get(key=key))
    cast.alice_user.roles.set([Role.objects.get(key="member")])
    User.objects.filter(pk=cast.alice_user.pk).update(superior=made["manager"])
    bump("rights", "people")
    return tuple(actors.load(user, via="test") for user in (cast.alice_user, made["manager"], made["director"]))  # type: ignore[return-value]


def test_an_expense_is_submitted_approved_and_paid(people: Any, make: Make) -> None:
    alice, manager, director = people
    activity = make("activities.activity", kind="visit")
    expense = records.create(alice, "diary.expense", {**TAXI, "activity": activity.pk})
    assert expense.customer_id == activity.customer_id
    sent = services.expense_submit(alice, expense)
    assert sent.status == "submitted"
    assert Notification.objects.filter(user_id=manager.user_id, record_id=sent.pk).count() == 1
    with pytest.raises(RuleBroken):
        records.update(alice, sent, {"amount": "3500"})
    with pytest.raises(Denied):
        services.expense_approve(alice, sent)
    approved = services.expense_approve(manager, sent)
    assert (approved.status, approved.decided_by_id) == ("approved", manager.user_id)
    with pytest.raises(Denied):
        services.expense_pay(manager, approved)
    paid = services.expense_pay(director, approved, dt.date(2026, 1, 10))
    assert (paid.status, paid.paid_on) == ("paid", dt.date(2026, 1, 10))
    with pytest.raises(RuleBroken):
        services.expense_pay(director, paid)


def test_a_rejected_expense_can_be_mended_and_sent_again(people: Any) -> None:
    alice, manager, _director = people
    sent = services.expense_submit(alice, records.create(alice, "diary.expense", TAXI))
    with pytest.raises(Invalid):
        services.expense_reject(manager, sent, " ")
    rejected = services.expense_reject(manager, sent, "没有票据")
    assert (rejected.status, rejected.reason) == ("rejected", "没有票据")
    mended = records.update(alice, rejected, {"amount": "30"})
    assert services.expense_submit(alice, mended).status == "submitted"


def test_nobody_decides_his_own_and_strangers_see_nothing(people: Any, cast: Cast) -> None:
    alice, manager, _director = people
    own = services.expense_submit(manager, records.create(manager, "diary.expense", TAXI))
    with pytest.raises(Denied):
        services.expense_approve(manager, own)
    hers = records.create(alice, "diary.expense", TAXI)
    with pytest.raises(NotFound):
        services.expense_submit(actors.load(cast.charlie_user, via="test"), hers)
    own.refresh_from_db()
    assert own.status == "submitted"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"amount": "0"}, "amount"), ({"amount": "-5"}, "amount"), ({"spent_on": "2999-01-01"}, "spent_on")],
)
def test_absurd_expenses_are_refused(wrong: dict[str, Any], field: str, people: Any) -> None:
    with pytest.raises(Invalid) as error:
        records.create(people[0], "diary.expense", {**TAXI, **wrong})
    assert field in error.value.errors
