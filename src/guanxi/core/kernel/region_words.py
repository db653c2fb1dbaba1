"""Region words at the head of a Chinese firm's name (北京市, 广东省深圳市) and in brackets after it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data"

_PEOPLES = re.compile(
    r"(?:(?:朝鲜|土家|苗|藏|羌|彝|布依|侗|哈尼|壮|傣|白|景颇|傈僳|回|蒙古|柯尔克孜|哈萨克|维吾尔)族?)*(?:自治州|自治区|地区|盟)$"
)
# Short names that are as often a brand as a place.
_NOT_SHORT_NAMES = """
    大同 朝阳 黄山 安康 吉安 长治 四平 来宾 百色 三明 中卫 海东 海北 海西 白山 白银 金昌 永州 阿里
    瑞安 中山 武威 德宏 安顺 泰安 广安 德阳 兴安 文山 玉林 新余
"""
_NOT_SHORT = frozenset(_NOT_SHORT_NAMES.split())
_COUNTY_CITIES = """
    昆山 义乌 江阴 张家港 常熟 晋江 慈溪 余姚 太仓 宜兴 诸暨 海宁 桐乡 温岭 乐清 石狮 福清 胶州 即墨 浏阳
    延吉 都江堰 浦东 浦东新区 滨海新区 雄安 雄安新区 两江新区 横琴 前海 香港特区 澳门特区 台北 台中 高雄 新竹
    九龙
"""
_NOT_AFTER = frozenset("路街道巷弄桥站")
# What is left must say more than the trade; otherwise the region belongs to the name (上海电力, 北京银行).
_TRADE_WORDS = """
    农村商业 农商 商业 开发 建设 村镇 城市 农业 工商 人民 市 省 区 县 大 新 总 分 国际 国家 中国 东方 银行 信托
    证券 基金 期货 保险 人寿 财险 租赁 担保 典当 金融 财务 信用 联社 支付 资产 管理 投资 实业 产业 贸易 商贸
    进出口 外贸 物资 供销 大学 学院 学校 中学 小学 幼儿园 教育 培训 职业 技术 技师 师范 医科 科学 研究 研究院
    研究所 设计 设计院 规划 勘察 勘测 检测 医院 中医 妇幼 保健 中心 卫生 医疗 医药 药业 制药 生物 健康 养老 电力
    供电 电网 电信 联通 移动 通信 燃气 天然气 煤气 热力 自来水 水务 供水 排水 环保 环境 水利 水电 能源 新能源
    石油 石化 化工 化学 煤炭 钢铁 铁路 地铁 轨道 交通 公交 公共 客运 货运 运输 物流 港 港口 港务 机场 航空 航运
    高速 公路 出租 汽车 邮政 快递 政府 委员会 局 厅 公安 税务 财政 法院 检察院 海关 协会 商会 联合会 基金会 慈善
    工会 科技 信息 网络 软件 互联网 数据 数字 智能 电子 电气 电器 机械 机电 机床 设备 仪器 自动化 材料 新材料
    服饰 服装 纺织 家具 家居 食品 饮料 酒业 农产品 粮食 粮油 畜牧 渔业 林业 种业 建筑 建工 工程 装饰 装修 建材
    房地产 地产 置业 物业 城建 市政 园林 路桥 水泥 玻璃 旅游 旅行社 酒店 宾馆 饭店 餐饮 文化 传媒 广告 影视 出版
    印刷 报业 日报 广播 电视 广电 体育 娱乐 会展 展览 商城 商场 百货 超市 零售 批发 电商 电子商务 咨询 顾问 服务
    人力 人力资源 劳务 法律 律师 会计师 事务所 知识产权 代理 重工 轻工 军工 船舶 造船 集团 企业 联合 发展 开发区
    高新 经济 技术开发 控股 股份 创新 创业 孵化 园区 产业园 科技园 制造 工业 加工 厂 店 所 部 社 院 馆 站
"""
_TRADE = re.compile(rf"(?:第[一二三四五六七八九十\d]+|[一二三四五六七八九]|{'|'.join(_TRADE_WORDS.split())})+")
_WIDE_NAMES = """
    中国 亚太 亚洲 全球 国际 大中华 大中华区 华东 华南 华北 华中 西南 西北 东北 欧洲 美国 日本 韩国 新加坡 德国
    英国
"""
_WIDE = frozenset(_WIDE_NAMES.split())
_LATIN_NAMES = """
    china prc mainland hk hongkong macau macao taiwan shanghai beijing peking tianjin chongqing shenzhen
    guangzhou canton guangdong jiangsu zhejiang shandong sichuan fujian hubei hunan henan hebei anhui jiangxi
    liaoning shanxi shaanxi yunnan guizhou guangxi hainan gansu jilin heilongjiang chengdu hangzhou nanjing
    suzhou wuhan xian qingdao dalian ningbo xiamen tianjing dongguan foshan wuxi kunshan asia apac emea europe
    america americas usa us uk japan korea singapore malaysia thailand vietnam indonesia india germany
    deutschland france italy spain australia canada mexico brazil russia global international worldwide pacific
    greater hong kong far east
"""
_LATIN = frozenset(_LATIN_NAMES.split())


def _short(level: str, name: str) -> str:
    """The name as people write it without its rank: 广东省 → 广东, 恩施土家族苗族自治州 → 恩施. '' if none is safe."""
    if level == "3":
        return ""
    if name == "内蒙古自治区":
        return "内蒙古"
    cut = _PEOPLES.sub("", name) if name[-1] in "州区盟" else name[:-1]
    cut = cut.removesuffix("特别行政")
    return cut if len(cut) >= 2 and cut not in _NOT_SHORT else ""


@cache
def _by_head() -> dict[str, tuple[tuple[str, str], ...]]:
    """First two characters → (name as written, name to keep) with the longest first."""
    found: dict[str, str] = {name: name for name in _COUNTY_CITIES.split()}
    for line in (DATA / "regions.txt").read_text(encoding="utf-8").splitlines():
        level, name = line.split(" ")
        short = _short(level, name)
        found.setdefault(name, short or name)
        if short:
            found[short] = short
    heads: dict[str, list[tuple[str, str]]] = {}
    for name, kept in found.items():
        heads.setdefault(name[:2], []).append((name, kept))
    return {head: tuple(sorted(pairs, key=lambda pair: -len(pair[0]))) for head, pairs in heads.items()}


def split_region(text: str) -> tuple[str, str]:
    """(short name of the last region at the head, the rest): 广东省深圳市腾讯 → (深圳, 腾讯); ('', text) if none."""
    region = ""
    heads = _by_head()
    while True:
        for name, kept in heads.get(text[:2], ()):
            if text.startswith(name) and text[len(name) : len(name) + 1] not in _NOT_AFTER:
                region, text = kept, text[len(name) :]
                break
        else:
            return region, text
        if not text:
            return region, text


def strip_region(text: str) -> str:
    """The name without regions at its head; with the last of them where the rest alone names only a trade."""
    region, rest = split_region(text)
    if not region:
        return text
    if len(rest) < 2 or _TRADE.fullmatch(rest):
        return region + rest
    return rest


def strip_region_end(text: str) -> str:
    """A branch's name without the region at its end (华为技术深圳 → 华为技术); at least two characters stay."""
    for size in range(min(6, len(text) - 2), 1, -1):
        if is_region(text[-size:]):
            return text[:-size]
    return text


def is_region(text: str) -> bool:
    """Whether a Chinese text is nothing but region words: 上海, 广东省深圳市, 中国, 亚太."""
    return split_region(text.removeprefix("中国"))[1] in ("", "区", "地区") or text in _WIDE


def is_latin_region(tokens: list[str]) -> bool:
    """Whether all tokens are region words: Shanghai, Hong Kong, Asia Pacific."""
    return all(token in _LATIN for token in tokens)
