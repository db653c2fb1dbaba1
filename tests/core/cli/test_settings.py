"""``guanxi settings`` as a script calls it, between two workspaces that have nothing in common but the program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from guanxi.core.exchange.settingsfile import FORMAT, HEAD
from tests import plugin_postgres
from tests.runtime.helpers import ROOT, guanxi

pytestmark = pytest.mark.slow
EXHIBITION = ROOT / "src" / "guanxi" / "packs" / "exhibition" / "settings.json"


@pytest.fixture
def other_database(fresh_database: str) -> Iterator[str]:
    """A second workspace."""
    name = f"{fresh_database.rpartition('/')[2].partition('?')[0]}_other"
    yield plugin_postgres.clone(name)
    plugin_postgres.drop(name)


def test_from_one_workspace_to_another_byte_for_byte(fresh_database: str, other_database: str, tmp_path: Path) -> None:
    ours = {"DATABASE_URL": fresh_database, "GUANXI_DATA": str(tmp_path / "a")}
    theirs = {"DATABASE_URL": other_database, "GUANXI_DATA": str(tmp_path / "b")}
    for each in (ours, theirs):
        assert guanxi("migrate", **each).returncode == 0
        assert guanxi("user", "create", "root", "--role", "administrator", **each).returncode == 0
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    trade = {HEAD: {"format": FORMAT, "complete": False}, **json.loads(EXHIBITION.read_text(encoding="utf-8"))}
    (tmp_path / "trade.json").write_text(json.dumps(trade), encoding="utf-8")
    made = guanxi("settings", "apply", str(tmp_path / "trade.json"), **ours)
    assert made.returncode == 0, made.stderr
    assert guanxi("settings", "export", str(first), **ours).returncode == 0
    assert "show_edition" in first.read_text(encoding="utf-8")

    applied = guanxi("settings", "apply", str(first), "--json", **theirs)
    assert applied.returncode == 0, applied.stderr
    assert {"objects", "rules", "flows"} <= {one["table"] for one in json.loads(applied.stdout)}
    assert guanxi("settings", "export", str(second), **theirs).returncode == 0
    assert second.read_bytes() == first.read_bytes()

    shown = json.loads(guanxi("settings", "show", "objects", "show_edition", **theirs).stdout)
    assert shown["name_en"] == "Edition"
    kept = json.loads(guanxi("settings", "history", "--json", **theirs).stdout)
    assert [one["sort"] for one in kept] == ["applied", "before"]
    more = {HEAD: {"format": FORMAT, "complete": False}, "dictionaries": [{"key": "shades", "name_zh": "色调"}]}
    (tmp_path / "more.json").write_text(json.dumps(more), encoding="utf-8")
    assert guanxi("settings", "apply", str(tmp_path / "more.json"), **theirs).stdout == "+ dictionaries/shades\n"
    back = guanxi("settings", "revert", str(kept[0]["version"]), **theirs)
    assert (back.returncode, back.stdout) == (0, "- dictionaries/shades\n"), back.stderr
