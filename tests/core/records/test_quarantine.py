"""A virus scanner over its real protocol: what it finds is refused, what it could not see is held back, then let go or kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import translation

from guanxi.core.automation import health, jobs
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Invalid, RuleBroken, Unavailable
from guanxi.core.models import File, HeldContent, ImportRun
from guanxi.core.records import files, together
from tests.clamd import EICAR, Clamd, clamd, lets_pass  # noqa: F401 - fixtures
from tests.core.web.conftest import HX, browse  # noqa: F401 - a fixture
from tests.factories.cast import Cast


@pytest.fixture
def gadget(make: Callable[..., Any]) -> Any:
    return make("fakes.gadget")


def scanner() -> health.Finding:
    """What Health says of the scanner."""
    with translation.override("en"):
        return next(one for one in health.findings() if one.label == "Virus scanner")


def names() -> set[str]:
    """Contents that lie in the folder, unfinished ones too."""
    return {place.name for place in files.folder().rglob("*") if place.is_file()} if files.folder().is_dir() else set()


def test_a_virus_is_refused_and_nothing_of_it_stays(
    cast: Cast,
    gadget: Any,
    clamd: Clamd,  # noqa: F811
    browse: Callable[..., Client],  # noqa: F811
) -> None:
    before = names()
    alice = browse("alice")
    sent = {"file": SimpleUploadedFile("清单.csv", b"a,b\n" + EICAR)}
    answer = alice.post(f"/gadgets/{gadget.pk}/files/", sent, **HX)
    assert answer.status_code == 422
    assert "A virus was found in this file (Eicar-Test-Signature)" in answer.content.decode() + str(answer.headers)
    page = alice.post(
        "/import/", {"file": SimpleUploadedFile("客户.csv", b"name\n" + EICAR), "entity": "customers.customer"}
    )
    assert (page.status_code, "Eicar-Test-Signature" in page.content.decode()) == (422, True)
    assert (File.objects.count(), ImportRun.objects.count(), HeldContent.objects.count()) == (0, 0, 0)
    assert names() == before
    clean = together.file_add(cast.alice, gadget, files.as_upload("a.csv", b"a,b\n1,2\n" * 90_000))
    assert clamd.looked == 3
    together.file_open(cast.alice, clean.pk)[1].close()
    assert (scanner().state, "ClamAV 1.4.3" in scanner().text) == ("ok", True)


def test_what_it_could_not_see_is_held_back_then_let_go_or_kept(
    cast: Cast,
    gadget: Any,
    clamd: Clamd,  # noqa: F811
    browse: Callable[..., Client],  # noqa: F811
) -> None:
    clamd.mood = "dead"
    good = together.file_add(cast.alice, gadget, files.as_upload("good.csv", b"a,b\n1,2\n"))
    bad = together.file_add(cast.alice, gadget, files.as_upload("bad.csv", EICAR))
    for file in (good, bad):
        with pytest.raises(Unavailable) as caught:
            together.file_open(cast.alice, file.pk)
        assert caught.value.code == "file.unchecked"
    alice = browse("alice")
    assert alice.get(f"/files/{good.pk}/").status_code == 503
    page = alice.get(f"/gadgets/{gadget.pk}/timeline/", **HX).content.decode()
    assert page.count("still to be checked for viruses") == 2
    sent = {"file": SimpleUploadedFile("客户.csv", "名称\n甲\n".encode()), "entity": "customers.customer"}
    refused = alice.post("/import/", sent)
    assert (refused.status_code, "still to be checked" in refused.content.decode()) == (422, True)
    assert not ImportRun.objects.exists(), "nothing reads what nobody looked at"
    assert (scanner().state, "does not answer" in scanner().text, "2 files wait" in scanner().text) == (
        "wrong",
        True,
        True,
    )
    assert "held back" in scanner().help
    jobs.contents_look(int(clock.now().timestamp()))
    assert HeldContent.objects.count() == 3, "it is dead still"
    clamd.mood = "well"
    jobs.contents_look(int(clock.now().timestamp()))
    together.file_open(cast.alice, good.pk)[1].close()
    with pytest.raises(RuleBroken) as kept:
        together.file_open(cast.alice, bad.pk)
    assert (kept.value.code, "Eicar-Test-Signature" in str(kept.value)) == ("file.virus", True)
    assert (scanner().state, "a virus was found in 1" in scanner().text) == ("warning", True)
    assert "cannot be opened" in alice.get(f"/gadgets/{gadget.pk}/timeline/", **HX).content.decode()
    together.file_delete(cast.alice, bad.pk)
    assert scanner().state == "ok"


def test_a_content_refused_once_is_no_better_under_another_name(cast: Cast, gadget: Any, clamd: Clamd) -> None:  # noqa: F811
    clamd.mood = "blind"  # signatures of yesterday
    early = together.file_add(cast.alice, gadget, files.as_upload("a.csv", EICAR))
    together.file_open(cast.alice, early.pk)[1].close()
    clamd.mood = "well"
    with pytest.raises(Invalid) as caught:
        together.file_add(cast.alice, gadget, files.as_upload("b.csv", EICAR))
    assert (caught.value.code, caught.value.field) == ("file.virus", "file")
    with pytest.raises(RuleBroken):
        together.file_open(cast.alice, early.pk)  # the same content: now it is known


def test_they_pass_meanwhile_where_the_operator_says_so(
    cast: Cast,
    gadget: Any,
    clamd: Clamd,  # noqa: F811
    lets_pass: Callable[[], None],  # noqa: F811
) -> None:
    lets_pass()
    clamd.mood = "full"
    large = together.file_add(cast.alice, gadget, files.as_upload("large.bin", b"\1" * 5000 + EICAR))
    together.file_open(cast.alice, large.pk)[1].close()
    assert HeldContent.objects.get().words == "INSTREAM size limit exceeded. ERROR"
    assert (scanner().state, "1 files wait" in scanner().text) == ("warning", True)
    clamd.mood = "dead"
    assert (scanner().state, "pass unchecked" in scanner().help) == ("wrong", True)
    clamd.mood = "well"
    jobs.contents_look(int(clock.now().timestamp()))
    with pytest.raises(RuleBroken):
        together.file_open(cast.alice, large.pk)
