"""What the people of the demo organisation write down: follow-ups and tasks, Chinese and English."""

from __future__ import annotations

import random

PRODUCTS = ("边缘采集网关", "MES 生产管理", "能耗管理平台", "设备健康监测", "质量追溯系统", "仓储管理系统")
PRODUCTS_EN = ("edge gateway", "MES suite", "energy dashboard", "machine health monitor", "traceability module")

#: Stage → (kinds the text fits, text), Chinese then English. ``{who}`` is the contact, ``{number}`` a small number.
TALK, MEET, WRITE, ANY = "call message", "visit meeting meal", "message email", "call message email visit meeting"
_SAID: dict[str, tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]] = {
    "first": (
        (
            (TALK, "首次联系{who}，介绍了公司和{product}，对方愿意先看资料。"),
            (TALK, "通过展会名片联系到{who}，目前用的是自研系统，想了解{product}的价格区间。"),
            (WRITE, "加了{who}微信，发了公司介绍和两个同行案例。"),
            (ANY, "{who}说采购由总部统一负责，给了总部的联系方式。"),
            (MEET, "初次拜访{who}，参观了车间，产线约 {number} 条，数据靠人工抄表，{product}有机会。"),
            ("email", "给{who}发了公司介绍、资质和{product}白皮书。"),
        ),
        (
            (TALK, "First call with {who}. Introduced the company and the {product}; asked for a two-page summary."),
            (ANY, "Followed up with {who} after the trade fair, as promised. They run a home-grown system today."),
            (ANY, "{who} pointed me to central procurement in headquarters."),
            (MEET, "First visit to {who}; saw the plant, about {number} lines, meter readings still on paper."),
        ),
    ),
    "selling": (
        (
            (ANY, "和{who}确认了需求清单：{product}优先，预算今年第四季度报批。"),
            (MEET, "给{who}演示了{product}，现场提了 {number} 个问题，重点是和现有 ERP 的对接。"),
            (WRITE, "报价已发，{who}觉得实施费偏高，希望按 {number} 个点位重新核算。"),
            (TALK, "{who}反馈竞品报价低一成，我们强调了本地服务和三年质保。"),
            ("meeting", "技术交流会，对方信息部和生产部都参加，{who}主持，结论是先做一条线试点。"),
            (ANY, "合同条款过了一遍，{who}要求账期 90 天，需要内部申请。"),
            ("call", "{who}出差，下周再联系；前台转告采购流程要三家比价。"),
            (WRITE, "试点方案已提交，{who}安排下月初评审，请售前同事准备答辩材料。"),
            ("call", "电话里{who}透露总经理支持这个项目，但财务还没签字。"),
            ("email", "补发了等保和软著证书，{who}收到并转给审计。"),
            ("meal", "和{who}吃了午饭，聊到他们 {number} 月份要换 ERP，项目可能往后推。"),
        ),
        (
            (MEET, "Demo of the {product} for {who} and team; {number} questions, mostly about ERP integration."),
            (WRITE, "Sent the revised quotation. {who} wants the services split into {number} milestones."),
            (ANY, "{who} compares us with two others; references from the same industry would help."),
            ("email call", "Legal review of the MSA started, {who} expects comments within two weeks."),
            (ANY, "Pilot scope agreed with {who}: one site, {number} machines, eight weeks."),
            ("call", "{who} is travelling; call again next week."),
        ),
    ),
    "later": (
        (
            (ANY, "回访{who}，{product}运行稳定，想扩到二期 {number} 台设备。"),
            (TALK, "{who}反映报表导出慢，已转客服，承诺本周内解决。"),
            ("meeting", "季度例会，和{who}一起看了数据，停机时间比上线前少了 {number}%。"),
            (WRITE, "续保合同已寄出，{who}确认收到，走内部流程大约两周。"),
            (ANY, "{who}介绍了同园区的一家企业，约了下周一起拜访。"),
            (MEET, "二期需求调研完成，{who}希望{product}和一期统一账号。"),
            (TALK, "发票已寄，{who}确认本月内付款。"),
            ("visit gift", "节前拜访{who}，带了点心，聊到明年要建新厂。"),
            ("visit", "上门培训新员工 {number} 人，{who}全程参加，反馈良好。"),
            ("meal", "请{who}吃饭，答谢今年的配合，对方提到明年预算会增加。"),
        ),
        (
            (
                "meeting visit",
                "Quarterly review with {who}: downtime reduced by {number}%. They think about a second site.",
            ),
            (TALK, "{who} reported slow exports, passed to service with high priority."),
            (WRITE, "Renewal sent to {who}; purchase order expected this month."),
            (ANY, "{who} introduced us to a sister company."),
            ("visit", "Trained {number} new users on site together with {who}."),
            ("gift meal", "Season's greetings to {who}; the plant will be extended next year."),
        ),
    ),
}
_NOTED = (
    (
        "听同行说{who}那边在招信息化主管，项目可能换人对接。",
        "官网显示新厂下季度投产，留意{product}机会。",
        "竞品在投标，注意报价。",
    ),
    (
        "Read in the news that they plan a second site.",
        "{who} will be on leave until next month.",
        "A competitor is bidding too.",
    ),
)
_GIVEN = (("给{who}寄了新年台历和茶叶。", "节日给{who}送了月饼。"), ("Sent {who} a calendar and a card.",))
_NO_ANSWER = (
    ("电话无人接听，稍后再打。", "{who}在开会，约下午再联系。", "号码占线，改发微信。"),
    ("No answer, left a message.", "{who} was in a meeting, call back this afternoon."),
)
_RESULTS = {
    "first": ("reached", "needs_material", "interested", "not_interested", "appointment"),
    "selling": ("considering", "interested", "appointment", "needs_material", "reached"),
    "later": ("reached", "reached", "interested", "appointment"),
}

_TASKS = (
    ("准备{product}演示环境", ("申请测试账号", "导入样例数据", "彩排一遍")),
    ("整理报价并发给客户", ("核对点位数", "申请折扣", "发送报价单")),
    ("起草试点方案", ("确认范围", "排实施计划", "内部评审")),
    ("合同盖章并寄出", ("法务审核", "盖章", "寄出并登记单号")),
    ("催收尾款", ()),
    ("安排工程师上门", ()),
    ("更新客户组织架构", ()),
    ("准备投标文件", ("购买标书", "商务标", "技术标", "封装盖章")),
    ("回复技术问题清单", ()),
    ("预约高层会面", ()),
)
_TASKS_EN = (
    ("Prepare the {product} demo", ("Request a test account", "Load sample data", "Rehearse")),
    ("Send the revised quotation", ("Check quantities", "Ask for the discount", "Send")),
    ("Draft the pilot plan", ("Scope", "Timeline", "Internal review")),
    ("Chase the open invoice", ()),
    ("Collect two references", ()),
    ("Book the executive meeting", ()),
)
PURPOSES = {
    "call": ("确认报价是否收到", "跟进试点评审结果", "问候并了解近况", "催合同回签", "确认拜访时间"),
    "visit": ("上门演示", "现场勘查点位", "拜访总经理", "季度回访"),
    "meeting": ("方案评审会", "二期需求讨论", "季度例会"),
    "message": ("发案例资料", "节日问候", "提醒付款"),
}
PURPOSES_EN = {
    "call": ("Check the quotation arrived", "Pilot results", "Chase the signature", "Fix a visiting date"),
    "visit": ("On-site demo", "Site survey", "Executive visit"),
    "meeting": ("Solution review", "Quarterly review"),
    "message": ("Send the case study", "Seasonal greetings"),
}
REMARKS = (
    "这个客户去年和我们谈过一次，资料在共享盘里。",
    "@{mention} 麻烦看下折扣能不能批。",
    "注意：对方年底前要完成招标，时间很紧。",
    "已和财务确认，账期可以放到 60 天。",
    "客户很认可服务，可以请他们做案例。",
    "@{mention} 明天一起去拜访吗？",
    "竞品上周也去了，我们得加快。",
    "Please keep me posted on the pilot.",
)


def said(chance: random.Random, kind: str, stage: str, who: str, *, english: bool) -> tuple[str, str]:
    """The text and the result of one follow-up."""
    language = 1 if english else 0
    if kind == "call" and chance.random() < 0.13:
        return _filled(chance, chance.choice(_NO_ANSWER[language]), who, english=english), "no_answer"
    if kind in ("note", "gift"):
        return _filled(
            chance, chance.choice((_NOTED if kind == "note" else _GIVEN)[language]), who, english=english
        ), ""
    fitting = [text for kinds, text in _SAID[stage][language] if kind in kinds.split()]
    text = chance.choice(fitting or [text for kinds, text in _SAID[stage][language] if kinds == ANY])
    return _filled(chance, text, who, english=english), chance.choice(_RESULTS[stage])


def _filled(chance: random.Random, text: str, who: str, *, english: bool) -> str:
    name = who or ("the front desk" if english else "对方")
    product = chance.choice(PRODUCTS_EN if english else PRODUCTS)
    return text.format(who=name, product=product, number=chance.randint(3, 28))


def task(chance: random.Random, *, english: bool) -> tuple[str, tuple[str, ...]]:
    """A task's subject and checklist."""
    subject, checklist = chance.choice(_TASKS_EN if english else _TASKS)
    return subject.format(product=chance.choice(PRODUCTS_EN if english else PRODUCTS)), checklist


def weekly(*, english: bool) -> str:
    """The task that comes back every week."""
    return "Write the weekly report" if english else "提交周报"
