"""A mail as it came over the wire, read into plain parts. Whatever arrives, something readable comes out.

Mails are written by strangers and by broken programs: charsets lie, parts nest without end, headers are missing. What cannot be
read is replaced, what is too much is left out and said so; nothing here raises for a mail.
"""

from __future__ import annotations

import codecs
import datetime as dt
import email
import hashlib
import html as entities
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email import policy
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses, parsedate_to_datetime

from django.utils.translation import gettext as _

from guanxi.core.kernel import clock
from guanxi.core.schema.fields import Field
from guanxi.core.schema.parsing import CONTROL, bare, rich_text, sanitised

#: Bounds: characters of text kept and of a header looked at, parts looked at, attachments kept; with more lines that look
#: like marks between parts, or more mails within mails than can be followed, only the head of a mail is read.
TEXT, HEAD, PARTS, FILES, MARKS = 100_000, 20_000, 200, 20, 10_000
#: Chinese programs write GB18030 and call it by the names of its ancestors.
_CHARSETS = {"gb2312": "gb18030", "gbk": "gb18030", "gb_2312-80": "gb18030", "x-gbk": "gb18030", "cn-gb": "gb18030"}
#: What Python calls charsets, and no text is written in.
_NONE = frozenset(("punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined"))
_BREAK = re.compile(r"(?i)<(?:br|/p|/div|/tr|/li|/h[1-6]|/blockquote)[^>]*>")
_QUOTED = re.compile(
    r"^(?:>.*|-{2,} ?(?:Original Message|Forwarded message|原始邮件|转发邮件信息) ?-{2,}.*|On .{5,120} wrote:|在 ?.{5,120}写道[:：].*|于.{5,120}写道[:：].*"
    r"|(?:发件人|From)[:：] ?.+)$"
)
_LONG = Field(name="html", kind="rich_text", label="", max_length=TEXT * 5)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a mail."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a mail says. ``ids`` are the messages it refers to, the nearest first; ``bounce`` is the delivery report's reason."""

    external_id: str
    sender: str
    sender_name: str = ""
    to: tuple[str, ...] = ()
    subject: str = ""
    body: str = ""
    html: str = ""
    at: dt.datetime
    ids: tuple[str, ...] = ()
    automatic: bool = False
    bounce: str = ""
    attachments: tuple[Attachment, ...] = ()
    left_out: int = 0


class _Heads(policy.Compat32):
    """Headers as they came, cut where no reader gets to."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:HEAD]

    def header_fetch_parse(self, name: str, value: str) -> str:  # noqa: ARG002 - the library passes it
        return value


def read(raw: bytes) -> Letter:
    """A mail from its bytes."""
    head = BytesHeaderParser(policy=_Heads())
    try:
        crowded = raw.count(b"\n--") > MARKS
        message = head.parsebytes(raw) if crowded else email.message_from_bytes(raw, policy=_Heads())
    except RecursionError:  # mails within mails without end
        message = head.parsebytes(raw)
    body, html, attachments, left_out = _contents(message)
    address = next(iter(_addresses(message, "From")), ("", ""))
    sender = address[1].strip().lower()[:254]
    own = _header(message, "Message-ID").strip()[:255]
    bounce = _bounce(message, sender)
    return Letter(
        external_id=own or hashlib.sha256(raw).hexdigest(),
        sender=sender,
        sender_name=_line(address[0], 200),
        to=tuple(one.lower() for _name, one in _addresses(message, "To", "Cc", "Delivered-To", "X-Original-To") if one)[:50],
        subject=_line(_header(message, "Subject"), 300),
        body=body,
        html=html,
        at=_moment(_header(message, "Date")),
        ids=_ids(message),
        automatic=bool(bounce) or _automatic(message, sender),
        bounce=bounce,
        attachments=tuple(attachments),
        left_out=left_out,
    )  # fmt: skip


def shortened(letter: Letter) -> Letter:
    """What is kept of a mail too large to be read: its head, and a line that says so."""
    return replace(letter, body=_("This mail is too large to be kept; it lies in the mailbox."), left_out=1)


def fresh(body: str) -> str:
    """What is new in a mail: its text up to what it quotes."""
    lines = body.split("\n")
    for number, line in enumerate(lines):
        if number and _QUOTED.match(line.strip()):
            return "\n".join(lines[:number]).strip() or body
    return body


# -- headers -----------------------------------------------------------------------------------------------------------


def _header(message: Message, name: str) -> str:
    """A header in words, whatever its encoding; '' when there is none."""
    given = message.get(name)
    return _worded(given) if given is not None else ""


def _worded(given: str) -> str:
    """A header in words: its encoded parts by their charset, bytes that were never encoded by what they look like."""
    try:
        pieces = decode_header(given) if given.isascii() else [(given, None)]
    except (ValueError, MessageError):
        pieces = [(given, None)]
    said = "".join(_read_as(one, charset or "") if isinstance(one, bytes) else _raw(one) for one, charset in pieces)
    return CONTROL.sub("", said)


def _raw(text: str) -> str:
    try:
        return text if text.isascii() else _read_as(text.encode("ascii", "surrogateescape"), "")
    except UnicodeEncodeError:  # it was read already
        return text


def _read_as(content: bytes, told: str) -> str:
    """Bytes by the charset told; by what they look like when it is missing, unknown or wrong."""
    known = _charset(told)
    for charset in dict.fromkeys((known or "utf-8", "utf-8", "gb18030")):
        try:
            return content.decode(charset)
        except (UnicodeError, LookupError):
            continue
    return content.decode(known or "utf-8", "replace")


def _charset(name: str) -> str:
    """The charset of a name; '' for none."""
    name = _CHARSETS.get(name.lower(), name.lower())
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        return ""
    return name if found._is_text_encoding and found.name.replace("-", "_") not in _NONE else ""


def _all(message: Message, *names: str) -> list[str]:
    return [_worded(one) for name in names for one in message.get_all(name, [])][:50]


def _addresses(message: Message, *names: str) -> list[tuple[str, str]]:
    try:
        return getaddresses(_all(message, *names))
    except RecursionError:  # brackets within brackets
        return []


def _line(text: str, limit: int) -> str:
    return " ".join(CONTROL.sub("", text).split())[:limit]


def _moment(text: str) -> dt.datetime:
    """When it was written; never in the future, and now for what is no date."""
    now = clock.now()
    try:
        found = parsedate_to_datetime(text)
        found = found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found
        return min(found.astimezone(dt.UTC), now) if found.year > 1980 else now
    except (TypeError, ValueError, IndexError, OverflowError):
        return now


def _ids(message: Message) -> tuple[str, ...]:
    """Ids of what it answers; those within a delivery report are those of the mail that came back."""
    found = re.findall(r"<[^<>\s]{1,250}>", " ".join(_all(message, "In-Reply-To")))
    found += reversed(re.findall(r"<[^<>\s]{1,250}>", " ".join(_all(message, "References"))))
    if message.get_content_type() == "multipart/report":
        for part in _parts(message):
            if part is not message and (inner := _header(part, "Message-ID")):
                found.append(inner)
            if part.get_content_type() == "text/rfc822-headers":
                found += re.findall(r"(?im)^message-id:\s*(<[^<>\s]+>)", _text(part))
    return tuple(dict.fromkeys(found))[:50]


def _automatic(message: Message, sender: str) -> bool:
    """Whether a machine wrote it (RFC 3834, and what programs do that never read it)."""
    told = _header(message, "Auto-Submitted").strip().lower()
    if told and not told.startswith("no"):
        return True
    if _header(message, "Precedence").strip().lower() in ("bulk", "junk", "list", "auto_reply"):
        return True
    if any(message.get(name) for name in ("X-Autoreply", "X-Autorespond", "List-Id", "List-Unsubscribe", "X-Auto-Response-Suppress")):  # fmt: skip
        return True
    if (message.get("Return-Path") or "").strip() == "<>":
        return True
    name = sender.partition("@")[0].replace("-", "").replace("_", "").replace(".", "")
    return not sender or name in ("mailerdaemon", "postmaster", "noreply", "donotreply", "bounce", "bounces")


def _bounce(message: Message, sender: str) -> str:
    """Why a mail of ours came back, when this is a delivery report; else ''."""
    kind = str(message.get_param("report-type") or "").lower()
    if message.get_content_type() != "multipart/report" or kind != "delivery-status":
        return ""
    for part in _parts(message):
        if part.get_content_type() == "message/delivery-status":
            told = "\n".join(str(one) for one in _inner(part)) or _text(part)
            if not re.search(r"(?im)^action:\s*failed", told):
                return ""
            reason = re.search(r"(?im)^diagnostic-code:\s*(.+)$", told) or re.search(r"(?im)^status:\s*(.+)$", told)
            return _line(reason[1], 300) if reason else sender
    return ""


# -- contents ----------------------------------------------------------------------------------------------------------


def _parts(message: Message) -> Iterator[Message]:
    """Its parts, the outer first; a mail within a mail is one part, at most ``PARTS`` are looked at."""
    waiting, seen = [message], 0
    while waiting and seen < PARTS:
        part = waiting.pop(0)
        seen += 1
        yield part
        if part.get_content_maintype() == "multipart":
            waiting[:0] = _inner(part)


def _inner(part: Message) -> list[Message]:
    """What lies in a part. The library reads a text by its charset, whatever that is, just to hand out the parts."""
    found = part.get_payload() if part.is_multipart() else []
    return [one for one in found if isinstance(one, Message)]


def _contents(message: Message) -> tuple[str, str, list[Attachment], int]:
    """Text, formatted text, attachments, and how many of those were left out."""
    plain: list[str] = []
    formatted: list[str] = []
    files: list[Attachment] = []
    left_out = 0
    for part in _parts(message):
        kind = part.get_content_type()
        if part.get_content_maintype() == "multipart":
            continue
        named = _file_name(part)
        attached = (part.get_content_disposition() or "") == "attachment" or bool(named)
        if kind in ("text/plain", "text/html") and not attached:
            (plain if kind == "text/plain" else formatted).append(_text(part))
        elif kind not in ("message/delivery-status", "text/rfc822-headers"):
            content = _bytes(part)
            if len(files) >= FILES:
                left_out += 1
            elif content:
                files.append(Attachment(named or _unnamed(kind), content))
    html = rich_text("\n".join(formatted)[: TEXT * 4], _LONG).strip() if formatted else ""
    if len(html) > TEXT:
        html = sanitised(html[:TEXT])  # the cut may go through a tag
    body = "\n\n".join(one for one in plain if one.strip()) or _plain("\n".join(formatted))
    return CONTROL.sub("", body.replace("\r\n", "\n").replace("\r", "\n")).strip()[:TEXT], html, files, left_out


def _file_name(part: Message) -> str:
    try:
        given = part.get_filename()
    except (LookupError, ValueError, MessageError):
        return "file"
    return _line(_worded(given), 200) if given else ""


def _unnamed(kind: str) -> str:
    ending = {"message/rfc822": "eml", "text/calendar": "ics", "image/jpeg": "jpg", "image/png": "png", "image/gif": "gif", "application/pdf": "pdf"}  # fmt: skip
    return f"attachment.{ending.get(kind, 'bin')}"


def _bytes(part: Message) -> bytes:
    if part.is_multipart():  # a mail within the mail
        return b"".join(map(_whole, _inner(part)))
    try:
        found = part.get_payload(decode=True)
    except (ValueError, LookupError, MessageError):
        return b""
    return found if isinstance(found, bytes) else b""


def _whole(message: Message) -> bytes:
    try:
        return message.as_bytes()
    except (ValueError, LookupError, MessageError, AttributeError):
        return b""


def _text(part: Message) -> str:
    """The text of a part, control signs out."""
    return CONTROL.sub("", _read_as(_bytes(part)[: TEXT * 8], part.get_content_charset() or ""))


def _plain(html: str) -> str:
    """Formatted text without its tags, lines kept."""
    broken = _BREAK.sub("\n", html[: TEXT * 4])
    lines = entities.unescape(bare(broken)).split("\n")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(" ".join(line.split()) for line in lines)).strip()
