"""What notices, panels and figures of sales tell those a field, a record or everything is hidden from."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import translation

from guanxi.areas.activities import jobs as activity_jobs
from guanxi.areas.billing import jobs as billing_jobs
from guanxi.areas.billing.services.invoices import invoice_issue
from guanxi.areas.customers.models import Pool
from guanxi.areas.sales import panels, services
from guanxi.areas.sales.models import Opportunity, Stage
from guanxi.areas.sales.panels import home
from guanxi.areas.sales.selectors import returns, sharing
from guanxi.areas.sales.selectors import targets as read
from guanxi.areas.sales.services import pools, targets
from guanxi.core import records
from guanxi.core.automation import notify, outbox
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import RuleBroken
from guanxi.core.models import RoleField, RoleRight
from guanxi.core.models.stamps import bump
from tests.areas.sales.pooled import DAY, NOON, made_customer
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db
ZONE = "Asia/Shanghai"


def level(cast: Cast, entity: str, level: str, *names: str) -> None:
    """What the cast's role may know of some fields."""
    RoleField.objects.bulk_create(RoleField(role=cast.role, entity=entity, field=name, level=level) for name in names)
    bump("rights", "fields")


def reach(cast: Cast, entity: str, scope: str) -> None:
    RoleRight.objects.filter(role=cast.role, entity=entity, action="view").update(scope=scope)
    bump("rights")


def texts(cast: Cast, name: str) -> list[str]:
    with translation.override("en"):
        found = notify.notifications(cast.actor(getattr(cast, f"{name}_user")), limit=50).notes
    return [one.text for one in found][::-1]


def test_a_large_deal_is_told_without_an_amount_that_is_hidden(cast: Cast, make: Any) -> None:
    records.create(cast.root, "sales.dealalert", {"name": "百万", "amount": 1000000, "user": cast.bob_user.pk})
    make("sales.opportunity", name="商机6", amount=5555555)
    outbox.deliver_all()
    assert texts(cast, "bob") == ["Large deal: 商机6, ¥5,555,555"]
    level(cast, "sales.opportunity", "hidden", "amount", "value")
    assert texts(cast, "bob") == ["Large deal: 商机6, …"]


def test_days_and_customers_in_notices_keep_to_field_rights(cast: Cast, make: Any, pool: Pool) -> None:
    firm = make("customers.customer", name="昆仑机电")
    today = clock.today(ZONE)
    asked = make("billing.invoice", customer=firm, amount=100)
    issued = invoice_issue(cast.root, asked, invoice_number="25442000000123456789")
    contract = make("billing.contract", customer=firm, name="框架")
    make("billing.instalment", contract=contract, due_on=today, amount=10)
    contract._meta.model.objects.filter(pk=contract.pk).update(status="signed", ends_on=today, remind_days=3)
    assert billing_jobs.reminders_due() >= 1
    values = {"customer": firm.pk, "planned_at": clock.now() - DAY, "reminders": ["0"]}
    plan = records.create(cast.root, "activities.followupplan", {**values, "owner": cast.alice_user.pk}, trusted=True)
    plan._meta.model.objects.filter(pk=plan.pk).update(next_reminder_at=clock.now())
    assert activity_jobs.reminders_due() == 1
    customer = made_customer(make, NOON)
    with clock.moved_to(NOON + 28 * DAY):
        assert pools.pools_warn() == 1
    said = "\n".join(texts(cast, "alice"))
    for word in (f"Invoice {issued.invoice_number} for 昆仑机电", "planned: 昆仑机电", f"ends on {today}", f"due on {today}", "2024-06-19"):  # fmt: skip
        assert word in said, word
    level(cast, "customers.customer", "masked", "name")
    level(cast, "customers.customer", "hidden", "returns_on")
    for entity, names in (("invoice", ["invoice_number"]), ("instalment", ["due_on"]), ("contract", ["ends_on"])):
        level(cast, f"billing.{entity}", "hidden", *names)
    hidden = "\n".join(texts(cast, "alice"))
    for word in (issued.invoice_number, firm.name, customer.name, f"on {today}", "2024-06-19"):
        assert word not in hidden, word
    for word in ("Invoice … for 昆***", "planned: 昆***", "ends on …", "due on …", "to the pool on …"):
        assert word in hidden, word


def test_overlaps_count_the_customers_their_reader_sees(cast: Cast, make: Any) -> None:
    guangdong, shenzhen = (make("sales.territory", name=name, user=cast.bob_user) for name in ("广东", "深圳"))
    make("sales.territoryrule", territory=guangdong, region="CN44")
    make("sales.territoryrule", territory=shenzhen, region="CN4403", level="a")
    for owner in (cast.charlie_user, cast.charlie_user, cast.alice_user):
        make("customers.customer", region="CN440305", level="a", owner=owner)

    def counted(actor: Any) -> list[int | None]:
        return [one.customers for one in sharing.overlaps(actor, guangdong)]

    assert [counted(one) for one in (cast.root, cast.alice, cast.charlie, cast.dave)] == [[3], [1], [2], [None]]
    page = browser(cast.dave_user).get(f"/territories/{guangdong.pk}/").content.decode()
    assert "深圳" in page
    assert "in both" not in page
    level(cast, "customers.customer", "hidden", "level")
    assert counted(cast.actor(cast.alice_user)) == [None], "a count would tell what the rule asks for"


def test_a_forecast_is_told_to_who_sees_what_was_submitted(cast: Cast, make: Any, stages: dict[str, Stage]) -> None:
    month, today = clock.today(ZONE).replace(day=1), clock.today(ZONE)
    make("sales.opportunity", owner=cast.bob_user, by=cast.bob_user, amount=700, close_on=today)
    make("sales.target", year=today.year, base=24000, owner=cast.bob_user)
    targets.forecast_submit(cast.bob, owner=cast.bob_user.pk, month=month, adjusted="4321", comment="有把握")

    def page() -> str:
        return browser(cast.alice_user).get("/forecast/").content.decode()

    def line() -> Any:
        return next(one for one in read.foreseen(cast.actor(cast.alice_user), month) if one.user == cast.bob_user)

    assert (page().count("有把握"), page().count("4,321") > 1, line().expected, line().target) == (2, True, 4321, 2000)
    level(cast, "sales.forecastentry", "hidden", "comment")
    assert (line().expected, "有把握" in page()) == (4321, False)
    level(cast, "sales.forecastentry", "hidden", "adjusted")
    assert (line().expected, "4,321" in page()) == (0, False)
    RoleField.objects.all().delete()
    reach(cast, "sales.forecastentry", "own")
    assert (line().expected, "4,321" in page(), "有把握" in page()) == (0, False, False)
    level(cast, "sales.target", "hidden", "base", "months")
    assert line().target == 0
    bob = cast.actor(cast.bob_user)
    assert (home.aims(cast.bob) is None, home.aims(bob)) == (False, None)


def test_stages_of_a_deal_are_for_who_reads_its_stage(cast: Cast, make: Any, stages: dict[str, Stage]) -> None:
    deal = make("sales.opportunity", stage=stages["contact"].pk)
    Opportunity.objects.filter(pk=deal.pk).update(stale_on=clock.today(ZONE) - dt.timedelta(days=5))
    deal.refresh_from_db()
    shown = panels.course(cast.alice, deal)
    assert shown["visits"]
    assert shown["stale"]
    level(cast, "sales.opportunity", "hidden", "stage")
    alice = cast.actor(cast.alice_user)
    assert panels.course(alice, deal) == {"told": False, "visits": [], "checklist": [], "stale": ""}
    assert panels.resting(alice, deal) is None
    page = browser(cast.alice_user).get(f"/opportunities/{deal.pk}/").content.decode()
    assert stages["contact"].name_en not in page.partition('id="panel-course"')[2].partition("</section>")[0]


def test_titles_in_figures_and_refusals_are_the_readers(cast: Cast, make: Any, pool: Pool) -> None:
    customer = made_customer(make, NOON, name="昆仑机电")
    deal = make("sales.opportunity", name="泵站改造", amount=12345, close_on=clock.today(ZONE))
    lead = make("sales.lead", name="王芳", company="昆仑机电")
    services.lead_convert(cast.alice, lead, make_opportunity=False)

    def told(actor: Any) -> str:
        with clock.moved_to(NOON + 28 * DAY):
            days = returns.pool_figures(actor, pool)["days"]
        with pytest.raises(RuleBroken) as again:
            services.lead_convert(actor, lead)
        page = browser(cast.alice_user).get("/pipeline-course/?step=new").content.decode()
        return f"{days} {again.value} {page}"

    before = told(cast.alice)
    assert [before.count(one) > 0 for one in ("昆仑机电", "泵站改造", str(deal.pk))] == [True] * 3
    assert before.count(customer.name) == 2
    level(cast, "customers.customer", "masked", "name")
    level(cast, "sales.opportunity", "masked", "name")
    after = told(cast.actor(cast.alice_user))
    assert ("昆仑" in after, "泵站" in after, "昆***" in after, "泵***" in after) == (False, False, True, True)
