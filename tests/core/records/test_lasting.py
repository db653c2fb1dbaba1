"""What is acknowledged lasts: places of faults lie where they say, and contents are on the disk before a row names them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from PIL import Image

from guanxi.areas.customers.models import Customer
from guanxi.core import records
from guanxi.core.models import AuditEntry, File, OutboxEvent
from guanxi.core.records import files, together
from guanxi.runtime import failpoints, lasting

pytestmark = pytest.mark.django_db(transaction=True)


def _make(given: pytest.MonkeyPatch, place: str) -> None:
    given.setattr(failpoints, "_planned", {place: ("error", 0)})


def test_after_the_commit_is_after_the_one_that_lasts(cast: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _make(monkeypatch, "records.after_commit")
    passed = []

    @transaction.atomic
    def larger() -> None:
        records.create(cast.alice, "customers.customer", {"name": "外层"})
        passed.append("the larger transaction was still open")

    with pytest.raises(failpoints.FaultMade):
        larger()
    assert passed
    one = Customer.objects.get(name="外层")
    assert AuditEntry.objects.filter(entity="customers_customer", record_id=one.pk, action="create").count() == 1
    assert OutboxEvent.objects.filter(name="customers.customer.created", record_id=one.pk).count() == 1


def test_before_the_commit_nothing_is_left(cast: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _make(monkeypatch, "records.before_commit")
    told = OutboxEvent.objects.count()
    with pytest.raises(failpoints.FaultMade):
        records.create(cast.alice, "customers.customer", {"name": "未提交"})
    assert not Customer.objects.filter(name="未提交").exists()
    assert OutboxEvent.objects.count() == told


def _picture() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (20, 20), "red").save(content, "PNG")
    return content.getvalue()


@pytest.mark.parametrize(("name", "content"), [("plan.txt", b"the plan"), ("photo.png", _picture())])
def test_a_content_is_on_the_disk_with_its_name_before_a_row_names_it(
    cast: Any, make: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, content: bytes
) -> None:
    """Only a loss of power would show the difference; so it is asked what was waited for, and when."""
    monkeypatch.setattr(files, "folder", lambda: tmp_path / "files")
    waited: list[Path] = []
    monkeypatch.setattr(lasting, "_wait", lambda place, _how: waited.append(place))
    _make(monkeypatch, "files.before_row")
    one = make("customers.customer")
    with pytest.raises(failpoints.FaultMade):
        together.file_add(cast.root, one, SimpleUploadedFile(name, content))
    (place,) = [each for each in (tmp_path / "files").rglob("*") if each.is_file()]
    assert {place.parent, place.parent.parent, tmp_path / "files"} <= set(waited)
    assert any(each.name.startswith(".new-") for each in waited) is name.endswith(".png"), "a picture was written again"
    assert not File.objects.exists()


def test_a_content_that_was_cut_short_gives_way_to_the_whole_one(
    cast: Any, make: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(files, "folder", lambda: tmp_path / "files")
    one = make("customers.customer")
    first = together.file_add(cast.root, one, SimpleUploadedFile("a.txt", b"whole content"))
    files.path_of(first.digest).write_bytes(b"")
    again = together.file_add(cast.root, one, SimpleUploadedFile("b.txt", b"whole content"))
    assert again.digest == first.digest
    assert files.path_of(first.digest).read_bytes() == b"whole content"
