"""Work of this room for the queue: mails to clients about their sign-in."""

from __future__ import annotations

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from guanxi.core.outside.logins import link_mail, moved_mail


@app.task(name="guanxi.outside.portal_link_send", retry=RetryStrategy(max_attempts=5, exponential_wait=4))
def portal_link_send(email: str) -> bool:
    """Mail a fresh link to whoever signs in with the address; whether there was somebody."""
    found = link_mail(email)
    if found is None:
        return False
    found.send()
    return True


@app.task(name="guanxi.outside.portal_moved_send", retry=RetryStrategy(max_attempts=5, exponential_wait=4))
def portal_moved_send(email: str, language: str) -> None:
    """Tell an address that a sign-in is no longer its own."""
    moved_mail(email, language).send()
