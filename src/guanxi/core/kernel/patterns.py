"""Patterns people write, matched by RE2 in time that grows with the text alone: none of them takes for ever.

The language is that of RE2: nothing that looks back or ahead. A character may also be written as ``\\u`` and the four digits of its code.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import re2

#: Characters of a pattern, and bytes RE2 may take for one.
LONGEST, MEMORY = 200, 1 << 20
_CODE = re.compile(r"(?<!\\)((?:\\\\)*)\\u([0-9a-fA-F]{4})")


class PatternError(ValueError):
    """This is no pattern of ours."""


@lru_cache(maxsize=500)
def pattern(written: str) -> Any:
    """The pattern of a text, with ``search``. Raises PatternError."""
    options = re2.Options()
    options.max_mem, options.log_errors = MEMORY, False
    if len(written) > LONGEST:
        raise PatternError(written)
    try:
        return re2.compile(_CODE.sub(r"\1\\x{\2}", written), options)
    except (re2.error, UnicodeError):
        raise PatternError(written) from None
