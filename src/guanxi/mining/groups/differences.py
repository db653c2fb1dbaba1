"""Differences between groups: cross tables with tests, and regression with its diagnostics.

Pearson (1900), Fisher (1935) for small tables, Cramér's V (1946); least squares with robust errors (White 1980), Breusch and Pagan (1979), Durbin and Watson (1950), variance inflation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.diagnostic import het_breuschpagan
from statsmodels.stats.outliers_influence import variance_inflation_factor
from statsmodels.stats.stattools import durbin_watson

from guanxi.mining.amounts import numeric
from guanxi.mining.parsing import frame_of, texts
from guanxi.mining.result import BadInput, Result, Text, gaps, note, plain, require_columns

#: More values of a category than this make no table anybody reads.
MOST_VALUES = 200


class CrossResult(Result):
    """Counts: one row per value of the first category, one column per value of the second."""

    def plot(self, language: str = "zh") -> dict[str, Any]:
        """A heat map of the shares within each row."""
        shares = self.table.div(self.table.sum(axis=1).replace(0, 1), axis=0).to_numpy(dtype=float)
        cells = [[j, i, plain(float(value))] for i, row in enumerate(shares) for j, value in enumerate(row)]
        return {
            "title": {"text": Text("Share within each row", "各行占比").in_(language)},
            "tooltip": {},
            "xAxis": {"type": "category", "data": [str(one) for one in self.table.columns]},
            "yAxis": {"type": "category", "data": [str(one) for one in self.table.index]},
            "visualMap": {"min": 0, "max": 1},
            "series": [{"type": "heatmap", "data": cells}],
        }


class RegressionResult(Result):
    """One row per driver (``const`` first): ``coefficient error t p_value low high vif``."""

    SAYS = Text("One more of {who} goes with {coefficient:+.4g} ({low:.4g} to {high:.4g}; p = {p_value:.3f}).", "{who} 每增加 1，目标变化 {coefficient:+.4g}（{low:.4g} 至 {high:.4g}；p = {p_value:.3f}）。")  # fmt: skip
    TITLE = Text("Coefficients", "系数")
    DRAWN = "coefficient"


def cross_table(data: Any, *, rows: str, columns: str) -> CrossResult:
    """Counts of two categories, with the test of independence. ``diagnostics``: ``p_value``, ``test``, ``cramers_v``, and ``residuals`` beyond ±2 that make the difference."""
    frame = frame_of(data)
    require_columns(frame.columns, rows, columns)
    pair = pd.DataFrame({"rows": texts(frame[rows]), "columns": texts(frame[columns])}).dropna()
    lost = gaps(len(frame) - len(pair), rows, columns)
    for name, part in ((rows, "rows"), (columns, "columns")):
        if pair[part].nunique() > MOST_VALUES:
            raise BadInput(
                "cross.values",
                "The column {name} has {n} different values; a cross table takes at most {most}.",
                "{name} 列有 {n} 个不同取值，交叉表至多 {most} 个。",
                name=name, n=pair[part].nunique(), most=MOST_VALUES,
            )  # fmt: skip
    table = pd.crosstab(pair["rows"].rename(rows), pair["columns"].rename(columns))
    if min(table.shape, default=0) < 2:
        raise BadInput("cross.constant", "Both categories need at least two values.", "两个类别都须至少有两个取值。")
    found = stats.chi2_contingency(table, correction=False)
    small = bool((found.expected_freq < 5).mean() > 0.2)
    fisher = small and table.shape == (2, 2)
    p = float(stats.fisher_exact(table).pvalue) if fisher else float(found.pvalue)
    n = int(table.to_numpy().sum())
    residual = (table - found.expected_freq) / np.sqrt(
        found.expected_freq
        * (1 - table.sum(axis=1) / n).to_numpy()[:, None]
        * (1 - table.sum(axis=0) / n).to_numpy()[None, :]
    )
    marked = [
        {"row": str(i), "column": str(j), "residual": float(value)}
        for (i, j), value in residual.stack().items()
        if abs(value) > 2
    ]
    notes = (
        [
            note(
                "cross.small",
                "Many cells expect fewer than five; take the p-value with care.",
                "许多单元格期望值小于 5，p 值请谨慎使用。",
            )
        ]
        if small and not fisher
        else []
    )
    v = float(np.sqrt(found.statistic / (n * (min(table.shape) - 1))))
    return CrossResult(
        model="cross_table",
        table=table,
        diagnostics={
            "n": n,
            "test": "fisher" if fisher else "chi2",
            "statistic": float(found.statistic),
            "dof": int(found.dof),
            "p_value": p,
            "cramers_v": v,
            "residuals": marked,
        },
        notes=(*lost, *notes),
    )


def regression(data: Any, *, target: str, drivers: list[str]) -> RegressionResult:
    """Least squares of ``target`` on numeric ``drivers``: ``coefficient error t p_value low high vif`` with robust errors (HC3), and what is wrong with it in ``notes``."""
    frame = frame_of(data)
    require_columns(frame.columns, target, *drivers)
    read, notes = numeric(frame[[target, *drivers]], [target, *drivers])
    frame = read.astype(float).dropna()
    notes += gaps(len(read) - len(frame), target, *drivers)
    if len(frame) < len(drivers) + 3:
        raise BadInput("regression.few", "Too few complete rows for so many drivers.", "完整行太少。")
    if frame[target].nunique() == 1:
        raise BadInput("regression.same", "{name} is the same in every row; there is nothing to explain.", "{name} 每行都相同，没有可解释的差异。", name=target)  # fmt: skip
    constant = [name for name in drivers if frame[name].nunique() == 1]
    used = [name for name in drivers if name not in constant]
    if not used:
        raise BadInput("regression.constant", "Every driver is constant.", "所有自变量均为常数。")
    x = sm.add_constant(frame[used])
    fit = sm.OLS(frame[target], x).fit(cov_type="HC3")
    bounds = fit.conf_int()
    inflation = [np.nan, *[float(variance_inflation_factor(x.to_numpy(), i + 1)) for i in range(len(used))]]
    table = pd.DataFrame(
        {
            "coefficient": fit.params,
            "error": fit.bse,
            "t": fit.tvalues,
            "p_value": fit.pvalues,
            "low": bounds[0],
            "high": bounds[1],
            "vif": inflation,
        }
    )
    detail = {
        "n": len(frame),
        "r2": float(fit.rsquared),
        "adjusted_r2": float(fit.rsquared_adj),
        "durbin_watson": float(durbin_watson(fit.resid)),
        "breusch_pagan_p": float(het_breuschpagan(fit.resid, x)[1]),
    }
    if constant:
        notes.append(
            note(
                "regression.constant",
                "Constant, left out: {names}.",
                "取值为常数，未使用：{names}。",
                names=", ".join(constant),
            )
        )
    if max([0.0, *inflation[1:]]) > 10:
        notes.append(
            note(
                "regression.collinear",
                "Drivers go together (variance inflation above 10); single coefficients mean little.",
                "自变量高度相关（方差膨胀大于 10），单个系数意义不大。",
            )
        )
    if detail["breusch_pagan_p"] < 0.05:
        notes.append(
            note(
                "regression.spread",
                "The scatter grows with the value; errors are robust against that.",
                "误差方差不齐，已用稳健标准误。",
                warning=False,
            )
        )
    return RegressionResult(
        model="regression", table=table.rename_axis("driver"), diagnostics=detail, notes=tuple(notes)
    )
