"""What templates may not say, since the pages' content policy forbids evaluating scripts."""

import re
from pathlib import Path

import pytest

import guanxi

SOURCE = Path(guanxi.__file__).parent
TEMPLATES = sorted(SOURCE.rglob("*.jinja"))
EVALUATED = re.compile(
    r"\shx-on[:=]|hx-(?:vals|headers|vars)=[\"'](?:js|javascript):|hx-trigger=\"[^\"]*\[|\son\w+=\"|javascript:", re.I
)


def test_there_are_templates() -> None:
    assert len(TEMPLATES) > 100


@pytest.mark.parametrize("said", ['hx-trigger="every 3s [!document.hidden]"', ' hx-on:click="x()"', ' onclick="x()"'])
def test_what_would_be_evaluated_is_found(said: str) -> None:
    assert EVALUATED.search(said)


def test_no_attribute_needs_a_script_evaluated() -> None:
    found = [
        f"{one.relative_to(SOURCE)}: {hit[0].strip()}"
        for one in TEMPLATES
        for hit in EVALUATED.finditer(one.read_text("utf-8"))
    ]
    assert not found
