"""The examples of the pages on mining say what the library says."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from tests.needs import SAMPLES, samples

PAGES = sorted((Path(__file__).resolve().parents[2] / "docs" / "mining").glob("*.md"))


@samples()
@pytest.mark.parametrize("page", [one for one in PAGES if ">>>" in one.read_text("utf-8")], ids=lambda page: page.stem)
def test_the_examples_are_true(page: Path) -> None:
    text = page.read_text("utf-8")
    example = doctest.DocTestParser().get_doctest(text, {"DATA": SAMPLES}, page.name, str(page), 0)
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    runner.run(example, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)
