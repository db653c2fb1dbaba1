"""Proportional hazards, win-back, drift and RFM by category against values worked out otherwise."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from guanxi.mining.churn.winback import stay_silent, win_back
from guanxi.mining.drift import drift, psi, spread
from guanxi.mining.groups.cohorts import survival
from guanxi.mining.groups.hazards import hazards
from guanxi.mining.result import BadInput
from guanxi.mining.transactions import transactions
from guanxi.mining.value import rfm, rfm_per_category


def contracts(n: int = 1500, seed: int = 5) -> pd.DataFrame:
    """Exponential lengths with log-hazards 0.7·price − 0.5·service (yes), cut off at random."""
    chance = np.random.default_rng(seed)
    price, service = chance.normal(0, 1, n), chance.integers(0, 2, n)
    true = chance.exponential(1 / (0.05 * np.exp(0.7 * price - 0.5 * service)))
    cut = chance.uniform(5, 40, n)
    return pd.DataFrame({"who": [f"c{i}" for i in range(n)], "months": np.minimum(true, cut), "ended": (true <= cut).astype(int), "price": price, "service": np.where(service, "yes", "no"), "same": 1})  # fmt: skip


def test_known_effects_are_found_and_equal_the_partial_likelihood_written_out() -> None:
    frame = contracts()
    found = hazards(frame, length="months", ended="ended", covariates=["price", "service", "same"], customer="who")
    assert found.table.loc["price", "coefficient"] == pytest.approx(0.7, abs=3 * found.table.loc["price", "error"])
    assert found.table.loc["service=yes", "coefficient"] == pytest.approx(-0.5, abs=0.25)
    assert "hazard.constant" in {one.code for one in found.notes}
    assert (found.table["proportional_p"] > 0.001).all()
    x = np.column_stack([frame["price"], frame["service"] == "yes"]).astype(float)
    order = np.argsort(-frame["months"].to_numpy())
    ended = frame["ended"].to_numpy()[order] == 1

    def negative(beta: np.ndarray) -> float:
        line = (x @ beta)[order]
        return -float((line - np.logaddexp.accumulate(line))[ended].sum())

    other = optimize.minimize(negative, np.zeros(2), method="BFGS")
    assert found.table["coefficient"].to_numpy() == pytest.approx(other.x, abs=1e-4)
    assert found.diagnostics["loglik"] == pytest.approx(-other.fun, abs=1e-4)
    assert 0.6 < found.diagnostics["concordance"] < 0.8
    # The average of everybody's curve lies on what was seen, which knows of no covariate.
    seen = survival(frame["months"], frame["ended"]).table["survival"]
    at = found.baseline.index[len(found.baseline) // 2]
    mean = float(np.mean(found.baseline.loc[at] ** found.risks))
    assert mean == pytest.approx(float(seen[seen.index <= at].iloc[-1]), abs=0.03)
    assert "times that of an average customer" in found.explain("c1", "en")
    assert found.plot("zh")["series"]


def test_an_effect_that_fades_is_noted_and_bad_tables_are_refused() -> None:
    chance = np.random.default_rng(2)
    group = chance.integers(0, 2, 2000)
    length = np.where(group == 1, chance.weibull(0.5, 2000) * 10, chance.weibull(2.0, 2000) * 10)
    found = hazards(pd.DataFrame({"t": length, "e": 1, "g": group}), length="t", ended="e", covariates=["g"])
    assert "hazard.not_proportional" in {one.code for one in found.notes}
    for covariates, frame in ((["price"], contracts(8)), (["nothing"], contracts(50)), (["same"], contracts(200))):
        with pytest.raises(BadInput):
            hazards(frame, length="months", ended="ended", covariates=covariates)


def test_the_chance_of_return_is_kaplan_and_meier_and_makes_the_gain() -> None:
    grid, share = stay_silent([10, 20, 20, 30], [25, 5])
    seen = survival([10, 20, 20, 30, 25, 5], [1, 1, 1, 1, 0, 0]).table["survival"]
    assert (grid.tolist(), share.tolist()) == (seen.index.tolist(), pytest.approx(seen.tolist()))
    rows = [("steady", dt.date(2024, 1, 1) + dt.timedelta(days=30 * i), 100.0) for i in range(12)]
    rows += [("silent", dt.date(2024, 1, 1) + dt.timedelta(days=30 * i), 200.0) for i in range(6)]
    rows += [
        ("back", dt.date(2024, 1, 1), 50.0),
        ("back", dt.date(2024, 8, 1), 50.0),
        ("back", dt.date(2024, 12, 20), 50.0),
    ]
    sales = transactions(pd.DataFrame(rows, columns=["c", "d", "a"]), customer="c", date="d", amount="a", as_of=dt.date(2024, 12, 31))  # fmt: skip
    found = win_back(sales, horizon=60, cost=10.0)
    assert list(found.table.index) == ["silent"]
    row = found.table.loc["silent"]
    assert (row["silence"], row["gap"]) == (215, 30)
    # One of the silences that lasted for 213 days or more ended within sixty days: none of the four at risk at 215.
    assert (row["chance"], row["gain"]) == (0.0, -10.0)
    assert found.table["yearly"].iloc[0] <= 1200 * 1.01
    assert "静默 215 天" in found.explain("silent")


def test_drift_is_none_for_the_same_and_seen_for_others() -> None:
    chance = np.random.default_rng(0)
    old = pd.DataFrame({"recency": chance.exponential(50, 3000), "worth": chance.lognormal(3, 1, 3000)})
    new = pd.DataFrame({"recency": chance.exponential(50, 3000), "worth": chance.lognormal(4, 1, 3000)})
    found = drift(new, spread(old))
    assert found.table["verdict"].to_dict() == {"recency": "stable", "worth": "drifted"}
    assert found.table.loc["recency", "psi"] < 0.01
    assert psi([0.5, 0.5], [0.25, 0.75]) == pytest.approx(0.25 * np.log(2) + 0.25 * np.log(1.5))
    assert drift(old, spread(old)).table["psi"].max() == 0
    with pytest.raises(BadInput):
        drift(old, {})


def test_rfm_by_category_is_rfm_of_each_category_on_one_day() -> None:
    chance = np.random.default_rng(1)
    n = 600
    frame = pd.DataFrame({"c": chance.integers(0, 40, n), "d": pd.Timestamp("2024-01-01") + pd.to_timedelta(chance.integers(0, 300, n), unit="D"), "a": chance.gamma(2, 20, n), "k": chance.choice(["tea", "tools"], n)})  # fmt: skip
    found = rfm_per_category(frame, category="k", customer="c", date="d", amount="a")
    only = frame[frame["k"] == "tea"]
    tea = rfm(transactions(only, customer="c", date="d", amount="a", as_of=found.as_of))
    part = found.table.xs("tea", level="category")
    pd.testing.assert_frame_equal(part[["recency_days", "frequency", "r", "f", "m"]], tea.table[["recency_days", "frequency", "r", "f", "m"]])  # fmt: skip
    assert set(found.diagnostics["categories"]) == {"tea", "tools"}
