"""What is wrong with a formula, and where."""

from __future__ import annotations

from guanxi.core.kernel.errors import Invalid, Text


class FormulaError(Invalid):
    """A formula that cannot be read, does not fit together, or runs away. ``position`` counts characters from 0."""

    default_code = "formula.invalid"

    def __init__(self, message: Text, *, position: int = 0, code: str = "", field: str = "") -> None:
        super().__init__(message, code=code or self.default_code, field=field, details={"position": position})
        self.position = position

    def placed(self, source: str) -> str:
        """“line 2, column 5” of the position in a source, as two numbers joined by a colon."""
        before = source[: self.position]
        return f"{before.count(chr(10)) + 1}:{self.position - (before.rfind(chr(10)) + 1) + 1}"
