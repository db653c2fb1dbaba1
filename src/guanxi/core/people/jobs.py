"""Work of this room for the queue: mails with links."""

from __future__ import annotations

from typing import Literal

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from guanxi.core.models import User
from guanxi.core.people.links import link_send_secret
from guanxi.core.people.mails import link_mail
from guanxi.core.people.signin import user_find

_AGAIN = RetryStrategy(max_attempts=5, exponential_wait=4)


@app.task(name="guanxi.people.invitation_send", retry=_AGAIN)
def invitation_send(user_id: int) -> bool:
    """Mail a fresh link: an invitation, or to whoever has a password a reset. Whether there was somebody to send it to."""
    user = User.objects.filter(pk=user_id, is_active=True).exclude(email="").first()
    if user is None:
        return False
    purpose: Literal["invite", "reset"] = "reset" if user.has_usable_password() else "invite"
    link_mail(user, purpose, link_send_secret(user, purpose)).send()
    return True


@app.task(name="guanxi.people.reset_send", retry=_AGAIN)
def reset_send(login: str) -> bool:
    """Mail a reset link to whoever signs in with ``login``; an unknown name costs the asker the same time."""
    user = user_find(login)
    if user is None or not user.is_active or not user.email:
        return False
    link_mail(user, "reset", link_send_secret(user, "reset")).send()
    return True
