"""A start in another time zone prepares the database for it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from guanxi.core.cli import run
from guanxi.runtime import external
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
    assert run._prepared(replace(environment(), time_zone="Asia/Shanghai"), demo=False) == {}
    assert begun == []
    assert run._prepared(replace(environment(), time_zone="Europe/Berlin"), demo=False) == {}
    assert begun == [["prepare", "--administrator"]]
