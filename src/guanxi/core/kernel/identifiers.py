"""Numbers and addresses that identify a body or a person: checked, and brought to one form.

Sources: GB 32100-2015 (unified social credit code), GB 11714-1997 (organisation code), GB 11643-1999 (citizen number),
GS 15-2006 (business registration number, ISO 7064 MOD 11,10).
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from operator import mul
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel.errors import Invalid

_CREDIT_SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_VALUE = {sign: number for number, sign in enumerate(_CREDIT_SIGNS)}
_CREDIT_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))
_MISTAKEN = {"I": "1", "O": "0", "Z": "2", "S": "5", "V": "U"}
_ORG_SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_CITIZEN_WEIGHTS = tuple(pow(2, 17 - place, 11) for place in range(17))
_CITIZEN_CHECK = "10X98765432"
_PROVINCE_CODES = """
    11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83
"""
_PROVINCES = frozenset(_PROVINCE_CODES.split())
_GAPS = re.compile(r"[\s\-‐-―._]+")
_EMAIL = re.compile(r"[^\s@<>()\[\],;:\\\"]+@(?:[^\s@.<>()\[\],;:\\\"/]+\.)+[^\s@.<>()\[\],;:\\\"/\d]{2,63}")
_SCHEME = re.compile(r"^[a-z][a-z0-9+.\-]*:", re.IGNORECASE)
_HOST = re.compile(r"(?:[\w\-]{1,63}\.)+[^\W\d_][\w\-]{1,62}|\d{1,3}(?:\.\d{1,3}){3}|localhost")
_SECOND_LEVEL = frozenset(
    ("com", "co", "net", "org", "gov", "edu", "ac", "ne", "or", "go", "gob", "gouv", "idv", "mil")
)

_FREE_MAIL_NAMES = """
    qq.com vip.qq.com foxmail.com 163.com vip.163.com 126.com vip.126.com yeah.net 188.com sina.com sina.cn vip.sina.com
    sohu.com vip.sohu.com tom.com 139.com 189.cn wo.cn aliyun.com 21cn.com 263.net 263.net.cn x263.net eyou.com 2980.com
    gmail.com googlemail.com outlook.com hotmail.com live.com live.cn msn.com hotmail.co.uk outlook.fr outlook.de
    yahoo.com yahoo.cn yahoo.com.cn yahoo.com.hk yahoo.com.tw yahoo.co.jp yahoo.co.uk yahoo.fr yahoo.de ymail.com
    icloud.com me.com mac.com aol.com protonmail.com proton.me pm.me gmx.com gmx.net gmx.de web.de t-online.de mail.com
    mail.ru yandex.ru yandex.com bk.ru inbox.ru list.ru zoho.com fastmail.com tutanota.com hey.com naver.com daum.net
    hanmail.net orange.fr wanadoo.fr free.fr laposte.net sfr.fr libero.it virgilio.it comcast.net verizon.net att.net
    sbcglobal.net bellsouth.net cox.net btinternet.com sky.com bigpond.com optusnet.com.au uol.com.br bol.com.br
    rediffmail.com hinet.net netvigator.com pchome.com.tw example.com example.org example.net
"""
FREE_MAIL = frozenset(_FREE_MAIL_NAMES.split())


def _plain(code: str) -> str:
    """Half width, upper case, without spaces and dashes."""
    if code.isascii() and code.isalnum():
        return code.upper()
    return _GAPS.sub("", unicodedata.normalize("NFKC", code)).upper()


def _invalid(message: Any, code: str) -> Invalid:
    return Invalid(message, code=code)


def credit_code_check(code: str) -> str:
    """A unified social credit code in its one form (18 signs, upper case); raises ``Invalid`` with the reason.

    Codes: credit_code.length, credit_code.letter (I, O, Z, S, V are never used), credit_code.region,
    credit_code.check_digit.

    >>> credit_code_check("9144 0300 1922 0382 16")
    '914403001922038216'
    """
    plain = _plain(code)
    message: Any
    if len(plain) != 18:
        message = _("A unified social credit code has 18 characters, not %(count)d.") % {"count": len(plain)}
        raise _invalid(message, "credit_code.length")
    if not _CREDIT_VALUE.keys() >= set(plain):
        place, sign = next((at, one) for at, one in enumerate(plain, start=1) if one not in _CREDIT_VALUE)
        meant = _MISTAKEN.get(sign)
        message = (
            _("A unified social credit code never has “%(sign)s” (place %(place)d); perhaps “%(meant)s” is meant.")
            % {"sign": sign, "place": place, "meant": meant}
            if meant
            else _("A unified social credit code cannot have “%(sign)s” (place %(place)d).")
            % {"sign": sign, "place": place}
        )
        raise _invalid(message, "credit_code.letter")
    if not plain[2:8].isdigit():
        raise _invalid(
            _("Places 3 to 8 of a unified social credit code are digits (the region)."), "credit_code.region"
        )
    total = sum(map(mul, map(_CREDIT_VALUE.__getitem__, plain), _CREDIT_WEIGHTS))
    if _CREDIT_SIGNS[-total % 31] != plain[17]:
        message = _("The check digit of this unified social credit code is wrong: please compare it once more.")
        raise _invalid(message, "credit_code.check_digit")
    return plain


def organisation_code_check(code: str) -> str:
    """An organisation code (组织机构代码) as XXXXXXXX-X.

    Raises ``Invalid`` (organisation_code.form, organisation_code.check_digit).
    """
    plain = _plain(code)
    if not re.fullmatch(r"[0-9A-Z]{8}[0-9X]", plain, re.ASCII):
        raise _invalid(
            _("An organisation code has eight letters or digits and a check digit."), "organisation_code.form"
        )
    total = sum(_ORG_SIGNS.index(sign) * weight for sign, weight in zip(plain, _ORG_WEIGHTS, strict=False))
    if "0123456789X"[-total % 11] != plain[8]:
        raise _invalid(_("The check digit of this organisation code is wrong."), "organisation_code.check_digit")
    return f"{plain[:8]}-{plain[8]}"


def registration_number_check(code: str) -> str:
    """A business registration number of 15 digits (工商注册号).

    Raises ``Invalid`` (registration_number.form, registration_number.check_digit).
    """
    plain = _plain(code)
    if not re.fullmatch(r"\d{15}", plain, re.ASCII):
        raise _invalid(_("A business registration number has 15 digits."), "registration_number.form")
    rest = 10
    for sign in plain[:14]:
        rest = ((rest + int(sign)) % 10 or 10) * 2 % 11
    if (11 - rest) % 10 != int(plain[14]):
        raise _invalid(
            _("The check digit of this business registration number is wrong."), "registration_number.check_digit"
        )
    return plain


class BusinessNumber(NamedTuple):
    """``kind`` is credit_code, registration_number or organisation_code; ``value`` its one form."""

    kind: str
    value: str


def business_number_check(code: str) -> BusinessNumber:
    """A unified social credit code, or one of the numbers it replaced in 2015, told apart by length.

    Raises ``Invalid`` with the reason for the kind its length suggests.
    """
    length = len(_plain(code))
    if length == 15:
        return BusinessNumber("registration_number", registration_number_check(code))
    if length == 9:
        return BusinessNumber("organisation_code", organisation_code_check(code))
    return BusinessNumber("credit_code", credit_code_check(code))


class Citizen(NamedTuple):
    """A citizen number of 18 signs with what it says: birthday and gender (male or female)."""

    number: str
    birthday: dt.date
    gender: str


def id_card_check(number: str) -> Citizen:
    """A Chinese citizen number; the old one of 15 digits is brought to 18. Raises ``Invalid`` with the reason.

    Codes: id_card.form, id_card.region, id_card.birthday, id_card.check_digit.
    """
    plain = _plain(number)
    if re.fullmatch(r"\d{15}", plain, re.ASCII):
        plain = plain[:6] + "19" + plain[6:]
        plain += _citizen_check(plain)
    if not re.fullmatch(r"\d{17}[\dX]", plain, re.ASCII):
        raise _invalid(_("An identity card number has 18 digits; only the last may be X."), "id_card.form")
    if plain[:2] not in _PROVINCES:
        raise _invalid(_("The first two digits of this identity card number are no region."), "id_card.region")
    try:
        birthday = dt.date(int(plain[6:10]), int(plain[10:12]), int(plain[12:14]))
    except ValueError:
        birthday = None
    if birthday is None or birthday.year < 1850:
        raise _invalid(_("Places 7 to 14 of this identity card number are no date of birth."), "id_card.birthday")
    if _citizen_check(plain) != plain[17]:
        raise _invalid(_("The check digit of this identity card number is wrong."), "id_card.check_digit")
    return Citizen(plain, birthday, "male" if int(plain[16]) % 2 else "female")


def _citizen_check(number: str) -> str:
    return _CITIZEN_CHECK[sum(int(sign) * weight for sign, weight in zip(number, _CITIZEN_WEIGHTS, strict=False)) % 11]


def email_normalise(text: str) -> str:
    """An e-mail address in one form: half width, lower case, without "mailto:", name and brackets; raises ``Invalid``.

    >>> email_normalise("Zhang San <Zhang.San@Example.COM>")
    'zhang.san@example.com'
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    if plain.endswith(">") and "<" in plain:
        plain = plain[plain.rindex("<") + 1 : -1].strip()
    plain = plain.removeprefix("mailto:").rstrip(".").lower()
    if len(plain) > 254 or ".." in plain or plain.startswith(".") or not _EMAIL.fullmatch(plain):
        raise _invalid(_("“%(text)s” is not an e-mail address.") % {"text": text[:60]}, "email.invalid")
    return plain


def email_key(email: str) -> str:
    """The address for finding duplicates: without +tag, for Gmail without dots as well."""
    local, _at, domain = email.lower().rpartition("@")
    local = local.partition("+")[0] or local
    if domain in ("gmail.com", "googlemail.com"):
        return f"{local.replace('.', '')}@gmail.com"
    return f"{local}@{domain}"


def base_domain(host: str) -> str:
    """The part of a host name somebody registers: mail.huawei.com → huawei.com, www.x.com.cn → x.com.cn."""
    parts = host.lower().strip(".").split(".")
    keep = 3 if len(parts) > 2 and len(parts[-1]) == 2 and parts[-2] in _SECOND_LEVEL else 2
    return ".".join(parts[-keep:])


def email_domain(email: str) -> str:
    """The domain of an organisation's address for matching; '' for free mail (qq.com, gmail.com …) and no address."""
    domain = email.lower().rpartition("@")[2]
    if not domain or "." not in domain or domain in FREE_MAIL:
        return ""
    base = base_domain(domain)
    return "" if base in FREE_MAIL else base


def url_normalise(text: str) -> str:
    """A web address in one form: with scheme (https unless given), lower host, no default port; raises ``Invalid``.

    Only http and https are accepted.

    >>> url_normalise("WWW.Example.com:443/")
    'https://www.example.com'
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    if not _SCHEME.match(plain) or re.match(r"^[\w.\-]+:\d", plain):
        plain = "https://" + plain.removeprefix("//")
    failed = _invalid(_("“%(text)s” is not a web address.") % {"text": text[:60]}, "url.invalid")
    try:
        parts = urlsplit(plain)
        port = parts.port
    except ValueError as error:
        raise failed from error
    scheme, host = parts.scheme.lower(), (parts.hostname or "").rstrip(".")
    if scheme not in ("http", "https") or parts.username is not None or not _HOST.fullmatch(host):
        raise failed
    if any(char.isspace() for char in plain):
        raise failed
    netloc = host if port in (None, 80 if scheme == "http" else 443) else f"{host}:{port}"
    path = "" if parts.path == "/" and not parts.query and not parts.fragment else parts.path
    return urlunsplit((scheme, netloc, path, parts.query, parts.fragment))


def site_domain(url: str) -> str:
    """The registered domain of a web address for matching; '' if there is none or it is a free-mail site."""
    host = urlsplit(url if "//" in url else f"//{url}").hostname or ""
    if "." not in host or host.replace(".", "").isdigit():
        return ""
    base = base_domain(host)
    return "" if base in FREE_MAIL else base
