"""What models say: bilingual sentences, notes, refusals. Apart from the results, so that naming them loads no pandas."""

from __future__ import annotations

from dataclasses import dataclass

MODEL_VERSION = "2"
"""Stored with every result in the product; changes when a formula or a default changes."""


@dataclass(frozen=True)
class Text:
    """One sentence in English and Chinese."""

    en: str
    zh: str

    def in_(self, language: str) -> str:
        """The sentence in a language: Chinese for ``zh…``, else English."""
        return self.zh if language.lower().startswith("zh") else self.en

    def __str__(self) -> str:
        return self.en


def words(en: str, zh: str, **values: object) -> Text:
    """Both sentences with the same values filled in by ``str.format``; a :class:`Text` among them speaks the sentence's language."""

    def said(language: str) -> dict[str, object]:
        return {name: one.in_(language) if isinstance(one, Text) else one for name, one in values.items()}

    return Text(en.format(**said("en")), zh.format(**said("zh")))


@dataclass(frozen=True)
class Note:
    """Something the reader of a result must know: what was left out, which assumption fails, which fallback was used."""

    code: str
    text: Text
    count: int = 0
    warning: bool = True


def note(code: str, en: str, zh: str, *, warning: bool = True, count: int = 0, **values: object) -> Note:
    """A note; ``count`` is available to both sentences."""
    return Note(code, words(en, zh, count=count, **values), count, warning)


class BadInput(ValueError):
    """The input does not allow an answer. ``str(error)`` is the English sentence; ``text`` has both languages."""

    def __init__(self, code: str, en: str, zh: str, **values: object) -> None:
        self.code = code
        self.text = words(en, zh, **values)
        super().__init__(self.text.en)
