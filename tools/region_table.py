"""Make ``src/guanxi/core/records/data/regions.txt`` (run when the division list or babel is renewed).

    python tools/region_table.py DIVISIONS_FOLDER

``DIVISIONS_FOLDER`` holds ``provinces.csv.gz cities.csv.gz areas.csv.gz HK-MO-TW.json`` (modood/Administrative-divisions-
of-China, WTFPL 2). Names of countries come from CLDR as babel packs it (Unicode licence), pinyin from the
kernel's tables.

One line a region: ``code TAB parent TAB Chinese TAB English``. A code begins with that of the region above it: ``CN``,
``CN44`` Guangdong, ``CN4403`` Shenzhen, ``CN440305`` Nanshan District; ``US``, ``US-CA``. The digits are those of GB/T 2260.
Placeholders of the standard (市辖区, 省直辖县级行政区划) are left out: what lies in them hangs on the province; so are
development zones (the statisticians' codes 71 to 79 of a city), which are no administrative divisions. Cities of
Taiwan have no published codes of four digits; theirs count from 7101 in the order of the list.
"""

import csv
import gzip
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel import Locale

from guanxi.core.kernel import pinyin

TARGET = Path(__file__).parent.parent / "src/guanxi/core/records/data/regions.txt"
PLACEHOLDERS = {"市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划"}
#: Listed under China, as the standard does.
NOT_COUNTRIES = {"CN", "HK", "MO", "TW"}
PROVINCES = {
    "15": "Inner Mongolia", "45": "Guangxi", "54": "Xizang (Tibet)", "61": "Shaanxi", "64": "Ningxia", "65": "Xinjiang",
    "71": "Taiwan", "81": "Hong Kong", "82": "Macao",
}  # fmt: skip
USUAL = {
    "哈尔滨": "Harbin", "齐齐哈尔": "Qiqihar", "呼和浩特": "Hohhot", "鄂尔多斯": "Ordos", "呼伦贝尔": "Hulunbuir",
    "巴彦淖尔": "Bayannur", "乌兰察布": "Ulanqab", "乌海": "Wuhai", "锡林郭勒": "Xilingol", "阿拉善": "Alxa",
    "拉萨": "Lhasa", "日喀则": "Xigaze", "昌都": "Qamdo", "林芝": "Nyingchi", "山南": "Shannan", "那曲": "Nagqu", "阿里": "Ngari",
    "乌鲁木齐": "Urumqi", "克拉玛依": "Karamay", "吐鲁番": "Turpan", "哈密": "Hami", "阿克苏": "Aksu", "喀什": "Kashgar",
    "和田": "Hotan", "塔城": "Tacheng", "阿勒泰": "Altay", "博尔塔拉": "Bortala", "巴音郭楞": "Bayingolin", "昌吉": "Changji",
    "克孜勒苏": "Kizilsu", "伊犁": "Ili", "阿坝": "Ngawa", "甘孜": "Garze", "果洛": "Golog", "玉树": "Yushu", "德宏": "Dehong",
    "漯河": "Luohe", "朝阳": "Chaoyang", "子长": "Zichang", "筠连": "Junlian", "荥经": "Yingjing", "鄂伦春": "Oroqen", "塔什库尔干": "Taxkorgan",
    "察布查尔": "Qapqal", "和布克赛尔": "Hoboksar", "巴里坤": "Barkol", "木垒": "Mori", "科尔沁左翼中": "Horqin Left Middle", "科尔沁左翼后": "Horqin Left Rear", "科尔沁右翼前": "Horqin Right Front",
    "科尔沁右翼中": "Horqin Right Middle", "察哈尔右翼前": "Chahar Right Front", "察哈尔右翼中": "Chahar Right Middle",
    "察哈尔右翼后": "Chahar Right Rear", "达尔罕茂明安联合": "Darhan Muminggan United", "莫力达瓦": "Morin Dawa", "喀喇沁左翼": "Harqin Left Wing",
    "前郭尔罗斯": "Qian Gorlos", "杜尔伯特": "Dorbod", "阿克塞": "Aksay", "大柴旦行政委员会": "Da Qaidam",
    "中沙群岛的岛礁及其海域": "Zhongsha Islands", "襄都": "Xiangdu", "信都": "Xindu",    "西双版纳": "Xishuangbanna", "迪庆": "Diqing", "浦东": "Pudong", "神农架林": "Shennongjia Forestry",
}  # fmt: skip
NATIONS = {
    "满": "Manchu", "蒙古": "Mongol", "回": "Hui", "达斡尔": "Daur", "鄂温克": "Ewenki", "朝鲜": "Korean", "畲": "She",
    "土家": "Tujia", "苗": "Miao", "瑶": "Yao", "侗": "Dong", "壮": "Zhuang", "各": "Various Nationalities", "仫佬": "Mulao",
    "毛南": "Maonan", "黎": "Li", "羌": "Qiang", "彝": "Yi", "藏": "Tibetan", "仡佬": "Gelao", "布依": "Buyei", "水": "Sui",
    "傣": "Dai", "哈尼": "Hani", "纳西": "Naxi", "拉祜": "Lahu", "佤": "Va", "布朗": "Blang", "独龙": "Derung", "怒": "Nu",
    "白": "Bai", "普米": "Pumi", "傈僳": "Lisu", "裕固": "Yugur", "哈萨克": "Kazakh", "东乡": "Dongxiang", "保安": "Bonan",
    "撒拉": "Salar", "土": "Tu", "景颇": "Jingpo", "柯尔克孜": "Kirgiz", "塔吉克": "Tajik", "锡伯": "Xibe",
}  # fmt: skip
LEVELS = (
    ("特别行政区", ""), ("自治区", ""), ("自治州", "Autonomous Prefecture"), ("自治县", "Autonomous County"),
    ("自治旗", "Autonomous Banner"), ("地区", "Prefecture"), ("新区", "New Area"),
    ("矿区", "Mining District"), ("省", ""), ("盟", "League"), ("旗", "Banner"), ("县", "County"), ("区", "District"), ("市", ""), ("镇", "Town"),
)  # fmt: skip
HONG_KONG = {
    "中西区": "Central and Western", "湾仔区": "Wan Chai", "东区": "Eastern", "南区": "Southern", "油尖旺区": "Yau Tsim Mong",
    "深水埗区": "Sham Shui Po", "九龙城区": "Kowloon City", "黄大仙区": "Wong Tai Sin", "观塘区": "Kwun Tong", "葵青区": "Kwai Tsing",
    "荃湾区": "Tsuen Wan", "屯门区": "Tuen Mun", "元朗区": "Yuen Long", "北区": "North", "大埔区": "Tai Po", "沙田区": "Sha Tin",
    "西贡区": "Sai Kung", "离岛区": "Islands",
}  # fmt: skip
MACAO = {
    "大堂区": "Sé", "望德堂区": "São Lázaro", "风顺堂区": "São Lourenço", "花地玛堂区": "Nossa Senhora de Fátima",
    "圣安多尼堂区": "Santo António", "嘉模堂区": "Nossa Senhora do Carmo", "路凼填海区": "Cotai", "圣方济各堂区": "São Francisco Xavier",
}  # fmt: skip
TAIWAN = {
    "台北市": "Taipei", "新北市": "New Taipei", "桃园市": "Taoyuan", "台中市": "Taichung", "台南市": "Tainan", "高雄市": "Kaohsiung",
    "基隆市": "Keelung", "新竹市": "Hsinchu", "嘉义市": "Chiayi", "新竹县": "Hsinchu County", "苗栗县": "Miaoli County",
    "彰化县": "Changhua County", "南投县": "Nantou County", "云林县": "Yunlin County", "嘉义县": "Chiayi County",
    "屏东县": "Pingtung County", "宜兰县": "Yilan County", "花莲县": "Hualien County", "台东县": "Taitung County", "澎湖县": "Penghu County",
    "金门县": "Kinmen County", "连江县": "Lienchiang County",
}  # fmt: skip
STATES = """
AL 亚拉巴马州 Alabama|AK 阿拉斯加州 Alaska|AZ 亚利桑那州 Arizona|AR 阿肯色州 Arkansas|CA 加利福尼亚州 California|
CO 科罗拉多州 Colorado|CT 康涅狄格州 Connecticut|DE 特拉华州 Delaware|DC 华盛顿哥伦比亚特区 District of Columbia|
FL 佛罗里达州 Florida|GA 佐治亚州 Georgia|HI 夏威夷州 Hawaii|ID 爱达荷州 Idaho|IL 伊利诺伊州 Illinois|IN 印第安纳州 Indiana|
IA 艾奥瓦州 Iowa|KS 堪萨斯州 Kansas|KY 肯塔基州 Kentucky|LA 路易斯安那州 Louisiana|ME 缅因州 Maine|MD 马里兰州 Maryland|
MA 马萨诸塞州 Massachusetts|MI 密歇根州 Michigan|MN 明尼苏达州 Minnesota|MS 密西西比州 Mississippi|MO 密苏里州 Missouri|
MT 蒙大拿州 Montana|NE 内布拉斯加州 Nebraska|NV 内华达州 Nevada|NH 新罕布什尔州 New Hampshire|NJ 新泽西州 New Jersey|
NM 新墨西哥州 New Mexico|NY 纽约州 New York|NC 北卡罗来纳州 North Carolina|ND 北达科他州 North Dakota|OH 俄亥俄州 Ohio|
OK 俄克拉何马州 Oklahoma|OR 俄勒冈州 Oregon|PA 宾夕法尼亚州 Pennsylvania|RI 罗得岛州 Rhode Island|SC 南卡罗来纳州 South Carolina|
SD 南达科他州 South Dakota|TN 田纳西州 Tennessee|TX 得克萨斯州 Texas|UT 犹他州 Utah|VT 佛蒙特州 Vermont|VA 弗吉尼亚州 Virginia|
WA 华盛顿州 Washington|WV 西弗吉尼亚州 West Virginia|WI 威斯康星州 Wisconsin|WY 怀俄明州 Wyoming|PR 波多黎各 Puerto Rico
"""
_NATION = "|".join(sorted(NATIONS, key=len, reverse=True))
_LONG_NATION = "|".join(nation for nation in NATIONS if len(nation) > 1)
_AUTONOMOUS = re.compile(rf"(.*?)((?:(?:{_NATION})族|(?:{_LONG_NATION}))+)(自治[县州旗]|区)")


def romanised(stem: str, name: str) -> str:
    """The stem of a place's name in pinyin, one word, read as in the whole name: 西安 → Xi'an."""
    if stem in USUAL:
        return USUAL[stem]
    parts = pinyin.syllables(name)[: len(stem)]
    joined = "".join(("'" if place and part[0] in "aoe" else "") + part for place, part in enumerate(parts))
    return joined.replace("v", "u").capitalize()


def english(name: str) -> str:
    """A division's English name: 南山区 → Nanshan District, 循化撒拉族自治县 → Xunhua Salar Autonomous County."""
    found = _AUTONOMOUS.fullmatch(name)
    if found:
        stem, nations, level = found.groups()
        names = [NATIONS[nation] for nation in re.findall(_NATION, nations)]
        return " ".join([*([romanised(stem, name)] if stem else []), *names, dict(LEVELS)[level]])
    for ending, word in LEVELS:
        stem = name.removesuffix(ending)
        if not stem and word:
            return word
        if stem != name:
            return f"{romanised(stem, name)} {word}".strip()
    return romanised(name, name)


def _rows(place: Path) -> Iterator[dict[str, str]]:
    with gzip.open(place, "rt", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def divisions(folder: Path) -> Iterator[tuple[str, str, str, str]]:
    """China's provinces, cities and districts, then Taiwan, Hong Kong and Macao."""
    yield "CN", "", "中国", "China"
    for row in _rows(folder / "provinces.csv.gz"):
        yield f"CN{row['code']}", "CN", row["name"], PROVINCES.get(row["code"]) or english(row["name"])
    cities = {row["code"]: row for row in _rows(folder / "cities.csv.gz")}
    for code, row in cities.items():
        if row["name"] not in PLACEHOLDERS:
            yield f"CN{code}", f"CN{row['provinceCode']}", row["name"], english(row["name"])
    for row in _rows(folder / "areas.csv.gz"):
        if row["name"] in PLACEHOLDERS or row["code"][4] == "7":
            continue
        real = cities[row["cityCode"]]["name"] not in PLACEHOLDERS
        parent = row["cityCode"] if real else row["provinceCode"]
        yield f"CN{row['code']}", f"CN{parent}", row["name"], english(row["name"])
    listed = json.loads((folder / "HK-MO-TW.json").read_text(encoding="utf-8"))
    for code, name, known in (("81", "香港特别行政区", HONG_KONG), ("82", "澳门特别行政区", MACAO)):
        yield f"CN{code}", "CN", name, PROVINCES[code]
        districts = [re.sub("（.*）", "", district) for group in listed[name].values() for district in group]
        for number, district in enumerate(districts, start=1):
            yield f"CN{code}{number:04d}", f"CN{code}", district, known[district]
    yield "CN71", "CN", "台湾省", PROVINCES["71"]
    for number, city in enumerate(listed["台湾省"], start=1):
        yield f"CN71{number:02d}", "CN71", city, TAIWAN[city]


def countries() -> Iterator[tuple[str, str, str, str]]:
    """All other countries, and the states of the USA."""
    chinese, in_english = Locale("zh", "Hans").territories, Locale("en").territories
    codes = [
        code
        for code in chinese
        if re.fullmatch("[A-Z]{2}", code) and code not in NOT_COUNTRIES | {"EU", "EZ", "UN", "QO", "ZZ", "XA", "XB"}
    ]
    for code in sorted(codes, key=lambda code: in_english[code]):
        yield code, "", chinese[code], in_english[code]
    for state in STATES.replace("\n", "").split("|"):
        code, name, *words = state.split(" ")
        yield f"US-{code}", "US", name, " ".join(words)


def main(folder: Path) -> None:
    """Write the table."""
    lines = ["\t".join(row) for row in (*divisions(folder), *countries())]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
