"""Files of ``guanxi mine``: any CSV, workbook or Parquet as a frame, and results as files and JSON."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from pathlib import Path
from typing import Any

import click
import pandas as pd

from guanxi.core.kernel.errors import GuanxiError
from guanxi.mining.result import Result, plain
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _


def open_file(path: Path, *, encoding: str | None = None, delimiter: str | None = None) -> pd.DataFrame:
    """The table in a file, told by its bytes. Text stays text, so that leading zeros and odd dates survive. Raises ``Trouble``."""
    with path.open("rb") as stream:
        head = stream.read(8)
    try:
        if head[:4] == b"PAR1":
            return pd.read_parquet(path)
        if head[:2] == b"\x1f\x8b" and _packed_parquet(path):
            return pd.read_parquet(io.BytesIO(gzip.decompress(path.read_bytes())))
        if head[:4] == b"PK\x03\x04" or head == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
            return _workbook(path)
        return _text(path, encoding, delimiter)
    except Trouble:
        raise
    except pd.errors.ParserError as error:
        raise Trouble(_uneven(path.name, str(error))) from error
    except (OSError, ValueError, LookupError, EOFError) as error:
        raise Trouble(
            _("%(name)s cannot be read as a table: %(reason)s") % {"name": path.name, "reason": _first_line(error)}
        ) from error


def _uneven(name: str, said: str) -> str:
    """What the reader says of a line with more cells than the first one, in words."""
    found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", said)
    if found is None:
        return _("%(name)s cannot be read as a table: %(reason)s") % {"name": name, "reason": said.strip()[:300]}
    head, line, cells = found.groups()
    return _("%(name)s: line %(line)s has %(cells)s cells where the first line has %(head)s.") % {
        "name": name, "line": line, "cells": cells, "head": head,
    }  # fmt: skip


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def _packed_parquet(path: Path) -> bool:
    with gzip.open(path) as stream:
        return stream.read(4) == b"PAR1"


def _workbook(path: Path) -> pd.DataFrame:
    found = pd.read_excel(path, engine="calamine", dtype=str, keep_default_na=False, header=None)
    rows = [[str(one).strip() for one in row] for row in found.head(60).itertuples(index=False)]
    start, names = _header(rows, path.name)
    frame = found.iloc[start:].reset_index(drop=True)
    frame.columns = pd.Index(names or [f"Unnamed: {at}" for at in range(frame.shape[1])])
    return _without_sums(frame, path.name)


def _header(rows: list[list[str]], name: str) -> tuple[int, list[str]]:
    """Where the data begin among the first rows, and the columns' names: their numbers where a table has none; it is said."""
    from guanxi.core.exchange.reading.header import find_header

    if not rows:
        return 0, []
    found = find_header(rows)
    filled = [at for at, row in enumerate(rows) if any(row)]
    if found.index < 0 and filled and all(re.fullmatch(r"[\d.,:/\s-]*", one) for one in rows[filled[0]]):
        click.echo("! " + _("%(name)s has no row of names; its columns are 1, 2, 3 …") % {"name": name}, err=True)
        return filled[0], [str(at + 1) for at in range(max(map(len, rows)))]
    start = found.index if found.index >= 0 else 0
    if any(at < start for at in filled):
        click.echo("! " + _("Lines above the table in %(name)s were left out.") % {"name": name}, err=True)
    names = [one or f"Unnamed: {at}" for at, one in enumerate(rows[start])]
    return start + 1, names


def _text(path: Path, encoding: str | None, delimiter: str | None) -> pd.DataFrame:
    from guanxi.core.exchange.reading import dialect as dialects
    from guanxi.core.exchange.reading import encoding as encodings
    from guanxi.core.exchange.reading.source import source_of, unpacked

    try:
        source = unpacked(source_of(path, path.name), None)
        if not source.head(1):
            raise Trouble(_("%(name)s is empty.") % {"name": path.name})
        known = encoding or encodings.detect(source).name
    except GuanxiError as refusal:  # its own sentence needs Django, which is not loaded here
        raise Trouble(
            _("%(name)s cannot be read as a table: %(reason)s") % {"name": path.name, "reason": refusal.code}
        ) from refusal
    opened = gzip.open if _is_gzip(path) else open
    with opened(path, "rt", encoding=known, errors="replace") as stream:
        start = str(stream.read(200_000))
    if not start.strip():
        raise Trouble(_("%(name)s is empty.") % {"name": path.name})
    if sum(one < " " and one not in "\t\r\n\f" for one in start[:4000]) > len(start[:4000]) / 100:
        raise Trouble(_("%(name)s is no text: it cannot be read as a table.") % {"name": path.name})
    if start.lstrip()[:1] in ("{", "["):
        return _json(path, known)
    lines = start.splitlines()[:200]
    hint = re.fullmatch(r'"?sep=(.)"?', lines[0].removeprefix("\ufeff").strip())
    separator = hint.group(1) if hint else dialects.find_dialect(lines, delimiter).delimiter or ","
    above = 1 if hint else 0
    rows = [
        [one.strip() for one in row] for row in csv.reader(lines[above:60], delimiter=separator, skipinitialspace=True)
    ]
    begins, names = _header(rows, path.name)
    frame = pd.read_csv(
        path, encoding=known, encoding_errors="replace", sep=separator, dtype=str, keep_default_na=False, compression="gzip" if _is_gzip(path) else None,
        on_bad_lines="error", engine="c", skipinitialspace=True, skip_blank_lines=True, **_where(names, above + begins),
    )  # fmt: skip
    if begins:
        _twice(rows[begins - 1])
    frame.columns = [str(one).strip().removeprefix("\ufeff") for one in frame.columns]
    return _without_sums(frame, path.name)


def _where(names: list[str], begins: int) -> dict[str, Any]:
    """How pandas is told where the table begins: at its row of names, or at its first row where it has none."""
    if names[:1] == ["1"]:
        return {"header": None, "names": names, "skiprows": begins}
    return {"skiprows": begins - 1 if begins else 0}


def _twice(names: list[str]) -> None:
    """Say so when a name stands over two columns: the first of them is read by it."""
    for one in sorted({one for one in names if one and names.count(one) > 1}):
        click.echo("! " + _("Two columns are called %(name)s; the first is read.") % {"name": one}, err=True)


def _json(path: Path, encoding: str) -> pd.DataFrame:
    """A list of objects, or one object a line, as a table of text."""
    opened = gzip.open if _is_gzip(path) else open
    with opened(path, "rt", encoding=encoding, errors="replace") as stream:
        text = str(stream.read()).lstrip("\ufeff \r\n")
    rows = json.loads(text) if text[:1] == "[" else [json.loads(one) for one in text.splitlines() if one.strip()]
    if not rows or not all(isinstance(one, dict) for one in rows):
        raise ValueError("a list of objects is needed")
    return pd.DataFrame(rows).map(lambda one: "" if one is None or one != one else str(one))


#: What the last line of a table is called when it adds up the others.
_SUMS = frozenset({"total", "totals", "grand total", "sum", "合计", "总计", "小计", "总和"})


def _without_sums(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """The table without a last line that adds up the others; it is said."""
    if len(frame) < 2:
        return frame
    last = [str(one).strip() for one in frame.iloc[-1]]
    named = any(one.strip(":： ").casefold() in _SUMS for one in last)
    if not named or "" not in last:
        return frame
    click.echo("! " + _("The last line of %(name)s adds up the others and was left out.") % {"name": name}, err=True)
    return frame.iloc[:-1]


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def write_file(table: pd.DataFrame, path: Path) -> None:
    """Write a result's table; the ending says how. Raises ``Trouble`` for other endings and folders that are not there."""
    whole = table.reset_index(names="customer") if table.index.name == "customer" else table.reset_index()
    shown = (
        whole.map(lambda one: " + ".join(one) if isinstance(one, tuple) else one)
        if any(pd.api.types.is_object_dtype(one) for one in whole.dtypes)
        else whole
    )
    ending = "".join(path.suffixes[-2:]).lower() if path.suffix.lower() == ".gz" else path.suffix.lower()
    try:
        if ending in (".csv", ".csv.gz"):
            shown.to_csv(path, index=False, encoding="utf-8-sig" if ending == ".csv" else "utf-8")
        elif ending == ".parquet":
            shown.to_parquet(path, index=False)
        elif ending == ".xlsx":
            shown.to_excel(path, index=False, engine="xlsxwriter")
        elif ending == ".json":
            shown.to_json(path, orient="records", force_ascii=False, date_format="iso")
        else:
            raise Trouble(_("%(name)s: the ending must be csv, csv.gz, parquet, xlsx or json.") % {"name": path.name})
    except OSError as error:
        raise Trouble(
            _("%(name)s cannot be written: %(reason)s") % {"name": path, "reason": _first_line(error)}
        ) from error


def as_json(result: Result, language: str, top: int) -> dict[str, Any]:
    """A result as scripts read it: parameters and diagnostics at the top, then the rows (rules: all; customers: the first ``top``)."""
    made = result.summary(language)
    rows = (
        plain(result.table.reset_index().to_dict("records"))
        if result.model == "basket"
        else plain(result.table.head(top).reset_index().to_dict("records"))
    )
    made[{"basket": "rules", "forecast": "forecast"}.get(result.model, "customers")] = rows
    return made
