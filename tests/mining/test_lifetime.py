"""Lifetime models against published figures, closed forms, other implementations and simulation."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, special

from guanxi.mining.lifetime import estimate, purchases
from guanxi.mining.lifetime.holdout import clv_holdout
from guanxi.mining.lifetime.model import PurchaseModel, fit_purchases
from guanxi.mining.lifetime.spending import gamma_gamma, gamma_gamma_rows
from guanxi.mining.lifetime.value import clv
from guanxi.mining.result import BadInput
from guanxi.mining.transactions import transactions

from .data import table

COLUMNS = {"customer": "sample_customer_id", "date": "date", "amount": "amount_usd"}


def summary() -> pd.DataFrame:
    frame = table("cdnow/cdnow_customers_summary_with_transactions.csv.gz").astype(float)
    return frame.rename(columns={"zbar": "mean"})


@pytest.mark.parametrize(
    ("kind", "published", "loglik"),
    [
        ("bgnbd", {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, -9582.4),
        ("paretonbd", {"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669}, -9595.0),
        # Batislam, Denizel and Filiztekin's model on the same cohort, as the R package BTYDplus documents it.
        ("mbgnbd", {"r": 0.525, "alpha": 6.183, "a": 0.891, "b": 1.614}, -9582.1),
    ],
)
def test_the_published_parameters_come_out(kind: str, published: dict[str, float], loglik: float) -> None:
    model = fit_purchases(summary(), kind)
    assert model.fit.converged
    assert model.parameters == pytest.approx(published, abs=0.0011)
    assert model.fit.loglik == pytest.approx(loglik, abs=0.05)


def test_the_published_spending_comes_out_of_the_log() -> None:
    sales = transactions(table("cdnow/cdnow_sample.csv.gz"), **COLUMNS)
    result = clv_holdout(sales, calibrate_until=dt.date(1997, 9, 30))
    made = result.summary()
    assert made["params"] == pytest.approx({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, abs=0.001)
    assert (made["n"], made["gamma_gamma"]["n"]) == (2357, 946)
    assert [round(made["gamma_gamma"][one], 2) for one in ("p", "q", "gamma")] == [6.25, 3.74, 15.44]
    errors = made["holdout"]["errors"]
    assert errors["bgnbd"]["mae"] < errors["same_rate"]["mae"]
    assert made["holdout"]["actual_total"] == result.table["actual"].sum() == 1882
    # Figure 5 of Fader, Hardie and Lee (2005): the model follows the actual repeat purchases week by week.
    assert made["holdout"]["cumulative"][-1]["predicted"] == pytest.approx(errors["bgnbd"]["total"])


def test_one_customer_by_hand() -> None:
    """Customer 1 of the note by Fader and Hardie: x = 2, t_x = 30.43, T = 38.86 expects 1.226 purchases in 39 weeks."""
    frame = pd.DataFrame({"x": [2.0], "t_x": [30.43], "T": [38.86]})
    model = PurchaseModel("bgnbd", (0.243, 4.414, 0.793, 2.426), fit=None, n=1)  # type: ignore[arg-type]
    assert model.expected(frame, 39)[0] == pytest.approx(1.226, abs=0.001)


def pareto_by_hypergeometric(r, alpha, s, beta, x, t_x, T):  # type: ignore[no-untyped-def]
    """Schmittlein, Morrison and Colombo's form with ₂F₁, independent of the quadrature."""
    first, second = (alpha, s + 1) if alpha >= beta else (beta, r + x)
    gap = abs(alpha - beta)
    m = r + s + x

    def part(t: float) -> float:
        return float(special.hyp2f1(m, second, m + 1, gap / (first + t)) / (first + t) ** m)

    stay = (alpha + T) ** -(r + x) * (beta + T) ** -s
    return (
        special.gammaln(r + x)
        - special.gammaln(r)
        + r * np.log(alpha)
        + s * np.log(beta)
        + np.log(stay + s / m * (part(t_x) - part(T)))
    )


def test_pareto_agrees_with_the_hypergeometric_form() -> None:
    generator = np.random.default_rng(3)
    for _ in range(200):
        r, alpha, s, beta = np.exp(generator.uniform(-1.5, 3, 4))
        x = float(generator.integers(0, 12))
        T = float(generator.uniform(1, 80))
        t_x = 0.0 if x == 0 else float(generator.uniform(0.1, T * 0.98))
        ours = purchases.pareto_rows(r, alpha, s, beta, *(np.array([one]) for one in (x, t_x, T)))[0][0]
        assert ours == pytest.approx(pareto_by_hypergeometric(r, alpha, s, beta, x, t_x, T), rel=1e-6, abs=1e-6)


positive = st.floats(0.05, 20)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["bgnbd", "mbgnbd", "paretonbd"]),
    positive,
    positive,
    positive,
    positive,
    st.integers(0, 60),
    st.floats(0.05, 1),
    st.floats(1, 200),
)
def test_gradients_are_exact(
    kind: str, r: float, alpha: float, c: float, d: float, x: int, share: float, length: float
) -> None:
    data = [np.array([float(x)]), np.array([share * length if x else 0.0]), np.array([length])]

    def rows(values):  # type: ignore[no-untyped-def]
        if kind == "paretonbd":
            return purchases.pareto_rows(*values, *data)
        return purchases.beta_geometric_rows(*values, *data, modified=kind == "mbgnbd")

    at = np.array([r, alpha, c, d])
    slopes = rows(at)[1][0]
    numeric = optimize.approx_fprime(np.log(at), lambda theta: float(rows(np.exp(theta))[0][0]), 1e-6) / at
    assert slopes == pytest.approx(numeric, rel=2e-3, abs=2e-3 * (1 + abs(slopes).max()))


def test_expected_purchases_are_the_integral_over_the_posterior() -> None:
    """E of an active customer = ∫ (1 − (1+pt/(α+T))^−(r+x))/p · Beta(p; a, b+x) dp."""
    r, alpha, a, b = 0.7, 5.0, 1.4, 2.2
    for x, T, t in ((0.0, 30.0, 10.0), (3.0, 30.0, 39.0), (60.0, 52.0, 52.0)):
        whole = special.beta(a, b + x)

        def inner(p: float, x: float = x, T: float = T, t: float = t, whole: float = whole) -> float:
            return (1 - (1 + p * t / (alpha + T)) ** -(r + x)) / p * p ** (a - 1) * (1 - p) ** (b + x - 1) / whole

        truth = integrate.quad(inner, 0, 1, limit=200)[0]
        ours = purchases.beta_geometric_expected(
            r, alpha, a, b, np.array([x]), np.array([T]), np.array([t]), modified=False
        )[0]
        assert ours == pytest.approx(truth, rel=1e-6)


def simulated(n: int, r: float, alpha: float, a: float, b: float, seed: int) -> pd.DataFrame:
    """Customers who buy and leave as BG/NBD says, observed between 30 and 60 weeks."""
    generator = np.random.default_rng(seed)
    rate, leave = generator.gamma(r, 1 / alpha, n), generator.beta(a, b, n)
    length = generator.uniform(30, 60, n)
    rows = []
    for one in range(n):
        at, last, x = 0.0, 0.0, 0
        while True:
            at += generator.exponential(1 / rate[one])
            if at > length[one]:
                break
            last, x = at, x + 1
            if generator.random() < leave[one]:
                break
        rows.append((x, last, length[one]))
    return pd.DataFrame(rows, columns=["x", "t_x", "T"])


def test_known_parameters_are_recovered_within_their_error() -> None:
    truth = {"r": 0.8, "alpha": 6.0, "a": 0.9, "b": 2.5}
    model = fit_purchases(simulated(4000, **truth, seed=5), "bgnbd")
    for name, value in truth.items():
        assert abs(model.parameters[name] - value) < 4 * model.fit.errors[name]
        assert model.fit.errors[name] < 0.3 * value


def test_a_covariate_that_speeds_up_buying_is_found() -> None:
    slow, fast = simulated(1500, 0.8, 8.0, 0.9, 2.5, 1), simulated(1500, 0.8, 8.0 / np.exp(0.7), 0.9, 2.5, 2)
    frame = pd.concat([slow.assign(card=0.0), fast.assign(card=1.0)], ignore_index=True)
    model = fit_purchases(frame, "bgnbd", covariates=["card"])
    assert model.effects["buying"][0] == pytest.approx(0.7, abs=4 * model.fit.errors["buying.card"])
    assert model.fit.loglik > fit_purchases(frame, "bgnbd").fit.loglik + 20


def test_the_interval_covers_what_the_model_says() -> None:
    frame = pd.DataFrame({"x": [8.0], "t_x": [36.0], "T": [38.0]})
    for kind, values in (
        ("bgnbd", (0.8, 6.0, 0.9, 2.5)),
        ("mbgnbd", (0.8, 6.0, 0.9, 2.5)),
        ("paretonbd", (0.55, 10.6, 0.6, 11.7)),
    ):
        model = PurchaseModel(kind, values, fit=None, n=1)  # type: ignore[arg-type]
        draws = model._draws(frame, 20.0, 40_000, np.random.default_rng(1))
        assert draws.mean() == pytest.approx(model.expected_if_alive(frame, [20.0])[0, 0], rel=0.02)


def test_the_spending_model_is_recovered() -> None:
    generator = np.random.default_rng(2)
    n, p, q, gamma = 6000, 6.0, 4.0, 15.0
    x = generator.integers(1, 12, n).astype(float)
    scale = generator.gamma(q, 1 / gamma, n)
    frame = pd.DataFrame({"x": x, "mean": generator.gamma(p * x, 1 / (scale * x))})
    model = gamma_gamma(frame)
    for name, value in (("p", p), ("q", q), ("gamma", gamma)):
        assert abs(getattr(model, name) - value) < 4 * model.fit.errors[name]
    value, slope = gamma_gamma_rows(6.0, 4.0, 15.0, x[:5], frame["mean"].to_numpy()[:5])
    numeric = optimize.approx_fprime(
        [6.0, 4.0, 15.0], lambda one: float(gamma_gamma_rows(*one, x[:5], frame["mean"].to_numpy()[:5])[0].sum()), 1e-7
    )
    assert slope.sum(axis=0) == pytest.approx(numeric, rel=1e-3, abs=1e-4)
    assert np.isfinite(value).all()


def log_of(rows: list[tuple[str, str, float]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["who", "day", "worth"])


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([("a", "2024-01-01", 10.0)], "few"),
        ([(f"c{i}", "2024-01-01", 10.0) for i in range(30)], "nobody_repeats"),
        ([(f"c{i}", "2024-01-01", -10.0) for i in range(30)], "no_purchases"),
    ],
)
def test_impossible_input_is_refused_with_a_sentence(rows: list[tuple[str, str, float]], code: str) -> None:
    with pytest.raises(BadInput) as caught:
        clv(transactions(log_of(rows), customer="who", date="day", amount="worth"))
    assert caught.value.code == code
    assert caught.value.text.zh != caught.value.text.en


def test_equal_spending_falls_back_to_purchases_alone() -> None:
    rows = [(f"c{i}", f"2024-0{1 + (i + j) % 9}-1{j % 10}", 5.0) for i in range(40) for j in range(1 + i % 4)]
    result = clv(transactions(log_of(rows), customer="who", date="day", amount="worth"))
    assert "clv" not in result.table
    assert "spend.constant" in {one.code for one in result.notes}
    assert result.summary()["gamma_gamma"] is None


def test_a_search_that_begins_on_a_sample_ends_where_the_whole_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    chance, n = np.random.default_rng(8), 4000
    length, rate = chance.uniform(20, 80, n), chance.gamma(0.8, 1 / 4.0, n)
    leaves, x, last, at = chance.beta(0.8, 2.5, n), np.zeros(n), np.zeros(n), np.zeros(n)
    stays = np.ones(n, bool)
    while stays.any():
        at[stays] += chance.exponential(1 / rate[stays])
        bought = stays & (at <= length)
        x[bought] += 1
        last[bought] = at[bought]
        stays = bought & (chance.random(n) > leaves)
    summary = pd.DataFrame({"x": x, "t_x": last, "T": length})
    whole = fit_purchases(summary)
    monkeypatch.setattr(estimate, "SAMPLE", 500)
    begun = fit_purchases(summary)
    assert begun.fit.converged
    assert begun.parameters == pytest.approx(whole.parameters, rel=1e-4)
    assert begun.fit.loglik == pytest.approx(whole.fit.loglik, abs=1e-3)
