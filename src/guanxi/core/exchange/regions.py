"""Regions as files write them: by code, by full or short name, in either language."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils import translation

from guanxi.core.exchange import words
from guanxi.core.models.stamps import kept
from guanxi.core.records import dictionaries


@kept("dictionaries")
def region_code(spelled: str) -> str:
    """The code of a region written by name or code in either language; '' when unknown."""
    text = spelled.strip()
    if dictionaries.region_known(text.upper()):
        return text.upper()
    return _region_words().get(words.plain(text), "") or _ALIASES.get(words.plain(text), "")


_ALIASES = {
    "usa": "US",
    "us": "US",
    "uk": "GB",
    "unitedkingdom": "GB",
    "england": "GB",
    "prc": "CN",
    "mainlandchina": "CN",
}
_REGION_END = ("特别行政区", "维吾尔自治区", "壮族自治区", "回族自治区", "自治区", "省", "市")


@kept("dictionaries", size=1)
def _region_words() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for choice in sorted(dictionaries.every_region(), key=lambda one: -len(one.key)):
        short = (choice.zh.removesuffix(end) for end in _REGION_END if len(choice.zh) > 2)
        for name in (choice.zh, choice.en, *short):
            if name:
                found[words.plain(name)] = choice.key
    for language in ("zh-hans", "en"):
        with translation.override(language):
            for choice in dictionaries.every_region():
                found.setdefault(words.plain(dictionaries.region_label(choice.key)), choice.key)
    return found
