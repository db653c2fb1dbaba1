"""The demo organisation: as large and alive as promised, the same twice, and there once."""

from __future__ import annotations

import datetime as dt
import random
from zoneinfo import ZoneInfo

import pytest
from django.db.models import Count, Max, Min

from guanxi.areas.activities.models import Activity, FollowUpPlan, Task
from guanxi.areas.customers.models import Contact, Customer, CustomerLink
from guanxi.config import demo
from guanxi.config.demo import people
from guanxi.config.demo.extras import VIEWS
from guanxi.config.demo.organisation import Organisation
from guanxi.config.demo.story import Story, holidays
from guanxi.core import records
from guanxi.core.access import actors
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import system_actor
from guanxi.core.models import Collaborator, Comment, File, OutboxEvent, SavedView, User
from guanxi.core.records import doubles
from guanxi.core.schema.registry import entity_of

pytestmark = [pytest.mark.django_db, pytest.mark.owner]  # who tells a story enters it on its days, in the audit too
NOW = dt.datetime(2024, 5, 20, 7, 30, tzinfo=dt.UTC)  # a Monday, 15:30 in Shanghai
SHANGHAI = ZoneInfo("Asia/Shanghai")


def invented(seed: int) -> list[object]:
    organisation = Organisation(system_actor(), {}, random.Random(seed), NOW)  # noqa: S311
    organisation._invent()
    story = Story(random.Random(seed), NOW)  # noqa: S311
    return [(firm.row, firm.owner, firm.contacts, story.of_firm(firm)) for firm in organisation.firms[:300]]


def test_two_builds_agree(base_data: None) -> None:
    assert invented(7) == invented(7)
    assert invented(7) != invented(8)


def test_nobody_works_on_holidays() -> None:
    free = holidays(2024, 2024)
    assert {dt.date(2024, 2, 10), dt.date(2024, 2, 16), dt.date(2024, 10, 1), dt.date(2024, 5, 3)} <= free
    assert dt.date(2024, 2, 17) not in free
    story = Story(random.Random(1), NOW)  # noqa: S311
    moments = [story.working_moment(dt.date(2024, 2, 9)) for _number in range(50)]
    assert {moment.date() for moment in moments} <= {dt.date(2024, 2, 17), dt.date(2024, 2, 19)}
    assert {moment.hour for moment in moments} <= set(range(9, 18))


@pytest.fixture
def logins(nobody: None) -> list[dict[str, str]]:
    with clock.moved_to(NOW):
        return demo.build("a password for the demo")


@pytest.mark.slow
def test_demo_is_whole(logins: list[dict[str, str]]) -> None:
    """One build, looked at from three sides: it takes its time."""
    is_alive(logins)
    went_through_the_write_path()
    second_build_changes_only_the_password()


def is_alive(logins: list[dict[str, str]]) -> None:
    assert [one["username"] for one in logins] == [one.username for one in people.PEOPLE]
    assert User.objects.get(username="zhangwei").check_password("a password for the demo")
    assert Customer.objects.count() >= 2000
    assert Contact.objects.count() >= 5000
    assert Activity.objects.count() >= 20_000
    span = Activity.objects.aggregate(first=Min("occurred_at"), last=Max("occurred_at"))
    assert NOW - dt.timedelta(days=745) < span["first"] < NOW - dt.timedelta(days=720)
    assert NOW - dt.timedelta(days=1) < span["last"] <= NOW
    weekend = Activity.objects.filter(occurred_at__iso_week_day__in=(6, 7)).count()
    assert 0 < weekend < Activity.objects.count() * 0.03
    late = NOW.astimezone(SHANGHAI).date()
    with clock.moved_to(NOW):
        for username in ("zhangwei", "sunlei", "emma"):
            owner = User.objects.get(username=username)
            tasks = Task.objects.filter(owner=owner, status__in=("open", "started"))
            assert tasks.filter(due_at__date=late).count() == 4
            assert tasks.filter(due_at__lt=NOW - dt.timedelta(hours=18)).count() >= 3
    assert FollowUpPlan.objects.filter(planned_at__date=late).count() >= 30
    assert FollowUpPlan.objects.filter(planned_at__date__lt=late).count() >= 15
    assert Customer.objects.filter(owner__isnull=True).exists()
    assert Customer.objects.exclude(path="/").count() >= 80
    assert CustomerLink.objects.count() >= 150
    assert min(Comment.objects.count(), 100) == 100
    assert (File.objects.count(), SavedView.objects.count()) == (25, len(VIEWS))
    assert Collaborator.objects.filter(entity="customers.customer").count() >= 8
    told = OutboxEvent.objects.filter(name="customers.customer.commented").values_list("changes", flat=True)
    assert len([one for one in told if one["mentions"][1]]) >= 3


def went_through_the_write_path() -> None:
    customer = Customer.objects.annotate(people=Count("contacts")).filter(people__gt=2, level="a").first()
    assert customer is not None
    assert customer.number.startswith("C")
    actor = actors.load(User.objects.get(username="admin"), via="test")
    history = records.history.history(actor, customer)
    assert history[-1].actor_name == customer.owner.name
    assert abs((history[-1].at - customer.created_at).total_seconds()) < 1
    found = records.select(actor, "customers.customer", text=customer.short_name)
    assert customer.pk in [one.pk for one in found.items]
    groups = list(doubles.scan(entity_of("customers.customer")))
    assert len(groups) >= 30
    contact = Contact.objects.filter(customer=customer).first()
    assert contact is not None
    assert contact.carrier_owner_id == customer.owner_id


def second_build_changes_only_the_password() -> None:
    before = (Customer.objects.count(), Activity.objects.count(), User.objects.count())
    again = demo.build(None)
    assert (Customer.objects.count(), Activity.objects.count(), User.objects.count()) == before
    made = {one["password"] for one in again}
    assert len(made) == 1
    assert User.objects.get(username="emma").check_password(made.pop())
    assert people.present()
    assert demo.summary() == {"made_at": NOW.isoformat()}
