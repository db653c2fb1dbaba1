"""Campaigns: cost, leads through to won deals, and what each reader sees of it."""

from __future__ import annotations

import datetime as dt
import json
import random
import re
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from guanxi.areas.diary import services as diary
from guanxi.areas.marketing import panels, selectors, services
from guanxi.areas.marketing.models import Influence, Member
from guanxi.areas.sales import services as sales
from guanxi.core import records
from guanxi.core.access import actors
from guanxi.core.automation import outbox
from guanxi.core.kernel.errors import Denied, Invalid, NotFound
from guanxi.core.models import Notification, Role, RoleField, User
from guanxi.core.models.stamps import bump
from guanxi.core.records.seeds import load
from guanxi.core.schema.registry import entity_at
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db
CAMPAIGN, MEMBER = selectors.CAMPAIGN, selectors.MEMBER


def _figures(campaign: Any) -> Any:
    """The campaign after everything was told and settled."""
    outbox.deliver_all()
    services.campaign_settle(campaign.pk)
    campaign.refresh_from_db()
    return campaign


def _texts(list_: Any) -> dict[str, str]:
    return {str(one.label): one.text for one in list_}


# -- money -------------------------------------------------------------------------------------------------------------


def _boss(cast: Cast) -> Any:
    load()
    boss = User.objects.create(username="boss", name="总监")
    boss.roles.add(Role.objects.get(key="director"))
    bump("rights", "people")
    return actors.load(boss, via="test")


def test_cost_is_what_was_approved_and_entered_in_the_campaigns_currency(cast: Cast, make: Any) -> None:
    """Over many turns of claims and costs: the kept figure is the sum of what it says it is, and nothing else."""
    chance, boss = random.Random(7), _boss(cast)  # noqa: S311 - nothing secret
    make("core.exchangerate", currency="USD", day=dt.date(2026, 1, 1), rate="7")
    campaign = make(CAMPAIGN, budget="500")
    expected = Decimal(0)
    for number in range(24):
        amount, currency = Decimal(chance.randint(1, 9000)) / 100, chance.choice(("CNY", "USD"))
        value = amount * (7 if currency == "USD" else 1)
        given = {"campaign": campaign.pk, "spent_on": dt.date(2026, 1, 5), "amount": str(amount), "currency": currency}
        if number % 3 == 0:
            cost = make("campaigns.campaigncost", **given)
            if number % 2:
                records.delete(cast.alice, cost)
            else:
                expected += value
            continue
        expense = diary.expense_submit(
            cast.alice, records.create(cast.alice, "diary.expense", {"name": "打车", **given})
        )
        if number % 3 == 1:
            diary.expense_approve(boss, expense)
            expected += value
        elif number % 2:
            diary.expense_reject(boss, expense, "重复")
    assert _figures(campaign).cost == expected
    assert campaign.budget_left == Decimal(500) - expected


def test_over_budget_is_told_once_and_seen_before_an_expense_is_approved(cast: Cast, make: Any) -> None:
    boss = _boss(cast)
    campaign = _figures(make(CAMPAIGN, budget="100", name="深圳机械展"))
    given = {"name": "餐饮", "spent_on": dt.date(2026, 1, 5), "amount": "160", "campaign": campaign.pk}
    expense = diary.expense_submit(cast.alice, records.create(cast.alice, "diary.expense", given))
    assert panels.expense_over(boss, expense).text == "Over the campaign's budget"  # type: ignore[union-attr]
    diary.expense_approve(boss, expense)
    for _twice in range(2):
        _figures(campaign)
    assert campaign.budget_left == Decimal(-60)
    assert panels.over_budget(boss, campaign) is not None
    assert Notification.objects.filter(text=services.OVER_BUDGET, record_id=campaign.pk).count() == 1


# -- results -----------------------------------------------------------------------------------------------------------


def test_a_lead_carries_its_campaign_to_the_won_deal_and_the_return(
    cast: Cast, make: Any, stages: dict[str, Any]
) -> None:
    campaign = make(CAMPAIGN, budget="20000", expected_leads=2)
    make("campaigns.campaigncost", campaign=campaign, amount="10000")
    lead = make("sales.lead", name="李思远", company="佛山恒达机械有限公司", campaign=campaign)
    services.member_add(cast.alice, lead, campaign=campaign.pk, state="attended")
    sales.lead_convert(cast.alice, lead, amount="50000", close_on="2030-06-30")
    lead.refresh_from_db()
    deal = lead.opportunity
    assert deal.campaign_id == campaign.pk
    records.update(cast.alice, deal, {"stage": stages["won"].pk, "amount": "50000"})
    campaign = _figures(campaign)
    assert (campaign.members, campaign.responses, campaign.leads, campaign.deals, campaign.won_deals) == (1, 1, 1, 1, 1)
    assert (campaign.won_value, campaign.result) == (Decimal(50000), Decimal(40000))
    member = Member.objects.get()
    assert (member.lead_id, member.customer_id, member.contact_id) == (lead.pk, lead.customer_id, lead.contact_id)
    assert not Influence.objects.exists()  # it came from there: that is more than a part
    found = panels.results(cast.alice, campaign)
    assert _texts(found["money"]) | _texts(found["reach"]) == {
        "Won amount": "¥50,000", "Cost": "¥10,000", "Other costs": "1", "Cost per response": "¥10,000",
        "Cost per lead": "¥10,000", "Cost per won deal": "¥10,000", "Return": "400%",
        "Members": "1", "Responses": "1", "Response rate": "100%",
    }  # fmt: skip


def test_a_campaign_had_a_part_in_what_began_after_it(cast: Cast, make: Any, stages: dict[str, Any]) -> None:
    campaign, customer = make(CAMPAIGN), make("customers.customer")
    before = make("sales.opportunity", customer=customer)
    contact = make("customers.contact", customer=customer)
    services.member_add(cast.alice, contact, campaign=campaign.pk)
    after = make("sales.opportunity", customer=customer, contact=contact, amount="700", close_on=dt.date(2030, 6, 30))
    outbox.deliver_all()
    assert [one.opportunity_id for one in Influence.objects.all()] == [after.pk]
    records.update(cast.alice, after, {"stage": stages["won"].pk})
    outbox.deliver_all()
    assert Influence.objects.get().won_value == Decimal(700)
    records.delete(cast.root, Influence.objects.get())
    records.update(cast.alice, after, {"name": "二期"})
    outbox.deliver_all()
    assert not Influence.objects.exists(), "who put it into the trash had a reason"
    records.restore(cast.root, selectors.INFLUENCE, [Influence.everything.get().pk])
    member = Member.objects.get()
    records.update(cast.root, member, {"joined_at": before.created_at - dt.timedelta(days=1)}, trusted=True)
    outbox.deliver_all()
    assert Influence.objects.count() == 2
    records.delete(cast.root, member)
    outbox.deliver_all()
    assert not Influence.objects.exists()


def test_results_count_the_campaigns_below_and_only_what_the_reader_sees(cast: Cast, make: Any) -> None:
    whole = make(CAMPAIGN)
    part = make(CAMPAIGN, parent=whole)
    make(MEMBER, campaign=part, state="attended")
    make(MEMBER, campaign=whole, customer=make("customers.customer", by=cast.charlie_user), by=cast.charlie_user)
    seen = _texts(panels.results(cast.alice, whole)["reach"])
    assert (seen["Members"], seen["Responses"], seen["Response rate"]) == ("1", "1", "100%")
    everything = _texts(panels.results(cast.root, whole)["reach"])
    assert (everything["Members"], everything["Response rate"]) == ("2", "50%")


def test_every_figure_is_that_of_its_list(cast: Cast, make: Any, browse: Any) -> None:
    campaign = make(CAMPAIGN)
    for state in ("planned", "attended", "attended", "declined"):
        make(MEMBER, campaign=campaign, state=state)
    make("sales.lead", campaign=campaign)
    person = browse("alice")
    page = person.get(f"/campaigns/{campaign.pk}/").content.decode()
    assert "Results and return" in page
    found, led = panels.results(cast.alice, campaign), 0
    for one in [*found["reach"], *found["sales"]]:
        if one.url and one.text.isdecimal():
            address = urlsplit(one.url)
            tree = json.loads(parse_qs(address.query)["f"][0])
            rows = records.queryset(cast.alice, entity_at(address.path.strip("/")), filter=tree)
            assert rows.count() == int(one.text), one.label
            led += 1
    assert led == 7
    answered = next(one for one in found["reach"] if one.label == "Responses")
    assert (answered.text, 'data-total="2"' in person.get(answered.url).content.decode()) == ("2", True)


def test_campaigns_do_not_contain_themselves_nor_end_before_they_begin(cast: Cast, make: Any) -> None:
    whole = make(CAMPAIGN)
    part = make(CAMPAIGN, parent=whole)
    with pytest.raises(Invalid, match="part of itself"):
        records.update(cast.alice, whole, {"parent": part.pk})
    with pytest.raises(Invalid, match="before it begins"):
        records.update(cast.alice, part, {"begins_on": "2026-05-02", "ends_on": "2026-05-01"})


def test_roles_of_the_house(cast: Cast, make: Any) -> None:
    """A salesperson sees all campaigns and changes his own; money is hidden from a trainee; marketing works on all members."""
    load()
    people = {}
    for key in ("member", "trainee", "marketing"):
        user = User.objects.create(username=f"camp-{key}", name=key, department=cast.east)
        user.roles.add(Role.objects.get(key=key))
        people[key] = user
    bump("rights", "people")
    found = {key: actors.load(user, via="test") for key, user in people.items()}
    campaign = make(CAMPAIGN, budget="500")
    member = make(MEMBER, campaign=campaign)
    for actor in found.values():
        assert records.get(actor, CAMPAIGN, campaign.pk).pk == campaign.pk
    with pytest.raises(Denied):
        records.update(found["member"], campaign, {"budget": "900"})
    assert panels.results(found["trainee"], campaign)["money"][-1].label == "Won amount"
    with pytest.raises(NotFound):
        records.get(found["member"], MEMBER, member.pk)
    assert services.member_move(found["marketing"], member, state="sent").state == "sent"  # type: ignore[union-attr]


@pytest.mark.parametrize("level", ["hidden", "masked"])
@pytest.mark.parametrize(
    ("field", "gone"),
    [
        ("cost", {"Cost", "Return", "Cost per won deal"}),
        ("result", {"Return"}),
        ("won_value", {"Return"}),
        ("budget", set()),
    ],
)
def test_what_a_role_may_not_read_is_not_told_by_a_figure(
    cast: Cast, make: Any, stages: dict[str, Any], field: str, gone: set[str], level: str
) -> None:
    campaign = make(CAMPAIGN, budget="700")
    make("campaigns.campaigncost", campaign=campaign, amount="100")
    contact = make("customers.contact", customer=make("customers.customer"))
    given = {"customer": contact.customer, "contact": contact, "amount": "300", "close_on": dt.date(2030, 6, 30)}
    deal = make("sales.opportunity", campaign=campaign, **given)
    records.update(cast.alice, deal, {"stage": stages["won"].pk})
    _figures(campaign)
    everything = _texts(panels.results(cast.alice, campaign)["money"])
    assert {"Won amount", "Cost", "Return", "Cost per won deal"} <= set(everything)
    RoleField.objects.create(role=cast.role, entity=CAMPAIGN, field=field, level=level)
    bump("rights")
    found = panels.results(cast.actor(cast.alice_user), campaign)["money"]
    assert not gone & set(_texts(found))
    assert "700" not in "".join(str(one.expected) for one in found if field == "budget")
    if field == "won_value":  # what he sees of it stands there, until that is hidden too
        assert "Won amount" in _texts(found)
        RoleField.objects.create(role=cast.role, entity="sales.opportunity", field="value", level=level)
        bump("rights")
        found = panels.results(cast.actor(cast.alice_user), campaign)
        assert not {"Won amount", "Open ones worth"} & {*_texts(found["money"]), *_texts(found["sales"])}


def test_a_new_campaign_proposes_the_usual_kind(cast: Cast) -> None:
    """What would be kept if nobody were asked stands in the form."""
    page = browser(cast.root_user).get("/campaigns/new/").content.decode()
    assert re.search(r'<option value="event"[^>]* selected', page)


def test_a_campaign_below_that_the_reader_may_not_see_is_not_in_the_figures(cast: Cast, make: Any) -> None:
    whole = make(CAMPAIGN, budget="500")
    hidden = make(CAMPAIGN, parent=whole, budget="100", by=cast.charlie_user)
    for campaign, amount in ((whole, "30"), (hidden, "70")):
        make("campaigns.campaigncost", campaign=campaign, amount=amount, by=cast.root_user)
        make(MEMBER, campaign=campaign)
        _figures(campaign)
    for actor, cost, members, below in ((cast.alice, "¥30", "1", 0), (cast.root, "¥100", "2", 1)):
        found = panels.results(actor, whole)
        assert _texts(found["money"])["Cost"] == cost
        assert (_texts(found["reach"])["Members"], found["below"]) == (members, below)


def test_an_expense_tells_nothing_of_a_campaign_its_reader_may_not_see(cast: Cast, make: Any) -> None:
    campaign = _figures(make(CAMPAIGN, budget="10", by=cast.charlie_user))
    expense = records.create(cast.alice, "diary.expense", {"name": "打车", "spent_on": "2026-01-05", "amount": "160"})
    expense = records.update(cast.root, expense, {"campaign": campaign.pk}, trusted=True)
    assert panels.expense_over(cast.root, expense) is not None
    assert panels.expense_over(cast.alice, expense) is None
