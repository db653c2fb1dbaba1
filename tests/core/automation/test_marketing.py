"""Marketing reaches nobody who said no, however he said it and whatever sends it; what is no marketing passes."""

from __future__ import annotations

import datetime as dt
import io
import json
import zipfile
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from guanxi.areas.customers.models import Consent
from guanxi.core import records
from guanxi.core.automation import confirming, marketing, messages
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import ANONYMOUS
from guanxi.core.kernel.errors import Denied, Invalid, NotFound
from guanxi.core.models import AuditEntry, MarketingWord, OutboundMessage
from guanxi.core.privacy import erasing, package, subjects
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db
TO = "Li.Lei@example.com"


@pytest.fixture
def contact(make: Any) -> Any:
    return make("customers.contact", customer=make("customers.customer"), emails=[{"value": TO}])


def put(record: Any, to: str = TO, channel: str = "mail", **more: Any) -> OutboundMessage:
    return messages.put(channel, to, subject="New", body="Hello", record=record, marketing=True, language="en", **more)


def link_of(row: OutboundMessage) -> str:
    return "/stop/" + row.body.rpartition("/stop/")[2].strip()


def test_it_ends_with_a_way_to_say_no_and_says_so_to_mail_programs(contact: Any) -> None:
    row = put(contact)
    assert messages.send(row.pk) == "sent"
    (sent,) = mail.outbox
    address = link_of(row)
    assert sent.body.rstrip().endswith(f"No more of this: {marketing.stop_address(row)}")
    assert sent.extra_headers["List-Unsubscribe"].endswith(f"{address}>")
    assert sent.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    plain = messages.put("mail", TO, subject="Invoice", body="Here", record=contact)
    messages.send(plain.pk)
    assert mail.outbox[1].extra_headers.keys() == {"Message-ID"}


def test_one_click_stops_it_once_and_looking_does_not(contact: Any) -> None:
    waiting, address = put(contact), link_of(put(contact))
    stranger = Client(enforce_csrf_checks=True, headers={"Accept-Language": "en"})
    page = stranger.get(address)
    assert (page.status_code, page.headers["Referrer-Policy"]) == (200, "no-referrer")
    assert MarketingWord.objects.count() == 0
    for _time in range(2):
        answer = stranger.post(address, "List-Unsubscribe=One-Click", "application/x-www-form-urlencoded")
        assert "no more news" in answer.content.decode()
    word = MarketingWord.objects.get()
    assert (word.state, word.channel, TO.lower() in json.dumps(str(vars(word)))) == ("withdrawn", "mail", False)
    said = Consent.objects.get()
    assert (said.contact_id, said.state, said.channel, said.source) == (contact.pk, "withdrawn", "mail", "link")
    assert AuditEntry.objects.filter(entity="core_marketingword", action="create").count() == 1
    assert messages.send(waiting.pk) == "stopped"
    assert mail.outbox == []
    assert put(None, "  LI.LEI@example.com ").state == "stopped"
    assert put(contact, "+86 138 0013 8000", "sms").state == "waiting"
    plain = messages.put("mail", TO, subject="Invoice", body="Here", record=contact)
    assert messages.send(plain.pk) == "sent"


def test_a_link_that_was_not_made_here_is_none(contact: Any) -> None:
    address = link_of(put(contact))
    assert Client().post(address[:-3] + "x/").status_code == 404
    with pytest.raises(NotFound):
        marketing.stop_read("a:b")
    assert MarketingWord.objects.count() == 0


def test_the_latest_word_holds_and_a_companys_no_counts_for_its_people(contact: Any, cast: Cast) -> None:
    now = clock.now()
    about = {"customer": contact.customer_id, "purpose": "marketing"}
    records.create(cast.root, "customers.consent", {**about, "state": "withdrawn", "at": now - dt.timedelta(days=2)})
    assert put(contact).state == "stopped"
    told = {"contact": contact.pk, "purpose": "marketing", "state": "given", "channel": "mail"}
    made = records.create(cast.root, "customers.consent", {**told, "at": now - dt.timedelta(days=1)})
    assert made.customer_id == contact.customer_id
    assert put(contact).state == "waiting"
    assert put(contact, "13800138000", "sms").state == "stopped"
    other = {"contact": contact.pk, "purpose": "survey", "state": "withdrawn"}
    records.create(cast.root, "customers.consent", other)
    assert put(contact).state == "waiting"


def test_a_consent_is_somebodys_and_was_said_already(contact: Any, cast: Cast) -> None:
    with pytest.raises(Invalid):
        records.create(cast.root, "customers.consent", {"purpose": "marketing"})
    late = {"contact": contact.pk, "at": clock.now() + dt.timedelta(days=1)}
    with pytest.raises(Invalid):
        records.create(cast.root, "customers.consent", late)
    assert Consent.objects.count() == 0


def test_only_those_who_agreed_where_the_workspace_says_so(contact: Any, cast: Cast) -> None:
    with pytest.raises(Denied):
        marketing.only_agreed_set(cast.alice, True)
    marketing.only_agreed_set(cast.root, True)
    row = put(contact)
    assert (row.state, row.error != "") == ("stopped", True)
    marketing.agreed(cast.root, contact, source="form", proof="ticked")
    assert put(contact).state == "waiting"
    assert put(None).state == "waiting", "the address agreed too"
    assert put(None, "other@example.com").state == "stopped"
    assert marketing.figures(cast.root) == marketing.Figures(stopped=0, given=1, held_back=2)


def test_a_copy_holds_it_and_erasure_takes_all_but_the_no(contact: Any, cast: Cast) -> None:
    row = put(contact)
    marketing.stop(marketing.stop_read(link_of(row).split("/")[2]), address="192.0.2.7")
    subject = subjects.subject(cast.root, "customers.contact", contact.pk)
    told = zipfile.ZipFile(io.BytesIO(package.package(cast.root, subject))).read("person.json").decode()
    assert TO in told
    assert "192.0.2.7" in told
    erasing.erase(cast.root, subject, "he asked")
    row.refresh_from_db()
    assert (row.to, row.body, row.subject, row.state) == ("", "", "", "stopped")
    assert Consent.objects.get().proof == ""
    word = MarketingWord.objects.get()
    assert word.proof == ""
    audited = AuditEntry.objects.filter(entity="core_marketingword", record_id=word.pk)
    assert set(map(str, audited.values_list("changes", flat=True))) == {"{}"}
    assert put(None).state == "stopped", "the no outlives the person's record"


def test_a_no_after_a_yes_noted_since_the_last_no_is_one(contact: Any, cast: Cast) -> None:
    token = link_of(put(contact)).split("/")[2]
    marketing.stop(marketing.stop_read(token))
    told = {"contact": contact.pk, "purpose": "marketing", "state": "given", "channel": "mail"}
    records.create(cast.root, "customers.consent", told)
    assert put(contact).state == "waiting"
    again = marketing.stop_read(token)
    assert not again.stopped
    marketing.stop(again)
    assert again.stopped
    assert put(contact).state == "stopped"


def by_form(record: Any) -> bool:
    return confirming.agreed_by_form(ANONYMOUS, record, proof="Needs: send me news", language="en")


def test_a_form_overrules_no_earlier_no_until_the_mail_is_answered(contact: Any, make: Any, cast: Cast) -> None:
    """Anybody can write somebody's address into a form; only he can follow the link in the mail to it."""
    about = {"contact": contact.pk, "purpose": "marketing", "state": "withdrawn"}
    records.create(cast.root, "customers.consent", about)
    phone = [{"value": "13800138000"}]
    lead = make("sales.lead", emails=[{"value": TO.upper()}], phones=phone)
    assert by_form(lead)
    assert [word.channel for word in MarketingWord.objects.all()] == ["sms"], "nobody said no at that number"
    assert put(lead).state == "stopped", "the address is the contact's too"
    assert put(contact).state == "stopped"
    asked = OutboundMessage.objects.get(payload__has_key="confirms")
    assert (asked.to, asked.marketing, asked.state) == ("LI.LEI@example.com", False, "waiting")
    assert by_form(lead)
    assert OutboundMessage.objects.filter(payload__has_key="confirms").count() == 1, "asked once a day"

    address = "/confirm/" + asked.body.partition("/confirm/")[2].split()[0]
    reader = Client(headers={"Accept-Language": "en"})
    assert "Do you want our news and offers" in reader.get(address).content.decode()
    assert put(contact).state == "stopped", "looking says nothing"
    for _time in range(2):
        assert "You get our news and offers" in reader.post(address).content.decode()
    word = MarketingWord.objects.get(channel="mail")
    assert (word.state, word.source, word.proof) == ("given", "form", "Needs: send me news · 127.0.0.1")
    assert put(contact).state == "waiting"
    marketing.stop(marketing.stop_read(link_of(put(contact)).split("/")[2]))
    assert "You said no since" in reader.post(address).content.decode()
    assert put(contact).state == "stopped", "the old link overrules no later no"


def test_a_number_that_said_no_stays_unasked_and_a_false_link_is_none(make: Any) -> None:
    lead = make("sales.lead", phones=[{"value": "13900139000"}])
    marketing.word(ANONYMOUS, "sms", "139 0013 9000", marketing.WITHDRAWN, source="link")
    assert not by_form(lead)
    assert put(lead, "13900139000", "sms").state == "stopped"
    assert not OutboundMessage.objects.filter(payload__has_key="confirms").exists()
    assert Client().post("/confirm/abc:def/").status_code == 404
