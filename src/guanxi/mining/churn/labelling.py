"""Columns of two values as yes and no: who left, which leads were won, who was addressed, who responded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd

from guanxi.mining.parsing import texts
from guanxi.mining.result import BadInput, Text

_YES: Final = frozenset({"yes", "y", "true", "t", "1", "1.0", "是", "有"})
_NO: Final = frozenset({"no", "n", "false", "f", "0", "0.0", "-1", "否", "无"})


@dataclass(frozen=True)
class Question:
    """What a label answers, and the words that say yes or no to it besides the usual ones."""

    yes: frozenset[str]
    no: frozenset[str]
    meaning: Text


LEFT: Final = Question(
    frozenset({"churned", "churn", "attrited", "attrition", "exited", "left", "lost", "gone", "cancelled", "canceled", "ended", "流失", "已流失", "已离开", "离开", "终止", "已终止"}),
    frozenset({"active", "stayed", "retained", "existing", "current", "未流失", "活跃", "在网", "在册", "留存", "未离开"}),
    Text("left", "流失"),
)  # fmt: skip
WON: Final = Question(
    frozenset({"won", "win", "converted", "sold", "success", "closed won", "customer", "赢单", "赢", "成交", "已成交", "成功", "已转化", "转化", "签约", "已签约"}),
    frozenset({"lost", "loss", "not converted", "failed", "failure", "closed lost", "disqualified", "输单", "丢单", "输", "未成交", "失败", "未转化", "流失", "作废", "未签约"}),
    Text("won", "成交"),
)  # fmt: skip
TREATED: Final = Question(
    frozenset({"treatment", "treated", "test", "exposed", "mailed", "addressed", "contacted", "variant", "实验组", "试验组", "处理组", "触达", "已触达", "测试组", "实验"}),
    frozenset({"control", "holdout", "hold-out", "untreated", "not mailed", "baseline", "none", "对照组", "空白组", "未触达", "对照"}),
    Text("addressed", "已触达"),
)  # fmt: skip
RESPONDED: Final = Question(
    frozenset({"responded", "response", "bought", "buy", "purchased", "converted", "visited", "clicked", "响应", "已响应", "购买", "已购买", "成交", "已成交", "转化", "已转化"}),
    frozenset({"none", "no response", "not responded", "nothing", "not bought", "未响应", "无响应", "未购买", "未成交", "未转化"}),
    Text("responded", "已响应"),
)  # fmt: skip
#: Values that name no outcome yet, where a label has them beside its two.
_OPEN: Final = frozenset({"open", "pending", "unknown", "in progress", "new", "joined", "?", "待定", "未知", "进行中", "跟进中", "未定"})  # fmt: skip


def _words(column: pd.Series, asked: Question) -> pd.Series:
    """A column as words. Beside a single other one, a word for nothing (“none”, “无”) is the answer no, not a gap."""
    written = texts(column).str.lower().str.removesuffix(".").str.replace(r"\s*(?:customers?|客户)$", "", regex=True)
    written = written.mask(written == "", texts(column).str.lower())
    if written.dropna().nunique() != 1:
        return written
    raw = column.astype("string").str.strip().str.lower()
    return written.fillna(raw.where(raw.isin(_NO | asked.no)))


def labels(column: pd.Series, asked: Question = LEFT) -> tuple[pd.Series, str]:
    """A column of two values as 0/1 (missing and still open ones stay missing) and the value that became 1. Raises :class:`BadInput` for other columns."""
    written = _words(column, asked)
    found = sorted(str(one) for one in written.dropna().unique())
    if len(found) > 2:
        written = written.mask(written.isin(_OPEN))
        found = [one for one in found if one not in _OPEN]
    if len(found) != 2:
        raise BadInput(
            "label.values",
            "The label {name} must have two values, yes and no; it has {n}: {sample}.",
            "标签列 {name} 须恰有两个值（是与否）；现有 {n} 个：{sample}。",
            name=column.name, n=len(found), sample=", ".join(found[:5]) or "-",
        )  # fmt: skip
    yes = [one for one in found if one in _YES | asked.yes] or [one for one in found if one not in _NO | asked.no]
    if len(yes) != 1:
        raise BadInput(
            "label.unclear",
            "It is not clear which of {a} and {b} means “{meaning}”; write yes and no.",
            "无法判断 {a} 与 {b} 中哪个表示“{meaning}”，请改写为是与否。",
            a=found[0], b=found[1], meaning=asked.meaning,
        )  # fmt: skip
    return (written == yes[0]).astype("Float64").where(written.notna()), yes[0]


def endings(column: pd.Series) -> pd.Series:
    """1 where something has ended, 0 where it goes on, as :func:`labels`; a column of nothing but yes is allowed."""
    said = _words(column, LEFT)
    if said.dropna().nunique() == 1 and said.dropna().isin(_YES | LEFT.yes).all():
        return said.notna().astype(float).where(said.notna())
    return labels(column)[0].astype("float64")
