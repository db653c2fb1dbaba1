"""``guanxi mine`` on files as people have them: encodings, separators, dates, and data that allow no answer."""

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from guanxi.core.cli.mine import mine
from guanxi.runtime.trouble import Trouble
from tests.mining.data import shared

COLUMNS = ["--customer", "客户", "--date", "日期", "--amount", "金额"]
ROWS = [(f"客{i % 40}", f"2024/{1 + (i * 7) % 12}/{1 + i % 28}", f"{10 + i % 9},5") for i in range(300)]


def run(*words: str) -> Result:
    return CliRunner().invoke(mine, list(words), catch_exceptions=True)


def written(folder: Path, encoding: str = "gb18030", delimiter: str = ";") -> Path:
    path = folder / "orders.csv.gz"
    text = "\n".join(delimiter.join(row) for row in [("客户", "日期", "金额"), *ROWS])
    path.write_bytes(gzip.compress(text.encode(encoding)))
    return path


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8-sig", "utf-16"])
def test_a_packed_file_in_any_encoding_with_semicolons_and_decimal_commas(tmp_path: Path, encoding: str) -> None:
    answer = run("rfm", str(written(tmp_path, encoding)), *COLUMNS, "--json", "--as-of", "2024-12-31")
    made = json.loads(answer.stdout)
    assert answer.exit_code == 0
    assert (made["n"], made["as_of"]) == (40, "2024-12-31")
    assert made["value"] == pytest.approx(sum(float(row[2].replace(",", ".")) for row in ROWS))


def test_parquet_and_csv_say_the_same_and_the_table_is_written(tmp_path: Path) -> None:
    frame = pd.DataFrame(ROWS, columns=["客户", "日期", "金额"])
    frame["日期"] = pd.to_datetime(frame["日期"])
    frame["金额"] = frame["金额"].str.replace(",", ".").astype(float)
    frame.to_parquet(tmp_path / "orders.parquet")
    out = tmp_path / "classes.xlsx"
    typed = run("abc", str(tmp_path / "orders.parquet"), *COLUMNS, "--json", "--out", str(out))
    text = run("abc", str(written(tmp_path)), *COLUMNS, "--json")
    assert json.loads(typed.stdout)["classes"] == json.loads(text.stdout)["classes"]
    assert len(pd.read_excel(out, engine="calamine")) == 40


def test_the_published_lifetime_figures_as_a_script_reads_them() -> None:
    path = shared("cdnow/cdnow_sample.csv.gz")
    answer = run(
        "clv",
        str(path),
        "--customer",
        "sample_customer_id",
        "--date",
        "date",
        "--amount",
        "amount_usd",
        "--calibrate-until",
        "1997-09-30",
        "--weeks",
        "39",
        "--json",
    )
    made = json.loads(answer.stdout)
    assert made["model"] == "bgnbd"
    assert made["params"] == pytest.approx({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, abs=0.001)
    assert made["loglik"] == pytest.approx(-9582.4, abs=0.05)
    assert made["gamma_gamma"]["p"] == pytest.approx(6.25, abs=0.01)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("客户,日期,金额\na,2024-01-01,5\n", "at least 10"),
        ("客户,日期,金额\n" + "".join(f"c{i},2024-01-01,5\n" for i in range(20)), "bought twice"),
        ("客户,日期,金额\na,soon,5\nb,later,6\n", "not dates"),
        ("客户,日期,金额\na,2024-01-01,$5\nb,2024-01-01,€6\n", "several currencies"),
        ("客户,日期,金额\n", "no rows"),
        ("客户,日期\na,2024-01-01\n", "no column 金额"),
        ("", "empty"),
    ],
)
def test_what_allows_no_answer_is_said_in_a_sentence(tmp_path: Path, rows: str, says: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(rows, "utf-8")
    answer = run("clv", str(path), *COLUMNS)
    assert isinstance(answer.exception, Trouble)
    assert says in str(answer.exception)


def test_wrong_usage_is_exit_code_2(tmp_path: Path) -> None:
    assert run("rfm", str(written(tmp_path)), "--customer", "客户").exit_code == 2
    assert run("churn", str(written(tmp_path))).exit_code == 2
    assert run("rfm", str(tmp_path / "nothing.csv"), *COLUMNS).exit_code == 2
