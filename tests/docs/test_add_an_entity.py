"""``docs/develop/add-an-entity.md`` followed to the letter on a copy of the source."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugin_postgres import ROOT, clone, drop

PAGE = ROOT / "docs" / "develop" / "add-an-entity.md"
_STEP = re.compile(r"`((?:src|tests|docs)/[^`]+\.(?:py|md))`[^`]*?```(python|markdown)\n(.*?)```", re.DOTALL)
_COMMAND = re.compile(r"```sh\n(python -m django [^\n]+)\n```")


def _copy(target: Path) -> None:
    for folder in ("src", "tests", "docs"):
        shutil.copytree(
            ROOT / folder,
            target / folder,
            ignore=shutil.ignore_patterns("__pycache__", "locale"),
            dirs_exist_ok=True,
        )
    shutil.copy(ROOT / "pyproject.toml", target)


@pytest.mark.slow
def test_the_page_is_true(tmp_path: Path) -> None:
    _copy(tmp_path)
    text = PAGE.read_text()
    steps = _STEP.findall(text)
    assert [Path(place).name for place, _language, _code in steps] == [
        "models.py", "work.py", "activities.py", "activities.md",
    ]  # fmt: skip
    for place, _language, code in steps:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        with (tmp_path / place).open("a") as file:
            file.write(f"\n\n{code}")
    command = _COMMAND.search(text)
    assert command is not None
    environment = {
        **os.environ,
        "DATABASE_URL": clone("add_an_entity"),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "GUANXI_DATA": str(tmp_path / "var"),
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "src"), str(tmp_path)]),
    }

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    try:
        run(*command[1].split()[1:], "--skip-checks")
        assert (tmp_path / "src/guanxi/areas/activities/migrations").glob("*_gift.py")
        run("-m", "django", "migrate", "--skip-checks", "--verbosity", "0")
        assert run("-m", "tests.docs.gifts").split() == ["201", "200", "200", "200", "404", "1", "1"]
    finally:
        drop("add_an_entity")
