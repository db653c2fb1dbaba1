"""Importing a file with errors: mend one in the preview, run, take the failed rows, undo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from guanxi.areas.customers.models import Customer

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CSV = "公司名称,联系电话\n东莞松山湖机器人有限公司,0769-22891234\n,13900001111\n,13900002222\n"


def test_import_with_errors_and_undo(people: Any, tmp_path: Path) -> None:
    file = tmp_path / "客户.csv"
    file.write_text(CSV, encoding="gb18030")
    page = people("alice")
    page.goto("/customers/import/")
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Upload and continue").click()
    expect(page.get_by_text("3 rows")).to_be_visible()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("button", name="Import 1 of 3 rows")).to_be_visible()
    bad = page.locator("tr[data-position='2']")
    expect(bad).to_contain_text("error")
    page.wait_for_load_state("networkidle")
    bad.locator("td[data-column='0']").dblclick()
    page.keyboard.type("补上的名称")
    page.keyboard.press("Enter")
    expect(bad.locator("[data-outcome]")).to_contain_text("new")
    expect(page.locator("[data-count=created]")).to_have_text("2")
    expect(page.locator("[data-count=failed]")).to_have_text("1")
    page.get_by_role("button", name="Import 2 of 3 rows").click()
    expect(page.locator(".gx-tiles")).to_contain_text("New")
    assert sorted(Customer.objects.values_list("name", flat=True)) == ["东莞松山湖机器人有限公司", "补上的名称"]
    with page.expect_download() as download:
        page.get_by_role("link", name="Failed rows as a file").click()
    assert "13900002222" in Path(download.value.path()).read_text(encoding="utf-8-sig")
    page.get_by_role("button", name="Undo the import").click()
    expect(page.get_by_text("This import was undone.")).to_be_visible()
    assert not Customer.objects.exists()
