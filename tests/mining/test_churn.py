"""Churn: the published quality on a real table, and a truth that was built in."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from guanxi.mining.churn.labelling import RESPONDED, TREATED, endings, labels
from guanxi.mining.churn.model import churn, churn_table
from guanxi.mining.result import BadInput
from guanxi.mining.transactions import transactions

from .data import table


def test_the_published_quality_on_the_telco_table() -> None:
    result = churn_table(table("telco_churn/telco_churn.csv.gz"), label="Churn", customer="customerID")
    assert 0.84 <= result.diagnostics["auc"] <= 0.86
    assert result.diagnostics["brier"] < 0.7 * result.diagnostics["brier_base_rate"]
    assert result.diagnostics["base_rate"] == pytest.approx(1869 / 7043)
    assert {one["feature"] for one in result.diagnostics["reasons"][:4]} >= {"Contract", "tenure"}
    for tenth in result.diagnostics["calibration"]:
        assert tenth["predicted"] == pytest.approx(tenth["actual"], abs=0.06)
    worst = result.table.index[0]
    assert "流失概率为 9" in result.explain(worst, "zh")


def flat(n: int = 600) -> pd.DataFrame:
    generator = np.random.default_rng(1)
    complaints = generator.integers(0, 5, n)
    left = generator.random(n) < 1 / (1 + np.exp(3 - 1.3 * complaints))
    return pd.DataFrame(
        {
            "id": [f"c{i}" for i in range(n)],
            "complaints": complaints,
            "noise": generator.random(n).round(3),
            "same": "x",
            "left": np.where(left, "yes", "no"),
        }
    )


def test_the_reason_that_was_built_in_is_found() -> None:
    result = churn_table(flat(), label="left", customer="id")
    assert result.diagnostics["reasons"][0]["feature"] == "complaints"
    assert {one.code for one in result.notes} == {"feature.constant"}
    assert "complaints = 4" in result.explain(result.table.index[0], "en")


def test_a_column_that_gives_the_answer_away_is_not_used() -> None:
    frame = flat()
    frame["closed_account"] = (frame["left"] == "yes").astype(int)
    result = churn_table(frame, label="left", customer="id")
    assert "feature.leak" in {one.code for one in result.notes}
    assert result.diagnostics["auc"] < 0.95


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (["yes", "no", "maybe"] * 50, "label.values"),
        (["p", "q"] * 50, "label.unclear"),
        (["yes"] * 3 + ["no"] * 100, "label.few"),
    ],
)
def test_labels_that_cannot_be_learnt_are_refused(values: list[str], code: str) -> None:
    frame = pd.DataFrame({"a": range(len(values)), "b": [i % 7 for i in range(len(values))], "left": values})
    with pytest.raises(BadInput) as caught:
        churn_table(frame, label="left")
    assert caught.value.code == code


def test_labels_are_read_in_both_languages() -> None:
    assert labels(pd.Series(["是", "否", None], name="l"))[0].tolist()[:2] == [1.0, 0.0]
    assert labels(pd.Series(["Churned", "Stayed"], name="l"))[1] == "churned"
    for said, asked in ((["有", "无", None], RESPONDED), (["Variant", "none", ""], TREATED)):
        assert labels(pd.Series(said, name="l"), asked)[0].tolist()[:2] == [1.0, 0.0], said
        assert labels(pd.Series(said, name="l"), asked)[0].isna().tolist() == [False, False, True]
    assert endings(pd.Series(["已离开", "无"])).tolist() == [1.0, 0.0]
    assert labels(pd.Series(["是", "否", "无"], name="l"))[0].isna().tolist() == [False, False, True], (
        "here it is a gap"
    )


def test_out_of_time_on_a_truth_that_was_built_in() -> None:
    """Half of the customers stop for good at some day; the model must rank those long silent above those on rhythm."""
    generator = np.random.default_rng(7)
    start, rows, gone = dt.date(2022, 1, 1), [], {}
    for one in range(200):
        every, at = int(generator.integers(7, 21)), int(generator.integers(0, 60))
        stop = int(generator.integers(200, 700)) if one % 2 else 9999
        gone[f"c{one}"] = stop < 600
        while at < min(stop, 720):
            rows.append((f"c{one}", start + dt.timedelta(days=at), 50.0))
            at += max(1, round(every * generator.uniform(0.7, 1.3)))
    sales = transactions(
        pd.DataFrame(rows, columns=["who", "day", "worth"]), customer="who", date="day", amount="worth"
    )
    result = churn(sales, horizon=8)
    assert result.diagnostics["auc"] > 0.9
    assert result.diagnostics["validation"] == "out of time"
    probability = result.table["probability"]
    silent = probability[[gone[one] for one in probability.index]].mean()
    assert silent > 0.5 + probability[[not gone[one] for one in probability.index]].mean()


def test_too_little_time_is_refused() -> None:
    rows = [(f"c{i % 9}", dt.date(2024, 1, 1) + dt.timedelta(days=i), 5.0) for i in range(60)]
    sales = transactions(
        pd.DataFrame(rows, columns=["who", "day", "worth"]), customer="who", date="day", amount="worth"
    )
    with pytest.raises(BadInput, match="needs three times as much"):
        churn(sales, horizon=26)
