"""Search page and palette: found by pinyin, under rights; nothing of what one may not see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.test import Client

Browse = Callable[..., Client]
Make = Callable[..., Any]


def text(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_the_palette_finds_by_pinyin_and_hides_the_foreign(browse: Browse, make: Make, cast: Any) -> None:
    mine = make("fakes.gadget", name="华诚精密")
    foreign = make("fakes.gadget", name="华诚机械", by=cast.charlie_user)
    page = text(browse("alice"), "/search/palette/results/?q=hcjm")
    assert f'href="/gadgets/{mine.pk}/"' in page
    page = text(browse("alice"), "/search/palette/results/?q=huacheng")
    assert f"/gadgets/{mine.pk}/" in page
    assert f"/gadgets/{foreign.pk}/" not in page
    assert "华诚机械" not in page


def test_the_palette_offers_only_what_one_may_do(browse: Browse, cast: Any) -> None:
    assert 'href="/gadgets/new/"' in text(browse("alice"), "/search/palette/results/?q=>gadget")
    assert "/gadgets/" not in text(browse("dave"), "/search/palette/results/?q=gadget")


def test_the_search_page_groups_and_escapes(browse: Browse, make: Make) -> None:
    make("fakes.gadget", name="Alpha <b>bold</b>")
    page = text(browse("alice"), "/search/?q=Alpha")
    assert "<b>bold" not in page
    assert "Gadgets · 1" in page
    assert "1 record found" in page
    assert "Nothing found" in text(browse("alice"), "/search/?q=zzzzqq")


def test_an_empty_palette_shows_what_was_opened_last(browse: Browse, make: Make) -> None:
    gadget = make("fakes.gadget", name="Seen")
    alice = browse("alice")
    alice.get(f"/gadgets/{gadget.pk}/")
    assert "Seen" in text(alice, "/search/palette/results/?q=")


def test_own_settings_are_kept(browse: Browse, cast: Any) -> None:
    alice = browse("alice")
    answer = alice.post("/preferences/", {"theme": "dark", "density": "compact", "next": "//evil.example/"})
    assert (answer.status_code, answer["Location"]) == (303, "/")
    page = text(alice, "/search/")
    assert 'data-theme="dark" data-density="compact"' in page
    assert alice.post("/preferences/", {"theme": "pink"}).status_code == 422
    alice.post("/preferences/", {"language": "zh-hans", "next": "/search/"})
    assert '<html lang="zh-Hans"' in text(alice, "/search/")
