from pathlib import Path

import pytest

from guanxi.runtime import rotation


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(rotation, "LIMIT", 10)
    return tmp_path / "postgres.log"


def test_long_logs_are_set_aside_and_the_oldest_forgotten(log: Path) -> None:
    for text in ("first is long", "second is long", "third is long", "fourth is long", "short"):
        log.write_text(text)
        rotation.rotate(log)
    kept = {place.name: place.read_text() for place in log.parent.iterdir()}
    assert kept == {
        "postgres.log": "short",
        "postgres.log.1": "fourth is long",
        "postgres.log.2": "third is long",
        "postgres.log.3": "second is long",
    }


def test_an_open_log_is_emptied_in_place(log: Path) -> None:
    with log.open("a") as writer:
        writer.write("x" * 21)
        writer.flush()
        rotation.shorten(log)
        writer.write("after")
    assert log.read_text() == "after"
    assert log.with_suffix(".log.1").read_text() == "x" * 21
