"""Documents as PDF, made by typst from a template and the document's data, in Chinese or English."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import typst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guanxi.areas.billing import selectors
from guanxi.areas.billing.models import Contract, Delivery, Invoice, Order, PrintTemplate, Quote, Receipt
from guanxi.areas.billing.services import papers, printer
from guanxi.areas.billing.services.printer import WRONG
from guanxi.areas.customers.models import Customer
from guanxi.core import records
from guanxi.core.access import require
from guanxi.core.kernel import regional
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.records.figures import number
from guanxi.core.records.logo import Logo, logo
from guanxi.core.records.seen import seen

DATA = Path(__file__).parent.parent / "data"
FONTS = DATA / "fonts"
#: What draws templates people wrote, and the memory in bytes and seconds of a processor it may take.
PRINTER = Path(printer.__file__)
MEMORY, SECONDS = 2 * 1024**3, 20
LANGUAGES = ("zh-hans", "en")
#: Documents a template can be made for.
DOCUMENTS = {
    "quote": gettext_lazy("Quote"), "contract": gettext_lazy("Contract"), "order": gettext_lazy("Sales order"),
    "delivery": gettext_lazy("Delivery note"), "receipt": gettext_lazy("Receipt"), "invoice": gettext_lazy("Invoice"), "account": gettext_lazy("Statement of account"),
}  # fmt: skip


def compiled(source: str, data: Mapping[str, Any]) -> bytes:
    """The PDF of a template. It sees its own folder only: the data, the firm's logo and nothing else, no other host either.

    A template people wrote is drawn by a process of its own (``printer``). Raises Invalid for one that is wrong, or takes
    too long or too much.
    """
    ours = logo()
    with tempfile.TemporaryDirectory(prefix="guanxi-print-") as folder:
        main = Path(folder) / "main.typ"
        main.write_text(source, encoding="utf-8")
        (Path(folder) / "data.json").write_text(
            json.dumps({**data, "logo": _shown(ours)}, ensure_ascii=False, default=str), encoding="utf-8"
        )
        if ours is not None:
            (Path(folder) / f"logo.{ours.type}").write_bytes(ours.data)
        if source not in _all_own():
            return _apart(folder)
        try:
            made = typst.compile(str(main), root=folder, font_paths=[str(FONTS)], ignore_system_fonts=True)
        except RuntimeError as error:
            raise _wrong(str(error), getattr(error, "diagnostic", "")) from None
    return bytes(made)


def _apart(folder: str) -> bytes:
    """What the printer makes of a folder. The proxy it is given is none, so that no package is fetched from anywhere."""
    nobody = "http://127.0.0.1:9"
    surroundings = {
        name: nobody for one in ("http", "https", "all") for name in (f"{one}_proxy", f"{one.upper()}_PROXY")
    }
    command = [sys.executable, "-I", str(PRINTER), folder, str(FONTS), str(MEMORY), str(SECONDS)]
    try:
        done = subprocess.run(command, env=surroundings, capture_output=True, timeout=3 * SECONDS, check=False)  # noqa: S603 - our own program
    except subprocess.TimeoutExpired:
        raise _endless() from None
    if done.returncode == 0:
        return done.stdout
    if done.returncode != WRONG:
        raise _endless()
    said = json.loads(done.stdout)
    raise _wrong(said["error"], said["diagnostic"])


def _endless() -> Invalid:
    return Invalid(
        _("The template cannot be printed: it takes too long, or too much memory."),
        code="template.endless",
        field="source",
    )


def _shown(ours: Logo | None) -> dict[str, Any] | None:
    """The logo as templates know it: the name of its file, width and height in millimetres."""
    if ours is None:
        return None
    width, height = ours.on_paper
    return {"file": f"logo.{ours.type}", "width": width, "height": height}


#: What typst says most often, in words of ours.
_SAID = (
    (re.compile(r"unknown variable: (?P<word>.+)"), gettext_lazy("nothing is called “%(word)s”")),
    (re.compile(r"(?:\w+) does not contain (?:key|field) \"(?P<word>.+?)\""), gettext_lazy("the document has no “%(word)s”")),
    (re.compile(r"unclosed (?:delimiter|string|label|raw text)"), gettext_lazy("a bracket or quotation mark is not closed")),
    (re.compile(r"condition is always true|loop seems to be infinite|maximum .+ depth exceeded"), gettext_lazy("it never ends")),
    (re.compile(r"file not found.*|failed to load file.*"), gettext_lazy("there is no such file; a template knows data.json and the logo")),
    (re.compile(r"failed to download package.*|package not found.*"), gettext_lazy("packages cannot be used")),
)  # fmt: skip


def _words(error: str) -> str:
    """What typst says, in the reader's language where it is known."""
    for pattern, text in _SAID:
        if found := pattern.match(error):
            return str(text % found.groupdict())
    return error[:300]


def _wrong(error: str, diagnostic: str) -> Invalid:
    """What is wrong with a template, and in which line."""
    said = {"error": _words(error)}
    place = re.search(r"main\.typ:(\d+):", diagnostic)
    if place is None:
        text = _("The template cannot be printed: %(error)s") % said
    else:
        text = _("Line %(line)s of the template cannot be printed: %(error)s") % {"line": place[1], **said}
    return Invalid(text, code="template.wrong", field="source")


def source_of(document: str, language: str) -> str:
    """The template in use: an administrator's, else the one that comes along."""
    row = (
        PrintTemplate.objects.filter(document=document, language=language, active=True).order_by("-updated_at").first()
    )
    if row is not None:
        return row.source
    return _own(document)


@cache
def _all_own() -> frozenset[str]:
    """The templates that come along."""
    return frozenset(_own(one) for one in DOCUMENTS)


def _own(document: str) -> str:
    """The template that comes along."""
    return (DATA / ("account.typ" if document == "account" else "document.typ")).read_text(encoding="utf-8")


def template_check(_actor: Actor, template: PrintTemplate, changes: Mapping[str, Any]) -> None:
    """A template is for a document we print, in a language we speak, and can be printed with sample data.

    A new one without text begins with the one that comes along.
    """
    if template.document not in DOCUMENTS:
        raise Invalid(
            _("Choose one of: %(names)s.") % {"names": ", ".join(DOCUMENTS)}, code="choice.unknown", field="document"
        )
    if template.language not in LANGUAGES:
        raise Invalid(
            _("Choose one of: %(names)s.") % {"names": ", ".join(LANGUAGES)}, code="choice.unknown", field="language"
        )
    if not template.source.strip():
        template.source = _own(template.document)
    elif not changes.keys().isdisjoint(("source", "document")):
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
        "totals": [["…", "…"]], "in_words": "", "rule": "…", "notice": "…", "plan": [], "terms": "…", "signature": True,
    }  # fmt: skip


def document_pdf(
    actor: Actor, record: Quote | Contract | Order | Delivery | Receipt | Invoice, language: str = ""
) -> bytes:
    """A quote, contract, order, delivery note, receipt or copy of an invoice as PDF. ``language`` is that of the reader unless given. Costs never stand in it."""
    require(actor, "view", record)
    papers.require_open(actor, record)
    chosen = language if language in LANGUAGES else actor.language
    with regional.speaking(chosen, actor.timezone, regional.NEUTRAL):
        return compiled(
            source_of(record._meta.model_name or "", chosen), papers.document_data(record, chosen, reader=actor)
        )


def template_pdf(actor: Actor, template: PrintTemplate, language: str = "") -> bytes:
    """A template filled with the newest document of its sort the actor sees, else with sample data. Raises Invalid for a wrong one."""
    require(actor, "view", template)
    chosen = language if language in LANGUAGES else template.language
    with regional.speaking(chosen, actor.timezone, regional.NEUTRAL):
        key = f"billing.{template.document}"
        newest = records.queryset(actor, key).order_by("-pk").first() if template.document != "account" else None
        shown = newest is not None and papers.may_print(actor, newest)
        data = papers.document_data(newest, chosen, reader=actor) if shown else _sample(template.document)
        return compiled(template.source, data)


def account_pdf(
    actor: Actor, customer: Customer, currency: str, *, first: Any = None, last: Any, language: str = ""
) -> bytes:
    """A customer's account statement as PDF."""
    require(actor, "view", customer)
    chosen = language if language in LANGUAGES else actor.language
    with regional.speaking(chosen, actor.timezone, regional.NEUTRAL):
        found = selectors.account(actor, customer, currency, first=first, last=last)
        english = not chosen.startswith("zh")
        name = papers.customer_name(seen(actor, customer), english=english)
        spoken = f"{first} – {last}" if first else _("up to %(day)s") % {"day": last}

        def money(value: Decimal) -> str:
            return number(value, 2) if value else ""

        rows = [
            [str(one.on), one.text, money(one.debit), money(one.credit), number(one.balance, 2)]
            for one in found.movements
        ]
        data = {
            "title": _("Statement of account"), "lang": "en" if english else "zh", "seller": papers.seller(english=english),
            "customer": name, "period": f"{spoken} · {currency}",
            "columns": [_("Date"), _("Entry"), _("Debit"), _("Credit"), _("Balance")],
            "rows": [[str(first or ""), _("Opening balance"), "", "", number(found.opening, 2)], *rows],
            "closing": _("Balance on %(day)s: %(amount)s %(currency)s") % {"day": last, "amount": number(found.closing, 2), "currency": currency},
            "words": {"footer": name},
        }  # fmt: skip
        return compiled(source_of("account", chosen), data)
