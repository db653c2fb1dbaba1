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
