"""Where bytes come from: a path or bytes in memory, plain or packed (gzip, zip, tar), with limits against bombs."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from guanxi.core.exchange.reading.table import MAX_BYTES, refuse

#: An archive member that grows by more than this is taken for a bomb (text rarely packs beyond 50).
MAX_RATIO = 1000
#: … unless it stays below this many bytes.
RATIO_FREE = 64 * 1024**2
MAX_MEMBERS = 20_000
#: Largest workbook within an archive, in bytes.
MAX_HELD = 200 * 1024**2

BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError, ValueError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Source:
    """Bytes that can be opened again and again. ``name`` is the file's own name, without the packing's suffix."""

    name: str
    open: Callable[[], BinaryIO]
    members: tuple[str, ...] = ()
    member: str = ""

    def head(self, size: int) -> bytes:
        """The first bytes; an unreadable source is refused."""
        try:
            with self.open() as stream:
                return stream.read(size)
        except BROKEN as error:
            raise refuse("file.broken") from error


class _Guarded(io.RawIOBase):
    """Counts what comes out of an unpacker and stops a bomb."""

    def __init__(self, inner: BinaryIO, packed: int, below: tuple[BinaryIO, ...] = ()) -> None:
        self.inner = inner
        self.below = below
        self.limit = min(MAX_BYTES, max(RATIO_FREE, packed * MAX_RATIO))
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self.inner.read(len(buffer))
        self.count += len(data)
        if self.count > self.limit:
            raise refuse("file.bomb" if self.limit < MAX_BYTES else "file.too_large", limit=MAX_BYTES // 1024**2)
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        for stream in (self.inner, *self.below):
            stream.close()
        super().close()


def _guarded(inner: BinaryIO, packed: int, *below: BinaryIO) -> BinaryIO:
    return cast("BinaryIO", io.BufferedReader(_Guarded(inner, packed, below), 1 << 17))


def source_of(content: Path | str | bytes, name: str) -> Source:
    """A source over a path or over bytes; a missing or oversized file is refused."""
    if isinstance(content, bytes):
        data = content
        return Source(name or "data", lambda: io.BytesIO(data))
    path = Path(content)
    try:
        size = path.stat().st_size
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        raise refuse("file.not_found", name=str(path)) from error
    except OSError as error:
        raise refuse("file.unreadable", name=path.name, reason=error.strerror or "") from error
    if size > MAX_BYTES:
        raise refuse("file.too_large", limit=MAX_BYTES // 1024**2)
    return Source(name or path.name, lambda: path.open("rb"))


def unpacked(source: Source, member: str | None = None) -> Source:
    """``source`` without its packing. In an archive of several files ``member`` chooses one (path or end of path)."""
    head = source.head(512)
    if head.startswith(b"\x1f\x8b"):
        return unpacked(_seekable(_gunzipped(source)), member)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")) and not is_workbook(source):
        return _chosen(source, _zip_members(source), member, _zip_open)
    if len(head) >= 265 and head[257:262] == b"ustar":
        return _chosen(source, _tar_members(source), member, _tar_open)
    return source


def members_of(content: Path | str | bytes, name: str = "") -> tuple[str, ...]:
    """The files inside an archive; empty when the file is no archive of several."""
    source = source_of(content, name)
    head = source.head(512)
    if head.startswith(b"\x1f\x8b"):
        source = _gunzipped(source)
        head = source.head(512)
    if head.startswith(b"PK\x03\x04") and not is_workbook(source):
        return tuple(_zip_members(source))
    if len(head) >= 265 and head[257:262] == b"ustar":
        return tuple(_tar_members(source))
    return ()


def files_of(content: Path | str | bytes, name: str = "") -> Iterator[Source]:
    """The files of an archive one by one, each unpacked and by its own name; the file itself when it is none."""
    names = members_of(content, name)
    if not names:
        yield source_of(content, name)
    for member in names:
        yield unpacked(source_of(content, name), member)


def _size(source: Source) -> int:
    with source.open() as stream:
        return stream.seek(0, io.SEEK_END)


def _gunzipped(source: Source, packed: int = 0) -> Source:
    packed = packed or _size(source)
    name = source.name[:-3] if source.name.lower().endswith(".gz") else source.name
    if name.lower().endswith(".tgz"):
        name = name[:-4] + ".tar"

    def opened() -> BinaryIO:
        below = source.open()
        return _guarded(cast("BinaryIO", gzip.GzipFile(fileobj=below, mode="rb")), packed, below)

    return Source(name, opened)


def is_workbook(source: Source) -> bool:
    """Whether a zip is a spreadsheet (xlsx, xlsb, ods), which its own reader opens."""
    try:
        with source.open() as stream, zipfile.ZipFile(stream) as archive:
            names = set(archive.namelist())
            if "[Content_Types].xml" in names and any(name.startswith("xl/") for name in names):
                return True
            return "mimetype" in names and b"opendocument" in archive.read("mimetype")[:100]
    except BROKEN as error:
        raise refuse("file.broken") from error


def _zip_members(source: Source) -> dict[str, int]:
    try:
        with source.open() as stream, zipfile.ZipFile(stream) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir() and "__MACOSX" not in info.filename]
    except BROKEN as error:
        raise refuse("file.broken") from error
    if len(infos) > MAX_MEMBERS:
        raise refuse("file.bomb")
    return {info.filename: info.compress_size for info in infos}


def _zip_open(source: Source, member: str, packed: int) -> BinaryIO:
    below = source.open()
    archive = zipfile.ZipFile(below)
    if archive.getinfo(member).flag_bits & 1:
        raise refuse("file.encrypted")
    return _guarded(cast("BinaryIO", archive.open(member)), packed, below)


def _tar_members(source: Source) -> dict[str, int]:
    found: dict[str, int] = {}
    try:
        with source.open() as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            for info in archive:
                if info.isfile():
                    found[info.name] = info.size
                if len(found) > MAX_MEMBERS:
                    raise refuse("file.bomb")
    except BROKEN as error:
        raise refuse("file.broken") from error
    return found


def _tar_open(source: Source, member: str, packed: int) -> BinaryIO:
    below = source.open()
    archive = tarfile.open(fileobj=below, mode="r|")  # noqa: SIM115 - read from as long as the member is
    for info in archive:
        if info.name == member and info.isfile() and (inner := archive.extractfile(info)) is not None:
            return _guarded(cast("BinaryIO", inner), packed, below)
    below.close()
    raise refuse("file.no_member", name=member)


def _chosen(
    source: Source, members: dict[str, int], member: str | None, opener: Callable[[Source, str, int], BinaryIO]
) -> Source:
    names = tuple(members)
    if not names:
        raise refuse("file.no_rows")
    if member is None:
        if len(names) > 1:
            shown = ", ".join(names[:20]) + (" …" if len(names) > 20 else "")
            raise refuse("file.choose_member", names=shown)
        chosen = names[0]
    else:
        fitting = [name for name in names if name == member] or [name for name in names if name.endswith("/" + member)]
        if len(fitting) != 1:
            raise refuse("file.no_member", name=member)
        chosen = fitting[0]
    inner = Source(
        PurePosixPath(chosen).name, lambda: opener(source, chosen, members[chosen]), members=names, member=chosen
    )
    return _seekable(_gunzipped(inner, members[chosen]) if inner.head(2) == b"\x1f\x8b" else inner)


def _seekable(source: Source) -> Source:
    """The source itself, or held in memory if it is a zip (a workbook) within an archive: its end is read first."""
    if not source.head(4).startswith(b"PK\x03\x04"):
        return source
    with source.open() as stream:
        data = stream.read(MAX_HELD + 1)
    if len(data) > MAX_HELD:
        raise refuse("file.too_large", limit=MAX_HELD // 1024**2)
    return Source(source.name, lambda: io.BytesIO(data), source.members, source.member)
