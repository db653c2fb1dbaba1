"""The one way out: private addresses are refused however they are written; messages are tried again and given up."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Any

import pytest

from guanxi.core.automation import messages, outbound
from guanxi.core.kernel.errors import Invalid, Unavailable
from guanxi.core.models import OutboundMessage
from tests.mailserver import Letters, letters

__all__ = ("letters",)


@pytest.mark.parametrize("url", [
    "http://127.0.0.1/", "http://localhost/", "http://10.1.2.3/", "http://192.168.0.9:8080/", "http://169.254.169.254/latest/", "http://[::1]/",
    "http://[fd00::1]/", "http://[::ffff:10.0.0.1]/", "http://[::127.0.0.1]/", "http://[64:ff9b::10.0.0.1]/", "http://[64:ff9b:1::10.0.0.1]/",
    "http://[fec0::1]/", "http://[2002:a00:1::]/", "http://240.0.0.1/", "http://0.0.0.0/", "ftp://example.com/", "http://user:pw@example.com/", "http://example.com:22/",
    "http://printer/", "http://db.internal/", "javascript:alert(1)", "", "http://", "http://[bad/", "http://224.0.0.1/", "http://100.64.0.1/",
])  # fmt: skip
def test_only_public_addresses(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        outbound.check_address(url)
    assert caught.value.code == "outbound.address"


def test_a_name_that_leads_inside_is_refused(monkeypatch: Any) -> None:
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *_given, **_more: [(2, 1, 6, "", ("93.184.216.34", 80)), (2, 1, 6, "", ("10.0.0.1", 80))],
    )
    with pytest.raises(Invalid):
        outbound.send("http://rebind.example.com/", {})
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_given, **_more: (_ for _ in ()).throw(OSError("no")))
    with pytest.raises(Unavailable):
        outbound.send("http://nowhere.example.com/", {})
    assert outbound.public("93.184.216.34")


def test_public_addresses_may_be_written_as_others() -> None:
    assert outbound.public("64:ff9b::93.184.216.34")
    assert outbound.public("::ffff:93.184.216.34")


@pytest.mark.parametrize(
    "beginning", [b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Slow: ", b""]
)
def test_who_sends_a_byte_now_and_then_holds_nobody_up(monkeypatch: Any, beginning: bytes) -> None:
    monkeypatch.setattr(outbound, "public", lambda _address: True)
    monkeypatch.setattr(outbound, "MOST_SECONDS", 1.0)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(outbound, "PORTS", (server.getsockname()[1],))

        def drip() -> None:
            asked, _address = server.accept()
            with asked, contextlib.suppress(OSError):
                asked.recv(4096)
                asked.sendall(beginning)
                while not over.wait(0.2):
                    asked.sendall(b"x")

        dripping = threading.Thread(target=drip)
        dripping.start()
        begun = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            outbound.send(f"http://127.0.0.1:{outbound.PORTS[0]}/", {})
        over.set()
        dripping.join()
    assert caught.value.code == "outbound.silent"
    assert time.monotonic() - begun < 5


def test_a_message_is_tried_again_and_given_up(base_data: None, monkeypatch: Any) -> None:
    def fail(*_given: Any, **_more: Any) -> None:
        raise Unavailable("silent")

    monkeypatch.setattr(outbound, "send", fail)
    row = messages.put("webhook", "https://example.com/hook", payload={"a": 1})
    states = [messages.send(row.pk) for _try in range(messages.TRIES)]
    assert states == ["waiting"] * (messages.TRIES - 1) + ["failed"]
    monkeypatch.setattr(outbound, "send", lambda *_given, **_more: outbound.Answer(200, "ok"))
    messages.send_again(row)
    assert messages.send(row.pk) == "sent"
    assert OutboundMessage.objects.get().state == "sent"


def test_bad_addresses_are_refused(base_data: None) -> None:
    for channel, to in (
        ("mail", "nobody"),
        ("mail", "a@b.cn,c@d.cn"),
        ("mail", "a@b.cn\nBcc: x@y.cn"),
        ("sms", "12"),
        ("webhook", "http://10.0.0.1/"),
    ):
        with pytest.raises(Invalid):
            messages.put(channel, to)
    with pytest.raises(Invalid):
        messages.put("pigeon", "x")
    assert not OutboundMessage.objects.exists()
    row = messages.put("sms", "13800138000", body="您好")
    assert row.to == "+8613800138000"
    assert messages.send(row.pk) == "waiting", "without a gateway it waits"


@pytest.mark.parametrize("to", [
    "wang@corp..com", "a:b@c.com", f"a@{'x' * 64}.com", f"a@{'中' * 60}.cn", "a..b@c.com", "a@localhost", "a@.com", "@c.com", "王@c.com", "a@-c.com",
])  # fmt: skip
def test_what_no_letter_can_be_addressed_to_is_no_address(to: str) -> None:
    with pytest.raises(Invalid) as refused:
        messages.mail_address(to)
    assert refused.value.code == "message.address"


@pytest.mark.parametrize("to", [
    "wang@公司.中国", "o'neil+crm@straße.de", " a@b.cn ", "a@xn--fiqs8s.cn", "_a-b@mail.c-d.com.cn", "a@[93.184.216.34]",
])  # fmt: skip
def test_addresses_of_all_lands_are_taken(base_data: None, to: str, letters: Letters) -> None:
    row = messages.put("mail", to, subject="您好", body="您好")
    assert (row.to, messages.send(row.pk)) == (to.strip(), "sent")
    assert len(letters.arrived) == 1


def test_what_can_never_be_sent_is_given_up_at_once(base_data: None, letters: Letters) -> None:
    row = messages.put("mail", "wang@corp.com", body="您好")
    OutboundMessage.objects.filter(pk=row.pk).update(to="wang@corp..com")
    assert messages.send(row.pk) == "failed"
    assert OutboundMessage.objects.get().error
