"""What customers write: mails on the records of people one knows, messages of strangers, and pieces of text to answer with."""

from __future__ import annotations

import datetime as dt

from guanxi.areas.customers.models import Contact
from guanxi.core.automation.incoming import mailboxes, receiving
from guanxi.core.automation.incoming.letters import Attachment, Letter
from guanxi.core.automation.rules.store import RuleDraft, rule_save
from guanxi.core.automation.templates import snippet_save
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import AutomationRule, InboundMessage, Mailbox, Snippet, User

KEEPER = "hexiaomei"
SNIPPETS = (
    {"name_zh": "稍后回复", "name_en": "Later today", "text_zh": "来信收到，我们今天下班前给您答复。", "text_en": "Thank you for your message. You will hear from us today."},
    {"name_zh": "预约电话", "name_en": "A call", "text_zh": "方便的话，请告知您明天可以通话的时间。", "text_en": "When may we call you tomorrow?"},
    {"name_zh": "付款信息", "name_en": "Payment", "text_zh": "请按合同上的账户付款，并在附言中写明合同编号。", "text_en": "Please pay to the account named in the contract and state its number."},
)  # fmt: skip
ANSWER = RuleDraft(
    key="answer-service", name_zh="来信自动回复", name_en="Answer to what comes in", entity="customers.customer", active=False,
    trigger={"on": "message", "channels": ["mail"], "from": "", "subject": "报价，故障，quote", "text": ""},
    steps=({"do": "message", "to": "@sender", "channel": "mail", "subject": "", "text": "{{ message.name }}，您好：\n\n您的来信“{{ message.subject }}”已收到，我们会尽快答复。"},),
)  # fmt: skip
KNOWN = (
    (2, "关于备件报价", "您好，\n\n请发一份备件的报价单，数量 20 套，下周三前需要。\n\n谢谢！"),
    (7, "设备保养时间", "您好，\n\n上次说的季度保养安排在下周二可以吗？产线周二上午停机。"),
    (26, "合同条款确认", "附件是法务修改后的条款，主要是第六条的验收期限，请确认。"),
    (50, "Re: 样机测试结果", "测试通过了，参数比上一代好。采购流程下周开始走。"),
)
UNKNOWN = (
    (1, "李新", "li.xin@newfirm.example.com", "想了解包装线", "在展会看到贵公司的展位，想了解全自动包装线的价格和交期。"),
    (5, "Emma Clark", "emma.clark@overseas.example.com", "Distributor enquiry", "We distribute packaging machines in Queensland and would like your catalogue."),
)  # fmt: skip


def fill(actor: Actor) -> None:
    """Enter what is not there yet."""
    for values in SNIPPETS:
        if not Snippet.objects.filter(name_zh=values["name_zh"]).exists():
            snippet_save(actor, None, values)
    if not AutomationRule.objects.filter(key=ANSWER.key).exists():
        rule_save(actor, None, ANSWER)
    if InboundMessage.objects.exists() or Mailbox.objects.exists():
        return
    keeper = User.objects.filter(username=KEEPER).values_list("pk", flat=True).first()
    shared = {"keeper": keeper or "", "unknown": ""}
    mailboxes.mailbox_save(
        actor, None, {"name": "客服短信", "channel": "sms", "active": "1", "address": "+8621 5555 0100", **shared}
    )
    box = mailboxes.mailbox_save(
        actor, None,
        {"name": "客服邮箱", "channel": "mail", "address": "service@acme.example.com", "host": "imap.acme.example.com", "port": 993,
         "security": "tls", "username": "service", "password": "demo", "folder": "INBOX", "replies": "", **shared},
    )  # fmt: skip
    people = Contact.objects.filter(owner__username="zhangwei").exclude(emails=[]).order_by("pk")[: len(KNOWN)]
    for (hours, subject, body), person in zip(KNOWN, people, strict=False):
        files = (
            (Attachment("合同条款-修改稿.txt", "第六条 验收期限改为十个工作日。\n".encode()),) if "附件" in body else ()
        )
        _come(box, hours, person.name, str(person.emails[0]["value"]), subject, body, files)
    for hours, name, address, subject, body in UNKNOWN:
        _come(box, hours, name, address, subject, body)


def _come(
    box: Mailbox, hours: int, name: str, address: str, subject: str, body: str, files: tuple[Attachment, ...] = ()
) -> None:
    """One mail, so many hours ago."""
    letter = Letter(
        external_id=f"<demo-{hours}@acme.example.com>", sender=address.lower(), sender_name=name, to=(box.address,), subject=subject,
        body=body, at=clock.now() - dt.timedelta(hours=hours), attachments=files,
    )  # fmt: skip
    receiving.receive(letter, mailbox=box)
