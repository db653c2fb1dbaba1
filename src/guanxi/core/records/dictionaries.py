"""Values of dictionaries and regions, in the present language, from memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guanxi.core.models import Dictionary, DictionaryValue, Region
from guanxi.core.models.stamps import kept
from guanxi.core.records import segments
from guanxi.core.records.shape import spoken
from guanxi.core.schema.fields import Field


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a choice: stable key, both names, colour, parent's key, whether new records may use it, and the
    values of the narrowing dictionary it belongs to.
    """

    key: str
    zh: str
    en: str
    color: str = ""
    parent: str = ""
    active: bool = True
    is_default: bool = False
    belongs_to: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The name in the present language."""
        return spoken(self.zh, self.en)


@kept("dictionaries")
def _values(key: str) -> Mapping[str, Choice]:
    if key.partition(":")[0] == segments.DICTIONARY:
        sort = key.partition(":")[2]
        return {
            one.key: Choice(one.key, one.name_zh, one.name_en)
            for one in segments.every().values()
            if sort in ("", one.entity)
        }
    rows = DictionaryValue.objects.filter(dictionary__key=key)
    return {
        row.key: Choice(
            row.key,
            row.name_zh,
            row.name_en,
            row.color,
            row.parent_key,
            row.active,
            row.is_default,
            tuple(row.belongs_to),
        )
        for row in rows
    }


@kept("dictionaries", size=1)
def _regions() -> Mapping[str, Choice]:
    rows = Region.objects.order_by("code").values_list("code", "name_zh", "name_en", "parent_code")
    return {code: Choice(code, zh, en, "", parent) for code, zh, en, parent in rows}


@kept("dictionaries")
def _spelled(key: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for choice in _values(key).values():
        for word in (choice.en, choice.zh, choice.key):
            if word:
                found[word.casefold()] = choice.key
    return found


def values(key: str) -> list[Choice]:
    """Values of a dictionary in their order, retired ones included."""
    return list(_values(key).values())


def value_of(key: str, value: str) -> Choice | None:
    """One value of a dictionary by its key."""
    return _values(key).get(value)


def find(key: str, spelled: str) -> str:
    """The key of the value somebody wrote as key or name in either language; '' if there is none."""
    return _spelled(key).get(spelled.strip().casefold(), "")


def default_of(key: str) -> str:
    """The key of the default value, '' if there is none."""
    return next((choice.key for choice in values(key) if choice.is_default and choice.active), "")


def usual(field: Field) -> Any:
    """What a field holds when nothing is given: the default of its dictionary or its own; several choices begin empty."""
    return default_of(field.dictionary) if field.dictionary and field.kind == "choice" else field.default


def below(key: str, value: str) -> list[str]:
    """The value and all below it."""
    found, queue = [value], [value]
    everything = _values(key).values()
    while queue:
        parent = queue.pop()
        children = [choice.key for choice in everything if choice.parent == parent and choice.key not in found]
        found += children
        queue += children
    return found


def regions(parent: str = "") -> list[Choice]:
    """Regions directly below a region ('' for countries and the like)."""
    return [choice for choice in _regions().values() if choice.parent == parent]


def every_region() -> list[Choice]:
    """All regions."""
    return list(_regions().values())


def regions_named(words: str, limit: int = 20) -> list[Choice]:
    """Regions whose name holds the words in either language, the larger and shorter named ones first."""
    wanted = words.casefold()
    found = [one for one in _regions().values() if wanted in one.zh.casefold() or wanted in one.en.casefold()]
    found.sort(
        key=lambda one: (
            not one.zh.casefold().startswith(wanted) and not one.en.casefold().startswith(wanted),
            len(one.key),
            one.key,
        )
    )
    return found[:limit]


def region_path(code: str) -> list[Choice]:
    """A region and those above it, largest first; empty for an unknown code."""
    known = _regions()
    path: list[Choice] = []
    while code and code in known and len(path) < 6:
        path.insert(0, known[code])
        code = known[code].parent
    return path


def region_known(code: str) -> bool:
    """Whether there is a region of that code."""
    return code in _regions()


def region_label(code: str) -> str:
    """The full name of a region, largest part first (Chinese) or last (English)."""
    path = region_path(code)
    if not path:
        return code
    chinese = spoken("zh", "en") == "zh"
    names = [choice.label for choice in path if len(path) == 1 or choice.key != "CN"]
    return "".join(names) if chinese else ", ".join(reversed(names))


def choice_of(field: Field, value: str) -> Choice | None:
    """The choice of a field's value: from its dictionary, its fixed choices or the regions."""
    if field.kind == "region":
        return _regions().get(value)
    if field.dictionary:
        return value_of(field.dictionary, value)
    return next((Choice(key, str(label), str(label)) for key, label in field.choices if key == value), None)


def choices_of(field: Field) -> list[Choice]:
    """All choices of a choice field."""
    if field.dictionary:
        return values(field.dictionary)
    return [Choice(key, str(label), str(label)) for key, label in field.choices]


def label_of(field: Field, value: str) -> str:
    """The name of a field's choice; the key itself if it is unknown."""
    if field.kind == "region":
        return region_label(value)
    choice = choice_of(field, value)
    return choice.label if choice else value


def dictionary_names() -> list[tuple[str, str]]:
    """All dictionaries as (key, name in the present language)."""
    return [(row.key, spoken(row.name_zh, row.name_en)) for row in Dictionary.objects.order_by("key")]
