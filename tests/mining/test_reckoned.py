"""Figures of the library against another reckoning: integrals done by brute force, other libraries, closed forms, known truths recovered.

What each named thing is checked against stands in ``docs/mining/checked.md``.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, sparse, special, stats
from sklearn.metrics.pairwise import cosine_similarity
from statsmodels.api import OLS, add_constant
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from guanxi.mining import drift as drifting
from guanxi.mining.churn.learning import measures
from guanxi.mining.churn.rhythm import rhythm
from guanxi.mining.groups.clusters import clusters
from guanxi.mining.groups.cohorts import cohorts, shifted_beta_geometric
from guanxi.mining.groups.scenario import what_if
from guanxi.mining.hearts import surveys, words
from guanxi.mining.lifetime import purchases
from guanxi.mining.lifetime.spending import GammaGamma
from guanxi.mining.lifetime.value import clv
from guanxi.mining.offers.baskets import adjusted
from guanxi.mining.offers.recommend import _similarity, factorised
from guanxi.mining.offers.uplift import effect, qini, uplift
from guanxi.mining.quality.matching import fitted
from guanxi.mining.quality.report import quality
from guanxi.mining.transactions import transactions

# -- lifetime ----------------------------------------------------------------------------------------------------------

POINTS, WEIGHTS = np.polynomial.legendre.leggauss(220)


def posterior(kind: str, values: tuple[float, ...], x: int, t_x: float, T: float) -> tuple[float, float]:
    """Likelihood and probability of being active, by summing what one customer does over a grid of what he may be like.

    Nothing of the closed forms is used: purchases come at rate λ until a chance p at each of them (at a rate μ) ends it.
    """
    r, alpha, c, d = values
    u = (POINTS + 1) / 2
    rate = stats.gamma.ppf(u, r, scale=1 / alpha)[:, None]
    share = WEIGHTS / 2
    if kind == "paretonbd":
        death = stats.gamma.ppf(u, c, scale=1 / d)[None, :]
        stays = rate**x * np.exp(-(rate + death) * T)
        leaves = rate**x * death / (rate + death) * (np.exp(-(rate + death) * t_x) - np.exp(-(rate + death) * T))
    else:
        p = stats.beta.ppf(u, c, d)[None, :]
        tries = x + 1 if kind == "mbgnbd" else x
        stays = (1 - p) ** tries * rate**x * np.exp(-rate * T)
        leaves = p * (1 - p) ** (tries - 1) * rate**x * np.exp(-rate * t_x) if tries else np.zeros_like(stays)
    living, gone = share @ stays @ share, share @ leaves @ share
    return float(np.log(living + gone)), float(living / (living + gone))


@pytest.mark.parametrize("kind", ["bgnbd", "mbgnbd", "paretonbd"])
@pytest.mark.parametrize(("x", "t_x", "T"), [(0, 0.0, 20.0), (1, 4.0, 20.0), (3, 18.0, 30.0), (6, 10.0, 30.0)])
def test_likelihood_and_being_alive_are_the_integrals_over_all_sorts_of_customers(kind: str, x: int, t_x: float, T: float) -> None:  # fmt: skip
    values = (1.3, 6.0, 1.2, 2.6) if kind != "paretonbd" else (1.3, 9.0, 1.4, 14.0)
    data = (np.array([float(x)]), np.array([t_x]), np.array([T]))
    if kind == "paretonbd":
        each, alive = purchases.pareto_rows(*values, *data)[0], purchases.pareto_alive(*values, *data)
    else:
        each = purchases.beta_geometric_rows(*values, *data, modified=kind == "mbgnbd")[0]
        alive = purchases.beta_geometric_alive(*values, *data, modified=kind == "mbgnbd")
    truth, chance = posterior(kind, values, x, t_x, T)
    assert each[0] == pytest.approx(truth, abs=2e-3)
    assert alive[0] == pytest.approx(chance, abs=2e-3)


def test_spending_of_one_customer_is_the_integral_over_what_he_may_be_like() -> None:
    """z̄ of x purchases is Gamma(px, νx) and ν is Gamma(q, γ): the mean p/ν is averaged over its posterior."""
    p, q, gamma, x, z = 6.25, 3.74, 15.44, 3.0, 31.0
    model = GammaGamma(p, q, gamma, None, 1, ())  # type: ignore[arg-type]

    def weight(nu: float) -> float:
        return float(stats.gamma.pdf(z, p * x, scale=1 / (nu * x)) * stats.gamma.pdf(nu, q, scale=1 / gamma))

    above = integrate.quad(lambda nu: p / nu * weight(nu), 0, 3)[0]
    assert model.expected(np.array([x]), np.array([z]))[0] == pytest.approx(above / integrate.quad(weight, 0, 3)[0], rel=1e-6)  # fmt: skip
    assert model.expected(np.array([0.0]), np.array([0.0]))[0] == pytest.approx(p * gamma / (q - 1))


def test_the_value_of_a_year_is_the_discounted_sum_of_its_months() -> None:
    """Month by month by the expected purchases themselves; a year at no discount is expected purchases times their value."""
    generator = np.random.default_rng(2)
    rows = [(f"c{one}", day, float(generator.gamma(3, 20))) for one in range(80) for day in pd.Timestamp("2024-01-01") + pd.to_timedelta(np.unique(np.r_[generator.integers(0, 60), 60 + np.cumsum(generator.exponential(5 + one, 12)).astype(int)]), unit="D") if day < pd.Timestamp("2025-01-01")]  # fmt: skip
    sales = transactions(pd.DataFrame(rows, columns=["c", "d", "v"]), customer="c", date="d", amount="v")
    found = clv(sales, months=12, discount=0.2, margin=0.3)
    r, alpha, a, b = found.purchases.parameters.values()
    row = found.table.iloc[7]
    x, T, weeks = np.array([row["x"]]), np.array([row["T"]]), 365.25 / 7 / 12

    def until(month: int) -> float:
        return float(purchases.beta_geometric_expected(r, alpha, a, b, x, T, np.array([weeks * month]), modified=False)[0])  # fmt: skip

    months = sum((until(month) - until(month - 1)) / 1.2 ** (month / 12) for month in range(2, 13)) + until(1) / 1.2 ** (1 / 12)  # fmt: skip
    assert row["clv"] == pytest.approx(row["alive"] * months * row["value"] * 0.3, rel=1e-6)
    plain = clv(sales, weeks=weeks * 12, months=12, discount=0.0).table
    assert plain["clv"].to_numpy() == pytest.approx((plain["expected"] * plain["value"]).to_numpy(), rel=1e-6)


def test_contracts_are_recovered_from_customers_who_flip_their_own_coins() -> None:
    """50,000 customers with chances of leaving drawn from Beta(0.8, 2.4), eight renewals."""
    generator = np.random.default_rng(11)
    lasted = generator.geometric(generator.beta(0.8, 2.4, 50_000))
    found = shifted_beta_geometric([int((lasted > period).sum()) for period in range(9)])
    assert (found.a, found.b) == pytest.approx((0.8, 2.4), rel=0.08)
    ahead = found.survival(4000)
    assert found.residual_value(3, 0.15) == pytest.approx(sum(ahead[3 + k] / ahead[2] / 1.15**k for k in range(3990)), rel=1e-5)  # fmt: skip


# -- rhythm, cohorts, churn --------------------------------------------------------------------------------------------


def test_the_alarm_is_the_chance_of_so_long_a_gap() -> None:
    """Gaps are lognormal about each customer's own middle: of customers on rhythm as many are beyond the level as it says."""
    generator, rows, end = np.random.default_rng(5), [], pd.Timestamp("2024-12-31")
    for one in range(800):
        middle = np.exp(generator.normal(2.6, 0.4))
        at = end + pd.Timedelta(days=400)
        while at > end - pd.Timedelta(days=500):
            rows += [(one, at)] if at <= end else []
            at -= pd.Timedelta(days=max(1, round(middle * np.exp(generator.normal(0, 0.35)))))
    sales = transactions(pd.DataFrame(rows, columns=["c", "d"]), customer="c", date="d", as_of=end.date())
    found = rhythm(sales, level=0.1)
    # Whoever is looked at on a day is in a long gap rather than a short one, and is in the midst of it: about a third of the level.
    assert 0.01 < found.table["alarm"].mean() < 0.1
    assert found.parameters["within"] == pytest.approx(0.35**2, rel=0.1)
    assert found.parameters["between"] == pytest.approx(0.4**2, rel=0.12)
    assert np.log(found.parameters["centre_days"]) == pytest.approx(2.6, abs=0.05), (
        "not that of those who buy most often"
    )


def test_cohorts_count_as_a_nested_loop_does() -> None:
    generator = np.random.default_rng(8)
    frame = pd.DataFrame({"c": generator.integers(0, 60, 500), "d": pd.Timestamp("2024-01-01") + pd.to_timedelta(generator.integers(0, 360, 500), unit="D")})  # fmt: skip
    found = cohorts(transactions(frame, customer="c", date="d"), every="quarter").table
    months: dict[int, set[int]] = {}
    for one in frame.itertuples():
        months.setdefault(one.c, set()).add(one.d.quarter - 1)
    for place in range(len(found)):
        members = [seen for seen in months.values() if min(seen) == place]
        row = found.iloc[place].to_numpy(dtype=float)
        counts = [sum(place + later in seen for seen in members) / len(members) for later in range(4 - place)]
        assert [one for one in row if np.isfinite(one)][-len(counts):] == pytest.approx(counts), "of those who came, so many bought again"  # fmt: skip


def test_measures_of_a_model_are_counted_pair_by_pair() -> None:
    generator = np.random.default_rng(4)
    y, p = generator.integers(0, 2, 200).astype(float), generator.random(200).round(2)
    found = measures(y, p)
    won = [(a > b) + 0.5 * (a == b) for a in p[y == 1] for b in p[y == 0]]
    assert found["auc"] == pytest.approx(np.mean(won))
    assert found["brier"] == pytest.approx(((p - y) ** 2).mean())


# -- offers ------------------------------------------------------------------------------------------------------------


def test_corrections_are_those_of_statsmodels() -> None:
    p = np.random.default_rng(1).random(40) ** 3
    for ours, theirs in (("bh", "fdr_bh"), ("holm", "holm")):
        assert adjusted(p, ours) == pytest.approx(multipletests(p, method=theirs)[1])


def test_likeness_of_items_is_the_cosine_and_factors_stand_at_the_bottom() -> None:
    """Similarities as scikit-learn has them; the factors' loss, written out in full, falls along no direction."""
    owned = sparse.csr_matrix((np.random.default_rng(6).random((40, 12)) < 0.3).astype(float))
    ours, theirs = _similarity(owned).toarray(), cosine_similarity(owned.T.toarray())
    off = ~np.eye(12, dtype=bool)
    assert ours[off] == pytest.approx(theirs[off], abs=1e-12)
    users, things = factorised(owned, 4, 0, rounds=200)
    dense = owned.toarray()

    def loss(u: np.ndarray, v: np.ndarray) -> float:
        return float(((1 + 20 * dense) * (dense - u @ v.T) ** 2).sum() + 5 * ((u**2).sum() + (v**2).sum()))

    generator, least = np.random.default_rng(7), loss(users, things)
    for _way in range(20):
        du, dv = generator.normal(0, 1e-3, users.shape), generator.normal(0, 1e-3, things.shape)
        assert loss(users + du, things + dv) >= least - 1e-6


def test_those_whom_a_campaign_moves_are_found() -> None:
    """It adds 0.3 for the young and nothing for the old: the young rank first, and the curve is that of counting by hand."""
    generator = np.random.default_rng(3)
    frame = pd.DataFrame({"age": generator.integers(20, 70, 4000), "mail": np.tile([1, 0], 2000), "noise": generator.random(4000)})  # fmt: skip
    frame["visit"] = (generator.random(4000) < 0.2 + 0.3 * ((frame["age"] < 40) & (frame["mail"] == 1))).astype(int)
    found = uplift(frame, treatment="mail", response="visit")
    young = (frame["age"] < 40).reindex(found.table.index)
    assert found.table.loc[young, "uplift"].mean() == pytest.approx(0.3, abs=0.05)
    assert abs(found.table.loc[~young, "uplift"].mean()) < 0.05
    t, y = frame["mail"].to_numpy(dtype=float), frame["visit"].to_numpy(dtype=float)
    score = -frame["age"].to_numpy(dtype=float) - frame.index.to_numpy() * 1e-9
    order, gain = np.argsort(-score, kind="stable"), []
    for k in range(1, 4001):
        part = order[:k]
        nt, nc = t[part].sum(), (1 - t[part]).sum()
        gain.append((y[part] * t[part]).sum() - ((y[part] * (1 - t[part])).sum() * nt / nc if nc else 0.0))
    share = np.arange(1, 4001) / 4000
    assert qini(score, t, y)[1] == pytest.approx(np.trapezoid(np.array(gain) - gain[-1] * share, share) / 4000)
    low, high = effect(t, y)["low"], effect(t, y)["high"]
    assert low < 0.3 * (frame["age"] < 40).mean() < high


# -- groups and scenarios ----------------------------------------------------------------------------------------------


def test_the_silhouette_is_that_of_its_definition() -> None:
    generator = np.random.default_rng(9)
    x = pd.DataFrame({"a": np.r_[generator.normal(0, 1, 30), generator.normal(8, 1, 30)], "b": generator.normal(0, 1, 60)})  # fmt: skip
    found = clusters(x, columns=["a", "b"], most=3)
    z = ((x - x.mean()) / x.std(ddof=0)).to_numpy()
    own = found.table["cluster"].to_numpy()
    far = np.sqrt(((z[:, None] - z[None]) ** 2).sum(axis=2))
    marks = []
    for i in range(60):
        inside = far[i, (own == own[i]) & (np.arange(60) != i)].mean()
        outside = min(far[i, own == other].mean() for other in set(own) - {own[i]})
        marks.append((outside - inside) / max(inside, outside))
    assert found.diagnostics["silhouette"][found.parameters["k"]] == pytest.approx(np.mean(marks))


def test_a_scenario_is_the_sum_of_its_years() -> None:
    found = what_if(1000, 300, 0.8, 200, 100, years=3, discount=0.1).table
    customers, total = 1000.0, []
    for _year in range(3):
        customers = customers * 0.8 + 200
        total.append(customers * 300 - 200 * 100)
    assert found["profit"].tolist() == pytest.approx(total)


# -- hearts ------------------------------------------------------------------------------------------------------------


def test_intervals_are_those_of_other_libraries() -> None:
    for hits, n in ((0, 10), (7, 10), (81, 263), (500, 500)):
        assert surveys.wilson(hits, n) == pytest.approx(proportion_confint(hits, n, method="wilson"))
    easy = np.array([7, 6, 6, 5, 2, 7, 4, 6.0])
    found = surveys.ces(easy).diagnostics
    assert (found["low"], found["high"]) == pytest.approx(stats.t.interval(0.95, 7, easy.mean(), stats.sem(easy)))
    # Newcombe (1998), table I: 81 of 263 is 0.2553 to 0.3662 by Wilson's score.
    assert surveys.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    gap = surveys.disconfirmation([3, 4, 4, 5, 3], [5, 2, 4, 5, 5])
    assert gap.diagnostics["p_value"] == pytest.approx(stats.ttest_rel([5, 2, 4, 5, 5], [3, 4, 4, 5, 3]).pvalue)


def test_the_index_weighs_as_least_squares_does() -> None:
    generator = np.random.default_rng(12)
    x = pd.DataFrame(generator.integers(1, 6, (300, 3)).astype(float), columns=["price", "service", "speed"])
    y = 0.3 * x["price"] + 0.5 * x["service"] + 0.1 * x["speed"] + generator.normal(0, 0.5, 300)
    found = surveys.satisfaction_index(x, y)
    fit = OLS(y, add_constant((x - x.mean()) / x.std(ddof=0))).fit()
    weights = fit.params.drop("const") / fit.params.drop("const").sum()
    assert found.table["weight"].reindex(x.columns).to_numpy() == pytest.approx(weights.to_numpy())
    assert found.diagnostics["r2"] == pytest.approx(fit.rsquared)
    assert found.diagnostics["index"] == pytest.approx(100 * ((x.mean() - 1) / 4 * weights).sum())


def test_hot_spots_are_poisson_with_holms_correction() -> None:
    days = pd.date_range("2024-01-01", "2024-06-28")
    when = [*days, *days[::3], *days[-20:]]
    group = ["a"] * len(days) + ["b"] * len(days[::3]) + ["b"] * 20
    found = words.hot_spots(when, group, recent=30).table
    spot = pd.DataFrame({"when": when, "group": group})
    cut = days[-1] - pd.Timedelta(days=30)
    expected = {}
    for name in ("a", "b"):
        mine = spot[spot["group"] == name]["when"]
        rate = ((mine <= cut).sum() + 0.5) * 30 / (cut - days[0]).days
        expected[name] = 1 - stats.poisson.cdf((mine > cut).sum() - 1, rate)
    assert found["p_value"].to_dict() == pytest.approx(expected)
    assert found["p_adjusted"].reindex(["a", "b"]).tolist() == pytest.approx(multipletests([expected["a"], expected["b"]], method="holm")[1])  # fmt: skip


# -- quality -----------------------------------------------------------------------------------------------------------


def test_twins_are_told_by_the_known_chances_of_agreement() -> None:
    """Pairs made with known m, u and share of twins: the fit finds them again, and its probabilities are Bayes's."""
    generator, n = np.random.default_rng(21), 40_000
    m = np.array([[0.02, 0.03, 0.05, 0.9], [0.05, 0.05, 0.1, 0.8], [0.1, 0.05, 0.05, 0.8]])
    u = np.array([[0.9, 0.05, 0.03, 0.02], [0.8, 0.1, 0.05, 0.05], [0.7, 0.1, 0.1, 0.1]])
    twin = generator.random(n) < 0.15
    levels = np.stack([np.where(twin, generator.choice(4, n, p=m[k]), generator.choice(4, n, p=u[k])) for k in range(3)], axis=1)  # fmt: skip
    probability, found, share = fitted(levels, u)
    assert share == pytest.approx(0.15, abs=0.01)
    assert found == pytest.approx(m, abs=0.02)
    odds = 0.15 / 0.85 * np.prod([m[k][levels[:, k]] / u[k][levels[:, k]] for k in range(3)], axis=0)
    assert probability == pytest.approx(odds / (1 + odds), abs=0.06)


def test_fences_and_stability_by_the_book() -> None:
    values = np.r_[np.arange(1.0, 41.0), 400.0]
    found = quality(pd.DataFrame({"v": -values})).table.loc["v"]
    low, high = np.percentile(-values, [25, 75])
    assert (found["low"], found["high"]) == pytest.approx((low - 3 * (high - low), high + 3 * (high - low)))
    assert found["far_out"] == pytest.approx(1 / 41)
    # Σ (q − p)·ln(q/p): 0.1·ln 1.5 + (−0.1)·ln 0.75 + 0.
    assert drifting.psi([0.2, 0.4, 0.4], [0.3, 0.3, 0.4]) == pytest.approx(0.1 * np.log(1.5) - 0.1 * np.log(0.75))
    assert special.rel_entr([0.3, 0.3, 0.4], [0.2, 0.4, 0.4]).sum() + special.rel_entr([0.2, 0.4, 0.4], [0.3, 0.3, 0.4]).sum() == pytest.approx(drifting.psi([0.2, 0.4, 0.4], [0.3, 0.3, 0.4]))  # fmt: skip
