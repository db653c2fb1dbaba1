"""Market baskets against brute force, the published counts of the groceries, and a test of significance by hand."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from guanxi.mining.offers.baskets import adjusted, baskets, frequent_itemsets

from .data import table


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sets(st.integers(0, 6), min_size=1), min_size=1, max_size=25), st.integers(1, 5))
def test_fp_growth_finds_what_counting_finds(made: list[set[int]], least: int) -> None:
    counted = {}
    for size in range(1, 8):
        for items in combinations(range(7), size):
            count = sum(set(items) <= one for one in made)
            if count >= least:
                counted[frozenset(items)] = count
    assert frequent_itemsets([sorted(one) for one in made], least, 7) == counted


@pytest.mark.parametrize(("support", "confidence", "rules"), [(0.006, 0.25, 463), (0.001, 0.8, 410), (0.01, 0.5, 15)])
def test_the_published_numbers_of_rules_of_the_groceries(support: float, confidence: float, rules: int) -> None:
    """463: Lantz, *Machine Learning with R*, chapter 8; 410 and 15: the same data in the documentation of arules."""
    result = baskets(
        table("groceries/groceries_long.csv.gz"),
        basket="transaction_id",
        item="item",
        min_support=support,
        min_confidence=confidence,
        max_length=10,
    )
    assert len(result.table) == rules


def test_a_known_rule_of_the_groceries() -> None:
    result = baskets(table("groceries/groceries_long.csv.gz"), basket="transaction_id", item="item", min_support=0.006)
    herbs = result.table[[one == ("herbs",) for one in result.table["antecedent"]]].iloc[0]
    assert herbs["consequent"] == ("root vegetables",)
    assert [round(float(herbs[one]), 3) for one in ("support", "confidence", "lift")] == [0.007, 0.431, 3.956]
    assert herbs["p_value"] == pytest.approx(
        stats.fisher_exact([[69, 91], [1072 - 69, 9835 - 1072 - 91]], alternative="greater").pvalue, rel=1e-6
    )


def test_chance_is_told_from_rules() -> None:
    """Items drawn independently: with the correction hardly a rule is significant, without it many are."""
    generator = np.random.default_rng(4)
    rows = [(b, f"i{i}") for b in range(1500) for i in np.flatnonzero(generator.random(25) < 0.12)]
    result = baskets(pd.DataFrame(rows, columns=["b", "i"]), basket="b", item="i", min_confidence=0.0, max_length=2)
    assert (result.table["p_value"] <= 0.05).sum() >= 8
    assert result.table["significant"].sum() <= 2


def test_corrections_by_hand() -> None:
    p = np.array([0.01, 0.04, 0.03, 0.005])
    assert adjusted(p, "bh").tolist() == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert adjusted(p, "holm").tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_single_items_make_no_rules() -> None:
    result = baskets(pd.DataFrame({"b": range(20), "i": ["x", "y"] * 10}), basket="b", item="i")
    assert result.table.empty
    assert [one.code for one in result.notes] == ["basket.single", "basket.none"]
