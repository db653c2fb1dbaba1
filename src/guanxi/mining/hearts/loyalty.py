"""Loyalty in heart and deed: Dick and Basu's matrix, Knox's diamond, and Oliver's four components.

Dick and Basu, “Customer loyalty: toward an integrated conceptual framework”, JAMS 22 (1994); Knox, “Loyalty-based segmentation and the customer development process”, European
Management Journal 16 (1998); Oliver, “Whence consumer loyalty?”, Journal of Marketing 63 (1999); Morgan and Hunt, “The commitment–trust theory”, Journal of Marketing 58 (1994).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from guanxi.mining.result import BadInput, Note, Result, Text, few, note, require_columns


class LoyaltyResult(Result):
    """One row per customer: ``repeat attitude loyalty`` (true, spurious, latent, none)."""

    SAYS = Text("{who}: {loyalty} (repeat behaviour {repeat:g}, attitude {attitude:g}).", "{who}：{loyalty}（重复购买 {repeat:g}，态度 {attitude:g}）。")  # fmt: skip
    TITLE = Text("Loyalty in heart and deed", "忠诚：态度与行为")
    COUNTED = "loyalty"
    WORDS: ClassVar = {
        "true": Text("true loyalty", "真正忠诚"),
        "spurious": Text("spurious loyalty", "虚假忠诚"),
        "latent": Text("latent loyalty", "潜在忠诚"),
        "none": Text("no loyalty", "不忠诚"),
    }


class DiamondResult(Result):
    """One row per customer: ``involvement suppliers kind`` (loyals, habituals, variety seekers, switchers)."""

    SAYS = Text("{who}: {kind} (involvement {involvement:g}, {suppliers:g} suppliers).", "{who}：{kind}（投入度 {involvement:g}，供应商 {suppliers:g} 家）。")  # fmt: skip
    TITLE = Text("Loyalty diamond", "忠诚钻石")
    COUNTED = "kind"
    WORDS: ClassVar = {
        "loyals": Text("loyals", "忠诚者"),
        "habituals": Text("habituals", "习惯者"),
        "variety seekers": Text("variety seekers", "多样性寻求者"),
        "switchers": Text("switchers", "转换者"),
    }


class PhaseResult(Result):
    """One row per person: the mean of each component, and ``phase``, the last one reached in order."""

    TITLE = Text("Phase of loyalty reached", "达到的忠诚阶段")
    COUNTED = "phase"
    WORDS: ClassVar = {
        "none": Text("none", "未达到"),
        "cognitive": Text("cognitive", "认知"),
        "affective": Text("affective", "情感"),
        "conative": Text("conative", "意向"),
        "behavioural": Text("behavioural", "行为"),
    }


def _pair(first: Any, second: Any) -> tuple[pd.Series, pd.Series]:
    a, b = pd.Series(first, dtype=float), pd.Series(second, dtype=float)
    if len(a) != len(b) or not len(a):
        raise BadInput("survey.pairs", "Both figures are needed for every customer.", "每位客户都需要两项数值。")
    b.index = a.index
    known = a.notna() & b.notna()
    return a[known], b[known]


def _doubts(a: pd.Series, b: pd.Series) -> list[Note]:
    alike = [str(place + 1) for place, one in enumerate((a, b)) if one.nunique() <= 1]
    found = [*few(len(a))]
    if alike:
        found.append(note("split.constant", "All customers are alike in one of the two figures; nobody stands above its middle.", "有一项数值所有客户都相同，无人高于中位数。"))  # fmt: skip
    return found


def dick_basu(repeat: Any, attitude: Any) -> LoyaltyResult:
    """Loyalty from repeat buying and relative attitude, each split at its median: true, spurious, latent, none."""
    r, a = _pair(repeat, attitude)
    often, fond = r > r.median(), a > a.median()
    kind = np.select([often & fond, often & ~fond, ~often & fond], ["true", "spurious", "latent"], "none")
    table = pd.DataFrame({"repeat": r, "attitude": a, "loyalty": kind})
    return LoyaltyResult(
        model="dick_basu", table=table, parameters={"repeat": float(r.median()), "attitude": float(a.median())},
        diagnostics={"n": len(table), **table["loyalty"].value_counts().to_dict()}, notes=tuple(_doubts(r, a)),
    )  # fmt: skip


def knox_diamond(involvement: Any, suppliers: Any) -> DiamondResult:
    """Knox's diamond from involvement with the purchase and number of suppliers used: loyals, habituals, variety seekers, switchers."""
    i, s = _pair(involvement, suppliers)
    care, single = i > i.median(), s <= s.median()
    kind = np.select([care & single, ~care & single, care & ~single], ["loyals", "habituals", "variety seekers"], "switchers")  # fmt: skip
    table = pd.DataFrame({"involvement": i, "suppliers": s, "kind": kind})
    return DiamondResult(
        model="knox_diamond", table=table, parameters={"involvement": float(i.median()), "suppliers": float(s.median())},
        diagnostics={"n": len(table), **table["kind"].value_counts().to_dict()}, notes=tuple(_doubts(i, s)),
    )  # fmt: skip


def loyalty_phases(
    answers: pd.DataFrame, phases: Mapping[str, Sequence[str]], *, threshold: float = 4.0
) -> PhaseResult:
    """Oliver's four components (cognitive, affective, conative, behavioural): their means per person, and ``phase``, the last one reached in order.

    ``phases`` names the items of each component in that order; a component is reached when its mean is at least ``threshold``. Also serves trust and commitment scales.
    """
    require_columns(answers.columns, *(name for items in phases.values() for name in items))
    made = pd.DataFrame({name: answers[list(items)].astype(float).mean(axis=1) for name, items in phases.items()})
    reached = (made >= threshold).cumprod(axis=1)
    names = np.asarray(["none", *made.columns])
    means = {str(name): float(value) for name, value in made.mean().items()}
    made["phase"] = names[reached.sum(axis=1).to_numpy(dtype=int)]
    return PhaseResult(
        model="loyalty_phases", table=made, parameters={"threshold": threshold, "phases": {name: list(items) for name, items in phases.items()}},
        diagnostics={"n": len(made), "means": means}, notes=few(len(made)),
    )  # fmt: skip
