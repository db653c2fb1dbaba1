"""Columns of text as dates and ids: what people's files hold, read without guessing in silence. Amounts are next door."""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np
import pandas as pd

from guanxi.mining.result import BadInput, Note, note

NULLS: Final = frozenset({"", "na", "n/a", "nan", "null", "none", "nat", "-", "--", "\\n", "#n/a", "无", "空"})
_FORMATS: Final = (
    "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日", "%Y%m%d",
    "%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%b %d %Y", "%d %B %Y", "%B %d, %Y", "%B %d %Y", "%d/%m/%y", "%m/%d/%y", "%y/%m/%d", "%d-%m-%y", "%y-%m-%d", "%d-%b-%y", "%d %b %y", "%d.%m.%y", "%Y-%m",
    "%Y/%m", "%Y年%m月",
)  # fmt: skip
#: A moment with a zone: what is before the zone's distance from UTC.
_ZONE: Final = (
    r"^(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)\s*(?:Z|UTC|GMT|(?:UTC|GMT)?[+-]\d{1,2}(?::?\d{2})?)$"
)
_WEEKDAY: Final = r"^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+|\s*(?:星期|周)[一二三四五六日天]"
_QUARTER: Final = (
    r"^(?:(?P<y>\d{4})[\s/年-]*(?:Q|第)?(?P<q>[1-4一二三四])(?:季度|季)?|Q(?P<p>[1-4])[\s/-]*(?P<x>\d{4}))$"
)
_WEEK: Final = r"^(\d{4})(?:-?W|\s*年?第)(\d{1,2})周?$"
_TIMES: Final = ("", " %H:%M:%S", " %H:%M", " %I:%M:%S %p", " %I:%M %p", "T%H:%M:%S", " %H:%M:%S.%f")


def texts(column: pd.Series) -> pd.Series:
    """Ids as text: trimmed, missing where empty, ``17850.0`` as ``17850`` when all are whole; leading zeros stay."""
    if pd.api.types.is_float_dtype(column):
        whole = column.dropna()
        if len(whole) and bool((whole == np.floor(whole)).all()):
            return column.astype("Int64").astype("string")
    if pd.api.types.is_numeric_dtype(column):
        return column.astype("string")
    if column.dtype == object and isinstance(column.dropna().head(1).squeeze(), bytes):
        column = column.str.decode("utf-8", errors="replace")
    found = column.astype("string").str.strip()
    found = found.mask(found.str.lower().isin(NULLS))
    filled = found.dropna()
    if len(filled) and bool(filled.str.fullmatch(r"\d+\.0").all()):
        found = found.str.removesuffix(".0")
    return found


def dates(column: pd.Series, *, name: str = "date", format: str = "") -> tuple[pd.Series, list[Note]]:
    """Dates of a column and what was noticed. Raises :class:`BadInput` when fewer than half of the filled cells are dates.

    Understands ISO, day or month first (told apart by the values; noted when both would do), dots, slashes, Chinese,
    month names, ``yyyymmdd``, several of these in one column, seconds or milliseconds since 1970 and Excel's day numbers. What has a
    zone keeps that zone's clock, text as well as typed columns: its day is the day where it was written.
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        return _micro(_naive(column)), []
    if pd.api.types.is_numeric_dtype(column):
        return _numbers_as_dates(column, name)
    written = _plain(texts(column))
    written = written.str.replace(_ZONE, r"\1", regex=True).str.replace(r"\s+(?:UTC|GMT)$", "", regex=True)
    filled = written.dropna()
    if filled.empty:
        raise BadInput("date.empty", "The column {name} has no dates.", "{name} 列中没有日期。", name=name)
    if bool(filled.head(1000).str.fullmatch(r"\d{5}(?:\.\d+)?|\d{9,13}").all()):
        return _numbers_as_dates(pd.to_numeric(written, errors="coerce"), name)
    uniques = pd.Series(filled.unique())
    parsed, notes = _parsed(uniques, name, format)
    result = written.map(pd.Series(parsed.to_numpy(), index=uniques.to_numpy()))
    result = pd.to_datetime(result)
    bad = int(filled.notna().sum() - result.notna().sum())
    if bad * 2 > len(filled):
        raise BadInput(
            "date.unreadable",
            "{bad} of {all} values in the column {name} are not dates, for instance “{sample}”. Name the date column, or the format.",
            "{name} 列的 {all} 个值中有 {bad} 个不是日期，例如“{sample}”。请指定日期列或日期格式。",
            bad=bad, all=len(filled), name=name, sample=uniques[parsed.isna()].iloc[0],
        )  # fmt: skip
    if bad:
        notes.append(
            note(
                "date.unreadable",
                "{count} rows without a readable date were left out.",
                "{count} 行的日期无法识别，未计入。",
                count=bad,
            )
        )
    return result, notes


def _plain(written: pd.Series) -> pd.Series:
    """Full-width signs as plain ones, 上午 and 下午 as AM and PM, without a dot at the end."""
    plain = _periods(written.str.normalize("NFKC").str.removesuffix("."))
    plain = plain.str.replace(_WEEKDAY, "", regex=True, case=False)
    if not bool(plain.str.contains("上午|下午").fillna(False).any()):
        return plain
    moved = plain.str.replace(r"\s*(上午|下午)\s*(\d{1,2}:\d{2}(?::\d{2})?)", r" \2 \1", regex=True)
    return moved.str.replace("上午", "AM").str.replace("下午", "PM")


def _periods(written: pd.Series) -> pd.Series:
    """Quarters (``2024Q1``, ``2024年第一季度``) and weeks (``2024-W05``, ``2024年第5周``) as their first day."""
    first = next(iter(written.dropna()), "")
    if re.fullmatch(_WEEK, first):
        parts = written.str.extract(_WEEK)
        weeks = parts[0] + "-W" + parts[1].str.zfill(2) + "-1"
        return pd.to_datetime(weeks, format="%G-W%V-%u", errors="coerce").dt.strftime("%Y-%m-%d").astype("string")
    if re.fullmatch(_QUARTER, first, re.IGNORECASE) and re.search("[Qq季]", first):
        parts = written.str.extract(_QUARTER, flags=re.IGNORECASE)
        number = parts["q"].fillna(parts["p"]).replace(dict(zip("一二三四", "1234", strict=True)))
        month = (pd.to_numeric(number) * 3 - 2).astype("Int64").astype("string").str.zfill(2)
        return (parts["y"].fillna(parts["x"]) + "-" + month + "-01").astype("string")
    return written


def _naive(column: pd.Series) -> pd.Series:
    """A column with a zone keeps that zone's clock: its day is the day where it was written."""
    return column.dt.tz_localize(None) if getattr(column.dt, "tz", None) is not None else column


def _micro(moments: pd.Series) -> pd.Series:
    """Moments to the microsecond: finer ones are refused by the engines that count."""
    return moments.astype("datetime64[us]")


def _numbers_as_dates(column: pd.Series, name: str) -> tuple[pd.Series, list[Note]]:
    middle = float(column.median()) if column.notna().any() else float("nan")
    if 19000101 <= middle <= 21001231:
        return pd.to_datetime(column.astype("Int64").astype("string"), format="%Y%m%d", errors="coerce"), []
    if 2e4 <= middle <= 8e4:
        said = note(
            "date.serial", "The dates were read as Excel day numbers.", "日期按 Excel 日期序号读取。", warning=False
        )
        return _micro(pd.to_datetime(column, unit="D", origin="1899-12-30", errors="coerce")), [said]
    for unit, low, high in (("s", 1e8, 5e9), ("ms", 1e11, 5e12), ("us", 1e14, 5e15), ("ns", 1e17, 5e18)):
        if low <= middle <= high:
            return _micro(pd.to_datetime(column, unit=unit, errors="coerce")), []
    raise BadInput(
        "date.number", "The column {name} holds numbers that are not dates.", "{name} 列是数字，不是日期。", name=name
    )


def _parsed(values: pd.Series, name: str, format: str) -> tuple[pd.Series, list[Note]]:
    if format:
        return pd.to_datetime(values, format=format, errors="coerce"), []
    found = pd.Series(pd.NaT, index=values.index, dtype="datetime64[us]")
    notes: list[Note] = []
    barred, ways = set[str](), 0
    rest = values
    while not rest.empty:
        read, said, form = _read_once(rest, name, barred)
        known = read.notna()
        if not bool(known.any()):
            break
        found.loc[rest.index[known]] = read[known].astype("datetime64[us]")
        notes, ways, rest = [*notes, *said], ways + 1, rest[~known]
        barred |= {form, _swapped(form)}
    if ways > 1:
        notes.append(
            note(
                "date.mixed",
                "Dates of the column {name} are written in {n} ways; each was read as it is written.",
                "{name} 列的日期有 {n} 种写法，已分别读取。",
                name=name,
                n=ways,
            )
        )
    return found, notes


def _swapped(form: str) -> str:
    """The form with day and month in each other's place: one column is not read both ways."""
    return form.replace("%d", "%_").replace("%m", "%d").replace("%_", "%m")


def _read_once(values: pd.Series, name: str, barred: set[str]) -> tuple[pd.Series, list[Note], str]:
    """Values by the one form that reads most of them (its date part is told), other forms than those barred."""
    iso = pd.to_datetime(values, format="ISO8601", errors="coerce", utc=True).dt.tz_localize(None)
    if bool(iso.notna().all()):
        return iso, [], "iso"
    sample = values.head(400)
    tried: list[tuple[int, str]] = []
    for day in _FORMATS:
        if day in barred:
            continue
        for clock in _TIMES:
            hits = int(pd.to_datetime(sample, format=day + clock, errors="coerce").notna().sum())
            if hits:
                tried.append((hits, day + clock))
    if not tried or max(tried)[0] <= int(iso.head(400).notna().sum()):
        return iso, [], "iso"
    return _best_format(values, tried, name)


def _best_format(values: pd.Series, tried: list[tuple[int, str]], name: str) -> tuple[pd.Series, list[Note], str]:
    """The format that reads most of all values, and its date part; a tie between day first and month first is noted."""
    near = [form for hits, form in tried if hits * 2 > max(tried)[0]]
    read = [(form, pd.to_datetime(values, format=form, errors="coerce")) for form in near]
    read.sort(key=lambda one: -int(one[1].notna().sum()))
    best_form, best = read[0]
    notes: list[Note] = []
    count = int(best.notna().sum())
    twins = [one for one in read[1:] if int(one[1].notna().sum()) == count and _differ(best, one[1])]
    if twins:
        # The shorter span is the likelier reading: a file covers a period, while swapped days and months scatter.
        candidates = sorted([read[0], *twins], key=lambda one: (one[1].max() - one[1].min(), one[0]))
        best_form, best = candidates[0]
        notes.append(
            note(
                "date.ambiguous",
                "Dates of the column {name} can be read with the day or the month first; read as {form}. Give the format if that is wrong.",
                "{name} 列的日期既可按日在前、也可按月在前读取；已按 {form} 读取。如不正确，请指定格式。",
                name=name,
                form=best_form,
            )
        )
    rest = best.isna()
    if bool(rest.any()):  # cells with another clock, or in other words of the same column
        for _form, other in read:
            best = best.fillna(other) if _form.startswith(best_form[:8]) else best
    return best, notes, max((day for day in _FORMATS if best_form.startswith(day)), key=len)


def _differ(one: pd.Series, other: pd.Series) -> bool:
    """Whether two readings take the same cell for different days; those of different cells do not contradict."""
    both = one.notna() & other.notna()
    return not one[both].equals(other[both])


def looks_like(names: list[str], pattern: str) -> str:
    """The first name that matches a pattern as a whole, whatever its case; empty when none does."""
    return next((one for one in names if re.fullmatch(pattern, one.strip(), re.IGNORECASE)), "")


def frame_of(data: Any) -> pd.DataFrame:
    """A pandas frame of any table: pandas, Arrow, polars, ibis, or a list of mappings."""
    if isinstance(data, pd.DataFrame):
        return data
    for method in ("to_pandas", "execute"):
        if hasattr(data, method):
            return getattr(data, method)()
    return pd.DataFrame(data)
