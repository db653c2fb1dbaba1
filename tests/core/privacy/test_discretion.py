"""Looks and exported rows a day are limited, files say who took them out, pages may carry the reader's name."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
from typing import Any
from zipfile import ZipFile

import pytest
from django.conf import settings
from python_calamine import CalamineWorkbook

from guanxi.core.exchange import exports
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid, TooMany
from guanxi.core.models import AccessEntry, RoleField
from guanxi.core.models.stamps import bump
from guanxi.core.privacy import policy
from guanxi.core.records import discretion
from guanxi.core.records.reveal import reveal
from guanxi.core.reporting import files
from guanxi.core.reporting.engine import run
from guanxi.core.reporting.spec import read
from tests.core.web.conftest import browse  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db


def limits(cast: Any, *, looks: int = 0, rows: int = 0, marked: bool = True, watermark: bool = False) -> None:
    policy.discretion_set(cast.root, looks=str(looks), rows=str(rows), marked=marked, watermark=watermark)


@pytest.fixture
def masked(cast: Any) -> Any:
    """Alice, whose role sees phones of customers masked and may have them shown."""
    RoleField.objects.create(role=cast.role, entity="customers.customer", field="phones", level="masked")
    bump("rights")
    return cast.actor(cast.alice_user)


def test_looks_of_a_day_are_counted_for_each_person(cast: Any, masked: Any, make: Any) -> None:
    limits(cast, looks=2)
    one = make("customers.customer", name="华为", phones=["13800138000"])
    for _look in range(2):
        assert reveal(masked, one, "phones")
    with pytest.raises(TooMany) as refused:
        reveal(masked, one, "phones")
    assert refused.value.code == "discretion.looks"
    assert 0 < refused.value.retry_after <= 86_400
    assert AccessEntry.objects.filter(sort="reveal").count() == 2
    with clock.moved_to(clock.now() + dt.timedelta(days=1, minutes=1)):
        assert reveal(masked, one, "phones")
    limits(cast, looks=0)
    assert reveal(masked, one, "phones")


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Niue", "Europe/London"])
def test_no_new_day_begins_by_moving_to_another_zone(cast: Any, masked: Any, make: Any, zone: str) -> None:
    limits(cast, looks=1, rows=5)
    one = make("customers.customer", name="华为", phones=["13800138000"])
    noon = clock.day_start(dt.date(2026, 3, 5), settings.TIME_ZONE) + dt.timedelta(hours=12)
    for hours in range(12):  # at one of these it is midnight there
        with clock.moved_to(noon + dt.timedelta(hours=hours, minutes=-10)):
            if not hours:
                assert reveal(masked, one, "phones")
                AccessEntry.objects.create(
                    sort="export", entity="customers.customer", actor_id=masked.user_id, details={"rows": 4}
                )
            moved = dataclasses.replace(masked, timezone=zone)
            with pytest.raises(TooMany) as refused:
                reveal(moved, one, "phones")
            assert refused.value.retry_after == (12 - hours) * 3600 + 600
            assert discretion.rows_left(moved) == 1


def test_rows_of_lists_and_reports_count_together(cast: Any, make: Any) -> None:
    limits(cast, rows=5)
    for number in range(4):
        make("customers.customer", name=f"客户{number}")
    assert exports.export_write(cast.alice, "customers.customer", out=io.BytesIO(), format="csv").rows == 4
    assert discretion.rows_left(cast.alice) == 1
    with pytest.raises(TooMany) as refused:
        exports.export_write(cast.alice, "customers.customer", out=io.BytesIO(), format="csv")
    assert refused.value.code == "discretion.rows"
    assert discretion.rows_left(cast.bob) == 5
    result = run(
        cast.alice, read({"dataset": "customers.customer", "rows": [{"field": "name"}], "measures": [{"how": "count"}]})
    )
    with pytest.raises(TooMany):
        files.content(cast.alice, result, "csv", title="客户")
    assert discretion.rows_left(cast.system) is None


def test_a_file_tells_who_took_it_out(cast: Any, make: Any, browse: Any) -> None:  # noqa: F811
    limits(cast)
    make("customers.customer", name="华为", phones=["13800138000"])
    out, card = io.BytesIO(), io.BytesIO()
    mark = exports.export_write(cast.alice, "customers.customer", out=out).mark
    with ZipFile(out) as book:
        assert mark in book.read("docProps/core.xml").decode()
        assert "林爱丽" in book.read("docProps/core.xml").decode()
        assert mark in book.read("xl/worksheets/sheet1.xml").decode()
    out.seek(0)
    assert CalamineWorkbook.from_filelike(out).get_sheet_by_index(1).to_python()[0][0].endswith(mark)
    other = exports.export_write(cast.alice, "customers.customer", out=card, format="vcf").mark
    assert f"PRODID:-//Guanxi//{other}".encode() in card.getvalue()
    page = browse("root").get(f"/people/log/?mark={mark.lower()}").content.decode()
    assert "林爱丽" in page
    assert other not in page
    limits(cast, marked=False)
    plain = io.BytesIO()
    exports.export_write(cast.alice, "customers.customer", out=plain)
    with ZipFile(plain) as book:
        assert "林爱丽" not in book.read("docProps/core.xml").decode()
        assert "xl/worksheets/sheet2.xml" not in book.namelist()


def test_the_name_across_pages(cast: Any, browse: Any) -> None:  # noqa: F811
    alice = browse("alice")
    assert "gx-watermark" not in alice.get("/customers/").content.decode()
    limits(cast, watermark=True)
    assert f"林爱丽 {clock.today(cast.alice.timezone)}" in alice.get("/customers/").content.decode()


def test_set_on_the_page_of_personal_data(cast: Any, browse: Any) -> None:  # noqa: F811
    root = browse("root", "en")
    answer = root.post("/settings/privacy/limits/", {"looks": "-1", "rows": "x", "marked": "1"})
    assert (answer.status_code, answer.content.decode().count("Enter a whole number from 0")) == (422, 2)
    root.post("/settings/privacy/limits/", {"looks": "7", "rows": "1000", "watermark": "1"})
    assert discretion.discretion() == discretion.Discretion(7, 1000, marked=False, watermark=True)
    assert browse("alice").post("/settings/privacy/limits/", {"looks": "0", "rows": "0"}).status_code == 403
    with pytest.raises(Denied):
        policy.discretion_set(cast.alice, looks="0", rows="0", marked=False, watermark=False)
    with pytest.raises(Invalid):
        policy.discretion_set(cast.root, looks="", rows="0", marked=False, watermark=False)
