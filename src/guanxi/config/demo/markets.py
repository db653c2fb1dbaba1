"""Where the demo organisation sells, and to which trades: cities, lines of business, banks, numbers abroad."""

from __future__ import annotations

from typing import NamedTuple


class Trade(NamedTuple):
    """A line of business: industry key, words in a company's name, typical size (index 0 to 5), share of the base."""

    industry: str
    words: tuple[str, ...]
    size: int
    weight: int


TRADES = (
    Trade("C39", ("电子", "电子科技", "半导体", "光电", "通信设备", "智能终端"), 2, 14),
    Trade("C34", ("精密机械", "机械设备", "自动化设备", "传动机械"), 2, 9),
    Trade("C35", ("专用设备", "医疗器械", "激光装备", "机器人"), 2, 7),
    Trade("C36", ("汽车零部件", "新能源汽车", "汽车电子"), 3, 6),
    Trade("C38", ("电气", "新能源", "储能科技", "照明电器"), 2, 7),
    Trade("C26", ("化工", "新材料", "精细化工"), 2, 5),
    Trade("C27", ("药业", "生物医药", "制药"), 3, 4),
    Trade("C14", ("食品", "调味品", "乳业"), 2, 4),
    Trade("C17", ("纺织", "服饰", "家纺"), 2, 4),
    Trade("C29", ("塑胶制品", "橡塑科技", "包装材料"), 1, 4),
    Trade("C21", ("家具", "家居", "木业"), 1, 3),
    Trade("E47", ("建设工程", "建筑工程", "幕墙工程"), 3, 4),
    Trade("F51", ("贸易", "供应链管理", "进出口", "医药销售", "农产品"), 1, 11),
    Trade("F52", ("连锁超市", "百货", "电子商务"), 2, 3),
    Trade("G54", ("物流", "货运", "冷链物流"), 2, 5),
    Trade("G58", ("国际货运代理", "报关服务"), 1, 2),
    Trade("H61", ("酒店管理", "度假酒店"), 2, 2),
    Trade("H62", ("餐饮管理", "食品连锁"), 1, 2),
    Trade("I65", ("信息技术", "软件", "网络科技", "数据科技", "云计算"), 1, 13),
    Trade("J67", ("资产管理", "投资管理"), 1, 2),
    Trade("J68", ("保险经纪", "保险代理"), 1, 1),
    Trade("K70", ("置业", "物业管理", "房地产开发"), 2, 3),
    Trade("L72", ("企业管理咨询", "广告传媒", "会展服务", "人力资源"), 1, 6),
    Trade("M74", ("检测技术", "工程设计", "建筑设计"), 1, 3),
    Trade("N77", ("环保科技", "环境工程"), 1, 3),
    Trade("P83", ("教育科技", "职业培训"), 1, 3),
    Trade("Q84", ("口腔门诊", "康复医院", "健康管理"), 2, 2),
    Trade("R87", ("影视文化", "文化传播"), 0, 2),
    Trade("D45", ("燃气", "能源"), 3, 1),
)


class City(NamedTuple):
    """Name, region code, area code of phones, sales region (south, east, other), share of the base."""

    name: str
    region: str
    area: str
    sales: str
    weight: int


CITIES = (
    City("深圳", "CN4403", "0755", "south", 20),
    City("广州", "CN4401", "020", "south", 14),
    City("东莞", "CN4419", "0769", "south", 8),
    City("佛山", "CN4406", "0757", "south", 6),
    City("珠海", "CN4404", "0756", "south", 4),
    City("厦门", "CN3502", "0592", "south", 4),
    City("长沙", "CN4301", "0731", "south", 3),
    City("香港", "CN81", "+852", "south", 3),
    City("上海", "CN31", "021", "east", 18),
    City("苏州", "CN3205", "0512", "east", 10),
    City("杭州", "CN3301", "0571", "east", 10),
    City("宁波", "CN3302", "0574", "east", 5),
    City("南京", "CN3201", "025", "east", 6),
    City("无锡", "CN3202", "0510", "east", 4),
    City("合肥", "CN3401", "0551", "east", 3),
    City("北京", "CN11", "010", "other", 8),
    City("天津", "CN12", "022", "other", 3),
    City("青岛", "CN3702", "0532", "other", 3),
    City("武汉", "CN4201", "027", "other", 4),
    City("成都", "CN5101", "028", "other", 5),
    City("重庆", "CN50", "023", "other", 4),
    City("西安", "CN6101", "029", "other", 3),
    City("郑州", "CN4101", "0371", "other", 2),
    City("大连", "CN2102", "0411", "other", 2),
)


STREETS = [
    "科技园路",
    "工业大道",
    "人民路",
    "解放路",
    "中山路",
    "建设路",
    "创业路",
    "长江路",
    "滨海大道",
    "高新南路",
    "金桥路",
    "星海街",
    "文化路",
    "迎宾大道",
    "天府大道",
    "学院路",
]


BANKS = ["中国工商银行", "招商银行", "中国建设银行", "中国银行", "交通银行", "平安银行", "宁波银行"]


#: Numbers that can exist, ``x`` for any digit; where a country keeps numbers for films and books, those.
FOREIGN_PHONES = {
    "US": "+1 212 555 01xx",
    "GB": "+44 20 7946 0xxx",
    "DE": "+49 30 23125 xxx",
    "FR": "+33 1 99 00 xx xx",
    "HK": "+852 2xxx 8xxx",
    "CA": "+1 416 555 01xx",
    "AU": "+61 2 5550 xxxx",
    "BR": "+55 11 3xxx 4xxx",
    "MX": "+52 55 5xxx 4xxx",
    "ES": "+34 91 4xx 2x xx",
    "IT": "+39 02 4xx 2xxx",
    "SE": "+46 8 5xx 4x xx",
    "CH": "+41 44 5xx 1x xx",
    "IE": "+353 1 5xx 4xxx",
    "JP": "+81 3 5xxx 4xxx",
    "SG": "+65 6xxx 4xxx",
}
