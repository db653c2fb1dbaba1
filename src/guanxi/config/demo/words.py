"""What names and sentences of the demo organisation are made of. Companies and people are invented."""

from __future__ import annotations

from typing import NamedTuple

SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆"
    "郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
)
COMPOUND_SURNAMES = ("欧阳", "上官", "司马", "诸葛", "司徒", "东方")
#: Given names as they are met today, older ones first.
MEN = """
建国 国强 志强 建华 卫东 志明 文杰 晓东 海涛 志伟 建军 永强 俊杰 宇航 浩然 子轩 嘉豪 伟 强 军 磊 涛 勇 杰 鹏 斌 波 辉 刚 健 明 亮 超 龙 飞
鑫 凯 峰 阳 毅 俊 帆 晨 博 瑞 子豪 家俊 天宇 思远 博文 泽宇 一鸣 振华 德明 少华 立新 学文 庆国 兆丰 松涛 汉林 启明 景行 承志 宏伟
""".split()
WOMEN = """
秀英 桂兰 丽华 淑珍 玉兰 红梅 春燕 海燕 晓红 丽娟 雪梅 小芳 婷婷 欣怡 梓涵 诗涵 雨桐 芳 娜 敏 静 丽 艳 娟 霞 秀兰 燕 玲 婷 雪 慧 颖 倩 琳 璐
佳 莹 洁 悦 宁 晓梅 雅婷 思琪 梦洁 嘉欣 若曦 文静 佩珊 美玲 惠敏 佳怡 子涵 晓彤 楚楚 亦菲 采薇 清扬 令仪 望舒 静姝
""".split()
#: First characters of a firm's name and second ones: 华瑞, 恒达, 鼎盛 …
BRAND_FIRST = "华瑞恒鼎宏嘉盛泰鑫金晟博信安康海天远凯利德胜新星云智汇联众优卓越锦百万正东南北中科创启明睿融"
BRAND_SECOND = "达盛通源泰华恒丰隆瑞兴昌科腾驰航宇昊峰辉朗格尚信诚和悦美康佳益润泽诺能联创维拓迪凯"


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
STREETS = "科技园路 工业大道 人民路 解放路 中山路 建设路 创业路 长江路 滨海大道 高新南路 金桥路 星海街 文化路 迎宾大道 天府大道 学院路".split()

POSITIONS = (
    ("董事长", "Chairman", "decides"),
    ("总经理", "General Manager", "decides"),
    ("副总经理", "Deputy General Manager", "influences"),
    ("采购经理", "Purchasing Manager", "buys"),
    ("采购总监", "Purchasing Director", "decides"),
    ("采购员", "Buyer", "buys"),
    ("技术总监", "Technical Director", "evaluates"),
    ("研发经理", "R&D Manager", "evaluates"),
    ("信息部经理", "IT Manager", "evaluates"),
    ("生产经理", "Production Manager", "uses"),
    ("质量经理", "Quality Manager", "influences"),
    ("财务总监", "Finance Director", "influences"),
    ("财务经理", "Finance Manager", "guards"),
    ("行政经理", "Office Manager", "uses"),
    ("总经理助理", "Assistant to the General Manager", "guards"),
    ("市场总监", "Marketing Director", "influences"),
    ("仓储主管", "Warehouse Supervisor", "uses"),
    ("项目经理", "Project Manager", "supports"),
)
DEPARTMENTS = {
    "采": ("采购部", "Purchasing"),
    "技": ("技术部", "Engineering"),
    "研": ("研发中心", "R&D"),
    "信": ("信息部", "IT"),
    "生": ("生产部", "Production"),
    "质": ("质量部", "Quality"),
    "财": ("财务部", "Finance"),
    "行": ("行政部", "Administration"),
    "市": ("市场部", "Marketing"),
    "仓": ("仓储部", "Warehouse"),
    "项": ("项目部", "Projects"),
}
OCCUPATIONS = "律师 医生 大学教师 自由设计师 个体工商户 摄影师 退休工程师 餐厅老板 基金经理 民宿主人".split()
NOTES = (
    ("likes", "爱喝凤凰单丛，办公室自备茶具"),
    ("likes", "喜欢打羽毛球，每周三晚固定打球"),
    ("likes", "马拉松爱好者，跑过厦门和无锡"),
    ("likes", "对文玩核桃有研究，聊起来停不下来"),
    ("dislikes", "不喜欢电话推销，约时间要先发微信"),
    ("dislikes", "不抽烟，见面不要敬烟"),
    ("taboo", "不要提与前任供应商的官司"),
    ("taboo", "回族，用餐请安排清真"),
    ("taboo", "数字 4 忌讳，报价避开"),
    ("habit", "午休 12:30–14:00 不接电话"),
    ("habit", "邮件只看上午，急事打电话"),
    ("family", "女儿今年高考，六月少打扰"),
    ("family", "双胞胎儿子，刚上小学"),
    ("occasion", "每年三月去慕尼黑看展"),
)
TAGS = (
    ("重点跟进", "red"),
    ("年框客户", "green"),
    ("价格敏感", "orange"),
    ("展会客户", "purple"),
    ("转介绍", "teal"),
    ("招投标", "indigo"),
    ("账期长", "amber"),
    ("技术型", "cyan"),
    ("VIP", "pink"),
    ("English only", "blue"),
)
BANKS = "中国工商银行 招商银行 中国建设银行 中国银行 交通银行 平安银行 宁波银行".split()
ENGLISH_GIVEN = """
James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Barbara Richard Susan Joseph Jessica
Thomas Karen Daniel Nancy Matthew Sandra Anthony Ashley Mark Emily Steven Donna Andrew Michelle Paul Laura Kevin Sarah
Brian Rebecca George Amy Timothy Angela Jason Anna Ryan Emma Eric Helen Jonathan Olivia Priya Wei Hiroshi Ingrid Lars
""".split()
ENGLISH_SURNAMES = """
Smith Johnson Williams Brown Jones Garcia Miller Davis Martinez Wilson Anderson Taylor Thomas Moore Jackson Martin Lee
Thompson White Harris Clark Lewis Robinson Walker Young Allen King Wright Scott Hill Green Adams Baker Nelson Carter
Mitchell Roberts Turner Phillips Campbell Parker Evans Edwards Collins Stewart Morris Murphy Cook Rogers Patel Nakamura
""".split()
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
