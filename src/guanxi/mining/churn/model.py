"""Churn: on a flat table with a label, or on transactions, where a customer has churned who buys nothing in the next ``horizon`` weeks.

For transactions the test is out of time: the model learns from one window and is judged on the next, which it has not seen.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from guanxi.mining.churn.labelling import LEFT, Question, labels
from guanxi.mining.churn.learning import Features, Learned, features, learn, measures
from guanxi.mining.lifetime.estimate import Array
from guanxi.mining.parsing import frame_of, texts
from guanxi.mining.result import BadInput, Note, Result, Text, note, require_columns
from guanxi.mining.transactions import Transactions

LABELS = {
    "recency": Text("weeks since the last purchase", "距上次购买（周）"),
    "purchases": Text("purchase days", "购买天数"),
    "tenure": Text("weeks since the first purchase", "客龄（周）"),
    "spent": Text("total spent", "累计金额"),
    "mean_value": Text("mean value of a purchase", "平均每次金额"),
    "gap": Text("usual weeks between purchases", "平均购买间隔（周）"),
    "silence": Text("silence in own gaps", "静默为平均间隔的倍数"),
    "recent": Text("purchase days lately", "近期购买天数"),
    "before": Text("purchase days in the period before", "上期购买天数"),
    "trend": Text("change against the period before", "较上期变化"),
    "recent_value": Text("spent lately", "近期金额"),
}
"""Features made from transactions -> their names."""


@dataclass(frozen=True, kw_only=True)
class ChurnResult(Result):
    """One row per customer: ``probability`` (calibrated), ``reason_1 … reason_3`` with ``effect_1 …`` (change of probability); ``risk`` high, middle, low."""

    features: Features
    learned: Learned

    SAYS = Text(
        "{who} leaves with a probability of {p:.0%} (on average {base:.0%}). Reasons: {why}.",
        "{who} 的流失概率为 {p:.0%}（平均 {base:.0%}）。原因：{why}。",
    )
    TITLE = Text("Predicted and actual churn", "预测与实际流失率")
    QUESTION: ClassVar[Question] = LEFT

    def explain(self, customer: Any, language: str = "zh") -> str:
        """The probability and the up to three values that raise it most."""
        row = self.row(customer)
        reasons = []
        for i in (1, 2, 3):
            name = row.get(f"reason_{i}")
            if isinstance(name, str) and name and float(row[f"effect_{i}"]) > 0.005:
                label = LABELS[name].in_(language) if self.as_of and name in LABELS else name
                value = self.features.shown(name, float(self.features.frame.loc[row.name, name]))
                reasons.append(f"{label} = {value} (+{float(row[f'effect_{i}']):.0%})")
        why = ("; " if language == "en" else "；").join(reasons) or Text("nothing stands out", "无突出因素").in_(
            language
        )
        said = {
            "who": customer,
            "p": float(row["probability"]),
            "base": float(self.diagnostics["base_rate"]),
            "why": why,
        }
        return self.SAYS.in_(language).format(**said)

    def plot(self, language: str = "zh") -> dict[str, Any]:
        """Calibration: what was said against what happened."""
        points = [[one["predicted"], one["actual"]] for one in self.diagnostics["calibration"]]
        return {
            "title": {"text": self.TITLE.in_(language)},
            "tooltip": {},
            "xAxis": {"type": "value", "min": 0, "max": 1, "name": Text("predicted", "预测").in_(language)},
            "yAxis": {"type": "value", "min": 0, "max": 1, "name": Text("actual", "实际").in_(language)},
            "series": [
                {"type": "scatter", "data": points},
                {"type": "line", "showSymbol": False, "data": [[0, 0], [1, 1]]},
            ],
        }


def churn_table(data: Any, *, label: str, customer: str = "", kind: type[ChurnResult] = ChurnResult) -> ChurnResult:
    """Churn on a table of one row per customer with a yes/no label. AUC and Brier score come from 5-fold cross-validation.

    Rows without a label are scored and not learnt from; rows of one customer are never judged by what was learnt from each other. ``kind`` says what is asked.
    Raises :class:`BadInput` when the label has not two values or too few rows of one. O(rows × columns).
    """
    frame = frame_of(data)
    require_columns(frame.columns, label, customer)
    if customer:
        frame = frame.set_index(texts(frame[customer]).fillna("?")).drop(columns=[customer])
    target, yes = labels(frame[label], kind.QUESTION)
    y = target.to_numpy(dtype=float, na_value=np.nan)
    known = np.isfinite(y)
    notes = _doubled(frame, known, named=bool(customer))
    prepared = features(frame.drop(columns=[label]), y)
    taught = Features(prepared.frame[known], prepared.categories, prepared.notes)
    groups = frame.index.to_numpy()[known] if customer and frame.index.has_duplicates else None
    learned, honest = learn(taught, y[known], groups)
    detail = {"n": int(known.sum()), "validation": "5-fold cross-validation", "label": label, "label_yes": yes, **measures(y[known], honest)}  # fmt: skip
    return _result(
        prepared, learned, learned.probability(prepared.frame), detail, [*notes, *prepared.notes], None, kind
    )


def _doubled(frame: pd.DataFrame, known: Any, *, named: bool) -> list[Note]:
    """What is to be said of rows without a label, of customers that come twice and of copies."""
    found = []
    if not known.all():
        found.append(note("label.missing", "{count} rows without a label were scored, and not learnt from.", "{count} 行没有标签，只评分，不参与学习。", count=int((~known).sum())))  # fmt: skip
    twice = int(frame.index.duplicated().sum()) if named else 0
    if twice:
        found.append(note("customer.twice", "{count} rows repeat a customer; each row counts.", "{count} 行的客户重复出现，逐行计入。", count=twice))  # fmt: skip
    copies = 0 if named else int(frame.astype(str).duplicated().sum())
    if copies > 0.05 * len(frame):
        found.append(note("rows.copies", "{count} rows are exact copies of another row; where they are the same customer the model looks better than it is.", "{count} 行与其他行完全相同；若为同一客户，模型评价会偏高。", count=copies))  # fmt: skip
    return found


def churn(sales: Transactions, *, horizon: float | None = None) -> ChurnResult:
    """Churn from transactions: who buys nothing in the next ``horizon`` weeks.

    Default horizon: twice the median gap between purchases, between 4 weeks and a quarter of the data's length. The model learns on customers as
    they were two horizons ago, is judged on one horizon ago (out of time), and is then fitted anew on the latter for the present.
    Customers without a purchase in the last three horizons before a cut (at least a year) count as gone and are not scored: probability 1.
    """
    days = purchase_days(sales)
    span = (sales.as_of - sales.first).days / 7
    weeks = horizon or _usual_horizon(days, span)
    if weeks <= 0 or span < 3 * weeks:
        raise BadInput(
            "churn.short",
            "The data cover {span:.0f} weeks; a horizon of {weeks:.0f} weeks needs three times as much. Take a shorter horizon.",
            "数据只覆盖 {span:.0f} 周；{weeks:.0f} 周的观察期需要三倍长度。请缩短观察期。",
            span=span, weeks=weeks,
        )  # fmt: skip
    step = dt.timedelta(days=round(weeks * 7))
    frames = [_state(days, sales.as_of - step * back, weeks, step) for back in (2, 1, 0)]
    (learn_x, learn_y), (test_x, test_y), (now_x, _none) = frames
    notes = list(sales.notes)
    for y in (learn_y, test_y):
        if y.size == 0 or y.min() == y.max():
            raise BadInput(
                "churn.alike",
                "In one window every customer stayed or every one left; there is nothing to learn. Take another horizon.",
                "某一窗口内客户全部留存或全部流失，无从学习。请更换观察期。",
            )
    prepared = features(learn_x, learn_y)
    columns = list(prepared.frame.columns)
    first, _honest = learn(prepared, learn_y)
    judged = measures(test_y, first.probability(test_x[columns]))
    by_recency = measures(test_y, test_x["recency"].rank(pct=True).to_numpy())["auc"]
    final, _honest = learn(Features(test_x[columns], {}, ()), test_y)
    gone = set(days["customer"]) - set(now_x.index)
    if gone:
        notes.append(
            note(
                "churn.gone",
                "{count} customers have been silent so long that they count as gone and are not scored.",
                "{count} 位客户长期静默，视为已流失，不再评分。",
                count=len(gone),
                warning=False,
            )
        )
    detail = {
        "n": len(now_x),
        "n_test": len(test_y),
        "validation": "out of time",
        "horizon_weeks": weeks,
        "auc_recency_alone": by_recency,
        **judged,
    }
    current = Features(now_x[columns], {}, prepared.notes)
    return _result(current, final, final.probability(current.frame), detail, [*notes, *prepared.notes], sales.as_of)


def purchase_days(sales: Transactions) -> pd.DataFrame:
    """Days with a purchase and their value: ``customer day value``, sorted. Raises :class:`BadInput` when there is none."""
    bought = (
        sales.table.filter(sales.table.amount >= 0)
        .group_by("customer", "day")
        .aggregate(value=lambda t: t.amount.sum())
    )
    frame = bought.execute().sort_values(["customer", "day"])
    if frame.empty:
        raise BadInput(
            "no_purchases",
            "There is no purchase in the data: every amount is negative.",
            "数据中没有购买：金额全为负。",
        )
    frame["day"] = pd.to_datetime(frame["day"])
    return frame


def _usual_horizon(days: pd.DataFrame, span: float) -> float:
    gaps = days.groupby("customer")["day"].diff().dt.days.dropna() / 7
    if gaps.empty:
        raise BadInput(
            "nobody_repeats",
            "No customer bought twice, so nobody can be said to have stopped.",
            "没有客户复购，无法判断谁已停止购买。",
        )
    return float(np.clip(round(2 * float(gaps.median())), min(4.0, span / 4), max(1.0, span / 4)))


def _state(days: pd.DataFrame, cut: dt.date, weeks: float, step: dt.timedelta) -> tuple[pd.DataFrame, Array]:
    """Features of customers as they were on ``cut``, and who bought nothing in the horizon after it."""
    end = pd.Timestamp(cut)
    known = days[days["day"] <= end]
    grouped = known.groupby("customer")
    made = grouped.agg(purchases=("day", "size"), first=("day", "min"), last=("day", "max"), spent=("value", "sum"))
    made["recency"] = (end - made["last"]).dt.days / 7
    made = made[made["recency"] <= max(3 * weeks, 52.0)]
    made["tenure"] = (end - made["first"]).dt.days / 7
    made["mean_value"] = made["spent"] / made["purchases"]
    made["gap"] = np.where(
        made["purchases"] > 1, (made["tenure"] - made["recency"]) / np.maximum(made["purchases"] - 1, 1), np.nan
    )
    made["silence"] = made["recency"] / np.maximum(made["gap"], 0.5)
    recent = (
        known[known["day"] > end - step].groupby("customer").agg(recent=("day", "size"), recent_value=("value", "sum"))
    )
    before = (
        known[(known["day"] <= end - step) & (known["day"] > end - 2 * step)]
        .groupby("customer")
        .agg(before=("day", "size"))
    )
    made = made.join(recent).join(before).fillna({"recent": 0.0, "recent_value": 0.0, "before": 0.0})
    made["trend"] = made["recent"] - made["before"]
    later = set(days.loc[(days["day"] > end) & (days["day"] <= end + step), "customer"])
    gone = (~made.index.isin(later)).astype(float)
    return made[list(LABELS)].astype(float), gone


def _result(
    prepared: Features,
    learned: Learned,
    probability: Array,
    detail: dict[str, Any],
    notes: list[Note],
    as_of: dt.date | None,
    kind: type[ChurnResult] = ChurnResult,
) -> ChurnResult:
    effects = learned.contributions(prepared.frame)
    values, names = effects.to_numpy(), np.asarray(effects.columns, dtype=object)
    order = np.argsort(-values, axis=1)[:, :3]
    table = pd.DataFrame({"probability": probability}, index=prepared.frame.index)
    for i in range(order.shape[1]):
        table[f"reason_{i + 1}"] = names[order[:, i]]
        table[f"effect_{i + 1}"] = np.take_along_axis(values, order[:, i : i + 1], axis=1)[:, 0]
    base = float(detail["base_rate"])
    table["risk"] = np.select([probability >= max(2 * base, 0.5), probability >= base], ["high", "middle"], "low")
    strength = effects.abs().mean().sort_values(ascending=False)
    detail["reasons"] = [{"feature": str(name), "mean_effect": float(one)} for name, one in strength.head(10).items()]
    if detail["auc"] is not None and detail["auc"] < 0.6:
        notes.append(
            note(
                "churn.weak",
                "The model hardly tells one from the other (AUC {auc:.2f}); use it as a hint only.",
                "模型区分度很低（AUC {auc:.2f}），仅供参考。",
                auc=detail["auc"],
            )
        )
    return kind(
        model="churn",
        table=table.sort_values("probability", ascending=False),
        diagnostics=detail,
        notes=tuple(notes),
        as_of=as_of,
        features=prepared,
        learned=learned,
    )
