"""Somebody signed in, without the cost of a password."""

from __future__ import annotations

from django.test import Client

from guanxi.core.kernel import clock
from guanxi.core.models import User
from guanxi.core.people import signin


def browser(user: User) -> Client:
    """A browser in which the user signed in; its pages are English."""
    User.objects.filter(pk=user.pk).update(language="en")
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(user, backend="guanxi.core.people.signin.Backend")
    session = client.session
    now = int(clock.now().timestamp())
    session[signin.STAMP], session[signin.STARTED], session[signin.SEEN] = user.security_stamp, now, now
    session.save()
    return client
