"""Check the translations: every text in the code has one, none is given two ways; then compile them.

``python tools/messages.py`` compiles; with ``--check`` it also lists what is missing and ends with 1 when something is.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
sys.path.insert(0, str(SOURCE))

from guanxi.runtime.messages import compile_catalogues, parts_of  # noqa: E402 - needs the path above
from guanxi.runtime.words import LOCALES  # noqa: E402

PLACEHOLDER = re.compile(r"%\(\w+\)[-.0-9]*[a-z]")
METHODS = [
    ("**/migrations/**", "ignore"),
    ("**.py", "python"),
    ("**/templates/**.html", "jinja2"),
    ("**.jinja", "jinja2"),
]
OPTIONS = {"jinja2": {"extensions": "jinja2.ext.i18n,jinja2.ext.do,jinja2.ext.loopcontrols", "silent": "false"}}
KEYWORDS: dict[str, tuple[object, ...] | None] = {
    "_": None,
    "say": None,
    "translate": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "_setting": (4,),
}


def texts() -> dict[tuple[str, str], str]:
    """Every text in the code as (context, text) -> the first place it stands at."""
    found: dict[tuple[str, str], str] = {}
    for name, line, message, _comments, context in extract_from_dir(
        SOURCE / "guanxi",
        method_map=METHODS,
        options_map={"**/templates/**.html": OPTIONS["jinja2"]},
        keywords=KEYWORDS,
    ):
        text = message[0] if isinstance(message, tuple) else message
        if text:
            found.setdefault((context or "", text), f"{name}:{line}")
    for file in sorted((SOURCE / "guanxi").rglob("*.py")):
        for line, text in _within_texts(file.read_text()):
            found.setdefault(("", text), f"{file.relative_to(SOURCE / 'guanxi')}:{line}")
    return found


def _within_texts(code: str) -> Iterator[tuple[int, str]]:
    """Texts asked for inside an f-string, which the extraction does not see before Python 3.12, with their lines."""
    if "{_(" not in code:
        return
    for outer in ast.walk(ast.parse(code)):
        for one in ast.walk(outer) if isinstance(outer, ast.JoinedStr) else ():
            match one:
                case ast.Call(func=ast.Name(id="_"), args=[ast.Constant(value=str(text)), *_]):
                    yield one.lineno, text


def translations(language: Path) -> tuple[dict[tuple[str, str], str], list[str]]:
    """What the parts give as (context, text) -> translation, and a line for each text that is given two ways."""
    given: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for part in parts_of(language):
        with part.open("rb") as file:
            for message in read_po(file, charset="utf-8"):
                if not message.id:
                    continue
                text = message.id[0] if isinstance(message.id, tuple) else message.id
                string = message.string[0] if isinstance(message.string, (tuple, list)) else message.string
                given[(message.context or "", text)][string or ""].append(part.name)
    clashes = [
        f"{text!r} is translated {len(ways)} ways: "
        + "; ".join(f"{way} ({', '.join(names)})" for way, names in ways.items())
        for (_context, text), ways in given.items()
        if len(ways) > 1
    ]
    return {key: next(iter(ways)) for key, ways in given.items()}, clashes


def problems() -> list[str]:
    """A line for each text without a Chinese translation and each translated two ways."""
    known, clashes = translations(LOCALES / "zh_Hans")
    missing = [
        f"{place}: no translation of {text!r}"
        for (context, text), place in texts().items()
        if not known.get((context, text))
    ]
    broken = [
        f"the placeholders differ: {text!r} → {string!r}"
        for (_context, text), string in known.items()
        if set(PLACEHOLDER.findall(text)) != set(PLACEHOLDER.findall(string))
    ]
    return [*sorted(missing), *clashes, *broken]


def main() -> int:
    """Compile, and check when asked. Returns the exit code."""
    for place in compile_catalogues():
        print(f"compiled {place.relative_to(ROOT)}")
    if "--check" not in sys.argv:
        return 0
    found = problems()
    print("\n".join(found) or "All texts are translated.")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
