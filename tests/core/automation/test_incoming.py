"""Mails that come in over IMAP: each once, on the record it belongs to, heard by rules, answered once a day."""

from __future__ import annotations

import datetime as dt
from email.message import EmailMessage
from typing import Any

import pytest

from guanxi.core import records
from guanxi.core.automation import messages, notify
from guanxi.core.automation.incoming import correspondence, mailboxes, threads
from guanxi.core.automation.incoming.correspondence import Writing
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid, NotFound
from guanxi.core.models import (
    Collaborator,
    File,
    InboundMessage,
    Mailbox,
    Notification,
    OutboundMessage,
    RoleField,
    RuleRun,
)
from guanxi.core.models.stamps import bump
from guanxi.core.privacy import erasing, subjects
from guanxi.core.records import purging, timeline
from tests.core.automation.posted import box, contact, mail
from tests.core.automation.ruling import rule, settle
from tests.imapserver import Postbox, _imap_server, postbox
from tests.mailserver import Letters, letters
from tests.signing import browser

__all__ = ["_imap_server", "box", "contact", "letters", "postbox"]


pytestmark = pytest.mark.django_db


def said(record: Any, actor: Any) -> list[str]:
    page = timeline.timeline(actor, record, kinds=["message"])
    return [one.title for one in page.entries]


def test_a_mail_stands_on_contact_and_customer_and_the_owner_is_told(
    postbox: Postbox, box: Mailbox, contact: Any, cast: Any
) -> None:
    postbox.put(mail())
    assert (mailboxes.read(box.pk), mailboxes.read(box.pk)) == (1, 0), "each once"
    row = InboundMessage.objects.get()
    assert (row.sender, row.sender_name, row.subject, row.body) == (
        "wang@kunlun.test",
        "王芳",
        "报价",
        "请发一份报价。",
    )
    assert (row.state, row.entity, row.record_id) == ("filed", "customers.contact", contact.pk)
    assert said(contact, cast.alice) == said(contact.customer, cast.alice) == ["报价"]
    assert [one.sort for one in Notification.objects.filter(user=cast.alice_user)] == ["message"]
    assert not Notification.objects.filter(user=cast.bob_user).exists()
    with pytest.raises(NotFound):
        correspondence.message(cast.charlie, row.pk)
    assert correspondence.message(cast.alice, row.pk) == row


def test_attachments_go_for_good_with_the_record(postbox: Postbox, box: Mailbox, contact: Any, cast: Any) -> None:
    letter = EmailMessage()
    letter["From"], letter["Subject"] = "wang@kunlun.test", "图纸"
    letter.set_content("见附件")
    letter.add_attachment("内容".encode(), maintype="text", subtype="csv", filename="表.csv")
    postbox.put(letter.as_bytes())
    mailboxes.read(box.pk)
    row = InboundMessage.objects.get()
    assert File.objects.filter(pk__in=row.files).count() == 1
    records.delete(cast.root, contact)
    purging.purge(cast.root, "customers.contact", [contact.pk])
    assert not InboundMessage.objects.exists()
    assert not File.objects.exists()


def test_an_answer_finds_the_record_of_the_mail_it_answers(
    postbox: Postbox, box: Mailbox, contact: Any, make: Any, cast: Any, letters: Letters
) -> None:
    deal = make("sales.opportunity", owner=cast.alice_user, customer=contact.customer, name="泵站改造")
    given = Writing(channel="mail", to="Wang@kunlun.test", subject="关于 {{ name }}", body="您好")
    row = correspondence.write(cast.alice, deal, given)
    assert messages.send(row.pk) == "sent"
    sent = letters.last("Wang@kunlun.test")
    assert (sent["Subject"], sent["Reply-To"]) == ("关于 泵站改造", "service@guanxi.test")
    assert sent["From"].addresses[0].display_name == cast.alice_user.name
    postbox.put(mail("采购部 <buyer@kunlun.test>", "答复", "可以。", In_Reply_To=str(sent["Message-ID"])))
    mailboxes.read(box.pk)
    answer = InboundMessage.objects.get()
    assert (answer.entity, answer.record_id, answer.answers_id) == ("sales.opportunity", deal.pk, row.pk)
    assert said(deal, cast.alice) == ["答复", "关于 泵站改造"]
    postbox.put(mail("x@evil.test", "骗", "x", In_Reply_To=str(sent["Message-ID"]).replace("<gx.", "<gx.9")))
    mailboxes.read(box.pk)
    assert InboundMessage.objects.get(subject="骗").state == "new", "a guessed number is no thread"


def test_an_answer_to_what_a_colleague_was_told_stands_on_no_record_by_itself(
    postbox: Postbox, box: Mailbox, contact: Any, cast: Any
) -> None:
    told = messages.put("mail", "bob@guanxi.example", subject="s", record=contact, payload={messages.INSIDE: True})
    Mailbox.objects.filter(pk=box.pk).update(unknown="sales.lead")
    answer = mail("鲍勃 <bob@guanxi.example>", "Re: 价格 5", In_Reply_To=threads.message_id(told))
    postbox.put(answer)
    mailboxes.read(box.pk)
    row = InboundMessage.objects.get()
    assert (row.answers_id, row.state, row.record_id) == (told.pk, "new", None)
    assert said(contact, cast.root) == []


def test_the_plus_part_of_an_address_leads_there_too(box: Mailbox, contact: Any, cast: Any) -> None:
    Mailbox.objects.update(plus=True)
    given = Writing(channel="mail", to="Wang@kunlun.test", subject="s", body="b")
    row = correspondence.write(cast.alice, contact, given)
    address = threads.reply_address(row)
    assert address.startswith(f"service+gx{row.pk}-")
    assert threads.answered((), [address]) == row
    assert threads.answered((), [address.replace("-", "-0")]) is None


def test_unknown_senders_wait_for_the_keeper_and_become_a_lead(postbox: Postbox, box: Mailbox, cast: Any) -> None:
    for subject in ("想了解产品", "再问一次"):
        postbox.put(mail("李雷 <li@new.test>", subject, "你们的泵多少钱？"))
    mailboxes.read(box.pk)
    assert [one.subject for one in correspondence.waiting(cast.bob)] == ["再问一次", "想了解产品"]
    assert list(correspondence.waiting(cast.charlie)) == []
    assert not correspondence.keeps(cast.charlie)
    first = InboundMessage.objects.order_by("pk")[0]
    with pytest.raises(NotFound):
        correspondence.make(cast.charlie, first.pk, "sales.lead")
    lead = correspondence.make(cast.root, first.pk, "sales.lead")
    assert (lead.name, lead.emails[0]["value"], lead.interest) == ("李雷", "li@new.test", "想了解产品")
    assert said(lead, cast.root) == ["再问一次", "想了解产品"]
    assert not correspondence.waiting(cast.root).exists()
    postbox.put(mail("李雷 <li@new.test>", "第三封", "喂"))
    mailboxes.read(box.pk)
    assert InboundMessage.objects.get(subject="第三封").record_id == lead.pk


def test_a_mailbox_may_make_leads_at_once(postbox: Postbox, box: Mailbox, cast: Any) -> None:
    Mailbox.objects.update(unknown="sales.lead")
    postbox.put(mail("韩梅梅 <han@new.test>", "询价", "多少钱"))
    postbox.put(mail("noreply@spam.test", "广告", "买吧", Precedence="bulk"))
    mailboxes.read(box.pk)
    made = InboundMessage.objects.get(subject="询价")
    lead = records.get(cast.root, "sales.lead", made.record_id)
    assert (lead.name, lead.owner_id) == ("韩梅梅", cast.bob_user.pk)
    assert InboundMessage.objects.get(subject="广告").state == "ignored", "nobody has to sort what machines write"


def test_a_rule_hears_and_answers_once_a_day_and_never_a_machine(
    postbox: Postbox, box: Mailbox, contact: Any, cast: Any, letters: Letters
) -> None:
    rule(
        cast,
        {"do": "message", "to": "@sender", "channel": "mail", "subject": "", "text": "收到：{{ message.subject }}，{{ name }}"},
        entity="customers.customer",
        trigger={"on": "message", "channels": ["mail"], "subject": "报价，price"},
    )  # fmt: skip
    postbox.put(mail(subject="闲聊", body="你好"))
    postbox.put(mail(subject="要报价"))
    postbox.put(mail(subject="再要报价", body="还有"))
    postbox.put(mail(subject="外出：报价", body="我在休假", Auto_Submitted="auto-replied"))
    mailboxes.read(box.pk)
    settle()
    assert RuleRun.objects.count() == 2, "the one that fits, twice; not the other subject, not the machine"
    sent = OutboundMessage.objects.get()
    assert (sent.to, sent.subject, sent.body) == ("wang@kunlun.test", "Re: 要报价", "收到：要报价，昆仑机电")
    messages.send(sent.pk)
    letter = letters.last("wang@kunlun.test")
    assert letter["Auto-Submitted"] == "auto-replied"
    assert letter["In-Reply-To"] == InboundMessage.objects.get(subject="要报价").external_id
    OutboundMessage.objects.update(created_at=clock.now() - dt.timedelta(days=2))
    postbox.put(mail(subject="第三次报价", body="喂"))
    mailboxes.read(box.pk)
    settle()
    assert OutboundMessage.objects.count() == 2, "on another day he is answered again"


def test_loops_and_mails_that_came_back(postbox: Postbox, box: Mailbox, contact: Any, cast: Any) -> None:
    row = correspondence.write(
        cast.alice, contact, Writing(channel="mail", to="Wang@kunlun.test", subject="s", body="b")
    )
    postbox.put(mail("service@guanxi.test", "自己", "x"))
    postbox.put(
        (
            "From: MAILER-DAEMON@mx.test\nTo: service@guanxi.test\nSubject: Undelivered\nMessage-ID: <b1@mx.test>\n"
            "Content-Type: multipart/report; report-type=delivery-status; boundary=x\n\n"
            "--x\nContent-Type: text/plain\n\nsorry\n--x\nContent-Type: message/delivery-status\n\n"
            "Reporting-MTA: dns; mx.test\n\nFinal-Recipient: rfc822; wang@kunlun.test\nAction: failed\nStatus: 5.1.1\n"
            "Diagnostic-Code: smtp; 550 no such user\n\n--x\nContent-Type: text/rfc822-headers\n\n"
            f"Message-ID: {threads.message_id(row)}\n\n--x--\n"
        ).encode()
    )
    mailboxes.read(box.pk)
    assert [one.state for one in InboundMessage.objects.all()] == ["ignored", "ignored"]
    row.refresh_from_db()
    assert (row.state, "no such user" in row.error) == ("failed", True)
    assert Notification.objects.get(user=cast.alice_user).values["to"]["address"] == "Wang@kunlun.test"
    assert "Wang@kunlun.test" in notify.notifications(cast.alice).notes[0].text


def test_one_writes_only_to_addresses_of_the_record(contact: Any, cast: Any) -> None:
    good = Writing(channel="mail", to="Wang@kunlun.test", subject="s", body="b")
    for name, value in (("to", "else@where.test"), ("subject", " "), ("body", ""), ("body", "{{ secret }}"), ("body", "{% if %}")):  # fmt: skip
        with pytest.raises(Invalid) as bad:
            correspondence.write(cast.alice, contact, Writing(**{**{n: getattr(good, n) for n in ("channel", "to", "subject", "body")}, name: value}))  # fmt: skip
        assert bad.value.field == name
    with pytest.raises((Denied, NotFound)):
        correspondence.write(cast.charlie, contact, good)
    assert not OutboundMessage.objects.exists()


def test_addresses_are_masked_where_those_of_records_are(
    cast: Any, box: Mailbox, contact: Any, postbox: Postbox
) -> None:
    postbox.put(mail("Wang@kunlun.test"))
    mailboxes.read(box.pk)
    row = InboundMessage.objects.get()
    correspondence.write(
        cast.alice, contact, Writing(channel="mail", to="wang@kunlun.test", subject="Re", body="好", reply=row.pk)
    )
    alice = browser(cast.alice_user)
    addresses = (f"/contacts/{contact.pk}/", f"/messages/{row.pk}/", f"/write/contacts/{contact.pk}/?reply={row.pk}", "/notifications/")  # fmt: skip
    assert all("ang@kunlun.test" in alice.get(one).content.decode() for one in addresses)
    RoleField.objects.create(role=cast.role, entity="customers.contact", field="emails", level="masked")
    bump("rights", "fields")
    for one in addresses:
        page = alice.get(one).content.decode()
        assert "ang@kunlun.test" not in page, one
        assert "****@kunlun.test" in page, one
    sent = {"reply": str(row.pk), "channel": "mail", "to": "sender", "subject": "Re", "body": "还好", "do": "send"}
    answer = alice.post(f"/write/contacts/{contact.pk}/", sent)
    assert "ang@kunlun.test" not in answer.content.decode() + str(answer.headers)
    assert OutboundMessage.objects.order_by("-pk").values_list("to", "body")[0] == ("wang@kunlun.test", "还好")


def test_only_who_may_move_a_message_is_offered_to(cast: Any, box: Mailbox, contact: Any, postbox: Postbox) -> None:
    postbox.put(mail())
    mailboxes.read(box.pk)
    page = f"/messages/{InboundMessage.objects.get().pk}/"
    assert 'value="assign"' in browser(cast.alice_user).get(page).content.decode()
    reading = {"user": cast.charlie_user, "level": "read"}
    Collaborator.objects.create(entity="customers.contact", record_id=contact.pk, **reading)
    reader = browser(cast.charlie_user)
    answer = reader.get(page)
    assert (answer.status_code, 'value="assign"' in answer.content.decode()) == (200, False)
    sent = {"do": "assign", "entity": "customers.contact", "record.customers.contact": str(contact.pk)}
    assert reader.post(page, sent).status_code in (403, 404)


def test_who_was_told_of_a_message_forgets_with_its_sender(postbox: Postbox, box: Mailbox, cast: Any) -> None:
    postbox.put(mail("li@x.test", subject="我的病历"))
    mailboxes.read(box.pk)
    row = InboundMessage.objects.get()
    assert "li@x.test" in notify.notifications(cast.bob).notes[0].text
    lead = correspondence.make(cast.root, row.pk, "sales.lead")
    erasing.erase(cast.root, subjects.subject(cast.root, "sales.lead", lead.pk), "本人要求")
    told = Notification.objects.values_list("values", flat=True)
    assert not [one for one in told if "li@x.test" in str(one) or "病历" in str(one)]
