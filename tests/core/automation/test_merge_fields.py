"""Texts with merge fields: what is wrong with one is said with its line and word, in the reader's language."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.utils import translation

from guanxi.core import records
from guanxi.core.automation import merge_fields
from guanxi.core.automation.rules.steps import Doing, value_for
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import RoleField, RuleRun
from guanxi.core.models.stamps import bump
from guanxi.core.schema.registry import entity_of

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
        merge_fields.check(cast.root, "customers.customer", text, field="body_zh")
    assert (str(refused.value), refused.value.field) == (said, "body_zh")


def test_in_english_as_well(cast: Any) -> None:
    with translation.override("en"), pytest.raises(Invalid) as refused:
        merge_fields.check(cast.root, "customers.customer", "{{ name | shout }}")
    assert str(refused.value) == "There is no filter “shout”."


def test_nothing_is_wrong_with_a_good_one(cast: Any) -> None:
    merge_fields.check(cast.root, "customers.customer", "{% if name %}{{ name | upcase }}{% endif %} {{ me.name }}")


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
        merge_fields.fill(cast.root, make("customers.customer"), text)
    assert time.process_time() - begun < 2


def test_ordinary_filters_do_their_work(cast: Any, make: Any) -> None:
    customer = make("customers.customer", name="华为")
    text = "{{ name | append: '公司' }} {{ (1..3) | join: '-' }} {{ 3.14159 | round: 2 }} {{ '2026-01-02' | date: '%d.%m.%Y' }} {{ nothing | default: 'x' }}"
    assert merge_fields.fill(cast.root, customer, text) == "华为公司 1-2-3 3.14 02.01.2026 x"


def test_money_is_written_with_its_currency_in_the_language_of_the_text(cast: Any, make: Any) -> None:
    line = {"name": "泵", "quantity": 1, "price": "71500", "tax_class": "0"}
    yuan = make("billing.contract", lines=[line])
    records.create(cast.root, "core.exchangerate", {"currency": "USD", "day": "2020-01-01", "rate": "7"})
    dollars = make("billing.contract", currency="USD", lines=[{**line, "price": "1234.5"}])
    text = "{{ total }}|{{ total | plain }}|{{ total | in_words }}|{{ name | in_words }}"
    with translation.override("en"):
        found = [merge_fields.fill(cast.root, one, text, language="zh-hans").split("|")[:3] for one in (yuan, dollars)]
    assert found == [
        ["¥71,500.00", "71500.00", "柒万壹仟伍佰元整"],
        ["US$1,234.50", "1234.50", "美元壹仟贰佰叁拾肆元伍角"],
    ]
    reckoned = "{% if total > 1000 %}{{ total | minus: 500 | round }}{% endif %} {{ customer.name }}"
    assert merge_fields.fill(cast.root, yuan, reckoned, language="en") == f"¥71,000.00 {yuan.customer.name}"
    shares = "{{ total | divided_by: 3 }}|{{ total | times: 0.3 | in_words }}|{{ total | divided_by: net }}|{{ 2 | times: total | plain }}"
    found = merge_fields.fill(cast.root, yuan, shares, language="zh-hans").split("|")
    assert found == ["¥23,833.33", "贰万壹仟肆佰伍拾元整", "1.0", "143000.00"], (
        "a part of money is money, a ratio is none"
    )
    assert merge_fields.fill(cast.root, yuan, "{{ volume }}{{ volume | in_words }}") == "", "nothing of nothing"
    merge_fields.check(cast.root, "billing.contract", text)


def test_a_value_of_a_rule_that_is_one_field_stays_a_number(cast: Any, make: Any) -> None:
    contract = make("billing.contract", lines=[{"name": "泵", "quantity": 1, "price": "71500", "tax_class": "0"}])
    doing = Doing(actor=cast.root, entity=entity_of("billing.contract"), record=contract, run=RuleRun())
    assert value_for(doing, "{{ total }}") == "71500.00"
    assert value_for(doing, "欠 {{ total }}") == "欠 ¥71,500.00"


def test_masked_money_stays_masked(cast: Any, make: Any) -> None:
    contract = make("billing.contract", owner=cast.alice_user, lines=[{"name": "泵", "quantity": 1, "price": "71500", "tax_class": "0"}])  # fmt: skip
    RoleField.objects.create(role=cast.role, entity="billing.contract", field="total", level="masked")
    bump("rights")
    said = merge_fields.fill(
        cast.actor(cast.alice_user), contract, "{{ total }}{{ total | plain }}{{ total | in_words }}"
    )
    assert not {"7", "柒"} & set(said)
