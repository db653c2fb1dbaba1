"""The form of a backup file: a line that names it, a line of facts in JSON, then a tar, sealed or not.

The tar holds ``database.dump`` (pg_dump, custom format), ``files/<sha256>`` for each uploaded content, ``secret``, and at its end
``manifest.json`` with size and SHA-256 of all the others. A file without its end has no manifest and is refused.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from guanxi.runtime.backup import sealing
from guanxi.runtime.backup.rows import Sums
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

MAGIC = b"GUANXI-BACKUP\n"
FORMAT = 1
SUFFIX = ".guanxi"
MANIFEST, DATABASE, SECRET, FILES = "manifest.json", "database.dump", "secret", "files/"
_PIECE = 1024 * 1024


@dataclass
class Manifest:
    """What a backup holds. ``members`` is name → (bytes, SHA-256); ``tables`` are the sums of the rows at its moment,
    ``audit_head`` the digest of the newest seal of the audit then."""

    version: str
    made_at: str
    postgres: str
    migrations: list[str]
    tables: Sums
    members: dict[str, tuple[int, str]] = field(default_factory=dict)
    audit_head: str = ""

    def of_files(self) -> int:
        """How many uploaded contents it holds."""
        return sum(name.startswith(FILES) for name in self.members)


class Writer:
    """Writes members one after the other into ``target`` and keeps their sums."""

    def __init__(self, target: IO[bytes], passphrase: str, facts: dict[str, Any]) -> None:
        found = sealing.parameters() if passphrase else None
        head = {"format": FORMAT, **facts, "sealed": found}
        target.write(MAGIC + json.dumps(head).encode() + b"\n")
        self._sealed = sealing.SealingWriter(target, passphrase, found) if found else None
        self._tar = tarfile.open(  # noqa: SIM115 - closed by finish()
            fileobj=self._sealed or target, mode="w|", bufsize=_PIECE, format=tarfile.PAX_FORMAT
        )
        self.members: dict[str, tuple[int, str]] = {}

    def add(self, name: str, place: Path) -> None:
        """Add the file at ``place`` as member ``name``."""
        with place.open("rb") as source:
            self._add(name, source, place.stat().st_size)

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest and end the file."""
        manifest.members = dict(self.members)
        content = json.dumps(asdict(manifest), ensure_ascii=False).encode()
        self._add(MANIFEST, io.BytesIO(content), len(content))
        self._tar.close()
        if self._sealed:
            self._sealed.close()

    def abandon(self) -> None:
        """Let go of a file that will not be finished; what was written is worth nothing."""
        with contextlib.suppress(OSError, tarfile.TarError):
            self._tar.close()

    def _add(self, name: str, source: IO[bytes], size: int) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        watched = _Watched(source)
        self._tar.addfile(info, watched)
        self.members[name] = (size, watched.digest.hexdigest())


class _Watched:
    """A source whose bytes are summed as they are read."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data = self._source.read(size)
        self.digest.update(data)
        return data


def head_of(place: Path) -> dict[str, Any]:
    """The facts in the second line of a backup. Raises ``Trouble`` when the file is none or of a newer form."""
    try:
        with place.open("rb") as source:
            return _head(source, place)
    except OSError as error:
        raise Trouble(_("%(file)s cannot be read: %(reason)s.") % {"file": place, "reason": error.strerror}) from None


def _head(source: IO[bytes], place: Path) -> dict[str, Any]:
    if source.read(len(MAGIC)) != MAGIC:
        raise Trouble(_("%(file)s is not a backup of Guanxi.") % {"file": place})
    try:
        found = json.loads(source.readline(100_000))
        form = int(found["format"])
    except (ValueError, KeyError, TypeError):
        raise _damaged(place) from None
    if form > FORMAT:
        raise Trouble(_("%(file)s was made by a newer release of Guanxi; install that one first.") % {"file": place})
    return dict(found)


def _damaged(place: Path) -> Trouble:
    return Trouble(_("%(file)s is damaged or was cut off; use another backup.") % {"file": place})


@contextlib.contextmanager
def opened(place: Path, passphrase: str) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    """The members of a backup: name and stream of each, in order; what is wrong with the file becomes a ``Trouble``."""
    with place.open("rb") as source:
        found = _head(source, place)["sealed"]
        if found and not passphrase:
            raise Trouble(
                _("%(file)s is encrypted; give its passphrase in GUANXI_BACKUP_PASSPHRASE.") % {"file": place}
            )
        try:
            inner: Any = sealing.OpeningReader(source, passphrase, found) if found else source
            with tarfile.open(fileobj=inner, mode="r|", bufsize=_PIECE) as tar:
                yield _members(tar)
        except sealing.Unsealable:
            raise Trouble(
                _("%(file)s cannot be opened: the passphrase is wrong, or the file is damaged.") % {"file": place}
            ) from None
        except (tarfile.TarError, EOFError, KeyError, ValueError, TypeError, AttributeError):
            raise _damaged(place) from None


def _members(tar: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    for info in tar:
        stream = tar.extractfile(info)
        if stream is None:
            raise tarfile.ReadError(info.name)
        yield info.name, stream


def verify(place: Path, passphrase: str) -> Manifest:
    """Read the whole file and compare every sum; returns its manifest.

    Raises ``Trouble`` for a file that is no backup, of a newer form, encrypted with another passphrase, damaged or cut.
    """
    found: dict[str, tuple[int, str]] = {}
    manifest: Manifest | None = None
    with opened(place, passphrase) as inside:
        for name, stream in inside:
            if manifest is not None or name in found:
                raise tarfile.ReadError(name)
            if name == MANIFEST:
                manifest = _manifest(json.loads(stream.read()))
            else:
                found[name] = _summed(stream)
    if manifest is None or manifest.members != found or DATABASE not in found:
        raise _damaged(place)
    return manifest


def _manifest(raw: dict[str, Any]) -> Manifest:
    raw["tables"] = {table: tuple(pair) for table, pair in raw["tables"].items()}
    raw["members"] = {each: tuple(pair) for each, pair in raw["members"].items()}
    return Manifest(**raw)


def _summed(stream: IO[bytes]) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    while piece := stream.read(_PIECE):
        digest.update(piece)
        size += len(piece)
    return size, digest.hexdigest()
