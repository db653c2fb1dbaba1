"""Notifications on devices (Web Push): to the endpoint a browser gave, readable by that browser alone.

The message is encrypted by RFC 8291 and 8188 (``aes128gcm``), the sender shows himself by RFC 8292 (VAPID). The
sender's key follows from the workspace's secret key, so that every machine of the workspace has the same one.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from guanxi.core.automation import channels, notify, outbound
from guanxi.core.kernel import clock, regional
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, GuanxiError, Invalid
from guanxi.core.models import Notification, PushDevice, User
from guanxi.core.schema.registry import is_registered
from guanxi.runtime.environment import environment

CURVE = ec.SECP256R1()
#: The number of points of the curve; a private key lies below it.
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
#: Bytes of a record; push services take messages up to this.
RECORD = 4096
#: Seconds a token of ours holds, seconds a service keeps a message for a device that is off.
TOKEN_LIVES, MESSAGE_LIVES = 12 * 3600, 86_400
MOST_DEVICES = 10
#: Says to the pages about oneself which device the browser is.
COOKIE, COOKIE_LIVES = "guanxi_device", 400 * 86_400


def coded(data: bytes) -> str:
    """Base64 for addresses, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """The bytes of such a text. Raises ValueError."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _derived(secret: bytes, salt: bytes | None, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(secret)


@cache
def _sender(secret: str) -> ec.EllipticCurvePrivateKey:
    drawn = int.from_bytes(_derived(secret.encode(), None, b"guanxi push sender", 48), "big")
    return ec.derive_private_key(drawn % (ORDER - 1) + 1, CURVE)


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def public_key() -> str:
    """What browsers must be told to accept messages from us."""
    return coded(_point(_sender(settings.SECRET_KEY).public_key()))


def encrypted(message: bytes, device_key: bytes, secret: bytes) -> bytes:
    """The body only the browser with that key and secret can read. Raises ValueError for a key that is none, or a message too long."""
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, device_key)
    ours = ec.generate_private_key(CURVE)
    point, salt = _point(ours.public_key()), os.urandom(16)
    shared = _derived(ours.exchange(ec.ECDH(), theirs), secret, b"WebPush: info\x00" + device_key + point, 32)
    key = _derived(shared, salt, b"Content-Encoding: aes128gcm\x00", 16)
    nonce = _derived(shared, salt, b"Content-Encoding: nonce\x00", 12)
    body = AESGCM(key).encrypt(nonce, message + b"\x02", None)
    if len(body) > RECORD - 86:
        raise ValueError("message too long")
    return salt + RECORD.to_bytes(4, "big") + bytes([len(point)]) + point + body


def shown_as(endpoint: str) -> str:
    """The header by which we show ourselves to the service of an endpoint."""
    parts = urlsplit(endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int(clock.now().timestamp()) + TOKEN_LIVES,
        "sub": environment().url if environment().url.startswith("https:") else f"mailto:{_mailbox()}",
    }
    signed = ".".join(coded(json.dumps(one).encode()) for one in ({"typ": "JWT", "alg": "ES256"}, claims))
    r, s = decode_dss_signature(_sender(settings.SECRET_KEY).sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    signature = coded(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    return f"vapid t={signed}.{signature}, k={public_key()}"


def _mailbox() -> str:
    return environment().email_from.rpartition("<")[2].rstrip("> ") or "guanxi@localhost"


# -- devices -----------------------------------------------------------------------------------------------------------


def device_add(actor: Actor, *, endpoint: str, key: str, secret: str, name: str = "") -> PushDevice:
    """Send notifications to this browser too. Raises Invalid for an address that is not public or a key that is none."""
    if actor.user_id is None or not environment().push:
        raise Denied
    outbound.check_address(endpoint)
    try:
        encrypted(b"", decoded(key), decoded(secret))
    except ValueError:
        raise Invalid(_("The browser gave a key that is none."), code="push.key", field="key") from None
    if len(decoded(secret)) != 16 or len(endpoint) > 1000:
        raise Invalid(_("The browser gave a key that is none."), code="push.key", field="secret")
    with transaction.atomic():
        PushDevice.objects.filter(endpoint=endpoint).delete()
        made = PushDevice.objects.create(
            user_id=actor.user_id, endpoint=endpoint, key=key, secret=secret, name=name[:200]
        )
        kept = PushDevice.objects.filter(user_id=actor.user_id).order_by("-pk").values_list("pk", flat=True)
        PushDevice.objects.filter(pk__in=list(kept[MOST_DEVICES:])).delete()
    return made


def device_remove(actor: Actor, endpoint: str) -> int:
    """Send no more to this browser; returns how many devices that were."""
    return PushDevice.objects.filter(user_id=actor.user_id or 0, endpoint=endpoint).delete()[0]


def device_leave(actor: Actor, said: str) -> int:
    """The actor signs out of the browser that says it is this device of his; returns how many devices that were."""
    if not said.isdecimal() or len(said) > 18:
        return 0
    return PushDevice.objects.filter(user_id=actor.user_id or 0, pk=int(said)).delete()[0]


# -- sending -----------------------------------------------------------------------------------------------------------


def send(notification_id: int) -> int:
    """A notification to every device of its reader, as he may see it now; returns how many took it.

    Devices their service no longer knows are forgotten. What arrives twice replaces itself there (``tag``). Raises Unavailable when a service did not answer, to be tried again.
    """
    row = Notification.objects.filter(pk=notification_id).select_related("user").first()
    if row is None or not environment().push or not row.user.is_active or not channels.ways(row.user, row.sort).push:
        return 0
    devices = list(PushDevice.objects.filter(user_id=row.user_id))
    message = _message(row) if devices else None
    if message is None:
        return 0
    taken, trouble = 0, None
    for device in devices:
        try:
            taken += _deliver(device, message)
        except GuanxiError as error:
            trouble = error
            continue
        PushDevice.objects.filter(pk=device.pk).update(used_at=clock.now())
    if trouble is not None:
        raise trouble
    return taken


def _message(row: Notification) -> Mapping[str, Any] | None:
    user: User = row.user
    with regional.speaking(user.language, user.timezone, regional.Regional.of(user.preferences)):
        note = notify.note_for(user, row)
        if note is None:
            return None
        url = f"/notifications/{note.id}/" if is_registered(note.entity) else "/notifications/"
        return {
            "title": note.title or "Guanxi",
            "body": note.text,
            "url": url,
            "tag": f"guanxi-{note.id}",
            "lang": user.language,
        }


def _deliver(device: PushDevice, message: Mapping[str, Any]) -> bool:
    text = json.dumps(message, ensure_ascii=False).encode()
    if len(text) > RECORD - 200:
        text = json.dumps({**message, "body": str(message["body"])[:600]}, ensure_ascii=False).encode()
    body = encrypted(text, decoded(device.key), decoded(device.secret))
    headers = {
        "Content-Type": "application/octet-stream", "Content-Encoding": "aes128gcm", "TTL": str(MESSAGE_LIVES), "Urgency": "normal",
        "Authorization": shown_as(device.endpoint),
    }  # fmt: skip
    answer = outbound.send(device.endpoint, body, headers, good=(200, 201, 202, 204, 400, 403, 404, 410, 413))
    if answer.status in (403, 404, 410):
        device.delete()
    return answer.status < 300
