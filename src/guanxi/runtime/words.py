"""Console text in the operator's language, without Django.

The catalogue is the one every page uses; the language is the one of the operator's terminal
(``LC_ALL``, ``LC_MESSAGES`` or ``LANG``), because the person at the console need not be the one at the page.
"""

import gettext
import os
from functools import cache
from pathlib import Path

LOCALES = Path(__file__).resolve().parent.parent / "locale"


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation("django", LOCALES, languages=[language], fallback=True)


def console_language() -> str:
    """``zh_Hans`` for a Chinese terminal, else ``en``."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value:
            return "zh_Hans" if value.lower().startswith("zh") else "en"
    return "en"


def say(text: str) -> str:
    """The text in the language of the console; the English text itself where no translation exists."""
    return _catalogue(console_language()).gettext(text)
