"""Marketing to people outside: who said yes or no to it, and that nobody who said no is written to.

What was said to an address (by a link in a mail, in a questionnaire) stands here, by the address's digest, so that a no outlives
the record it came from. Rooms that keep consents of persons enter a ``Ledger``. The latest word decides; without any the workspace's
rule does. Messages not marked as marketing pass.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

from django.core import signing
from django.db import models, transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.errors import NotFound
from guanxi.core.kernel.phones import parse_phone
from guanxi.core.models import MarketingWord, OutboundMessage, Preference
from guanxi.core.models.stamps import kept
from guanxi.core.people.guards import require_administrator
from guanxi.core.records import shape, values
from guanxi.core.records.workspace import STAMP, preference_store
from guanxi.core.records.writing import writing
from guanxi.core.schema.registry import entity_of, is_registered
from guanxi.runtime.environment import environment

PREFERENCE = "marketing"
PURPOSE = "marketing"
State = Literal["given", "withdrawn"]
GIVEN: State = "given"
WITHDRAWN: State = "withdrawn"
STOPPED = "stopped"
_SALT = "guanxi.marketing.stop"


def state_of(text: str) -> State:
    """A stored state; whatever is no yes is a no."""
    return GIVEN if text == GIVEN else WITHDRAWN


@dataclass(frozen=True, slots=True)
class Ledger:
    """Consents a room keeps of its records. ``latest(record, channel)`` is the last word on marketing about whoever the record is about,
    with its moment; ``note`` writes one down, if the record is about somebody; ``refused(channel, address)`` is
    when somebody whose address it is said no, if that was his last word.
    """

    latest: Callable[[models.Model, str], tuple[State, dt.datetime] | None]
    note: Callable[[Actor, models.Model, State, str, str, str], None]
    refused: Callable[[str, str], dt.datetime | None]


_ledgers: list[Ledger] = []


def add_ledger(ledger: Ledger) -> None:
    """A room says that it keeps consents."""
    _ledgers.append(ledger)


@kept(STAMP, size=1)
def only_agreed() -> bool:
    """Whether marketing goes only to those who agreed; else to all who have not said no."""
    told = Preference.objects.filter(key=PREFERENCE).values_list("value", flat=True).first()
    return bool(isinstance(told, dict) and told.get("only_agreed"))


def only_agreed_set(actor: Actor, wanted: bool) -> None:
    """Say which of the two holds. Raises Denied for those who do not administer people."""
    require_administrator(actor)
    preference_store(actor, PREFERENCE, {"only_agreed": wanted})


def digest_of(channel: str, to: str) -> str:
    """What stands for an address: case, spaces and the way a number is written do not matter."""
    plain = to.strip().casefold()
    if channel == "sms":
        plain = getattr(parse_phone(to), "e164", "") or plain
    return hashlib.sha256(f"{channel}:{plain}".encode()).hexdigest()


def word(
    actor: Actor,
    channel: str,
    to: str,
    state: State,
    *,
    source: str,
    proof: str = "",
    record: models.Model | None = None,
) -> None:
    """Write down what was said to an address; a later word takes its place."""
    _word(actor, channel, digest_of(channel, to), state, source, proof, record)


def _word(
    actor: Actor, channel: str, digest: str, state: State, source: str, proof: str, record: models.Model | None, *,
    told: bool = True,
) -> None:  # fmt: skip
    with writing(actor):
        MarketingWord.objects.create(
            channel=channel, digest=digest, state=state, at=clock.now(), source=source[:40], proof=proof[:1000],
            entity=entity_of(record).key if record is not None else "", record_id=record.pk if record is not None else None,
        )  # fmt: skip
        if record is not None and told:
            for ledger in _ledgers:
                ledger.note(actor, record, state, channel, source, proof)


def addresses(record: models.Model) -> list[tuple[str, str]]:
    """Channel and address of everything a record holds by which somebody may be written to."""
    found = []
    for field in shape.fields_of(entity_of(record)).values():
        channel = {"email": "mail", "emails": "mail", "phone": "sms", "phones": "sms"}.get(field.kind)
        held = values.current(record, field) if channel else None
        for one in held if isinstance(held, list) else [held]:
            to = one.get("value") if isinstance(one, dict) else one
            if channel and to:
                found.append((channel, str(to)))
    return found


def contradicts(channel: str, to: str) -> bool:
    """Whether a yes to this address would overrule an earlier no, its own or that of somebody who holds it."""
    said = _said(channel, to, None)
    return bool(said) and said[-1][0] == WITHDRAWN


def agreed(
    actor: Actor, record: models.Model, *, source: str, proof: str, state: State = GIVEN,
    leaving: Collection[tuple[str, str]] = (),
) -> None:  # fmt: skip
    """Somebody agrees (or no longer agrees) about all addresses a record holds, and about himself if a room keeps consents of him.

    Addresses in ``leaving`` are left as they are, and then so is what is kept of him.
    """
    with writing(actor):
        for channel, to in addresses(record):
            if (channel, to) not in leaving:
                _word(actor, channel, digest_of(channel, to), state, source, proof, record, told=False)
        for ledger in () if leaving else _ledgers:
            ledger.note(actor, record, state, "any", source, proof)


def standing(record: models.Model, channel: str = "any") -> tuple[State, dt.datetime] | None:
    """The last word of whoever a record is about, as rooms keep it."""
    said = [found for ledger in _ledgers if (found := ledger.latest(record, channel)) is not None]
    return max(said, key=lambda one: one[1], default=None)


def _words(channel: str, digest: str, record: models.Model | None) -> list[tuple[State, dt.datetime]]:
    """The last word to the address and that of whoever the record is about, as far as there are any; the latest is last."""
    rows = MarketingWord.objects.filter(digest=digest).order_by("-at", "-id")
    said = [(state_of(one.state), one.at) for one in rows[:1]]
    found = standing(record, channel) if record is not None else None
    return sorted([*said, *([found] if found else [])], key=lambda one: one[1])


def _said(channel: str, to: str, record: models.Model | None) -> list[tuple[State, dt.datetime]]:
    """As ``_words``, with the no of everybody whose address it is."""
    noes = [(WITHDRAWN, at) for ledger in _ledgers if (at := ledger.refused(channel, to)) is not None]
    return sorted([*_words(channel, digest_of(channel, to), record), *noes], key=lambda one: one[1])


def refusal(channel: str, to: str, record: models.Model | None) -> str:
    """Why marketing may not go to this address, in words; empty when it may."""
    said = _said(channel, to, record)
    if not said:
        return _("has not agreed to marketing") if only_agreed() else ""
    return _("wants no marketing") if said[-1][0] == WITHDRAWN else ""


def refused(row: OutboundMessage) -> str:
    """Why a message may not leave; empty for what is no marketing."""
    return refusal(row.channel, row.to, record_of(row.entity, row.record_id)) if row.marketing else ""


def record_of(entity: str, number: int | None) -> models.Model | None:
    """The living record a message is about, if any."""
    if not number or not is_registered(entity):
        return None
    found: models.Model | None = entity_of(entity).model._default_manager.filter(pk=number).first()
    return found


def stop_address(row: OutboundMessage) -> str:
    """The address of the page, and the target of the one click, by which the reader of a message says no."""
    told = [row.channel, digest_of(row.channel, row.to), row.entity, row.record_id]
    return f"{environment().url}/stop/{signing.Signer(salt=_SALT).sign_object(told)}/"


def footer(row: OutboundMessage, language: str) -> str:
    """The last line of a marketing message."""
    with override(language):
        return _("No more of this: %(address)s") % {"address": stop_address(row)}


@dataclass(frozen=True, slots=True)
class Stop:
    """What a link to say no stands for."""

    channel: str
    digest: str
    entity: str
    record_id: int | None

    @property
    def stopped(self) -> bool:
        """Whether the address said no, and no yes was noted on the record since."""
        to_it = _words(self.channel, self.digest, None)
        said = _words(self.channel, self.digest, record_of(self.entity, self.record_id)) if to_it else []
        return bool(to_it) and to_it[-1][0] == said[-1][0] == WITHDRAWN


def stop_read(token: str) -> Stop:
    """What a link stands for. Raises NotFound for one we did not make."""
    try:
        channel, digest, entity, number = signing.Signer(salt=_SALT).unsign_object(token)
    except (signing.BadSignature, ValueError, TypeError):
        raise NotFound(code="stop.unknown") from None
    return Stop(str(channel), str(digest), str(entity), number)


def stop(found: Stop, *, address: str = "") -> None:
    """No more marketing to this address, and to whoever the message was about. Twice is the same as once."""
    with transaction.atomic():
        if not found.stopped:
            actor = system_actor("link", via="web")
            record = record_of(found.entity, found.record_id)
            _word(actor, found.channel, found.digest, WITHDRAWN, "link", address, record)


@dataclass(frozen=True, slots=True)
class Figures:
    """How many addresses said no or yes last, and how many messages were held back in thirty days."""

    stopped: int
    given: int
    held_back: int


def figures(actor: Actor) -> Figures:
    """For administrators of people. Raises Denied."""
    if not actor.is_system:
        require_administrator(actor)
    last = MarketingWord.objects.order_by("digest", "-at", "-id").distinct("digest").values_list("state", flat=True)
    states = list(last)
    since = clock.now() - dt.timedelta(days=30)
    held = OutboundMessage.objects.filter(state=STOPPED, marketing=True, created_at__gte=since).count()
    return Figures(states.count(WITHDRAWN), states.count(GIVEN), held)
