"""Asking for links by mail: an administrator invites, anybody asks for a new password."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, Text
from guanxi.core.models import User
from guanxi.core.people import throttle
from guanxi.core.people.guards import require_administrator
from guanxi.core.people.jobs import invitation_send, reset_send
from guanxi.core.records.writing import emit, writing


def user_invite(actor: Actor, user: User) -> None:
    """Mail the user a link to choose his password; earlier ones stop working. Raises ``Denied``, ``Invalid``."""
    require_administrator(actor, "change", user)
    if not user.is_active:
        raise Invalid(_("The user is not active."), code="user.inactive")
    if not user.email:
        raise Invalid(_("The user has no e-mail. Copy the link instead."), code="user.no_email", field="email")
    with writing(actor):
        emit(actor, "invited", user)
        invitation_send.defer(user_id=user.pk)


def can_invite(user: User) -> bool | Text:
    """Whether a link can be mailed, else why not."""
    if not user.is_active:
        return _("The user is not active.")
    return bool(user.email) or _("The user has no e-mail. Copy the link instead.")


def reset_request(login: str, *, address: str) -> None:
    """Ask for a mail with a link to a new password. The answer never tells whether the name is known.

    Raises ``TooMany`` after twenty wishes a minute from one address, or five in a row for one name.
    """
    throttle.address_take(address)
    throttle.attempt_take(throttle.account_key(login).replace("signin:account:", "reset:account:"))
    reset_send.defer(login=login.strip()[:150])
