"""The import wizard from upload to undo."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from procrastinate.contrib.django.models import ProcrastinateJob

from guanxi.areas.customers.models import Customer
from guanxi.core.exchange import imports
from guanxi.core.exchange.jobs import check_do
from guanxi.core.models import RoleRight
from guanxi.core.models.exchange import ImportRun
from guanxi.core.models.stamps import bump
from guanxi.core.web.exchange import preparing

pytestmark = pytest.mark.django_db

CSV = """公司名称,联系电话,级别,内部编码
东莞松山湖机器人有限公司,0769-22891234,重要,1
,13900001111,,2
中山灯饰集团,0760-88881234,,3
"""


def upload(client: Any, text: str = CSV, encoding: str = "utf-8") -> ImportRun:
    """Stage a file through the first page and return the run."""
    answer = client.post("/customers/import/", {"file": SimpleUploadedFile("客户.csv", text.encode(encoding))})
    assert answer.status_code == 303, answer.content.decode()
    run = ImportRun.objects.latest("pk")
    assert answer.headers["Location"] == f"/import/{run.pk}/map/"
    return run


def test_of_a_zip_each_file_can_be_chosen(browse: Any) -> None:
    alice, packed = browse("alice"), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("客户.csv", CSV)
        archive.writestr("其他.csv", "名称\n甲公司\n")
    sent = {"file": SimpleUploadedFile("all.zip", packed.getvalue())}
    assert alice.post("/customers/import/", sent).status_code == 303
    run = ImportRun.objects.latest("pk")
    assert (run.facts["sheets"], run.facts["sheet"]) == (["客户.csv", "其他.csv"], "客户.csv")
    alice.post(f"/import/{run.pk}/map/", {"reread": "1", "sheet": "其他.csv"})
    page = alice.get(f"/import/{run.pk}/map/")
    assert [row.name for row in page.context["columns"]] == ["名称"]


def test_from_upload_to_undo(browse: Any) -> None:
    alice = browse("alice")
    run = upload(alice)
    page = alice.get(f"/import/{run.pk}/map/")
    chosen = {row.name: row.chosen for row in page.context["columns"]}
    assert (chosen["公司名称"], chosen["联系电话"], chosen["级别"]) == ("name", "phones", "level")
    assert page.context["unmapped"] == ["内部编码"]
    level = next(row for row in page.context["columns"] if row.name == "级别")
    assert level.said == [("重要", "")]

    sent = {f"to-{row.index}": row.chosen for row in page.context["columns"]}
    key = level.options[0].key
    sent |= {f"said-{level.index}-0": "重要", f"value-{level.index}-0": key, "entity": "customers.customer"}
    assert alice.post(f"/import/{run.pk}/map/", sent).headers["Location"] == f"/import/{run.pk}/rule/"
    rule = alice.get(f"/import/{run.pk}/rule/")
    match = [value for value, _words, on in rule.context["lines"] if on]
    alice.post(f"/import/{run.pk}/rule/", {"mode": "create", "match": match})
    preview = alice.get(f"/import/{run.pk}/preview/")
    assert preview.context["check"].counts == {"created": 2, "updated": 0, "skipped": 0, "failed": 1}
    assert not Customer.objects.exists()

    alice.post(f"/import/{run.pk}/start/")
    run.refresh_from_db()
    assert (run.state, run.created, run.failed) == ("done", 2, 1)
    assert Customer.objects.get(name="东莞松山湖机器人有限公司").level == key
    result = alice.get(f"/import/{run.pk}/result/").content.decode()
    assert "13900001111" in result
    failed = alice.get(f"/import/{run.pk}/failed/").content.decode("utf-8-sig")
    assert failed.splitlines()[1].startswith(",13900001111,,2,3,")

    alice.post(f"/import/{run.pk}/undo/")
    assert not Customer.objects.exists()


def test_no_value_for_all_rows_has_to_be_given(browse: Any) -> None:
    alice = browse("alice")
    file = SimpleUploadedFile("线索.csv", "姓名,公司\n李明,新锐机器人\n".encode())
    assert alice.post("/leads/import/", {"file": file}).status_code == 303
    page = alice.get(f"/import/{ImportRun.objects.latest('pk').pk}/map/")
    names = [one.field.name for one in page.context["defaults"]]
    assert "status" in names
    assert not [one.field.name for one in page.context["defaults"] if one.field.required], (
        "a browser would stop there unseen"
    )


def test_a_cell_is_mended_in_the_preview(browse: Any) -> None:
    alice = browse("alice")
    run = upload(alice)
    answer = alice.post(f"/import/{run.pk}/cell/2/0/", {"value": "补上的名称"})
    assert (answer.json()["outcome"], answer.json()["cell"]) == ("created", "补上的名称")
    assert alice.get(f"/import/{run.pk}/preview/?only=failed").context["rows"] == []


def test_a_mended_row_may_mean_one_before_it(cast: Any, browse: Any) -> None:
    text = "名称,外部编号,成立年份\n甲公司,E1,2001\n甲公司,E1,x\n"
    run = imports.import_stage(cast.alice, content=text.encode(), name="x.csv", entity="customers.customer")
    answer = browse("alice").post(f"/import/{run.pk}/cell/2/2/", {"value": "2002"})
    assert answer.json()["outcome"] == "updated"


def test_gb18030_is_found_out(browse: Any) -> None:
    run = upload(browse("alice"), encoding="gb18030")
    assert (run.facts["encoding"], run.columns[0]) == ("gb18030", "公司名称")


def test_a_file_that_is_none_is_refused_with_a_sentence(browse: Any) -> None:
    answer = browse("alice").post("/customers/import/", {"file": SimpleUploadedFile("x.xlsx", b"PK\x03\x04broken")})
    assert answer.status_code == 422
    assert 'class="gx-errors"' in answer.content.decode()
    assert browse("alice").post("/customers/import/", {}).status_code == 422


def test_runs_are_private_and_need_the_right(browse: Any) -> None:
    run = upload(browse("alice"))
    assert browse("bob").get(f"/import/{run.pk}/map/").status_code == 404
    assert browse("bob").post(f"/import/{run.pk}/start/").status_code == 404
    assert browse("dave").get("/customers/import/").status_code == 403
    assert (
        browse("dave").post("/customers/import/", {"file": SimpleUploadedFile("a.csv", CSV.encode())}).status_code
        == 403
    )


def test_template_has_a_column_for_every_field(browse: Any) -> None:
    answer = browse("alice").get("/customers/import/template/")
    assert answer.content[:2] == b"PK"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="customers.xlsx"'


def test_a_long_file_is_looked_at_whole_by_a_job(browse: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "CHECKED", 2)
    monkeypatch.setattr(imports, "BATCH", 2)
    alice = browse("alice")
    run = upload(alice)
    page = alice.get(f"/import/{run.pk}/preview/")
    assert (page.context["check"].done, page.context["check"].rows) == (False, 0)
    assert 'data-poll="3"' in page.content.decode()
    queued = list(ProcrastinateJob.objects.filter(task_name="guanxi.exchange.check_do").values_list("args", flat=True))
    assert queued == [{"run_id": run.pk}]
    alice.get(f"/import/{run.pk}/preview/")
    assert ProcrastinateJob.objects.filter(task_name="guanxi.exchange.check_do").count() == 1
    check_do(run_id=run.pk)
    whole = alice.get(f"/import/{run.pk}/preview/")
    assert whole.context["check"].counts == {"created": 2, "updated": 0, "skipped": 0, "failed": 1}
    assert [row.outcome for row in whole.context["rows"]] == ["created", "failed", "created"]
    assert "data-poll" not in whole.content.decode()
    assert not Customer.objects.exists()
    alice.post(f"/import/{run.pk}/cell/2/0/", {"value": "补上的名称"})
    assert alice.get(f"/import/{run.pk}/preview/").context["check"].done is False


def test_only_a_file_with_owners_is_told_that_all_becomes_one_s_own(browse: Any, cast: Any) -> None:
    RoleRight.objects.filter(action="assign").delete()
    bump("rights")
    alice = browse("alice")
    told = "no right to assign"
    assert told not in alice.get(f"/import/{upload(alice).pk}/map/").content.decode()
    owned = upload(alice, "公司名称,负责人\n东莞松山湖机器人有限公司,Bob\n")
    assert told in alice.get(f"/import/{owned.pk}/map/").content.decode()
