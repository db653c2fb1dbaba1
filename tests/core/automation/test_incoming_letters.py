"""What strangers send: odd charsets, endless parts, broken heads; and text messages a gateway signs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from django.test import Client

from guanxi.core.automation.incoming import letters, mailboxes, sealed
from guanxi.core.kernel import clock
from guanxi.core.models import InboundMessage, Mailbox
from tests.core.web.conftest import browse  # noqa: F401 - a fixture


def test_chinese_charsets_and_encoded_heads() -> None:
    raw = (
        b"From: =?gb2312?B?" + base64.b64encode("王芳".encode("gb18030")) + b"?= <W@X.test>\n"
        b"Subject: =?GBK?Q?" + b"".join(b"=%02X" % one for one in "镕基".encode("gb18030")) + b"?=\n"
        b"Date: Thu, 01 Jan 2099 00:00:00 +0800\nContent-Type: text/plain; charset=gb2312\n"
        b"Content-Transfer-Encoding: 8bit\n\n" + "喆镕，您好".encode("gb18030")
    )
    found = letters.read(raw)
    assert (found.sender, found.sender_name, found.subject, found.body) == ("w@x.test", "王芳", "镕基", "喆镕，您好")
    assert found.at <= clock.now(), "nobody writes in the future"
    assert len(found.external_id) == 64, "without a Message-ID the contents stand for it"


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe\x00", b"From:\n\n", b"Content-Type: multipart/mixed; boundary=x\n\n--x\n--x\n", b"Subject: =?utf-8?B?####?=\n\nx", b"Content-Type: text/plain; charset=klingon\n\nx\xe9", b"Content-Type: text/html\n\n<p>" + b"<div>" * 5000, b"Content-Disposition: attachment; filename*=klingon''%FF\n\nx", b"Content-Transfer-Encoding: base64\n\n%%%", b"From: a@b.test\nContent-Type: message/rfc822\n\n\x80"])  # fmt: skip
def test_broken_mails_are_read_all_the_same(raw: bytes) -> None:
    found = letters.read(raw)
    assert isinstance(found.body, str)
    assert "\0" not in found.body


def test_heads_nobody_encoded_and_charsets_that_are_none() -> None:
    raw = "From: 王芳 <w@x.test>\nSubject: 询价\n\n".encode("gb18030") + "泵".encode("gb18030")
    found = letters.read(raw)
    assert (found.sender, found.sender_name, found.subject, found.body) == ("w@x.test", "王芳", "询价", "泵")
    for charset, content in (
        ("utf-7", b"+2AA-"),
        ("unicode_escape", b"\\ud800"),
        ("punycode", b"x-\xff"),
        ("zip", b"x"),
    ):
        head = b"From: \xe9\xff <a@b.test>\nMessage-ID: <\xff>\nSubject: =?%b?Q?=5Cud800+2AA-?=\n" % charset.encode()
        found = letters.read(head + b"Content-Type: text/plain; charset=%b\n\n" % charset.encode() + content)
        words = (found.sender_name, found.subject, found.body, found.external_id)
        assert "".join(words).encode(), charset  # a half character would not be stored
        assert found.sender == "a@b.test"


def test_what_takes_long_to_read_is_read_in_part() -> None:
    crowd = letters.read(b"From: a@b.test\nContent-Type: text/html\n\n" + b"<p>" * 20_000 + b"words &amp; more")
    assert (crowd.html, crowd.body) == ("words &amp; more", "words & more")
    heads = letters.read(b"From: a@b.test\nSubject: " + b"=?utf-8?q?a?= " * 50_000 + b"\nTo: " + b"(" * 5000 + b"\n\nx")
    assert (heads.sender, heads.subject, heads.to, heads.body) == ("a@b.test", "a" * 300, (), "x")
    inner = letters.read(
        b"From: a@b.test\nSubject: deep\nContent-Type: message/rfc822\n\n" + b"Content-Type: message/rfc822\n\n" * 3000
    )
    parts = letters.read(b"From: a@b.test\nContent-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 20_000)
    assert (inner.sender, inner.subject, parts.sender, parts.body) == ("a@b.test", "deep", "a@b.test", "")


def test_a_cut_leaves_no_tag_open() -> None:
    long = b'<a href="https://x.test/' + b"a" * 60 + b'">x</a>'
    found = letters.read(b"From: a@b.test\nContent-Type: text/html\n\n" + long * 3000)
    assert len(found.html) > 99_000
    assert found.html.count("<a ") == found.html.count("</a>")
    assert found.html.endswith("</a>")


def test_endless_nesting_ends() -> None:
    head = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(400))
    found = letters.read(b"From: a@b.test\n" + head + b"Content-Type: text/plain\n\ndeep")
    assert (found.sender, found.attachments) == ("a@b.test", ())


def test_formatted_text_is_cleaned_and_quotes_are_left_out() -> None:
    found = letters.read(
        b"From: a@b.test\nContent-Type: text/html; charset=utf-8\n\n<p>Hello <b>you</b></p><script>x()</script>"
        b'<img src="http://t.test/x.gif"><a href="javascript:x">l</a>'
    )
    assert found.body.startswith("Hello you")
    assert not any(word in found.html + found.body for word in ("script", "img", "javascript", "x()"))
    text = "好的。\n\n在 2026年1月1日，张伟 写道：\n> 旧的"
    assert letters.fresh(text) == "好的。"
    assert letters.fresh("> nothing but a quote") == "> nothing but a quote"


@pytest.mark.parametrize(("head", "automatic"), [("Auto-Submitted: no", False), ("Auto-Submitted: auto-generated", True), ("Precedence: list", True), ("List-Id: <x.test>", True), ("X-Spam: no", False)])  # fmt: skip
def test_what_machines_write_is_known(head: str, automatic: bool) -> None:
    assert letters.read(f"From: a@b.test\n{head}\n\nx".encode()).automatic is automatic


# -- text messages -----------------------------------------------------------------------------------------------------


@pytest.fixture
def number(cast: Any) -> Mailbox:
    return mailboxes.mailbox_save(cast.root, None, {"name": "短信", "channel": "sms", "active": "1"})


def post(client: Client, box: Mailbox, given: Any, *, key: str = "", at: float = 0, identity: str = "m1") -> Any:
    body, stamp = json.dumps(given), str(int(at or clock.now().timestamp()))
    signed = hmac.new(
        (key or sealed.unseal(box.secret)).encode(), f"{identity}.{stamp}.{body}".encode(), hashlib.sha256
    )
    head = {"webhook-id": identity, "webhook-timestamp": stamp, "webhook-signature": f"v1,{base64.b64encode(signed.digest()).decode()}"}  # fmt: skip
    return client.post(f"/hooks/messages/{box.pk}/", body, content_type="application/json", headers=head)


@pytest.mark.django_db
def test_a_signed_text_message_comes_in_once(client: Client, number: Mailbox, make: Any, cast: Any) -> None:
    lead = make("sales.lead", owner=cast.alice_user, phones=[{"value": "13800138000"}])
    given = {"from": "138 0013 8000", "text": "请回电\x00话"}
    assert (post(client, number, given).status_code, post(client, number, given).json()) == (200, {"taken": False})
    row = InboundMessage.objects.get()
    assert (row.channel, row.sender, row.body, row.record_id) == ("sms", "+8613800138000", "请回电话", lead.pk)


@pytest.mark.django_db
def test_what_is_not_signed_late_or_nonsense_is_refused(
    client: Client,
    number: Mailbox,
    cast: Any,
    browse: Any,  # noqa: F811
) -> None:
    good = {"from": "13800138000", "text": "喂"}
    assert post(client, number, good, key="another").status_code == 403
    assert post(client, number, good, at=clock.now().timestamp() - 400).status_code == 403
    assert post(client, number, [], identity="m2").status_code == 422
    assert post(client, number, {"from": "nobody", "text": "x"}, identity="m3").status_code == 422
    assert post(client, number, {"from": "13800138000", "text": " "}, identity="m4").status_code == 422
    before = sealed.unseal(number.secret)
    mailboxes.secret_renew(cast.root, number)
    assert post(client, number, good, key=before, identity="m5").status_code == 403
    Mailbox.objects.update(active=False)
    number.refresh_from_db()
    assert post(client, number, good, identity="m6").status_code == 403
    form = {"from": "13800138000", "text": "a form"}
    assert client.post(f"/hooks/messages/{number.pk}/", form).status_code == 403
    assert browse("root").post(f"/hooks/messages/{number.pk}/", form).status_code == 400
    assert not InboundMessage.objects.exists()


@pytest.mark.django_db
def test_a_stranger_does_not_learn_which_numbers_there_are(client: Client, number: Mailbox, cast: Any) -> None:
    letterbox = Mailbox.objects.create(name="邮箱", channel="mail", secret=number.secret)
    off = mailboxes.mailbox_save(cast.root, None, {"name": "停用", "channel": "sms"})
    lost = mailboxes.mailbox_save(cast.root, None, {"name": "旧", "channel": "sms", "active": "1"})
    blank = Mailbox.objects.create(name="空", channel="sms", active=True)
    Mailbox.objects.filter(pk=lost.pk).update(secret="sealed under another key")
    good, answers = {"from": "13800138000", "text": "喂"}, set()
    for pk in (number.pk, letterbox.pk, off.pk, lost.pk, blank.pk, number.pk + 1000, 2**70):
        for key in ("another", ""):
            answer = post(client, Mailbox(pk=pk, secret=sealed.seal(key)), good)
            answers.add((answer.status_code, answer.content))
    assert [one[0] for one in answers] == [403]
    assert not InboundMessage.objects.exists()


@pytest.mark.django_db
def test_a_key_nobody_can_read_any_more_can_be_renewed_on_its_page(number: Mailbox, browse: Any) -> None:  # noqa: F811
    Mailbox.objects.update(secret="sealed under another key")
    root, page = browse("root"), f"/settings/mailboxes/{number.pk}/"
    assert root.get(page).status_code == 200
    assert root.post(page, {"channel": "sms", "name": "短信", "do": "renew"}).status_code == 303
    number.refresh_from_db()
    assert sealed.unseal(number.secret) in root.get(page).content.decode()
