"""Contents that are held back: those no scanner could look at yet, and those in which one found a virus.

A content is looked at while it comes in. One with a virus is refused there and then; one the scanner could not be asked
about is taken in and held, until a job has asked. With ``GUANXI_SCANNER_DOWN=pass`` such a content may be opened meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Invalid, RuleBroken, Unavailable
from guanxi.core.models import File, HeldContent
from guanxi.core.records import scanner
from guanxi.runtime.environment import environment

logger = logging.getLogger("guanxi.quarantine")
WAITING, FOUND = "waiting", "found"
_BATCH = 200


def taken_in(place: Path, digest: str) -> scanner.Look:
    """The look at a content that comes in. Raises Invalid when a virus is in it; one like it stored earlier is held."""
    seen = scanner.look(place)
    if seen.state == "found":
        logger.warning("an upload with a virus was refused", extra={"virus": seen.words})
        if File.objects.filter(digest=digest).exists():
            HeldContent.objects.update_or_create(digest=digest, defaults={"state": FOUND, "words": seen.words})
        raise Invalid(
            _("A virus was found in this file (%(name)s); it was not stored.") % {"name": seen.words},
            code="file.virus",
            field="file",
        )
    return seen


def settled(digest: str, seen: scanner.Look) -> None:
    """Hold the content that could not be looked at; let go one that was held and is clean now."""
    if seen.state == "failed":
        logger.warning("the scanner does not answer", extra={"reason": seen.words})
        HeldContent.objects.get_or_create(digest=digest, defaults={"state": WAITING, "words": seen.words})
    elif scanner.configured():
        HeldContent.objects.filter(digest=digest).delete()


def held(digests: Iterable[str]) -> dict[str, str]:
    """Which of the contents may not be opened now, with a sentence each for who asks."""
    rows = HeldContent.objects.filter(digest__in=set(digests))
    return {row.digest: _said(row) for row in rows if _stops(row)}


def require_free(digest: str) -> None:
    """Raises Unavailable while a content waits for the scanner, RuleBroken when a virus was found in it."""
    row = HeldContent.objects.filter(digest=digest).first()
    if row is not None and _stops(row):
        if row.state == FOUND:
            raise RuleBroken(_said(row), code="file.virus")
        raise Unavailable(_said(row), code="file.unchecked")


def look_again(path_of: Callable[[str], Path]) -> int:
    """Ask about what waits; returns how many were looked at. Stops at the first the scanner does not answer about."""
    done = 0
    for row in HeldContent.objects.filter(state=WAITING).order_by("at")[:_BATCH] if scanner.configured() else ():
        place = path_of(row.digest)
        seen = scanner.look(place) if place.exists() else scanner.Look("clean")
        if seen.state == "failed":
            HeldContent.objects.filter(pk=row.pk).update(words=seen.words, at=clock.now())
            if scanner.greeting().state == "failed":
                break
            continue  # it is this content the scanner cannot take
        done += 1
        if seen.state == "clean":
            row.delete()
        else:
            logger.warning("a virus was found in a stored file", extra={"digest": row.digest, "virus": seen.words})
            HeldContent.objects.filter(pk=row.pk).update(state=FOUND, words=seen.words, at=clock.now())
    return done


def counts() -> dict[str, int]:
    """How many contents of files wait for the scanner, and in how many a virus was found."""
    there = Exists(File.objects.filter(digest=OuterRef("digest"), deleted_at__isnull=True))
    states = list(HeldContent.objects.filter(there).values_list("state", flat=True))
    return {state: states.count(state) for state in (WAITING, FOUND)}


def _stops(row: HeldContent) -> bool:
    return row.state == FOUND or (scanner.configured() and environment().scanner_down == "hold")


def _said(row: HeldContent) -> str:
    if row.state == FOUND:
        return _("A virus was found in this file (%(name)s); it cannot be opened.") % {"name": row.words}
    return _("This file is still to be checked for viruses; it can be opened in a few minutes.")
