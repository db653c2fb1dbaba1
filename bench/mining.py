"""Customer analysis of ten million transactions of a million customers: time, processor time and memory, beside plain pandas and scikit-learn.

    python bench/mining.py --rows 10000000 --customers 1000000 [--baseline]

Writes a Parquet file of made-up purchases once, then computes RFM, ABC, BG/NBD + Gamma-Gamma with values of every customer. ``--baseline`` does the like in the
same run with pandas, with the package lifetimes where it is installed (``pip install lifetimes``; else the published likelihood is maximised with SciPy's numerical gradient),
and puts a logistic regression of scikit-learn beside the churn model. Prints one line per step.
"""

from __future__ import annotations

import argparse
import datetime as dt
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import ibis
import numpy as np
import pandas as pd
from scipy import optimize, special
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from guanxi.mining.churn.model import churn, purchase_days
from guanxi.mining.concentration import abc
from guanxi.mining.lifetime.value import clv
from guanxi.mining.transactions import Transactions, btyd_summary, transactions
from guanxi.mining.value import rfm


def made(path: Path, rows: int, customers: int) -> None:
    """Purchases over three years whose rate differs between customers; everybody stops some day, some soon."""
    connection = duckdb.connect()
    connection.execute("SELECT setseed(0.42)")
    connection.execute(
        f"""COPY (
            WITH c AS (SELECT i AS customer, -ln(1 - random()) AS weight, least(1095, 400 * -ln(1 - random()) / (0.2 - ln(1 - random()))) AS stays FROM range({customers}) t(i)),
                 n AS (SELECT customer, stays, 1 + floor({rows / customers - 1} * weight)::int AS k FROM c)
            SELECT customer, DATE '2022-01-01' + (random() * stays)::int AS day, round(exp(3 + random() * 2 + random()), 2) AS amount
            FROM n, unnest(range(k)) u(j)
        ) TO '{path}' (FORMAT parquet)"""
    )


def measured(name: str, step: Callable[[], Any]) -> Any:
    """Run a step and say what it cost."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = step()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(
        f"{name:34} {time.perf_counter() - wall:7.1f} s  {time.process_time() - cpu:7.1f} s CPU  peak {peak:4.1f} GB",
        flush=True,
    )
    return found


def numerical(sales: Transactions) -> Any:
    """BG/NBD by SciPy with numerical gradients over all rows: what a straightforward implementation costs."""
    data = btyd_summary(sales)[0][["x", "t_x", "T"]].to_numpy(dtype=float)
    x, t_x, length = data.T

    def negative(theta: np.ndarray) -> float:
        r, alpha, a, b = np.exp(theta)
        start = special.gammaln(r + x) - special.gammaln(r) + r * np.log(alpha)
        drop = special.betaln(a, b + x) - special.betaln(a, b)
        gone = np.where(x > 0, np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + t_x), -np.inf)
        return -float((start + drop + np.logaddexp(-(r + x) * np.log(alpha + length), gone)).mean())

    return optimize.minimize(negative, np.zeros(4), method="L-BFGS-B").x


def published(summary: pd.DataFrame) -> Any:
    """BG/NBD and Gamma-Gamma by the package lifetimes; ``None`` where it is not installed."""
    try:
        from lifetimes import BetaGeoFitter, GammaGammaFitter  # noqa: PLC0415 - only for the comparison
    except ImportError:
        return None
    first = BetaGeoFitter().fit(summary["x"], summary["t_x"], summary["T"])
    bought = summary[(summary["x"] > 0) & (summary["mean"] > 0)]
    second = GammaGammaFitter().fit(bought["x"], bought["mean"])
    return {**first.params_.round(4).to_dict(), **second.params_.round(4).to_dict()}


def leaving(sales: Transactions, most: int = 50_000) -> None:
    """The churn model and a logistic regression on recency, purchase days and value: AUC on a time neither has seen, of at most so many customers."""
    some = sales.table.filter(sales.table.customer.cast("int64") < most)
    part = Transactions(ibis.memtable(some.execute()), sales.as_of, sales.first, 0, most, sales.has_amount)
    ours = measured("churn model", lambda: churn(part))
    weeks = float(ours.diagnostics["horizon_weeks"])
    days, step = purchase_days(part), dt.timedelta(weeks=weeks)

    def state(cut: dt.date) -> tuple[pd.DataFrame, pd.Series]:
        known = days[days["day"] <= pd.Timestamp(cut)]
        rows = known.groupby("customer").agg(n=("day", "size"), last=("day", "max"), value=("value", "sum"))
        rows["recency"] = (pd.Timestamp(cut) - rows.pop("last")).dt.days
        rows = rows[rows["recency"] <= max(21 * weeks, 364)]
        later = days[(days["day"] > pd.Timestamp(cut)) & (days["day"] <= pd.Timestamp(cut + step))]["customer"]
        return np.log1p(rows), ~rows.index.isin(set(later))

    def plain() -> float:
        (x, y), (x_new, y_new) = state(part.as_of - 2 * step), state(part.as_of - step)
        model = LogisticRegression(max_iter=500).fit(x, y)
        return float(roc_auc_score(y_new, model.predict_proba(x_new)[:, 1]))

    other = measured("scikit-learn: logistic regression", plain)
    print(f"AUC out of time: {ours.diagnostics['auc']:.3f}, of the logistic regression {other:.3f}")


def main() -> None:
    """The run."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--rows", type=int, default=10_000_000)
    given.add_argument("--customers", type=int, default=1_000_000)
    given.add_argument("--file", type=Path, default=Path("/tmp/mining-bench.parquet"))  # noqa: S108 - a throw-away file
    given.add_argument("--baseline", action="store_true")
    options = given.parse_args()
    if not options.file.exists():
        measured("make the file", lambda: made(options.file, options.rows, options.customers))
    table = ibis.read_parquet(options.file)
    sales = measured(
        "clean and count",
        lambda: transactions(table, customer="customer", date="day", amount="amount", as_of=dt.date(2024, 12, 31)),
    )
    print(f"{sales.rows:,} transactions of {sales.customers:,} customers")
    measured("RFM", lambda: rfm(sales))
    measured("ABC", lambda: abc(sales))
    result = measured("BG/NBD + Gamma-Gamma, all values", lambda: clv(sales))
    print(
        {name: round(value, 4) for name, value in result.purchases.parameters.items()},
        "log-likelihood",
        round(result.purchases.fit.loglik, 1),
    )
    if options.baseline:
        frame = pd.read_parquet(options.file)
        measured(
            "pandas: RFM without cleaning",
            lambda: (
                frame.groupby("customer")
                .agg(last=("day", "max"), n=("day", "nunique"), m=("amount", "sum"))
                .rank(pct=True)
            ),
        )
        found = measured("lifetimes: BG/NBD + Gamma-Gamma", lambda: published(btyd_summary(sales)[0]))
        if found is None:
            print("lifetimes is not installed; the published likelihood with SciPy stands for it")
            theta = measured("SciPy: BG/NBD, numerical gradient", lambda: numerical(sales))
            found = dict(zip(["r", "alpha", "a", "b"], np.exp(theta).round(4), strict=True))
        print("baseline parameters", found)
        leaving(sales)


if __name__ == "__main__":
    main()
