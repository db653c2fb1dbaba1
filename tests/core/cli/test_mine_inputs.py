"""``guanxi mine`` on data that allow no answer, or only half of one: every command says so in either language, and none breaks."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from guanxi.core.cli.mine import mine
from guanxi.runtime.trouble import Trouble

SALES = ["rfm", "abc", "clv", "churn", "forecast", "winback", "stages", "rhythm", "cohorts"]
COLUMNS = ["--customer", "who", "--date", "day", "--amount", "paid"]
RANDOM = np.random.default_rng(3)


def plain(rows: int = 900, customers: int = 60) -> pd.DataFrame:
    """Purchases that allow every answer: a third of the customers leave at some time."""
    who, at = np.arange(rows) % customers, RANDOM.integers(0, 600, rows)
    at = np.where(who % 3 == 0, at % (100 + who * 8), at)
    days = pd.Timestamp("2023-01-01") + pd.to_timedelta(at, unit="D")
    return pd.DataFrame({"who": [f"c{one}" for one in who], "day": days.strftime("%Y-%m-%d"), "paid": RANDOM.integers(5, 90, rows).astype(str)})  # fmt: skip


def every(n: int, value: str, other: object) -> Callable[[pd.DataFrame], object]:
    """A column in which each n-th value is another."""
    return lambda frame: np.where(np.arange(len(frame)) % n == 0, value, frame.get(other, other))


TABLES_OF_SALES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "one purchase": lambda frame: frame.head(1),
    "no repeats": lambda frame: frame.drop_duplicates("who"),
    "only returns": lambda frame: frame.assign(paid="-5"),
    "zeros": lambda frame: frame.assign(paid="0"),
    "returns": lambda frame: frame.assign(paid=every(9, "-7", "paid")),
    "copies": lambda frame: pd.concat([frame.assign(note="x")] * 2),
    "future": lambda frame: frame.assign(day=every(10, "2099-01-01", "day")),
    "currencies": lambda frame: frame.assign(currency=every(2, "CNY", "USD")),
    "constant": lambda frame: frame.assign(paid="10", day="2024-01-01"),
    "one customer": lambda frame: pd.concat([plain(20_000, 1), frame]),
    "no rows": lambda frame: frame.head(0),
    "nonsense": lambda frame: frame.assign(day="soon", paid="much"),
}


#: What each kind of table must be told about: codes of notes, or of a refusal.
SAYS = {
    "one purchase": set(), "no repeats": set(), "only returns": {"no_purchases", "no_value", "amount.negative"}, "zeros": {"amount.zero", "no_value"},
    "returns": {"amount.negative"}, "copies": {"rows.copies"}, "future": {"date.future"}, "currencies": {"currency.mixed"}, "constant": set(), "one customer": set(),
    "no rows": {"empty"}, "nonsense": {"date.unreadable"},
}  # fmt: skip


def run(*words: str) -> Result:
    return CliRunner().invoke(mine, list(words), catch_exceptions=True)


def codes(answer: Result) -> set[str]:
    """What was noted, or the code of the refusal."""
    made = json.loads(answer.stdout)
    return {made["error"]} if "error" in made else {one["code"] for one in made["warnings"]}


@pytest.mark.parametrize("kind", sorted(SAYS))
def test_every_command_over_purchases_answers_or_says_why_not(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    path = tmp_path / "t.csv"
    TABLES_OF_SALES[kind](plain()).to_csv(path, index=False)
    for place, command in enumerate(SALES):
        chinese = place % 2 == 0
        monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8" if chinese else "en_GB.UTF-8")
        answer = run(command, str(path), *COLUMNS, "--json")
        assert answer.exception is None or isinstance(answer.exception, Trouble), (command, answer.exception)
        if answer.exception is not None:
            said = str(answer.exception)
            assert bool(re.search(r"[\u4e00-\u9fff]", said)) == chinese, said
            assert answer.exit_code == 1
        if SAYS[kind]:
            assert codes(answer) & (SAYS[kind] | {"churn.alike"}), (command, answer.stdout[:400])
        if kind in ("currencies", "no rows", "nonsense"):
            assert isinstance(answer.exception, Trouble), command


def test_a_table_that_allows_every_answer_gets_all(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    plain().to_csv(path, index=False)
    for command in SALES:
        answer = run(command, str(path), *COLUMNS)
        assert answer.exit_code == 0, (command, answer.exception)
        assert len(answer.stdout.splitlines()) > 5


PEOPLE = pd.DataFrame({"id": [f"p{one}" for one in range(60)], "age": RANDOM.integers(20, 60, 60), "spent": RANDOM.integers(0, 500, 60), "town": RANDOM.choice(["a", "b"], 60)})  # fmt: skip
PEOPLE["tell"], PEOPLE["glad"], PEOPLE["easy"] = (
    RANDOM.integers(0, 11, 60),
    RANDOM.integers(1, 6, 60),
    RANDOM.integers(1, 8, 60),
)
PEOPLE["price"], PEOPLE["left"], PEOPLE["months"] = (
    PEOPLE["glad"],
    np.where(np.arange(60) % 2, "yes", "no"),
    np.arange(60) + 1,
)
PEOPLE["said"] = np.where(np.arange(60) % 2, "发货 太慢 包裹 丢失", "screen broken after week")
TABLES = {
    "satisfaction": ["--nps", "tell", "--csat", "glad", "--ces", "easy", "--driver", "price", "--driver", "easy"],
    "topics": ["--text", "said", "--number", "2"],
    "sequence": ["--customer", "town", "--item", "left", "--order", "months"],
    "offer": ["--customer", "id", "--item", "town"],
    "leads": ["--won", "left", "--lead", "id"],
    "groups": ["--column", "age", "--column", "spent", "--customer", "id"],
    "profit": ["--customer", "town", "--revenue", "spent", "--serve", "age"],
    "survival": ["--length", "months", "--ended", "left"],
    "quality": [],
    "match": ["--key", "id", "--column", "town", "--column", "left", "--block", "age,town"],
    "uplift": ["--treatment", "town", "--response", "left"],
}


@pytest.mark.parametrize("command", sorted(TABLES))
def test_every_command_over_tables_answers_and_refuses_in_a_sentence(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    good, none, same = tmp_path / "good.csv", tmp_path / "none.csv", tmp_path / "same.csv"
    PEOPLE.to_csv(good, index=False)
    PEOPLE.head(0).to_csv(none, index=False)
    PEOPLE.assign(**dict.fromkeys(PEOPLE.columns, "1")).to_csv(same, index=False)
    answer = run(command, str(good), *TABLES[command], "--json")
    if command != "uplift":  # thirty of each are too few for it
        assert answer.exit_code == 0, answer.exception
        assert json.loads(answer.stdout)["model"]
    for path, lang in ((none, "zh_CN.UTF-8"), (none, "C.UTF-8"), (same, "zh_CN.UTF-8")):
        monkeypatch.setenv("LC_ALL", lang)
        refused = run(command, str(path), *TABLES[command])
        assert refused.exception is None or isinstance(refused.exception, Trouble), (path.name, refused.exception)
        if path == none:
            assert isinstance(refused.exception, Trouble)
            assert bool(re.search(r"[\u4e00-\u9fff]", str(refused.exception))) == lang.startswith("zh")
    if TABLES[command]:
        missing = run(command, str(good), *[TABLES[command][0], "nowhere"], *TABLES[command][2:])
        assert isinstance(missing.exception, Trouble)
        assert "nowhere" in str(missing.exception)


def test_satisfaction_says_the_scores_and_refuses_answers_off_the_scale(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    pd.DataFrame({"tell": [10, 9, 9, 8, 7, 6, 3, 0, 10, 5]}).to_csv(path, index=False)
    made = json.loads(run("satisfaction", str(path), "--nps", "tell", "--json").stdout)
    assert (made["nps"]["nps"], made["nps"]["n"]) == (pytest.approx(0), 10)
    assert "between 1 and 5" in str(run("satisfaction", str(path), "--csat", "tell").exception)
    assert run("satisfaction", str(path)).exit_code == 2
