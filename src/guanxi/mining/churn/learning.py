"""A gradient-boosted model of a yes/no outcome with calibrated probabilities and reasons for each customer.

Friedman, “Greedy function approximation: a gradient boosting machine”, Annals of Statistics 29 (2001); calibration by Platt (1999) on
predictions of rows the model has not seen; reasons by occlusion: how much the probability falls when one feature takes its usual value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from threadpoolctl import threadpool_limits

from guanxi.mining.amounts import numbers
from guanxi.mining.lifetime.estimate import Array
from guanxi.mining.parsing import dates, texts
from guanxi.mining.result import BadInput, Note, note

FOLDS: Final = 5
MANY: Final = 60


@dataclass(frozen=True)
class Features:
    """Numbers and categories ready for the learner: ``frame`` (floats; categories as codes), which are categories, and their names."""

    frame: pd.DataFrame
    categories: dict[str, list[str]]
    notes: tuple[Note, ...]

    def shown(self, column: str, value: float) -> str:
        """A value as the person knows it."""
        if column in self.categories:
            return (
                self.categories[column][int(value)]
                if np.isfinite(value) and 0 <= int(value) < len(self.categories[column])
                else "?"
            )
        return "?" if not np.isfinite(value) else f"{value:,.6g}"


def features(frame: pd.DataFrame, target: Array) -> Features:
    """Columns of any table as features; rows whose target is missing (NaN) are read too, and say nothing of the columns.

    Constant columns, columns of ids and dates, and columns that give the answer away are left out and noted.
    """
    known = np.isfinite(target)
    made: dict[str, Array] = {}
    categories: dict[str, list[str]] = {}
    left: dict[str, list[str]] = {"constant": [], "ids": [], "leak": []}
    for name in map(str, frame.columns):
        column = frame[name]
        number = column if pd.api.types.is_numeric_dtype(column) else _as_numbers(column)
        if number is not None:
            values = number.astype("float64").to_numpy(dtype=float, na_value=np.nan)
        else:
            written = texts(column).fillna("?")
            if written.nunique() > max(MANY, 0.05 * len(written)) or written.nunique() > 250:
                left["ids"].append(name)
                continue
            codes, names = pd.factorize(written, sort=True)
            categories[name] = [str(one) for one in names]
            values = codes.astype(float)
        values = np.where(np.isinf(values), np.nan, values)
        seen = values[known]
        if not np.isfinite(seen).any() or np.nanmax(seen) == np.nanmin(seen):
            left["constant"].append(name)
        elif number is not None and pd.Series(values).is_unique and len(values) > 50 and np.all(np.mod(values, 1) == 0):
            left["ids"].append(name)
        elif _gives_away(seen, target[known]):
            left["leak"].append(name)
        else:
            made[name] = values
    kept = {name: one for name, one in categories.items() if name in made}
    return Features(pd.DataFrame(made, index=frame.index), kept, tuple(_left_out(left)))


def _as_numbers(column: pd.Series) -> pd.Series | None:
    """Text that is numbers but for blanks, else ``None``; days as day numbers."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return (column - column.min()).dt.days
    written = texts(column)
    filled = written.dropna()
    if filled.empty:
        return None
    if bool(filled.head(200).str.contains(r"\d").any()):
        try:
            number, _said = numbers(written)
        except BadInput:
            number = pd.Series(np.nan, index=written.index)
        if int(number.notna().sum()) >= 0.98 * len(filled):
            return number
    if bool(filled.head(200).str.match(r"\d{1,4}[-/.年]\d{1,2}[-/.月]\d{1,4}").all()):
        try:
            day, _said = dates(column)
        except BadInput:
            return None
        return (day - day.min()).dt.days
    return None


def _gives_away(values: Array, target: Array) -> bool:
    """Whether one column alone tells the label almost without fail: it was written after the fact."""
    seen = np.where(np.isfinite(values), values, np.nanmedian(values))
    share = pd.Series(target).groupby(seen).agg(["mean", "size"])
    if len(share) <= min(MANY, len(target) / 5):  # with fewer rows to a value each value tells its own label
        return bool(
            (share["mean"] * (1 - share["mean"]) * share["size"]).sum() / len(target)
            < 1e-3 * target.mean() * (1 - target.mean())
        )
    auc = roc_auc_score(target, seen)
    return bool(max(auc, 1 - auc) > 0.995)


def _left_out(left: dict[str, list[str]]) -> list[Note]:
    said = {
        "constant": (
            "feature.constant",
            "The same for everybody, left out: {names}.",
            "取值全部相同，未使用：{names}。",
            False,
        ),
        "ids": (
            "feature.ids",
            "Different for almost everybody (ids, names), left out: {names}.",
            "几乎人人不同（编号、姓名），未使用：{names}。",
            False,
        ),
        "leak": (
            "feature.leak",
            "Gives the answer away by itself, left out: {names}. If it was known beforehand, say so by renaming the label.",
            "单独即可得知答案，疑为事后填写，未使用：{names}。",
            True,
        ),
    }
    return [
        note(code, en, zh, warning=warning, count=len(left[key]), names=", ".join(left[key]))
        for key, (code, en, zh, warning) in said.items()
        if left[key]
    ]


def learner(columns: Sequence[str], categories: dict[str, list[str]], rows: int) -> Any:
    """The boosted trees: shallow and slow, so that a few thousand rows are not learnt by heart."""
    few = [name in categories and len(categories[name]) <= 250 for name in columns]
    return HistGradientBoostingClassifier(
        learning_rate=0.06, max_iter=120 if rows < 20_000 else 200, max_leaf_nodes=8, min_samples_leaf=max(5, min(40, rows // 50)), l2_regularization=2.0,
        categorical_features=few, random_state=0,
    )  # fmt: skip


@dataclass(frozen=True)
class Learned:
    """A model, the calibration of its probabilities, and how it does on rows it has not seen."""

    model: Any
    calibration: Any
    usual: pd.Series
    columns: tuple[str, ...]

    def probability(self, frame: pd.DataFrame) -> Array:
        """Calibrated probability of the outcome."""
        return _calibrated(self.calibration, self.model.predict_proba(frame[list(self.columns)].to_numpy())[:, 1])

    def contributions(self, frame: pd.DataFrame) -> pd.DataFrame:
        """By how much each feature's value raises (or lowers) the probability against its usual value."""
        with threadpool_limits(1 if len(frame) < 100_000 else None):
            return self._contributions(frame)

    def _contributions(self, frame: pd.DataFrame) -> pd.DataFrame:
        base = self.probability(frame)
        made = {}
        for name in self.columns:
            other = frame.copy()
            other[name] = self.usual[name]
            made[name] = base - self.probability(other)
        return pd.DataFrame(made, index=frame.index)


def _calibrated(calibration: Any, raw: Array) -> Array:
    return np.asarray(calibration.predict_proba(_logit(raw)[:, None])[:, 1]) if calibration is not None else raw


def _logit(raw: Array) -> Array:
    clipped = np.clip(raw, 1e-6, 1 - 1e-6)
    return np.log(clipped / (1 - clipped))


def learn(prepared: Features, target: Array, groups: Any = None) -> tuple[Learned, Array]:
    """Fit on all rows; also the calibrated out-of-fold probability of each row, from 5 folds whose calibration did not see them either.

    Rows of one of the ``groups`` (one for each row) stay in one fold: what is learnt from a row is not judged on its twin.
    """
    frame, columns = prepared.frame, tuple(prepared.frame.columns)
    if not columns:
        raise BadInput("features.none", "No column is left to learn from.", "没有可用于学习的列。")
    # On small tables threads cost more than they bring, and on a busy machine they wait for each other.
    with threadpool_limits(1 if len(frame) < 100_000 else None):
        return _learn(prepared, target, groups)


def _learn(prepared: Features, target: Array, groups: Any) -> tuple[Learned, Array]:
    frame, columns = prepared.frame, tuple(prepared.frame.columns)
    smallest = int(min(target.sum(), len(target) - target.sum()))
    if smallest < 2 * FOLDS:
        raise BadInput(
            "label.few",
            "Only {n} rows of the rarer outcome; a model needs at least {need}.",
            "较少的一类只有 {n} 行，模型至少需要 {need} 行。",
            n=smallest,
            need=2 * FOLDS,
        )
    data, raw = frame.to_numpy(), np.empty(len(frame))
    folds = list(_folds(target, groups))
    for train, test in folds:
        raw[test] = (
            learner(columns, prepared.categories, len(train))
            .fit(data[train], target[train])
            .predict_proba(data[test])[:, 1]
        )
    honest = np.empty(len(frame))
    for train, test in folds:
        honest[test] = _calibrated(_platt(raw[train], target[train]), raw[test])
    model = learner(columns, prepared.categories, len(frame)).fit(data, target)
    usual = pd.Series({name: _usual(frame[name], name in prepared.categories) for name in columns})
    return Learned(model, _platt(raw, target), usual, columns), honest


def _folds(target: Array, groups: Any) -> Any:
    if groups is None:
        return StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(target, target)
    pure = pd.Series(target).groupby(np.asarray(groups)).first()
    if int(min(pure.sum(), len(pure) - pure.sum())) < FOLDS:
        raise BadInput(
            "label.groups",
            "The rows belong to {n} customers; five with each outcome are needed to judge a model on customers it has not seen.",
            "这些行只属于 {n} 位客户；每种结果至少需要五位客户，才能在未见过的客户上检验模型。",
            n=len(pure),
        )
    return StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(target, target, groups)


def _platt(raw: Array, target: Array) -> Any:
    return LogisticRegression(C=1e6, max_iter=200).fit(_logit(raw)[:, None], target)


def _usual(column: pd.Series, categorical: bool) -> float:
    return float(column.mode().iloc[0]) if categorical else float(column.median())


def measures(target: Array, probability: Array) -> dict[str, Any]:
    """AUC, Brier score and that of always saying the base rate, lift of the top tenth, and the calibration by tenths."""
    order = np.argsort(-probability, kind="stable")
    top = max(1, len(order) // 10)
    rate = float(target.mean())
    tenths = [part for part in np.array_split(order[::-1], 10) if len(part)]
    return {
        "auc": float(roc_auc_score(target, probability)) if 0 < rate < 1 else None,
        "brier": float(brier_score_loss(target, np.clip(probability, 0, 1))),
        "brier_base_rate": rate * (1 - rate),
        "base_rate": rate,
        "top_decile_lift": float(target[order[:top]].mean() / rate) if rate else None,
        "calibration": [
            {"predicted": float(probability[part].mean()), "actual": float(target[part].mean()), "n": len(part)}
            for part in tenths
        ],
    }
