"""Texts with merge fields: what is wrong with one is said with its line and word, in the reader's language."""

from __future__ import annotations

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
