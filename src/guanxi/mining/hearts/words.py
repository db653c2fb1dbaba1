"""What people write: sentiment by a lexicon that works offline in Chinese and English, a classifier for own labels, and topics of complaints.

The lexicon (``data/sentiment.tsv``) was written for this library and carries its licence. Negation turns, degree words strengthen; Chinese is cut with jieba.
With labelled texts of one's own, :func:`train` gives a far better model: naive Bayes log-count ratios with logistic regression (Wang and Manning, ACL 2012).
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from guanxi.mining.lifetime.estimate import Array
from guanxi.mining.result import BadInput, Result, Text, bar, gaps, note

_NOT = frozenset(
    [
        "不",
        "不会",
        "没",
        "没有",
        "无",
        "非",
        "别",
        "未",
        "不是",
        "并不",
        "毫无",
        "不够",
        "不太",
        "not",
        "no",
        "never",
        "n't",
        "without",
        "hardly",
        "cannot",
    ]
)
_VERY = frozenset(
    [
        "很",
        "非常",
        "太",
        "特别",
        "十分",
        "超",
        "超级",
        "极",
        "极其",
        "最",
        "真",
        "好",
        "挺",
        "相当",
        "very",
        "really",
        "extremely",
        "so",
        "too",
        "absolutely",
        "highly",
        "totally",
    ]
)
_STOP = frozenset(
    [
        "的",
        "了",
        "是",
        "在",
        "我",
        "也",
        "就",
        "都",
        "和",
        "有",
        "你",
        "他",
        "她",
        "它",
        "们",
        "这",
        "那",
        "一",
        "个",
        "与",
        "及",
        "the",
        "a",
        "an",
        "and",
        "or",
        "of",
        "to",
        "is",
        "was",
        "were",
        "be",
        "been",
        "i",
        "it",
        "this",
        "that",
        "in",
        "on",
        "for",
        "with",
        "my",
        "me",
        "they",
        "them",
        "we",
        "you",
        "at",
        "as",
        "by",
        "from",
        "have",
        "has",
        "had",
        "are",
    ]
)


@cache
def lexicon() -> dict[str, float]:
    """Word -> strength, positive or negative."""
    text = (Path(__file__).parent / "data" / "sentiment.tsv").read_text("utf-8")
    return {
        word: float(weight)
        for weight, words in (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
        for word in words.split()
    }


@cache
def _cutter() -> Any:
    import jieba  # noqa: PLC0415 - loading its dictionary takes a second

    jieba.setLogLevel(logging.WARNING)
    made = jieba.Tokenizer()
    made.initialize()
    for word in lexicon():
        if ord(word[0]) > 0x2E7F:
            made.add_word(word)
    return made


def tokens(text: str) -> list[str]:
    """Words of a text in either language, lower case, n't apart."""
    text = text.lower().replace("n't", " n't")
    if re.search(r"[\u4e00-\u9fff]", text):
        return [one for one in _cutter().cut(text) if one.strip()]
    return re.findall(r"n't|[a-z']+|[!?.,;]", text)


def sentiment(texts: Iterable[str]) -> Array:
    """−1 (bad) … 1 (good) of each text; 0 where nothing was recognised. A negation turns the next three words up to a comma, a degree word doubles the next."""
    return np.array([_score(tokens(str(one))) for one in texts])


def _score(words: Sequence[str]) -> float:
    known, total, weight, turned, strong = lexicon(), 0.0, 0.0, 0, 1.0
    for word in words:
        if word in "，。！？；,.!?;、":
            turned, strong = 0, 1.0
        elif word in known:
            value = known[word] * (-0.8 if turned > 0 else 1.0) * strong
            total, weight, turned, strong = total + value, weight + abs(known[word]) * strong, 0, 1.0
        elif word in _NOT:
            turned = 3
        elif word in _VERY:
            strong = 2.0
        else:
            turned, strong = turned - 1, 1.0
    return float(np.clip(total / weight, -1, 1)) if weight else 0.0


@dataclass(frozen=True)
class TextModel:
    """A classifier of one's own texts."""

    counter: Any
    ratio: Array
    model: Any

    def probability(self, texts: Sequence[str]) -> Array:
        """Probability of the positive label."""
        counts = sparse.csr_matrix(self.counter.transform(texts) > 0).astype(float)
        return np.asarray(self.model.predict_proba(counts.multiply(self.ratio).tocsr())[:, 1])


def train(texts: Sequence[str], positive: Sequence[int]) -> TextModel:
    """Learn from labelled texts (1 good, 0 bad). Raises :class:`BadInput` without twenty of each."""
    y = np.asarray(positive, dtype=int)
    if min(int(y.sum()), int((1 - y).sum())) < 20:
        raise BadInput("text.few", "At least twenty texts of each label are needed.", "每类至少需要二十条文本。")
    counter = CountVectorizer(
        tokenizer=tokens, token_pattern=None, ngram_range=(1, 2), min_df=2 if len(texts) > 200 else 1
    )
    counts = sparse.csr_matrix(counter.fit_transform(texts) > 0).astype(float)
    p, q = 1 + np.asarray(counts[y == 1].sum(axis=0)).ravel(), 1 + np.asarray(counts[y == 0].sum(axis=0)).ravel()
    ratio = np.log((p / p.sum()) / (q / q.sum()))
    return TextModel(counter, ratio, LogisticRegression(C=0.3, max_iter=300).fit(counts.multiply(ratio).tocsr(), y))


@dataclass(frozen=True, kw_only=True)
class TopicResult(Result):
    """One row per topic, the most frequent first: ``words`` (the weightiest), ``share`` of texts. ``own``: the topic of each text, −1 for none."""

    own: Array

    SAYS = Text("{share:.0%} of texts are about: {words}.", "{share:.0%} 的文本谈到：{words}。")
    TITLE = Text("Topics", "话题")

    def plot(self, language: str = "zh") -> dict[str, Any]:
        """Topics by their share of texts."""
        return bar(Text("Topics", "话题").in_(language), self.table["words"].tolist(), self.table["share"].tolist(), x="", y="")  # fmt: skip


class HotSpotResult(Result):
    """One row per group, the most surprising first: ``recent before expected p_value p_adjusted``."""

    SAYS = Text("{who}: {recent:.0f} lately, {expected:.1f} were to be expected (p = {p_adjusted:.3f}).", "{who}：近期 {recent:.0f} 件，预期 {expected:.1f} 件（p = {p_adjusted:.3f}）。")  # fmt: skip
    TITLE = Text("Complaints lately", "近期投诉")
    DRAWN = "recent"


def topics(texts: Sequence[str], *, number: int = 8, words: int = 6, seed: int = 0) -> TopicResult:
    """What texts are about: non-negative factors of tf–idf (Lee and Seung, Nature 401, 1999). Raises :class:`BadInput` when texts have no words in common."""

    def cut(text: str) -> list[str]:
        return [
            one
            for one in tokens(text)
            if one not in _STOP and len(one) > (1 if ord(one[0]) > 0x2E7F else 2) and not one.startswith("xx")
        ]

    read = pd.Series(list(texts), dtype="object")
    filled = read.notna() & (read.astype(str).str.strip() != "")
    said = read[filled].astype(str)
    if said.empty:
        raise BadInput("text.none", "There are no texts.", "没有文本。")
    if len(said) > 1 and said.nunique() == 1:
        raise BadInput("text.same", "All {n} texts are the same.", "{n} 条文本完全相同。", n=len(said))
    # Of a few texts a word may stand in all; of many, a word in every other one tells nothing apart.
    counter = TfidfVectorizer(tokenizer=cut, token_pattern=None, min_df=max(2, len(said) // 500), max_df=0.5 if len(said) >= 20 else 1.0)  # fmt: skip
    try:
        found = counter.fit_transform(said)
    except ValueError as error:
        raise BadInput("text.empty", "The texts have no words in common.", "文本没有共同的词。") from error
    k = max(1, min(number, found.shape[1] - 1, found.shape[0] - 1))
    model = NMF(k, init="nndsvd", random_state=seed, max_iter=300)
    with np.errstate(invalid="ignore"), warnings.catch_warnings():  # the error of a perfect fit may come out below 0
        warnings.simplefilter("ignore", ConvergenceWarning)  # of a few texts the last digits may go on moving
        weights = model.fit_transform(found)
    own = np.full(len(read), -1)
    own[filled.to_numpy()] = np.where(weights.max(axis=1) > 0, weights.argmax(axis=1), -1)
    names = counter.get_feature_names_out()
    rows = [
        (i, " ".join(names[j] for j in np.argsort(-part)[:words]), float((own == i).sum() / len(said)))
        for i, part in enumerate(model.components_)
    ]
    table = pd.DataFrame(rows, columns=["topic", "words", "share"]).sort_values("share", ascending=False)
    nowhere = int((own < 0).sum()) - int((~filled).sum())
    notes = list(gaps(int((~filled).sum()), "text"))
    if nowhere:
        notes.append(note("text.no_topic", "{count} texts belong to no topic.", "{count} 条文本不属于任何话题。", count=nowhere, warning=False))  # fmt: skip
    return TopicResult(
        model="topics", table=table.set_index("topic"), parameters={"number": k, "words": words, "seed": seed},
        diagnostics={"n": len(said), "terms": len(names)}, notes=tuple(notes), own=own,
    )  # fmt: skip


def hot_spots(when: Any, group: Any, *, recent: int = 30) -> HotSpotResult:
    """Where complaints rise: per group the count of the last ``recent`` days, the expected one from before, and the Poisson chance of so many (Holm-corrected)."""
    from scipy import stats  # noqa: PLC0415 - only here

    from guanxi.mining.offers.baskets import adjusted  # noqa: PLC0415 - only here

    frame = pd.DataFrame({"when": pd.to_datetime(pd.Series(when)), "group": pd.Series(group).astype(str)}).dropna()
    if frame.empty:
        raise BadInput("date.empty", "There are no dates.", "没有日期。")
    end = frame["when"].max()
    cut = end - pd.Timedelta(days=recent)
    before_days = max(1, (cut - frame["when"].min()).days)
    made = pd.DataFrame(
        {
            "recent": frame[frame["when"] > cut]["group"].value_counts(),
            "before": frame[frame["when"] <= cut]["group"].value_counts(),
        }
    ).fillna(0)
    made["expected"] = (made["before"] + 0.5) * recent / before_days
    made["p_value"] = stats.poisson.sf(made["recent"] - 1, made["expected"])
    made["p_adjusted"] = adjusted(made["p_value"].to_numpy(dtype=float), "holm")
    short = (cut - frame["when"].min()).days < recent
    notes = (note("spot.short", "There is hardly any time before the last {days} days to compare with.", "最近 {days} 天之前的数据太少，难以比较。", days=recent),) if short else ()  # fmt: skip
    return HotSpotResult(
        model="hot_spots", table=made.sort_values("p_value").rename_axis("group"), parameters={"recent": recent}, notes=notes,
        diagnostics={"n": len(frame), "rising": int((made["p_adjusted"] < 0.05).sum())}, as_of=end.date(),
    )  # fmt: skip
