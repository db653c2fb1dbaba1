"""Pages of working time: a calendar is made, a year entered, a deadline counted, leave noted; not by everybody."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils.translation import override

from guanxi.core.models import Absence, WorkCalendar
from guanxi.core.records import worktime_edit
from guanxi.core.web.worktime.counting import trial

HOME = "/settings/working-time/"


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize(
    "address", [HOME, f"{HOME}new/", f"{HOME}new/?length=6", f"{HOME}standard/?year=2026", "/leave/"]
)
def test_pages_open(browse: Any, cast: Any, address: str, language: str) -> None:
    assert browse("root", language).get(address).status_code == 200


def test_a_calendar_is_made_and_changed(browse: Any, cast: Any) -> None:
    client = browse("root")
    form = {"name_zh": "夜班", "name_en": "Night", "timezone": "Asia/Shanghai", "length": "7", "day0": "22:00-06:00"}
    answer = client.post(f"{HOME}new/", form)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{HOME}night/")
    assert WorkCalendar.objects.get(key="night").pattern[0] == [["22:00", "06:00"]]
    answer = client.post(f"{HOME}night/", {**form, "day0": "22:00-22:00"})
    assert answer.status_code == 422
    assert "22:00-22:00" in answer.content.decode()


def test_a_very_long_shift_is_asked_on_the_form_that_keeps_what_was_typed(browse: Any, cast: Any) -> None:
    client = browse("root", "zh-hans")
    form = {"name_zh": "夜班", "name_en": "Night", "timezone": "Asia/Shanghai", "length": "7", "day0": "20:00-14:00"}
    answer = client.post(f"{HOME}new/", form)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert all(
        one in page
        for one in ("请确认，尚未保存", 'name="_sure"', 'value="夜班"', 'value="20:00-14:00"', "超过 16 小时")
    )
    assert not WorkCalendar.objects.filter(key="night").exists()
    assert client.post(f"{HOME}new/", {**form, "_sure": "1"}).headers["Location"] == f"{HOME}night/"
    wrong = client.post(f"{HOME}night/", {**form, "day0": "20:00-20:00"})
    assert 'name="_sure"' not in wrong.content.decode(), "what is wrong is not asked"


def test_the_count_of_a_deadline_shows_its_intervals(browse: Any, cast: Any) -> None:
    page = browse("root").get(HOME, {"start": "2026-02-13T17:00", "hours": "12", "in": "standard"})
    text = page.content.decode()
    assert "2026-02-24 12:00" in text
    assert text.count("2026-02-14 ") == 2
    assert "On the way" in text
    with override("en"):
        found = trial({"start": "2026-02-13T17:00", "hours": "12", "in": "standard"})["met"]
    assert [(one.first.day, one.last.day, one.name, one.works) for one in found] == [
        (14, 14, "Spring Festival make-up day", True),
        (15, 23, "Spring Festival", False),
    ]
    zone = ZoneInfo("Asia/Shanghai")
    begins, ends = dt.datetime(2030, 3, 5, tzinfo=zone), dt.datetime(2030, 3, 6, tzinfo=zone)
    worktime_edit.absence_save(cast.bob, cast.bob_user, begins_at=begins, ends_at=ends)
    asked = {"start": "2030-03-04T17:00", "hours": "2", "in": "standard"}
    assert "2030-03-05 10:00" in browse("root").get(HOME, asked).content.decode()
    own = browse("root", "en").get(HOME, {**asked, "who": str(cast.bob_user.pk)}).content.decode()
    assert "2030-03-06 10:00" in own
    assert "2030-03-05</span> Leave" in own.replace(" – 03-06", "")
    begins, ends = dt.datetime(2030, 4, 2, 9, tzinfo=zone), dt.datetime(2030, 4, 3, 12, tzinfo=zone)
    worktime_edit.absence_save(cast.bob, cast.bob_user, begins_at=begins, ends_at=ends)
    own = browse("root", "en").get(HOME, {**asked, "start": "2030-04-01T17:00", "who": str(cast.bob_user.pk)})
    assert "Leave 09:00 – 12:00" in own.content.decode()
    bad = browse("root").get(HOME, {"start": "soon", "hours": "many", "in": "standard"})
    assert bad.status_code == 200


def test_days_are_set_and_entered(browse: Any, cast: Any) -> None:
    client, row = browse("root"), WorkCalendar.objects.get(key="standard")
    days = f"{HOME}standard/days/"
    client.post(days, {"do": "set", "day": "2027-05-01", "until": "2027-05-05", "works": "0", "name_zh": "劳动节"})
    assert row.days.filter(day__year=2027).count() == 5
    client.post(days, {"do": "clear", "day": "2027-05-05"})
    assert row.days.filter(day__year=2027).count() == 4
    assert client.post(days, {"do": "import", "text": "2027-10-01, 休, 国庆"}).status_code == 303
    assert client.post(days, {"do": "import", "text": "nonsense"}).status_code == 422
    assert row.days.filter(day__year=2027).count() == 5


def test_leave_is_noted_by_the_person(browse: Any, cast: Any) -> None:
    client = browse("alice")
    form = {"begins_at": "2026-12-01T09:00", "ends_at": "2026-12-03T18:00", "deputy": str(cast.bob_user.pk)}
    assert client.post("/leave/", form).status_code == 303
    row = Absence.objects.get()
    assert (row.user_id, row.deputy_id) == (cast.alice_user.pk, cast.bob_user.pk)
    assert client.post("/leave/", {**form, "ends_at": "2026-11-01T09:00"}).status_code == 422
    assert client.post(f"/leave/{row.pk}/end/").status_code == 303
    assert not Absence.objects.exists()


def test_settings_are_not_for_everybody(browse: Any, cast: Any) -> None:
    client = browse("alice")
    assert client.get(HOME).status_code == 403
    assert client.post(f"{HOME}standard/days/", {"day": "2027-05-01", "works": "0"}).status_code == 403
    assert not WorkCalendar.objects.get(key="standard").days.filter(day__year=2027).exists()
