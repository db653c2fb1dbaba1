"""Work reports write themselves, are sent and read; who has not sent is listed and reminded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from guanxi.areas.diary import panels, selectors, services
from guanxi.areas.diary.jobs import missing_remind
from guanxi.areas.diary.models import WorkReport
from guanxi.core import records
from guanxi.core.access import actors
from guanxi.core.kernel import clock, regional
from guanxi.core.kernel.errors import Denied, Invalid, NotFound, RuleBroken
from guanxi.core.models import Notification, Role, User
from guanxi.core.models.stamps import bump
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db
Make = Callable[..., Any]
#: A Wednesday in Shanghai, at six in the evening.
NOW = dt.datetime(2026, 5, 20, 10, 0, tzinfo=dt.UTC)
DAY = dt.date(2026, 5, 20)


@pytest.fixture(autouse=True)
def _frozen() -> Iterator[None]:
    with clock.moved_to(NOW):
        yield


@pytest.fixture
def boss(cast: Cast) -> User:
    """Alice's superior; he sees the department."""
    made = User.objects.create(username="boss", name="老板", department=cast.south)
    made.roles.add(Role.objects.get(key="manager"))
    User.objects.filter(pk=cast.alice_user.pk).update(superior=made)
    for user in (cast.alice_user, cast.bob_user):
        user.roles.set([Role.objects.get(key="member")])
    bump("rights", "people")
    return made


def alice_of(cast: Cast) -> Any:
    """Alice with the rights of a member."""
    return actors.load(cast.alice_user, via="test")


def test_a_report_writes_itself_from_what_was_done(cast: Cast, boss: User, make: Make) -> None:
    alice = alice_of(cast)
    customer = records.create(alice, "customers.customer", {"name": "今日新客户"})
    old = make("customers.customer", name="老客户")
    for kind, at in (("visit", NOW), ("call", NOW), ("note", NOW), ("call", NOW - dt.timedelta(days=2))):
        make("activities.activity", customer=old, kind=kind, body=kind, occurred_at=at)
    make("activities.activity", customer=make("customers.customer", by=cast.bob_user), by=cast.bob_user, kind="visit")
    make("activities.followupplan", customer=old, subject="送合同", planned_at=NOW + dt.timedelta(hours=18))
    found = {
        one["label"]: (one["number"], one["names"])
        for one in panels.lines(alice, alice.user_id, selectors.window("day", DAY))
    }
    assert {str(label): number for label, (number, _names) in found.items()} == {
        "新增客户": 1,
        "拜访": 1,
        "其他跟进": 1,
    }
    assert str(customer) in found["新增客户"][1]
    assert selectors.plan_lines(alice, alice.user_id or 0, "day", DAY) == "1. 送合同 · 老客户"
    week = {
        str(one["label"]): one["number"] for one in panels.lines(alice, alice.user_id, selectors.window("week", DAY))
    }
    assert week["其他跟进"] == 2


def test_a_report_is_written_sent_read_and_commented(cast: Cast, boss: User, make: Make) -> None:
    alice, chief = alice_of(cast), actors.load(boss, via="test")
    make("activities.activity", kind="visit", occurred_at=NOW)
    report = services.work_report_write(alice, period="day", day=DAY, values={"summary": "拜访一家"})
    assert services.work_report_write(alice, period="day", day=DAY, values={"plan": "回访"}).pk == report.pk
    report.refresh_from_db()
    sent = services.work_report_send(alice, report)
    assert (sent.status, sent.summary, sent.plan) == ("sent", "拜访一家", "回访")
    assert [(one["what"], one["number"]) for one in sent.facts] == [("拜访", 1)]
    assert Notification.objects.filter(user=boss, record_id=sent.pk).count() == 1
    with pytest.raises(RuleBroken):
        records.update(alice, sent, {"summary": "改"})
    with pytest.raises(RuleBroken):
        services.work_report_send(alice, sent)
    with pytest.raises(RuleBroken):
        services.work_report_read(alice, sent)
    back = services.work_report_recall(alice, sent)
    assert (back.status, back.facts) == ("draft", [])
    sent = services.work_report_send(alice, back)
    read = services.work_report_read(chief, sent)
    assert (read.status, read.read_by) == ("read", boss)
    assert Notification.objects.filter(user=cast.alice_user, record_id=sent.pk).count() == 1
    with pytest.raises(RuleBroken):
        services.work_report_recall(alice, read)


def test_reports_pass_over_who_has_left(cast: Cast, boss: User) -> None:
    cast.south.head = cast.bob_user
    cast.south.save(update_fields=["head"])
    assert services.superiors(cast.alice_user.pk) == {boss.pk}
    User.objects.filter(pk=boss.pk).update(is_active=False)
    assert services.superiors(cast.alice_user.pk) == {cast.bob_user.pk}
    assert services.superiors(cast.bob_user.pk) == set()


def test_others_neither_see_nor_send_it(cast: Cast, boss: User) -> None:
    alice = alice_of(cast)
    report = services.work_report_write(alice, period="day", day=DAY, values={"summary": "我的"})
    for other in (cast.bob_user, cast.charlie_user):
        with pytest.raises(NotFound):
            records.get(actors.load(other, via="test"), selectors.REPORT, report.pk)
    with pytest.raises(Denied):
        services.work_report_send(actors.load(boss, via="test"), report)
    with pytest.raises(Invalid):
        records.create(alice, selectors.REPORT, {"period": "day", "day": DAY})
    report.refresh_from_db()
    assert report.status == "draft"


def test_who_has_not_sent_is_listed_and_reminded_once(cast: Cast, boss: User) -> None:
    alice, chief = alice_of(cast), actors.load(boss, via="test")
    services.work_report_send(alice, services.work_report_write(alice, period="day", day=DAY, values={}))
    found = [(one.name, one.sent) for one in selectors.standings(chief, "day", DAY)]
    assert found == [("鲍勃", False), ("林爱丽", True)]
    assert selectors.standings(alice, "day", DAY) == []
    assert missing_remind(NOW) == 1
    assert missing_remind(NOW) == 0
    assert list(Notification.objects.filter(sort="reminder").values_list("user__name", flat=True)) == ["鲍勃"]
    assert missing_remind(NOW + dt.timedelta(days=3)) == 0, "Saturday is no working day"
    assert missing_remind(NOW + dt.timedelta(hours=2)) == 0


def test_the_page_keeps_and_sends(cast: Cast, boss: User, make: Make) -> None:
    client: Client = browser(cast.alice_user)
    make("activities.activity", kind="visit", occurred_at=NOW)
    page = client.get("/diary/").content.decode()
    assert "Visits" in page
    assert "2026-05-20" in page
    sent = {"period": "day", "day": "2026-05-20", "summary": "做完了", "plan": "明天", "trouble": ""}
    assert client.post("/diary/", sent).status_code == 303
    assert WorkReport.objects.get().status == "draft"
    assert client.post("/diary/", {**sent, "send": "1"}).status_code == 303
    assert client.post("/diary/", {**sent, "send": "1"}).status_code == 409
    report = WorkReport.objects.get()
    assert (report.status, report.summary) == ("sent", "做完了")
    chief = browser(boss)
    team = chief.get("/diary/").content.decode()
    assert f"/work-reports/{report.pk}/" in team
    assert "鲍勃" in team
    assert "Visits" in chief.get(f"/work-reports/{report.pk}/").content.decode()
    assert chief.post(f"/work-reports/{report.pk}/do/read/").status_code in (200, 204, 302, 303)
    report.refresh_from_db()
    assert report.status == "read"
    for query in ("period=week", "period=month&day=2026-02-10", "period=x&day=y"):
        assert client.get(f"/diary/?{query}").status_code == 200
    assert client.get("/").status_code == 200
    assert chief.get("/").status_code == 200


def test_a_week_is_the_readers_and_the_report_is_everybodys() -> None:
    """Weeks from Sunday or Saturday hold one Monday, under which the report is kept."""
    for week, first in ((1, 18), (7, 17), (6, 16)):
        with regional.override(regional.Regional(week=week)):
            assert selectors.first_day("week", DAY) == dt.date(2026, 5, 18)
            found = selectors.window("week", DAY)
            assert (found.first, found.last) == (dt.date(2026, 5, first), dt.date(2026, 5, first + 6))
            assert selectors.window("week", selectors.first_day("week", DAY)) == found


def test_the_weeks_words_begin_with_what_the_days_said(cast: Cast, boss: User) -> None:
    alice = alice_of(cast)
    for day, words in (
        (DAY - dt.timedelta(days=2), "见了两家"),
        (DAY, "签了一单"),
        (DAY - dt.timedelta(days=7), "上周"),
    ):
        services.work_report_write(alice, period="day", day=day, values={"summary": words})
    told = selectors.told_before(alice.user_id or 0, "week", DAY)
    assert told == "05-18 见了两家\n05-20 签了一单"
    assert told in browser(cast.alice_user).get("/diary/", {"period": "week", "day": "2026-05-20"}).content.decode()
    services.work_report_write(alice, period="week", day=DAY, values={"summary": "这周不错"})
    assert selectors.told_before(alice.user_id or 0, "month", DAY) == "05-18 这周不错"
    assert selectors.told_before(alice.user_id or 0, "day", DAY) == ""
    with pytest.raises(Invalid) as error:
        services.work_report_write(alice, period="month", day=DAY + dt.timedelta(days=40), values={})
    assert error.value.errors["day"][0].code == "workreport.future"


def test_weeks_and_months_are_asked_for_on_their_last_working_day(cast: Cast, boss: User) -> None:
    """The 22nd of May 2026 is a Friday, the 29th the last working day of the month as well."""
    told = Notification.objects.filter(sort="reminder", user=cast.bob_user)
    services.reports_arrange(cast.root, roles=["member"], periods=["week", "month"], hour="18")
    assert missing_remind(NOW) == 0
    friday = NOW + dt.timedelta(days=2)
    assert missing_remind(friday) == 2
    assert [(one.text, one.values) for one in told] == [(services.MISSING["week"], {"day": "2026-05-18"})]
    assert missing_remind(friday + dt.timedelta(days=7)) == 4
    chief = browser(boss)
    assert chief.post("/diary/", {"period": "day", "day": "2026-05-20", "remind": "1"}).status_code == 303
    last = told.order_by("-pk")[0]
    assert (last.text, last.values) == (services.MISSING["day"], {"day": "2026-05-20"})
    before = told.count()
    chief.post("/diary/", {"period": "day", "day": "2026-05-20", "remind": "1"})
    browser(cast.charlie_user).post("/diary/", {"period": "month", "day": "2026-04-20", "remind": "1"})
    assert told.count() == before


def test_who_writes_reports_is_arranged_on_a_page(cast: Cast, boss: User) -> None:
    root = browser(cast.root_user)
    assert (
        root.post("/diary/rules/", {"roles": ["member", "no-such"], "periods": ["week"], "hour": "9"}).status_code
        == 303
    )
    assert (selectors.writing_roles(), selectors.asked_periods(), selectors.reminder_hour()) == (
        ("member",),
        ("week",),
        9,
    )
    for hour in ("24", "-1", "", "x"):
        assert root.post("/diary/rules/", {"roles": [], "periods": [], "hour": hour}).status_code == 422
    assert selectors.reminder_hour() == 9
    assert browser(cast.alice_user).get("/diary/rules/").status_code == 403


def test_what_was_kept_is_told_in_the_readers_language(cast: Cast, boss: User, make: Make) -> None:
    make("activities.activity", kind="visit", occurred_at=NOW)
    alice = alice_of(cast)
    with translation.override("zh-hans"):
        report = services.work_report_send(alice, services.work_report_write(alice, period="day", day=DAY, values={}))
    assert [one["what"] for one in report.facts] == ["拜访"]
    page = browser(boss).get(f"/work-reports/{report.pk}/").content.decode()
    assert "<strong>Visits</strong>" in page
    assert "拜访" not in page
    assert "Mark as read" in page
    assert [panels.facts(one, report)["to_read"] for one in (alice, actors.load(boss, via="test"))] == [False, True]


def test_the_words_of_a_report_stand_once_on_its_page(cast: Cast, boss: User) -> None:
    report = services.work_report_write(alice_of(cast), period="day", day=DAY, values={"summary": "谈成两单"})
    for reader in (cast.alice_user, boss):
        assert browser(reader).get(f"/work-reports/{report.pk}/").content.decode().count("谈成两单") == 1


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2026-02-30", ""])
@pytest.mark.parametrize("period", ["day", "week", "month"])
def test_a_day_at_the_edge_of_time_is_a_page_too(cast: Cast, boss: User, day: str, period: str) -> None:
    assert browser(boss).get("/diary/", {"period": period, "day": day}).status_code == 200


def test_nobody_is_reminded_of_what_has_not_come_yet(cast: Cast, boss: User) -> None:
    ahead = {"period": "day", "day": (clock.today("Asia/Shanghai") + dt.timedelta(days=1)).isoformat(), "remind": "1"}
    assert browser(boss).post("/diary/", ahead).status_code == 303
    assert not Notification.objects.filter(sort="reminder").exists()


def test_today_says_nothing_of_daily_reports_nobody_asks_for(cast: Cast, boss: User) -> None:
    alice, chief = alice_of(cast), actors.load(boss, via="test")
    assert (panels.mine(alice) is None, panels.team(chief) is None) == (False, False)
    services.reports_arrange(cast.root, roles=["member"], periods=["week"], hour="18")
    assert (panels.mine(alice), panels.team(chief)) == (None, None)
