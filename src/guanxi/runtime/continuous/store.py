"""The folder of the continuous archive: base copies, segments of the journal, uploaded contents, and what they allow to bring back.

Below the named folder lies one folder for each cluster ever kept there, named by the number PostgreSQL gave it:

* ``bases/STAMP.base`` the cluster as a tar, and ``STAMP.json`` what it is; written last, so a base without it is none;
* ``journal/NAME`` segments under PostgreSQL's own names (time line, number);
* ``files/aa/bb/DIGEST`` uploaded contents; ``secret``.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from guanxi.runtime.continuous import pieces
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

_ABOUT = "archive.json"
_SPACE, _NAME = 2**32, 24


@dataclass(frozen=True)
class Base:
    """A copy of the whole cluster. With the segments from ``start`` on, any moment from ``ended`` on can be brought back."""

    stamp: str
    ended: str
    start: str
    segment_bytes: int
    version: str
    migrations: list[str]

    @property
    def moment(self) -> dt.datetime:
        """The earliest moment it serves."""
        return dt.datetime.fromisoformat(self.ended)


@dataclass(frozen=True)
class Span:
    """From ``begin`` to ``end`` any moment can be brought back, from ``base``."""

    base: Base
    begin: dt.datetime
    end: dt.datetime


class Store:
    """The archive of one cluster below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bases_folder, self.journal = folder / "bases", folder / "journal"

    @classmethod
    def of(cls, archive: Path, cluster: str) -> Store:
        """The one of the cluster with that number; made when it is the first time."""
        store = cls(archive / cluster)
        for each in (store.bases_folder, store.journal):
            each.mkdir(parents=True, exist_ok=True, mode=0o700)
        about = store.folder / _ABOUT
        if not about.is_file():
            draft = store.folder / f".{_ABOUT}"
            draft.write_text(json.dumps({"salt": secrets.token_hex(16)}))
            draft.replace(about)
        return store

    @classmethod
    def all(cls, archive: Path) -> list[Store]:
        """Every archive in the folder. Raises ``Trouble`` when there is none."""
        found = sorted(place.parent for place in archive.glob(f"*/{_ABOUT}"))
        if not found:
            raise Trouble(_("There is no archive in %(folder)s.") % {"folder": archive})
        return [cls(each) for each in found]

    @property
    def salt(self) -> str:
        """What all its files share for making keys of the passphrase."""
        return str(json.loads((self.folder / _ABOUT).read_text())["salt"])

    @property
    def secret(self) -> Path:
        """The key that signs sessions and links."""
        return self.folder / "secret"

    def content(self, digest: str) -> Path:
        """The place of an uploaded content."""
        return self.folder / "files" / digest[:2] / digest[2:4] / digest

    # -- base copies -----------------------------------------------------------------------------------------------

    def bases(self) -> list[Base]:
        """Whole ones, oldest first."""
        found = []
        for place in sorted(self.bases_folder.glob("*.json")):
            with contextlib.suppress(ValueError, TypeError, OSError):
                base = Base(**json.loads(place.read_text()))
                if self.base_file(base.stamp).is_file():
                    found.append(base)
        return found

    def base_file(self, stamp: str) -> Path:
        """The tar of a base."""
        return self.bases_folder / f"{stamp}.base"

    def add_base(self, base: Base) -> None:
        """Say that the base is whole."""
        draft = self.bases_folder / f".{base.stamp}"
        with draft.open("w") as file:
            json.dump(asdict(base), file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.bases_folder / f"{base.stamp}.json")

    # -- what can be brought back ----------------------------------------------------------------------------------

    def spans(self) -> list[Span]:
        """For each base, how far the journal goes on from it without a gap."""
        names = self.names()
        found = []
        for base in self.bases():
            end = next(filter(None, (self._until(name) for name in reversed(list(row(base, names))))), None)
            if end and end >= base.moment:
                found.append(Span(base, base.moment, end))
        return found

    def _until(self, name: str) -> dt.datetime | None:
        with contextlib.suppress(Trouble, ValueError, KeyError):
            told = pieces.facts_of(self.journal / name)["until"]
            return dt.datetime.fromisoformat(told) if told else None
        return None

    def names(self) -> set[str]:
        """The segments there are."""
        with contextlib.suppress(OSError):
            return {each.name for each in self.journal.iterdir() if len(each.name) == _NAME}
        return set()

    def forget_drafts(self) -> None:
        """Remove what was being written when its writer ended. To be called by the one who keeps the archive while he writes nothing."""
        for folder in (self.folder, self.bases_folder, self.journal):
            for place in folder.glob(".*"):
                place.unlink(missing_ok=True)

    def tidy(self, oldest: dt.datetime) -> None:
        """Remove what no moment since ``oldest`` needs: older bases but the last before it, segments before the first base kept,
        contents that no base has named for as long, and drafts."""
        self.forget_drafts()
        bases = self.bases()
        before = [each for each in bases if each.moment <= oldest]
        kept = bases[max(len(before) - 1, 0) :]
        for base in bases:
            if base not in kept:
                (self.bases_folder / f"{base.stamp}.json").unlink(missing_ok=True)
        stamps = {each.stamp for each in kept}
        for place in self.bases_folder.glob("*.base"):
            if place.stem not in stamps:
                place.unlink(missing_ok=True)
        first = min((each.start[8:] for each in kept), default="")
        for place in self.journal.iterdir():
            if len(place.name) == _NAME and place.name[8:] < first:
                place.unlink(missing_ok=True)
        for place in (self.folder / "files").glob("*/*/*"):
            if place.stat().st_mtime < (oldest - dt.timedelta(days=2)).timestamp():
                place.unlink(missing_ok=True)

    def size(self) -> int:
        """Bytes of all its files."""
        return sum(place.stat().st_size for place in self.folder.rglob("*") if place.is_file())


def row(base: Base, names: set[str]) -> Iterator[str]:
    """The segments from the base's start on, as far as they follow each other."""
    name = base.start
    while name in names:
        yield name
        name = following(name, base.segment_bytes)


def following(name: str, segment_bytes: int) -> str:
    """The name of the next segment on the same time line."""
    per_log = _SPACE // segment_bytes
    number = int(name[8:16], 16) * per_log + int(name[16:], 16) + 1
    return f"{name[:8]}{number // per_log:08X}{number % per_log:08X}"


def choose(archive: Path, moment: dt.datetime) -> tuple[Store, Span]:
    """The store and base for a moment. Raises ``Trouble`` that names what can be brought back when this one cannot."""
    spans = [(store, span) for store in Store.all(archive) for span in store.spans()]
    fitting = [(store, span) for store, span in spans if span.begin <= moment <= span.end]
    if fitting:
        return max(fitting, key=lambda each: each[1].begin)
    if not spans:
        raise Trouble(
            _("The archive in %(folder)s is not whole yet: no moment can be brought back from it.")
            % {"folder": archive}
        )
    words: dict[str, Any] = {"moment": shown(moment)}
    words |= {"begin": shown(min(span.begin for _s, span in spans)), "end": shown(max(span.end for _s, span in spans))}
    if words["begin"] <= words["moment"] <= words["end"]:
        raise Trouble(
            _("%(moment)s lies in a gap of the archive; it reaches from %(begin)s to %(end)s otherwise.") % words
        )
    raise Trouble(_("%(moment)s cannot be brought back: the archive reaches from %(begin)s to %(end)s.") % words)


def shown(moment: dt.datetime) -> str:
    """A moment as operators read it."""
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"
