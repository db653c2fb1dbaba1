"""Contracts: signing, amendments, renewal, call-offs, ending, orders of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from guanxi.areas.billing import policies, selectors
from guanxi.areas.billing.models import (
    Contract,
    Instalment,
    Order,
)
from guanxi.areas.billing.models.documents import (
    COMPLETED,
    DRAFT,
    ENDED,
    REDUCE,
    SIGNED,
)
from guanxi.areas.billing.services import credit, frameworks, ledger, making
from guanxi.areas.billing.services.making import CARRIED, CONTRACT, ORDER, ZERO
from guanxi.core import records
from guanxi.core.access import require, visible
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, RuleBroken
from guanxi.core.records.together import files_of
from guanxi.core.schema.registry import entity_of


def contract_sign(
    actor: Actor, record: Contract, *, signed_on: dt.date | None = None, by: str = "", customer: str = ""
) -> Contract:
    """Both have signed: amounts stand, money is owed, without a plan at once as one instalment. A customer beyond a limit
    that refuses is refused, save for what adds nothing: a framework, an amendment that reduces."""
    require(actor, "change", record)
    day = signed_on or clock.today(actor.timezone)
    if day > clock.today(actor.timezone):
        raise Invalid(_("A contract cannot be signed in the future."), code="dates.future", field="signed_on")
    with records.writing(actor):
        record = records.locked(actor, entity_of(CONTRACT), record.pk)
        if record.status != DRAFT:
            raise RuleBroken(_("This contract is signed already."), code="contract.state")
        frames, reduces = policies.frames(record), record.amends_id and record.effect == REDUCE
        if frames and Instalment.objects.filter(contract=record).exists():
            text = _("Nothing is owed on a framework. Plan payments on what is called off under it.")
            raise Invalid(text, code="framework.owes", field="instalments")
        _says_something(actor, record)
        if record.framework is not None:
            frameworks.room_check(actor, record.framework, record, day)
        plan = {}
        if not frames:
            policies.period_open(day, "signed_on")
        if not frames and not reduces:
            plan = making.plan_of(actor, record, due_on=record.starts_on or day)
            credit.within_limit(actor, record)
        values = {**plan, "status": SIGNED, "signed_on": day, "signed_by": by or record.signed_by or actor.name}
        signed: Contract = making.step(
            actor, record, **values, signed_for_customer=customer or record.signed_for_customer
        )
        if reduces and not frames:
            _reduce(actor, signed)
    return signed


#: What an amendment may say otherwise than the contract it amends.
SAID = ("terms", "note", "starts_on", "ends_on", "contact_id")


def _says_something(actor: Actor, record: Contract) -> None:
    """Raise RuleBroken for an amendment that neither moves money nor says anything else, also not in a file."""
    above = record.amends
    if above is None or record.total or record.volume or record.custom:
        return
    if any(getattr(record, name) not in (None, "", getattr(above, name)) for name in SAID):
        return
    if record.lines.filter(deleted_at__isnull=True).exists() or files_of(actor, record).exists():
        return
    raise RuleBroken(
        _("This amendment changes nothing. Give it items, other terms or another period, or attach its text."),
        code="amendment.empty",
    )


def _reduce(actor: Actor, amendment: Contract) -> None:
    """An amendment that reduces writes its amount off the contract it amends, the last instalments first."""
    left = amendment.total or ZERO
    rows = Instalment.objects.filter(contract=amendment.amends, open__gt=0).order_by("-due_on", "-position", "-pk")
    if sum(rows.values_list("open", flat=True), ZERO) < left:
        raise RuleBroken(_("The contract amended does not owe so much any more."), code="amendment.too_much")
    for row in rows:
        part = min(left, row.open)
        if part:
            ledger.write_off_book(
                actor, row, amount=part, reason=_("Amendment %(number)s") % {"number": amendment.number}
            )
        left -= part


def contract_amend(actor: Actor, record: Contract, *, effect: str = "add") -> Contract:
    """An amendment of the contract as a draft, to be filled."""
    if record.status == DRAFT:
        raise RuleBroken(_("A draft needs no amendment; change it."), code="contract.state")
    values = {"amends": record.pk, "effect": effect or "add", "kind": record.kind}
    family = [one for one, _quote in selectors.amended({record.pk}, set())]
    first = visible(Contract.everything.filter(pk__in=family, amends=None), actor).first() or record
    name = _("Amendment to %(name)s") if len(family) == 1 else _("Amendment %(number)d to %(name)s")
    return _follower(actor, record, values, name % {"number": len(family), "name": first.name}, lines=False)


def contract_renew(actor: Actor, record: Contract) -> Contract:
    """The same contract again as a draft, for as long as before, from the day after it ends."""
    if record.ends_on is None:
        raise Invalid(_("This contract has no end."), code="contract.endless", field="ends_on")
    start = record.ends_on + dt.timedelta(days=1)
    length = record.ends_on - (record.starts_on or record.signed_on or record.ends_on)
    values = {"renews": record.pk, "starts_on": start, "ends_on": start + length, "kind": record.kind}
    return _follower(actor, record, values, record.name, lines=True)


def contract_call(actor: Actor, record: Contract) -> Contract:
    """A contract under this framework, as a draft."""
    name = _("Call-off under %(name)s") % {"name": record.name}
    return _follower(actor, record, {"framework": record.pk}, name, lines=False)


def _follower(actor: Actor, record: Contract, values: Mapping[str, Any], name: str, *, lines: bool) -> Contract:
    require(actor, "create", CONTRACT)
    require(actor, "view", record)
    given = {key.removesuffix("_id"): getattr(record, key) for key in CARRIED}
    given |= {"owner": record.owner_id, "name": name[:200], **values}
    if lines:
        given["lines"] = making.lines_of(record)
    else:
        given |= {"discount": None, "discount_amount": None}
    made: Contract = records.create(actor, CONTRACT, given, trusted=True)
    return made


def contract_end(actor: Actor, record: Contract, *, ended_on: dt.date | None = None, note: str = "") -> Contract:
    """The contract is fulfilled, or terminated before it was."""
    if record.status != SIGNED:
        raise RuleBroken(_("Only a signed contract can end."), code="contract.state")
    state = COMPLETED if not record.open else ENDED
    text = f"{record.note}\n{note}".strip() if note else record.note
    ended: Contract = making.step(
        actor, record, status=state, ends_on=ended_on or clock.today(actor.timezone), note=text
    )
    return ended


def contract_to_order(actor: Actor, record: Contract) -> Order:
    """An order of what the contract names; the money stays owed on the contract."""
    if record.status not in (SIGNED, COMPLETED):
        raise RuleBroken(_("Sign the contract first."), code="contract.state")
    made: Order = making.made(
        actor, ORDER, record, {"contract": record.pk, "quote": record.quote_id}, optional=False, step=None
    )
    return made
