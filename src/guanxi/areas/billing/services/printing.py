"""Documents as PDF, made by typst from a template and the document's data, in Chinese or English."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import typst
from django.utils.translation import gettext as _

from guanxi.areas.billing import selectors
from guanxi.areas.billing.models import Contract, Delivery, Order, PrintTemplate, Quote, Receipt
from guanxi.areas.billing.services import papers
from guanxi.areas.customers.models import Customer
from guanxi.core.access import require
from guanxi.core.kernel import regional
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.records.figures import number

DATA = Path(__file__).parent.parent / "data"
FONTS = DATA / "fonts"
LANGUAGES = ("zh-hans", "en")
#: Documents a template can be made for.
DOCUMENTS = ("quote", "contract", "order", "delivery", "receipt", "account")


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
            "seller": {"label": "…", "name": "…", "rows": ["…"]},
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


def document_pdf(actor: Actor, record: Quote | Contract | Order | Delivery | Receipt, language: str = "") -> bytes:
    """A quote, contract, order, delivery note or receipt as PDF. ``language`` is that of the reader unless given. Costs never stand in it."""
    require(actor, "view", record)
    chosen = language if language in LANGUAGES else actor.language
    with regional.speaking(chosen, actor.timezone, regional.NEUTRAL):
        return compiled(source_of(record._meta.model_name or "", chosen), papers.document_data(record, chosen))


def account_pdf(
    actor: Actor, customer: Customer, currency: str, *, first: Any = None, last: Any, language: str = ""
) -> bytes:
    """A customer's account statement as PDF."""
    require(actor, "view", customer)
    chosen = language if language in LANGUAGES else actor.language
    with regional.speaking(chosen, actor.timezone, regional.NEUTRAL):
        found = selectors.account(actor, customer, currency, first=first, last=last)
        english = not chosen.startswith("zh")
        spoken = f"{first} – {last}" if first else _("up to %(day)s") % {"day": last}

        def money(value: Decimal) -> str:
            return number(value, 2) if value else ""

        rows = [
            [str(one.on), one.text, money(one.debit), money(one.credit), number(one.balance, 2)]
            for one in found.movements
        ]
        data = {
            "title": _("Statement of account"), "lang": "en" if english else "zh", "seller": papers.seller(english=english),
            "customer": papers.customer_name(customer, english=english), "period": f"{spoken} · {currency}",
            "columns": [_("Date"), _("Entry"), _("Debit"), _("Credit"), _("Balance")],
            "rows": [[str(first or ""), _("Opening balance"), "", "", number(found.opening, 2)], *rows],
            "closing": _("Balance on %(day)s: %(amount)s %(currency)s") % {"day": last, "amount": number(found.closing, 2), "currency": currency},
            "words": {"footer": papers.customer_name(customer, english=english)},
        }  # fmt: skip
        return compiled(source_of("account", chosen), data)
