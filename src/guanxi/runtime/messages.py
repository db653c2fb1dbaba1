"""Compile the translations: every ``parts/*.po`` of a language into its ``django.mo``.

The parts are the source; the compiled file is not kept in version control. A checkout compiles it at its first start
and again when a part is newer.
"""

import os
from pathlib import Path

from guanxi.runtime.words import LOCALES


def parts_of(language: Path) -> list[Path]:
    """The sources of one language folder (``locale/zh_Hans``), in the order they are merged."""
    return sorted((language / "parts").glob("*.po"))


def compile_catalogues(locales: Path = LOCALES) -> list[Path]:
    """Compile what is missing or older than its sources. Returns the files written; none in a read-only package."""
    written = []
    for language in sorted(place for place in locales.iterdir() if (place / "parts").is_dir()):
        target = language / "LC_MESSAGES" / "django.mo"
        sources = parts_of(language)
        newest = max((place.stat().st_mtime for place in [*sources, language / "parts"]), default=0.0)
        if target.exists() and target.stat().st_mtime > newest:
            continue
        try:
            _compile(sources, target, language.name)
        except PermissionError:
            continue
        written.append(target)
    return written


def _compile(sources: list[Path], target: Path, language: str) -> None:
    from babel.messages.catalog import Catalog  # noqa: PLC0415 - only a start that compiles pays for it
    from babel.messages.mofile import write_mo  # noqa: PLC0415
    from babel.messages.pofile import read_po  # noqa: PLC0415

    merged = Catalog(locale=language, charset="utf-8")
    for source in sources:
        with source.open("rb") as file:
            for message in read_po(file, locale=language, charset="utf-8"):
                if message.id:
                    merged.add(message.id, message.string, context=message.context)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_suffix(f".{os.getpid()}.new")
    with draft.open("wb") as out:
        write_mo(out, merged)
    draft.replace(target)
