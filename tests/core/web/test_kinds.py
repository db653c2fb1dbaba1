"""Every kind has a cell, a widget that exists as a macro, and reads back what its widget sends."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from pathlib import Path

import pytest
from django.http import QueryDict
from django.template.loader import get_template
from django.utils import translation

from guanxi.core.schema.fields import Field
from guanxi.core.schema.kinds import KINDS
from guanxi.core.web import cells, formats, gallery, icons
from guanxi.core.web.inputs import Input, Option, input_text, raw_values
from guanxi.core.web.kinds import FACES

TEMPLATES = Path(icons.__file__).parent / "templates"


def test_every_kind_has_a_face_and_none_is_left_over() -> None:
    assert set(FACES) == set(KINDS)
    assert set(cells.CELLS) == set(KINDS)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_widget_is_a_macro(kind: str) -> None:
    names = {FACES[kind].widget, FACES[kind].ask}
    text = (TEMPLATES / "components/widgets.jinja").read_text() + (TEMPLATES / "components/rows.jinja").read_text()
    assert names <= set(re.findall(r"macro (\w+)\(", text))


@pytest.mark.django_db
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_cell_escapes_and_bears_nothing(kind: str) -> None:
    names = cells.Names(records={"": {1: cells.Named("<b>x</b>", url="/x/")}}, users={1: cells.Named("<b>x</b>")})
    cell = cells.compiled(gallery.sample_field(kind), names)
    assert cell(None) == ""
    hostile = {
        "text": "<script>", "long_text": "<script>" * 40, "rich_text": "<p>a &lt;script&gt;</p>", "email": "<a@b>",
        "url": "javascript:alert(1)", "phone": "<i>", "serial": "<i>", "choice": "<i>", "region": "<i>", "user": 1, "reference": 1,
        "emails": [{"value": "<i>"}], "phones": [{"value": "<i>", "written": "<i>"}], "urls": [{"value": "javascript:<i>"}],
        "addresses": [{"street": "<i>"}], "choices": ["<i>"],
    }  # fmt: skip
    if kind in hostile:
        shown = str(cell(hostile[kind]))
        assert "<script" not in shown
        assert "<i>" not in shown
        assert "<b>" not in shown
        assert 'href="javascript' not in shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Decimal("1288000.00"), "¥1,288,000"),
        (Decimal("-12.50"), "−¥12.50"),
        (Decimal("0.10"), "¥0.10"),
    ],
)
def test_money_is_grouped_and_signed(value: Decimal, shown: str) -> None:
    assert formats.money(value, "CNY") == shown


def test_short_money_speaks_the_language() -> None:
    with translation.override("zh-hans"):
        assert formats.short_money(Decimal(12_860_000), "CNY") == "¥1,286万"
        assert formats.short_money(Decimal(250_000_000), "CNY") == "¥2.5亿"
    with translation.override("en"):
        assert formats.short_money(Decimal(12_860_000), "USD") == "US$12.9M"


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (-0.2, "just now"),
        (-5, "5 minutes ago"),
        (-120, "2 hours ago"),
        (-60 * 24, "yesterday 18:00"),
        (60 * 24 * 3, "in 3 days"),
    ],
)
def test_moments_are_relative_near_now_and_absolute_on_hover(minutes: float, words: str) -> None:
    now = dt.datetime(2026, 3, 10, 10, 0, tzinfo=dt.UTC)
    with translation.override("en"):
        shown = formats.when(now + dt.timedelta(minutes=minutes), now)
    assert f">{words}</time>" in shown
    assert 'title="2026-03-' in shown


def test_phones_are_grouped() -> None:
    assert formats.phone("+8613800138000") == "138 0013 8000"
    assert formats.phone("+442079460958") == "+44 20 7946 0958"
    assert formats.phone("12345") == "12345"


def test_highlighting_marks_without_opening_a_hole() -> None:
    assert formats.highlighted("<b>Huawei</b>", "huawei") == "&lt;b&gt;<mark>Huawei</mark>&lt;/b&gt;"
    assert formats.highlighted("华为技术 & 为", "技术 为技 为") == "华<mark>为技术</mark> &amp; <mark>为</mark>"
    assert formats.highlighted("<i>", "x") == "&lt;i&gt;"


def test_icons_used_in_templates_are_in_the_sprite() -> None:
    used = set()
    for path in TEMPLATES.rglob("*.*"):
        used |= set(re.findall(r"icon\(\"([a-z0-9-]+)\"", path.read_text(encoding="utf-8")))
    assert used - icons.names() == set()


def test_sent_lists_come_back_as_rows() -> None:
    data = QueryDict(
        "phones.sent=1&phones.1.value=138&phones.1.label=m&phones.0.value=&phones.4.value=139&phones.primary=4"
    )
    assert raw_values([Field(name="phones", kind="phones", label="")], data) == {
        "phones": [{"value": "138", "label": "m", "primary": False}, {"value": "139", "primary": True}]
    }


def test_an_unticked_box_is_no_and_an_absent_one_is_nothing() -> None:
    box = Field(name="active", kind="boolean", label="")
    assert raw_values([box], QueryDict("active.sent=1")) == {"active": False}
    assert raw_values([box], QueryDict("active.sent=1&active=1")) == {"active": True}
    assert raw_values([box], QueryDict("")) == {}


def test_input_text_is_what_the_browser_expects() -> None:
    assert input_text("date", dt.date(2026, 3, 5)) == "2026-03-05"
    assert input_text("decimal", Decimal("12.500")) == "12.5"
    assert input_text("time", dt.time(9, 5)) == "09:05"
    assert input_text("text", None) == ""


@pytest.mark.django_db
def test_every_component_draws_with_sample_data() -> None:
    field = get_template("components/field.jinja", using="jinja2").template.module  # type: ignore[attr-defined]
    for kind in KINDS:
        made = Input(
            field=gallery.sample_field(kind), value=None, options=[Option("new", "<new>")], errors=["wrong <b>"]
        )
        shown = str(field.field(made))
        assert "<new>" not in shown
        assert "wrong &lt;b&gt;" in shown
