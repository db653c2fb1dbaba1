"""Survival, contracts, stages, rhythm, clusters, cross tables, regression, worth, uplift, offers, duplicates, quality."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

from guanxi.mining.churn.rhythm import rhythm
from guanxi.mining.churn.stages import stages
from guanxi.mining.groups.clusters import clusters
from guanxi.mining.groups.cohorts import cohorts, shifted_beta_geometric, survival
from guanxi.mining.groups.differences import cross_table, regression
from guanxi.mining.groups.scenario import what_if, what_if_sales
from guanxi.mining.offers.leads import decayed, half_life, sequences
from guanxi.mining.offers.recommend import factorised, recommend
from guanxi.mining.offers.uplift import effect, qini
from guanxi.mining.quality.matching import jaro_winkler, resolve
from guanxi.mining.quality.report import holes, quality
from guanxi.mining.result import BadInput
from guanxi.mining.transactions import Transactions, transactions
from guanxi.mining.worth import key_accounts, profitability, quadrants, share_of_wallet

from .data import table


def test_kaplan_and_meier_on_freireichs_patients() -> None:
    """Remission under 6-MP (Freireich et al. 1963), as in every book on survival."""
    length = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
    ended = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    found = survival(length, ended)
    assert found.table["survival"].round(3).tolist() == [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]
    assert found.diagnostics["median"] == 23


def test_contracts_as_published() -> None:
    """Fader and Hardie (2007): high end a = 0.668, b = 3.806, LL −1611.2; regular a = 0.704, b = 1.182."""
    high = shifted_beta_geometric([1000, 869, 743, 653, 593, 551, 517, 491])
    assert (round(high.a, 3), round(high.b, 3), round(high.fit.loglik, 1)) == (0.668, 3.806, -1611.2)
    regular = shifted_beta_geometric([1000, 631, 468, 382, 326, 289, 262, 241])
    assert (round(regular.a, 3), round(regular.b, 3)) == (0.704, 1.182)
    assert np.prod(regular.retention(5)) == pytest.approx(regular.survival(5)[-1])
    # The sum of survival ahead, discounted, is what the closed form says.
    ahead = regular.survival(6000)
    assert regular.residual_value(2, 0.1) == pytest.approx(
        sum(ahead[2 + k] / ahead[1] / 1.1**k for k in range(5990)), rel=1e-6
    )


def sales_of(rows: list[tuple[str, dt.date, float]], as_of: dt.date | None = None) -> Transactions:
    return transactions(
        pd.DataFrame(rows, columns=["who", "day", "worth"]), customer="who", date="day", amount="worth", as_of=as_of
    )


def test_the_rhythm_is_the_customers_own() -> None:
    start, rows = dt.date(2024, 1, 1), []
    for place in range(20):
        every = 10 if place < 10 else 60
        rows += [(f"c{place}", start + dt.timedelta(days=every * i + place % 3), 5.0) for i in range(300 // every)]
    found = rhythm(sales_of(rows, start + dt.timedelta(days=330)))
    assert found.table.loc["c0", "gap"] == pytest.approx(10, rel=0.1)
    assert found.table.loc["c15", "gap"] == pytest.approx(60, rel=0.15)
    assert found.table.loc["c0", "alarm"]
    assert not found.table.loc["c15", "alarm"]
    assert found.explain("c0", "en").startswith("c0 buys every 10±")


def test_stages_remember() -> None:
    today = dt.date(2024, 12, 31)
    months = [today - dt.timedelta(days=30 * i) for i in range(24)]
    rows = [("steady", one, 100.0) for one in months]
    rows += [("growing", one, 300.0 if i < 6 else 100.0) for i, one in enumerate(months)]
    rows += [("falling", one, 20.0 if i < 6 else 100.0) for i, one in enumerate(months)]
    rows += [("gone", one, 100.0) for one in months[14:]] + [("fresh", months[1], 50.0)]
    found = stages(sales_of(rows, today))
    assert found.table["stage"].to_dict() == {
        "steady": "mature",
        "growing": "growing",
        "falling": "declining",
        "gone": "lost",
        "fresh": "developing",
    }
    assert found.migration(6).to_numpy().sum() == 5
    assert "成熟" in found.explain("steady", "zh")


def test_cohorts_by_hand() -> None:
    rows = [
        ("a", dt.date(2024, 1, 5), 1.0),
        ("a", dt.date(2024, 2, 5), 1.0),
        ("b", dt.date(2024, 1, 9), 1.0),
        ("c", dt.date(2024, 2, 9), 1.0),
        ("c", dt.date(2024, 3, 9), 1.0),
    ]
    found = cohorts(sales_of(rows)).table
    assert found["customers"].to_dict() == {"2024-01": 2, "2024-02": 1}
    assert found.loc["2024-01", [0, 1, 2]].tolist() == [1.0, 0.5, 0.0]
    assert np.isnan(found.loc["2024-02", 2])


def test_clusters_that_are_there_are_found() -> None:
    generator = np.random.default_rng(1)
    centres = np.array([[0, 0], [8, 0], [0, 8]])
    x = pd.DataFrame(
        np.concatenate([c + generator.normal(0, 1, (60, 2)) for c in centres]), columns=["visits", "spent"]
    )
    found = clusters(x, columns=["visits", "spent"])
    assert found.parameters["k"] == 3
    assert found.diagnostics["stability"] > 0.95
    assert "high" in found.explain(70, "en")


def test_differences_against_scipy_and_closed_forms() -> None:
    frame = pd.DataFrame({"g": ["a"] * 60 + ["b"] * 60, "y": ["u"] * 40 + ["v"] * 20 + ["u"] * 20 + ["v"] * 40})
    found = cross_table(frame, rows="g", columns="y")
    assert found.diagnostics["p_value"] == pytest.approx(
        stats.chi2_contingency([[40, 20], [20, 40]], correction=False).pvalue
    )
    assert found.diagnostics["cramers_v"] == pytest.approx(1 / 3)
    generator = np.random.default_rng(2)
    x = generator.normal(size=400)
    data = pd.DataFrame(
        {
            "y": 3 + 2 * x + generator.normal(0, 0.5, 400),
            "x": x,
            "twin": x + generator.normal(0, 0.01, 400),
            "same": 1.0,
        }
    )
    alone = regression(data, target="y", drivers=["x"])
    assert alone.table.loc["x", "coefficient"] == pytest.approx(np.cov(data["x"], data["y"])[0, 1] / data["x"].var())
    assert {one.code for one in regression(data, target="y", drivers=["x", "twin", "same"]).notes} >= {
        "regression.collinear",
        "regression.constant",
    }
    ahead = what_if(100, 10, 0.8, 20, 5)
    assert ahead.table.loc[5, "customers"] == pytest.approx(100)  # 100·0.8 + 20 stays 100
    assert ahead.table.loc[1, "profit"] == pytest.approx(900)


def test_what_if_reads_the_last_year_of_purchases() -> None:
    """Ten customers of 2024; of them six buy in 2025 too, where four new ones come: 100 each purchase."""
    old = [(f"c{i}", "2024-03-01", 100) for i in range(10)] + [(f"c{i}", "2023-03-01", 1) for i in range(2)]
    new = [(f"c{i}", "2025-06-01", 100) for i in range(6)] + [(f"n{i}", "2025-12-31", 100) for i in range(4)]
    sales = transactions(
        pd.DataFrame(old + new, columns=["who", "day", "sum"]), customer="who", date="day", amount="sum"
    )
    found = what_if_sales(sales, margin=0.5, years=1, discount=0.0, cost=10)
    assert found.diagnostics["read"] == {"customers": 10, "profit": 50, "retention": 0.6, "acquired": 4}
    assert found.table["profit"].tolist() == [pytest.approx((10 * 0.6 + 4) * 50 - 4 * 10)]
    told = what_if_sales(sales, told={"retention": 1.0}, years=1, discount=0.0)
    assert told.table["customers"].tolist() == [14]
    short = transactions(pd.DataFrame(new, columns=["who", "day", "sum"]), customer="who", date="day", amount="sum")
    with pytest.raises(BadInput, match="Two years"):
        what_if_sales(short)
    assert "what_if.part" not in [one.code for one in told.notes]
    assert "what_if.part" in [one.code for one in what_if_sales(short, told={"retention": 0.5}).notes]


def test_cross_tables_leave_out_blanks_and_refuse_ids() -> None:
    frame = pd.DataFrame({"g": ["a", "b", "", "a", "b", None] * 20, "y": ["1", "0", "1", "1", "0", "1"] * 20})
    assert cross_table(frame, rows="g", columns="y").table.to_numpy().tolist() == [[0, 40], [40, 0]]
    with pytest.raises(BadInput, match="id has 300"):
        cross_table(pd.DataFrame({"id": range(300), "y": [1, 0] * 150}), rows="id", columns="y")


def test_worth_by_hand() -> None:
    frame = pd.DataFrame({"who": ["a", "b", "c", "d"], "sold": [100.0, 60, 30, 10], "serve": [20.0, 20, 35, 8]})
    found = profitability(frame, customer="who", revenue="sold", serve="serve")
    assert found.table["profit"].to_dict() == {"a": 80, "b": 40, "d": 2, "c": -5}
    assert found.table["tier"].to_dict() == {"a": "MVC", "b": "MVC", "d": "STC", "c": "BZC"}
    assert found.diagnostics["peak"] == pytest.approx(122 / 117)
    assert quadrants([9, 9, 1, 1], [9, 1, 9, 1]).table["quadrant"].tolist() == [
        "keep",
        "harvest",
        "develop",
        "maintain",
    ]
    assert key_accounts(pd.Series({"a": 60, "b": 30, "c": 10}), share=0.7).table.index.tolist() == ["a", "b"]
    assert share_of_wallet([5, 5], [20, 0]).table["share"].tolist()[0] == 0.25


def test_qini_by_hand() -> None:
    """The movable are ranked first: the curve rises at once, the coefficient is its area; ranked last it is the negative of it."""
    treated, response = np.array([1.0, 0, 1, 0] * 50), np.array([1.0, 0, 0, 0] * 50)
    score = np.repeat([1.0, 1, 0, 0], 50)[np.argsort(np.tile([0, 1, 2, 3], 50), kind="stable").argsort()]
    good, bad = qini(score, treated, response)[1], qini(-score, treated, response)[1]
    assert good > 0.02
    assert good == pytest.approx(-bad, abs=0.002)
    assert effect(treated, response)["lift"] == pytest.approx(0.5)


def test_the_published_effect_of_the_mails() -> None:
    frame = table("hillstrom_email/hillstrom.csv.gz")
    visit = (frame["visit"] == "1").to_numpy(dtype=float)
    for arm, rate in (("Mens E-Mail", 0.1828), ("Womens E-Mail", 0.1514)):
        part = frame["segment"].isin([arm, "No E-Mail"]).to_numpy()
        found = effect((frame["segment"] == arm).to_numpy(dtype=float)[part], visit[part])
        assert (found["treated_rate"], found["control_rate"]) == pytest.approx((rate, 0.1062), abs=1e-4)
        assert found["p_value"] < 1e-40


def test_offers_follow_taste() -> None:
    generator, rows = np.random.default_rng(1), []
    for one in range(120):
        pool = [f"tea{i}" for i in range(6)] if one % 2 else [f"tool{i}" for i in range(6)]
        rows += [(f"c{one}", item) for item in generator.choice(pool, 4, replace=False)]
    found = recommend(pd.DataFrame(rows, columns=["who", "what"]), customer="who", item="what")
    assert found.diagnostics["hit_rate"]["item_item"] > found.diagnostics["hit_rate"]["popular"]
    own = {who: {what for w, what in rows if w == who} for who in ("c0", "c1")}
    for who, kind in (("c0", "tool"), ("c1", "tea")):
        offers = [one[0] for one in found.row(who)["offers"]]
        assert offers
        assert all(item.startswith(kind) and item not in own[who] for item in offers)


def test_factors_rebuild_blocks() -> None:
    owned = sparse.csr_matrix(np.kron(np.eye(2), np.ones((10, 5))))
    users, things = factorised(owned, 2, 0)
    assert np.corrcoef((users @ things.T).ravel(), owned.toarray().ravel())[0, 1] > 0.99


def test_leads_fade_and_sequences_by_hand() -> None:
    assert half_life([10, 20, 40]) == 20
    assert decayed([0.8], [40], 20).tolist() == [0.2]
    rows = [("a", "x", 1), ("a", "y", 2), ("b", "x", 1), ("b", "y", 3), ("c", "y", 1), ("c", "x", 2), ("d", "x", 1)]
    found = sequences(
        pd.DataFrame(rows, columns=["who", "what", "at"]), customer="who", item="what", order="at"
    ).table.set_index(["first", "then"])
    assert found.loc[("x", "y"), ["customers", "support"]].tolist() == [2, 0.5]
    assert found.loc[("x", "y"), "confidence"] == pytest.approx(0.5)


def test_names_are_compared_as_published() -> None:
    """Winkler (1990): MARTHA–MARHTA 0.961, DWAYNE–DUANE 0.84, DIXON–DICKSONX 0.813."""
    for a, b, score in (("MARTHA", "MARHTA", 0.961), ("DWAYNE", "DUANE", 0.84), ("DIXON", "DICKSONX", 0.813)):
        assert jaro_winkler(a, b) == pytest.approx(score, abs=0.001)


def test_duplicates_are_found_without_labels() -> None:
    frame = table("febrl_dedupe/dataset1.csv.gz")
    columns = [
        "given_name",
        "surname",
        "street_number",
        "address_1",
        "suburb",
        "postcode",
        "state",
        "date_of_birth",
        "soc_sec_id",
    ]
    found = resolve(
        frame,
        key="rec_id",
        columns=columns,
        blocks=[["soc_sec_id"], ["date_of_birth"], ["surname", "given_name"], ["postcode", "address_1"]],
    )
    same = found.table[found.table["verdict"] == "same"]
    true = (same["left"].str.split("-").str[1] == same["right"].str.split("-").str[1]).sum()
    assert true / len(same) > 0.99
    assert true / 500 > 0.97
    assert found.clusters.nunique() < 520


def test_gaps_and_oddities() -> None:
    found = quality(pd.DataFrame({"id": range(40), "same": 1, "x": [*range(39), 10_000], "t": ["a", ""] * 20})).table
    assert found.loc["same", "constant"]
    assert found.loc["x", "far_out"] == pytest.approx(1 / 40)
    assert found.loc["t", "filled"] == 0.5
    days = pd.date_range("2024-01-01", "2024-02-29").difference([pd.Timestamp("2024-02-06")])
    assert holes(days).table.index.tolist() == [pd.Timestamp("2024-02-06")]
