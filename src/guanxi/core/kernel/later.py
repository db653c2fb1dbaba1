"""Heavy libraries that few processes need: loaded by the first use, not by the import of whoever may use them."""

from __future__ import annotations

import importlib
from typing import Any


class Later:
    """Stands for a module until something of it is asked for. Write it beside an import for type checkers."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self._name), name)
