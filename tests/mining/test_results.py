"""One contract over the whole library: every analysis gives a typed result that explains itself in both languages, draws itself and says how it came about."""

import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Callable
from typing import Any, get_type_hints

import numpy as np
import pandas as pd
import pytest

import guanxi.mining
from guanxi.mining.result import BadInput, Result
from guanxi.mining.transactions import Transactions, transactions

BLOCKS = {
    "adjusted", "answers", "backtest", "bar", "btyd_summary", "by_chance", "candidates", "concordance", "counted", "customer_summary", "dates", "decayed", "effect", "endings", "factorised",
    "features", "few", "fit_purchases", "fitted", "frame_of", "frequent_itemsets", "from_sample", "gamma_gamma", "gaps", "gamma_gamma_rows", "gamma_steps", "gini", "half_life", "jaro_winkler", "judged",
    "labels", "learn", "learner", "lexicon", "looks_like", "maximise", "mean", "measures", "naive", "note", "numbers", "numeric", "pairs_of", "plain", "predicted", "psi", "purchase_days", "qini", "require_columns", "rfm_expression",
    "abc_expression", "scored", "seasonal_naive", "segment_of", "sentiment", "series_of", "shares", "shifted_beta_geometric", "spread", "stage_of", "stay_silent", "summary_expression", "texts", "tokens", "train",
    "transactions", "until", "value_of", "weighted", "wilson", "words",
    *(f"{model}_{part}" for model in ("pareto", "beta_geometric") for part in ("rows", "alive", "expected")),
}  # fmt: skip
"""Public functions that are parts of analyses (readers, formulas, fitted models), not analyses."""


def bought(customers: int = 120, seed: int = 5) -> pd.DataFrame:
    """Receipts over two years of customers who differ in pace, some of whom left."""
    generator, rows = np.random.default_rng(seed), []
    for who in range(customers):
        pace, stays = generator.gamma(2, 15) + 5, generator.choice([generator.integers(120, 731), 731])
        at = generator.uniform(0, 60)
        while at < stays:
            item = "ABCD"[int(generator.integers(0, 4))]
            rows.append(
                (f"c{who:03d}", at, round(float(generator.gamma(3, 20 + who % 7 * 10)), 2), item, len(rows) // 2)
            )
            at += generator.exponential(pace)
    frame = pd.DataFrame(rows, columns=["who", "at", "amount", "item", "receipt"])
    frame["day"] = pd.Timestamp("2023-01-01") + pd.to_timedelta(frame.pop("at").astype(int), unit="D")
    return frame


FRAME = bought()
SALES = transactions(FRAME, customer="who", date="day", amount="amount")
RANDOM = np.random.default_rng(9)
PEOPLE = pd.DataFrame({"id": range(120), "age": RANDOM.integers(20, 70, 120), "plan": RANDOM.choice(["x", "y", "z"], 120), "city": RANDOM.choice(["甲", "乙"], 120)})  # fmt: skip
PEOPLE["left"] = np.where(RANDOM.random(120) < PEOPLE["age"] / 100, "yes", "no")
PEOPLE["months"], PEOPLE["ended"] = RANDOM.integers(1, 40, 120), (PEOPLE["left"] == "yes").astype(int)
PEOPLE["spend"] = PEOPLE["age"] * 2 + RANDOM.normal(0, 5, 120)
SCORES = pd.DataFrame({"price": RANDOM.integers(1, 6, 60), "service": RANDOM.integers(1, 6, 60)})
OVERALL = (SCORES.mean(axis=1) + RANDOM.normal(0, 0.2, 60)).clip(1, 5)
WORDS = ["delivery late again parcel lost", "screen broken after week", "发货 太慢 包裹 丢失", "屏幕 坏了 质量 差"] * 10
TREATED = pd.DataFrame({"mail": np.tile([1, 0], 150), "visit": (RANDOM.random(300) < np.tile([0.5, 0.3], 150)).astype(int), "age": RANDOM.integers(20, 70, 300)})  # fmt: skip
TWINS = pd.DataFrame({"id": range(40), "name": [f"name{one // 2}" for one in range(40)], "town": [f"t{one // 2 % 5}" for one in range(40)]})  # fmt: skip


def _drift(drift: Any) -> Result:
    spread = importlib.import_module("guanxi.mining.drift").spread
    return drift(PEOPLE[["age", "spend"]], spread(PEOPLE[["age", "spend"]].head(60)))


CASES: dict[str, Callable[[Any], Result]] = {
    "abc": lambda f: f(SALES),
    "baskets": lambda f: f(FRAME, basket="receipt", item="item", min_support=0.01, min_confidence=0.05),
    "ces": lambda f: f([7, 6, 5, 2]),
    "churn": lambda f: f(SALES, horizon=6),
    "churn_table": lambda f: f(PEOPLE[["id", "age", "plan", "left"]], label="left", customer="id"),
    "clusters": lambda f: f(PEOPLE, columns=["age", "spend"], most=3),
    "clv": lambda f: f(SALES),
    "clv_holdout": lambda f: f(SALES, calibrate_until=pd.Timestamp("2024-03-31").date()),
    "cohorts": lambda f: f(SALES, every="quarter"),
    "cronbach_alpha": lambda f: f(SCORES),
    "cross_table": lambda f: f(PEOPLE, rows="plan", columns="city"),
    "csat": lambda f: f([5, 4, 3, 1, 5]),
    "dick_basu": lambda f: f([9, 9, 1, 1], [9, 1, 9, 1]),
    "disconfirmation": lambda f: f([3, 4, 4], [5, 2, 4]),
    "drift": _drift,
    "forecast": lambda f: f(SALES, every="month", steps=3),
    "forecast_series": lambda f: f(pd.Series(np.arange(30.0) + RANDOM.normal(0, 1, 30), index=pd.date_range("2022-01-31", periods=30, freq="ME")), every="month", steps=3),
    "hazards": lambda f: f(PEOPLE, length="months", ended="ended", covariates=["age", "plan"], customer="id"),
    "holes": lambda f: f(pd.date_range("2024-01-01", "2024-02-29").difference([pd.Timestamp("2024-02-06")])),
    "hot_spots": lambda f: f(pd.date_range("2024-01-01", periods=120), ["a", "b"] * 60),
    "importance_performance": lambda f: f(SCORES, OVERALL),
    "key_accounts": lambda f: f(pd.Series({"a": 60, "b": 30, "c": 10}), share=0.7),
    "knox_diamond": lambda f: f([9, 1, 9, 1], [1, 1, 5, 5]),
    "lead_scores": lambda f: f(PEOPLE[["id", "age", "plan", "left"]], won="left", lead="id"),
    "loyalty_phases": lambda f: f(SCORES, {"cognitive": ["price"], "affective": ["service"]}),
    "nps": lambda f: f([10, 9, 7, 3]),
    "profitability": lambda f: f(FRAME, customer="who", revenue="amount"),
    "quadrants": lambda f: f([9, 9, 1, 1], [9, 1, 9, 1]),
    "quality": lambda f: f(PEOPLE),
    "recommend": lambda f: f(FRAME, customer="who", item="item"),
    "regression": lambda f: f(PEOPLE, target="spend", drivers=["age"]),
    "resolve": lambda f: f(TWINS, key="id", columns=["name", "town"], blocks=[["name"]]),
    "rfm": lambda f: f(SALES),
    "rfm_per_category": lambda f: f(FRAME, category="item", customer="who", date="day", amount="amount"),
    "rhythm": lambda f: f(SALES),
    "satisfaction_index": lambda f: f(SCORES, OVERALL),
    "satisfaction": lambda f: f(SCORES.assign(all=OVERALL.round(), tell=[9, 3] * 30), nps="tell", csat="all", drivers=["price", "service"]),
    "sequences": lambda f: f(FRAME, customer="who", item="item", order="day"),
    "share_of_wallet": lambda f: f([5, 5], [20, 10]),
    "stages": lambda f: f(SALES, months=3),
    "survival": lambda f: f(PEOPLE["months"], PEOPLE["ended"]),
    "topics": lambda f: f(WORDS, number=2),
    "uplift": lambda f: f(TREATED, treatment="mail", response="visit"),
    "what_if": lambda f: f(100, 10, 0.8, 20, 5),
    "what_if_sales": lambda f: f(SALES, told={"retention": 0.7}),
    "win_back": lambda f: f(SALES),
}  # fmt: skip


def functions() -> dict[str, Any]:
    """Every public function that is defined in the library."""
    found: dict[str, Any] = {}
    for one in pkgutil.walk_packages(guanxi.mining.__path__, "guanxi.mining."):
        module = importlib.import_module(one.name)
        own = {
            name: value
            for name, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == one.name
        }
        found |= {name: value for name, value in own.items() if not name.startswith("_")}
    return found


EVERY = functions()


def test_every_public_function_is_an_analysis_with_a_result_or_a_named_part() -> None:
    analyses = {name for name, one in EVERY.items() if inspect.isclass(kind := get_type_hints(one, vars(importlib.import_module(one.__module__)) | {"Transactions": Transactions}).get("return")) and issubclass(kind, Result)}  # fmt: skip
    assert analyses - BLOCKS == set(CASES)
    assert set(EVERY) - analyses <= BLOCKS


@pytest.mark.parametrize("name", sorted(CASES))
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_result_is_typed_explains_and_draws_itself(name: str) -> None:
    result = CASES[name](EVERY[name])
    assert isinstance(result, Result)
    assert result.model
    assert isinstance(result.table, pd.DataFrame)
    assert len(result.table)
    assert result.parameters or result.diagnostics
    key = result.table["left"].iloc[0] if name == "resolve" else result.table.index[0]
    for language in ("zh", "en"):
        said = result.explain(key, language)
        assert said
        assert not re.search(r"[{}]", said), said
        option = result.plot(language)
        assert option["series"], name
        json.dumps(option, allow_nan=False)
        json.dumps(result.summary(language), allow_nan=False)
    assert bool(re.search(r"[\u4e00-\u9fff]|：", result.explain(key, "zh")))
    with pytest.raises((KeyError, BadInput)):
        result.explain("nobody like that", "en")
    for note in result.notes:
        assert note.text.zh != note.text.en


def test_every_analysis_is_had_from_the_package_whatever_was_loaded_before() -> None:
    package = guanxi.mining
    for _turn in range(2):
        for name in package.__all__:
            assert callable(getattr(package, name)), name
    assert package.transactions is transactions
    with pytest.raises(AttributeError):
        _ = package.no_such_thing
