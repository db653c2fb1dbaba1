"""Documents as PDF, made by typst from a template and the document's data, in Chinese or English."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import typst
from django.utils import translation
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from guanxi.areas.billing import selectors
from guanxi.areas.billing.models import Contract, Instalment, Order, PrintTemplate, Quote
from guanxi.areas.customers.models import Customer
from guanxi.core import records
from guanxi.core.access import require
from guanxi.core.kernel import regional
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.records import dictionaries, display
from guanxi.core.records.figures import number
from guanxi.core.records.firm import firm
from guanxi.core.schema.registry import entity_of
from guanxi.core.web import formats

DATA = Path(__file__).parent.parent / "data"
FONTS = DATA / "fonts"
LANGUAGES = ("zh-hans", "en")
#: Documents a template can be made for.
DOCUMENTS = ("quote", "contract", "order", "account")
_DIGITS, _UNITS, _GROUPS = "零壹贰叁肆伍陆柒捌玖", ("", "拾", "佰", "仟"), ("", "万", "亿", "万亿")


def amount_in_words(amount: Decimal) -> str:
    """An amount of yuan in Chinese capitals, as contracts want it.

    >>> amount_in_words(Decimal("10203.05")), amount_in_words(Decimal("1000000"))
    ('壹万零贰佰零叁元零伍分', '壹佰万元整')
    """
    sign = "负" if amount < 0 else ""
    whole, cents = divmod(int((abs(amount) * 100).to_integral_value()), 100)
    parts, zero = "", False
    groups = []
    while whole:
        whole, part = divmod(whole, 10000)
        groups.append(part)
    for place in range(len(groups) - 1, -1, -1):
        part = groups[place]
        if not part:
            zero = bool(parts)
            continue
        text = _group(part)
        parts += ("零" if parts and (zero or part < 1000) else "") + text + _GROUPS[place]
        zero = False
    jiao, fen = divmod(cents, 10)
    tail = (f"{_DIGITS[jiao]}角" if jiao else "零" if fen and parts else "") + (f"{_DIGITS[fen]}分" if fen else "")
    return f"{sign}{(parts + '元') if parts else '' if tail else '零元'}{tail or '整'}"


def _group(part: int) -> str:
    text, zero = "", False
    for place in range(3, -1, -1):
        digit = part // 10**place % 10
        if digit:
            text += ("零" if zero and text else "") + _DIGITS[digit] + _UNITS[place]
            zero = False
        else:
            zero = True
    return text


def compiled(source: str, data: Mapping[str, Any]) -> bytes:
    """The PDF of a template. It sees its own folder only: the data and nothing else. Raises Invalid for a wrong template."""
    with tempfile.TemporaryDirectory(prefix="guanxi-print-") as folder:
        main = Path(folder) / "main.typ"
        main.write_text(source, encoding="utf-8")
        (Path(folder) / "data.json").write_text(json.dumps(data, ensure_ascii=False, default=str), encoding="utf-8")
        try:
            made = typst.compile(str(main), root=folder, font_paths=[str(FONTS)], ignore_system_fonts=True)
        except RuntimeError as error:
            raise Invalid(
                _("The template cannot be printed: %(error)s") % {"error": str(error)[:300]},
                code="template.wrong",
                field="source",
            ) from None
    return bytes(made)


def source_of(document: str, language: str) -> str:
    """The template in use: an administrator's, else the one that comes along."""
    row = (
        PrintTemplate.objects.filter(document=document, language=language, active=True).order_by("-updated_at").first()
    )
    if row is not None:
        return row.source
    return (DATA / ("account.typ" if document == "account" else "document.typ")).read_text(encoding="utf-8")


def template_check(_actor: Actor, template: PrintTemplate, changes: Mapping[str, Any]) -> None:
    """A template is for a document we print, in a language we speak, and can be printed with sample data."""
    if template.document not in DOCUMENTS:
        raise Invalid(
            _("Choose one of: %(names)s.") % {"names": ", ".join(DOCUMENTS)}, code="choice.unknown", field="document"
        )
    if template.language not in LANGUAGES:
        raise Invalid(
            _("Choose one of: %(names)s.") % {"names": ", ".join(LANGUAGES)}, code="choice.unknown", field="language"
        )
    if "source" in changes and template.source.strip():
        compiled(template.source, _sample(template.document))


def _sample(document: str) -> dict[str, Any]:
    words = dict.fromkeys(("footer", "plan", "terms", "sign_us", "sign_them", "date"), "…")
    if document == "account":
        return {
            "title": "…",
            "lang": "zh",
            "customer": "…",
            "period": "…",
            "columns": ["…"] * 5,
            "rows": [["…"] * 5],
            "closing": "…",
            "words": words,
        }
    party = {"label": "…", "name": "…", "rows": ["…"]}
    return {
        "title": "…", "number": "…", "lang": "zh", "seller": party, "buyer": party, "facts": [["…", "…"]], "words": words,
        "columns": [{"label": "…", "wide": True, "numeric": False}], "rows": [{"section": False, "cells": ["…"]}],
        "totals": [["…", "…"]], "in_words": "", "rule": "…", "plan": [], "terms": "…", "signature": True,
    }  # fmt: skip


def document_pdf(actor: Actor, record: Quote | Contract | Order, language: str = "") -> bytes:
    """A quote, contract or order as PDF. ``language`` is that of the reader unless given. Costs never stand in it."""
    require(actor, "view", record)
    chosen = language if language in LANGUAGES else actor.language
    with regional.speaking(chosen, actor.timezone, regional.NEUTRAL):
        return compiled(source_of(record._meta.model_name or "", chosen), document_data(record, chosen))


def document_data(record: Any, language: str) -> dict[str, Any]:
    """All a template of a document may use, in the active language."""
    english = not language.startswith("zh")
    rows = list(record.lines.filter(deleted_at__isnull=True).order_by("position", "pk"))

    titles = {"quote": _("Quotation"), "contract": _("Contract of sale"), "order": _("Order confirmation")}
    name = record._meta.model_name
    return {
        "title": titles[name], "number": record.number, "lang": "en" if english else "zh",
        "seller": _seller(), "buyer": _buyer(record), "facts": _facts(record),
        "columns": [
            {"label": label, "wide": wide, "numeric": numeric}
            for label, wide, numeric in (
                ("#", False, True), (_("Description"), True, False), (_("Quantity"), False, True), (_("Unit"), False, False),
                (_("Unit price"), False, True), (_("Discount"), False, True), (_("Tax rate"), False, True), (_("Amount"), False, True),
            )
        ],
        "rows": _rows(rows, record, english=english),
        "totals": totals_of(record),
        "in_words": _("In words: %(words)s") % {"words": amount_in_words(record.total or Decimal(0))} if record.currency == "CNY" and not english else "",
        "rule": str(ROUNDING),
        "plan": _plan(record) if name != "quote" else [],
        "terms": record.terms,
        "signature": name == "contract",
        "words": {
            "footer": f"{record.number} {record.name}", "plan": _("Payment"), "terms": _("Terms"),
            "sign_us": _("For the seller"), "sign_them": _("For the buyer"), "date": _("Signature, date"),
        },
    }  # fmt: skip


#: The rule printed on every document and shown below every grid.
ROUNDING = translation.gettext_lazy(
    "Each line is rounded half up to the smallest unit of the currency; tax is worked out on each line and added up."
)


def _seller() -> dict[str, Any]:
    known = firm()
    said = (
        ("", known.address), ("", " · ".join(filter(None, (known.phone, known.email)))),
        (_("Tax number"), known.tax_number), (_("Bank"), f"{known.bank} {known.bank_account}".strip()),
    )  # fmt: skip
    rows = [f"{label} {text}" if label else text for label, text in said if text]
    return {"label": _("Seller"), "name": known.printed_name or "Guanxi", "rows": rows}


def totals_of(record: Any) -> list[list[str]]:
    """What stands under the lines; what was taken off the whole is in their amounts already, and said first."""

    def money(value: Decimal | None) -> str:
        return formats.money(value, record.currency)

    off = [f"{record.discount.normalize():f}%"] if record.discount else []
    off += [money(record.discount_amount)] if record.discount_amount else []
    taken = [[_("Taken off the whole, in the amounts above"), " + ".join(off)]] if off else []
    return [
        *taken,
        [_("Without tax"), money(record.net)],
        [_("Tax"), money(record.tax)],
        [_("Total"), money(record.total)],
    ]


def _buyer(record: Any) -> dict[str, Any]:
    customer = record.customer
    rows = [display.address_text(one) for one in customer.addresses[:1]]
    if record.contact is not None:
        rows.insert(0, record.contact.name)
    return {"label": _("Buyer"), "name": customer.name, "rows": [row for row in rows if row]}


def _facts(record: Any) -> list[list[str]]:
    fields = records.fields_of(entity_of(record))
    names = {
        "quote": ("name", "quoted_on", "valid_until", "currency"),
        "contract": ("name", "signed_on", "starts_on", "ends_on", "currency"),
        "order": ("name", "ordered_on", "due_on", "address", "currency"),
    }[record._meta.model_name]
    return [
        [capfirst(str(fields[name].label)), display.shown(fields[name], value)]
        for name in names
        if (value := getattr(record, name))
    ]


def _rows(rows: list[Any], record: Any, *, english: bool) -> list[dict[str, Any]]:
    found, number = [], 0
    for row in rows:
        if row.sort != "item":
            found.append({"section": True, "cells": [row.name]})
            continue
        number += 1
        name = (
            row.product.english_name if english and row.product_id and row.product.name == row.name else ""
        ) or row.name
        text = " ".join(
            filter(None, (name, row.specification, _("(optional, not in the total)") if row.optional else ""))
        )
        choice = dictionaries.value_of("product_unit", row.unit)
        tax = dictionaries.value_of("tax_class", row.tax_class)
        found.append({"section": False, "cells": [
            str(number), text, formats.number(row.quantity.normalize()), choice.label if choice else row.unit,
            formats.number(row.price), f"{row.discount.normalize():f}%" if row.discount else "", tax.label if tax else row.tax_class,
            formats.money(row.amount, record.currency),
        ]})  # fmt: skip
    return found


def _plan(record: Any) -> list[list[str]]:
    rows = Instalment.objects.filter(**{record._meta.model_name: record.pk}).order_by("position", "due_on", "pk")
    return [
        [
            row.name,
            f"{row.percent.normalize():f}%" if row.percent else "",
            formats.money(row.amount, row.currency),
            f"{row.due_on or ''} {row.milestone}".strip(),
        ]
        for row in rows
    ]


def account_pdf(
    actor: Actor, customer: Customer, currency: str, *, first: Any = None, last: Any, language: str = ""
) -> bytes:
    """A customer's account statement as PDF."""
    require(actor, "view", customer)
    chosen = language if language in LANGUAGES else actor.language
    with regional.speaking(chosen, actor.timezone, regional.NEUTRAL):
        found = selectors.account(actor, customer, currency, first=first, last=last)

        def money(value: Decimal) -> str:
            return number(value, 2) if value else ""

        rows = [
            [str(one.on), one.text, money(one.debit), money(one.credit), number(one.balance, 2)]
            for one in found.movements
        ]
        data = {
            "title": _("Statement of account"), "lang": "zh" if chosen.startswith("zh") else "en", "customer": customer.name,
            "period": f"{first or '…'} – {last} · {currency}",
            "columns": [_("Date"), _("Entry"), _("Debit"), _("Credit"), _("Balance")],
            "rows": [[str(first or ""), _("Opening balance"), "", "", number(found.opening, 2)], *rows],
            "closing": _("Balance on %(day)s: %(amount)s %(currency)s") % {"day": last, "amount": number(found.closing, 2), "currency": currency},
            "words": {"footer": customer.name},
        }  # fmt: skip
        return compiled(source_of("account", chosen), data)
