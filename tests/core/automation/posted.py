"""A mailbox, somebody who writes to it, and his mail."""

from __future__ import annotations

from email.message import EmailMessage
from typing import Any

import pytest

from guanxi.core.automation.incoming import mailboxes
from guanxi.core.models import (
    Mailbox,
)
from tests.imapserver import Postbox


def mail(
    sender: str = "王芳 <wang@kunlun.test>", subject: str = "报价", body: str = "请发一份报价。", **headers: str
) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, "service@guanxi.test", subject
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    if "Message_ID" not in headers:
        message["Message-ID"] = f"<{abs(hash((sender, subject, body)))}@kunlun.test>"
    message.set_content(body)
    return message.as_bytes()


@pytest.fixture
def box(postbox: Postbox, cast: Any) -> Mailbox:
    made = mailboxes.mailbox_save(cast.root, None, postbox.settings(replies="1", keeper=str(cast.bob_user.pk)))
    mailboxes.read(made.pk)  # begins with what arrives from now on
    return made


@pytest.fixture
def contact(make: Any, cast: Any) -> Any:
    customer = make("customers.customer", owner=cast.alice_user, name="昆仑机电")
    return make(
        "customers.contact",
        owner=cast.alice_user,
        customer=customer,
        name="王芳",
        emails=[{"value": "Wang@kunlun.test"}],
    )
