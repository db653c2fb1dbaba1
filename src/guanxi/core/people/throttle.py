"""Limits on guessing, kept in the database so that they hold for every process together.

An attempt is counted before it is made and given back when it succeeds; so attempts at the same moment cannot slip through.
"""

from __future__ import annotations

import ipaddress
import math

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import TooMany
from guanxi.core.kernel.text import fold
from guanxi.core.models import RateWindow

ACCOUNT_FAILURES = 5
ADDRESS_FAILURES = 20
WINDOW = 60
LONGEST_WAIT = 15 * 60
#: Seconds of quiet after which an account starts from nothing.
FORGET = 60 * 60


def _now() -> int:
    return math.floor(clock.now().timestamp())


def wait_text(seconds: int) -> str:
    """``Try again in 40 seconds.`` in the active language."""
    if seconds < 100:
        return ngettext("Try again in %(count)d second.", "Try again in %(count)d seconds.", seconds) % {
            "count": seconds
        }
    minutes = math.ceil(seconds / 60)
    return ngettext("Try again in %(count)d minute.", "Try again in %(count)d minutes.", minutes) % {"count": minutes}


def _too_many(seconds: int, *, guessed: bool = True) -> TooMany:
    said = _("Too many failed attempts. %(wait)s") if guessed else _("This was done very often. %(wait)s")
    return TooMany(said % {"wait": wait_text(seconds)}, code="signin.throttled", retry_after=seconds)


def account_key(login: str) -> str:
    """The counter of what was typed as a login, whether there is such an account or not: one counter for an account's name
    and address would tell that they belong together. Typed otherwise but found as the same (ı for i) counts as the same.
    """
    return f"signin:account:{fold(login).upper()[:120]}"


def network(address: str) -> str:
    """Who asks from an address: of IPv6 the first 64 bits, which one customer of a provider owns."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:60] or "unknown"
    if parsed.version == 6:
        parsed = parsed.ipv4_mapped or ipaddress.ip_network(f"{parsed}/64", strict=False).network_address
    return str(parsed)


def address_key(address: str) -> str:
    """The counter of an address."""
    return f"signin:address:{network(address)}"


def back_off(failures: int) -> int:
    """Seconds to wait after that many failures in a row: 60 after the fifth, then twice as long each time, at most 15 min."""
    if failures < ACCOUNT_FAILURES:
        return 0
    return min(LONGEST_WAIT, WINDOW << min(failures - ACCOUNT_FAILURES, 10))


def _held(key: str, now: int) -> RateWindow:
    """The counter, locked; also when it is forgotten or made by another at this moment."""
    return RateWindow.objects.select_for_update().get_or_create(key=key, defaults={"window": now, "used": 0})[0]


def attempt_take(key: str) -> None:
    """Count an attempt on an account (or another thing guessed at) with back-off.

    Raises ``TooMany`` with the seconds to wait when five attempts failed within a minute of each other.
    """
    now = _now()
    with transaction.atomic():
        row = _held(key, now)
        quiet = now - row.window
        wait = back_off(row.used)
        if wait and quiet < wait:
            raise _too_many(wait - quiet)
        if quiet >= FORGET or (not wait and quiet >= WINDOW):
            row.used = 0
        row.used += 1
        row.window = now
        row.save(update_fields=["used", "window"])


def attempt_forget(key: str) -> None:
    """The attempt succeeded: the counter starts anew."""
    RateWindow.objects.filter(key=key).delete()


def address_take(address: str) -> None:
    """Count an attempt from an address; raises ``TooMany`` when twenty failed within the present minute."""
    now, key = _now(), address_key(address)
    with transaction.atomic():
        row = _held(key, now)
        if now - row.window >= WINDOW:
            row.window, row.used = now, 0
        if row.used >= ADDRESS_FAILURES:
            raise _too_many(max(1, row.window + WINDOW - now))
        row.used += 1
        row.save(update_fields=["used", "window"])


def address_return(address: str) -> None:
    """The attempt succeeded: it does not count against the address."""
    with transaction.atomic():
        row = RateWindow.objects.select_for_update().filter(key=address_key(address), used__gt=0).first()
        if row is not None:
            row.used -= 1
            row.save(update_fields=["used"])


def window_take(key: str, most: int, seconds: int, *, guessed: bool = True) -> None:
    """Count one of at most ``most`` doings (guesses or not) within a window of ``seconds``; raises ``TooMany`` beyond."""
    now = _now()
    with transaction.atomic():
        row = _held(key, now)
        if now - row.window >= seconds:
            row.window, row.used = now, 0
        if row.used >= most:
            raise _too_many(max(1, row.window + seconds - now), guessed=guessed)
        row.used += 1
        row.save(update_fields=["used", "window"])


def window_return(key: str) -> None:
    """What was counted last did not use the rate up after all."""
    RateWindow.objects.filter(key=key, used__gt=0).update(used=F("used") - 1)
