"""The form of a file in the continuous archive: a line that names it, a line of facts in JSON, then compressed bytes, sealed or not.

A file gets its name only when it is whole and on the disk. Compression brings a sum of its own, sealing another.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import secrets
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from guanxi.runtime.backup import sealing
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

MAGIC = b"GUANXI-PIECE\n"
_STEP = 1024 * 1024


def write(place: Path, source: IO[bytes], *, passphrase: str, salt: str, facts: dict[str, Any]) -> int:
    """Write what ``source`` holds as the file ``place``; returns its size. Whatever goes wrong, no half file has the name."""
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = place.with_name(f".{place.name}-{secrets.token_hex(4)}")
    found = sealing.parameters(salt) if passphrase else None
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(MAGIC + json.dumps({**facts, "sealed": found}).encode() + b"\n")
            sealed = sealing.SealingWriter(out, passphrase, found) if found else None
            inner: Any = sealed or out
            with gzip.GzipFile(fileobj=inner, mode="wb", compresslevel=1, mtime=0) as packed:
                while step := source.read(_STEP):
                    packed.write(step)
            if sealed:
                sealed.close()
            out.flush()
            os.fsync(out.fileno())
        size = draft.stat().st_size
        draft.replace(place)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _keep_name(place.parent)
    return size


def _keep_name(folder: Path) -> None:
    """Names are on the disk only when their folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def facts_of(place: Path) -> dict[str, Any]:
    """The facts in the second line. Raises ``Trouble`` when the file is none of ours or cannot be read."""
    try:
        with place.open("rb") as source:
            return _facts(source, place)
    except OSError as error:
        raise Trouble(_("%(file)s cannot be read: %(reason)s.") % {"file": place, "reason": error.strerror}) from None


def _facts(source: IO[bytes], place: Path) -> dict[str, Any]:
    if source.read(len(MAGIC)) == MAGIC:
        with contextlib.suppress(ValueError, TypeError):
            return dict(json.loads(source.readline(100_000)))
    raise _damaged(place)


def _damaged(place: Path) -> Trouble:
    return Trouble(_("%(file)s in the archive is damaged or was cut off.") % {"file": place})


@contextlib.contextmanager
def opened(place: Path, passphrase: str) -> Iterator[IO[bytes]]:
    """What the file holds, as a stream; what is wrong with it becomes a ``Trouble``."""
    try:
        with place.open("rb") as source:
            found = _facts(source, place).get("sealed")
            if found and not passphrase:
                raise Trouble(
                    _("The archive is encrypted; give its passphrase in GUANXI_BACKUP_PASSPHRASE (%(file)s).")
                    % {"file": place}
                )
            inner: Any = sealing.OpeningReader(source, passphrase, found) if found else source
            with gzip.GzipFile(fileobj=inner, mode="rb") as packed:
                yield packed  # type: ignore[misc]
    except sealing.Unsealable:
        raise Trouble(
            _("%(file)s cannot be opened: the passphrase is wrong, or the file is damaged.") % {"file": place}
        ) from None
    except (EOFError, zlib.error, gzip.BadGzipFile, KeyError, TypeError, ValueError):
        raise _damaged(place) from None
