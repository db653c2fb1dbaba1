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
# Where names of firms and places are read otherwise than the dictionary's first entry.
USUAL = {"长": "chang", "都": "du", "曾": "zeng", "晟": "sheng", "翟": "zhai", "调": "tiao", "缪": "miao", "炔": "que"}
HANG = "商 洋 车 分 支 总 农 工 建 中 招 交 央 投 银 同 本 内 外 拍卖 典当 各"
HEADS = """
    董事 市 校 厂 会 局 部 处 科 院 店 团 组 班 家 船 站 所 县 镇 村 区 省 社 首 队 助 司 秘书 成 增 生 年 兄 学
"""
PLACES = """=长子县 zhang zi xian
=番禺 pan yu
=蚌埠 beng bu
=六安 lu an
=六合区 lu he qu
=东阿 dong e
=铅山 yan shan
=涡阳 guo yang
=荥阳 xing yang
=浚县 xun xian
=莘县 shen xian
=莘庄 xin zhuang
=单县 shan xian
=乐亭 lao ting
=乐清 yue qing
=乐陵 lao ling
=长垣 chang yuan
=枞阳 zong yang
=尉犁 yu li
=牟平 mu ping
=洪洞 hong tong
=蔚县 yu xian
=会稽 kuai ji
=井陉 jing xing
=燕山 yan shan
=音乐 yin yue
=乐器 yue qi
=声乐 sheng yue
=乐团 yue tuan
=乐队 yue dui
=民乐 min yue
=行业 hang ye
=行情 hang qing
=行长 hang zhang
=大厦 da sha
=厦门 xia men
=重庆 chong qing
=重阳 chong yang
=重组 chong zu
=重启 chong qi
=长老 zhang lao
=长者 zhang zhe
=长辈 zhang bei
=长大 zhang da
=首都 shou du
=都能 dou neng
=尽职调查 jin zhi diao cha
=调查 diao cha
=调研 diao yan
=调度 diao du
=音调 yin diao
=曾经 ceng jing"""
NOT_A_NAME = {"市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划", "郊区", "城区", "矿区"}


def plain(reading: str) -> str:
    """A reading without tone as people type it: ü is v, but lüe and nüe are lue and nue."""
    return to_normal(reading, v_to_u=False).replace("lve", "lue").replace("nve", "nue")


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
    usual.update(USUAL)
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
    ours = {f"{head}行": [usual[c] for c in head] + ["hang"] for head in HANG.split()}
    ours |= {f"{head}长": [usual[c] for c in head] + ["zhang"] for head in HEADS.split()}
    ours |= {words[0][1:]: words[1:] for words in (line.split() for line in PLACES.splitlines())}
    odd: dict[str, list[str]] = dict(ours)
    for size in range(2, LONGEST_PHRASE + 1):
        for phrase, readings in PHRASES_DICT.items():
            if len(phrase) != size or len(readings) != size or simplify(phrase) != phrase:
                continue
            if not all(char in usual for char in phrase):
                continue
            right = [plain(r[0]) for r in readings]
            if phrase not in ours and right != guess(phrase, usual, odd):
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
