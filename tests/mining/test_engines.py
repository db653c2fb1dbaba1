"""One expression, three engines: DuckDB, PostgreSQL and Spark give the same RFM, ABC and purchase summary."""

import datetime as dt
import os
import shutil
import warnings
from collections.abc import Iterator
from urllib.parse import urlsplit

import ibis
import numpy as np
import pandas as pd
import psycopg
import pytest

from guanxi.mining.concentration import abc_expression
from guanxi.mining.transactions import summary_expression
from guanxi.mining.value import rfm_expression
from tests.needs import lacking


def sales() -> pd.DataFrame:
    """Purchases with ties, returns, several on one day, and customers with nothing but returns."""
    generator = np.random.default_rng(11)
    n = 400
    frame = pd.DataFrame(
        {
            "customer": [f"c{one:02d}" for one in generator.integers(0, 40, n)],
            "day": [dt.date(2023, 1, 1) + dt.timedelta(days=int(one)) for one in generator.integers(0, 90, n)],
            "amount": np.round(generator.gamma(2, 20, n), 2) * np.where(generator.random(n) < 0.1, -1, 1),
        }
    )
    return pd.concat(
        [frame, pd.DataFrame({"customer": ["zz"], "day": [dt.date(2023, 2, 1)], "amount": [-5.0]})], ignore_index=True
    )


EXPRESSIONS = {"summary": summary_expression, "rfm": rfm_expression, "abc": abc_expression}


def computed(table: ibis.Table) -> dict[str, pd.DataFrame]:
    """Every expression on an engine, in a form that can be compared."""
    found = {}
    for name, expression in EXPRESSIONS.items():
        frame = expression(table).execute().sort_values("customer").reset_index(drop=True)
        for column in frame.columns:
            if column in ("first", "last"):
                frame[column] = pd.to_datetime(frame[column]).dt.strftime("%Y-%m-%d").where(frame[column].notna(), "")
            elif column in ("customer", "class"):
                frame[column] = frame[column].astype(str)
            else:
                frame[column] = frame[column].astype(float).round(6)
        found[name] = frame
    return found


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    path = tmp_path_factory.mktemp("sales") / "sales.parquet"
    sales().to_parquet(path)
    return computed(ibis.duckdb.connect().read_parquet(path))


def same(found: dict[str, pd.DataFrame], truth: dict[str, pd.DataFrame]) -> None:
    for name, frame in truth.items():
        pd.testing.assert_frame_equal(found[name], frame, check_dtype=False, atol=1e-6, obj=name)


def test_duckdb_says_what_pandas_says(truth: dict[str, pd.DataFrame]) -> None:
    frame = sales()
    net = frame.groupby("customer")["amount"].sum()
    assert truth["abc"].set_index("customer")["value"].to_dict() == pytest.approx(net.round(6).to_dict(), abs=1e-5)
    bought = frame[frame["amount"] >= 0]
    assert (
        truth["rfm"].set_index("customer")["frequency"].to_dict()
        == bought.groupby("customer")["day"].nunique().to_dict()
    )
    assert truth["summary"].set_index("customer").loc["zz", "purchases"] == 0


@pytest.fixture
def postgres() -> Iterator[ibis.Table]:
    address = os.environ["DATABASE_URL"]
    parts = urlsplit(address)
    host = dict(one.split("=") for one in parts.query.split("&"))["host"] if parts.query else parts.hostname
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS mining_sales")
        connection.execute("CREATE TABLE mining_sales (customer text, day date, amount double precision)")
        with connection.cursor() as cursor, cursor.copy("COPY mining_sales FROM STDIN") as copy:
            for row in sales().itertuples(index=False):
                copy.write_row(tuple(row))
    engine = ibis.postgres.connect(host=host, user=parts.username, database=parts.path.lstrip("/"))
    yield engine.table("mining_sales")
    engine.disconnect()
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("DROP TABLE mining_sales")


def test_postgresql_agrees(postgres: ibis.Table, truth: dict[str, pd.DataFrame]) -> None:
    same(computed(postgres), truth)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_spark_agrees(truth: dict[str, pd.DataFrame], tmp_path: object) -> None:
    if shutil.which("java") is None:
        lacking("Java for Spark")
    from pyspark.sql import SparkSession  # noqa: PLC0415 - starts with Java alone

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        session = (
            SparkSession.builder.master("local[1]")
            .config("spark.ui.enabled", "false")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.sql.shuffle.partitions", "1")
            .config("spark.sql.warehouse.dir", str(tmp_path))
            .config("spark.driver.memory", "512m")
            .getOrCreate()
        )
        try:
            engine = ibis.pyspark.connect(session)
            path = f"{tmp_path}/sales.parquet"
            sales().to_parquet(path)
            same(computed(engine.read_parquet(path)), truth)
        finally:
            session.stop()
