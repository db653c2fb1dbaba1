"""Which encoding a text file is in, and reading it line by line without ever failing on a bad byte.

Order of the rules: byte order mark, zero bytes (UTF-16/32), escape sequences, valid UTF-8, common Chinese characters
under GB18030 or Big5, and only then ``charset-normalizer``. Bad bytes become lone surrogates U+DC80…U+DCFF, which no
valid text contains, so the row they stand in can be found and refused.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from charset_normalizer import from_bytes

from guanxi.core.exchange.reading.common_han import COMMON
from guanxi.core.exchange.reading.source import BROKEN, Source
from guanxi.core.exchange.reading.table import refuse

CHUNK = 1 << 18
SAMPLE = 1 << 18
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
#: Supersets under which a detected name is read; nothing is lost, and the rare characters come out right too.
_WIDER = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "cp950",
    "shift_jis": "cp932",
    "shift_jis_2004": "cp932",
    "euc_kr": "cp949",
    "tis_620": "cp874",
    "iso8859_11": "cp874",
    "latin_1": "cp1252",
    "iso8859_9": "cp1254",
    "ascii": "utf-8",
}
#: Encodings in which a file of western names is most often written; tried before a rarer one that fits no better.
_WESTERN = "cp1252"
_WESTERN_LETTERS = frozenset("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜßàáâãäåæçèéêëìíîïñòóôõöøùúûüŒœŸ€£©®°–—‘’“”…•·º«»§\xa0")
_BAD = re.compile("[\udc80-\udcff]")


def _keep_bad(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) if byte >= 0x80 else chr(byte) for byte in bad), error.end


codecs.register_error("guanxi-keep-bad", _keep_bad)


@dataclass(frozen=True, slots=True)
class Encoding:
    """A codec name, the bytes of mark to skip, and whether we may rely on it."""

    name: str
    mark: int = 0
    sure: bool = True


def chosen(name: str, source: Source) -> Encoding:
    """The encoding somebody named; an unknown name is refused."""
    try:
        known = codecs.lookup(name.strip()).name
        "".encode(known)
    except (LookupError, TypeError, ValueError) as error:
        raise refuse("file.encoding_unheard", encoding=name) from error
    head = source.head(4)
    for mark, marked in _BOMS:
        same = known.replace("_", "-").startswith(
            marked.rsplit("-", 1)[0] if "16" in marked or "32" in marked else marked
        )
        if head.startswith(mark) and same:
            return Encoding(marked, len(mark))
    if known in ("utf-16", "utf-32"):
        known += "-le"
    return Encoding(_WIDER.get(known.replace("-", "_"), known) if known != "ascii" else "utf-8")


def detect(source: Source) -> Encoding:
    """The encoding of a whole file; reads it once. A file of zero bytes is refused."""
    head = source.head(8192)
    if not head:
        raise refuse("file.empty")
    for mark, name in _BOMS:
        if head.startswith(mark):
            return Encoding(name, len(mark))
    wide = _wide(head)
    if wide:
        return Encoding(wide)
    scan = _scan(source)
    if not scan.high:
        return Encoding(_escaped(head) or "utf-8")
    if scan.bad == 0 or scan.good >= 10 * scan.bad:
        return Encoding("utf-8")
    return _legacy(scan.sample)


def _wide(head: bytes) -> str:
    """UTF-16 or UTF-32 without a mark, told by the places of the zero bytes; empty when it is neither."""
    zeros = head.count(0)
    if zeros * 200 < len(head):
        return ""
    best, best_share = "", 0.0
    for name, width in (("utf-32-le", 4), ("utf-32-be", 4), ("utf-16-le", 2), ("utf-16-be", 2)):
        whole = head[: len(head) // width * width]
        try:
            text = whole.decode(name)
        except UnicodeDecodeError as error:
            if error.start < len(whole) - 4:
                continue
            text = whole[: error.start].decode(name)
        share = _plausible(text)
        if share > best_share:
            best, best_share = name, share
    return best if best_share > 0.9 else ""


def _plausible(text: str) -> float:
    """The share of characters people write; zero for an empty text."""
    good = sum(
        1
        for char in text
        if "\x20" <= char <= "\x7e"
        or char in "\r\n\t"
        or "\xa0" <= char <= "\u05ff"
        or "\u2010" <= char <= "\u203f"
        or "\u3000" <= char <= "\u30ff"
        or "\u4e00" <= char <= "\u9fff"
        or "\uac00" <= char <= "\ud7a3"
        or "\uff00" <= char <= "\uffef"
    )
    return good / len(text) if text else 0.0


def _escaped(head: bytes) -> str:
    """A seven-bit encoding told by its escape sequences."""
    if b"\x1b$)C" in head:
        return "iso2022_kr"
    if b"\x1b$B" in head or b"\x1b$@" in head:
        return "iso2022_jp"
    return "hz" if re.search(rb"~\{(?:[\x21-\x77][\x21-\x7e])+~\}", head) else ""


@dataclass(slots=True)
class _Scan:
    high: int = 0
    good: int = 0
    bad: int = 0
    sample: bytes = b""


def _scan(source: Source) -> _Scan:
    """Counts valid and invalid UTF-8 over the whole file and keeps a sample of the lines that are not plain ASCII."""
    found = _Scan()
    sample: list[bytes] = []
    size = 0
    decoder = codecs.getincrementaldecoder("utf-8")("guanxi-keep-bad")
    try:
        with source.open() as stream:
            while chunk := stream.read(CHUNK):
                text = decoder.decode(chunk)
                if chunk.isascii():
                    continue
                bad = len(_BAD.findall(text)) if not _encodes(text) else 0
                high = sum(map(chunk.count, _HIGH)) if bad else 1
                found.high += high
                found.bad += bad
                found.good += max(0, sum(char > "\x7f" for char in text) - bad) if bad else len(chunk) - len(text)
                if size < SAMPLE:
                    lines = b"".join(line for line in chunk.splitlines(keepends=True) if not line.isascii())
                    sample.append(lines[: SAMPLE - size])
                    size += len(sample[-1])
    except BROKEN as error:
        raise refuse("file.broken") from error
    found.bad += len(_BAD.findall(decoder.decode(b"", final=True)))
    found.sample = b"".join(sample)
    return found


_HIGH = [bytes([byte]) for byte in range(0x80, 0x100)]


def _encodes(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _legacy(sample: bytes) -> Encoding:
    """One of the old encodings. East Asian ones are told by their commonest characters, western ones by their letters;
    ``charset-normalizer`` answers for the rest, and is believed when its answer stands alone."""
    asian = _east_asian(sample)
    if asian:
        return asian
    if _western(sample):
        return Encoding(_WESTERN)
    matches = list(from_bytes(sample))
    if not matches:
        return Encoding(_WESTERN, sure=False)
    best = matches[0]
    name = _WIDER.get(best.encoding, best.encoding)
    rival = next((match for match in matches[1:] if str(match) != str(best)), None)
    sure = best.coherence >= 0.35 and (rival is None or best.coherence - rival.coherence > 0.05)
    return Encoding(name, sure=sure)


#: Encoding, the share of its own common characters real text reaches, the share at which we are sure.
_EAST_ASIAN = (
    ("gb18030", 0.3, 0.4),
    ("cp950", 0.3, 0.4),
    ("cp932", 0.2, 0.3),
    ("euc_jp", 0.2, 0.3),
    ("cp949", 0.7, 0.8),
)


def _east_asian(sample: bytes) -> Encoding | None:
    best: tuple[float, Encoding] | None = None
    for name, enough, certain in _EAST_ASIAN:
        share = _own_characters(sample, name)
        if share >= enough and (best is None or share / certain > best[0]):
            best = (share / certain, Encoding(name, sure=share >= certain))
    return best[1] if best else None


def _own_characters(sample: bytes, name: str) -> float:
    """Which share of the characters above ASCII are those the encoding was made for; 0 when it does not decode."""
    text = sample.decode(name, "guanxi-keep-bad")
    wide = [char for char in text if char > "\x7f" and not "\uff61" <= char <= "\uff9f"]
    half = sum("\uff61" <= char <= "\uff9f" for char in text)
    if not wide or half * 4 > len(wide):
        return 0.0
    bad = sum("\udc80" <= char <= "\udcff" for char in wide)
    if bad > max(1, len(wide) // 50):
        return 0.0
    if name in ("cp932", "euc_jp"):
        own = sum("\u3041" <= char <= "\u3093" or "\u30a1" <= char <= "\u30fc" for char in wide)
    elif name == "cp949":
        own = sum("\uac00" <= char <= "\ud7a3" for char in wide)
    else:
        kana = sum("\u3041" <= char <= "\u30fe" for char in wide)
        own = 0 if kana * 10 > len(wide) else sum(char in COMMON for char in wide)
    return own / len(wide)


def _western(sample: bytes) -> bool:
    """Whether every byte above ASCII is a western letter under Windows-1252, standing within a word."""
    try:
        text = sample.decode(_WESTERN)
    except UnicodeDecodeError:
        return False
    high = [char for char in text if char > "\x7f"]
    if not all(char in _WESTERN_LETTERS for char in high):
        return False
    french = any(char in "èçêÈÇÊ" for char in high)
    if any(char in "ûÛ" for char in high) and not french:
        return False
    if any(char in "õÕ" for char in high) and not re.search("[õÕ][eE]", text):
        return False
    letters = [char for char in high if char.isalpha()]
    within = len(re.findall(r"[A-Za-z][À-ÿ]|[À-ÿ][A-Za-z]", text))
    return bool(letters) and within * 2 >= len(letters)


def bad_bytes(text: str) -> bool:
    """Whether a text holds bytes that could not be decoded."""
    return not text.isascii() and _BAD.search(text) is not None


class Lines:
    """The lines of a text file, each with its line end (LF, CRLF or a lone CR); bad bytes are kept as surrogates.

    ``bad`` turns true once a bad byte has been met; ``damaged`` when the file broke off while being unpacked.
    """

    def __init__(self, source: Source, encoding: Encoding) -> None:
        self.source = source
        self.encoding = encoding
        self.bad = False
        self.damaged = False

    def __iter__(self) -> Iterator[str]:
        decoder = io.IncrementalNewlineDecoder(
            codecs.getincrementaldecoder(self.encoding.name)("guanxi-keep-bad"), translate=False
        )
        rest = ""
        with self.source.open() as stream:
            self._skip_mark(stream)
            while chunk := self._read(stream):
                text = decoder.decode(chunk)
                if not self.bad and not text.isascii():
                    self.bad = not _encodes(text)
                *lines, rest = _split(rest + text)
                yield from lines
                if len(rest) > 8 * CHUNK:
                    yield rest
                    rest = ""
        rest += decoder.decode(b"", final=True)
        self.bad = self.bad or bad_bytes(rest)
        yield from (line for line in _split(rest) if line)

    def _skip_mark(self, stream: BinaryIO) -> None:
        if self.encoding.mark:
            stream.read(self.encoding.mark)

    def _read(self, stream: BinaryIO) -> bytes:
        try:
            return stream.read(CHUNK)
        except BROKEN:
            self.damaged = True
            return b""


def _split(text: str) -> list[str]:
    """Lines with their ends, and what follows the last end (perhaps empty). A CR at the very end waits for its LF."""
    if "\r" not in text:
        parts = text.split("\n")
        return [part + "\n" for part in parts[:-1]] + parts[-1:]
    pieces = _ENDS.split(text)
    lines = [pieces[i] + pieces[i + 1] for i in range(0, len(pieces) - 1, 2)]
    return [*lines, pieces[-1]]


_ENDS = re.compile(r"(\r\n|\r|\n)")
