"""Surveys, loyalty and texts against values worked out by hand and published ones."""

import numpy as np
import pandas as pd
import pytest

from guanxi.mining.hearts import loyalty, surveys
from guanxi.mining.hearts.words import hot_spots, sentiment, train
from guanxi.mining.result import BadInput

from .data import table


def test_nps_by_hand() -> None:
    found = surveys.nps([10, 9, 9, 8, 7, 6, 3, 0, 10, 5]).diagnostics
    assert found["nps"] == pytest.approx(0.0)
    assert found["high"] == pytest.approx(100 * 1.959964 * np.sqrt(0.8 / 10), rel=1e-4)
    with pytest.raises(BadInput):
        surveys.nps([11])


def test_the_interval_of_the_score_covers_as_often_as_it_says() -> None:
    generator, hits = np.random.default_rng(1), 0
    for _round in range(400):
        found = surveys.nps(generator.choice([10, 8, 3], 200, p=[0.5, 0.3, 0.2])).diagnostics
        hits += found["low"] <= 30 <= found["high"]
    assert 0.92 <= hits / 400 <= 0.98


def test_csat_by_hand() -> None:
    found = surveys.csat([5, 4, 3, 5, 1]).diagnostics
    assert found["csat"] == pytest.approx(0.6)
    # Wilson's interval of 3 of 5, as in Newcombe (1998).
    assert (found["low"], found["high"]) == pytest.approx((0.2307, 0.8824), abs=1e-4)
    assert surveys.ces([7, 5, 6]).diagnostics["ces"] == 6


def test_alpha_of_a_scale_of_one_thing() -> None:
    """k parallel items of reliability ρ have alpha kρ/(1+(k−1)ρ) (Spearman and Brown)."""
    generator = np.random.default_rng(2)
    trait = generator.normal(size=20_000)
    items = pd.DataFrame({f"q{i}": trait + generator.normal(size=20_000) for i in range(4)})
    assert surveys.cronbach_alpha(items).diagnostics["alpha"] == pytest.approx(4 * 0.5 / (1 + 3 * 0.5), abs=0.01)
    items["noise"] = generator.normal(size=20_000)
    assert surveys.cronbach_alpha(items).table["without"].idxmax() == "noise"


def test_drivers_of_satisfaction_are_found() -> None:
    generator = np.random.default_rng(3)
    x = pd.DataFrame(
        {
            "price": generator.integers(1, 6, 800),
            "service": generator.integers(1, 6, 800),
            "colour": generator.integers(1, 6, 800),
        }
    )
    overall = 0.2 * x["price"] + 0.8 * x["service"] + generator.normal(0, 0.3, 800)
    found = surveys.satisfaction_index(x, overall).table["weight"]
    assert found["service"] == pytest.approx(0.8, abs=0.04)
    assert found["colour"] < 0.03
    map_of = surveys.importance_performance(x.assign(service=x["service"] * 0.5), overall)
    assert map_of.table.loc["service", "quadrant"] == "concentrate here"


def test_loyalty_by_hand() -> None:
    assert loyalty.dick_basu([9, 9, 1, 1], [9, 1, 9, 1]).table["loyalty"].tolist() == [
        "true",
        "spurious",
        "latent",
        "none",
    ]
    assert loyalty.knox_diamond([9, 1, 9, 1], [1, 1, 5, 5]).table["kind"].tolist() == [
        "loyals",
        "habituals",
        "variety seekers",
        "switchers",
    ]
    answers = pd.DataFrame({"a": [5, 5, 2], "b": [5, 3, 5]})
    assert loyalty.loyalty_phases(answers, {"cognitive": ["a"], "affective": ["b"]}).table["phase"].tolist() == [
        "affective",
        "cognitive",
        "none",
    ]
    assert surveys.disconfirmation([3, 4], [5, 2]).table["verdict"].tolist() == ["delighted", "disappointed"]


def test_words_turn_and_strengthen() -> None:
    good, bad, mixed = sentiment(["服务很好，非常满意", "服务不好，很失望", "今天星期二"])
    assert good > 0.9
    assert bad < -0.7
    assert mixed == 0
    assert sentiment(["The food was not good."])[0] < 0


def test_the_lexicon_on_reviews_it_has_not_seen() -> None:
    hotel = table("chnsenticorp_hotel/chnsenticorp_htl_all.csv.gz")
    hotel = hotel[hotel["review"] != ""].sample(500, random_state=2)
    hits = (sentiment(hotel["review"]) > 0) == (hotel["label"] == "1").to_numpy()
    assert hits.mean() > 0.76


def test_own_labels_are_learnt() -> None:
    texts = ["屏幕清楚 电池耐用", "发货慢 包装破", "屏幕 清楚", "包装 破 发货 慢"] * 15
    model = train(texts, [1, 0, 1, 0] * 15)
    assert model.probability(["电池 耐用"])[0] > 0.7 > 0.3 > model.probability(["包装 破"])[0]


def test_a_rise_of_complaints_is_seen() -> None:
    days = pd.date_range("2024-01-01", "2024-04-30")
    when = [*days, *days, *pd.date_range("2024-04-10", "2024-04-30")]
    found = hot_spots(when, ["a"] * len(days) + ["b"] * len(days) + ["b"] * 21).table
    assert found.index[0] == "b"
    assert found.loc["b", "p_adjusted"] < 0.05 < found.loc["a", "p_adjusted"]
