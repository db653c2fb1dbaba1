"""The page about the firm itself: its name and logo, how it is reached, where it is paid, when its year begins."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.dates import MONTHS
from django.utils.translation import gettext as _

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid
from guanxi.core.records import logo
from guanxi.core.records.firm import firm, firm_set, fiscal_start
from guanxi.core.records.writing import writing
from guanxi.core.schema.fields import Field
from guanxi.core.web.people.common import done
from guanxi.core.web.shaping.common import ask, general, inputs, page, read, shaper
from guanxi.core.web.views.common import page_view

HOME = "/settings/firm/"


def _called() -> list[Field]:
    return [
        ask("name", "text", _("Name at the top of the pages"), max_length=40, help=_("Empty: the name of the product.")),
        ask("legal_name", "text", _("Registered name"), max_length=120, help=_("Stands on quotes, contracts and orders.")),
        ask("english_name", "text", _("Name in English"), max_length=120, help=_("Stands on English documents.")),
        ask("address", "text", _("Address"), max_length=200),
        ask("english_address", "text", _("Address in English"), max_length=200),
        ask("phone", "text", _("Phone"), max_length=60),
        ask("email", "email", _("E-mail")),
        ask("website", "url", _("Website")),
    ]  # fmt: skip


def _paid() -> list[Field]:
    return [
        ask("tax_number", "text", _("Tax number"), max_length=40),
        ask("bank", "text", _("Bank"), max_length=120),
        ask("bank_account", "text", _("Bank account"), max_length=60),
        ask(
            "fiscal_month", "choice", _("Business year begins in"), required=True,
            choices=[(str(number), name) for number, name in MONTHS.items()],
            help=_("Quarters and years of reports begin with it."),
        ),
    ]  # fmt: skip


def _logo_keep(actor: Actor, request: HttpRequest) -> None:
    """Store the logo sent, or take away the one there is."""
    sent = request.FILES.get(logo.KEY)
    if sent is not None:
        logo.logo_set(actor, sent.read(logo.MOST_BYTES + 1))
    elif "no_logo" in request.POST:
        logo.logo_set(actor, None)


def _month(given: str) -> int:
    """The month a year begins in. Raises Invalid."""
    if given not in map(str, range(1, 13)):
        raise Invalid(_("“%(value)s” is not one of the choices.") % {"value": given[:40]}, field="fiscal_month")
    return int(given)


@page_view("GET", "POST")
def edit(request: HttpRequest) -> HttpResponseBase:
    """What the firm says of itself."""
    actor = shaper(request)
    questions = [*_called(), *_paid()]
    given: dict[str, Any] = {**asdict(firm()), "fiscal_month": str(fiscal_start())}
    error: GuanxiError | None = None
    if request.method == "POST":
        given = {**given, **request.POST.dict()}
        try:
            given = {**given, **read(questions, request.POST)}
            with writing(actor):
                firm_set(actor, given, fiscal_month=_month(str(given["fiscal_month"])))
                _logo_keep(actor, request)
            return done(request, HOME, _("Saved."))
        except GuanxiError as wrong:
            error = wrong
    context = {
        "title": _("Our firm"),
        "called": inputs(_called(), given, error),
        "paid": inputs(_paid(), given, error),
        "logo": logo.logo(),
        "logo_errors": [str(error.message)] if error is not None and error.field == logo.KEY else [],
        "general": general(error, [*questions, ask(logo.KEY, "text", _("Logo"))]),
    }
    return page(request, "shaping/firm.jinja", context, error)
