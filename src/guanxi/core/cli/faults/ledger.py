"""A ledger outside the product: what was asked and what was acknowledged.

An SQLite file written with fsync before each request (intent) and after each answer (acknowledgement), so it survives whatever
happens to the product. ``comparing`` holds it against the database.
"""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any, NamedTuple

_TABLES = """
CREATE TABLE IF NOT EXISTS entry (
    key TEXT PRIMARY KEY, sort TEXT NOT NULL, token TEXT NOT NULL UNIQUE, record INTEGER, worth TEXT NOT NULL DEFAULT '',
    acknowledged INTEGER NOT NULL DEFAULT 0, status INTEGER)
"""
#: What is sent through the API under an Idempotency-Key, and may be sent again; the rest goes through forms.
REPEATABLE = ("create", "change", "deal")


class Entry(NamedTuple):
    """What was asked: the record it is about once it is known, what it is worth, and whether it was acknowledged."""

    token: str
    record: int | None
    acknowledged: int
    worth: str = ""


class Ledger:
    """Intents and acknowledgements of sorts: ``create`` and ``change`` of customers by the API, ``form`` and ``edit`` on
    pages, ``deal`` (worth “customer:amount”) and ``file`` (token: the digest). Safe for several threads."""

    def __init__(self, place: Path) -> None:
        self._lock = threading.Lock()
        self._base = sqlite3.connect(place, check_same_thread=False, isolation_level=None)
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute("PRAGMA synchronous = FULL")
        self._base.execute(_TABLES)

    def intend(self, key: str, sort: str, token: str, record: int | None = None, worth: str = "") -> None:
        """Note that a request will be sent."""
        with self._lock:
            self._base.execute(
                "INSERT INTO entry (key, sort, token, record, worth) VALUES (?, ?, ?, ?, ?)",
                [key, sort, token, record, worth],
            )

    def acknowledge(self, key: str, status: int, record: int | None = None) -> None:
        """Note its answer; below 400 is an acknowledgement (a form answers with a redirect)."""
        with self._lock:
            self._base.execute(
                "UPDATE entry SET status = ?, acknowledged = ?, record = coalesce(?, record) WHERE key = ?",
                [status, int(status < 400), record, key],
            )

    def unknown(self, *sorts: str) -> list[tuple[str, str, str, int | None, str]]:
        """Requests that never got an answer: key, sort, token, record, worth; of some sorts or of all."""
        rows = self._rows("SELECT key, sort, token, record, worth FROM entry WHERE status IS NULL")
        return [row for row in rows if not sorts or row[1] in sorts]

    def of(self, *sorts: str) -> list[Entry]:
        """Entries of some sorts in the order of their intents."""
        rows = self._rows("SELECT token, record, acknowledged, worth, sort FROM entry ORDER BY rowid")
        return [Entry(*row[:4]) for row in rows if row[4] in sorts]

    def acknowledged(self) -> int:
        """How many requests were acknowledged so far."""
        return int(self._rows("SELECT coalesce(sum(acknowledged), 0) FROM entry")[0][0])

    def _rows(self, sql: str) -> list[Any]:
        with self._lock:
            return self._base.execute(sql).fetchall()
