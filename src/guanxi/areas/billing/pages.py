"""Pages of the area beyond those of its entities: PDFs, the customer's account, ageing, bank statements, public links."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, URLResolver, path
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from guanxi.areas.billing import selectors
from guanxi.areas.billing.models import BankEntry, PrintTemplate, Quote
from guanxi.areas.billing.models.money import NEW
from guanxi.areas.billing.services import bank, links, papers, printing, proposing
from guanxi.core import records
from guanxi.core.access import allowed, require, visible
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import system_actor
from guanxi.core.kernel.errors import Invalid, NotFound, RuleBroken
from guanxi.core.people.signin import address_of
from guanxi.core.records import display, lines
from guanxi.core.records.firm import firm
from guanxi.core.records.logo import logo
from guanxi.core.records.seen import seen
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of
from guanxi.core.web import days, toasts
from guanxi.core.web.forms import grid
from guanxi.core.web.record.common import done, find
from guanxi.core.web.toasts import toast
from guanxi.core.web.views.common import actor_of, draw, page_view

PRINTED = ("quotes", "contracts", "sales-orders", "deliveries", "receipts", "invoices", "print-templates")
_LANGUAGES = {"zh-hans", "en"}


def _pdf(content: bytes, name: str) -> HttpResponse:
    answer = HttpResponse(content, content_type="application/pdf")
    safe = "".join(one if one.isalnum() or one in "-_." else "-" for one in name)
    answer["Content-Disposition"] = f"inline; filename=\"document.pdf\"; filename*=UTF-8''{safe}.pdf"
    return answer


@page_view()
def document_print(request: HttpRequest, kind: str, pk: int, language: str) -> HttpResponseBase:
    """A document as PDF; of a template how it prints."""
    if kind not in PRINTED or language not in _LANGUAGES:
        raise NotFound
    actor, _entity, record = find(request, kind, pk)
    if isinstance(record, PrintTemplate):
        return _pdf(printing.template_pdf(actor, record, language), record.name)
    return _pdf(printing.document_pdf(actor, record, language), record.number or str(record.pk))


def _day(text: str) -> dt.date | None:
    try:
        return days.read_day(text)
    except ValueError:
        return None


@page_view()
def versions(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Two versions of a quote side by side: what became of the terms, the lines and the amounts."""
    actor, entity, quote = find(request, "quotes", pk)
    known = {str(one.pk): one for one in selectors.versions(actor, quote)}
    newer = known.get(request.GET.get("new", ""), quote)
    before = [one for one in known.values() if one.revision < newer.revision]
    older = known.get(request.GET.get("old", "")) or (before[-1] if before else newer)
    every = "all" in request.GET
    context = {
        "title": _("Versions of %(name)s") % {"name": display.title_of(entity, newer, actor)},
        "known": list(known.values()), "found": selectors.compared(actor, older, newer), "every": every,
        "url": f"/{entity.path}/", "states": {one.pk: display.value_text(actor, entity, one, "status") for one in known.values()},
    }  # fmt: skip
    return draw(request, "billing/versions.jinja", context)


@page_view()
def account(request: HttpRequest, pk: int) -> HttpResponseBase:
    """A customer's account: movements and balance in one currency, from a day to a day; ``pdf`` gives the paper."""
    actor = actor_of(request)
    require(actor, "view", "billing.receipt")
    if not selectors.tells_account(actor):
        raise NotFound
    customer = records.get(actor, "customers.customer", pk)
    known = selectors.currencies_of(actor, customer)
    currency = request.GET.get("currency", "")
    currency = currency if currency in known else known[0]
    first, last = _day(request.GET.get("first", "")), _day(request.GET.get("last", "")) or clock.today(actor.timezone)
    name = display.title_of(entity_of(customer), customer, actor)
    if "pdf" in request.GET:
        content = printing.account_pdf(actor, customer, currency, first=first, last=last, language=request.GET["pdf"])
        return _pdf(content, f"{name}-{last}")
    found = selectors.account(actor, customer, currency, first=first, last=last)
    context = {
        "title": _("Account of %(name)s") % {"name": name},
        "found": found,
        "currencies": known,
        "customer": customer,
    }
    return draw(request, "billing/account.jinja", context)


@page_view()
def receivables(request: HttpRequest) -> HttpResponseBase:
    """What customers owe by age; each number leads to the same instalments."""
    actor = actor_of(request)
    require(actor, "view", "billing.instalment")
    if not selectors.tells_owed(actor):
        raise NotFound
    today = clock.today(actor.timezone)
    aged = selectors.ageing(actor, on=today)[:500]
    names = display.names_of(actor, {"customers.customer": {one.customer_id for one in aged}}).get(
        "customers.customer", {}
    )
    bounds = [None, *selectors.AGES]
    context = {
        "title": _("Receivables by age"), "aged": aged, "names": names, "today": today,
        "labels": [_("not due"), _("1–30 days"), _("31–60 days"), _("61–90 days"), _("over 90 days")],
        "sums": _sums(aged), "bounds": [str(today - dt.timedelta(days=one)) if one is not None else "" for one in bounds],
    }  # fmt: skip
    return draw(request, "billing/receivables.jinja", context)


def _sums(aged: list[selectors.Aged]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for one in aged:
        row = found.setdefault(one.currency, [selectors.ZERO] * (len(one.classes) + 1))
        for place, amount in enumerate([*one.classes, one.total]):
            row[place] += amount
    return found


@page_view("GET", "POST")
def bank_statement(request: HttpRequest) -> HttpResponseBase:
    """Upload a bank's file, and match what came in: proposals with reasons, each booked with one button."""
    actor = actor_of(request)
    require(actor, "view", proposing.ENTRY)
    error = ""
    result = None
    if request.method == "POST":
        sent = request.FILES.get("file")
        try:
            if sent is None:
                raise Invalid(_("Choose a file first."), code="file.none", field="file")
            result = bank.statement_import(actor, content=sent.read(), name=str(sent.name))
        except Invalid as found:
            error = str(found.message)
    rows = list(visible(BankEntry.objects.filter(status=NEW), actor).order_by("-booked_on", "-pk")[:50])
    matched = [(seen(actor, row), proposing.proposals(actor, row)) for row in rows]
    context = {
        "title": _("Bank statement"), "rows": matched, "error": error, "result": result,
        "sure": sum(1 for _row, found in matched if proposing.is_sure(found)), "book_url": f"{request.path}book/",
        "may_import": allowed(actor, "import", proposing.ENTRY), "action": request.path,
    }  # fmt: skip
    return draw(request, "billing/statement.jinja", context, status=422 if error else 200)


@page_view("POST")
def bank_book_sure(request: HttpRequest) -> HttpResponseBase:
    """Book every entry whose proposal leaves no doubt."""
    done_now, left = bank.entries_book_sure(actor_of(request))
    text = _("%(count)d entries were booked.") % {"count": done_now}
    if left:
        text += " " + _("%(count)d could not be booked; they stand below.") % {"count": left}
    toasts.keep(request, toast(text))
    return done(request, go="/bank-statement/")


@page_view("POST")
def bank_book(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Book an entry on the proposal chosen."""
    actor, _entity, entry = find(request, "bank-entries", pk)
    customer = request.POST.get("customer", "")
    if not customer.isdecimal():
        raise Invalid(_("Choose an entry from the list."), code="reference.format", field="customer")
    receipt = bank.entry_book(actor, entry, customer=int(customer))
    shown = toast(_("Booked as receipt %(number)s.") % {"number": receipt.number}, url=f"/receipts/{receipt.pk}/")
    toasts.keep(request, shown)
    return done(request, go="/bank-statement/")


@page_view("POST")
def link_end(request: HttpRequest, kind: str, pk: int) -> HttpResponseBase:
    """End all links of a record."""
    actor, entity, record = find(request, kind, pk)
    links.link_end(actor, record)
    return done(request, toast(_("The link no longer works.")), go=f"/{entity.path}/{pk}/")


# -- the customer's side -----------------------------------------------------------------------------------------------


@login_not_required
@page_view("GET", "POST")
def public(request: HttpRequest, secret: str) -> HttpResponseBase:
    """A quote or delivery as its customer sees it, and his answer with name and time. Nothing inside is shown."""
    try:
        _link, record = links.link_open(secret, address=address_of(request))
    except NotFound as gone:
        return _outside(request, {"title": _("This link has ended"), "gone": gone.message}, 404)
    error, field = "", ""
    if request.method == "POST":
        try:
            links.link_answer(
                record,
                by=request.POST.get("by", ""),
                accepts=request.POST.get("answer") != "decline",
                words=request.POST.get("words", ""),
                mark=request.POST.get("seen", ""),
            )
        except (Invalid, RuleBroken) as found:
            error, field = str(found.message), getattr(found, "field", "") or ""
            record.refresh_from_db()
        else:
            return HttpResponse(status=303, headers={"Location": request.path})
    entity = entity_of(record)
    context = {
        "record": record, "error": error, "field": field, "answerable": links.answerable(record), "closed": links.closed_text(record), "is_quote": isinstance(record, Quote),
        "table": _public_table(record), "title": f"{entity.label} {record.number}", "pdf": f"{request.path}pdf/", "seen": links.seen(record),
        "given": {"by": request.POST.get("by", ""), "words": request.POST.get("words", "")}, "rounding": papers.ROUNDING,
    }  # fmt: skip
    return _outside(request, context, 422 if error else 200)


def _outside(request: HttpRequest, context: Mapping[str, Any], status: int) -> HttpResponse:
    """A page behind a customer's link: kept by nobody, found by no search."""
    whole = {
        "layout": "shell/plain.jinja",
        "firm": firm(),
        "logo": logo(),
        "english": get_language() == "en",
        **context,
    }
    response = render(request, "billing/public.jinja", whole, status=status, using="jinja2")
    response["Cache-Control"], response["X-Robots-Tag"], response["Referrer-Policy"] = (
        "no-store",
        "noindex",
        "same-origin",  # with none at all a browser sends no origin, and the answer would be refused
    )
    return response


def _public_table(record: Any) -> dict[str, Any]:
    """The lines without anything internal, and without columns in which nothing stands."""
    spec, is_quote = entity_of(record).lines[0], isinstance(record, Quote)
    child = records.fields_of(spec.entity)
    names = (
        ("name", "specification", "quantity", "unit", "price", "discount", "tax_class", "amount")
        if is_quote
        else ("order_line", "quantity")
    )
    stored = lines.stored(record, spec)
    items = [row for row in stored if getattr(row, "sort", "item") == "item"]
    columns = [
        child[one]
        for one in names
        if one not in ("specification", "discount") or any(getattr(row, one) for row in items)
    ]
    rows = []
    for row in stored:
        if getattr(row, "sort", "item") != "item":
            rows.append({"heading": row.name, "cells": []})
            continue
        cells = [_public_cell(one, row) for one in columns]
        rows.append({"heading": "", "cells": cells, "optional": getattr(row, "optional", False)})
    return {"columns": columns, "rows": rows, "totals": papers.totals_of(record) if is_quote else []}


def _public_cell(column: Field, row: Any) -> str:
    """What a line says to a customer, in the language he reads."""
    english = get_language() == "en"
    if column.name == "order_line":
        return papers.line_name(row.order_line, english=english)
    return papers.line_name(row, english=english) if column.name == "name" else grid.cell_text(column, row)


@login_not_required
@page_view()
def public_pdf(request: HttpRequest, secret: str) -> HttpResponseBase:
    """The quote behind a link as PDF, in the language asked for, else the customer's."""
    _link, record = links.link_open(secret, address=address_of(request))
    if not isinstance(record, Quote):
        raise NotFound
    asked = request.GET.get("print") or getattr(request, "LANGUAGE_CODE", "zh")
    language = "en" if asked == "en" else "zh-hans"
    return _pdf(printing.document_pdf(system_actor("customer", via="web"), record, language), record.number)


Patterns = list[URLPattern | URLResolver]
urlpatterns: Patterns = [
    path("p/<str:secret>/", public, name="billing-public"),
    path("p/<str:secret>/pdf/", public_pdf, name="billing-public-pdf"),
    path("receivables/", receivables, name="billing-receivables"),
    path("bank-statement/", bank_statement, name="billing-statement"),
    path("bank-statement/book/", bank_book_sure, name="billing-book-sure"),
    path("bank-entries/<int:pk>/match/", bank_book, name="billing-book"),
    path("quotes/<int:pk>/versions/", versions, name="billing-versions"),
    path("customers/<int:pk>/account/", account, name="billing-account"),
    path("<slug:kind>/<int:pk>/print/<str:language>.pdf", document_print, name="billing-print"),
    path("<slug:kind>/<int:pk>/link/end/", link_end, name="billing-link-end"),
]
