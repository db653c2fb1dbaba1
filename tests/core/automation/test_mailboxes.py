"""Mailboxes: where reading begins, what fails and is tried again, what settings keep."""

from __future__ import annotations

import datetime as dt
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from guanxi.core.automation.incoming import imap, mailboxes, sealed
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid, Unavailable
from guanxi.core.models import (
    AuditEntry,
    File,
    InboundMessage,
    Mailbox,
)
from guanxi.core.records import files
from guanxi.runtime.environment import environment
from tests.core.automation.posted import box, mail
from tests.imapserver import Postbox, _imap_server, postbox
from tests.signing import browser

__all__ = ["_imap_server", "box", "postbox"]


pytestmark = pytest.mark.django_db


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
