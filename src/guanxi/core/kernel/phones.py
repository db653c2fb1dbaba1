"""Phone numbers: E.164 from what people write, with the Chinese forms settled by regular expressions.

``phonenumbers`` (80 ms to load, 30 µs a number) is asked only about numbers the expressions do not settle.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel.errors import Invalid

_MOBILE = re.compile(r"(?:\+86|0086|86)?0?(1[3-9]\d{9})", re.ASCII)
# Area codes: 010 and 02x take eight digits, three-digit ones seven or eight; a subscriber number starts with 2 to 8.
_LANDLINE = re.compile(
    r"(?:\+86|0086|86)?0?((?:10|2[0-57-9])[2-8]\d{7}"
    r"|(?:3[1-9]\d|4[1-8]\d|5[1-9]\d|6[3-69]\d|7[0-79]\d|8[1-9]\d|9[0-579]\d)[2-8]\d{6,7})",
    re.ASCII,
)
_SERVICE = re.compile(r"(?:\+86|0086|86)?([48]00\d{7}|9[56]\d{3,4}|100\d{2}|12\d{3})", re.ASCII)
_EXTENSION = re.compile(r"(?:转(?:分机)?|分机号?|内线|ext(?:ension|n)?\.?|x|#|,|;ext=)[:\s.]*(\d{1,8})$", re.IGNORECASE)
# 0755-23456789-801: a third group after a whole Chinese landline is an extension.
_DASH_EXTENSION = re.compile(r"^((?:\(?(?:\+|00)?86\)?[-\s]?)?\(?0?\d{2,3}\)?[-\s]?[2-8]\d{2,3}[-\s]?\d{4})-(\d{1,6})$")
_LABEL = re.compile(
    r"^(?:电话|手机|座机|固话|传真|tel|phone|mobile|cell|fax|mob|ph|[tmf])[号码]*(?:[.:]+|(?=[+\d(]))", re.IGNORECASE
)
_BETWEEN = re.compile(r"[\s\-‐-―().·/_]+")
_SEPARATORS = re.compile(r"[;,、|\n]+|\s*/\s*(?=[+\d(]{1}[\d\s()-]{6,})|\s+(?:或|and|or)\s+|或")
_DIGITS = re.compile(r"\d+", re.ASCII)


class Phone(NamedTuple):
    """One number: ``e164`` ("+8613800138000"), ``written`` as it was typed, ``extension`` digits or '', and ``kind``.

    ``kind`` is mobile, landline, service (400, 800, 95xxx, 10086), other (known to phonenumbers, neither of these) or
    unknown (kept as written, ``e164`` is '').
    """

    e164: str
    written: str
    extension: str
    kind: str


def _invalid(text: str, reason: Any, code: str) -> Invalid:
    return Invalid(_("“%(text)s” is not a phone number: %(reason)s") % {"text": text[:40], "reason": reason}, code=code)


def _parts(text: str) -> tuple[str, str]:
    """(number without label and separators, extension) of one written number."""
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    plain = _LABEL.sub("", plain.strip()).strip()
    extension = ""
    found = _EXTENSION.search(plain)
    if found:
        plain, extension = plain[: found.start()].strip(), found[1]
    else:
        dashed = _DASH_EXTENSION.match(plain)
        if dashed:
            plain, extension = dashed[1], dashed[2]
    plain = plain.replace("(0)", "") if plain.startswith("+") else plain
    return _BETWEEN.sub("", plain), extension


def _chinese(number: str) -> tuple[str, str] | None:
    """(E.164, kind) if the number is Chinese beyond doubt."""
    found = _MOBILE.fullmatch(number)
    if found:
        return "+86" + found[1], "mobile"
    found = _SERVICE.fullmatch(number)
    if found:
        return "+86" + found[1], "service"
    found = _LANDLINE.fullmatch(number)
    if found and (number[0] in "0+" or len(found[1]) >= 10):
        return "+86" + found[1], "landline"
    return None


def _foreign(number: str, region: str, written: str) -> tuple[str, str, str]:
    """(E.164, kind, extension) by ``phonenumbers``; raises Invalid."""
    import phonenumbers  # noqa: PLC0415 - 80 ms and 3 MB that most imports never need

    if number.startswith("00"):
        number = "+" + number[2:]
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException as error:
        raise _invalid(written, _("it cannot be read."), "phone.unreadable") from error
    if not phonenumbers.is_valid_number(parsed) and not (number[0] == "+" and phonenumbers.is_possible_number(parsed)):
        if region == "CN" and re.fullmatch(r"[2-8]\d{6,7}", number):
            raise _invalid(written, _("the area code is missing."), "phone.area_code")
        raise _invalid(written, _("there is no such number."), "phone.invalid")
    kinds = {
        phonenumbers.PhoneNumberType.MOBILE: "mobile",
        phonenumbers.PhoneNumberType.FIXED_LINE: "landline",
        phonenumbers.PhoneNumberType.TOLL_FREE: "service",
        phonenumbers.PhoneNumberType.SHARED_COST: "service",
    }
    kind = kinds.get(phonenumbers.number_type(parsed), "other")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164), kind, parsed.extension or ""


def parse_phone(text: str, region: str = "CN", *, strict: bool = True) -> Phone:
    """One written number as a ``Phone``.

    ``region`` (ISO 3166, two letters) reads numbers without a country code. Raises ``Invalid`` (phone.empty,
    phone.unreadable, phone.area_code, phone.invalid); with ``strict=False`` a text of four digits or more is kept
    as kind "unknown" instead.

    >>> parse_phone("0755-2345 6789转801")
    Phone(e164='+8675523456789', written='0755-2345 6789转801', extension='801', kind='landline')
    """
    written = text.strip()
    if region == "CN" and len(written) == 11 and _MOBILE.fullmatch(written):
        return Phone("+86" + written, written, "", "mobile")
    number, extension = _parts(written)
    if not number:
        raise _invalid(written, _("it is empty."), "phone.empty")
    if region == "CN" or number.startswith(("+86", "0086")):
        found = _chinese(number)
        if found:
            return Phone(found[0], written, extension, found[1])
    try:
        e164, kind, inner = _foreign(number, region, written)
    except Invalid:
        if not strict and len("".join(_DIGITS.findall(number))) >= 4:
            return Phone("", written, extension, "unknown")
        raise
    return Phone(e164, written, extension or inner, kind)


def split_phones(text: str) -> list[str]:
    """The numbers written in one cell: "13800138000 / 010-62345678；…" → two texts. [] for an empty one."""
    if text.isascii() and text.isdigit():
        return [text]
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return [part.strip() for part in _SEPARATORS.split(plain) if part and _DIGITS.search(part)]


def format_phone(e164: str) -> str:
    """A number for reading: Chinese ones the national way (138 0013 8000, 010-62345678), others internationally."""
    if e164.startswith("+86"):
        number = e164[3:]
        if _MOBILE.fullmatch(number):
            return f"{number[:3]} {number[3:7]} {number[7:]}"
        if len(number) == 10 and number[:3] in ("400", "800"):
            return f"{number[:3]}-{number[3:6]}-{number[6:]}"
        if _LANDLINE.fullmatch(number):
            area = 2 if number[0] in "12" else 3
            return f"0{number[:area]}-{number[area:]}"
        return number
    if not e164.startswith("+"):
        return e164
    import phonenumbers  # noqa: PLC0415 - see _foreign

    try:
        parsed = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return e164
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def digits(text: str) -> str:
    """All digits of a text, full width ones too: "＋86 138-0013-8000" → "8613800138000"."""
    return "".join(_DIGITS.findall(text if text.isascii() else unicodedata.normalize("NFKC", text)))
