"""Customer analysis of ten million transactions of a million customers: time, processor time and memory, beside plain pandas and scikit-learn.

    python bench/mining.py --rows 10000000 --customers 1000000 [--baseline [--baseline-customers 1000000]]

Writes a Parquet file of purchases with known parameters once, then computes RFM, ABC, BG/NBD + Gamma-Gamma with values of every customer. ``--baseline`` does the like in the
same run: with pandas, with the package lifetimes where it is installed (``pip install lifetimes``) and SciPy's numerical gradient on so many customers, and with a logistic
regression of scikit-learn beside the churn model of at most 20,000. Prints one line per step.
"""

from __future__ import annotations

import argparse
import datetime as dt
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import optimize, special
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from guanxi.mining.churn.model import churn, purchase_days
from guanxi.mining.concentration import abc
from guanxi.mining.lifetime.model import fit_purchases
from guanxi.mining.lifetime.spending import gamma_gamma
from guanxi.mining.lifetime.value import clv
from guanxi.mining.transactions import Transactions, btyd_summary, transactions
from guanxi.mining.value import rfm

TRUTH = {"r": 1.1, "alpha": 7.5, "a": 0.9, "b": 14.0, "p": 6.0, "q": 4.0, "gamma": 15.0}
"""What ten purchases a customer are made with (weeks, money): the models should find it again."""
START = dt.date(2022, 1, 1)
DAYS = 1096


def truth(rows: int, customers: int) -> dict[str, float]:
    """The parameters that give about so many rows."""
    return TRUTH | {"alpha": TRUTH["alpha"] * 10.0 * customers / rows}


def made(path: Path, rows: int, customers: int, seed: int = 42) -> None:
    """Purchases of customers who come within two years, buy and leave as BG/NBD has it and spend as Gamma-Gamma has it, up to three years; about ``rows`` of them."""
    generator, alpha = np.random.default_rng(seed), truth(rows, customers)["alpha"]
    schema = pa.schema([("customer", pa.int64()), ("day", pa.date32()), ("amount", pa.float64())])
    with pq.ParquetWriter(path, schema) as writer:
        for first in range(0, customers, 100_000):
            n = min(100_000, customers - first)
            came = generator.integers(0, 730, n)
            left = (DAYS - 1 - came) / 7
            counts = generator.poisson(generator.gamma(TRUTH["r"], 1, n) / alpha * left)
            stays = generator.geometric(np.clip(generator.beta(TRUTH["a"], TRUTH["b"], n), 1e-9, 1))
            who = np.repeat(np.arange(n), counts)
            when = generator.random(len(who)) * left[who]
            order = np.lexsort((when, who))
            place = np.arange(len(who)) - np.repeat(np.cumsum(counts) - counts, counts)
            kept = order[place < stays[who]]  # who is sorted already, so places count within a customer
            who, when = np.concatenate([np.arange(n), who[kept]]), np.concatenate([np.zeros(n), when[kept]])
            scale = generator.gamma(TRUTH["q"], 1, n) / TRUTH["gamma"]
            spent = np.round(generator.gamma(TRUTH["p"], 1, len(who)) / scale[who], 2)
            epoch = (START - dt.date(1970, 1, 1)).days
            days = (epoch + came[who] + np.floor(when * 7)).astype("int32")
            writer.write_table(pa.table([pa.array(first + who), pa.array(days).cast(pa.date32()), spent], schema=schema))  # fmt: skip


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


def numerical(summary: pd.DataFrame) -> Any:
    """BG/NBD by SciPy with numerical gradients over all rows: what a straightforward implementation costs."""
    data = summary[["x", "t_x", "T"]].to_numpy(dtype=float)
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


def leaving(sales: Transactions, most: int) -> None:
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


def simple(path: Path) -> pd.DataFrame:
    """RFM as one writes it down in pandas."""
    frame = pd.read_parquet(path).groupby("customer")
    return frame.agg(last=("day", "max"), n=("day", "nunique"), m=("amount", "sum")).rank(pct=True)


def compared(sales: Transactions, path: Path, most: int) -> None:
    """Pandas, the published package, SciPy and scikit-learn beside ours, the models of purchases on ``most`` customers."""
    measured("pandas: RFM without cleaning, all", lambda: simple(path))
    summary = btyd_summary(sales)[0].head(most)
    print(f"--- side by side on {len(summary):,} customers")
    ours = measured("BG/NBD + Gamma-Gamma, parameters", lambda: (fit_purchases(summary), gamma_gamma(summary)))
    print({**_rounded(ours[0].parameters), **_rounded({name: getattr(ours[1], name) for name in ("p", "q", "gamma")})})
    found = measured("lifetimes: the same", lambda: published(summary))
    print(found or "lifetimes is not installed")
    theta = measured("SciPy: BG/NBD, numerical gradient", lambda: numerical(summary))
    print(_rounded(dict(zip(["r", "alpha", "a", "b"], np.exp(theta), strict=True))))
    leaving(sales, min(most, 20_000))


def _rounded(values: Any) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in values.items()}


def main() -> None:
    """The run."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--rows", type=int, default=10_000_000)
    given.add_argument("--customers", type=int, default=1_000_000)
    given.add_argument("--file", type=Path, default=Path("/tmp/mining-bench.parquet"))  # noqa: S108 - a throw-away file
    given.add_argument("--baseline", action="store_true")
    given.add_argument("--baseline-customers", type=int, default=1_000_000)
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
    print(_rounded(result.purchases.parameters), "log-likelihood", round(result.purchases.fit.loglik, 1))
    print(_rounded(result.diagnostics["gamma_gamma"] | {"se": 0}), "made with", truth(options.rows, options.customers))
    if options.baseline:
        compared(sales, options.file, options.baseline_customers)


if __name__ == "__main__":
    main()
