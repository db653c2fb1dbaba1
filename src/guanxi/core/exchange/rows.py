"""What passes between the steps of an import: staged rows, clean ones, and what became of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from guanxi.core.exchange.reasons import Reason
from guanxi.core.records.drafting import Draft

#: By field (kind, value looked up, value that must be the same); the last two differ for names only.
RowKeys = dict[str, tuple[tuple[str, str, str], ...]]


@dataclass(slots=True)
class Staged:
    """One staged row; ``cells`` are left out where another process has read them and nobody asks again."""

    position: int
    number: int
    cells: Sequence[str]
    problems: Sequence[Mapping[str, Any]] | None = None


@dataclass(slots=True)
class Outcome:
    """What became of a row; ``reasons`` are in the order they were found."""

    position: int
    outcome: int
    record_id: int | None = None
    reasons: list[Reason] = field(default_factory=list)


@dataclass(slots=True)
class Ready:
    """A row whose values are clean; ``keys`` are those of ``Matcher.keys_of``, packed or not, and ``draft`` the record it
    would make, if they have been worked out."""

    row: Staged
    given: dict[str, Any]
    reasons: list[Reason]
    keys: RowKeys | bytes | None = None
    draft: Draft | None = None
