"""Contents of files: stored once under their SHA-256, limited in size and type, pictures made anew on the way in.

A picture is decoded and written again, so that neither hidden content nor the place it was taken at survives. What is
not a picture is never shown by the browser: it is offered as a download only.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.parse import quote

from django.db import connection, transaction
from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from guanxi.core.kernel.errors import Invalid, NotFound, Unavailable
from guanxi.core.models import File, HeldContent
from guanxi.core.records import quarantine
from guanxi.runtime import lasting
from guanxi.runtime.backup.making import FILES_LOCK
from guanxi.runtime.environment import environment

logger = logging.getLogger(__name__)
#: Pictures are brought down to so many pixels on the longer side; more than ``MOST_PIXELS`` in all are refused.
LONGEST_SIDE = 4096
MOST_PIXELS = 80_000_000
#: Of those with more pixels than this a process decodes one at a time: each takes three or four bytes a pixel, however
#: few it has in its file. Two others wait so many seconds for their turn.
LARGE, PATIENCE = 20_000_000, 20
_turns, _waiting = threading.BoundedSemaphore(1), threading.BoundedSemaphore(2)
#: Contents without a file row are swept away after so many seconds.
SWEEP_AFTER = 24 * 3600

# fmt: off
_REFUSED = frozenset((
    "exe", "com", "bat", "cmd", "msi", "msp", "scr", "pif", "cpl", "hta", "vbs", "vbe", "js", "jse", "mjs", "wsf",
    "wsh", "ps1", "psm1", "reg", "lnk", "jar", "apk", "app", "dmg", "sh", "bash", "csh", "ksh", "run", "desktop",
    "dll", "sys", "drv", "so", "php", "phtml", "asp", "aspx", "jsp", "cgi", "url", "scf", "chm", "inf", "msc", "ws",
    "wsc", "sct", "vb", "jnlp", "gadget", "application", "appx", "appxbundle", "msix", "msixbundle", "diagcab", "xll",
))
# fmt: on
_PROGRAMS = (b"MZ", b"\x7fELF", b"#!", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe", b"<?php")
_TYPES = {
    "pdf": "application/pdf",
    "txt": "text/plain",
    "csv": "text/csv",
    "md": "text/markdown",
    "json": "application/json",
    "zip": "application/zip",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ppt": "application/vnd.ms-powerpoint",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "vcf": "text/vcard",
    "ics": "text/calendar",
    "eml": "message/rfc822",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "mp4": "video/mp4",
}
_PICTURES = {"JPEG": ("jpg", "image/jpeg"), "PNG": ("png", "image/png"), "GIF": ("png", "image/png")}
_READ = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")
#: What the first box of a telephone's picture says, as HEIC and as AVIF; the last two of HEIC may be either, and the box says
#: further on which. HEIC is translated by a program that takes at most so long (s), less than others wait for their turn.
_HEIC = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"))
_AVIF = frozenset((b"avif", b"avis"))
_TRANSLATOR, _LONGEST = Path(__file__).with_name("heic.py"), 15


class Upload(Protocol):
    """What a form or the API hands over: a name and the content in pieces."""

    name: str | None

    def chunks(self) -> Iterator[bytes]:
        """The content."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored content: cleaned name, bytes, media type, SHA-256 and whether it is a picture."""

    name: str
    size: int
    media_type: str
    digest: str
    is_picture: bool


def folder() -> Path:
    """Where contents lie."""
    return environment().data / "files"


def path_of(digest: str) -> Path:
    """The place of a content."""
    return folder() / digest[:2] / digest[2:4] / digest


def clean_name(name: str | None) -> str:
    """A file name without folders, control and direction characters, at most 200 characters, ending kept."""
    text = unicodedata.normalize("NFC", (name or "").replace("\\", "/").rpartition("/")[2])
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    text = re.sub(r'[<>:"|?*]', "_", text).strip().strip(".").strip()
    if not text:
        return "file"
    stem, dot, ending = text.rpartition(".")
    if dot and len(ending) <= 12:
        return f"{stem[: 199 - len(ending)]}.{ending}"
    return text[:200]


def store(upload: Upload) -> Stored:
    """Take a content in. Raises Invalid for one that is too large, empty, of a refused type, or has a virus in it.

    One the virus scanner could not be asked about is held back, see :mod:`guanxi.core.records.quarantine`.
    """
    name = clean_name(upload.name)
    if name.rpartition(".")[2].lower() in _REFUSED:
        raise Invalid(_("Files of this type are not accepted."), code="file.type", field="file")
    folder().mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder(), prefix=".new-", delete=False) as target:
        place = Path(target.name)
        try:
            size, digest, head = _receive(upload, target)
            seen = quarantine.taken_in(place, digest)
            if head.startswith(_PROGRAMS):
                raise Invalid(_("Files of this type are not accepted."), code="file.type", field="file")
            picture = picture_anew(place, head)
            if picture is not None:
                content, ending, media_type = picture
                place.write_bytes(content)
                lasting.file(place)
                size, digest = len(content), hashlib.sha256(content).hexdigest()
                name = f"{name.rpartition('.')[0] or name}.{ending}"
            else:
                media_type = _TYPES.get(name.rpartition(".")[2].lower(), "application/octet-stream")
            quarantine.settled(digest, seen)  # before it has its place: never there without being held
            _settle(place, digest)
        finally:
            place.unlink(missing_ok=True)
    return Stored(name, size, media_type, digest, picture is not None)


def _receive(upload: Upload, target: IO[bytes]) -> tuple[int, str, bytes]:
    limit = environment().file_limit_mb * 1024 * 1024
    size, digest, head = 0, hashlib.sha256(), b""
    for piece in upload.chunks():
        size += len(piece)
        if size > limit:
            raise Invalid(
                _("The file is too large; at most %(limit)s MB are accepted.") % {"limit": environment().file_limit_mb},
                code="file.size",
                field="file",
            )
        if len(head) < 64:
            head += piece[:64]
        digest.update(piece)
        target.write(piece)
    if not size:
        raise Invalid(_("The file is empty."), code="file.empty", field="file")
    target.flush()
    os.fsync(target.fileno())
    return size, digest.hexdigest(), head


def _settle(place: Path, digest: str) -> None:
    final = path_of(digest)
    final.parent.mkdir(parents=True, exist_ok=True)
    if final.exists() and final.stat().st_size == place.stat().st_size:
        os.utime(final)
        return
    place.chmod(0o640)
    place.replace(final)
    lasting.names(final.parent, final.parent.parent, folder())  # before a row names it


def looks_like_picture(head: bytes) -> bool:
    """Whether a content begins as a picture does."""
    return head.startswith((b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")) or (
        (head[:4] == b"RIFF" and head[8:12] == b"WEBP") or _boxed(head, _HEIC | _AVIF)
    )


def _boxed(head: bytes, kinds: frozenset[bytes]) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] in kinds


def _is_heic(head: bytes) -> bool:
    end = int.from_bytes(head[:4], "big")
    return _boxed(head, _HEIC) and _AVIF.isdisjoint(head[at : at + 4] for at in range(16, min(end, len(head)), 4))


def _translated(source: Path | IO[bytes], longest: int) -> bytes:
    """HEIC as JPEG or PNG, one at a time; empty where it cannot be decoded. Raises Invalid for too many pixels."""
    content = source.read_bytes() if isinstance(source, Path) else source.read()
    command = [sys.executable, "-I", str(_TRANSLATOR), str(MOST_PIXELS), str(longest)]
    with _turn():
        try:
            done = subprocess.run(command, input=content, capture_output=True, timeout=_LONGEST, check=False)  # noqa: S603 - our own program
        except subprocess.TimeoutExpired:
            logger.warning("a picture was not translated in time")
            return b""
    if done.returncode == 3:
        raise _too_many()
    if done.returncode:
        words = done.stderr[-300:].decode("utf-8", "replace")
        logger.warning("a picture could not be translated", extra={"code": done.returncode, "words": words})
        return b""
    return done.stdout


def _damaged() -> Invalid:
    return Invalid(_("The picture is damaged."), code="file.picture", field="file")


def _too_many() -> Invalid:
    return Invalid(_("The picture has too many pixels."), code="file.pixels", field="file")


def picture_anew(
    source: Path | IO[bytes], head: bytes, *, longest: int = LONGEST_SIDE
) -> tuple[bytes, str, str] | None:
    """The picture written again (content, ending, media type), ``None`` if it is none. Raises Invalid if broken.

    ``head`` are its first bytes; it is brought down to ``longest`` pixels on the longer side.
    """
    if not looks_like_picture(head):
        return None
    if _is_heic(head):
        translated = _translated(source, longest)
        if not translated:
            return None  # there are many sorts of it; kept as it is, like any other file
        source = io.BytesIO(translated)
    try:
        with Image.open(source, formats=_READ) as found:
            if found.width * found.height > MOST_PIXELS:
                raise _too_many()
            most = max(*found.size, longest)
            kept = (found.width * longest // most or 1, found.height * longest // most or 1)
            found.draft(None, kept)  # of a JPEG a half, a quarter or an eighth is decoded where that is enough
            with _turn() if found.width * found.height > LARGE else nullcontext():
                photo = found.format in ("JPEG", "AVIF") and not _has_alpha(found)
                kind = "JPEG" if photo or found.mode in ("YCbCr", "CMYK") else "PNG"
                found.thumbnail((longest, longest))
                picture = ImageOps.exif_transpose(found)
                picture = picture.convert("RGBA" if kind == "PNG" and _has_alpha(picture) else "RGB")
                picture.info.clear()  # the writer would take a comment and a profile along
                content = io.BytesIO()
                picture.save(content, kind, quality=88, optimize=True)
    except Invalid:
        raise
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        RuntimeError,
    ):
        if head.startswith((b"BM", b"II*\x00", b"MM\x00*")):
            return None  # two or four bytes prove little: it may be something else
        raise _damaged() from None
    return content.getvalue(), *_PICTURES[kind]


@contextmanager
def _turn() -> Iterator[None]:
    """A turn to decode. Few wait for one, so that pages are answered meanwhile. Raises Unavailable."""
    if not _turns.acquire(blocking=False):
        waits = _waiting.acquire(blocking=False)
        try:
            if not waits or not _turns.acquire(timeout=PATIENCE):
                text = _("Too many pictures are coming in at this moment. Please try again.")
                raise Unavailable(text, code="file.busy")
        finally:
            if waits:
                _waiting.release()
    try:
        yield
    finally:
        _turns.release()


def picture_size(content: bytes) -> tuple[int, int]:
    """Width and height of a picture in pixels."""
    with Image.open(io.BytesIO(content), formats=_READ) as found:
        return found.width, found.height


def _has_alpha(picture: Image.Image) -> bool:
    return picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info


def opened(file: File) -> IO[bytes]:
    """The content of a file. Raises NotFound when it is lost, Unavailable or RuleBroken when it is held back."""
    try:
        return readable(file.digest).open("rb")
    except FileNotFoundError:
        raise NotFound(_("The content of this file is missing."), code="file.lost") from None


def readable(digest: str) -> Path:
    """The place of a content that may be read. Raises Unavailable or RuleBroken when it is held back."""
    quarantine.require_free(digest)
    return path_of(digest)


def safe_headers(file: File, *, inline: bool = False) -> dict[str, str]:
    """Headers for sending a file: pictures may be shown in the page, everything else is a download only."""
    shown = inline and file.is_picture
    ascii_name = re.sub(r"[^A-Za-z0-9._ -]", "_", file.name) or "file"
    return {
        "Content-Type": file.media_type if shown else _sent_type(file.media_type),
        "Content-Length": str(file.size),
        "Content-Disposition": f'{"inline" if shown else "attachment"}; filename="{ascii_name}"; '
        f"filename*=UTF-8''{quote(file.name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, max-age=3600",
        "ETag": f'"{file.digest[:32]}"',
    }


def _sent_type(media_type: str) -> str:
    """Types a browser might run are sent as plain bytes."""
    safe = media_type.startswith(("image/", "audio/", "video/", "application/vnd.")) or media_type in _TYPES.values()
    return media_type if safe and media_type != "image/svg+xml" else "application/octet-stream"


def sweep() -> int:
    """Remove contents that no file row names any more and unfinished uploads; returns how many."""
    limit = time.time() - SWEEP_AFTER
    old: dict[str, Path] = {}
    removed = 0
    for place in folder().rglob("*") if folder().is_dir() else ():
        with suppress(FileNotFoundError):
            if not place.is_file() or place.stat().st_mtime > limit:
                continue
            if place.name.startswith(".new-"):
                place.unlink()
                removed += 1
            elif len(place.name) == 64:
                old[place.name] = place
    names = list(old)
    for start in range(0, len(names), 1000):
        some = names[start : start + 1000]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [FILES_LOCK])  # not while a backup reads contents
            known = set(File.objects.filter(digest__in=some).values_list("digest", flat=True))
            for digest in some:
                if digest not in known and _still_old(old[digest], limit):
                    old[digest].unlink(missing_ok=True)
                    HeldContent.objects.filter(digest=digest).delete()
                    removed += 1
    return removed


def _still_old(place: Path, limit: float) -> bool:
    """Whether nobody sent it again while the lock was waited for: his row may not be there yet."""
    with suppress(FileNotFoundError):
        return place.stat().st_mtime <= limit
    return True


def as_upload(name: str, content: bytes) -> Any:
    """A content in memory as an upload."""
    return _InMemory(name, content)


@dataclass(frozen=True, slots=True)
class _InMemory:
    name: str
    content: bytes

    def chunks(self) -> Iterator[bytes]:
        """The content in one piece."""
        yield self.content
