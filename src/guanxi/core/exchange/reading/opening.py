"""Opening any file as a table: what it is, is told by its bytes, not by its name."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from django.utils.translation import gettext as _

from guanxi.core.exchange.reading.csvfile import open_text
from guanxi.core.exchange.reading.encoding import Encoding, chosen, detect
from guanxi.core.exchange.reading.jsonfile import open_json
from guanxi.core.exchange.reading.source import Source, is_workbook, source_of, unpacked
from guanxi.core.exchange.reading.table import Table, refuse
from guanxi.core.exchange.reading.vcard import open_vcard
from guanxi.core.exchange.reading.xlsxfile import open_sheet

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#: First bytes of files that are certainly no table.
_FOREIGN = (
    b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\x7fELF", b"MZ\x90", b"Rar!", b"7z\xbc\xaf", b"BZh", b"\xfd7zXZ", b"SQLite format 3",
    b"PAR1", b"ID3", b"OggS", b"RIFF", b"\x00\x00\x01\x00", b"II*\x00", b"MM\x00*", b"{\\rtf",
)  # fmt: skip


def open_table(
    content: Path | str | bytes,
    *,
    name: str = "",
    sheet: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    header_row: int | None = None,
) -> Table:
    """Open a file as a table.

    ``sheet`` chooses a sheet of a workbook or a file of an archive (``archive member`` or its last part);
    ``encoding``, ``delimiter`` and ``header_row`` (a row number, 0 for none) overrule what was found out.
    Raises :class:`~guanxi.core.kernel.errors.Invalid` when the file as a whole cannot be read.
    """
    outer = source_of(content, name or (Path(content).name if not isinstance(content, bytes) else ""))
    member = sheet if sheet and _is_archive(outer) else None
    source = unpacked(outer, member)
    head = source.head(4096)
    if not head:
        raise refuse("file.empty")
    workbook = _workbook(head)
    if workbook:
        return _kept(open_sheet(source, workbook, None if member else sheet, _numbered, header_row), source)
    if head.startswith(_FOREIGN):
        raise refuse("file.unknown")
    found = chosen(encoding, source) if encoding else detect(source)
    return _kept(_text_table(source, head, found, delimiter, header_row), source)


def _kept(table: Table, source: Source) -> Table:
    if source.members:
        table.facts.sheets, table.facts.sheet = source.members, source.member
    return table


def _numbered(position: int) -> str:
    return _("Column %(number)d") % {"number": position}


def _is_archive(source: Source) -> bool:
    head = source.head(512)
    if head.startswith(b"\x1f\x8b"):
        inner = unpacked_head(source)
        return inner[257:262] == b"ustar"
    if head.startswith(b"PK\x03\x04"):
        return not is_workbook(source)
    return len(head) >= 265 and head[257:262] == b"ustar"


def unpacked_head(source: Source) -> bytes:
    """The first bytes inside a gzip file."""
    with source.open() as stream, gzip.GzipFile(fileobj=stream) as inner:
        try:
            return inner.read(512)
        except (OSError, EOFError) as error:
            raise refuse("file.broken") from error


def _workbook(head: bytes) -> str:
    if head.startswith(_OLE):
        return "xls"
    if not head.startswith(b"PK\x03\x04"):
        return ""
    return "ods" if b"opendocument.spreadsheet" in head[:200] else "xlsx"


def _text_table(
    source: Source, head: bytes, encoding: Encoding, delimiter: str | None, header_row: int | None
) -> Table:
    start = head[encoding.mark :].decode(encoding.name, "replace").lstrip()
    lowered = start[:1500].lower()
    if lowered.startswith("begin:vcard"):
        return open_vcard(source, encoding, _numbered)
    if re.match(r"<(?:!doctype|html|head|body|table|\?xml|workbook|rss|feed|rdf|opml)\b", lowered):
        raise refuse("file.web_page")
    if start[:1] in ("[", "{") and re.match(r"[\[{]\s*(?:[\[{\"\]}]|-?\d|true|false|null|$)", start):
        return open_json(source, encoding, _numbered)
    return open_text(source, encoding, delimiter, _numbered, header_row)
