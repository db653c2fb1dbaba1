"""Links by which one report or board is shown outside the house, or in the frame of another page.

Whoever opens one sees what the one who shared it may take out at that moment, and nothing more: his rights are asked anew
each time, those to show it too, reading only. The address is signed and names a row, so that it can be ended,
and ends by itself.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.contrib.auth.hashers import check_password, make_password
from django.core import signing
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from guanxi.core.access import actors, allowed
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, Invalid, NotFound
from guanxi.core.models import ReportLink
from guanxi.core.people import throttle
from guanxi.core.records.writing import writing
from guanxi.core.reporting import stored
from guanxi.core.reporting.stored import Setup, Sort
from guanxi.runtime.environment import environment

#: The feature of a role that lets its holder show reports outside.
FEATURE = "reports.links"
MOST_DAYS, LEAST_CODE = 366, 6
#: Wrong codes a link takes within an hour, from however many places.
CODES_AN_HOUR = 60
_SALT = "guanxi.report-link"


def may_share(actor: Actor) -> bool:
    """Whether the actor may show reports outside the house."""
    return actor.user_id is not None and (actor.rights.everything or FEATURE in actor.rights.features)


def address_of(link: ReportLink) -> str:
    """The whole address of a link."""
    return f"{environment().url}/shared/{signing.Signer(salt=_SALT, sep='.').sign(link.nonce)}/"


def parts_of(actor: Actor, held: Setup) -> list[Setup]:
    """The reports something shows: itself, or those of a board's tiles the actor may use."""
    if held.sort == "report":
        return [held]
    known = {one.key: one for one in stored.setups(actor, "report")}
    keys = (str(tile.get("report", "")) for tile in held.definition.get("tiles", ()))
    return [known[key] for key in keys if key in known]


def link_make(
    actor: Actor, *, sort: Sort, key: str, name: str, audience: str, days: int, code: str = "", query: str = ""
) -> ReportLink:
    """A new link. Raises Denied for who may not share, or may not take out what it shows; Invalid for the rest."""
    held = stored.setup(actor, sort, key)
    if actor.user_id is None or not may_share(actor):
        raise Denied(_("Your role does not let you show reports outside."), code="link.denied")
    if not _may_leave(actor, held):
        raise Denied(_("You may not take out the figures this shows."), code="link.export")
    name = " ".join(name.split())[:100]
    if not name:
        raise Invalid(_("Say for whom it is."), code="link.name", field="name")
    if audience not in dict(ReportLink._meta.get_field("audience").choices or ()):
        raise Invalid(_("Say who may open it."), code="link.audience", field="audience")
    if not 1 <= days <= MOST_DAYS:
        raise Invalid(_("It may last from 1 to %(most)d days.") % {"most": MOST_DAYS}, code="link.days", field="days")
    if audience == "code" and len(code.strip()) < LEAST_CODE:
        raise Invalid(
            _("The code needs at least %(least)d characters.") % {"least": LEAST_CODE}, code="link.code", field="code"
        )
    with writing(actor):
        return ReportLink.objects.create(
            nonce=secrets.token_urlsafe(16), sort=sort, key=key, user_id=actor.user_id, name=name, audience=audience,
            code=make_password(code.strip()) if audience == "code" else "", query=query[:500],
            expires_at=clock.now() + dt.timedelta(days=days),
        )  # fmt: skip


def _may_leave(actor: Actor, held: Setup) -> bool:
    """Whether the actor may take out all that something shows."""
    return all(allowed(actor, "export", str(one.definition.get("dataset", ""))) for one in parts_of(actor, held))


def links_of(actor: Actor, sort: Sort, key: str) -> Sequence[ReportLink]:
    """Living links to a report or board: one's own, to an administrator everybody's; newest first."""
    return list(_known(actor).filter(sort=sort, key=key, expires_at__gt=clock.now()).select_related("user"))


def links_all(actor: Actor) -> Sequence[ReportLink]:
    """Every living link the actor may end."""
    return list(_known(actor).filter(expires_at__gt=clock.now()).select_related("user"))


def _known(actor: Actor) -> QuerySet[ReportLink]:
    rows = ReportLink.objects.filter(ended_at__isnull=True).order_by("-created_at")
    return rows if actor.rights.everything else rows.filter(user_id=actor.user_id or 0)


def link_end(actor: Actor, link_id: int) -> ReportLink:
    """A link works no more. Raises NotFound for somebody else's."""
    with writing(actor):
        link = _known(actor).filter(pk=link_id).first()
        if link is None:
            raise NotFound(_("This link does not exist or has ended."), code="link.unknown")
        link.ended_at = clock.now()
        link.save(update_fields=["ended_at"])
    return link


def link_open(secret: str, *, address: str) -> ReportLink:
    """The living link of an address. Raises NotFound alike for forged, ended and expired ones; TooMany for who guesses."""
    link = None
    try:
        nonce = signing.Signer(salt=_SALT, sep=".").unsign(secret)
    except signing.BadSignature:
        throttle.attempt_take(f"shared:{throttle.network(address)}")
    else:
        rows = ReportLink.objects.filter(nonce=nonce, ended_at__isnull=True, expires_at__gt=clock.now())
        link = rows.select_related("user").first()
    if link is None or not link.user.is_active or link.user.deleted_at is not None:
        raise NotFound(_("This link does not exist or has ended."), code="link.unknown")
    return link


def code_check(link: ReportLink, code: str, *, address: str) -> None:
    """Raises Invalid for a wrong code; TooMany after five from one place, or many wrong ones from wherever."""
    key, all_over = f"shared-code:{link.pk}:{throttle.network(address)}", f"shared-code:{link.pk}"
    throttle.attempt_take(key)
    throttle.window_take(all_over, CODES_AN_HOUR, 3600)
    if not check_password(code.strip(), link.code):
        raise Invalid(_("This is not the code."), code="link.code", field="code")
    throttle.attempt_forget(key)
    throttle.window_return(all_over)


def link_seen(link: ReportLink) -> None:
    """Count that it was opened."""
    ReportLink.objects.filter(pk=link.pk).update(opened=F("opened") + 1, last_opened_at=clock.now())


def sharer(link: ReportLink) -> Actor:
    """The one who shared it, with the rights he has now, reading only. Raises NotFound where he may show it no more."""
    actor = actors.load(link.user, via="web")
    if not may_share(actor) or not _may_leave(actor, setup_of(link, actor)):
        raise NotFound(_("This link does not exist or has ended."), code="link.unknown")
    return replace(actor, scopes=frozenset({"read"}))


def setup_of(link: ReportLink, actor: Actor) -> Setup:
    """What it shows. Raises NotFound when that is gone, or no longer his to see."""
    sort: Any = link.sort
    return stored.setup(actor, sort, link.key)
