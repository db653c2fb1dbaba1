"""Mails that come in over IMAP: each once, on the record it belongs to, heard by rules, answered once a day."""

from __future__ import annotations

import datetime as dt
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from guanxi.core import records
from guanxi.core.automation import messages, notify
from guanxi.core.automation.incoming import correspondence, imap, mailboxes, sealed, threads
from guanxi.core.automation.incoming.correspondence import Writing
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid, NotFound, Unavailable
from guanxi.core.models import (
    AuditEntry,
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
from guanxi.core.records import files, purging, timeline
from guanxi.runtime.environment import environment
from tests.core.automation.ruling import rule, settle
from tests.imapserver import Postbox, _imap_server, postbox
from tests.mailserver import Letters, letters
from tests.signing import browser

__all__ = ["_imap_server", "letters", "postbox"]
pytestmark = pytest.mark.django_db


def mail(
    sender: str = "王芳 <wang@kunlun.test>", subject: str = "报价", body: str = "请发一份报价。", **headers: str
) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, "service@guanxi.test", subject
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    if "Message_ID" not in headers:
        message["Message-ID"] = f"<{abs(hash((sender, subject, body)))}@kunlun.test>"
    message.set_content(body)
    return message.as_bytes()


@pytest.fixture
def box(postbox: Postbox, cast: Any) -> Mailbox:
    made = mailboxes.mailbox_save(cast.root, None, postbox.settings(replies="1", keeper=str(cast.bob_user.pk)))
    mailboxes.read(made.pk)  # begins with what arrives from now on
    return made


@pytest.fixture
def contact(make: Any, cast: Any) -> Any:
    customer = make("customers.customer", owner=cast.alice_user, name="昆仑机电")
    return make(
        "customers.contact",
        owner=cast.alice_user,
        customer=customer,
        name="王芳",
        emails=[{"value": "Wang@kunlun.test"}],
    )


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


def test_a_mailbox_begins_with_the_mails_of_today_and_goes_on_from_there(postbox: Postbox, cast: Any) -> None:
    now = clock.now().astimezone(ZoneInfo(environment().time_zone))
    postbox.put(mail(subject="去年"), at=now - dt.timedelta(days=300))
    bare = mailboxes.mailbox_save(cast.root, None, postbox.settings())
    assert (mailboxes.read(bare.pk), mailboxes.read(bare.pk)) == (0, 0), "what lay there before stays there"
    postbox.put(mail(subject="刚到"), at=now)
    assert mailboxes.read(bare.pk) == 1
    Mailbox.objects.update(uid_validity=7, failing_since=now - dt.timedelta(days=9), checked_at=now)
    postbox.put(mail(subject="停机时"), at=now - dt.timedelta(days=8))
    postbox.put(mail(subject="之前"), at=now - dt.timedelta(days=40))
    assert mailboxes.read(bare.pk) == 1, "numbered anew, what came while it could not be read is read"
    assert mailboxes.read(bare.pk) == 0
    begun = mailboxes.mailbox_save(cast.root, None, postbox.settings(name="另一个"))
    InboundMessage.objects.all().delete()
    assert mailboxes.read(begun.pk) == 1, "mails of today"
    assert InboundMessage.objects.get().subject == "刚到"


def test_a_mailbox_waits_once_in_the_queue(box: Mailbox) -> None:
    for _turn in range(3):
        mailboxes.ask(box.pk)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE task_name = %s AND status = 'todo'", [mailboxes.JOB]
        )
        assert cursor.fetchone()[0] == 1


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


def test_a_mail_with_pictures_waits_until_they_can_be_taken_in(
    postbox: Postbox, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = Path(__file__).parents[1] / "records" / "data" / "place.heic"
    letter = EmailMessage()
    letter["From"], letter["Subject"] = "wang@kunlun.test", "现场"
    letter.set_content("见附件")
    letter.add_attachment(picture.read_bytes(), maintype="image", subtype="heic", filename="现场.heic")
    letter.add_attachment(picture.read_bytes()[:400], maintype="image", subtype="heic", filename="断.heic")
    letter.add_attachment(b"MZ", maintype="application", subtype="octet-stream", filename="a.exe")
    postbox.put(letter.as_bytes())
    monkeypatch.setattr(files, "PATIENCE", 0.1)
    with files._turn():
        assert mailboxes.read(box.pk) == 0
    box.refresh_from_db()
    assert (box.failures, InboundMessage.objects.count()) == (1, 0)
    assert mailboxes.read(box.pk) == 1
    row = InboundMessage.objects.get()
    assert list(File.objects.filter(pk__in=row.files).order_by("pk").values_list("name", "is_picture")) == [
        ("现场.jpg", True),
        ("断.heic", False),
    ]
    assert row.note == "有 1 个附件未被接收。"


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


def test_a_server_that_fails_is_noted_retried_and_harms_nothing(postbox: Postbox, box: Mailbox, cast: Any) -> None:
    good = box.port
    Mailbox.objects.update(port=1)
    assert mailboxes.read(box.pk) == 0
    assert mailboxes.read(box.pk) == 0
    box.refresh_from_db()
    assert (box.failures, box.error) == (2, "无法读取邮件服务器“127.0.0.1”：该端口没有服务")
    assert 100 < (box.next_at - clock.now()).total_seconds() <= 120, "the pause grows"
    Mailbox.objects.update(port=good)
    postbox.put(mail())
    assert mailboxes.read(box.pk) == 1
    box.refresh_from_db()
    assert (box.failures, box.error, box.failing_since) == (0, "", None)


def test_settings_keep_the_secret_and_test_in_plain_words(postbox: Postbox, box: Mailbox, cast: Any) -> None:
    assert "post" not in box.secret
    assert sealed.unseal(box.secret) == "post"
    written = AuditEntry.objects.filter(entity="core_mailbox").values_list("changes", flat=True)
    assert written
    assert all("secret" not in one for one in written)
    kept = postbox.settings(password="")
    assert "0" in mailboxes.tried(cast.root, box, kept)
    with pytest.raises(Invalid) as refused:
        mailboxes.tried(cast.root, box, postbox.settings(password="wrong"))
    assert refused.value.field == "username"
    with pytest.raises(Invalid) as folder:
        mailboxes.tried(cast.root, box, {**kept, "folder": "没有"})
    assert folder.value.field == "folder"
    with pytest.raises(Unavailable) as port:
        mailboxes.tried(cast.root, box, {**kept, "port": "1"})
    assert port.value.field == "port"
    for send in (mailboxes.tried, mailboxes.mailbox_save):
        with pytest.raises(Invalid) as elsewhere:
            send(cast.root, box, {**kept, "host": "elsewhere.test"})
        assert elsewhere.value.field == "password", "the one that is kept goes to no other server"
    for name, value in (("port", "x"), ("host", ""), ("address", "nobody"), ("security", "x"), ("unknown", "core.user"), ("name", "")):  # fmt: skip
        with pytest.raises(Invalid) as bad:
            mailboxes.mailbox_save(cast.root, box, {**kept, name: value})
        assert bad.value.field == name
    with pytest.raises(Denied):
        mailboxes.mailbox_save(cast.alice, box, kept)
    box.refresh_from_db()
    assert box.address == "service@guanxi.test"


def test_one_writes_only_to_addresses_of_the_record(contact: Any, cast: Any) -> None:
    good = Writing(channel="mail", to="Wang@kunlun.test", subject="s", body="b")
    for name, value in (("to", "else@where.test"), ("subject", " "), ("body", ""), ("body", "{{ secret }}"), ("body", "{% if %}")):  # fmt: skip
        with pytest.raises(Invalid) as bad:
            correspondence.write(cast.alice, contact, Writing(**{**{n: getattr(good, n) for n in ("channel", "to", "subject", "body")}, name: value}))  # fmt: skip
        assert bad.value.field == name
    with pytest.raises((Denied, NotFound)):
        correspondence.write(cast.charlie, contact, good)
    assert not OutboundMessage.objects.exists()


def test_names_of_folders() -> None:
    assert imap._quoted("INBOX") == '"INBOX"'
    assert imap._quoted('工作 & "x"') == '"&XeVPXA- &- \\"x\\""'


def test_a_mailbox_never_becomes_a_gateway_that_shows_its_password(cast: Any, box: Mailbox) -> None:
    before = Mailbox.objects.get(pk=box.pk).secret
    sent = {"channel": "sms", "name": "偷看", "address": "+8613800138000", "do": "save", "version": str(box.version)}
    page = browser(cast.root_user).post(f"/settings/mailboxes/{box.pk}/", sent).content.decode()
    found = Mailbox.objects.get(pk=box.pk)
    assert (found.channel, found.secret) == ("mail", before)
    assert f'value="{sealed.unseal(before)}"' not in page


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
