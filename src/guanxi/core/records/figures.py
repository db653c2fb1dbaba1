"""Figures as text in the active language and the reader's habits: numbers, percentages, money, and their short forms for charts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils import translation

from guanxi.core.kernel import regional
from guanxi.core.kernel.money import MINOR_UNITS, Money

SYMBOLS = {
    "CNY": "¥", "USD": "US$", "EUR": "€", "GBP": "£", "JPY": "JP¥", "HKD": "HK$", "TWD": "NT$", "KRW": "₩", "SGD": "S$",
    "AUD": "A$", "CAD": "C$", "CHF": "CHF ", "INR": "₹", "RUB": "₽", "THB": "฿", "VND": "₫", "MYR": "RM ",
}  # fmt: skip

_DIGITS, _UNITS, _GROUPS = "零壹贰叁肆伍陆柒捌玖", ("", "拾", "佰", "仟"), ("", "万", "亿", "万亿")


def is_chinese() -> bool:
    """Whether the active language is Chinese."""
    return (translation.get_language() or "").startswith("zh")


def number(value: Any, places: int | None = None) -> str:
    """A number with thousands separators; ``places`` fixes the digits after the point, else as many as it has."""
    if value is None or value == "":
        return ""
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, str):
        value = Decimal(value)
    if places is not None:
        return regional.punctuated(f"{value:,.{places}f}")
    if isinstance(value, Decimal):
        text = f"{value:,f}"
        return regional.punctuated(text.rstrip("0").rstrip(".") if "." in text else text)
    return regional.punctuated(f"{value:,}")


def percent(value: Any, places: int | None = None) -> str:
    """A percentage; 12.5 is written ``12.5%``."""
    return f"{number(value, places)}%" if value is not None and value != "" else ""


def money(value: Money | Decimal | int | float | None, currency: str = "") -> str:
    """An amount with its currency sign and thousands separators; whole amounts without decimals, minus in front."""
    if value is None:
        return ""
    given, currency = (value.amount, value.currency) if isinstance(value, Money) else (value, currency)
    amount = Decimal(str(given))
    places = 0 if amount == amount.to_integral_value() else MINOR_UNITS.get(currency, 2)
    sign = "−" if amount < 0 else ""
    code = SYMBOLS.get(currency, f"{currency} " if currency else "")
    return f"{sign}{code}{number(abs(amount), places)}"


def amount(value: Decimal | None, currency: str) -> str:
    """An amount as documents and letters write it: with its currency, and always with all its decimals."""
    if value is None:
        return ""
    sign, code = "−" if value < 0 else "", SYMBOLS.get(currency, f"{currency} " if currency else "")
    return f"{sign}{code}{number(abs(value), MINOR_UNITS.get(currency, 2))}"


def amount_in_words(amount: Decimal) -> str:
    """An amount of yuan in Chinese capitals, as contracts want it.

    >>> amount_in_words(Decimal("10203.05")), amount_in_words(Decimal("1000000"))
    ('壹万零贰佰零叁元零伍分', '壹佰万元整')
    """
    sign = "负" if amount < 0 else ""
    whole, cents = divmod(int((abs(amount) * 100).to_integral_value()), 100)
    parts, zero = "", False
    groups = []
    while whole:
        whole, part = divmod(whole, 10000)
        groups.append(part)
    for place in range(len(groups) - 1, -1, -1):
        part = groups[place]
        if not part:
            zero = bool(parts)
            continue
        text = _group(part)
        parts += ("零" if parts and (zero or part < 1000) else "") + text + _GROUPS[place]
        zero = False
    jiao, fen = divmod(cents, 10)
    tail = (f"{_DIGITS[jiao]}角" if jiao else "零" if fen and parts else "") + (f"{_DIGITS[fen]}分" if fen else "")
    return f"{sign}{(parts + '元') if parts else '' if tail else '零元'}{tail or '整'}"


def _group(part: int) -> str:
    text, zero = "", False
    for place in range(3, -1, -1):
        digit = part // 10**place % 10
        if digit:
            text += ("零" if zero and text else "") + _DIGITS[digit] + _UNITS[place]
            zero = False
        else:
            zero = True
    return text


def _scaled(amount: Decimal) -> str:
    """An amount without its sign in a few characters; '' when it is short enough as it is."""
    if not regional.present().short:
        return ""
    steps = ((10**8, "亿"), (10**4, "万")) if is_chinese() else ((10**9, "B"), (10**6, "M"), (10**3, "K"))
    for size, word in steps:
        if abs(amount) >= size:
            return f"{number(round(abs(amount) / size, 1))}{word}"
    return ""


def short_number(value: Any) -> str:
    """A number in a few characters: 万 and 亿 in Chinese, K, M and B in English."""
    if value is None:
        return ""
    amount = Decimal(str(value))
    scaled = _scaled(amount)
    if not scaled:
        return number(round(amount, 2))
    return f"−{scaled}" if amount < 0 else scaled


def short_money(value: Money | Decimal | int | float | None, currency: str = "") -> str:
    """An amount in a few characters (for headers and charts)."""
    if value is None:
        return ""
    given, currency = (value.amount, value.currency) if isinstance(value, Money) else (value, currency)
    amount = Decimal(str(given))
    code = SYMBOLS.get(currency, f"{currency} " if currency else "")
    scaled = _scaled(amount)
    return f"{'−' if amount < 0 else ''}{code}{scaled}" if scaled else money(amount, currency)
