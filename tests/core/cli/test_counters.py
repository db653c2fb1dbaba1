"""The folder in which the web adds up its counters is that of one node, and no other part touches it."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest

from guanxi.core.cli import run
from guanxi.runtime.environment import environment

WEB, WORKER = ("web", "events"), ("worker",)


def test_each_node_has_counters_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plan = replace(environment(), data=tmp_path, port=8000)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")

    def begun(node: str, parts: tuple[str, ...] = WEB) -> Path:
        monkeypatch.setattr(socket, "gethostname", lambda: node)
        run._folders(plan, parts)
        return Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])

    first = begun("one")
    (first / "counter_1.db").touch()
    assert first.is_relative_to(tmp_path / "run")
    begun("one", WORKER)
    second = begun("two")
    assert second != first
    assert (first / "counter_1.db").exists()
    (second / "counter_1.db").touch()
    month = time.time() - 31 * 86_400
    os.utime(first / "counter_1.db", (month, month))
    begun("two", WORKER)
    assert begun("two") == second
    assert list(second.iterdir()) == []
    assert first.exists(), "its folder is younger"
    os.utime(first, (month, month))
    begun("two")
    assert not first.exists()


def test_a_worker_alone_adds_nothing_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    run._folders(replace(environment(), data=tmp_path), WORKER)
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ
    assert sorted(each.name for each in tmp_path.iterdir()) == ["files", "mail", "static"]
