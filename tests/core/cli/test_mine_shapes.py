"""``guanxi mine`` on tables that are no purchases: written in any way they give the same figures, and what is not used is counted."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from guanxi.core.cli.mine import mine
from guanxi.runtime.trouble import Trouble

RANDOM = np.random.default_rng(3)
N = 300
TABLE = pd.DataFrame(
    {
        "编号": [f"k{one:04d}" for one in range(N)], "名称": [f"客户{one // 2}" for one in range(N)], "电话": [f"138{one // 2:08d}" for one in range(N)],
        "年龄": RANDOM.integers(20, 70, N), "消费": np.round(RANDOM.gamma(2, 6000, N) + 1500, 2), "城市": RANDOM.choice(["北京", "上海", "广州"], N),
        "触达": RANDOM.choice(["是", "否"], N), "月数": RANDOM.integers(1, 40, N), "满意": RANDOM.integers(1, 6, N), "价格": RANDOM.integers(1, 6, N),
        "客户": [f"c{one % 40}" for one in range(N)], "商品": RANDOM.choice(list("ABCDEF"), N),
        "日期": pd.Timestamp("2023-01-01") + pd.to_timedelta(RANDOM.integers(0, 700, N), unit="D"),
        "评论": RANDOM.choice(["发货 太慢 包裹 丢失", "屏幕 坏了 质量 差", "服务 很好 态度 不错"], N),
    }
)  # fmt: skip
TABLE["响应"] = np.where(RANDOM.random(N) < np.where(TABLE["触达"] == "是", 0.5, 0.3), "是", "否")
TABLE["成交"] = np.where(RANDOM.random(N) < np.where(TABLE["消费"] > 12000, 0.8, 0.3), "是", "否")
TABLE["销售额"] = TABLE["年龄"] * 1000.0 + np.round(RANDOM.normal(0, 500, N), 2)
MONEY = ("消费", "销售额")
COMMANDS = {
    "satisfaction": ["--csat", "满意", "--driver", "价格"],
    "topics": ["--text", "评论", "--number", "3"],
    "sequence": ["--customer", "客户", "--item", "商品", "--order", "日期"],
    "offer": ["--customer", "客户", "--item", "商品"],
    "uplift": ["--treatment", "触达", "--response", "响应"],
    "leads": ["--won", "成交", "--lead", "编号"],
    "groups": ["--column", "年龄", "--column", "消费", "--customer", "编号", "--most", "3"],
    "profit": ["--customer", "编号", "--revenue", "消费", "--cost", "年龄"],
    "survival": ["--length", "月数", "--ended", "成交"],
    "hazards": ["--length", "月数", "--ended", "成交", "--covariate", "消费", "--covariate", "城市"],
    "cross": ["--rows", "城市", "--columns", "成交"],
    "regression": ["--target", "销售额", "--driver", "年龄", "--driver", "消费"],
    "quality": [],
    "match": ["--key", "编号", "--column", "名称", "--column", "电话", "--block", "电话"],
}


def ask(command: str, path: Path, *more: str) -> Any:
    """The answer of a command; a refusal is its sentence."""
    found = CliRunner().invoke(mine, [command, str(path), *COMMANDS[command], "--json", "--top", "400", *more])
    assert found.exception is None or isinstance(found.exception, Trouble), (command, path.name, found.exception)
    return json.loads(found.stdout)


def codes(answer: Any) -> dict[str, int]:
    return {one["code"]: one["count"] for one in answer["warnings"]}


def written(day: Callable[[Any], str], amount: Callable[[float], str]) -> pd.DataFrame:
    """The table as somebody writes days and amounts."""
    return TABLE.assign(日期=[day(one) for one in TABLE["日期"]], **{name: [amount(float(one)) for one in TABLE[name]] for name in MONEY})  # fmt: skip


def european(one: float) -> str:
    return f"{one:,.2f}".translate(str.maketrans(",.", ".,"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table in four files."""
    made = tmp_path_factory.mktemp("shapes")
    written(lambda day: f"{day:%Y-%m-%d}", str).to_csv(made / "plain.csv", index=False)
    german = written(lambda day: f"{day:%d.%m.%Y}", european)
    (made / "german.csv").write_bytes(german.to_csv(index=False, sep=";").encode("utf-16"))
    chinese = written(lambda day: f"{day.year}年{day.month}月{day.day}日", lambda one: f"￥{one:,.2f}")
    (made / "chinese.csv").write_bytes(chinese.to_csv(index=False).encode("gb18030"))
    TABLE.assign(日期=TABLE["日期"].dt.tz_localize("Asia/Shanghai"), 城市=TABLE["城市"].astype("category")).to_parquet(made / "typed.parquet")  # fmt: skip
    return made


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_table_says_the_same_however_it_is_written(command: str, folder: Path) -> None:
    plain = ask(command, folder / "plain.csv")
    assert plain["model"]
    for name in ("german.csv", "chinese.csv", "typed.parquet"):
        other = ask(command, folder / name)
        if command == "quality":  # days are text there, and numbers in a typed file
            plain["customers"] = [one for one in plain["customers"] if one["column"] != "日期"]
            other["customers"] = [one for one in other["customers"] if one["column"] != "日期"]
        assert json.dumps(other, sort_keys=True) == json.dumps(plain, sort_keys=True), name


def test_rows_that_are_not_used_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "gaps.parquet"
    gone = TABLE.assign(**{name: TABLE[name].where(np.arange(N) % 10 != 0, None) for name in ("消费", "成交", "触达", "商品", "评论", "月数")})  # fmt: skip
    gone.to_parquet(path)
    for command in ("topics", "sequence", "offer", "uplift", "groups", "profit", "survival", "cross", "regression"):
        assert codes(ask(command, path))["rows.gaps"] == N / 10, command
    leads = ask("leads", path)
    assert codes(leads)["label.missing"] == N / 10
    assert (leads["n"], len(leads["customers"])) == (N - N / 10, N), "open leads are what the scores are for"
    costs = TABLE.assign(年龄=TABLE["年龄"].where(np.arange(N) % 10 != 0))
    costs.to_parquet(path)
    assert codes(ask("profit", path)) == {"profit.gap": N / 10}


def test_won_is_won_and_not_lost(tmp_path: Path, folder: Path) -> None:
    """The words of sales for yes and no, in both languages: the chance is that of winning."""
    plain, path = ask("leads", folder / "plain.csv"), tmp_path / "words.csv"
    for yes, no in (("won", "lost"), ("赢单", "丢单"), ("Converted", "not converted")):
        TABLE.assign(成交=np.where(TABLE["成交"] == "是", yes, no)).to_csv(path, index=False)
        said = ask("leads", path)
        assert said["label_yes"] == yes.lower()
        assert said["base_rate"] == plain["base_rate"]
        assert said["customers"] == plain["customers"]
    for yes, no in (("treatment", "control"), ("实验组", "对照组")):
        TABLE.assign(触达=np.where(TABLE["触达"] == "是", yes, no)).to_csv(path, index=False)
        assert ask("uplift", path)["lift"] == ask("uplift", folder / "plain.csv")["lift"]


def test_a_model_is_not_judged_on_the_twins_of_what_it_learnt_from(tmp_path: Path) -> None:
    """Every row four times and a label drawn at random: no model can know it, so the AUC must stay near a half."""
    path = tmp_path / "copies.csv"
    luck = TABLE[["编号", "年龄", "消费", "月数"]].assign(成交=RANDOM.choice(["是", "否"], N))
    pd.concat([luck] * 4).to_csv(path, index=False)
    answer = ask("leads", path)
    assert 0.4 < answer["auc"] < 0.6
    assert codes(answer)["customer.twice"] == 3 * N


@pytest.mark.parametrize(
    ("command", "change", "code"),
    [
        ("topics", {"评论": "同一句话"}, "text.same"), ("topics", {"评论": ""}, "text.none"), ("regression", {"销售额": 5}, "regression.same"),
        ("uplift", {"响应": np.where(np.arange(N) % 40 == 0, "是", "否")}, "uplift.few"), ("leads", {"编号": "k1"}, "label.groups"),
        ("match", {"电话": "13800000000"}, "match.wide"), ("hazards", {"月数": -3}, "hazard.few"), ("survival", {"月数": -3}, "survival"),
        ("leads", {"成交": np.where(np.arange(N) % 2, "甲", "乙")}, "label.unclear"),
    ],
)  # fmt: skip
def test_what_cannot_be_learnt_is_refused_by_its_reason(command: str, change: dict[str, Any], code: str, tmp_path: Path) -> None:  # fmt: skip
    path = tmp_path / "odd.csv"
    TABLE.assign(**change).to_csv(path, index=False)
    assert ask(command, path)["error"] == code


def test_things_too_many_to_compare_in_pairs_are_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "wide.parquet"
    pd.DataFrame({"客户": np.repeat(["a", "b"], 20_000), "商品": np.tile(np.arange(20_000), 2), "日期": np.arange(40_000)}).to_parquet(path)  # fmt: skip
    assert ask("sequence", path)["error"] == "sequence.wide"
    assert ask("offer", path)["error"] == "offers.wide"
