"""What templates write is escaped exactly as Jinja alone would."""

from __future__ import annotations

import gc
from decimal import Decimal
from typing import Any

import pytest
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy, override
from jinja2 import DictLoader, Environment, StrictUndefined, UndefinedError, pass_context
from markupsafe import Markup, escape

from guanxi.core.web import jinja
from guanxi.core.web.drawing import Pages, filled, shown

VALUES: list[Any] = [
    "<b>&\"'", "", "关系", Markup("<b>"), mark_safe("<i>"), 7, True, None, 1.5, Decimal("2.50"), ["<"], gettext_lazy("<lazy>"),
    type("Name", (str,), {})("<s>"), type("Drawn", (), {"__html__": lambda _self: "<u>"})(),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_is_shown_as_it_would_be_escaped(value: Any) -> None:
    assert str(shown(value)) == str(escape(value))


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_sentence_takes_a_value_as_markup_would(value: Any) -> None:
    sentence, values = Markup("<i>%(one)s</i> 100%% %(two)s"), {"one": value, "two": "<2>"}
    assert filled(sentence, values) == sentence % values
    assert filled(Markup("100%%"), {}) == "100%"


@pytest.mark.parametrize("number", [7, 7.25, Decimal("7.25")])
def test_a_sentence_formats_numbers_in_its_own_way(number: Any) -> None:
    sentence = Markup("%(n)d, %(n).1f, %(n)s")
    assert filled(sentence, {"n": number}) == str.__mod__(sentence, {"n": number})


@pass_context
def _asks(context: Any, word: str) -> str:
    return f"{word} {context['x']}"


def _calls() -> dict[str, Any]:
    return {"x": "<x>", "plain": lambda word, mark="-": f"<{word}{mark}>", "asks": _asks, "kind": str}


@pytest.mark.parametrize(
    "text",
    [
        "{{ x }}{{ plain('a') }}{{ plain('a', mark='+') }}{{ asks('b') }}{{ kind(5) }}{{ x.upper() }}",
        "{% macro m(a) %}{{ a }}{{ caller() }}{% endmacro %}{% call m(x) %}{{ x }}{% endcall %}{{ m(x, caller=plain) if 0 }}",
        "{% for one in [x, 1] %}{{ plain(one) }}{{ loop.index }}{{ asks(one) }}{% endfor %}{% set y %}{{ x }}{% endset %}{{ y }}{{ y ~ x }}",
        "{% filter upper %}{{ x }}{% endfilter %}{{ x|safe }}{% autoescape false %}{{ x }}{% endautoescape %}",
    ],
)
def test_templates_say_the_same(text: str) -> None:
    ours, plain = (kind(autoescape=True, undefined=StrictUndefined) for kind in (Pages, Environment))
    given = _calls()
    assert ours.from_string(text).render(given) == plain.from_string(text).render(given) != ""


def test_a_missing_name_is_still_an_error() -> None:
    with pytest.raises(UndefinedError):
        Pages(autoescape=True, undefined=StrictUndefined).from_string("{{ nobody }}").render()


@pytest.mark.parametrize(("count", "said"), [(1, "1 row &lt;b&gt;"), (1030, "1,030 rows &lt;b&gt;")])
def test_a_number_of_things_has_separators_and_the_rest_is_escaped(count: int, said: str) -> None:
    source = '{{ ngettext("%(num)d row %(of)s", "%(num)d rows %(of)s", count, of="<b>") }}'
    with override("en"):
        assert jinja.environment(autoescape=True).from_string(source).render(count=count) == said


PARTS = {
    "page": """{% extends "frame" %}{% from "kit" import mark %}{% import "kit" as kit with context %}{% set same = mark %}
        {% macro row(one) %}{{ mark(one) }}{{ cell(one) }}{% endmacro %}
        {% macro cell(one) %}{{ plain(one) }}{{ row(one[1:]) if one }}{% endmacro %}
        {% block body %}{{ row("abc") }}{{ kit.mark(x) }}{{ kit.box() }}{% include "part" %}{% endblock %}""",
    "frame": "{% macro head() %}{{ plain(x) }}{% endmacro %}<{{ head() }}>{% block body %}{% endblock %}",
    "kit": "{% macro mark(one) %}{{ plain(one) }}{% endmacro %}{% macro box() %}{{ mark('k') }}{% endmacro %}",
    "part": "{% macro own(n) %}{{ n }}{{ own(n - 1) if n }}{{ plain('p') }}{% endmacro %}{{ own(3) }}",
}


def test_a_drawn_page_leaves_nothing_to_the_collector() -> None:
    pages, plain = (
        kind(autoescape=True, undefined=StrictUndefined, loader=DictLoader(PARTS)) for kind in (Pages, Environment)
    )
    for each in (pages, plain):
        each.globals["plain"] = "<{}>".format
    drawn = [
        pages.get_template("page").render(x="<x>") for _ in range(3)
    ]  # what is imported serves every page, and is kept
    assert "&lt;abc&gt;" in drawn[0]
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            pages.get_template("page").render(x="<x>")
        ours = gc.collect()
        for _ in range(10):
            plain.get_template("page").render(x="<x>")
        theirs = gc.collect()
    finally:
        gc.enable()
    assert (ours, theirs > 100) == (0, True), theirs
