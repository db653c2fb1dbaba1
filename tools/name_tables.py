"""Make the name tables in ``src/guanxi/core/kernel/data`` (run when pypinyin or the division list is renewed).

    python tools/name_tables.py DIVISIONS_FOLDER

``DIVISIONS_FOLDER`` holds ``provinces.csv.gz cities.csv.gz areas.csv.gz`` (modood/Administrative-divisions-of-China,
WTFPL 2). Readings come from pypinyin (MIT): loaded whole it costs 58 MB and 70 µs per name, the tables 4 MB and 3 µs.

pinyin.txt
    ``syllable characters``           the usual reading of each character
    ``~character reading reading``    every reading of a character that has several
    ``=phrase reading reading``       phrases read otherwise than character by character
regions.txt
    ``1 name`` province, ``2 name`` city, ``3 name`` district or county, full names
"""

import csv
import gzip
import sys
from pathlib import Path

import opencc
from pypinyin import Style, pinyin
from pypinyin.constants import PHRASES_DICT, PINYIN_DICT
from pypinyin.contrib.tone_convert import to_normal

TARGET = Path(__file__).parent.parent / "src/guanxi/core/kernel/data"
LONGEST_PHRASE = 4
NOT_A_NAME = {"市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划", "郊区", "城区", "矿区"}


def plain(reading: str) -> str:
    """A reading without tone, ü written v."""
    return to_normal(reading, v_to_u=False)


def pinyin_lines() -> list[str]:
    """The lines of pinyin.txt."""
    usual: dict[str, str] = {}
    several: dict[str, list[str]] = {}
    for number in PINYIN_DICT:
        if not (0x3400 <= number <= 0x9FFF or number == 0x3007):
            continue
        char = chr(number)
        found = list(dict.fromkeys(plain(r) for r in pinyin(char, heteronym=True, style=Style.TONE)[0]))
        found = [r for r in found if r.isascii() and r.isalpha()]
        if not found:
            continue
        usual[char] = found[0]
        if len(found) > 1:
            several[char] = found
    by_syllable: dict[str, list[str]] = {}
    for char, reading in usual.items():
        by_syllable.setdefault(reading, []).append(char)
    lines = [f"{reading} {''.join(sorted(chars))}" for reading, chars in sorted(by_syllable.items())]
    common = {c for c in several if c.encode("gb18030", "ignore").__len__() == 2 and gb2312(c)}
    lines += [f"~{char} {' '.join(several[char])}" for char in sorted(common)]
    lines += [f"={phrase} {' '.join(readings)}" for phrase, readings in sorted(odd_phrases(usual).items())]
    return lines


def gb2312(char: str) -> bool:
    """Whether the character is one of the 6,763 in daily use."""
    try:
        char.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def odd_phrases(usual: dict[str, str]) -> dict[str, list[str]]:
    """Phrases of two to four characters that the usual readings, or a shorter phrase in them, would get wrong."""
    simplify = opencc.OpenCC("t2s").convert
    odd: dict[str, list[str]] = {}
    for size in range(2, LONGEST_PHRASE + 1):
        for phrase, readings in PHRASES_DICT.items():
            if len(phrase) != size or len(readings) != size or simplify(phrase) != phrase:
                continue
            if not all(char in usual for char in phrase):
                continue
            right = [plain(r[0]) for r in readings]
            if right != guess(phrase, usual, odd):
                odd[phrase] = right
    return odd


def guess(text: str, usual: dict[str, str], odd: dict[str, list[str]]) -> list[str]:
    """What the tables made so far say, as ``guanxi.core.kernel.pinyin`` reads them."""
    out: list[str] = []
    at = 0
    while at < len(text):
        for size in range(LONGEST_PHRASE, 1, -1):
            found = odd.get(text[at : at + size])
            if found:
                out += found
                at += size
                break
        else:
            out.append(usual[text[at]])
            at += 1
    return out


def region_lines(folder: Path) -> list[str]:
    """The lines of regions.txt."""
    lines = ["1 香港特别行政区", "1 澳门特别行政区", "1 台湾省"]
    for level, name in ((1, "provinces"), (2, "cities"), (3, "areas")):
        with gzip.open(folder / f"{name}.csv.gz", "rt", encoding="utf-8") as file:
            names = {row["name"] for row in csv.DictReader(file)} - NOT_A_NAME
        lines += [f"{level} {name}" for name in sorted(names)]
    return lines


if __name__ == "__main__":
    TARGET.mkdir(exist_ok=True)
    (TARGET / "pinyin.txt").write_text("\n".join(pinyin_lines()) + "\n", encoding="utf-8")
    (TARGET / "regions.txt").write_text("\n".join(region_lines(Path(sys.argv[1]))) + "\n", encoding="utf-8")
