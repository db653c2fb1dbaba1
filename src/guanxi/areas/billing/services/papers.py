"""What stands on each document, as the data of its template, in the language being spoken."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.db import models
from django.utils import translation
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from guanxi.areas.billing.models import Allocation, Contract, Delivery, Instalment, Invoice, InvoiceLine, Receipt
from guanxi.areas.billing.models.money import OUT, REQUESTED, VOID
from guanxi.areas.customers.models import Customer
from guanxi.core import records
from guanxi.core.access import allowed, reads, visible
from guanxi.core.access.rules import condition
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.errors import Denied
from guanxi.core.kernel.phones import format_phone
from guanxi.core.models import User
from guanxi.core.records import dictionaries, display
from guanxi.core.records.figures import amount, amount_in_words, number
from guanxi.core.records.firm import firm
from guanxi.core.records.seen import seen
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of

#: The rule printed on every document and shown below every grid.
ROUNDING = translation.gettext_lazy(
    "Each line is rounded half up to the smallest unit of the currency; tax is worked out on each line and added up."
)

#: Which fields of a document stand at its head.
FACTS = {
    "quote": ("name", "quoted_on", "valid_until", "currency"),
    "contract": ("name", "signed_on", "starts_on", "ends_on", "currency"),
    "order": ("name", "ordered_on", "due_on", "address", "currency"),
    "delivery": ("order", "shipped_on", "carrier", "tracking_number", "address", "note"),
    "receipt": ("received_on", "method", "payer", "reference", "memo", "currency"),
    "invoice": ("sort", "invoice_number", "issued_on", "requested_on", "contract", "order", "reverses", "currency"),
}
_FIGURES = ("total", "amount", "price", "net", "tax", "discount", "discount_amount")
#: Without which a paper would not say what it must: fields of a document, and of its lines.
_OF_DOCUMENTS = frozenset((*_FIGURES, "number", "customer", "currency", "terms", "title", "tax_number", "bank", "content"))  # fmt: skip
_OF_LINES = frozenset((*_FIGURES, "name", "specification", "quantity", "unit", "tax_class", "optional", "percent", "due_on", "milestone"))  # fmt: skip


def _reads(actor: Actor, entity: Entity, names: frozenset[str]) -> bool:
    return reads(actor, entity, *(names & records.fields_of(entity).keys()))


def open_to(actor: Actor, record: Any) -> bool:
    """Whether the actor reads everything without which the paper of a record would not be one."""
    entity = entity_of(record)
    lines = [one.entity for one in entity.lines] + (["billing.orderline"] if isinstance(record, Delivery) else [])
    return _reads(actor, entity, _OF_DOCUMENTS) and all(_reads(actor, entity_of(one), _OF_LINES) for one in lines)


def may_print(actor: Actor, record: Any) -> bool:
    """Whether the actor sees whom the paper of a record is for, and every figure that stands on it."""
    if not open_to(actor, record):
        return False
    buyers = entity_of("customers.customer")
    if not hasattr(record, "customer_id") or condition(buyers, actor) is None:  # a template has none
        return reads(actor, buyers, "name")
    return reads(actor, buyers, "name") and allowed(actor, "view", record.customer)


def require_open(actor: Actor, record: Any) -> None:
    """Refuse to hand out a paper with a customer or figures the actor may not see. Raises Denied."""
    if not may_print(actor, record):
        raise Denied(_("Something stands on it that you may not see."), code="paper.figures")


def require_whole(actor: Actor, record: Any) -> None:
    """Refuse to hand out a paper as the house prints it where the actor's own would say less. Raises Denied."""
    require_open(actor, record)
    whole, own = (document_data(record, actor.language, reader=one) for one in (system_actor(), actor))
    if whole != own:
        raise Denied(_("The customer would read something there that you may not see."), code="paper.whole")


def document_data(record: Any, language: str, *, reader: Actor) -> dict[str, Any]:
    """All a template of a document may use, in the active language; without what is hidden from who prints it."""
    english = not language.startswith("zh")
    name = record._meta.model_name
    titles = {
        "quote": _("Quotation"), "contract": _("Contract of sale"), "order": _("Order confirmation"),
        "delivery": _("Delivery note"), "receipt": _("Receipt of payment"), "invoice": _("Invoice (copy)"),
    }  # fmt: skip
    told = seen(reader, record)
    subject = getattr(told, "name", "") or record.customer.name
    data = {
        "title": titles[name], "number": told.number, "lang": "en" if english else "zh",
        "seller": seller(english=english, by=_answering(reader, record)), "buyer": _buyer(reader, record, english=english), "facts": _facts(reader, record),
        "columns": [], "rows": [], "totals": [], "in_words": "", "rule": "", "notice": "", "plan": [], "terms": "", "signature": False,
        "words": {
            "footer": f"{told.number} {subject}", "plan": _("Payment"), "terms": _("Terms"), "plan_head": [_("Instalment"), _("Portion"), _("Amount"), _("Due")],
            "sign_us": _("For the seller"), "sign_them": _("For the buyer"), "date": _("Signature, date"),
        },
    }  # fmt: skip
    if isinstance(record, Delivery):
        return data | _delivered(reader, record, english=english)
    if isinstance(record, Receipt):
        return data | _received(reader, record, english=english)
    if isinstance(record, Invoice):
        return data | _invoiced(reader, record, english=english)
    return data | _priced(reader, record, english=english)


def _priced(reader: Actor, record: Any, *, english: bool) -> dict[str, Any]:
    """A quote, contract or order: its lines with prices, totals, plan and terms."""
    rows = list(record.lines.filter(deleted_at__isnull=True).order_by("position", "pk"))
    name = record._meta.model_name
    discounted = any(row.discount for row in rows)
    columns = [
        ("#", False, True), (_("Description"), True, False), (_("Quantity"), False, True), (_("Unit"), False, False),
        (_("Unit price"), False, True), (_("Discount"), False, True), (_("Tax rate"), False, True), (_("Amount"), False, True),
    ]  # fmt: skip
    found: list[dict[str, Any]] = []
    for row in rows:
        if row.sort != "item":
            found.append({"section": True, "cells": [row.name]})
            continue
        place = sum(not one["section"] for one in found) + 1
        cells = [
            str(place), _line_text(row, english=english), number(row.quantity.normalize()), _unit(row.unit), _price(row.price),
            f"{row.discount.normalize():f}%" if row.discount else "", _rate(row.tax_class), amount(row.amount, record.currency),
        ]  # fmt: skip
        found.append({"section": False, "cells": cells if discounted else cells[:5] + cells[6:]})
    return {
        "columns": _columns(columns if discounted else columns[:5] + columns[6:]),
        "rows": found,
        "totals": totals_of(record),
        "in_words": _in_words(record.total, record.currency, english=english),
        "rule": str(ROUNDING),
        "plan": _plan(record) if name != "quote" else [],
        "terms": seen(reader, record).terms or "",
        "signature": name == "contract",
    }


def _delivered(reader: Actor, record: Delivery, *, english: bool) -> dict[str, Any]:
    """A delivery: what is in it, without prices, and where its receipt is signed for."""
    rows = record.lines.filter(deleted_at__isnull=True).select_related("order_line__product").order_by("position", "pk")
    columns = [
        ("#", False, True), (_("Description"), True, False), (_("Quantity"), False, True), (_("Unit"), False, False), (_("Note"), False, False),
    ]  # fmt: skip
    cells = [
        [str(place), _line_text(row.order_line, english=english), number(row.quantity.normalize()), _unit(row.order_line.unit), seen(reader, row).note]
        for place, row in enumerate(rows, 1)
    ]  # fmt: skip
    noted = any(row[4] for row in cells)
    return {
        "columns": _columns(columns if noted else columns[:4]),
        "rows": [{"section": False, "cells": row if noted else row[:4]} for row in cells],
        "signature": True,
        "words": {
            "footer": f"{_called(reader, record, 'number')} {_called(reader, record.order, 'number')}".strip(), "plan": "", "plan_head": [], "terms": "",
            "sign_us": _("Handed over by"), "sign_them": _("Received complete and undamaged by"), "date": _("Signature, date"),
        },
    }  # fmt: skip


def _invoiced(reader: Actor, record: Invoice, *, english: bool) -> dict[str, Any]:
    """A copy of an invoice, or of the request for one: both tax identities, lines, tax by rate."""
    rows = list(record.lines.filter(deleted_at__isnull=True).order_by("position", "pk"))
    rows = rows or [InvoiceLine(name=record.content or record.title, tax_class=record.tax_class, net=record.net, tax=record.tax, amount=record.amount)]  # fmt: skip
    columns = [
        ("#", False, True), (_("Description"), True, False), (_("Quantity"), False, True), (_("Unit"), False, False),
        (_("Unit price without tax"), False, True), (_("Without tax"), False, True), (_("Tax rate"), False, True), (_("Tax"), False, True),
        (_("Amount"), False, True),
    ]  # fmt: skip
    counted = any(row.quantity for row in rows)
    cells = [[str(place), *_invoice_cells(row, record.currency)] for place, row in enumerate(rows, 1)]
    back = record.reverses is not None
    title = _("Red invoice (copy)") if back else _("Invoice (copy)")
    notice = _(
        "A copy of what was issued, for your records. It is not the tax authority's form: tax can be deducted by that one only."
    )
    if record.status in (REQUESTED, VOID):
        title = _("Request for an invoice") if record.status == REQUESTED else _("Withdrawn request for an invoice")
        notice = (
            _("Nothing is issued yet. This is no invoice.") if record.status == REQUESTED else _("This is no invoice.")
        )
    told = seen(reader, record)
    said = ((_("Tax number"), told.tax_number), ("", told.address), (_("Bank"), told.bank))
    return {
        "title": title, "notice": notice,
        "buyer": {"label": _("Buyer"), "name": told.title, "rows": [f"{label} {text}".strip() for label, text in said if text]},
        "columns": _columns(columns if counted else columns[:2] + columns[5:]),
        "rows": [{"section": False, "cells": row if counted else row[:2] + row[5:]} for row in cells],
        "totals": [*_by_rate(rows, record.currency), *_sums(record.net, record.tax, record.amount, record.currency)],
        "in_words": _in_words(record.amount, record.currency, english=english),
        "words": {"footer": f"{told.invoice_number or told.number} {told.title}", "plan": "", "plan_head": [], "terms": "", "sign_us": "", "sign_them": "", "date": ""},
    }  # fmt: skip


def _invoice_cells(row: InvoiceLine, currency: str) -> list[str]:
    each = (row.net or Decimal(0)) / row.quantity if row.quantity else None
    return [
        " ".join(filter(None, (row.name, row.specification))),
        number(row.quantity.normalize()) if row.quantity is not None else "", _unit(row.unit) if row.quantity is not None else "",
        _price(each.quantize(Decimal("0.0001"))) if each is not None else "", amount(row.net, currency), _rate(row.tax_class),
        amount(row.tax, currency), amount(row.amount, currency),
    ]  # fmt: skip


def _rate(tax_class: str) -> str:
    found = dictionaries.value_of("tax_class", tax_class)
    return str(found.label) if found else tax_class


def _by_rate(rows: Sequence[Any], currency: str) -> list[list[str]]:
    """Tax by rate, where there is more than one."""
    sums: dict[str, list[Decimal]] = {}
    for row in rows:
        both = sums.setdefault(row.tax_class, [Decimal(0), Decimal(0)])
        both[0] += row.net or 0
        both[1] += row.tax or 0
    found = [
        [_("Tax %(rate)s on %(net)s") % {"rate": _rate(one), "net": amount(net, currency)}, amount(tax, currency)]
        for one, (net, tax) in sums.items()
    ]
    return found if len(found) > 1 else []


def _in_words(value: Decimal | None, currency: str, *, english: bool) -> str:
    """An amount of yuan in capitals, as Chinese documents have it; nothing for others."""
    if english or currency != "CNY":
        return ""
    return _("In words: %(words)s") % {"words": amount_in_words(value or Decimal(0))}


def _received(reader: Actor, record: Receipt, *, english: bool) -> dict[str, Any]:
    """A receipt: how much, and what it settles."""
    paid = Allocation.objects.filter(receipt_id=record.pk).select_related("instalment__contract", "instalment__order")
    rows, known = [], reads(reader, "billing.allocation", "amount")
    for place, one in enumerate(visible(paid, reader).order_by("pk") if known else (), 1):
        text = f"{_called(reader, one.instalment.contract or one.instalment.order)} {_called(reader, one.instalment, 'name')}"
        rows.append({"section": False, "cells": [str(place), text.strip(), amount(one.amount, record.currency)]})
    if len(rows) < paid.count():
        rows.append({"section": False, "cells": ["", _("Documents not shown here"), ""]})
    back, free = record.sort == OUT, seen(reader, record).free
    totals = [] if back or not free else [[_("Not allocated yet"), amount(free, record.currency)]]
    return {
        "title": _("Receipt of a repayment") if back else _("Receipt of payment"),
        "columns": _columns([("#", False, True), (_("For"), True, False), (_("Amount"), False, True)]) if rows else [],
        "rows": rows,
        "totals": [*totals, [_("Paid back") if back else _("Received"), amount(record.amount, record.currency)]],
        "in_words": _in_words(record.amount, record.currency, english=english),
        "signature": True,
    }


def _columns(given: Sequence[tuple[str, bool, bool]]) -> list[dict[str, Any]]:
    return [{"label": label, "wide": wide, "numeric": numeric} for label, wide, numeric in given]


def _unit(unit: str) -> str:
    choice = dictionaries.value_of("product_unit", unit)
    return str(choice.label) if choice else unit


def _price(price: Decimal | None) -> str:
    """A unit price: two decimals, more where it has more."""
    if price is None:
        return ""
    exponent = price.normalize().as_tuple().exponent
    return number(price, max(2, -exponent if isinstance(exponent, int) else 2))


def line_name(row: Any, *, english: bool) -> str:
    """The words of a line; in English the product's English name where they are the product's own."""
    own = english and row.product_id and row.product.name == row.name
    return (row.product.english_name if own else "") or row.name


def _line_text(row: Any, *, english: bool) -> str:
    """What a line is: its words, and what they do not say."""
    name = line_name(row, english=english)
    specification = "" if row.specification and row.specification in name else row.specification
    return " ".join(filter(None, (name, specification, _("(optional, not in the total)") if row.optional else "")))


def seller(*, english: bool, by: User | None = None) -> dict[str, Any]:
    """The firm as the seller on a document, and who answers for it; in English as it calls itself there."""
    known = firm()
    said = (
        ("", (known.english_address if english else "") or known.address), ("", " · ".join(filter(None, (known.phone, known.email)))),
        (_("Tax number"), known.tax_number), (_("Bank"), f"{known.bank} {known.bank_account}".strip()),
        (_("Your contact"), " · ".join(filter(None, (by.name, format_phone(by.phone), by.email))) if by else ""),
    )  # fmt: skip
    rows = [f"{label} {text}" if label else text for label, text in said if text]
    name = (known.english_name if english else "") or known.printed_name or "Guanxi"
    return {"label": _("Seller"), "name": name, "rows": rows}


def totals_of(record: Any) -> list[list[str]]:
    """What stands under the lines; what was taken off the whole is in their amounts already, and said first."""
    off = [f"{record.discount.normalize():f}%"] if record.discount else []
    off += [amount(record.discount_amount, record.currency)] if record.discount_amount else []
    taken = [[_("Taken off the whole, in the amounts above"), " + ".join(off)]] if off else []
    rows = record.lines.filter(deleted_at__isnull=True, sort="item", optional=False).order_by("position", "pk")
    return [*taken, *_by_rate(rows, record.currency), *_sums(record.net, record.tax, record.total, record.currency)]


def _sums(net: Decimal | None, tax: Decimal | None, total: Decimal | None, currency: str) -> list[list[str]]:
    sums = ((_("Without tax"), net), (_("Tax"), tax), (_("Total"), total))
    return [[label, amount(value, currency)] for label, value in sums]


def customer_name(customer: Customer, *, english: bool) -> str:
    """A customer as a document in the language calls him."""
    return (customer.english_name if english else "") or customer.name


def _answering(reader: Actor, record: Any) -> Any:
    """Who answers for a document, as one may see him; one's own number is printed in full."""
    owner = getattr(seen(reader, record), "owner", None)
    return owner if owner is None or owner.pk == reader.user_id else seen(reader, owner)


def _buyer(reader: Actor, record: Any, *, english: bool) -> dict[str, Any]:
    customer = seen(reader, record.customer)
    rows = [display.address_text(one) for one in (customer.addresses or ())[:1]]
    about = record.order if isinstance(record, Delivery) else record
    contact = getattr(seen(reader, about), "contact", None) if allowed(reader, "view", about) else None
    if contact is not None and allowed(reader, "view", contact):
        entity, field = entity_of(contact), records.fields_of("customers.contact")["phones"]
        phones = display.shown(field, display.masked(reader, entity, field, contact.phones[:1]))
        rows.insert(0, " ".join(filter(None, (seen(reader, contact).name, phones))))
    if isinstance(record, Contract):
        known = customer.invoice_titles[0] if customer.invoice_titles else {}
        rows.append(_labelled(_("Tax number"), str(known.get("tax_number") or customer.credit_code or "")))
        rows.append(_labelled(_("Bank"), " ".join(str(known[one]) for one in ("bank", "account") if known.get(one))))
    return {"label": _("Buyer"), "name": customer_name(customer, english=english), "rows": [row for row in rows if row]}


def _labelled(label: str, text: str) -> str:
    return f"{label} {text}" if text else ""


def _facts(reader: Actor, record: Any) -> list[list[str]]:
    fields, told = records.fields_of(entity_of(record)), seen(reader, record)
    found = []
    for name in FACTS[record._meta.model_name]:
        value = getattr(told, name)
        if isinstance(value, models.Model) and not allowed(reader, "view", value):
            continue
        if value:
            text = _called(reader, value) if fields[name].kind == "reference" else display.shown(fields[name], value)
            back = name == "received_on" and record.sort == OUT
            found.append([_("Paid back on") if back else capfirst(str(fields[name].label)), text])
    return found


def _called(reader: Actor, other: Any, *names: str) -> str:
    """Another record as one names it, as far as he may see it: an invoice by the number on it, others by number and subject."""
    if not allowed(reader, "view", other):
        return ""
    told = seen(reader, other)
    if isinstance(other, Invoice):
        return str(told.invoice_number or told.number)
    return " ".join(filter(None, (getattr(told, one) for one in names or ("number", "name"))))


def _plan(record: Any) -> list[list[str]]:
    rows = Instalment.objects.filter(**{record._meta.model_name: record.pk}).order_by("position", "due_on", "pk")
    return [
        [
            row.name,
            f"{row.percent.normalize():f}%" if row.percent else "",
            amount(row.amount, row.currency),
            f"{row.due_on or ''} {row.milestone}".strip(),
        ]
        for row in rows
    ]
