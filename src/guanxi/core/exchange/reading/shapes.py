"""The shape of a cell: what it looks like, told by its characters alone."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"[-+]?[$€£¥￥]?\s?[-+]?(?:\d{1,3}(?:[,'’ ]\d{3})+|\d+)?(?:[.,]\d+)?(?:[eE][-+]?\d+)?\s?[%€$£元]?")
_DATE = re.compile(
    r"(?:\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{1,2}[- /](?:jan|feb|mar|apr|may|jun|jul|aug|sep"
    r"|oct|nov|dec)[a-z]*[- /]\d{2,4})(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:\s?[AaPp][Mm])?(?:Z|[+-]\d{2}:?\d{2})?)?",
    re.IGNORECASE,
)
_TIME = re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:\s?[AaPp][Mm])?")
_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;]+")
_URL = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_PHONE = re.compile(r"\+?[\d()（）][\d()（）\s./-]{5,}\d(?:\s?(?:x|ext\.?)\s?\d+)?", re.IGNORECASE)
_CODE = re.compile(r"(?=.*\d)[A-Za-z0-9_./+=-]+")
_TRUTH = frozenset(("true", "false"))

#: Shapes that data have and names of columns do not.
DATA_SHAPES = frozenset(("number", "date", "time", "email", "url", "phone", "truth"))


def shape(cell: str) -> str:
    """One of blank, number, date, time, email, url, phone, truth, code, text."""
    if not cell:
        return "blank"
    if len(cell) > 120:
        return "url" if _URL.fullmatch(cell) else "text"
    if cell[0] in "+-$€£¥￥(（.0123456789":
        if _NUMBER.fullmatch(cell):
            return "number"
        if _DATE.fullmatch(cell):
            return "date"
        if _TIME.fullmatch(cell):
            return "time"
        if _PHONE.fullmatch(cell):
            return "phone"
    if "@" in cell and _EMAIL.fullmatch(cell):
        return "email"
    if _URL.fullmatch(cell):
        return "url"
    if cell.lower() in _TRUTH:
        return "truth"
    return "code" if _CODE.fullmatch(cell) else "text"
