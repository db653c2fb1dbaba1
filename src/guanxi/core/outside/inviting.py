"""Asking for a client's link: the house lets a record sign in, a client wants a new link."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from guanxi.core.access import allowed, clients, reads, require
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, Invalid, NotFound
from guanxi.core.models import PortalLogin
from guanxi.core.outside.jobs import portal_link_send, portal_moved_send
from guanxi.core.outside.logins import login_of, may_have
from guanxi.core.people import throttle
from guanxi.core.people.passwords import normal
from guanxi.core.records.writing import writing
from guanxi.core.schema.registry import entity_of


def login_invite(actor: Actor, record: Any, email: str, *, language: str = "zh-hans") -> PortalLogin:
    """Let a record sign in with this address, and mail it a link; an address that is replaced is told so.

    A person gives nobody more to see than he sees himself. Raises Denied, Invalid (the address is another's).
    """
    require(actor, "change", record)
    if not may_have(record):
        raise NotFound
    if actor.kind == "user" and not all(
        allowed(actor, "view", one.entity) and reads(actor, one.entity, *one.fields)
        for one in clients.opened(entity_of(record).key)
    ):
        raise Denied(
            _("Clients see more on their pages than you do: who sees all of it can let this one sign in."),
            code="portal.views",
        )
    wanted = email.strip().lower()
    try:
        validate_email(wanted)
    except ValidationError:
        raise Invalid(_("This is no e-mail address."), code="portal.email", field="email") from None
    found = login_of(record)
    if PortalLogin.objects.filter(email=wanted).exclude(pk=found.pk if found else 0).exists():
        raise Invalid(_("Another client signs in with this address."), code="portal.taken", field="email")
    with writing(actor):
        login = found or PortalLogin(entity=entity_of(record).key, record_id=record.pk)
        if login.email and login.email != wanted:
            login.password = ""
            login.keys.all().delete()
            portal_moved_send.defer(email=login.email, language=login.language)
        login.email, login.language, login.active = wanted, language, True
        login.save()
        portal_link_send.defer(email=wanted)
    return login


def link_request(email: str, *, address: str) -> None:
    """Ask for a link by mail; the answer never says whether the address is known. Raises TooMany."""
    throttle.address_take(address)
    throttle.attempt_take(f"portal:link:{normal(email).strip().lower()[:120]}")
    portal_link_send.defer(email=email.strip().lower()[:254])
