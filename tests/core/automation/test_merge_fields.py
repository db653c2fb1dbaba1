"""Texts with merge fields: what is wrong with one is said with its line and word, in the reader's language."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.utils import translation

from guanxi.core.automation import templates
from guanxi.core.kernel.errors import Invalid

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("您好\n{{ name | shout }}", "没有过滤器“shout”。"),
        ("您好 {{ name", "第 1 行：无法识别“{{ name”。"),
        ("一\n二\n{% fo a in b %}", "第 3 行：无法识别“fo”。"),
        ("一\n{{ name owner }}", "第 2 行：无法识别“owner”。"),
        ("一\n{% if name == %}二{% endif %}", "第 2 行：无法识别“if”。"),
        ("{% if name %}\n{{ name. }}\n{% endif %}", "第 2 行：无法识别“{{ name. }}”。"),
        ("一\n{% if name %}二", "第 2 行：“if”没有结束标记。"),
        ("{% if name %}" * 200 + "{% endif %}" * 200, "文本太长。"),
    ],
)
def test_what_is_wrong_is_said_where(cast: Any, text: str, said: str) -> None:
    with translation.override("zh-hans"), pytest.raises(Invalid) as refused:
        templates.check(cast.root, "customers.customer", text, field="body_zh")
    assert (str(refused.value), refused.value.field) == (said, "body_zh")


def test_in_english_as_well(cast: Any) -> None:
    with translation.override("en"), pytest.raises(Invalid) as refused:
        templates.check(cast.root, "customers.customer", "{{ name | shout }}")
    assert str(refused.value) == "There is no filter “shout”."


def test_nothing_is_wrong_with_a_good_one(cast: Any) -> None:
    templates.check(cast.root, "customers.customer", "{% if name %}{{ name | upcase }}{% endif %} {{ me.name }}")


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'aaaaaaaaaa'" + " | replace: 'a', 'aaaaaaaaaa'" * 9 + " }}",
        "{{ (1..999999999) | join: ',' }}",
        "{% for i in (1..999999999) reversed %}x{% endfor %}",
        "{% for i in (1..999999999) offset: 999999990 %}x{% endfor %}",
        "{% if (1..999999999) contains 'a' %}x{% endif %}",
        "{% assign x = (1..1999) %}" + "{% assign x = x | concat: x %}" * 9,
        "{{ 9" + " | times: 999999999999999999" * 600 + " }}",
        "{{ " + "9" * 5000 + " }}",
        "{{ '99999999999999999999' | date: '%Y' }}",
        "{{ 1 | divided_by: 0 }}",
    ],
)
def test_no_text_grows_without_end_or_ends_in_a_fault(cast: Any, make: Any, text: str) -> None:
    begun = time.process_time()
    with pytest.raises(Invalid):
        templates.fill(cast.root, make("customers.customer"), text)
    assert time.process_time() - begun < 2


def test_ordinary_filters_do_their_work(cast: Any, make: Any) -> None:
    customer = make("customers.customer", name="华为")
    text = "{{ name | append: '公司' }} {{ (1..3) | join: '-' }} {{ 3.14159 | round: 2 }} {{ '2026-01-02' | date: '%d.%m.%Y' }} {{ nothing | default: 'x' }}"
    assert templates.fill(cast.root, customer, text) == "华为公司 1-2-3 3.14 02.01.2026 x"
