"""Print templates as an administrator makes them: begun with the one that comes along, looked at, told where they are wrong."""

from __future__ import annotations

import re
import subprocess
import zlib
from decimal import Decimal
from typing import Any

import pytest
from django.utils import translation

from guanxi.areas.billing.models import Invoice, PrintTemplate
from guanxi.areas.billing.services import contracts, invoices, papers, printing
from guanxi.core import records
from guanxi.core.kernel.actor import system_actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.records.logo import logo_set
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db

QUOTE = {"name": "报价", "document": "quote", "language": "zh-hans"}


def test_a_template_without_text_begins_with_the_one_that_comes_along(cast: Cast, make: Any) -> None:
    made = records.create(cast.root, "billing.printtemplate", QUOTE)
    assert "data.json" in made.source
    client = browser(cast.root_user)
    page = client.get(f"/print-templates/{made.pk}/").content.decode()
    for language in ("zh-hans", "en"):
        address = f"/print-templates/{made.pk}/print/{language}.pdf"
        assert address in page
        assert client.get(address).content.startswith(b"%PDF")
    make("billing.quote")
    assert client.get(address).content.startswith(b"%PDF"), "with a document there is"


@pytest.mark.parametrize("document", ["account", "receipt", "invoice"])
def test_every_document_has_a_template_to_begin_with(cast: Cast, document: str) -> None:
    made = records.create(cast.root, "billing.printtemplate", {**QUOTE, "document": document})
    records.update(cast.root, made, {"source": f"{made.source}\n"})


def test_a_wrong_template_says_in_which_line(cast: Cast) -> None:
    with pytest.raises(Invalid, match="第 3 行"):
        records.create(
            cast.root, "billing.printtemplate", {**QUOTE, "source": '#let data = json("data.json")\n\n#data.nothing'}
        )
    with pytest.raises(Invalid):
        records.create(cast.root, "billing.printtemplate", {**QUOTE, "document": "poem"})


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("#nix", "没有名为“nix”的内容"), ('#json("data.json").nix', "单据中没有“nix”"), ("#let a = (1", "括号或引号没有闭合"),
        ("#while true {}", "循环或嵌套没有结束"), ("#let f(n) = f(n + 1)\n#f(0)", "循环或嵌套没有结束"),
        ('#json("more.json")', "没有这个文件"), ('#import "@preview/cetz:0.3.0": canvas', "不能使用外部软件包"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_template_is_said_in_the_readers_language(cast: Cast, source: str, said: str) -> None:
    with translation.override("zh-hans"), pytest.raises(Invalid, match=said) as refused:
        records.create(cast.root, "billing.printtemplate", {**QUOTE, "source": source})
    assert "packages.typst.org" not in str(refused.value)


def test_the_composer_as_a_page_is_drawn_anew_in_its_place(cast: Cast, make: Any) -> None:
    customer = make("customers.customer", emails=[{"label": "work", "value": "li@kunde.example"}])
    client, address = browser(cast.root_user), f"/write/customers/{customer.pk}/"
    page = client.get(address).content.decode()
    part = client.get(address, headers={"HX-Request": "true"}).content.decode()
    assert "<div hx-disable>" in page
    assert "<div hx-disable>" not in part


def _mixed(make: Any) -> Any:
    """A signed contract over 1,000 of goods at 13 % and 500 of services at 6 %."""
    lines = [
        {"name": "控制柜", "specification": "XK-2", "quantity": 4, "price": "250", "tax_class": "13", "unit": "piece"},
        {"name": "安装", "quantity": 1, "price": "500", "tax_class": "6"},
        {"name": "备件", "quantity": 1, "price": "99", "tax_class": "13", "optional": True},
    ]
    contract = make("billing.contract", lines=lines)
    return contracts.contract_sign(system_actor("tests", via="test"), contract)


def test_an_invoice_is_taxed_line_by_line_as_its_contract(cast: Cast, make: Any) -> None:
    whole = invoices.invoice_request(cast.root, _mixed(make))
    rows = [
        (one.name, one.quantity, one.tax_class, one.net, one.tax, one.amount)
        for one in whole.lines.order_by("position")
    ]
    assert rows == [
        ("控制柜", 4, "13", Decimal("884.96"), Decimal("115.04"), 1000),
        ("安装", 1, "6", Decimal("471.70"), Decimal("28.30"), 500),
    ]
    assert (whole.net, whole.tax, whole.amount, whole.tax_class) == (Decimal("1356.66"), Decimal("143.34"), 1500, "13")
    with pytest.raises(Invalid, match="1,500"):
        records.update(cast.root, whole, {"amount": "1200"})
    with pytest.raises(Invalid) as refused:
        records.update(cast.root, whole, {"tax_class": "9"})
    assert refused.value.field == "tax_class"
    issued = invoices.invoice_issue(cast.root, whole, invoice_number="0007")
    line = whole.lines.order_by("position")[0]
    for change in ({"name": "别的"}, {"amount": "900"}):
        with pytest.raises(Invalid) as refused:
            records.update(cast.root, line, change)
        assert refused.value.code == "invoice.stands"
    with pytest.raises(Invalid):
        records.update(cast.root, Invoice.objects.get(pk=issued.pk), {"lines": []})
    red = invoices.invoice_reverse(cast.root, issued, invoice_number="0008")
    assert [(one.quantity, one.amount) for one in red.lines.order_by("position")] == [(-4, -1000), (-1, -500)]
    assert (red.net, red.tax, red.amount) == (-whole.net, -whole.tax, -1500)


def test_parts_of_a_contract_are_invoiced_at_its_rates(cast: Cast, make: Any) -> None:
    contract = _mixed(make)
    goods = {
        "contract": contract.pk,
        "customer": contract.customer_id,
        "lines": [{"name": "货", "tax_class": "13", "amount": "400"}],
    }
    first = records.create(cast.root, "billing.invoice", goods)
    assert (first.amount, first.tax) == (400, Decimal("46.02"))
    second = invoices.invoice_request(cast.root, contract, amount=Decimal(550))
    assert [(one.tax_class, one.amount) for one in second.lines.order_by("position")] == [("13", 300), ("6", 250)]
    rest = invoices.invoice_request(cast.root, contract, content="余款")
    assert [(one.name, one.tax_class, one.amount) for one in rest.lines.order_by("position")] == [
        ("余款", "13", 300),
        ("余款", "6", 250),
    ]
    records.update(cast.root, first, {"amount": "300", "tax_class": "6"})
    assert [(one.tax_class, one.amount, one.tax) for one in first.lines.all()] == [("6", 300, Decimal("16.98"))]
    other = _mixed(make)
    of_other = {"contract": other.pk, "customer": other.customer_id, "tax_class": "13"}
    by_hand = records.create(cast.root, "billing.invoice", {**of_other, "amount": "300"})
    assert [(one.tax_class, one.amount) for one in by_hand.lines.order_by("position")] == [("13", 200), ("6", 100)]
    assert records.create(cast.root, "billing.invoice", of_other).amount == 1200
    with pytest.raises(Invalid) as refused:
        records.create(cast.root, "billing.invoice", {"customer": contract.customer_id})
    assert refused.value.field == "amount"


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_a_copy_of_an_invoice_says_what_it_is_and_what_was_taxed(cast: Cast, make: Any, language: str) -> None:
    request = invoices.invoice_request(cast.root, _mixed(make))
    with translation.override(language):
        asked = papers.document_data(request, language, reader=cast.root)
        issued = invoices.invoice_issue(cast.root, request, invoice_number="0007")
        data = papers.document_data(issued, language, reader=cast.root)
        red = papers.document_data(
            invoices.invoice_reverse(cast.root, issued, invoice_number="0008"), language, reader=cast.root
        )
    titles = (asked["title"], data["title"], red["title"])
    expected = (
        ("开票申请", "发票（副本）", "红字发票（副本）"),
        ("Request for an invoice", "Invoice (copy)", "Red invoice (copy)"),
    )
    assert titles == expected[language == "en"]
    assert ("税务机关" if language == "zh-hans" else "tax authority") in data["notice"]
    assert data["rows"][0]["cells"][4:] == ["221.24", "¥884.96", "13%", "¥115.04", "¥1,000.00"]
    assert [row[1] for row in data["totals"]] == ["¥115.04", "¥28.30", "¥1,356.66", "¥143.34", "¥1,500.00"]
    assert data["in_words"].endswith("壹仟伍佰元整") == (language == "zh-hans")
    assert [value for _label, value in red["facts"] if value == "0007"] == ["0007"], "which one it reverses"


def _drawn(pdf: bytes) -> bytes:
    """What stands on the pages, without the moment and the number every printing has of its own."""
    parts = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    return b"".join(zlib.decompressobj().decompress(one) for one in parts if one[:1] == b"x")


def test_a_logo_stands_on_what_is_printed(cast: Cast, make: Any) -> None:
    made = make("billing.invoiceline").invoice
    plain = _drawn(printing.document_pdf(cast.root, made))
    assert plain == _drawn(printing.document_pdf(cast.root, made))
    logo_set(cast.root, b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 3"><rect width="9" height="3"/></svg>')
    assert _drawn(printing.document_pdf(cast.root, made)) != plain
    assert b"%PDF" in browser(cast.root_user).get(f"/invoices/{made.pk}/print/en.pdf").content


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("#for a in range(9000) { for b in range(9000) { for c in range(9000) { let x = 1 } } }", "template.endless"),
        ('#let x = "a" * 4000000000\n#x.len()', "template.endless"),
        ('#read("/etc/passwd")', "template.wrong"),
        ('#read("../../../../etc/passwd")', "template.wrong"),
        ('#import ("@pre" + "view/example:0.1.0"): add\n#add(1, 2)', "template.wrong"),
    ],
)
def test_a_template_that_runs_away_or_reaches_out_ends_itself_alone(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, source: str, code: str
) -> None:
    monkeypatch.setattr(printing, "SECONDS", 1)
    with pytest.raises(Invalid) as refused:
        records.create(cast.root, "billing.printtemplate", {**QUOTE, "source": source})
    (error,) = refused.value.errors["source"] if refused.value.errors else (refused.value,)
    assert error.code == code
    assert not PrintTemplate.objects.exists()


def test_who_draws_knows_no_host_and_no_secret(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def run(command: Any, *, env: Any, **_more: Any) -> Any:
        given.update(env)
        raise subprocess.TimeoutExpired(command, 1)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(Invalid):
        printing.compiled("something else", {})
    assert set(given.values()) == {"http://127.0.0.1:9"}
    assert {name.lower() for name in given} == {"http_proxy", "https_proxy", "all_proxy"}
