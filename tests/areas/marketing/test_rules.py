"""Rules that add to campaigns, and the page that adds a whole group."""

from __future__ import annotations

from typing import Any

import pytest

from guanxi.areas.marketing import selectors, services
from guanxi.areas.marketing.models import Member
from guanxi.core import records
from guanxi.core.automation import outbox
from guanxi.core.automation.rules import hearing
from guanxi.core.automation.rules.store import RuleDraft, rehearse, rule_save
from guanxi.core.exchange import settingsfile
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import AutomationRule, Operation, RuleRun
from guanxi.core.records import bulk
from guanxi.core.shaping.segments import SegmentDraft, segment_save
from tests.core.automation.ruling import settle
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db
CONTACT, MEMBER = selectors.CONTACT, selectors.MEMBER


def _draft(entity: str, trigger: dict[str, Any], *steps: dict[str, Any]) -> RuleDraft:
    return RuleDraft(name_zh="规则", entity=entity, trigger=trigger, active=True, steps=steps)


def _segment(cast: Cast) -> None:
    draft = SegmentDraft(
        key="buyers", name_zh="采购", entity=CONTACT, condition={"field": "position", "op": "eq", "value": "采购经理"}
    )
    segment_save(cast.root, None, draft)


def test_who_comes_into_a_segment_joins_the_campaign(cast: Cast, make: Any) -> None:
    campaign, contact = make(selectors.CAMPAIGN), make(CONTACT, position="工程师")
    _segment(cast)
    step = {"do": "campaign", "campaign": campaign.number, "state": "sent"}
    rule_save(cast.root, None, _draft(CONTACT, {"on": "enters", "segment": "buyers"}, step))
    settle()
    hearing.look(clock.now())
    records.update(cast.alice, contact, {"position": "采购经理"})
    settle()
    assert list(Member.objects.values_list("contact", "campaign", "state")) == [(contact.pk, campaign.pk, "sent")]


def test_the_step_moves_who_is_a_member_and_a_rehearsal_adds_nobody(cast: Cast, make: Any) -> None:
    campaign = make(selectors.CAMPAIGN, name="展会")
    lead = make("sales.lead", name="李思远")
    draft = _draft(
        "sales.lead", {"on": "changed", "fields": ["score"]},
        {"do": "campaign", "campaign": campaign.number, "state": "interested"},
    )  # fmt: skip
    found = rehearse(cast.root, draft)
    assert any("“李思远” is in the campaign “展会”: Interested" in str(one) for one in found.records)
    assert not Member.objects.exists()
    member = services.member_add(cast.alice, lead, campaign=campaign.pk)
    rule_save(cast.root, None, draft)
    records.update(cast.alice, lead, {"score": 80})
    settle()
    member.refresh_from_db()
    assert (member.state, member.responded) == ("interested", True)


def test_a_rule_hears_of_a_member_who_answered(cast: Cast, make: Any) -> None:
    member = make(MEMBER)
    trigger = {"on": "changed", "fields": ["state"], "to": ["attended"]}
    rule_save(cast.root, None, _draft(MEMBER, trigger, {"do": "set", "values": {"note": "请三天内回访"}}))
    services.member_move(cast.alice, member, state="declined")
    settle()
    services.member_move(cast.alice, member, state="attended")
    settle()
    member.refresh_from_db()
    assert member.note == "请三天内回访"


@pytest.mark.parametrize(
    ("entity", "change"),
    [(CONTACT, {"campaign": "no"}), (CONTACT, {"state": "no"}), ("catalog.product", {})],
)
def test_a_step_that_means_nothing_is_refused(cast: Cast, make: Any, entity: str, change: dict[str, str]) -> None:
    step = {"do": "campaign", "campaign": make(selectors.CAMPAIGN).number, "state": "sent", **change}
    with pytest.raises(Invalid):
        rule_save(cast.root, None, _draft(entity, {"on": "created"}, step))


def test_a_rule_goes_elsewhere_with_the_settings_where_its_campaign_is_not(cast: Cast, make: Any) -> None:
    campaign, lead = make(selectors.CAMPAIGN), make("sales.lead")
    step = {"do": "campaign", "campaign": campaign.number, "state": "sent"}
    rule_save(cast.root, None, _draft("sales.lead", {"on": "changed", "fields": ["score"]}, step))
    content = settingsfile.document()
    records.delete(cast.root, campaign)
    AutomationRule.objects.all().delete()
    told = {settingsfile.HEAD: {**content[settingsfile.HEAD], "complete": False}, "rules": content["rules"]}
    settingsfile.apply(cast.root, settingsfile.text_of(told))
    assert list(AutomationRule.objects.values_list("steps", flat=True)) == [[step]]
    records.update(cast.alice, lead, {"score": 90})
    settle()
    assert RuleRun.objects.get().state == "failed"


def test_a_whole_segment_is_added_from_the_page(
    cast: Cast, make: Any, browse: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = make(selectors.CAMPAIGN)
    for _number in range(3):
        make(CONTACT, position="采购经理")
    _segment(cast)
    person, address = browse("alice"), f"/campaigns/{campaign.pk}/add-members/"
    assert "采购" in person.get(address).content.decode()
    assert "3 records" in person.post(address, {"source": "segment:buyers"}).content.decode()
    assert person.post(address, {"source": "", "go": "1"}).status_code == 422
    assert not Member.objects.exists()
    answer = person.post(address, {"source": "segment:buyers", "state": "sent", "go": "1"})
    assert answer["Location"] == f"/campaigns/{campaign.pk}/"
    outbox.deliver_all()
    assert sorted(Member.objects.values_list("state", flat=True)) == ["sent"] * 3
    make(CONTACT, position="采购经理")
    monkeypatch.setattr(bulk, "AT_ONCE", 1)
    answer = person.post(address, {"source": "segment:buyers", "go": "1"})
    step = Operation.objects.get(sort="bulk_act", state="waiting")
    assert answer["Location"] == f"/operations/{step.pk}/"
    done = bulk.run(cast.alice, step)
    assert (done.result["done"], done.result["skipped"]) == (1, 3)
    assert person.get(f"/operations/{step.pk}/").status_code == 200


def test_members_of_a_file_are_checked_like_others(cast: Cast, make: Any) -> None:
    """An import's rows go the same way: a second membership is refused, the others stand."""
    campaign, contact = make(selectors.CAMPAIGN), make(CONTACT)
    services.member_add(cast.alice, contact, campaign=campaign.pk)
    rows = [
        {"campaign": campaign.pk, "contact": contact.pk, "state": "attended"},
        {"campaign": campaign.pk, "contact": make(CONTACT).pk, "state": "attended"},
    ]
    made = bulk.create_many(cast.alice, MEMBER, rows)
    assert isinstance(made[0], Invalid)
    assert (made[1].state, made[1].responded, Member.objects.count()) == ("attended", True, 2)


def test_many_ticked_rows_go_to_the_background(
    cast: Cast, make: Any, browse: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign, contacts = make(selectors.CAMPAIGN), [make(CONTACT) for _number in range(3)]
    person, address = browse("alice"), "/contacts/bulk/do-join_campaign/"
    sent = {"ids": [one.pk for one in contacts], "go": "1", "campaign": campaign.pk, "state": "sent"}
    assert person.post(address, {**sent, "campaign": ""}).status_code == 422
    assert person.post(address, {**sent, "ids": [contacts[0].pk]}).status_code == 303
    monkeypatch.setattr(bulk, "AT_ONCE", 2)
    assert "background" in person.post(address, {"ids": sent["ids"]}).content.decode()
    answer = person.post(address, sent)
    step = Operation.objects.get(sort="bulk_act")
    assert answer["Location"] == f"/operations/{step.pk}/"
    done = bulk.run(cast.alice, step)
    assert (done.result["done"], done.result["skipped"], Member.objects.count()) == (2, 1, 3)
