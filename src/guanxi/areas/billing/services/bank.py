"""Bank statements: read once however often they are uploaded, matched with what is owed, booked as receipts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guanxi.areas.billing import policies
from guanxi.areas.billing.models import BankEntry, Receipt
from guanxi.areas.billing.models.money import BOOKED, IGNORED, NEW
from guanxi.areas.billing.services import ledger
from guanxi.areas.billing.services.proposing import ENTRY, is_sure, proposals, settles
from guanxi.areas.customers.models import Customer
from guanxi.core import records
from guanxi.core.access import allowed, reads, require, visible
from guanxi.core.exchange.reading import open_table
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid, RuleBroken
from guanxi.core.models import Operation
from guanxi.core.records import figures
from guanxi.core.schema import kinds
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of

#: What banks call the columns of their statements, folded; the first that fits is taken.
HEADERS: Mapping[str, tuple[str, ...]] = {
    "booked_on": (
        "交易日期",
        "记账日期",
        "入账日期",
        "交易时间",
        "日期",
        "bookingdate",
        "transactiondate",
        "valuedate",
        "date",
    ),
    "credit": (
        "贷方发生额",
        "贷方金额",
        "收入金额",
        "收入",
        "贷方",
        "存入金额",
        "转入金额",
        "credit",
        "creditamount",
        "paidin",
        "moneyin",
    ),
    "debit": (
        "借方发生额",
        "借方金额",
        "支出金额",
        "支出",
        "借方",
        "转出金额",
        "debit",
        "debitamount",
        "paidout",
        "moneyout",
    ),
    "amount": ("交易金额", "发生额", "金额", "amount"),
    "currency": ("币种", "货币", "currency", "ccy"),
    "payer": (
        "对方户名",
        "对方名称",
        "付款人名称",
        "付款人",
        "对方单位",
        "对手户名",
        "counterparty",
        "payer",
        "name",
        "payee",
    ),
    "payer_account": ("对方账号", "付款账号", "对手账号", "counterpartyaccount", "payeraccount", "iban"),
    "account": ("本方账号", "账号", "我方账号", "ownaccount", "account", "accountnumber"),
    "memo": ("摘要", "用途", "附言", "备注", "交易附言", "memo", "description", "reference text", "details", "purpose"),
    "reference": (
        "交易流水号",
        "流水号",
        "凭证号",
        "交易序号",
        "参考号",
        "transactionid",
        "reference",
        "bankreference",
        "id",
    ),
}
_DATE = Field(name="booked_on", kind="date", label=gettext_lazy("date"))
_MONEY = Field(name="amount", kind="money", label=gettext_lazy("amount"))
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a statement: entries made, lines known from before, lines that are no money in, lines nobody can read."""

    made: int
    known: int
    other: int
    problems: Sequence[tuple[int, str]]
    operation: Operation | None = None


def _folded(text: str) -> str:
    return "".join(str(text).split()).replace("（", "(").partition("(")[0].casefold().replace("_", "").replace(":", "")


def columns_known(header: Sequence[str]) -> dict[str, int]:
    """Which column of a statement holds what."""
    folded = [_folded(one) for one in header]
    found: dict[str, int] = {}
    for name, words in HEADERS.items():
        place = next((folded.index(_folded(word)) for word in words if _folded(word) in folded), None)
        if place is not None and place not in found.values():
            found[name] = place
    return found


def statement_import(actor: Actor, *, content: bytes, name: str) -> Imported:
    """Enter the incoming payments of a bank's file (XLSX, CSV in any encoding). What is there already is not entered again.

    Raises Invalid when the file has no date or no amount.
    """
    require(actor, "import", ENTRY)
    table = open_table(content, name=name)
    places = columns_known([one.name for one in table.columns])
    if "booked_on" not in places or not ({"credit", "amount"} & set(places)):
        raise Invalid(
            _(
                "No column for date or amount was recognised. Expected for instance: 交易日期, 贷方金额, 对方户名, 摘要, 交易流水号."
            ),
            code="statement.columns",
            field="file",
        )
    problems: list[tuple[int, str]] = []
    rows: dict[int, BankEntry] = {}
    other, twins = 0, Counter[str]()
    for row in table.rows():
        try:
            entry = _entry([str(one or "") for one in row.values], places)
        except Invalid as error:
            problems.append((row.number, str(error.message)))
            continue
        if entry is None:
            other += 1
            continue
        plain = policies.fingerprint_of(entry, 0)
        entry.fingerprint = plain if entry.reference else policies.fingerprint_of(entry, twins[plain])
        twins[plain] += 1
        rows[row.number] = entry
    return _entered(actor, rows, other, problems)


def _entry(cells: Sequence[str], places: Mapping[str, int]) -> BankEntry | None:
    """One incoming payment; ``None`` for outgoing ones and empty lines."""

    def cell(name: str) -> str:
        return cells[places[name]].strip() if name in places and places[name] < len(cells) else ""

    text = cell("credit") or ("" if "credit" in places else cell("amount"))
    if not text or not cell("booked_on"):
        return None
    amount: Decimal = kinds.parse(_MONEY, text.replace("+", "")) or ZERO
    if amount <= 0:
        return None
    return BankEntry(
        booked_on=kinds.parse(_DATE, cell("booked_on").split(" ")[0]), amount=amount, currency=_currency(cell("currency")),
        payer=cell("payer")[:200], payer_account=cell("payer_account")[:60], account=cell("account")[:60],
        memo=cell("memo")[:300], reference=cell("reference")[:100],
    )  # fmt: skip


def _currency(text: str) -> str:
    return records.dictionaries.find("currency", text.replace("RMB", "CNY").strip()) or "CNY"


def _known(actor: Actor, entry: BankEntry) -> str:
    """That an entry is there with another amount or day; with which, to who may read them."""
    if entry.pk and not (allowed(actor, "view", entry) and reads(actor, ENTRY, "amount", "currency", "booked_on")):
        return _("%(reference)s is known otherwise; this line was not read.") % {"reference": entry.reference}
    values = {"amount": figures.money(entry.amount, entry.currency), "day": entry.booked_on}
    text = _("%(reference)s is known with %(amount)s of %(day)s; this line was not read.")
    return text % {"reference": entry.reference, **values}


def _entered(actor: Actor, rows: Mapping[int, BankEntry], other: int, problems: list[tuple[int, str]]) -> Imported:
    """Enter what is new. A line whose number is known with another amount or day is named: nobody knows which one is right."""
    marks = [one.fingerprint for one in rows.values()]
    stored = {one.fingerprint: one for one in BankEntry.everything.filter(fingerprint__in=marks)}
    fresh: dict[str, BankEntry] = {}
    for row, one in rows.items():
        there = stored.get(one.fingerprint) or fresh.setdefault(one.fingerprint, one)
        if (there.amount, there.currency, there.booked_on) != (one.amount, one.currency, one.booked_on):
            problems.append((row, _known(actor, there)))
    names = ("booked_on", "amount", "currency", "payer", "payer_account", "account", "memo", "reference", "fingerprint")
    with records.writing(actor):
        step = records.operation_begin(actor, "import", ENTRY, total=len(fresh), progress=len(fresh)) if fresh else None
        for one in fresh.values():
            records.create(
                actor, ENTRY, {column: getattr(one, column) for column in names}, operation=step, trusted=True
            )
    return Imported(len(fresh), len(rows) - len(fresh), other, sorted(problems), step)


# -- booking -----------------------------------------------------------------------------------------------------------


def entries_book_sure(actor: Actor) -> tuple[int, int]:
    """Book every waiting entry whose proposal leaves no doubt; how many were booked, and how many of these could not be."""
    require(actor, "create", ledger.RECEIPT)
    booked, failed = 0, 0
    for entry in visible(BankEntry.objects.filter(status=NEW), actor, "change").order_by("booked_on", "pk"):
        found = proposals(actor, entry)
        if is_sure(found):
            try:
                entry_book(actor, entry, customer=found[0].customer.pk)
            except GuanxiError:
                failed += 1
            else:
                booked += 1
    return booked, failed


def entry_book(actor: Actor, record: BankEntry, *, customer: int, spread: bool = True) -> Receipt:
    """Make a receipt of an entry, once, and book it on what the proposal names; the entry is locked meanwhile."""
    require(actor, "change", record)
    require(actor, "create", ledger.RECEIPT)
    with records.writing(actor):
        entry: BankEntry = records.locked(actor, entity_of(ENTRY), record.pk)
        if entry.status != NEW:
            raise RuleBroken(_("This entry is booked or left out already."), code="entry.state")
        owner: Customer = records.get(actor, "customers.customer", customer)
        values = {
            "customer": owner.pk, "received_on": entry.booked_on, "amount": entry.amount, "currency": entry.currency,
            "payer": entry.payer, "account": entry.account, "reference": entry.reference, "memo": entry.memo,
            "method": "transfer", "owner": owner.owner_id,
        }  # fmt: skip
        receipt: Receipt = records.create(actor, ledger.RECEIPT, values, trusted=True)
        parts = settles(actor, entry, owner.pk) if spread else ()
        if parts:
            ledger.receipt_allocate(actor, receipt, [(one.row.pk, one.amount) for one in parts])
        records.update(actor, entry, {"status": BOOKED, "receipt": receipt.pk}, trusted=True)
    return receipt


def entry_ignore(actor: Actor, record: BankEntry) -> BankEntry:
    """An entry that is no payment of a customer."""
    if record.status != NEW:
        raise RuleBroken(_("This entry is booked or left out already."), code="entry.state")
    left: BankEntry = records.update(actor, record, {"status": IGNORED}, trusted=True)
    return left


def entry_reopen(actor: Actor, record: BankEntry) -> BankEntry:
    """An entry left out by mistake, or whose receipt went to the trash, comes back."""
    require(actor, "change", record)
    gone = record.receipt_id is None or Receipt.objects.filter(pk=record.receipt_id).first() is None
    if record.status == NEW or not gone:
        raise RuleBroken(_("Put its receipt in the trash first."), code="entry.state")
    back: BankEntry = records.update(actor, record, {"status": NEW, "receipt": None}, trusted=True)
    return back
