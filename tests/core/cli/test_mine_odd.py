"""``guanxi mine`` on odd tables: the same purchases written in many ways give the same answer, or a sentence at the column."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from guanxi.core.cli.mine import mine
from guanxi.runtime.trouble import Trouble

RANDOM = np.random.default_rng(3)
WHO = RANDOM.integers(1, 60, 400)
DAYS = pd.to_datetime("2023-01-01") + pd.to_timedelta(RANDOM.integers(0, 900, 400), unit="D")
SUMS = np.round(RANDOM.gamma(2, 6000, 400) + 5, 2)
THINGS = RANDOM.choice(list("ABCD"), 400)
MIXED = ("%Y-%m-%d", "%d/%m/%Y", "%Y%m%d", "%d-%b-%Y", "%Y年%m月%d日")


def run(*words: str) -> Result:
    return CliRunner().invoke(mine, list(words), catch_exceptions=True)


def table(day: Callable[[int, Any], Any], amount: Callable[[int, float], Any], names: tuple[str, ...]) -> pd.DataFrame:
    """The purchases with dates and amounts written some way, under some headers."""
    days = [day(at, one) for at, one in enumerate(DAYS)]
    amounts = [amount(at, float(one)) for at, one in enumerate(SUMS)]
    return pd.DataFrame(dict(zip(names, (WHO, days, amounts, THINGS), strict=True)))


def european(_at: int, one: float) -> str:
    """``1.234,50``."""
    return f"{one:,.2f}".translate(str.maketrans(",.", ".,"))


#: name -> (file, how it is written, headers, keyword for the file)
WRITTEN: dict[str, tuple[Any, Any, tuple[str, ...], Callable[[pd.DataFrame, Path], Any]]] = {
    "chinese.csv": (
        lambda _at, d: f"{d.year}年{d.month}月{d.day}日", lambda _at, a: f"￥{a:,.2f}", ("客户编号", "下单日期", "金额（元）", "商品"),
        lambda f, p: p.write_bytes(f.to_csv(index=False).encode("gb18030")),
    ),
    "german.csv": (
        lambda _at, d: f"{d:%d.%m.%Y}", european, ("Kunde", "Datum", "Betrag", "Artikel"),
        lambda f, p: p.write_text(f.to_csv(index=False, sep=";"), "utf-8-sig"),
    ),
    "american.csv": (
        lambda _at, d: f"{d:%m/%d/%Y %I:%M %p}", lambda _at, a: f"${a:,.2f}", ("Client ID", "When", "Total ($)", "Product"),
        lambda f, p: f.to_csv(p, index=False),
    ),
    "mixed.csv": (
        lambda at, d: d.strftime(MIXED[at % 5]), lambda _at, a: f"{a}", ("who", "day", "sum", "thing"),
        lambda f, p: p.write_text(f.to_csv(index=False) + f"Total,,{SUMS.sum()},\n", "utf-8"),
    ),
    "typed.parquet": (
        lambda _at, d: d.tz_localize("Asia/Shanghai"), lambda _at, a: pa.scalar(a).cast(pa.float64()).as_py(), ("key", "at", "net", "sku"),
        lambda f, p: f.to_parquet(p),
    ),
    "serial.xlsx": (
        lambda _at, d: (d - pd.Timestamp("1899-12-30")).days, lambda _at, a: f"{a / 10000:.6f}万", ("客户", "日期", "金额", "品"),
        lambda f, p: f.to_excel(p, index=False),
    ),
    "shanghai.csv": (
        lambda _at, d: f"{d:%Y-%m-%d}T00:10:00+08:00", lambda _at, a: f"{a:.2f}", ("who", "day", "sum", "thing"),
        lambda f, p: f.to_csv(p, index=False),
    ),
    "excel.csv": (
        lambda _at, d: f"{d:%b %d %Y}", lambda _at, a: f"{european(_at, a)} €", ("Käufer Nr.", "Käufdatum", "Umsatz in €", "Artikel"),
        lambda f, p: p.write_bytes(("sep=;\r\n" + f.to_csv(index=False, sep=";")).encode("cp1252")),
    ),
    "titled.csv": (
        lambda _at, d: f"{d:%a, %d %b %Y %H:%M:%S} UTC", lambda _at, a: f"{a}", ("客户", "日期", "金额", "商品"),
        lambda f, p: p.write_text("销售明细表,,,\n导出时间：2026-01-01,,,\n" + f.to_csv(index=False), "utf-8"),
    ),
    "plain.txt": (
        lambda _at, d: f"{d:%Y%m%d}", lambda _at, a: f"{a}", ("1", "2", "3", "4"),
        lambda f, p: f.assign(**{"4": 7}).to_csv(p, index=False, header=False, sep=" "),
    ),
    "lines.jsonl": (
        lambda _at, d: f"{d:%Y-%m-%d}", lambda _at, a: round(a, 2), ("who", "day", "sum", "thing"),
        lambda f, p: f.to_json(p, orient="records", lines=True),
    ),
    "wide.txt": (
        lambda _at, d: f"{d:%d %B %Y}", lambda _at, a: f"{a:.2f}", ("who", "day", "sum", "thing"),
        lambda f, p: p.write_text(f.to_csv(index=False, sep="|"), "utf-16"),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All the files."""
    made = tmp_path_factory.mktemp("odd")
    for name, (day, amount, names, write) in WRITTEN.items():
        write(table(day, amount, names), made / name)
    return made


def asked(folder: Path, name: str, command: str, *more: str) -> Any:
    """What a command says of a file."""
    who, day, amount, _thing = WRITTEN[name][2]
    answer = run(command, str(folder / name), "--customer", who, "--date", day, "--amount", amount, "--json", *more)
    assert answer.exit_code == 0, (name, answer.exception)
    return json.loads(answer.stdout)


@pytest.mark.parametrize("name", WRITTEN)
def test_however_it_is_written_it_says_the_same(folder: Path, name: str) -> None:
    found = asked(folder, name, "rfm")
    assert found["n"] == len(set(WHO))
    assert found["value"] == pytest.approx(SUMS.sum(), abs=0.5)
    assert found["as_of"] == f"{DAYS.max():%Y-%m-%d}"
    who, day, _amount, thing = WRITTEN[name][2]
    if name == "plain.txt":
        return  # without things
    pairs = json.loads(
        run("sequence", str(folder / name), "--customer", who, "--item", thing, "--order", day, "--json").stdout
    )
    firsts = pd.DataFrame({"c": WHO, "d": DAYS, "i": THINGS}).sort_values("d", kind="stable")
    later = firsts.merge(firsts, on="c")
    later = later[(later.i_x == "A") & (later.i_y == "B") & (later.d_x < later.d_y)]
    told = {(one["first"], one["then"]): one["customers"] for one in pairs["customers"]}
    assert told["A", "B"] == later["c"].nunique(), "the order is that of the days, however they are written"


def test_dates_written_in_several_ways_are_said(folder: Path) -> None:
    assert [one["code"] for one in asked(folder, "mixed.csv", "abc")["warnings"]] == ["date.mixed"]


@pytest.mark.parametrize(
    "command", ["topics", "cross", "regression", "hazards", "sequence", "profit", "rfm", "what-if"]
)
def test_a_column_that_is_needed_is_asked_for(folder: Path, command: str) -> None:
    answer = run(command, str(folder / "german.csv"))
    assert answer.exit_code == 2
    assert "--" in answer.output


PEOPLE = pd.DataFrame(
    {
        "编号": range(200), "年龄": [20 + i % 50 for i in range(200)], "套餐": ["基础" if i % 3 else "尊享" for i in range(200)],
        "月数": [1 + (i * 7) % 40 for i in range(200)], "已离开": ["是" if i % 4 else "否" for i in range(200)],
        "消费": [f"¥{(20 + i % 50) * 1000 + i:,}" for i in range(200)],
    }
)  # fmt: skip


def test_cross_tables_regression_and_hazards_of_a_chinese_table(tmp_path: Path) -> None:
    path, out = tmp_path / "people.csv", tmp_path / "out.xlsx"
    path.write_bytes(PEOPLE.to_csv(index=False, sep=";").encode("gb18030"))
    crossed = json.loads(
        run("cross", str(path), "--rows", "套餐", "--columns", "已离开", "--json", "--out", str(out)).stdout
    )
    assert crossed["n"] == 200
    counted = pd.crosstab(PEOPLE["套餐"], PEOPLE["已离开"])
    assert pd.read_excel(out, engine="calamine").set_index("套餐").to_numpy().tolist() == counted.to_numpy().tolist()
    fitted = json.loads(run("regression", str(path), "--target", "消费", "--driver", "年龄", "--json").stdout)
    slope = np.polyfit(PEOPLE["年龄"], [(20 + i % 50) * 1000 + i for i in range(200)], 1)[0]
    assert fitted["customers"][1]["coefficient"] == pytest.approx(slope)
    asked_for = (
        "--length",
        "月数",
        "--ended",
        "已离开",
        "--covariate",
        "套餐",
        "--covariate",
        "年龄",
        "--customer",
        "编号",
    )
    risky = json.loads(run("hazards", str(path), *asked_for, "--json").stdout)
    assert {next(iter(one.values())) for one in risky["customers"]} == {"套餐=尊享", "年龄"}
    missing = run("cross", str(path), "--rows", "套飧", "--columns", "套餐")
    assert "套飧" in str(missing.exception)
    wrong = run("regression", str(path), "--target", "消费", "--driver", "套餐")
    assert "套餐" in str(wrong.exception)


def test_what_if_from_numbers_and_from_purchases(folder: Path) -> None:
    told = ("--customers", "100", "--profit", "10", "--retention", "0.8", "--acquired", "20", "--cost", "5")
    plain = json.loads(run("what-if", *told, "--json").stdout)
    assert [one["profit"] for one in plain["customers"]] == [pytest.approx(900)] * 5
    assert run("what-if", *told[:-4]).exit_code == 2
    read = asked(folder, "german.csv", "what-if", "--years", "1", "--retention", "1")
    last = (DAYS.max() - DAYS).days < 365
    assert read["read"]["customers"] == len(set(WHO[last]))
    assert read["read"]["profit"] == pytest.approx(SUMS[last].sum() / len(set(WHO[last])))


BASKETS = [
    sorted(x for x in "abcdef" if RANDOM.random() < (0.5 if x in "ab" else 0.2)) or ["a"] for _each in range(300)
]
#: name -> how a file of one row per basket is written, and the columns asked for
LISTED: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "comma.csv": (lambda: [", ".join(one) for one in BASKETS], ["order"]),
    "chinese.csv": (lambda: ["、".join(one) for one in BASKETS], ["order"]),
    "json.csv": (lambda: [json.dumps(one) for one in BASKETS], ["order"]),
    "lists.parquet": (lambda: BASKETS, ["order"]),
    "places.csv": (lambda: {f"item {at}": [one[at] if at < len(one) else "" for one in BASKETS] for at in range(6)}, ["item*"]),
    "ones.csv": (lambda: {x: [int(x in one) for one in BASKETS] for x in "abcdef"}, list("abcdef")),
    "marks.csv": (lambda: {x: ["Yes" if x in one else "" for one in BASKETS] for x in "abcdef"}, ["*"]),
}  # fmt: skip


@pytest.mark.parametrize("name", LISTED)
def test_baskets_in_one_row_each_say_what_long_tables_say(tmp_path: Path, name: str) -> None:
    made, columns = LISTED[name]
    held = made()
    frame = pd.DataFrame(held if isinstance(held, dict) else {"order": held})
    path = tmp_path / name
    frame.to_parquet(path) if name.endswith("parquet") else frame.to_csv(path, index=False)
    answer = run("basket", str(path), *(word for one in columns for word in ("--item", one)), "--json")
    assert answer.exit_code == 0, answer.exception
    found = json.loads(answer.stdout)
    assert (found["n"], found["items"]) == (300, 6)
    both, first, second = (sum(want <= {*one} for one in BASKETS) for want in ({"a", "b"}, {"a"}, {"b"}))
    (rule,) = [one for one in found["rules"] if (one["antecedent"], one["consequent"]) == (["a"], ["b"])]
    assert rule["support"] == pytest.approx(both / 300)
    assert rule["confidence"] == pytest.approx(both / first)
    assert rule["lift"] == pytest.approx(both / first / (second / 300))


def test_a_name_over_two_columns_is_said(tmp_path: Path) -> None:
    path = tmp_path / "twice.csv"
    path.write_text("who,day,sum,sum\na,2024-01-01,5,9\nb,2024-01-09,5,9\n")
    answer = run("abc", str(path), "--customer", "who", "--date", "day", "--amount", "sum", "--json")
    assert json.loads(answer.stdout)["value"] == 10
    assert "sum" in answer.stderr


def test_day_and_month_are_not_read_both_ways_in_one_column(tmp_path: Path) -> None:
    path = tmp_path / "swapped.csv"
    path.write_text(
        "c,d,a\n" + "".join(f"{i % 5},{1 + i % 28:02d}/03/2024,5\n" for i in range(60)) + "1,03/28/2024,5\n"
    )
    answer = run("rfm", str(path), "--customer", "c", "--date", "d", "--amount", "a", "--json")
    assert json.loads(answer.stdout)["value"] == 300, "the row nobody can read is left out"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"), (b"who,day,sum\n", "no rows"), (bytes(range(256)) * 40, "no text"),
        (b"who,day,sum\na,2024-01-01,\xe2\x82\xac5\nb,2024-01-02,$5\n", "several currencies"),
        (b"who,day,sum\na,soon,5\nb,later,5\n", "column day are not dates"),
        (b"who,day,sum\na,2024-01-01,much\nb,2024-01-02,more\n", "column sum are not numbers"),
        (b"who,day,sum\na,2024-01-01,-5\nb,2024-01-02,-5\n", "every amount is negative"),
        (b"whom,day,sum\na,2024-01-01,5\n", "no column who. Did you mean whom"),
        (b"who,day,sum\na,2024-01-01,5\nb,2024-01-01,5,7,8\n", "line 3 has 5 cells where the first line has 3"),
        (b"who,day,sum,cash\na,2024-01-01,5,CNY\nb,2024-01-02,5,USD\n", "cash holds several currencies"),
        (b'{"who": "a"', "cannot be read"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_at_the_column(tmp_path: Path, content: bytes, said: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    path = tmp_path / "odd.csv"
    path.write_bytes(content)
    for command in ("rfm", "clv", "churn", "stages", "rhythm", "cohorts", "winback", "what-if"):
        answer = run(command, str(path), "--customer", "who", "--date", "day", "--amount", "sum")
        assert isinstance(answer.exception, Trouble), command
        assert said in str(answer.exception), (command, answer.exception)
