"""Reports by mail: on time, once, each reader with his own figures."""

from __future__ import annotations

import datetime as dt
import io
from operator import itemgetter
from smtplib import SMTPRecipientsRefused
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob
from python_calamine import CalamineWorkbook

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, NotFound
from guanxi.core.models import AccessEntry, Report, ReportSchedule, User
from guanxi.core.reporting import jobs, schedules, stored
from tests.core.reporting.conftest import NOW
from tests.factories.cast import Cast
from tests.mailserver import Letters, letters
from tests.signing import browser

pytestmark = pytest.mark.django_db
__all__ = ("letters",)
HOURS = dt.timedelta(hours=2)
GADGETS = {"dataset": "fakes.gadget", "rows": [{"field": "state"}]}


def post(now: dt.datetime) -> int:
    """Ask for what is due and do the jobs; how many mails went out."""
    schedules.send_due(now)
    return sum(schedules.send(**given) for given in waiting())


def waiting() -> list[dict[str, int]]:
    """What the mails in the queue are about, which are taken from it, by recipient."""
    rows = ProcrastinateJob.objects.filter(task_name=schedules.JOB)
    found = sorted(rows.values_list("args", flat=True), key=itemgetter("user_id"))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs WHERE task_name = %s", [schedules.JOB])
    return found


def mailed(cast: Cast, *people: User, maker: Actor | None = None) -> ReportSchedule:
    """A report of somebody's, mailed to these people at noon."""
    by = maker or cast.alice
    report = stored.setup_save(by, sort="report", name="状态", definition=GADGETS)
    return schedules.schedule_set(
        by, sort="report", key=report.key, recipients=[one.pk for one in people], every="day", hour=12
    )


@pytest.mark.parametrize(
    ("every", "weekday", "day", "expected"),
    [
        ("day", 1, 1, "2026-05-21T00:00"), ("week", 3, 1, "2026-05-27T00:00"), ("week", 5, 1, "2026-05-22T00:00"),
        ("month", 1, 20, "2026-06-20T00:00"), ("month", 1, 28, "2026-05-28T00:00"),
    ],
)  # fmt: skip
def test_the_next_moment_is_that_of_the_makers_clock(every: str, weekday: int, day: int, expected: str) -> None:
    found = schedules.next_moment(every, weekday, day, 8, "Asia/Shanghai", NOW)
    assert found.isoformat(timespec="minutes") == f"{expected}+00:00"


def test_each_reader_gets_his_own_figures_once(world: Any, cast: Cast) -> None:
    report = stored.setup_save(cast.alice, sort="report", name="状态", definition=GADGETS)
    people = [cast.alice_user.pk, cast.charlie_user.pk, cast.dave_user.pk]
    schedules.schedule_set(cast.alice, sort="report", key=report.key, recipients=people, every="day", hour=12)
    assert post(NOW) == 0
    later = NOW + dt.timedelta(hours=2)
    assert post(later) == 2
    assert post(later) == 0
    found = {one.to[0]: one for one in mail.outbox}
    assert set(found) == {"alice@guanxi.example", "charlie@guanxi.example"}
    for address, total, own in (("alice@guanxi.example", 6, 4), ("charlie@guanxi.example", 2, 2)):
        one = found[address]
        assert one.subject == "状态"
        assert f"合计: {total}" in one.body
        files = {name: content for name, content, _kind in one.attachments}
        workbook = next(content for name, content in files.items() if name.endswith(".xlsx"))
        rows = CalamineWorkbook.from_filelike(io.BytesIO(workbook)).get_sheet_by_index(0).to_python()
        assert rows[-1][1] == own, "a file holds what the reader may export"
        assert any(name.endswith(".svg") for name in files)


def test_it_arrives_over_a_mail_server(world: Any, cast: Cast, letters: Letters) -> None:
    """As a reader's program sees it: subject and text in Chinese, the workbook opens, the picture is one."""
    report = stored.setup_save(cast.alice, sort="report", name="按状态统计", definition={**GADGETS, "compare": "year"})
    people = [cast.alice_user.pk, cast.bob_user.pk]
    schedules.schedule_set(
        cast.alice, sort="report", key=report.key, recipients=people, every="week", weekday=3, hour=12
    )
    assert post(NOW + dt.timedelta(hours=2)) == 2
    assert {receiver for receiver, _letter in letters.arrived} == {"alice@guanxi.example", "bob@guanxi.example"}
    letter = letters.last("bob@guanxi.example")
    assert letter["Subject"] == "按状态统计"
    body = letter.get_body()
    assert body is not None
    assert "合计: 6" in body.get_content()
    assert f"{report.url}" in body.get_content()
    files = {one.get_filename(): one for one in letter.iter_attachments()}
    (book,) = [one for name, one in files.items() if name.endswith(".xlsx")]
    assert CalamineWorkbook.from_filelike(io.BytesIO(book.get_content())).get_sheet_by_index(0).to_python()[-1][1] == 2
    (picture,) = [one for name, one in files.items() if name.endswith(".svg")]
    assert picture.get_content_type() == "image/svg+xml"
    assert picture.get_payload(decode=True).lstrip().startswith(b"<svg")


def test_a_board_is_mailed_whole_and_a_deleted_one_not_at_all(world: Any, cast: Cast) -> None:
    report = stored.setup_save(cast.alice, sort="report", name="状态", definition=GADGETS)
    tiles = [{"report": report.key}, {"report": "customers-by-source"}]
    board = stored.setup_save(cast.alice, sort="board", name="看板", definition={"tiles": tiles})
    schedules.schedule_set(
        cast.alice, sort="board", key=board.key, recipients=[cast.alice_user.pk], every="day", hour=12
    )
    assert post(NOW + dt.timedelta(hours=2)) == 1
    assert "状态" in mail.outbox[0].body
    assert "客户来源分析" in mail.outbox[0].body
    stored.setup_delete(cast.alice, sort="board", key=board.key)
    assert post(NOW + dt.timedelta(days=2)) == 0


def test_the_dialog_keeps_and_stops_a_schedule(world: Any, cast: Cast) -> None:
    report = stored.setup_save(cast.alice, sort="report", name="状态", definition=GADGETS)
    alice = browser(cast.alice_user)
    assert alice.get(f"{report.url}mail/").status_code == 200
    sent = {"recipients": [cast.bob_user.pk], "every": "month", "day": "5", "hour": "9", "weekday": "1"}
    assert alice.post(f"{report.url}mail/", {**sent, "recipients": []}).status_code == 422
    refused = alice.post(f"{report.url}mail/", {**sent, "recipients": [cast.bob_user.pk, cast.alice_user.pk], "day": "31"})  # fmt: skip
    assert refused.status_code == 422
    assert f'<option value="{cast.bob_user.pk}" selected>' in refused.content.decode(), "nothing chosen is lost"
    assert alice.post(f"{report.url}mail/", sent).status_code == 303
    kept = ReportSchedule.objects.get()
    assert (kept.every, kept.day, kept.recipients) == ("month", 5, [cast.bob_user.pk])
    assert browser(cast.bob_user).get(f"{report.url}mail/").status_code == 404
    assert alice.post(f"{report.url}mail/", {"stop": "1"}).status_code == 303
    assert ReportSchedule.objects.count() == 0


def test_a_built_in_report_gets_a_copy_to_be_mailed(frozen: None, cast: Cast) -> None:
    made = schedules.schedule_set(
        cast.alice, sort="report", key="customers-by-source", recipients=[cast.alice_user.pk], every="week"
    )
    assert made.report is not None
    assert made.report.user_id == cast.alice_user.pk
    alice = browser(cast.alice_user)
    answer = alice.post(
        "/reports/customers-by-level/mail/", {"recipients": [cast.alice_user.pk], "every": "day", "hour": "8"}
    )
    copied = ReportSchedule.objects.get(every="day").report
    assert copied is not None
    assert (answer.status_code, answer["Location"]) == (303, f"/reports/{copied.key}/")
    assert "was made for you and will be mailed" in alice.get(answer["Location"]).content.decode()
    assert "from a copy of your own" in alice.get("/reports/customers-by-region/mail/").content.decode()
    again = {"recipients": [cast.alice_user.pk], "every": "month", "day": "3", "hour": "7"}
    dialog = alice.get("/reports/customers-by-source/mail/").content.decode()
    assert f'href="/reports/{made.report.key}/"' in dialog  # it is mailed already, and from where
    assert alice.post("/reports/customers-by-source/mail/", again)["Location"] == f"/reports/{made.report.key}/"
    assert ReportSchedule.objects.get(every="month").pk == made.pk  # the same schedule of the same copy
    assert Report.objects.count() == 2
    assert "from a copy of your own" not in alice.get(f"/reports/{made.report.key}/mail/").content.decode()
    with pytest.raises(NotFound):
        schedules.schedule_set(cast.alice, sort="report", key="no-such", recipients=[1], every="week")
    with pytest.raises(Invalid):
        schedules.schedule_set(cast.alice, sort="report", key=made.report.key, recipients=[], every="week")


def test_mailing_what_comes_with_guanxi_leads_to_the_copy_and_names_it(cast: Cast) -> None:
    alice = browser(cast.alice_user)
    sent = {"recipients": [cast.alice_user.pk], "every": "week", "weekday": "2", "hour": "9"}
    answer = alice.post("/reports/customers-by-source/mail/", sent)
    made = ReportSchedule.objects.get().report
    assert made is not None
    assert answer.headers["Location"] == f"/reports/{made.key}/" != "/reports/customers-by-source/"
    assert "was made for you" in alice.get(answer.headers["Location"]).content.decode()


def test_who_cannot_be_mailed_keeps_none_of_the_others_from_it_and_is_tried_again(
    world: Any, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailed(cast, cast.alice_user, cast.charlie_user)
    assert schedules.send_due(NOW + HOURS) == 2
    assert schedules.send_due(NOW + HOURS) == 0, "asked for once"
    (alice, charlie), sent, away = waiting(), mail.EmailMessage.send, ["alice@guanxi.example"]

    def send(letter: Any, *given: Any) -> int:
        if letter.to == away:
            raise SMTPRecipientsRefused({})
        return sent(letter, *given)

    monkeypatch.setattr(mail.EmailMessage, "send", send)
    with pytest.raises(SMTPRecipientsRefused):
        jobs.report_mail(**alice)
    assert not AccessEntry.objects.exists(), "what did not arrive was not taken"
    jobs.report_mail(**charlie)
    away.clear()
    jobs.report_mail(**alice)
    assert [one.to for one in mail.outbox] == [["charlie@guanxi.example"], ["alice@guanxi.example"]]
    assert jobs.report_mail.retry_strategy is not None


def test_rights_are_those_of_the_moment_of_sending(world: Any, cast: Cast) -> None:
    made = mailed(cast, cast.alice_user, cast.charlie_user, cast.bob_user)
    schedules.send_due(NOW + HOURS)
    alice, bob, charlie = waiting()
    User.objects.filter(pk=cast.charlie_user.pk).update(is_active=False)
    ReportSchedule.objects.filter(pk=made.pk).update(recipients=[cast.alice_user.pk, cast.charlie_user.pk])
    assert [schedules.send(**one) for one in (alice, charlie, bob)] == [True, False, False]
    ReportSchedule.objects.all().delete()
    assert not schedules.send(**alice)


def test_a_schedule_that_cannot_be_followed_stops_no_other(world: Any, cast: Cast) -> None:
    broken, _good = mailed(cast, cast.alice_user), mailed(cast, cast.bob_user, maker=cast.bob)
    User.objects.filter(pk=cast.alice_user.pk).update(timezone="Mars/Olympus")
    ReportSchedule.objects.filter(pk=broken.pk).update(next_at=NOW)
    assert schedules.send_due(NOW + HOURS) == 1
    assert [one["user_id"] for one in waiting()] == [cast.bob_user.pk]
