"""What a visit weighs, and how long browsers may keep it."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brotli
import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client

from guanxi.config.fingerprint import fingerprint
from tests.factories.cast import Cast
from tests.signing import browser

Make = Callable[..., Any]
FIRST, LATER = 300_000, 40_000
SQUEEZED = {"Accept-Encoding": "gzip, deflate, br"}


def addresses(page: str) -> set[str]:
    """The files of ours a page names; modules name others, which are added."""
    found = set(re.findall(r'(?:src|href)="(/static/[^"#]+)', page))
    for one in sorted(found):
        if one.endswith("/app.js"):
            for line in re.findall(r'from "\./([^"]+)"|import "\./([^"]+)"', Client().get(one).content.decode()):
                found.add(one.replace("app.js", line[0] or line[1]))
    return found


@pytest.mark.parametrize("path", ["/", "/customers/", "/customers/board/"])
def test_a_page_stays_within_its_weight(cast: Cast, make: Make, path: str) -> None:
    for number in range(50):
        make("customers.customer", name=f"重量测试{number}有限公司", owner=cast.alice_user)
    web = browser(cast.alice_user)
    answer = web.get(path, headers=SQUEEZED)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in answer.headers["Vary"]
    page = gzip.decompress(answer.content).decode()
    assert len(answer.content) < LATER
    files = addresses(page)
    assert len(files) > 10
    weights = {one: len(Client().get(one, headers=SQUEEZED).content) for one in files}
    assert len(answer.content) + sum(weights.values()) < FIRST, sorted(weights.items(), key=lambda one: -one[1])[:8]


def test_files_are_kept_for_a_year_under_an_address_that_changes_with_them() -> None:
    address = f"{settings.STATIC_URL}guanxi/app.js"
    answer = Client().get(address)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert re.fullmatch(r"/static/[0-9a-f]{12}/", settings.STATIC_URL)
    seen = Client().get(address, headers={"If-None-Match": answer.headers["ETag"]})
    assert (seen.status_code, seen.content) == (304, b"")
    old = Client().get("/static/0123456789ab/guanxi/app.js")
    assert (old.content, old.headers["Cache-Control"]) == (answer.content, "no-cache")
    assert Client().get("/static/guanxi/app.js").headers["Cache-Control"] == "no-cache"


def test_each_browser_gets_the_encoding_it_reads() -> None:
    address = f"{settings.STATIC_URL}vendor/htmx/htmx.min.js"
    plain = Client().get(address).content
    small = Client().get(address, headers={"Accept-Encoding": "gzip, deflate, br"})
    other = Client().get(address, headers={"Accept-Encoding": "gzip"})
    assert (small.headers["Content-Encoding"], other.headers["Content-Encoding"]) == ("br", "gzip")
    assert brotli.decompress(small.content) == gzip.decompress(other.content) == plain
    assert len({small.headers["ETag"], other.headers["ETag"], Client().get(address).headers["ETag"]}) == 3
    head = Client().head(address)
    assert (head.content, head.headers["Content-Length"]) == (b"", str(len(plain)))
    assert Client().post(address).status_code == 405
    for wrong in (
        "/static/",
        "/static/../settings.py",
        f"{settings.STATIC_URL}guanxi/",
        "/static/x/%2e%2e/%2e%2e/a.py",
        "/static/\0",
    ):
        assert Client().get(wrong).status_code == 404, wrong


def test_a_file_that_changes_while_we_run_is_served_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "live.css"
    file.write_text("a{}" * 400)
    monkeypatch.setattr(finders, "find", lambda name, **_more: str(file) if name == "live.css" else None)
    address = f"{settings.STATIC_URL}live.css"
    web = Client()
    first = web.get(address, headers={"Accept-Encoding": "br"})
    file.write_text("b{}" * 900)
    os.utime(file, ns=(1, 1))
    second = web.get(address, headers={"Accept-Encoding": "br"})
    assert brotli.decompress(first.content) == b"a{}" * 400
    assert brotli.decompress(second.content) == b"b{}" * 900
    assert second.headers["Content-Length"] == str(len(second.content))


def test_the_fingerprint_is_of_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("a{}")
    first = fingerprint([tmp_path])
    assert fingerprint([tmp_path]) == first
    (tmp_path / "a.css").write_text("b{}")
    second = fingerprint([tmp_path])
    (tmp_path / "a.css").rename(tmp_path / "b.css")
    assert len({first, second, fingerprint([tmp_path])}) == 3


def test_short_answers_and_those_nobody_can_read_stay_as_they_are(cast: Cast) -> None:
    web = browser(cast.alice_user)
    assert "Content-Encoding" not in web.get("/customers/").headers
    assert "Content-Encoding" not in Client().get("/healthz", headers=SQUEEZED).headers
    assert "Content-Encoding" not in web.get("/search/palette/results/?q=zzz", headers=SQUEEZED).headers
