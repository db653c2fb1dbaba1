"""Notifications on devices: a local service takes them as a browser's does, and reads what only the browser could."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from guanxi.core.automation import channels, outbound, push
from guanxi.core.automation.notify import notify
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Invalid, Unavailable
from guanxi.core.models import Notification, PushDevice
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db
SECRET = b"0123456789abcdef"


@dataclass
class Service:
    """A push service on this machine: what it was sent, and the status it answers next."""

    url: str
    status: int = 201
    heard: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.heard.append((self.path, dict(self.headers), body))
            self.send_response(made.status)
            self.end_headers()

        def log_message(self, *_given: Any) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    made = Service(f"http://127.0.0.1:{server.server_port}/send/abc")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setattr(outbound, "PORTS", (server.server_port,))
    monkeypatch.setattr(outbound, "public", lambda _address: True)
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


def derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(secret)


def opened(body: bytes, private: ec.EllipticCurvePrivateKey) -> bytes:
    """What a browser does with the body (RFC 8291, section 3.4)."""
    salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
    assert (size, length) == (4096, 65)
    sender, sealed = body[21:86], body[86:]
    mine = point(private)
    shared = private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
    middle = derived(shared, SECRET, b"WebPush: info\x00" + mine + sender, 32)
    key = derived(middle, salt, b"Content-Encoding: aes128gcm\x00", 16)
    plain = AESGCM(key).decrypt(derived(middle, salt, b"Content-Encoding: nonce\x00", 12), sealed, None)
    assert plain.endswith(b"\x02")
    return plain[:-1]


def point(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def check_sender(header: str, service: Service) -> None:
    """What a service does with the header (RFC 8292): signed by the key named, for this service, not for long."""
    token, key = header.removeprefix("vapid t=").split(", k=")
    head, claims, signature = token.split(".")
    raw = push.decoded(signature)
    known = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), push.decoded(key))
    signed = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    known.verify(signed, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    said = json.loads(push.decoded(claims))
    assert said["aud"] == "{0.scheme}://{0.netloc}".format(urlsplit(service.url))
    assert 0 < said["exp"] - clock.now().timestamp() <= 24 * 3600
    assert said["sub"].startswith(("mailto:", "https:"))
    assert key == push.public_key()


def device(actor: Any, service: Service, private: ec.EllipticCurvePrivateKey) -> PushDevice:
    return push.device_add(
        actor, endpoint=service.url, key=push.coded(point(private)), secret=push.coded(SECRET), name="Browser"
    )


def jobs() -> list[int]:
    from procrastinate.contrib.django.models import ProcrastinateJob  # noqa: PLC0415 - its models need the registry

    return [int(one.args["notification_id"]) for one in ProcrastinateJob.objects.filter(task_name="guanxi.push_send")]


def test_the_browser_alone_reads_what_its_reader_may_know(cast: Cast, make: Any, service: Service) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    customer = make("customers.customer", name="华诚精密")
    notify([cast.bob_user.pk], "mention", "%(by)s mentioned you at %(record)s", record=customer, by=cast.alice_user.pk)
    assert jobs() == []
    device(cast.bob, service, private)
    notify([cast.bob_user.pk], "mention", "%(by)s mentioned you at %(record)s", record=customer, by=cast.alice_user.pk)
    (number,) = jobs()
    assert push.send(number) == 1
    path, headers, body = service.heard[0]
    assert (path, headers["Content-Encoding"], headers["TTL"]) == ("/send/abc", "aes128gcm", "86400")
    check_sender(headers["Authorization"], service)
    assert "华诚".encode() not in body
    told = json.loads(opened(body, private))
    assert (told["title"], told["url"]) == ("华诚精密", f"/notifications/{number}/")
    assert "林爱丽" in told["body"]
    with pytest.raises(InvalidTag):
        opened(body, ec.generate_private_key(ec.SECP256R1()))
    Notification.objects.filter(pk=number).update(entity="customers.customer", record_id=10**9)
    assert push.send(number) == 0
    assert len(service.heard) == 1


def test_a_device_that_is_gone_is_forgotten_and_a_silent_service_is_asked_again(cast: Cast, service: Service) -> None:
    device(cast.bob, service, ec.generate_private_key(ec.SECP256R1()))
    notify([cast.bob_user.pk], "reminder", "Call them", once="r1")
    (number,) = jobs()
    service.status = 503
    with pytest.raises(Unavailable):
        push.send(number)
    assert PushDevice.objects.count() == 1
    channels.ways_set(cast.bob, "reminder", push=False)
    assert push.send(number) == 0
    channels.ways_set(cast.bob, "reminder", push=True)
    service.status = 410
    assert push.send(number) == 0
    assert PushDevice.objects.count() == 0


def test_only_what_a_browser_gives_is_taken(cast: Cast, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    good = push.coded(point(ec.generate_private_key(ec.SECP256R1())))
    for key, secret in (("AAAA", push.coded(SECRET)), (good, "AAAA"), ("*", push.coded(SECRET))):
        with pytest.raises(Invalid):
            push.device_add(cast.bob, endpoint=service.url, key=key, secret=secret)
    monkeypatch.undo()
    with pytest.raises(Invalid) as caught:
        push.device_add(cast.bob, endpoint="http://127.0.0.1:80/x", key=good, secret=push.coded(SECRET))
    assert caught.value.code == "outbound.address"
    assert PushDevice.objects.count() == 0


def test_the_sender_is_the_same_on_every_machine_and_another_for_another_workspace(settings: Any) -> None:
    settings.SECRET_KEY = "one"
    first = push.public_key()
    assert first == push.public_key()
    settings.SECRET_KEY = "two"
    assert push.public_key() != first
