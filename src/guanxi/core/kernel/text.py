"""Names as people write them, made comparable: folding, duplicate keys, sort keys.

Everything here is pure, cached where it pays, and meant to run in every write: a simplified Chinese or ASCII name takes
about 10 µs. OpenCC (30 ms) and the pinyin tables (10 ms) load at the first name that needs them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache
from typing import NamedTuple

import opencc

from guanxi.core.kernel import legal_forms, pinyin, region_words

_HAN = re.compile("[〇㐀-䶿一-鿿豈-﫿\U00020000-\U0003ffff]")
_ALL_HAN = re.compile("[一-鿿]+")
_MARKS = re.compile("[̀-ͯ]")
_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000e-\u001f\u007f\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]"
)
_BRACKET = re.compile(r"[(\[{<【〔〖「『《〈“]([^()\[\]{}<>【】〔〕〖〗「」『』《》〈〉“”]*)[)\]}>】〕〗」』》〉”]")
_WORD = re.compile(r"[^\W_]+")
_DOTTED = re.compile(r"\b[^\W\d_](?:\.[^\W\d_])+\b\.?")
_TITLES = re.compile(r"(?:先生|女士|小姐|老师|太太|总经理|经理|老板)$")
_TITLES_LATIN = frozenset(
    ("mr", "mrs", "ms", "miss", "dr", "prof", "sir", "madam", "mx", "jr", "sr", "ii", "iii", "phd", "mba")
)
SORT_KEY_LENGTH = 240


class _Simplifier(NamedTuple):
    traditional: frozenset[str]
    convert: Callable[[str], str]


@cache
def _simplifier() -> _Simplifier:
    """OpenCC's traditional-to-simplified conversion and the set of characters it may change."""
    convert = opencc.OpenCC("t2s").convert
    every = "".join(map(chr, (*range(0x3400, 0xA000), *range(0xF900, 0xFB00), *range(0x20000, 0x2FA20))))
    changed = frozenset(old for old, new in zip(every, convert(every), strict=True) if old != new)
    return _Simplifier(changed, convert)


def has_han(text: str) -> bool:
    """Whether the text holds at least one Chinese character."""
    return not text.isascii() and _HAN.search(text) is not None


def simplify(text: str) -> str:
    """Traditional characters to simplified ones, phrase by phrase (乾隆 stays, 乾燥 → 干燥)."""
    if text.isascii():
        return text
    simplifier = _simplifier()
    if simplifier.traditional.isdisjoint(text):
        return text
    text = simplifier.convert(text)
    return text if simplifier.traditional.isdisjoint(text) else simplifier.convert(text)


def unaccent(text: str) -> str:
    """Latin letters without their marks: Café → Cafe. Other scripts stay as they are."""
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFD", text)
    bare = _MARKS.sub("", parts)
    return text if bare == parts else unicodedata.normalize("NFC", bare)


def fold(text: str) -> str:
    """The text for comparing: full and half width, case, traditional and simplified, invisible signs and spaces."""
    return _fold_kept(text) if len(text) <= _SHORT else _fold(text)


def _fold(text: str) -> str:
    if _ALL_HAN.fullmatch(text):  # no width, case or space to it
        return simplify(text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).casefold()
        text = simplify(unicodedata.normalize("NFKC", text))
    else:
        text = text.lower()
    if not text.isprintable():
        text = _INVISIBLE.sub("", text)
    return " ".join(text.split())


#: Folded texts up to so many characters are kept for a while: a name is folded several times in one write.
_SHORT = 120
_fold_kept = lru_cache(maxsize=4096)(_fold)


def words(text: str) -> list[str]:
    """The words of a folded, unaccented text: letters and digits; a.b.c. → abc, don't → dont, & → and."""
    if text.isalnum():
        return [text]
    if "." in text:
        text = _DOTTED.sub(lambda found: found[0].replace(".", ""), text)
    if "&" in text or "+" in text:
        text = text.replace("&", " and ").replace("+", " and ")
    if "'" in text or "’" in text:
        text = text.replace("'", "").replace("’", "")
    return _WORD.findall(text)


def _unbracket(found: re.Match[str]) -> str:
    """What stays of a bracket in a firm's name: nothing for a region, a legal form or a remark; else its content."""
    content = "".join(_WORD.findall(found[1]))
    if has_han(content):
        drop = region_words.is_region(content) or legal_forms.is_han_form(content)
    else:
        tokens = words(found[1])
        drop = region_words.is_latin_region(tokens) or legal_forms.is_latin_form(tokens)
    return " " if drop else f" {found[1]} "


def _name_words(name: str) -> list[str]:
    """The words of a firm's name that tell it apart; may be []."""
    text = fold(name)
    if _ALL_HAN.fullmatch(text):
        return [text]
    text = unaccent(text)
    while True:
        bare = _BRACKET.sub(_unbracket, text)
        if bare == text:
            break
        text = bare
    tokens = words(text)
    if len(tokens) > 1:
        if len(tokens) > 2 and region_words.is_latin_region(tokens[-1:]) and legal_forms.is_latin_form(tokens[-2:-1]):
            del tokens[-1]  # Siemens Ltd., China
        tokens = legal_forms.strip_latin(tokens)
    return tokens


def _strip_han_name(text: str) -> str:
    """A Chinese firm's name without legal forms and regions, until nothing changes; may return ''."""
    while True:
        before = text
        text, branch = legal_forms.strip_han(text)
        if branch:
            text = region_words.strip_region_end(text)
        text = region_words.strip_region(text)
        if text == before:
            return text


def _normalise(name: str) -> tuple[str, list[str]]:
    """The normalised name and its words (one word for a Chinese name)."""
    tokens = _name_words(name)
    if not tokens:
        whole = unaccent(fold(name))
        tokens = ["".join(words(whole)) or whole.replace(" ", "") or name]
    joined = "".join(tokens)
    if has_han(joined):
        joined = _strip_han_name(joined) or joined
        tokens = [joined]
    return joined, tokens


@lru_cache(maxsize=16384)
def normalize_name(name: str) -> str:
    """A firm's name for finding duplicates (撞单): equal for spellings of the same name, '' only for ''.

    Gone are width, case, accents, traditional forms, spaces, punctuation, legal forms in Chinese, English and others,
    regions before the name and in brackets, remarks in brackets. A region stays where the rest names only a trade
    (北京银行, 上海电力), and whatever would leave nothing is not done. Applying it twice changes nothing.

    >>> normalize_name("廣東省深圳市華為技術（上海）有限公司")
    '华为技术'
    >>> normalize_name("Acme Co., Ltd.")
    'acme'
    """
    if not name:
        return ""
    return _normalise(name)[0]


@lru_cache(maxsize=16384)
def normalize_person(name: str) -> str:
    """A person's name for finding duplicates: folded, without spaces, punctuation and titles; '' only for ''.

    >>> normalize_person("Dr. María-José O'Neil")
    'mariajoseoneil'
    """
    tokens = words(unaccent(fold(name)))
    if len(tokens) > 1:
        tokens = [token for token in tokens if token not in _TITLES_LATIN] or tokens
    joined = "".join(tokens)
    if len(joined) > 2 and has_han(joined):
        joined = _TITLES.sub("", joined) or joined
    return joined or fold(name).replace(" ", "") or name


def name_words(name: str, *, person: bool = False) -> list[str]:
    """The words of a name that tell it apart, in their order: without legal forms, or without titles for a person.

    A Chinese name is one word.
    """
    if not person:
        return _normalise(name)[1]
    found = words(unaccent(fold(name)))
    return [word for word in found if word not in _TITLES_LATIN] or found


@lru_cache(maxsize=8192)
def name_keys(name: str, *, person: bool = False) -> tuple[str, ...]:
    """Values that two spellings of one name share, the strictest first; () for ''.

    The normalised name; its pinyin when it is Chinese (华为 and Huawei meet); its words in order of the alphabet when
    it has several (Smith, John and John Smith meet).
    """
    if not name:
        return ()
    if person:
        normalised, tokens = normalize_person(name), name_words(name, person=True)
    else:
        normalised, tokens = _normalise(name)
    keys = [normalised]
    if has_han(normalised):
        keys.append(pinyin.joined(normalised, person=person))
    elif len(tokens) > 1:
        keys.append("".join(sorted(tokens)))
    return tuple(dict.fromkeys(keys))


@lru_cache(maxsize=8192)
def sort_key(name: str, *, person: bool = False) -> str:
    """A key that sorts names by pinyin, English among them, in plain byte order; at most 240 characters.

    Syllables stand apart so that 西安 (xi an) comes before 先 (xian); the folded name itself breaks ties. With
    ``person`` the surname is read as a surname (曾 zeng, 单 shan). Store it in a column with collation "C".
    """
    folded = fold(name)
    whole = _ALL_HAN.fullmatch(folded) is not None
    plain = folded if whole else unaccent(folded)
    if whole or has_han(plain):
        readings = pinyin.syllables(plain, person=person)
        spelled = " ".join(readings)
        if not (whole and spelled.isascii()):
            parts = [
                f" {reading} " if reading is not char and reading != char else char
                for char, reading in zip(plain, readings, strict=True)
            ]
            spelled = " ".join(words("".join(parts)))
    else:
        spelled = " ".join(words(plain))
    key = f"{spelled}\t{folded}" if spelled else folded
    return key[:SORT_KEY_LENGTH]
