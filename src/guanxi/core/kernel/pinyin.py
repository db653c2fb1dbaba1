"""Readings of Chinese characters, from small tables of our own.

pypinyin loaded whole costs 58 MB and 70 µs per name; the tables beside this module (made from it by
``tools/name_tables.py``) cost 4 MB and a few µs, and are loaded at the first Chinese character.
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

LONGEST_PHRASE = 4
DATA = Path(__file__).parent / "data"

# Surnames read otherwise than the character usually is.
_SURNAME_READINGS = """
    单:shan 曾:zeng 仇:qiu 解:xie 查:zha 区:ou 朴:piao 覃:qin 翟:zhai 缪:miao 乐:yue 盖:ge 种:chong 繁:po 秘:bi 冼:xian
    洗:xian 员:yun 任:ren 过:guo 华:hua 那:na 折:she 燕:yan 宿:su 薄:bo 柏:bai 藏:zang 都:du 召:shao 祭:zhai 隗:wei
    逄:pang 佴:nai 粘:nian 扎:za 幺:yao 盛:sheng 贾:jia 车:che 宁:ning 石:shi 瞿:qu 晁:chao 郗:chi 句:gou 令:ling
    撒:sa 佟:tong 阚:kan 乜:nie 牟:mou 尹:yin 殷:yin 哈:ha 居:ju 长:zhang 訾:zi 妫:gui 邸:di 能:nai 难:nan 黑:hei
    亓:qi 曲:qu 应:ying 卜:bu 尉:wei 谌:chen 甯:ning 钭:tou
"""
_SURNAMES = dict(pair.split(":") for pair in _SURNAME_READINGS.split())
_DOUBLE_SURNAMES = {
    "尉迟": ("yu", "chi"),
    "单于": ("chan", "yu"),
    "万俟": ("mo", "qi"),
    "长孙": ("zhang", "sun"),
    "澹台": ("tan", "tai"),
    "令狐": ("ling", "hu"),
    "皇甫": ("huang", "fu"),
    "鲜于": ("xian", "yu"),
    "宰父": ("zai", "fu"),
    "亓官": ("qi", "guan"),
    "仉督": ("zhang", "du"),
    "子车": ("zi", "ju"),
    "乐正": ("yue", "zheng"),
    "漆雕": ("qi", "diao"),
    "公冶": ("gong", "ye"),
    "欧阳": ("ou", "yang"),
    "司马": ("si", "ma"),
    "上官": ("shang", "guan"),
    "诸葛": ("zhu", "ge"),
    "夏侯": ("xia", "hou"),
    "东方": ("dong", "fang"),
    "赫连": ("he", "lian"),
    "慕容": ("mu", "rong"),
    "宇文": ("yu", "wen"),
    "司徒": ("si", "tu"),
    "司空": ("si", "kong"),
}


class _Tables(NamedTuple):
    usual: dict[str, str]
    several: dict[str, tuple[str, ...]]
    phrases: dict[str, tuple[str, ...]]
    heads: frozenset[str]
    pairs: frozenset[str]


@cache
def _tables() -> _Tables:
    """The tables of ``data/pinyin.txt`` (its format is described in ``tools/name_tables.py``)."""
    usual: dict[str, str] = {}
    several: dict[str, tuple[str, ...]] = {}
    phrases: dict[str, tuple[str, ...]] = {}
    for line in (DATA / "pinyin.txt").read_text(encoding="utf-8").splitlines():
        first, *rest = line.split(" ")
        if first[0] == "~":
            several[first[1:]] = tuple(rest)
        elif first[0] == "=":
            phrases[first[1:]] = tuple(rest)
        else:
            usual.update(dict.fromkeys(rest[0], first))
    heads, pairs = frozenset(phrase[0] for phrase in phrases), frozenset(phrase[:2] for phrase in phrases)
    return _Tables(usual, several, phrases, heads, pairs)


def is_han(char: str) -> bool:
    """Whether one character is a Chinese character (extension blocks included)."""
    return "一" <= char <= "鿿" or "㐀" <= char <= "䶿" or char == "〇" or "豈" <= char <= "﫿" or char >= "\U00020000"


@lru_cache(maxsize=8192)
def syllables(text: str, *, person: bool = False) -> tuple[str, ...]:
    """One entry per character of ``text``: the toneless reading of a Chinese character, any other character as it is.

    Phrases are read as phrases (银行 yin hang, 重庆 chong qing). With ``person`` the text is a person's name and begins
    with its surname (单田芳 shan …, 尉迟恭 yu chi …). Characters of which no reading is known stand for themselves.
    """
    usual, _several, phrases, heads, pairs = _tables()
    out = list(map(usual.get, text, text))
    done, size = 0, len(text)
    if person and size > 1:
        double = _DOUBLE_SURNAMES.get(text[:2])
        if double:
            out[:2] = double
            done = 2
        elif text[0] in _SURNAMES:
            out[0] = _SURNAMES[text[0]]
            done = 1
    if heads.isdisjoint(text):
        return tuple(out)
    for at, char in enumerate(text):
        if char in heads and at >= done and text[at : at + 2] in pairs:
            for length in range(min(LONGEST_PHRASE, size - at), 1, -1):
                found = phrases.get(text[at : at + length])
                if found:
                    out[at : at + length] = found
                    done = at + length
                    break
    return tuple(out)


@lru_cache(maxsize=4096)
def readings(char: str) -> tuple[str, ...]:
    """Every toneless reading of one character, the usual one first, the one as a surname among them; () if unknown."""
    tables = _tables()
    usual = tables.usual.get(char)
    if usual is None:
        return ()
    found = dict.fromkeys((usual, *tables.several.get(char, ())))
    surname = _SURNAMES.get(char)
    if surname:
        found[surname] = None
    return tuple(found)


def joined(text: str, *, person: bool = False) -> str:
    """The reading of the whole text without spaces: 重庆长安 → chongqingchangan."""
    return "".join(syllables(text, person=person))


def initials(text: str, *, person: bool = False) -> str:
    """The first letter of each character's reading: 重庆长安 → cqca. Other characters stand for themselves."""
    return "".join(reading[0] for reading in syllables(text, person=person))
