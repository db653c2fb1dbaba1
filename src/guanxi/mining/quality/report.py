"""Gaps and oddities of a table: what is missing, constant, doubled, out of range, and where the series has holes.

Tukey, *Exploratory Data Analysis* (1977), for far-out values (beyond three interquartile ranges, on logarithms where all are positive and skewed).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from guanxi.mining.parsing import frame_of, texts


def quality(data: Any) -> pd.DataFrame:
    """One row per column: ``kind filled distinct constant unique far_out low high`` (shares 0…1; bounds are Tukey's outer fences). O(cells)."""
    frame = frame_of(data)
    rows = []
    for name in frame.columns:
        column = frame[name] if pd.api.types.is_numeric_dtype(frame[name]) else texts(frame[name])
        number = pd.to_numeric(column, errors="coerce")
        filled = column.dropna()
        numeric = len(filled) > 0 and int(number.notna().sum()) >= 0.95 * len(filled)
        far, low, high = _far_out(number.dropna().to_numpy(dtype=float)) if numeric else (0.0, np.nan, np.nan)
        rows.append(
            (
                str(name),
                "number" if numeric else "text",
                len(filled) / max(1, len(column)),
                filled.nunique(),
                filled.nunique() <= 1,
                filled.is_unique and len(filled) > 1,
                far,
                low,
                high,
            )
        )
    return pd.DataFrame(
        rows, columns=["column", "kind", "filled", "distinct", "constant", "unique", "far_out", "low", "high"]
    ).set_index("column")


def _far_out(values: Any) -> tuple[float, float, float]:
    if len(values) < 8:
        return 0.0, float("nan"), float("nan")
    logs = bool((values > 0).all()) and float(pd.Series(values).skew()) > 1
    seen = np.log(values) if logs else values
    q1, q3 = np.quantile(seen, [0.25, 0.75])
    low, high = q1 - 3 * (q3 - q1), q3 + 3 * (q3 - q1)
    far = float(((seen < low) | (seen > high)).mean())
    return far, float(np.exp(low) if logs else low), float(np.exp(high) if logs else high)


def holes(days: Any) -> pd.DataFrame:
    """Days without any row between the first and the last that are unusual for their weekday: ``day usual`` (mean rows on that weekday), holidays included."""
    seen = pd.to_datetime(pd.Series(days)).dropna().dt.normalize()
    if seen.empty:
        return pd.DataFrame(columns=["day", "usual"])
    every = pd.date_range(seen.min(), seen.max(), freq="D")
    counts = seen.value_counts().reindex(every, fill_value=0)
    usual = counts.groupby(every.day_of_week).transform("median")
    found = counts[(counts == 0) & (usual > 0)]
    return pd.DataFrame({"day": found.index, "usual": usual[found.index].to_numpy(dtype=float)})
