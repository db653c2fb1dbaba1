"""What shortens a contract: proportional hazards with covariates.

Cox, “Regression models and life-tables”, JRSS B 34 (1972); ties by Efron, JASA 72 (1977); baseline by Breslow (1974); the assumption tested by scaled Schoenfeld
residuals against ranked time (Grambsch and Therneau, Biometrika 81, 1994); concordance by Harrell et al., JAMA 247 (1982).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.duration.hazard_regression import PHReg

from guanxi.mining.amounts import numbers
from guanxi.mining.churn.labelling import endings
from guanxi.mining.lifetime.estimate import Array
from guanxi.mining.parsing import frame_of, texts
from guanxi.mining.result import BadInput, Note, Result, Text, note, require_columns, words


@dataclass(frozen=True, kw_only=True)
class HazardResult(Result):
    """One row per covariate: ``coefficient ratio`` (of hazards: above 1 shortens) ``low high error p_value proportional_p``.

    ``risks``: each customer's hazard against the average one. ``baseline``: survival of an average customer by time.
    """

    risks: pd.Series
    baseline: pd.Series

    def explain(self, customer: Any, language: str = "zh") -> str:
        """The customer's risk of ending against the average; of a covariate, what it does to the risk."""
        if customer in self.table.index:
            row = self.table.loc[customer]
            return words(
                "One more of {who} multiplies the risk of ending by {ratio:.2f} ({low:.2f} to {high:.2f}; p = {p:.3f}).",
                "{who} 每增加 1，终止风险变为 {ratio:.2f} 倍（{low:.2f} 至 {high:.2f}；p = {p:.3f}）。",
                who=customer, ratio=row["ratio"], low=row["low"], high=row["high"], p=row["p_value"],
            ).in_(language)  # fmt: skip
        if customer not in self.risks.index:
            raise KeyError(customer)
        risk = float(self.risks[customer])
        return words(
            "The chance that {who} ends is at any time {risk:.2f} times that of an average customer.",
            "{who} 在任一时点终止的可能为平均客户的 {risk:.2f} 倍。",
            who=customer, risk=risk,
        ).in_(language)  # fmt: skip

    def plot(self, language: str = "zh") -> dict[str, Any]:
        """Ratios of hazards with their intervals."""
        rows = self.table[["ratio", "low", "high"]].round(4)
        return {
            "title": {"text": Text("Ratio of hazards", "风险比").in_(language)},
            "tooltip": {},
            "xAxis": {"type": "value"},
            "yAxis": {"type": "category", "data": [str(one) for one in rows.index]},
            "series": [
                {"type": "scatter", "data": [[row[0], i] for i, row in enumerate(rows.to_numpy().tolist())]},
                {"type": "line", "data": [[1, 0], [1, len(rows) - 1]], "showSymbol": False},
            ],
        }

    def survival(self, customer: Any) -> pd.Series:
        """The customer's survival curve: baseline to the power of his risk."""
        return self.baseline ** float(self.risks[customer])


def hazards(
    data: Any, *, length: str, ended: str, covariates: Sequence[str], customer: str = "", level: float = 0.95
) -> HazardResult:
    """Fit on one row per customer: ``length`` of the contract so far (any unit, above 0), ``ended`` (1 or 0), numeric or yes/no or few-valued covariates (a value becomes a column).

    Raises :class:`BadInput` for missing columns, fewer than ten endings, or covariates that do not vary. O(n log n) per step.
    """
    frame = frame_of(data)
    require_columns(frame.columns, length, ended, *covariates, customer)
    if customer:
        frame = frame.set_index(frame[customer].astype(str))
    x = _columns(frame, covariates)
    time, notes = numbers(frame[length], name=length)
    event = endings(frame[ended])
    known = x.notna().all(axis=1) & time.notna() & event.notna() & (time > 0)
    if not known.all():
        notes.append(note("hazard.missing", "{count} rows without ending or covariate, or with a length that is not above 0, were left out.", "{count} 行缺少结局或协变量，或时长不大于 0，未计入。", count=int((~known).sum())))  # fmt: skip
    x, time, event = x[known], time[known].astype(float), event[known].astype(float)
    if event.sum() < 10:
        said = " ".join(one.text.en for one in notes), " ".join(one.text.zh for one in notes)
        raise BadInput("hazard.few", "Only {n} contracts ended; at least 10 are needed. {why}", "只有 {n} 份合约终止，至少需要 10 份。{why}", n=int(event.sum()), why=Text(*said))  # fmt: skip
    constant = [str(name) for name in x.columns if x[name].nunique() == 1]
    x = x.drop(columns=constant)
    if constant:
        notes.append(note("hazard.constant", "The same for everybody, left out: {names}.", "取值全部相同，未使用：{names}。", names=", ".join(constant)))  # fmt: skip
    if x.empty or not len(x.columns):
        raise BadInput("hazard.constant", "Every covariate is constant.", "所有协变量均为常数。")
    return _fitted(x, time, event, notes, level)


def _read(column: pd.Series) -> pd.Series | None:
    """The column as numbers; ``None`` where it holds something else."""
    if pd.api.types.is_bool_dtype(column):
        return column.astype(float)
    try:
        return numbers(column, name=str(column.name))[0]
    except BadInput:
        return None


def _columns(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    made = {}
    for name in names:
        text = texts(frame[name])
        number = _read(frame[name])
        if number is not None and number.notna().sum() >= 0.98 * max(1, text.notna().sum()):
            made[name] = number.astype(float)
            continue
        values = sorted(text.dropna().unique())
        if len(values) > 12:
            raise BadInput("hazard.values", "{name} has {n} different values; take at most 12.", "{name} 有 {n} 个不同取值，至多 12 个。", name=name, n=len(values))  # fmt: skip
        for value in values[1:]:
            made[f"{name}={value}"] = (text == value).astype("Float64").astype("float64")
    return pd.DataFrame(made, index=frame.index)


def _fitted(x: pd.DataFrame, time: pd.Series, event: pd.Series, notes: list[Note], level: float) -> HazardResult:
    centred = x - x.mean()
    spread = centred.std(ddof=0)
    model = PHReg(time.to_numpy(), (centred / spread).to_numpy(), status=event.to_numpy(), ties="efron")
    fit = model.fit(disp=False)
    beta, error = np.asarray(fit.params) / spread.to_numpy(), np.asarray(fit.bse) / spread.to_numpy()
    z = float(stats.norm.ppf((1 + level) / 2))
    line = centred.to_numpy() @ beta
    proportional = _proportional(np.asarray(fit.schoenfeld_residuals), time.to_numpy(), event.to_numpy())
    table = pd.DataFrame(
        {"coefficient": beta, "ratio": np.exp(beta), "low": np.exp(beta - z * error), "high": np.exp(beta + z * error), "error": error,
         "p_value": 2 * stats.norm.sf(np.abs(beta / error)), "proportional_p": proportional},
        index=pd.Index([str(one) for one in x.columns], name="covariate"),
    )  # fmt: skip
    moving = [str(one) for one in table.index[table["proportional_p"] < 0.01]]
    if moving:
        notes.append(note("hazard.not_proportional", "The effect changes with time, take its ratio as an average: {names}.", "影响随时间变化，风险比仅为平均：{names}。", names=", ".join(moving)))  # fmt: skip
    if not np.isfinite(error).all() or (np.abs(beta * spread.to_numpy()) > 8).any():
        notes.append(note("hazard.separated", "A covariate separates those who ended from the others; its ratio has no bound.", "某协变量完全区分了终止者，其风险比无界。"))  # fmt: skip
    return HazardResult(
        model="hazards", table=table, parameters={"level": level, "ties": "efron"}, notes=tuple(notes),
        diagnostics={"n": len(time), "events": int(event.sum()), "loglik": float(fit.llf), "concordance": concordance(line, time.to_numpy(), event.to_numpy())},
        risks=pd.Series(np.exp(line), index=x.index), baseline=_baseline(line, time.to_numpy(), event.to_numpy()),
    )  # fmt: skip


def _proportional(residuals: Array, time: Array, event: Array) -> list[float]:
    """p-value per covariate: whether its Schoenfeld residuals go with ranked time."""
    rows = residuals[event == 1] if len(residuals) == len(time) else residuals
    ranks = stats.rankdata(time[event == 1])
    found = []
    for column in np.atleast_2d(rows.T):
        known = np.isfinite(column)
        constant = known.sum() < 5 or float(np.ptp(column[known])) == 0
        found.append(1.0 if constant else float(stats.pearsonr(column[known], ranks[known]).pvalue))
    return found


def _baseline(line: Array, time: Array, event: Array) -> pd.Series:
    order = np.argsort(-time, kind="stable")
    risk = pd.Series(np.cumsum(np.exp(line[order])), index=time[order]).groupby(level=0).last()
    ended = pd.Series(event, index=time).groupby(level=0).sum()
    hazard = (ended / risk.reindex(ended.index)).sort_index()
    made = np.exp(-hazard.cumsum())
    made.index.name = "time"
    return made


def concordance(risk: Array, time: Array, event: Array, most: int = 4000, seed: int = 0) -> float:
    """Share of comparable pairs in which the one with the greater risk ended first; ties count half. Above ``most`` rows on a random sample."""
    if len(time) > most:
        chosen = np.random.default_rng(seed).choice(len(time), most, replace=False)
        risk, time, event = risk[chosen], time[chosen], event[chosen]
    first = (time[:, None] < time[None, :]) & (event[:, None] == 1)
    more, same = risk[:, None] > risk[None, :], risk[:, None] == risk[None, :]
    pairs = int(first.sum())
    return float(((more & first).sum() + 0.5 * (same & first).sum()) / pairs) if pairs else float("nan")
