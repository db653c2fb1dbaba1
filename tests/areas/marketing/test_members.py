"""Members of campaigns: once only, their answers, and what follows whom they are."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from guanxi.areas.marketing import selectors, services
from guanxi.areas.marketing.models import Member
from guanxi.core import records
from guanxi.core.automation import marketing, outbox
from guanxi.core.automation.operations import act_begin, start
from guanxi.core.exchange import imports, reasons
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid, NotFound, RuleBroken
from guanxi.core.models import Notification
from guanxi.core.models.exchange import FAILED, ImportOutcome
from guanxi.core.records import bulk
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db
CAMPAIGN, MEMBER = selectors.CAMPAIGN, selectors.MEMBER


def test_a_contact_brings_his_customer_along_and_is_a_member_once(cast: Cast, make: Any) -> None:
    campaign = make(CAMPAIGN)
    contact = make("customers.contact", name="王工", customer=make("customers.customer"))
    member = services.member_add(cast.alice, contact, campaign=campaign.pk)
    assert (member.name, member.customer_id, member.state, member.responded) == (
        "王工", contact.customer_id, "planned", False,
    )  # fmt: skip
    assert member.owner_id == cast.alice.user_id
    assert services.campaign_join(cast.alice, contact, campaign=campaign.pk, state="attended") is False
    member.refresh_from_db()
    assert member.state == "planned"
    with pytest.raises(Invalid, match="already"):
        records.create(cast.alice, MEMBER, {"campaign": campaign.pk, "contact": contact.pk})
    assert Member.objects.count() == 1


def test_a_file_that_names_a_member_twice_says_so_before_anything_is_written(cast: Cast, make: Any) -> None:
    make(CAMPAIGN, name="深圳机械展")
    firm = make("customers.customer", name="甲公司")
    for name in ("王工", "李工"):
        make("customers.contact", name=name, customer=firm)
    rows = "Campaign,Contact\n深圳机械展,王工\n深圳机械展,李工\n深圳机械展,王工\n"
    run = imports.import_stage(cast.root, content=rows.encode(), name="members.csv", entity=MEMBER)
    found = imports.import_check(cast.root, run=run).counts
    assert found == {"created": 2, "updated": 0, "skipped": 0, "failed": 1}
    run = imports.import_run(cast.root, run=imports.import_start(cast.root, run=run))
    assert (run.created, run.failed, Member.objects.count()) == (2, 1, 2)
    (one,) = ImportOutcome.objects.filter(run=run, outcome=FAILED)
    assert reasons.texts(one.reasons) == "Row 2 of the file is the same."


def test_nobody_and_a_cancelled_campaign_are_refused(cast: Cast, make: Any) -> None:
    campaign = make(CAMPAIGN)
    with pytest.raises(Invalid):
        records.create(cast.alice, MEMBER, {"campaign": campaign.pk})
    records.update(cast.alice, campaign, {"status": "cancelled"})
    with pytest.raises(RuleBroken):
        services.member_add(cast.alice, make("sales.lead"), campaign=campaign.pk)
    with pytest.raises(NotFound):
        services.member_add(cast.charlie, make("sales.lead", by=cast.charlie_user), campaign=campaign.pk)
    assert not Member.objects.exists()


def test_an_answer_is_a_state_below_responded_and_has_its_date(cast: Cast, make: Any) -> None:
    member = make(MEMBER)
    moment = dt.datetime(2026, 3, 1, 4, tzinfo=dt.UTC)
    with clock.moved_to(moment):
        member = services.member_move(cast.alice, member, state="attended")
    assert (member.responded, member.responded_at) == (True, moment)
    member = services.member_move(cast.alice, member, state="registered")
    assert member.responded_at == moment
    member = services.member_move(cast.alice, member, state="declined")
    assert (member.responded, member.responded_at) == (False, None)
    assert services.member_move(cast.alice, member, state="declined") is False


def test_who_wants_no_marketing_is_marked_and_unmarked(cast: Cast, make: Any) -> None:
    contact = make("customers.contact", customer=make("customers.customer"))
    member = services.member_add(cast.alice, contact, campaign=make(CAMPAIGN).pk)
    assert member.barred is False
    said = {"customer": contact.customer_id, "contact": contact.pk, "purpose": "marketing", "channel": "any"}
    for state, expected in (("withdrawn", True), ("given", False)):
        records.create(cast.alice, "customers.consent", {**said, "state": state})
        outbox.deliver_all()
        member.refresh_from_db()
        assert member.barred is expected


def test_another_rule_of_marketing_marks_all_members_anew_at_night(cast: Cast, make: Any) -> None:
    member = make(MEMBER)
    for rule in (True, False):
        marketing.only_agreed_set(cast.root, rule)
        services.members_renew()
        member.refresh_from_db()
        assert member.barred is rule


def test_a_member_follows_the_name_and_owner_of_whom_he_is(cast: Cast, make: Any) -> None:
    lead = make("sales.lead", name="李思远")
    member = services.member_add(cast.alice, lead, campaign=make(CAMPAIGN).pk)
    records.update(cast.root, lead, {"name": "李思源", "owner": cast.charlie.user_id})
    outbox.deliver_all()
    member.refresh_from_db()
    assert (member.name, member.owner_id) == ("李思源", cast.charlie.user_id)
    told = Notification.objects.filter(user=cast.charlie_user, sort="assigned")
    assert [(one.entity, one.by_id) for one in told] == [("sales.lead", cast.root_user.pk)], "of the lead, and once"


def test_many_are_added_as_one_operation_that_can_be_undone(
    cast: Cast, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = make(CAMPAIGN)
    contacts = [make("customers.contact") for _number in range(4)]
    services.member_add(cast.alice, contacts[0], campaign=campaign.pk)
    foreign = make("customers.contact", customer=make("customers.customer", by=cast.charlie_user), by=cast.charlie_user)
    given = {"campaign": campaign.pk, "state": "sent"}
    step = act_begin(
        cast.alice, "customers.contact", "join_campaign", [*(one.pk for one in contacts), foreign.pk], given
    )
    monkeypatch.setattr(bulk, "AT_ONCE", 2)
    assert start(cast.alice, step).state == "waiting"
    done = bulk.run(cast.alice, step)
    assert [done.result[key] for key in ("done", "skipped", "failed")] == [3, 1, 1]
    assert sorted(Member.objects.values_list("state", flat=True)) == ["planned", "sent", "sent", "sent"]
    records.undo(cast.alice, step.pk)
    assert Member.objects.count() == 1


def test_an_action_that_is_not_meant_for_many_is_refused(cast: Cast, make: Any) -> None:
    lead = make("sales.lead")
    with pytest.raises(NotFound):
        act_begin(cast.alice, "sales.lead", "convert", [lead.pk])
    with pytest.raises(Denied):
        act_begin(cast.dave, "sales.lead", "join_campaign", [lead.pk])


def test_a_lead_that_gets_another_owner_takes_no_customer_from_its_member(cast: Cast, make: Any) -> None:
    lead, customer = make("sales.lead"), make("customers.customer")
    member = make(MEMBER, lead=lead, customer=customer, contact=None)
    records.update(cast.root, lead, {"owner": cast.bob_user.pk})
    outbox.deliver_all()
    member.refresh_from_db()
    assert (member.customer_id, member.owner_id) == (customer.pk, cast.bob_user.pk)
