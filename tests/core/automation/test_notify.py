"""Who is told of what, what he reads, and by which way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from smtplib import SMTPRecipientsRefused
from typing import Any

import psycopg
import pytest
from django.core import mail
from django.db import connection, transaction
from django.utils import translation
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.contrib.django.utils import connector_params

from guanxi.core import records
from guanxi.core.automation import channels, jobs, mailing, notify, outbox
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Collaborator, Notification, RoleField, User
from guanxi.core.models.stamps import bump
from guanxi.core.records import marks, together
from tests.factories.cast import Cast
from tests.signing import browser

Make = Callable[..., Any]
MORNING = dt.datetime(2026, 3, 2, 0, 30, tzinfo=dt.UTC)  # 08:30 in Shanghai


def share(record: Any, user: User) -> None:
    Collaborator.objects.create(entity="fakes.gadget", record_id=record.pk, user=user, level="read")


def told() -> list[tuple[str, str]]:
    rows = Notification.objects.order_by("pk").values_list("user__username", "sort")
    return list(rows)


@pytest.fixture
def gadget(make: Make) -> Any:
    """A gadget of Alice's; everything said about it so far is forgotten."""
    found = make("fakes.gadget", name="水泵")
    outbox.deliver_all()
    Notification.objects.all().delete()
    return found


def test_a_comment_tells_who_is_mentioned_then_owner_and_followers(cast: Cast, gadget: Any) -> None:
    share(gadget, cast.charlie_user)
    charlie = cast.actor(cast.charlie_user)
    marks.follow(charlie, gadget)
    together.comment_add(cast.bob, gadget, "@林爱丽 请看，@查理 也看，@戴夫 不能看")
    outbox.deliver_all()
    assert told() == [("alice", "mention"), ("charlie", "mention")]  # Dave may not see it, Bob wrote it
    together.comment_add(cast.bob, gadget, "没有点名")
    outbox.deliver_all()
    assert told()[2:] == [("alice", "comment"), ("charlie", "comment")]
    with translation.override("en"):
        texts = [note.text for note in notify.notifications(cast.alice).notes]
    assert texts == ["鲍勃 commented on 水泵", "鲍勃 mentioned you on 水泵"]


def test_telling_the_same_event_twice_changes_nothing(cast: Cast, gadget: Any) -> None:
    together.comment_add(cast.bob, gadget, "@林爱丽 请看")
    outbox.deliver_all()
    before = list(Notification.objects.values_list("pk", flat=True))
    outbox.OutboxEvent.objects.filter(name="fakes.gadget.commented").update(delivered_at=None)
    assert outbox.deliver_all().told == 1
    assert list(Notification.objects.values_list("pk", flat=True)) == before


def test_a_new_owner_is_told_and_a_follower_of_changes(cast: Cast, gadget: Any) -> None:
    marks.follow(cast.bob, gadget)
    records.update(cast.root, gadget, {"owner": cast.charlie_user.pk})
    outbox.deliver_all()
    assert told() == [("charlie", "assigned")]  # Bob sees it no more, so nothing is said to him
    Notification.objects.all().delete()
    records.update(cast.root, gadget, {"owner": cast.alice_user.pk})
    records.update(cast.alice, gadget, {"note": "改"})
    outbox.deliver_all()
    assert told() == [("alice", "assigned"), ("bob", "change"), ("bob", "change")]
    marks.mute(cast.bob, gadget)
    records.update(cast.alice, gadget, {"note": "再改"})
    together.comment_add(cast.alice, gadget, "@鲍勃 这个要看")
    outbox.deliver_all()
    assert told()[3:] == [("bob", "mention")]  # muted, except what is meant for oneself


def test_a_follower_hears_of_what_is_added_to_the_record(cast: Cast, gadget: Any) -> None:
    marks.follow(cast.bob, gadget)
    records.create(cast.alice, "fakes.part", {"name": "叶轮", "gadget": gadget.pk})
    outbox.deliver_all()
    (note,) = notify.notifications(cast.bob).notes
    assert (note.sort, note.entity, note.record_id, note.title) == ("change", "fakes.gadget", gadget.pk, "水泵")
    with translation.override("en"):
        (note,) = notify.notifications(cast.bob).notes
    assert note.text == "林爱丽 added to 水泵: Part"


def test_what_one_may_no_longer_see_is_neither_listed_nor_counted(cast: Cast, make: Make) -> None:
    first, second = make("fakes.gadget", name="一号"), make("fakes.gadget", name="二号", by=cast.charlie_user)
    share(second, cast.bob_user)
    bob = cast.actor(cast.bob_user)
    for record in (first, second):
        assert notify.notify([cast.bob_user.pk], "comment", "%(record)s", record=record) == [cast.bob_user.pk]
    notify.notify([cast.bob_user.pk], "operation", "fertig")
    assert notify.unread_count(bob) == 3
    Collaborator.objects.all().delete()
    bob = cast.actor(cast.bob_user)
    assert notify.unread_count(bob) == 2
    assert [note.title for note in notify.notifications(bob).notes] == ["", "一号"]
    assert notify.unread_count(cast.alice) == 0


def test_pages_go_on_where_the_last_one_ended(cast: Cast, make: Make) -> None:
    record = make("fakes.gadget")
    hidden = make("fakes.gadget", by=cast.charlie_user)
    Notification.objects.bulk_create(
        Notification(user=cast.bob_user, sort="comment", text=f"{n}", entity="fakes.gadget",
                     record_id=(hidden if n % 3 == 0 else record).pk)
        for n in range(20)
    )  # fmt: skip
    found: list[str] = []
    position = 0
    for _turn in range(10):
        page = notify.notifications(cast.bob, before=position, limit=4)
        found += [note.text for note in page.notes]
        position = page.next
        if not position:
            break
    assert found == [str(n) for n in range(19, -1, -1) if n % 3]
    groups = notify.notifications(cast.bob).groups
    assert [(group.record_id, len(group.notes), group.unread) for group in groups] == [(record.pk, 13, 13)]


def test_read_and_unread(cast: Cast, make: Make) -> None:
    first, second = make("fakes.gadget"), make("fakes.gadget")
    for record in (first, first, second):
        notify.notify([cast.bob_user.pk], "comment", "x", record=record)
    assert notify.mark_read(cast.bob, record=first) == 2
    assert notify.unread_count(cast.bob) == 1
    ids = [note.id for note in notify.notifications(cast.bob).notes]
    assert notify.mark_read(cast.alice, ids) == 0  # somebody else's
    assert notify.mark_read(cast.bob, ids[:1]) == 1
    assert notify.mark_read(cast.bob, ids, read=False) == 3
    assert notify.mark_read(cast.bob) == 3
    state = notify.live_state(cast.bob)
    assert (state["unread"], state["latest"]) == (0, ids[0])


def test_everybody_chooses_his_ways(cast: Cast, make: Make) -> None:
    record = make("fakes.gadget")
    channels.ways_set(cast.bob, "comment", web=False)
    assert notify.notify([cast.bob_user.pk], "comment", "x", record=record) == []
    channels.ways_set(cast.bob, "comment", mail="digest")
    assert notify.notify([cast.bob_user.pk], "comment", "x", record=record) == [cast.bob_user.pk]
    assert notify.unread_count(cast.bob) == 0  # only by mail
    bob = User.objects.get(pk=cast.bob_user.pk)
    assert [note.text for note in notify.unmailed(bob, "digest")] == ["x"]
    with pytest.raises(Invalid):
        channels.ways_set(cast.bob, "nonsense", web=True)
    with pytest.raises(Invalid):
        channels.ways_set(cast.bob, "comment", mail="pigeon")
    assert channels.ways(bob, "comment") == channels.Ways(web=False, mail="digest")
    assert channels.ways(cast.alice_user, "comment") == channels.Ways(web=True, mail="off")


def test_the_daily_mail_goes_out_at_eight_once(cast: Cast, make: Make) -> None:
    record = make("fakes.gadget", name="水泵")
    User.objects.filter(pk=cast.alice_user.pk).update(language="en", timezone="Europe/Berlin")
    with clock.moved_to(MORNING - dt.timedelta(hours=5)):
        for user in (cast.bob_user, cast.alice_user):
            notify.notify([user.pk], "mention", notify_text(), record=record, by=cast.root_user.pk)
            notify.notify([user.pk], "assigned", "%(by)s gave you %(record)s", record=record, by=cast.root_user.pk)
            notify.notify([user.pk], "comment", "not by mail", record=record)
    with clock.moved_to(MORNING):
        assert mailing.send_digests(MORNING) == 1  # Bob in Shanghai; in Berlin it is 01:30
        assert mailing.send_digests(MORNING) == 0
    (letter,) = mail.outbox
    assert letter.to == ["bob@guanxi.example"]
    berlin = MORNING + dt.timedelta(hours=7)
    with clock.moved_to(berlin):
        assert mailing.send_digests(berlin) == 1
    assert mail.outbox[1].to == ["alice@guanxi.example"]
    assert mail.outbox[1].subject == "2 notifications"
    lines = mail.outbox[1].body.split("\n\n")
    assert lines[0] == "Hello 林爱丽,"
    assert lines[1].startswith("管理员 mentioned you on 水泵\nhttp")
    assert lines[1].endswith(f"/gadgets/{record.pk}/")
    assert lines[2].startswith("管理员 gave you 水泵\n")


def notify_text() -> str:
    return "%(by)s mentioned you on %(record)s"


def test_mail_at_once_is_one_job_for_several(cast: Cast, make: Make) -> None:
    record = make("fakes.gadget", name="水泵")
    channels.ways_set(cast.bob, "mention", mail="now")
    for _turn in range(3):
        notify.notify([cast.bob_user.pk], "mention", notify_text(), record=record, by=cast.alice_user.pk)
    jobs_waiting = ProcrastinateJob.objects.filter(task_name=notify.MAIL_JOB)
    assert [job.args for job in jobs_waiting] == [{"user_id": cast.bob_user.pk}]
    jobs.mail_send(user_id=cast.bob_user.pk)
    (letter,) = mail.outbox
    assert letter.body.count("水泵") == 3
    assert mailing.send_now(cast.bob_user.pk) == 0


@pytest.mark.django_db(transaction=True)
def test_open_pages_are_told_when_it_commits(base_data: None) -> None:
    user = User.objects.create(username="live", name="Live")
    with psycopg.connect(**connector_params(), autocommit=True) as listener:
        listener.execute(f"LISTEN {notify.LIVE_CHANNEL}")
        with transaction.atomic():
            notify.notify([user.pk], "operation", "x")
            assert [call.payload for call in listener.notifies(timeout=0.2)] == []
        assert [call.payload for call in listener.notifies(timeout=5, stop_after=1)] == [str(user.pk)]
    connection.close()


def test_the_page_of_ones_own_ways(cast: Cast) -> None:
    client = browser(cast.bob_user)
    page = client.get("/account/notifications/").content.decode()
    assert 'name="web.mention" checked' in page
    sent = {"web.comment": "on", "mail.comment": "now", "mail.mention": "digest"}
    assert client.post("/account/notifications/", sent).status_code in (200, 302, 303)
    bob = User.objects.get(pk=cast.bob_user.pk)
    assert channels.ways(bob, "comment") == channels.Ways(web=True, mail="now")
    assert channels.ways(bob, "mention") == channels.Ways(web=False, mail="digest")
    assert client.post("/account/notifications/", {"mail.comment": "pigeon"}).status_code == 422
    assert channels.ways(User.objects.get(pk=bob.pk), "comment").mail == "now"


def test_much_at_once_is_told_once(cast: Cast, gadget: Any) -> None:
    given = {"name": "x", "owner": cast.bob_user.pk}
    records.bulk.create_many(cast.root, "fakes.gadget", [given] * 3)
    outbox.deliver_all()
    assert told() == []  # loaded in bulk
    for _turn in range(15):
        records.create(cast.root, "fakes.gadget", given)
    outbox.deliver_all()
    assert told() == [("bob", "assigned")] * 11
    with translation.override("en"):
        latest = notify.notifications(cast.bob).notes[0]
    assert (latest.text, latest.record_id) == ("管理员 gave you many records (Gadget)", 0)


def test_every_sort_of_notification_has_a_chinese_name() -> None:
    with translation.override("zh-hans"):
        assert [key for key, sort in channels.SORTS.items() if str(sort.label).isascii()] == []


def test_an_address_that_is_refused_keeps_nobody_else_from_the_daily_mail(
    cast: Cast, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, sent = make("fakes.gadget", name="水泵"), mail.EmailMessage.send

    def send(letter: Any, *given: Any) -> int:
        if letter.to == ["alice@guanxi.example"]:
            raise SMTPRecipientsRefused({})
        return sent(letter, *given)

    with clock.moved_to(MORNING - dt.timedelta(hours=5)):
        for user in (cast.alice_user, cast.bob_user):
            notify.notify([user.pk], "mention", notify_text(), record=record, by=cast.root_user.pk)
    with clock.moved_to(MORNING), monkeypatch.context() as refusing:
        refusing.setattr(mail.EmailMessage, "send", send)
        assert mailing.send_digests(MORNING) == 1
    tomorrow = MORNING + dt.timedelta(days=1)
    with clock.moved_to(tomorrow):
        assert mailing.send_digests(tomorrow) == 1
    assert [letter.to for letter in mail.outbox] == [["bob@guanxi.example"], ["alice@guanxi.example"]]


def unread_text(actor: Any) -> str:
    with translation.override("en"):
        return notify.notifications(actor, limit=1).notes[0].text


def hide(cast: Cast, **levels: str) -> Any:
    """Alice with these levels on fields of gadgets."""
    RoleField.objects.filter(role=cast.role).delete()
    rows = [RoleField(role=cast.role, entity="fakes.gadget", field=name, level=level) for name, level in levels.items()]
    RoleField.objects.bulk_create(rows)
    bump("rights", "fields")
    return cast.actor(cast.alice_user)


def test_a_title_is_the_readers_whatever_the_values_say(cast: Cast, gadget: Any) -> None:
    said = {"record": "水泵", "by": "水泵", "task": "看"}
    notify.notify(
        [cast.alice_user.pk], "workflow", "%(by)s: %(task)s (%(record)s)", said, record=gadget, by=cast.bob_user.pk
    )
    assert unread_text(cast.alice) == "鲍勃: 看 (水泵)"
    assert unread_text(hide(cast, name="masked")) == "鲍勃: 看 (水*)"
    assert "水" not in unread_text(hide(cast, name="hidden"))
    notify.notify([cast.alice_user.pk], "approval", "%(record)s", {"record": "删除水泵"})
    assert unread_text(cast.alice) == "删除水泵", "what is about no record is called as it says"


def test_fields_in_a_notice_are_read_for_its_reader(cast: Cast, gadget: Any) -> None:
    records.update(cast.alice, gadget, {"price": "5555555", "email": "wang@kunlun.test", "keeper": cast.bob_user.pk})
    names = ("price", "email", "keeper", "made_on", "no_such")
    values = {name: notify.field_told(name) for name in names}
    values["kept"] = notify.told_to_readers("29", "fakes.gadget", "weight", "pieces")
    text = "; ".join(f"%({name})s" for name in values)
    notify.notify([cast.alice_user.pk], "change", text, values, record=gadget)
    assert unread_text(cast.alice) == "¥5,555,555; wang@kunlun.test; 鲍勃; …; …; 29"
    records.update(cast.alice, gadget, {"price": "7"})
    assert unread_text(cast.alice).startswith("¥7; "), "as it is when it is read"
    masked = unread_text(hide(cast, price="masked", email="masked", pieces="masked"))
    assert masked == "****; w****@kunlun.test; 鲍勃; …; …; …"
    assert unread_text(hide(cast, price="hidden", email="hidden", keeper="hidden")) == "…; …; …; …; …; 29"
