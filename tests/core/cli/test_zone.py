"""A start in another time zone prepares the database for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from guanxi.core.cli import run
from guanxi.runtime import external
from guanxi.runtime.backup.restoring import ERASE_AGAIN
from guanxi.runtime.environment import environment


def test_a_start_in_another_time_zone_prepares_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    notes = {"migrations": "same", "administrator": "there", "zone": "Asia/Shanghai"}
    begun: list[Any] = []

    def child(arguments: list[str], **_options: Any) -> Any:
        begun.append(arguments[-2:])
        return SimpleNamespace(returncode=0, stdout="{}")

    monkeypatch.setattr(external, "fingerprint", lambda: "same")
    monkeypatch.setattr(external, "recorded", lambda _settings, key: notes.get(key, ""))
    monkeypatch.setattr("guanxi.core.cli.run.roles.divided", lambda _settings: True)
    monkeypatch.setattr("guanxi.core.cli.run.subprocess.run", child)
    assert run._prepared(replace(environment(), time_zone="Asia/Shanghai"), ("web", "worker"), demo=False) == {}
    assert begun == []
    assert run._prepared(replace(environment(), time_zone="Europe/Berlin"), ("web", "worker"), demo=False) == {}
    assert begun == [["prepare", "--administrator"]]


def test_a_start_after_a_restore_that_was_killed_erases_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is missing otherwise, and still the place is prepared: what was erased since the backup must not come back."""
    plan, erased = replace(environment(), data=tmp_path, time_zone="Asia/Shanghai"), list[str]()
    notes = {"migrations": "same", "administrator": "there", "zone": "Asia/Shanghai"}
    monkeypatch.setattr(external, "fingerprint", lambda: "same")
    monkeypatch.setattr(external, "recorded", lambda _settings, key: notes.get(key, ""))
    monkeypatch.setattr("guanxi.core.cli.run.roles.divided", lambda _settings: True)

    @contextmanager
    def workspace(**_given: Any) -> Iterator[Any]:
        yield plan

    def load(name: str) -> Any:
        return (lambda: erased.append(name)) if name.endswith("register:again") else (lambda *_given: None)

    def child(arguments: list[str], **_options: Any) -> Any:
        done = CliRunner().invoke(run.prepare, [])
        assert done.exit_code == 0, done.output
        return SimpleNamespace(returncode=0, stdout="{}")

    monkeypatch.setattr("guanxi.core.cli.workspace.workspace", workspace)
    monkeypatch.setattr("guanxi.core.cli.workspace.load", load)
    monkeypatch.setattr("guanxi.core.cli.run.subprocess.run", child)
    run._prepared(plan, ("web", "worker"), demo=False)
    assert erased == []
    (tmp_path / ERASE_AGAIN).touch()
    run._prepared(plan, ("web", "worker"), demo=False)
    assert erased == ["guanxi.core.privacy.register:again"]
    assert not (tmp_path / ERASE_AGAIN).exists()
