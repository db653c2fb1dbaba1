"""Pages of reports: every figure leads to a list with the same rows; the builder; files; rights."""

from __future__ import annotations

import html
import io
import json
import re
import zipfile
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from python_calamine import CalamineWorkbook

from guanxi.core.models import AccessEntry, Collaborator, Report, RoleField, RoleRight
from guanxi.core.models.stamps import bump
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db
GADGETS = {"dataset": "fakes.gadget", "rows": [{"field": "state"}], "columns": [{"field": "region", "grain": "top"}]}


@pytest.fixture
def alice(cast: Cast) -> Client:
    """Alice's browser."""
    return browser(cast.alice_user)


def links(text: str) -> list[tuple[str, str]]:
    """Figures of the table and where they lead."""
    found = re.findall(r'<td class="gx-num"><a href="([^"]+)">([^<]+)</a>', text)
    return [(html.unescape(address), shown) for address, shown in found]


def listed(client: Client, address: str) -> int:
    """How many records the list at an address shows."""
    page = client.get(address)
    assert page.status_code == 200, address
    return len(set(re.findall(r'<tr[^>]* data-id="(\d+)"', page.content.decode())))


def opened(client: Client, definition: Any = GADGETS, **more: str) -> Any:
    """The builder with a definition in its address."""
    return client.get("/reports/new/", {"d": json.dumps(definition), **more})


def test_every_figure_leads_to_a_list_with_as_many_rows(alice: Client, world: Any) -> None:
    text = opened(alice).content.decode()
    found = links(text)
    assert len(found) >= 8
    for address, shown in found:
        assert listed(alice, address) == int(shown.replace(",", "")), address
    marks = [html.unescape(one) for one in re.findall(r'<a href="([^"]+)" tabindex="-1">', text)]
    assert {urlsplit(one).path for one in marks} == {"/gadgets/"}
    assert {json.dumps(parse_qs(urlsplit(one).query)) for one in marks} <= {
        json.dumps(parse_qs(urlsplit(one).query)) for one, _shown in found
    }


def test_the_builder_redraws_itself_and_keeps_its_state_in_the_address(alice: Client, world: Any) -> None:
    sent = {
        "was": "fakes.gadget", "dataset": "fakes.gadget", "r0.field": "owner", "m0.how": "count", "m1.how": "sum",
        "m2.how": "ratio", "m2.a": "1", "m2.b": "0", "chart": "bar", "match.0": "all", "c.0.field": "state", "c.0.op": "in",
        "c.0.value": ["new", "used"], "date": "made_on", "period": "custom", "from": "2026-01-01", "to": "2026-12-31",
    }  # fmt: skip
    answer = alice.post("/reports/new/", sent, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    state = json.loads(parse_qs(urlsplit(answer.headers["HX-Replace-Url"]).query)["d"][0])
    assert state["rows"] == [{"field": "owner"}]
    assert [one["how"] for one in state["measures"]] == ["count", "sum", "ratio"]
    assert state["measures"][1]["field"] == "pieces"
    assert state["filter"] == {"field": "state", "op": "in", "value": ["new", "used"]}
    assert state["period"] == "2026-01-01..2026-12-31"
    again = alice.get(answer.headers["HX-Replace-Url"])
    assert [shown for _address, shown in links(again.content.decode())] == [
        shown for _address, shown in links(answer.content.decode())
    ]
    changed = alice.post("/reports/new/", {**sent, "dataset": "customers.customer"}, headers={"HX-Request": "true"})
    state = json.loads(parse_qs(urlsplit(changed.headers["HX-Replace-Url"]).query)["d"][0])
    assert (state["dataset"], "filter" in state) == ("customers.customer", False)


def test_a_report_is_kept_narrowed_exported_duplicated_and_deleted(alice: Client, world: Any, cast: Cast) -> None:
    sent = {"was": "fakes.gadget", "dataset": "fakes.gadget", "r0.field": "state", "m0.how": "count", "date": "made_on"}
    assert alice.post("/reports/new/", {**sent, "save": "1", "name": " "}).status_code == 422
    redrawn = alice.post("/reports/new/", {**sent, "save": "1", "name": "状态"}, headers={"HX-Request": "true"})
    assert (redrawn.status_code, Report.objects.count()) == (200, 0), "drawing anew keeps nothing, whatever was clicked"
    assert alice.post("/reports/new/", {**sent, "save": "1", "name": "状态"}).status_code == 303
    report = Report.objects.get()
    page = alice.get(
        f"/reports/{report.key}/", {"period": "custom", "from": "2026-02-01", "to": "2026-02-28", "compare": "year"}
    )
    text = page.content.decode()
    assert "2025-02-01 – 2025-02-28" in text
    assert "As of 2026-05-20" in text
    assert "Asia/Shanghai" in text
    workbook = alice.get(f"/reports/{report.key}/export/xlsx/")
    rows = CalamineWorkbook.from_filelike(io.BytesIO(workbook.content)).get_sheet_by_index(0).to_python()
    assert rows[4:] == [["New", 2.0], ["Used", 1.0], ["Broken", 1.0], ["Total", 4.0]], (
        "of six seen, four are hers to export"
    )
    assert any(name.startswith("xl/charts/") for name in zipfile.ZipFile(io.BytesIO(workbook.content)).namelist())
    assert alice.get(f"/reports/{report.key}/export/csv/").content.decode("utf-8-sig").splitlines()[1:] == [
        "New,2", "Used,1", "Broken,1", "Total,4",
    ]  # fmt: skip
    assert b"<svg" in alice.get(f"/reports/{report.key}/export/svg/").content
    assert AccessEntry.objects.filter(sort="export", details__report=True).count() == 3
    assert alice.post(f"/reports/{report.key}/copy/").status_code == 303
    assert Report.objects.count() == 2
    assert alice.post(f"/reports/{report.key}/delete/").status_code == 303
    assert alice.get(f"/reports/{report.key}/").status_code == 404
    assert alice.post(f"/reports/{report.key}/restore/").status_code == 303
    assert alice.get(f"/reports/{report.key}/").status_code == 200


def test_others_do_not_find_a_private_report(alice: Client, world: Any, cast: Cast) -> None:
    sent = {"was": "fakes.gadget", "dataset": "fakes.gadget", "m0.how": "count", "save": "1", "name": "私有"}
    alice.post("/reports/new/", sent)
    key = Report.objects.get().key
    for user in (cast.bob_user, cast.charlie_user, cast.dave_user):
        other = browser(user)
        for path in ("", "edit/", "export/xlsx/"):
            assert other.get(f"/reports/{key}/{path}").status_code == 404
        for path in ("copy/", "delete/", "restore/"):
            assert other.post(f"/reports/{key}/{path}").status_code == 404
        assert "私有" not in other.get("/reports/").content.decode()
    assert Report.objects.get().deleted_at is None


def test_a_file_holds_what_may_be_taken_out_and_no_figures_of_others(alice: Client, world: Any, cast: Cast) -> None:
    owners = {"was": "fakes.gadget", "dataset": "fakes.gadget", "r0.field": "owner", "m0.how": "sum", "m0.field": "pieces"}  # fmt: skip
    assert alice.post("/reports/new/", {**owners, "save": "1", "name": "人"}).status_code == 303
    page = f"/reports/{Report.objects.get().key}/"

    def lines() -> list[str]:
        return alice.get(f"{page}export/csv/").content.decode("utf-8-sig").splitlines()[1:]

    assert "鲍勃" in alice.get(page).content.decode()
    assert lines() == ["林爱丽,70", "Total,70"]
    assert "鲍勃" not in alice.get(f"{page}export/svg/").content.decode()
    RoleRight.objects.filter(role=cast.role, entity="fakes.gadget", action="export").update(scope="department")
    bump("rights")
    assert lines() == ["鲍勃,712", "林爱丽,70", "Total,782"]
    RoleRight.objects.filter(role=cast.role, entity="fakes.gadget", action="export").update(scope="all")
    bump("rights")
    assert lines() == ["鲍勃,712", "林爱丽,70", "Total,782"], "nobody takes out what he does not see"


def test_what_is_shared_to_read_is_seen_in_a_report_and_not_taken_out(alice: Client, world: Any, cast: Cast) -> None:
    theirs = next(one for one in world if one.owner_id == cast.charlie_user.pk and one.state == "new")
    Collaborator.objects.create(entity="fakes.gadget", record_id=theirs.pk, user=cast.alice_user, level="write")
    bump("rights")
    owners = {"was": "fakes.gadget", "dataset": "fakes.gadget", "r0.field": "owner", "m0.how": "count"}
    assert alice.post("/reports/new/", {**owners, "save": "1", "name": "人"}).status_code == 303
    page = f"/reports/{Report.objects.get().key}/"
    assert "查理" in alice.get(page).content.decode()
    told = alice.get(f"{page}export/csv/").content.decode("utf-8-sig")
    assert ("查理" in told, told.splitlines()[1:]) == (False, ["林爱丽,4", "Total,4"])


def test_export_takes_the_right_to_export(alice: Client, world: Any, cast: Cast) -> None:
    RoleRight.objects.filter(role=cast.role, entity="customers.customer", action="export").delete()
    bump("rights")
    assert alice.get("/reports/customers-by-source/").status_code == 200
    assert alice.get("/reports/customers-by-source/export/xlsx/").status_code == 403


def test_a_report_on_a_field_one_may_not_see_says_so(alice: Client, world: Any, cast: Cast) -> None:
    RoleField.objects.create(role=cast.role, entity="customers.customer", field="source", level="hidden")
    bump("rights")
    page = alice.get("/reports/customers-by-source/")
    assert page.status_code == 422
    assert "There is no field" in page.content.decode()


@pytest.mark.parametrize(
    "address",
    [
        "/reports/", "/reports/new/", "/reports/new/?dataset=customers", "/reports/customers-new/",
        "/reports/customers-new/edit/", "/reports/customers-by-region/?chart=pie&period=last_year&compare=previous",
        "/reports/activities-ranking/?owner=@", "/reports/customers-by-lifecycle/", "/reports/customers-silent/",
    ],
)  # fmt: skip
def test_the_pages_stand_in_both_languages(address: str, cast: Cast, make: Callable[..., Any]) -> None:
    make("customers.customer", source="referral", region="CN4403", lifecycle="mature")
    make("activities.activity")
    client = browser(cast.alice_user)
    assert client.get(address).status_code == 200
    cast.alice_user.language = "zh-hans"
    cast.alice_user.save()
    assert client.get(address).status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "/reports/customers-new/?period=never",
        "/reports/customers-new/?compare=x",
        "/reports/customers-new/?period=custom&from=someday",
    ],
)
def test_a_broken_address_is_said_on_the_page(address: str, alice: Client) -> None:
    assert alice.get(address).status_code == 422
    assert alice.get("/reports/no-such/").status_code == 404
    assert opened(alice, [1]).status_code == 422
