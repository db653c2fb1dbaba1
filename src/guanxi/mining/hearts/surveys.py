"""What people say when asked: CSAT, NPS, CES, importance and performance, and whether a scale measures one thing. Loyalty is next door.

Reichheld, “The one number you need to grow”, HBR (2003); Dixon, Freeman and Toman, “Stop trying to delight your customers”, HBR (2010); Oliver, “A cognitive model of the
antecedents and consequences of satisfaction decisions”, JMR 17 (1980); Martilla and James, “Importance–performance analysis”, Journal of Marketing 41 (1977); Fornell et al., “The
American customer satisfaction index”, Journal of Marketing 60 (1996); Cronbach, Psychometrika 16 (1951).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import numpy as np
import pandas as pd
from scipy import stats

from guanxi.mining.amounts import numeric
from guanxi.mining.lifetime.estimate import Array
from guanxi.mining.parsing import frame_of
from guanxi.mining.result import BadInput, Note, Result, Text, few, note, plain, require_columns


class ScoreResult(Result):
    """One row per group of answers: ``count``, ``share``. The score and its interval stand in ``diagnostics``."""

    SAYS = Text("{who}: {count} answers, {share:.0%}.", "{who}：{count} 份，占 {share:.0%}。")
    TITLE = Text("Answers", "答卷分布")
    DRAWN = "share"
    WORDS: ClassVar = {
        "promoters": Text("Promoters (9–10)", "推荐者（9–10）"),
        "passives": Text("Passives (7–8)", "中立者（7–8）"),
        "detractors": Text("Detractors (0–6)", "贬损者（0–6）"),
    }


class GapResult(Result):
    """One row per person: ``expected performed gap verdict`` (delighted, satisfied, disappointed)."""

    SAYS = Text("{who} expected {expected:.1f} and got {performed:.1f}: {verdict}.", "{who} 期望 {expected:.1f}，实际 {performed:.1f}：{verdict}。")  # fmt: skip
    TITLE = Text("Performance against expectation", "实际与期望")
    COUNTED = "verdict"
    WORDS: ClassVar = {
        "delighted": Text("delighted", "惊喜"),
        "satisfied": Text("satisfied", "满意"),
        "disappointed": Text("disappointed", "失望"),
    }


class ImportanceResult(Result):
    """One row per attribute, the most important first: ``importance performance quadrant``."""

    SAYS = Text("{who}: importance {importance:.2f}, performance {performance:.2f}: {quadrant}.", "{who}：重要性 {importance:.2f}，表现 {performance:.2f}：{quadrant}。")  # fmt: skip
    WORDS: ClassVar = {
        "concentrate here": Text("concentrate here", "重点改进"),
        "keep up the good work": Text("keep up the good work", "继续保持"),
        "low priority": Text("low priority", "低优先级"),
        "possible overkill": Text("possible overkill", "投入可能过多"),
    }

    def plot(self, language: str = "zh") -> dict[str, Any]:
        """Importance across, performance up; lines at both means cut the four quadrants."""
        points = [
            {"name": str(name), "value": plain([row["importance"], row["performance"]])}
            for name, row in self.table.iterrows()
        ]
        middle = plain([self.table["importance"].mean(), self.table["performance"].mean()])
        lines = {"symbol": "none", "data": [{"xAxis": middle[0]}, {"yAxis": middle[1]}]}
        return {
            "title": {"text": Text("Importance and performance", "重要性与表现").in_(language)},
            "tooltip": {},
            "xAxis": {"type": "value", "scale": True, "name": Text("importance", "重要性").in_(language)},
            "yAxis": {"type": "value", "scale": True, "name": Text("performance", "表现").in_(language)},
            "series": [
                {"type": "scatter", "data": points, "label": {"show": True, "formatter": "{b}"}, "markLine": lines}
            ],
        }


class IndexResult(Result):
    """One row per driver, the weightiest first: ``weight`` (0…1), ``mean``. ``diagnostics``: ``index`` 0…100, ``r2``, ``n``."""

    SAYS = Text("{who} carries {weight:.0%} of satisfaction; its mean is {mean:.2f}.", "{who} 占满意度权重的 {weight:.0%}，均值 {mean:.2f}。")  # fmt: skip
    TITLE = Text("Weight for satisfaction", "对满意度的权重")
    DRAWN = "weight"


class ScaleResult(Result):
    """One row per item: ``without`` (alpha of the scale without it), ``mean``, ``rest`` (correlation with the sum of the others). ``diagnostics``: ``alpha``, ``n``, ``items``."""

    SAYS = Text("Without {who} alpha is {without:.2f}; it goes with the others by {rest:.2f}.", "去掉 {who} 后 α 为 {without:.2f}，与其余题目相关 {rest:.2f}。")  # fmt: skip
    TITLE = Text("Alpha without each item", "去掉各题后的 α")
    DRAWN = "without"


def answers(values: Any, low: float, high: float) -> tuple[Array, list[Note]]:
    """Answers as numbers, and a note on those missing. Raises :class:`BadInput` when none is left or one lies outside the scale."""
    given = np.asarray(pd.to_numeric(pd.Series(values), errors="coerce"), dtype=float)
    found: Array = given[np.isfinite(given)]
    if not len(found):
        raise BadInput("survey.empty", "There are no answers.", "没有答卷。")
    if ((found < low) | (found > high)).any():
        raise BadInput(
            "survey.range",
            "Answers must lie between {low} and {high}; there is {odd:g}.",
            "答案须在 {low} 与 {high} 之间，出现了 {odd:g}。",
            low=low, high=high, odd=float(found[(found < low) | (found > high)][0]),
        )  # fmt: skip
    lost = len(given) - len(found)
    notes = [] if not lost else [note("survey.missing", "{count} rows without an answer were left out.", "{count} 行没有答案，未计入。", count=lost)]  # fmt: skip
    if len(found) > 1 and float(np.ptp(found)) == 0:
        notes.append(note("survey.constant", "Everybody answered the same.", "所有人的答案都相同。"))
    return found, [*notes, *few(len(found))]


def nps(scores: Any, *, level: float = 0.95) -> ScoreResult:
    """Net promoter score from answers 0…10: share of 9–10 minus share of 0–6, in points (−100…100), with an interval.

    ``diagnostics``: ``nps low high promoters detractors n``. Variance of the difference of two shares of one sample: (p + d − (p − d)²)/n. NaN bounds with one answer.
    """
    found, notes = answers(scores, 0, 10)
    n, up, down = len(found), int((found >= 9).sum()), int((found <= 6).sum())
    p, d = up / n, down / n
    spread = np.sqrt((p + d - (p - d) ** 2) / n) if n > 1 else float("nan")
    z = stats.norm.ppf((1 + level) / 2)
    low, high = 100 * (p - d - z * spread), 100 * (p - d + z * spread)
    table = pd.DataFrame({"count": [up, n - up - down, down]}, index=pd.Index(["promoters", "passives", "detractors"], name="group"))  # fmt: skip
    table["share"] = table["count"] / n
    detail = {"nps": 100 * (p - d), "low": float(low), "high": float(high), "promoters": p, "detractors": d, "n": n}
    return ScoreResult(model="nps", table=table, parameters={"level": level}, diagnostics=detail, notes=tuple(notes))


def wilson(hits: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share (1927): holds for few answers and shares near 0 or 1."""
    z = float(stats.norm.ppf((1 + level) / 2))
    p = hits / n
    middle, half = (
        (p + z * z / (2 * n)) / (1 + z * z / n),
        z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n),
    )
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def _counted(found: Array, scale: int) -> pd.DataFrame:
    """How many gave each answer; answers between two whole ones count with the nearer."""
    counts = pd.Series(np.round(found).astype(int)).value_counts().reindex(range(1, scale + 1), fill_value=0)
    return pd.DataFrame({"count": counts, "share": counts / len(found)}).rename_axis("answer")


def csat(scores: Any, *, scale: int = 5, level: float = 0.95) -> ScoreResult:
    """Share of satisfied answers (the upper two of the scale) with Wilson's interval, and the mean. ``diagnostics``: ``csat low high mean n``."""
    found, notes = answers(scores, 1, scale)
    hits = int((found >= scale - 1).sum())
    low, high = wilson(hits, len(found), level)
    detail = {"csat": hits / len(found), "low": low, "high": high, "mean": float(found.mean()), "n": len(found)}
    return ScoreResult(
        model="csat", table=_counted(found, scale), parameters={"scale": scale, "level": level}, diagnostics=detail, notes=tuple(notes)
    )  # fmt: skip


def ces(scores: Any, *, scale: int = 7, level: float = 0.95) -> ScoreResult:
    """Customer effort score: mean of answers 1…scale (“it was easy”), with a t interval. ``diagnostics``: ``ces low high n``."""
    found, notes = answers(scores, 1, scale)
    n = len(found)
    half = float(stats.t.ppf((1 + level) / 2, n - 1) * found.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
    mean = float(found.mean())
    return ScoreResult(
        model="ces", table=_counted(found, scale), parameters={"scale": scale, "level": level},
        diagnostics={"ces": mean, "low": mean - half, "high": mean + half, "n": n}, notes=tuple(notes),
    )  # fmt: skip


def disconfirmation(expected: Any, performed: Any) -> GapResult:
    """Satisfaction as performance against expectation (Oliver): each person's ``gap`` and ``verdict``; the mean gap with a t-test against 0."""
    e, p = pd.Series(expected, dtype=float), pd.Series(performed, dtype=float)
    if len(e) != len(p) or not len(e):
        raise BadInput("survey.pairs", "Expectation and performance must come in pairs.", "期望与实际须成对给出。")
    gap = p.to_numpy() - e.to_numpy()
    known = gap[np.isfinite(gap)]
    table = pd.DataFrame({"expected": e.to_numpy(), "performed": p.to_numpy(), "gap": gap}, index=e.index)
    table["verdict"] = np.select([gap > 0, gap == 0], ["delighted", "satisfied"], "disappointed")
    tested = len(known) > 1 and float(np.ptp(known)) > 0
    detail = {"n": len(known), "mean_gap": float(known.mean()) if len(known) else float("nan"), "p_value": float(stats.ttest_1samp(known, 0).pvalue) if tested else None}  # fmt: skip
    return GapResult(model="disconfirmation", table=table[np.isfinite(gap)], diagnostics=detail, notes=few(len(known)))


def importance_performance(
    performance: pd.DataFrame, overall: Any, stated: Mapping[str, float] | None = None
) -> ImportanceResult:
    """Each attribute's ``performance`` (mean), ``importance`` (stated, else its standardised weight for the overall score) and ``quadrant``.

    Quadrants by the means of both: concentrate here, keep up, low priority, possible overkill.
    """
    means = performance.mean()
    notes: tuple[Note, ...] = few(len(performance))
    detail: dict[str, Any] = {"n": len(performance)}
    if stated is not None:
        require_columns(list(stated), *map(str, means.index))
        weight = pd.Series(stated, dtype=float).reindex(means.index)
    else:
        index = satisfaction_index(performance, overall)
        weight, notes, detail = index.table["weight"].reindex(means.index), index.notes, {"n": index.diagnostics["n"], "r2": index.diagnostics["r2"]}  # fmt: skip
    a, b = weight.mean(), means.mean()
    quadrant = np.select(
        [(weight >= a) & (means < b), (weight >= a) & (means >= b), (weight < a) & (means < b)],
        ["concentrate here", "keep up the good work", "low priority"],
        "possible overkill",
    )
    table = pd.DataFrame({"importance": weight, "performance": means, "quadrant": quadrant})
    return ImportanceResult(
        model="importance_performance", table=table.sort_values("importance", ascending=False), diagnostics=detail, notes=notes,
        parameters={"importance": "stated" if stated is not None else "derived"},
    )  # fmt: skip


def satisfaction_index(drivers: pd.DataFrame, overall: Any, *, low: float = 1, high: float = 5) -> IndexResult:
    """Index 0…100 from driver scores, weighted by their standardised effect on the overall score (least squares; negative weights count as 0).

    As the ACSI does it, with regression in place of latent variables. ``r2`` says how much the drivers explain. Raises :class:`BadInput` with too few complete answers.
    """
    x, y = drivers.astype(float), np.asarray(overall, dtype=float)
    known = x.notna().all(axis=1).to_numpy() & np.isfinite(y)
    lost = int((~known).sum())
    x, y = x[known], y[known]
    if len(x) < x.shape[1] + 2:
        raise BadInput("survey.few", "Too few complete answers for so many drivers.", "完整答卷太少。")
    notes = [*few(len(x))]
    if lost:
        notes.append(note("survey.missing", "{count} rows without an answer were left out.", "{count} 行没有答案，未计入。", count=lost))  # fmt: skip
    spread = x.std(ddof=0).replace(0, 1)
    z = np.column_stack([np.ones(len(x)), (x - x.mean()) / spread])
    beta, *_rest = np.linalg.lstsq(z, y, rcond=None)
    weights = pd.Series(np.clip(beta[1:], 0, None), index=x.columns)
    if weights.sum():
        weights = weights / weights.sum()
    else:
        weights = pd.Series(1 / len(weights), index=x.columns)
        notes.append(note("survey.no_driver", "No driver moves the overall score; all weigh alike.", "没有任何因素影响总体评分，权重相同。"))  # fmt: skip
    r2 = 1 - float(((y - z @ beta) ** 2).sum() / max(((y - y.mean()) ** 2).sum(), 1e-300))
    index = float(100 * ((x.mean() - low) / (high - low) * weights).sum())
    table = pd.DataFrame({"weight": weights, "mean": x.mean()}).rename_axis("driver")
    return IndexResult(
        model="satisfaction_index", table=table.sort_values("weight", ascending=False), parameters={"low": low, "high": high},
        diagnostics={"index": index, "r2": r2, "n": len(x)}, notes=tuple(notes),
    )  # fmt: skip


def cronbach_alpha(items: pd.DataFrame) -> ScaleResult:
    """Cronbach's alpha of a scale: k/(k−1)·(1 − Σ item variances / variance of the sum); also without each item. Reversed items must be turned first."""
    x = items.dropna().astype(float)
    k = x.shape[1]
    if k < 2 or len(x) < 3:
        raise BadInput(
            "survey.scale",
            "A scale needs two items and three complete answers.",
            "量表至少需要两个题目和三份完整答卷。",
        )

    def alpha(part: pd.DataFrame) -> float:
        whole, size = float(part.sum(axis=1).var(ddof=1)), part.shape[1]
        return float("nan") if whole == 0 or size < 2 else size / (size - 1) * (1 - float(part.var(ddof=1).sum()) / whole)  # fmt: skip

    rest = {name: x.drop(columns=name).sum(axis=1) for name in x.columns}
    rows = [(alpha(x.drop(columns=name)), float(x[name].mean()), _together(x[name], rest[name])) for name in x.columns]
    table = pd.DataFrame(rows, columns=["without", "mean", "rest"], index=pd.Index([str(one) for one in x.columns], name="item"))  # fmt: skip
    whole, notes = alpha(x), [*few(len(x))]
    turned = [str(name) for name in table.index[table["rest"] < 0]]
    if turned:
        notes.append(note("scale.turned", "Goes against the others, perhaps asked the other way round: {names}.", "与其余题目方向相反，可能为反向题：{names}。", names=", ".join(turned)))  # fmt: skip
    if whole < 0.7:
        notes.append(note("scale.low", "Alpha is below 0.7: the items hardly measure one thing.", "α 低于 0.7，各题未必测量同一事物。"))  # fmt: skip
    detail = {"alpha": whole, "n": len(x), "items": k}
    return ScaleResult(model="cronbach_alpha", table=table, diagnostics=detail, notes=tuple(notes))


def _together(a: pd.Series, b: pd.Series) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if float(np.ptp(a)) and float(np.ptp(b)) else float("nan")


class SatisfactionResult(Result):
    """Every score that was asked for. One row per driver as :class:`ImportanceResult` has it; without drivers one per score and answer: ``count share``.

    ``diagnostics``: ``nps``, ``csat``, ``ces`` and ``index``, each with its figures.
    """

    WORDS: ClassVar = ScoreResult.WORDS | ImportanceResult.WORDS
    TITLE = Text("Satisfaction", "满意度")


_SCORES: Final = {"nps": nps, "csat": csat, "ces": ces}


def satisfaction(
    data: Any, *, nps: str = "", csat: str = "", ces: str = "", drivers: Sequence[str] = (), csat_scale: int = 5, ces_scale: int = 7
) -> SatisfactionResult:  # fmt: skip
    """All that a table of answers says, from the columns named. Raises :class:`BadInput` for missing columns, none named, or answers outside their scale."""
    frame = frame_of(data)
    asked = {"nps": (nps, {}), "csat": (csat, {"scale": csat_scale}), "ces": (ces, {"scale": ces_scale})}
    require_columns(frame.columns, nps, csat, ces, *drivers)
    if not (nps or csat or ces):
        raise BadInput("survey.nothing", "Name at least one column of scores.", "请至少指定一个评分列。")
    frame, notes = numeric(frame, [*(one for one in (nps, csat, ces) if one), *drivers])
    detail: dict[str, Any] = {"rows": len(frame)}
    parts = {}
    for name, (column, scale) in asked.items():
        if column:
            found = _SCORES[name](frame[column], **scale)
            detail[name], parts[name] = dict(found.diagnostics), found.table.rename(index=str)
            notes += [one for one in found.notes if one not in notes]
    table = pd.concat(parts, names=["score", "answer"])
    if drivers and csat:
        known = frame[[*drivers, csat]].dropna()
        important = importance_performance(known[list(drivers)], known[csat].to_numpy())
        index = satisfaction_index(known[list(drivers)], known[csat].to_numpy(), high=csat_scale)
        table, detail["index"] = important.table, dict(index.diagnostics)
        notes += [one for one in important.notes if one not in notes]
    elif drivers:
        notes.append(note("survey.no_overall", "What matters is learnt from overall satisfaction; name its column.", "重要性须由总体满意度得出，请指定其列。"))  # fmt: skip
    parameters = {"csat_scale": csat_scale, "ces_scale": ces_scale, "drivers": list(drivers)}
    return SatisfactionResult(model="satisfaction", table=table, parameters=parameters, diagnostics=detail, notes=tuple(notes))  # fmt: skip
