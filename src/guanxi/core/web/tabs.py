"""Tabs of a form or record page: its sections sorted into those before, in and behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from guanxi.core.kernel.errors import Text
from guanxi.core.schema.entity import Tab


class Tabbed(Protocol):
    """What can stand in a tab."""

    @property
    def tab(self) -> Tab | None: ...


T = TypeVar("T", bound=Tabbed)


@dataclass
class TabView(Generic[T]):
    """One tab with what stands in it; ``wrong`` counts what has to be put right, ``open`` says which one is seen first."""

    key: str
    label: Text
    parts: list[T] = field(default_factory=list)
    wrong: int = 0
    open: bool = False


@dataclass
class Sorted(Generic[T]):
    """What stands before the tabs, the tabs, what stands behind them."""

    before: list[T] = field(default_factory=list)
    tabs: list[TabView[T]] = field(default_factory=list)
    after: list[T] = field(default_factory=list)


def sort(parts: Iterable[T], wrong: Callable[[T], int] = lambda _part: 0) -> Sorted[T]:
    """Sort parts by their tab; the first with something wrong is open, else the first. Tabs with nothing in them are left out."""
    found, by_key = Sorted[T](), dict[str, TabView[T]]()
    for one in parts:
        if one.tab is None:
            (found.after if by_key else found.before).append(one)
            continue
        view = by_key.setdefault(one.tab.key, TabView(one.tab.key, one.tab.label))
        view.parts.append(one)
        view.wrong += wrong(one)
    found.tabs = list(by_key.values())
    if found.tabs:
        next((one for one in found.tabs if one.wrong), found.tabs[0]).open = True
    return found
