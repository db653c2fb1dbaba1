"""Comments with mentions, files, tags and marks: who may leave and open what, and what is refused."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from PIL import Image

from guanxi.core.kernel.errors import Denied, Invalid, NotFound, Unavailable
from guanxi.core.models import Collaborator, Comment, File, Mark, OutboxEvent, Tag
from guanxi.core.records import files, marks, together
from tests.factories.cast import Cast

Make = Callable[..., Any]


def picture(kind: str, size: tuple[int, int] = (40, 20), mode: str = "RGB", **options: Any) -> bytes:
    content = io.BytesIO()
    Image.new(mode, size, "red").save(content, kind, **options)
    return content.getvalue()


@pytest.fixture
def gadget(make: Make) -> Any:
    """A gadget of Alice's, seen by Bob, not by Charlie."""
    return make("fakes.gadget", name="水泵")


# -- comments ----------------------------------------------------------------------------------------------------------


def test_plain_text_becomes_paragraphs_and_names_become_mentions(cast: Cast, gadget: Any) -> None:
    comment = together.comment_add(cast.bob, gadget, "@林爱丽请看 1 < 2\n第二行 @charlie @谁呀 a@b.example")
    alice, charlie = cast.alice_user.pk, cast.charlie_user.pk
    assert comment.mentions == [alice, charlie]
    assert comment.body == (
        f'<p><span data-user="{alice}">@林爱丽</span>请看 1 &lt; 2<br>第二行 '
        f'<span data-user="{charlie}">@charlie</span> @谁呀 a@b.example</p>'
    )
    event = OutboxEvent.objects.get(name="fakes.gadget.commented")
    assert event.changes == {"comment": [None, comment.pk], "mentions": [[], [alice, charlie]]}
    assert event.record_id == gadget.pk


def test_markup_is_cleaned(cast: Cast, gadget: Any) -> None:
    comment = together.comment_add(cast.bob, gadget, '<p onclick="x()">hallo<script>alert(1)</script></p>')
    assert comment.body == "<p>hallo</p>"
    assert together.comment_add(cast.bob, gadget, "<script>x").body == "<p>&lt;script&gt;x</p>"
    for empty in ("", "   ", "<p><br></p>", "<p><script>x</script></p>"):
        with pytest.raises(Invalid) as caught:
            together.comment_add(cast.bob, gadget, empty)
        assert caught.value.field == "body"
    assert Comment.objects.count() == 2


def test_a_name_two_people_bear_mentions_nobody(cast: Cast, gadget: Any) -> None:
    cast.dave_user.name = "林爱丽"
    cast.dave_user.save()
    assert together.comment_add(cast.bob, gadget, "@林爱丽 好").mentions == []
    assert together.comment_add(cast.bob, gadget, "@alice 好").mentions == [cast.alice_user.pk]


def test_only_who_sees_a_record_may_comment(cast: Cast, gadget: Any) -> None:
    with pytest.raises(NotFound):
        together.comment_add(cast.charlie, gadget, "hallo")
    reading = cast.actor(cast.bob_user, scopes=frozenset({"read"}))
    with pytest.raises(Denied):
        together.comment_add(reading, gadget, "hallo")
    assert Comment.objects.count() == 0


def test_one_edits_and_deletes_ones_own(cast: Cast, gadget: Any) -> None:
    comment = together.comment_add(cast.bob, gadget, "eins")
    with pytest.raises(Denied):
        together.comment_edit(cast.alice, comment.pk, "zwei")
    with pytest.raises(NotFound):
        together.comment_edit(cast.charlie, comment.pk, "zwei")
    changed = together.comment_edit(cast.bob, comment.pk, "zwei @林爱丽")
    assert changed.edited_at is not None
    assert [one.body for one in together.comments(cast.alice, gadget)] == [changed.body]
    event = OutboxEvent.objects.get(name="fakes.gadget.comment_edited")
    assert event.changes["mentions"] == [[], [cast.alice_user.pk]]
    together.comment_delete(cast.alice, comment.pk)  # she may delete the record it stands on
    assert list(together.comments(cast.alice, gadget)) == []
    with pytest.raises(NotFound):
        together.comment_delete(cast.bob, comment.pk)
    other = together.comment_add(cast.alice, gadget, "drei")
    with pytest.raises(Denied):
        together.comment_delete(cast.bob, other.pk)


# -- files -------------------------------------------------------------------------------------------------------------


def test_a_file_is_kept_once_and_opened_under_rights(cast: Cast, gadget: Any) -> None:
    content = "客户,金额\n".encode()
    first = together.file_add(cast.alice, gadget, files.as_upload("C:\\temp\\报价/../清单.csv", content))
    second = together.file_add(cast.alice, gadget, files.as_upload("copy.csv", content))
    assert (first.name, first.size, first.media_type, first.is_picture) == ("清单.csv", 14, "text/csv", False)
    assert first.digest == second.digest
    assert files.path_of(first.digest).read_bytes() == content
    found, stream = together.file_open(cast.bob, first.pk)
    with stream:
        assert (found.pk, stream.read()) == (first.pk, content)
    with pytest.raises(NotFound):
        together.file_open(cast.charlie, first.pk)
    with pytest.raises(Denied):  # he sees it, but may not change it
        together.file_add(cast.bob, gadget, files.as_upload("x.txt", b"x"))
    with pytest.raises(Denied):
        together.file_delete(cast.bob, first.pk)
    together.file_delete(cast.alice, first.pk)
    with pytest.raises(NotFound):
        together.file_open(cast.alice, first.pk)
    assert [one.pk for one in together.files_of(cast.bob, gadget)] == [second.pk]


def test_headers_let_nothing_run(cast: Cast, gadget: Any) -> None:
    page = together.file_add(cast.alice, gadget, files.as_upload('说明 "x".html', b"<script>alert(1)</script>"))
    headers = together.safe_headers(page, inline=True)
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"] == (
        "attachment; filename=\"__ _x_.html\"; filename*=UTF-8''%E8%AF%B4%E6%98%8E%20_x_.html"
    )
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    shown = together.file_add(cast.alice, gadget, files.as_upload("a.png", picture("PNG")))
    assert together.safe_headers(shown, inline=True)["Content-Type"] == "image/png"
    assert together.safe_headers(shown, inline=True)["Content-Disposition"].startswith("inline; ")
    assert together.safe_headers(shown)["Content-Disposition"].startswith("attachment; ")


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("virus.exe", b"text", "file.type"),
        ("harmless.txt", b"MZ\x90\x00" + b"x" * 80, "file.type"),
        ("tool", b"#!/bin/sh\nrm -rf /", "file.type"),
        ("empty.txt", b"", "file.empty"),
        ("broken.png", b"\x89PNG\r\n\x1a\n" + b"garbage" * 20, "file.picture"),
        ("cut.jpg", picture("JPEG", (400, 400))[:300], "file.picture"),
    ],
)
def test_what_is_refused_leaves_nothing_behind(cast: Cast, gadget: Any, name: str, content: bytes, code: str) -> None:
    before = {place for place in files.folder().rglob("*") if place.is_file()} if files.folder().is_dir() else set()
    with pytest.raises(Invalid) as caught:
        together.file_add(cast.alice, gadget, files.as_upload(name, content))
    assert (caught.value.code, caught.value.field) == (code, "file")
    assert File.objects.count() == 0
    assert {place for place in files.folder().rglob("*") if place.is_file()} == before


def test_a_file_over_the_limit_is_refused_while_it_comes_in(cast: Cast, gadget: Any) -> None:
    sent = 0

    class Endless:
        name = "big.bin"

        def chunks(self) -> Any:
            nonlocal sent
            while True:
                sent += 1
                yield b"x" * 1024 * 1024

    with pytest.raises(Invalid) as caught:
        together.file_add(cast.alice, gadget, Endless())
    assert caught.value.code == "file.size"
    assert sent == 51  # the limit is 50 MB


def test_a_photo_of_a_telephone_is_shown_by_every_browser_and_keeps_no_place(cast: Cast, gadget: Any) -> None:
    taken = (Path(__file__).parent / "data" / "place.heic").read_bytes()  # lies on its side, says where it was taken
    boxed = io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "Apple"
    Image.new("RGB", (64, 96), "navy").save(boxed, "AVIF", exif=exif)
    for name, content in (("IMG_0001.HEIC", taken), ("b.avif", boxed.getvalue())):
        kept = together.file_add(cast.alice, gadget, files.as_upload(name, content))
        assert (kept.media_type, kept.is_picture, kept.name.rpartition(".")[2]) == ("image/jpeg", True, "jpg")
        stored = files.path_of(kept.digest).read_bytes()
        with Image.open(io.BytesIO(stored)) as shown:
            assert (shown.size, dict(shown.getexif())) == ((64, 96), {})
        assert b"Apple" not in stored
    boxed.seek(8)
    boxed.write(b"mif1")  # says only further on that it is AVIF
    kept = together.file_add(cast.alice, gadget, files.as_upload("c.heif", boxed.getvalue()))
    assert (kept.media_type, kept.name) == ("image/jpeg", "c.jpg")
    for content in (taken[:400], taken[:40] + bytes(range(256)) * 3):
        kept = together.file_add(cast.alice, gadget, files.as_upload("cut.heic", content))
        assert (kept.name, kept.is_picture, kept.size) == ("cut.heic", False, len(content)), "kept as any other file"


def test_a_decoder_that_dies_or_hangs_leaves_the_file_as_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    head = b"\0\0\0\x18ftypheic"

    def anew(code: str) -> Any:
        program = tmp_path / "program.py"
        program.write_text(code)
        monkeypatch.setattr(files, "_TRANSLATOR", program)
        return files.picture_anew(io.BytesIO(head + b"\n" * 99), head)

    assert anew("import os, sys; sys.stderr.write('no room'); sys.stderr.flush(); os.abort()") is None
    assert (caplog.records[-1].code, caplog.records[-1].words) == (-6, "no room")  # type: ignore[attr-defined]
    with pytest.raises(Invalid) as caught:
        anew("raise SystemExit(3)")
    assert caught.value.code == "file.pixels"
    monkeypatch.setattr(files, "_LONGEST", 1)
    assert anew("input()\nwhile True: pass") is None
    assert files._turns.acquire(blocking=False), "the next one gets its turn"
    files._turns.release()


def test_few_wait_for_a_turn_to_decode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PATIENCE", 0.2)
    come, go = threading.Semaphore(0), threading.Event()

    def decode() -> bool:
        try:
            with files._turn():
                come.release()
                return go.wait(20)
        except Unavailable as error:
            return error.code != "file.busy"

    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(decode)
        assert come.acquire(timeout=20)
        assert not any(threads.submit(decode).result(20) for _number in range(2)), "in vain"
        monkeypatch.setattr(files, "PATIENCE", 20)
        waiting = [threads.submit(decode) for _number in range(2)]
        while files._waiting.acquire(blocking=False):
            files._waiting.release()
            time.sleep(0.01)
        begun = time.monotonic()
        assert not decode()
        assert time.monotonic() - begun < 10, "at once"
        go.set()
        assert first.result(20)
        assert all(one.result(20) for one in waiting)


def test_pictures_are_made_anew(cast: Cast, gadget: Any) -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    exif[0x0112] = 6  # to be turned by a quarter
    original = picture("JPEG", (5000, 1000), exif=exif, comment=b"secret words") + b"<?php hidden ?>"
    file = together.file_add(cast.alice, gadget, files.as_upload("照片.jpeg", original))
    assert (file.name, file.media_type, file.is_picture) == ("照片.jpg", "image/jpeg", True)
    content = files.path_of(file.digest).read_bytes()
    assert file.size == len(content)
    assert b"secret" not in content
    assert b"php" not in content
    with Image.open(io.BytesIO(content)) as made:
        assert made.size == (819, 4096)
        assert not made.getexif()
    glass = together.file_add(cast.alice, gadget, files.as_upload("a.gif", picture("GIF", mode="P", comment=b"secret")))
    assert (glass.name, glass.media_type) == ("a.png", "image/png")
    drawn = together.file_add(
        cast.alice, gadget, files.as_upload("b.png", picture("PNG", icc_profile=b"secret profile"))
    )
    with Image.open(files.path_of(drawn.digest)) as made:
        assert made.info == {}


def test_of_large_pictures_one_is_decoded_at_a_time_and_none_larger_than_it_is_kept(
    cast: Cast, gadget: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = picture("JPEG", (9000, 300), exif=exif)
    turned: list[tuple[int, int]] = []
    plain = Image.Image.transpose

    def transpose(self: Image.Image, method: Any) -> Image.Image:
        turned.append(self.size)
        return plain(self, method)

    monkeypatch.setattr(Image.Image, "transpose", transpose)
    monkeypatch.setattr(files, "LARGE", 9000 * 300 - 1)
    monkeypatch.setattr(files, "PATIENCE", 0.05)
    with files._turn():
        together.file_add(cast.alice, gadget, files.as_upload("photo.jpg", photo))  # half of it is decoded
        with pytest.raises(Unavailable):
            together.file_add(cast.alice, gadget, files.as_upload("plan.png", picture("PNG", (9000, 300))))
    together.file_add(cast.alice, gadget, files.as_upload("plan.png", picture("PNG", (9000, 300))))
    assert turned == [(4096, 137)]


def test_a_file_kept_for_a_new_record_is_its_senders_until_attached(cast: Cast, gadget: Any) -> None:
    kept = together.file_keep(cast.alice, files.as_upload("a.txt", b"a"))
    with pytest.raises(NotFound):
        together.file_open(cast.root, kept.pk)
    together.file_open(cast.alice, kept.pk)[1].close()
    with pytest.raises(NotFound):
        together.file_attach(cast.root, kept.pk, gadget)
    together.file_attach(cast.alice, kept.pk, gadget)
    together.file_open(cast.bob, kept.pk)[1].close()


def test_the_sweep_removes_only_old_contents_nobody_names(cast: Cast, gadget: Any) -> None:
    kept = together.file_add(cast.alice, gadget, files.as_upload("a.txt", b"kept"))
    lost = files.store(files.as_upload("b.txt", b"lost"))
    fresh = files.store(files.as_upload("c.txt", b"fresh"))
    old = time.time() - 2 * files.SWEEP_AFTER
    for digest in (kept.digest, lost.digest):
        os.utime(files.path_of(digest), (old, old))
    assert files.sweep() >= 1
    assert [files.path_of(one.digest).exists() for one in (kept, lost, fresh)] == [True, False, True]


def test_the_sweep_spares_what_was_sent_again_while_it_waited_for_a_backup(cast: Cast) -> None:
    lost, again = (files.store(files.as_upload("b.txt", content)) for content in (b"lost", b"again"))
    old = time.time() - 2 * files.SWEEP_AFTER
    for digest in (lost.digest, again.digest):
        os.utime(files.path_of(digest), (old, old))

    def held(execute: Any, sql: str, *how: Any) -> Any:
        if "pg_advisory_xact_lock" in sql:  # meanwhile somebody sends it, and has not saved yet
            files.store(files.as_upload("c.txt", b"again"))
        return execute(sql, *how)

    with connection.execute_wrapper(held):
        files.sweep()
    assert [files.path_of(one.digest).exists() for one in (lost, again)] == [False, True]


@pytest.mark.parametrize(
    ("given", "clean"),
    [
        ("../../etc/passwd", "passwd"),
        ("a\u202egpj.exe.txt", "agpj.exe.txt"),
        ("", "file"),
        ("...", "file"),
        ("合同<终稿>:v2?.docx", "合同_终稿__v2_.docx"),
        ("x" * 300 + ".pdf", "x" * 196 + ".pdf"),
    ],
)
def test_file_names_are_cleaned(given: str, clean: str) -> None:
    assert files.clean_name(given) == clean


# -- tags and marks ----------------------------------------------------------------------------------------------------


def test_tags_by_name_or_id(cast: Cast, gadget: Any) -> None:
    known = Tag.objects.create(name="重要")
    tagged = together.tags_set(cast.root, gadget, ["重要", "新品", known.pk])
    fresh = Tag.objects.get(name="新品")
    assert (fresh.entity, tagged.tags) == ("fakes.gadget", [known.pk, fresh.pk])
    with pytest.raises(Denied):  # she may not make tags
        together.tags_set(cast.alice, gadget, ["没有的"])
    assert Tag.objects.count() == 2
    assert together.tags_set(cast.alice, tagged, ["新品"]).tags == [fresh.pk]


def test_marks_are_ones_own_and_need_sight(cast: Cast, gadget: Any) -> None:
    marks.star(cast.bob, gadget)
    marks.star(cast.bob, gadget)
    marks.follow(cast.bob, gadget)
    assert marks.marks_of(cast.bob, gadget) == {"star", "follow"}
    assert marks.marks_of(cast.alice, gadget) == frozenset()
    marks.star(cast.bob, gadget, on=False)
    assert marks.marks_of(cast.bob, gadget) == {"follow"}
    with pytest.raises(NotFound):
        marks.pin(cast.charlie, gadget)
    with pytest.raises(Denied):
        marks.pin(cast.system, gadget)
    assert Mark.objects.count() == 1


def test_recents_are_the_last_ones_still_visible(cast: Cast, make: Make) -> None:
    seen = [make("fakes.gadget", name=f"{n}") for n in range(4)]
    hers = make("fakes.gadget", name="hers", by=cast.charlie_user)
    Collaborator.objects.create(entity="fakes.gadget", record_id=hers.pk, user=cast.bob_user, level="read")
    for record in (*seen, hers, seen[0]):
        marks.touch_recent(cast.actor(cast.bob_user), record)
    names = [record.name for _entity, record in marks.recents(cast.actor(cast.bob_user), limit=3)]
    assert names == ["0", "hers", "3"]
    Collaborator.objects.all().delete()
    names = [record.name for _entity, record in marks.recents(cast.actor(cast.bob_user), limit=3)]
    assert names == ["0", "3", "2"]


def test_only_so_many_recents_are_remembered(cast: Cast, gadget: Any) -> None:
    Mark.objects.bulk_create(
        Mark(user=cast.bob_user, sort="recent", entity="fakes.gadget", record_id=n) for n in range(10**6, 10**6 + 60)
    )
    marks.touch_recent(cast.bob, gadget)
    assert Mark.objects.filter(user=cast.bob_user, sort="recent").count() == marks.RECENTS
    assert "recent" in marks.marks_of(cast.bob, gadget)
