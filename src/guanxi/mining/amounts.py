"""Amounts as people write them: signs of currency, thousands, decimal commas, brackets, 万 and 亿."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import pandas as pd

from guanxi.mining.parsing import texts
from guanxi.mining.result import BadInput, Note, note

#: Codes that stand for a currency, beside an amount or in a column of their own.
CURRENCIES: Final = frozenset(
    {
        "AED", "ARS", "AUD", "BRL", "CAD", "CHF", "CLP", "CNH", "CNY", "COP", "CZK", "DKK", "EGP", "EUR", "GBP", "HKD", "HUF", "IDR", "ILS", "INR",
        "JPY", "KRW", "KZT", "MOP", "MXN", "MYR", "NGN", "NOK", "NZD", "PEN", "PHP", "PKR", "PLN", "QAR", "RMB", "RON", "RUB", "SAR", "SEK", "SGD",
        "THB", "TRY", "TWD", "UAH", "USD", "VND", "ZAR",
    }
)  # fmt: skip
_SYMBOLS: Final = {"¥": "CNY/JPY", "$": "$", "€": "EUR", "£": "GBP", "元": "CNY", "人民币": "CNY", "RMB": "CNY", "₩": "KRW", "₹": "INR", "R$": "BRL", "US$": "USD", "HK$": "HKD", "NT$": "TWD", "A$": "AUD", "AU$": "AUD", "C$": "CAD", "CA$": "CAD", "NZ$": "NZD", "S$": "SGD"}  # fmt: skip
#: Signs that stand for several currencies, and those they may be: beside one of these they mean it.
_WIDE: Final = {"CNY/JPY": ("CNY", "JPY"), "$": ("USD", "AUD", "CAD", "HKD", "MXN", "NZD", "SGD", "TWD")}
_SIGN: Final = r"人民币|[¥€£₩₹元]|(?:\b(?:US|HK|NT|AU?|CA?|NZ|R|S))?\$|\b(?:" + "|".join(sorted(CURRENCIES)) + r")\b"
#: Thousands stand in threes (in India in twos but for the last): dates and versions are no amounts.
_ENGLISH: Final = r"[+-]?(?:\d*|\d{1,3}(?:,\d{2,3})*,\d{3})(?:\.\d*)?(?:[eE][+-]?\d+)?"
_EUROPEAN: Final = r"[+-]?(?:\d*|\d{1,3}(?:\.\d{3})+)(?:,\d*)?(?:[eE][+-]?\d+)?"
#: One separator and three digits: thousands in one country, decimals in another.
_EITHER: Final = r"[+-]?[1-9]\d{0,2}[.,]\d{3}"


def numbers(column: pd.Series, *, name: str = "amount") -> tuple[pd.Series, list[Note]]:
    """Amounts of a column as floats and what was noticed. Raises :class:`BadInput` for several currency signs or no numbers.

    Understands currency signs, thousands separators, decimal commas, brackets and trailing minus for negative amounts, 万 and 亿. One separator before three
    digits is read as the other cells of the column use it; where they use both ways, or commas and dots stand so and nothing decides, it is left out
    and counted.
    """
    if pd.api.types.is_bool_dtype(column):
        raise BadInput(
            "amount.boolean",
            "The column {name} holds yes and no, not amounts.",
            "{name} 列是是/否，不是金额。",
            name=name,
        )
    if pd.api.types.is_numeric_dtype(column):
        return _finite(column.astype("float64"), name)
    written = texts(column).reset_index(drop=True).str.normalize("NFKC")
    filled = written.dropna()
    plain = pd.to_numeric(written, errors="coerce")
    if int(plain.notna().sum()) == len(filled):
        return _finite(plain.astype("float64").set_axis(column.index), name)
    _one_currency(filled, name)
    read, unclear = _amounts(written)
    bad = len(filled) - int(read.notna().sum())
    if (bad - unclear) * 2 > len(filled) or filled.empty:
        sample = "" if filled.empty else filled[read.loc[filled.index].isna()].iloc[0]
        raise BadInput(
            "amount.unreadable",
            "{bad} of {all} values in the column {name} are not numbers, for instance “{sample}”.",
            "{name} 列的 {all} 个值中有 {bad} 个不是数字，例如“{sample}”。",
            bad=bad, all=len(filled), name=name, sample=sample,
        )  # fmt: skip
    notes = []
    if unclear:
        notes.append(
            note(
                "amount.mixed",
                "The column {name} uses both decimal points and decimal commas; {count} amounts that could be either were left out.",
                "{name} 列同时使用小数点和小数逗号，{count} 个无法判断的金额未计入。",
                name=name,
                count=unclear,
            )
        )
    bad -= unclear
    if bad:
        notes.append(
            note(
                "amount.unreadable",
                "{count} rows without a readable amount were left out.",
                "{count} 行的金额无法识别，未计入。",
                count=bad,
            )
        )
    return read.set_axis(column.index), notes


def _finite(column: pd.Series, name: str) -> tuple[pd.Series, list[Note]]:
    endless = np.isinf(column.to_numpy(dtype="float64", na_value=np.nan))
    if not endless.any():
        return column, []
    said = note(
        "amount.infinite",
        "{count} infinite values of the column {name} were left out.",
        "{name} 列的 {count} 个无穷大值未计入。",
        count=int(endless.sum()),
        name=name,
    )
    return column.mask(endless), [said]


def _one_currency(filled: pd.Series, name: str) -> None:
    signs = filled.str.extract(f"({_SIGN})", expand=False).dropna().unique()
    kinds = {_SYMBOLS.get(str(sign), str(sign)) for sign in signs}
    kinds -= {wide for wide, may in _WIDE.items() if len(kinds & set(may)) == 1}
    if len(kinds) > 1:
        raise BadInput(
            "currency.mixed",
            "The column {name} holds several currencies ({signs}); they cannot be added. Convert them first, or choose one.",
            "{name} 列包含多种币种（{signs}），不能相加。请先换算，或只选一种。",
            name=name, signs=", ".join(sorted(map(str, signs))),
        )  # fmt: skip


def _amounts(written: pd.Series) -> tuple[pd.Series, int]:
    """Each cell as a number, and how many could be read in two ways and were not."""
    text = written.str.replace(_SIGN, "", regex=True).str.replace(r"[\s\u00a0\u202f']", "", regex=True)
    text = text.str.replace("−", "-")
    negative = text.str.fullmatch(r"\(.*\)|.*-").fillna(False)
    text = text.str.replace(r"[()]", "", regex=True).str.removesuffix("-")
    scale = pd.Series(1.0, index=text.index)
    for sign, factor in (("万", 1e4), ("亿", 1e8)):
        scale = scale.mask(text.str.endswith(sign).fillna(False), factor)
        text = text.str.removesuffix(sign)
    english, european, unclear = _styles(text, chinese=scale > 1)
    both = text[unclear].str.contains(",").nunique() > 1 and not bool((english | european).any())
    if both or (bool(english.any()) and bool(european.any())):
        text = text.mask(unclear)
    elif bool(european.any()):
        european |= unclear
        unclear &= False
    else:
        unclear &= False
    grouped = (text.str.fullmatch(_ENGLISH) & ~european) | (text.str.fullmatch(_EUROPEAN) & european)
    text = text.where(grouped.fillna(False))
    turned = text.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    text = turned.where(european, text.str.replace(",", "", regex=False))
    found = pd.to_numeric(text, errors="coerce").astype("float64") * scale
    return found.mask(negative, -found), int(unclear.sum())


def _styles(text: pd.Series, *, chinese: pd.Series) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Cells that are surely written 1,234.5, surely 1.234,5, and those that could be either; those in 万 and 亿 are the first."""
    commas, dots = text.str.count(",").fillna(0), text.str.count(r"\.").fillna(0)
    either = text.str.fullmatch(_EITHER).fillna(False).astype(bool)
    dot_last = (text.str.rfind(".") > text.str.rfind(",")).fillna(False).astype(bool)
    both, one_comma, one_dot = (commas > 0) & (dots > 0), (commas == 1) & (dots == 0), (dots == 1) & (commas == 0)
    english = (both & dot_last) | ((commas > 1) & (dots == 0)) | (one_dot & ~either)
    european = (both & ~dot_last) | ((dots > 1) & (commas == 0)) | (one_comma & ~either)
    return english | chinese, european & ~chinese, either & ~chinese


def numeric(frame: pd.DataFrame, columns: Iterable[str]) -> tuple[pd.DataFrame, list[Note]]:
    """These columns of a table as :func:`numbers` reads each, and what was noticed."""
    made, notes = frame.copy(deep=False), []
    for name in columns:
        made[name], said = numbers(frame[name], name=name)
        notes += said
    return made, notes
