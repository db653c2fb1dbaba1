"""The firm's logo: made safe, kept with the settings, refused where it is none."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image

from guanxi.core.exchange.settingsfile import document
from guanxi.core.kernel.errors import Denied, Invalid
from guanxi.core.models import Preference, stamps
from guanxi.core.records.logo import KEY, logo, logo_made, logo_set
from tests.factories.cast import Cast

DRAWN = b"""<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 120 40" onload="alert(1)">
<script>alert(2)</script><style>@import url(https://evil.example/a.css);</style><style>.a { fill: url(#b) }</style>
<style>.b { fill: red }<g/>@import "https://evil.example/z.css";</style>
<foreignObject><p>three</p></foreignObject><image href="https://evil.example/x.png"/><a href="javascript:alert(4)"><path d="M0 0"/></a>
<g id="g"><use href="#r"/></g><use xlink:href="#g"/><use href="https://evil.example/y.svg#z"/>
<rect id="r" width="120" height="40" fill="url(#b)" style="fill:url(https://evil.example/p)" onclick="alert(5)"/></svg>"""


def picture(kind: str, size: tuple[int, int] = (3000, 800)) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", size, "#1f5fd0").save(target, kind)
    return target.getvalue()


def test_of_a_drawing_only_shapes_and_colours_stay() -> None:
    made = logo_made(DRAWN)
    text = made.data.decode()
    assert (made.type, made.width, made.height, made.on_paper) == ("svg", 120.0, 40.0, (48.0, 16.0))
    assert all(
        word not in text
        for word in ("script", "alert", "evil", "foreignObject", "image", "onload", "style=", "DOCTYPE")
    )
    assert all(word in text for word in ('fill="url(#b)"', ".a { fill: url(#b) }", '#g"'))
    assert 'width="120" height="40"' in text, "else a page gives it no room"
    assert text.count("use") == 2, "what is used uses nothing itself, and nothing from elsewhere"


def test_a_picture_is_made_anew_and_brought_down() -> None:
    made = logo_made(picture("JPEG") + b"<script>")
    assert (made.type, made.width, made.height, made.on_paper) == ("jpg", 1000.0, 267.0, (59.93, 16.0))
    assert b"script" not in made.data
    assert made.address.startswith("data:image/jpeg;base64,")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"%PDF-1.7", "logo.type"),
        (b"\x89PNG\r\n\x1a\nbroken", "file.picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'", "file.picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "logo.size"),
        (
            b"<!DOCTYPE svg [<!ENTITY a 'b'>]><svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'>&a;</svg>",
            "file.picture",
        ),
        (b"<html><svg/></html>", "file.picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 " + b"9" * 400 + b"'/>", "logo.size"),
        (b" " * (5 * 1024 * 1024 + 1), "file.size"),
    ],
)
def test_what_is_no_logo_is_refused_at_its_field(content: bytes, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        logo_made(content)
    assert (refused.value.code, refused.value.field) == (code, KEY)


@pytest.mark.django_db
def test_a_logo_is_stored_by_who_may_and_travels_with_the_settings(cast: Cast) -> None:
    with pytest.raises(Denied):
        logo_set(cast.alice, picture("PNG"))
    assert logo() is None
    stored = logo_set(cast.root, picture("PNG", (40, 10)))
    assert stored == logo()
    kept = next(row for row in document()["workspace"] if row["key"] == KEY)
    assert kept["value"]["content"] == base64.b64encode(stored.data).decode()
    evil = {"type": "svg", "content": base64.b64encode(DRAWN).decode(), "width": 1, "height": 1}
    for told in (
        evil,
        {**evil, "content": "???"},
        {"type": "png", "content": "QUJD", "width": 1, "height": 1},
        {"type": "png"},
    ):
        Preference.objects.filter(key=KEY).update(value=told)
        stamps.bump("preferences")
        found = logo()
        assert found is None or (told is evil and b"alert" not in found.data)
    assert logo_set(cast.root, None) is None
    assert logo() is None
