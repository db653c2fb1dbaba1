"""The balancers of ``deploy/``, run as they are shipped: only addresses, ports and the certificate become those of this machine.

What is changed is counted, so a shipped file that no longer looks as expected is told instead of being tried as something else.
"""

from __future__ import annotations

import datetime as dt
import getpass
import http.client
import os
import re
import shutil
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from guanxi.runtime.environment import CHECKOUT
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

#: The name the shipped files serve; it need not be known to any name server.
SITE = "crm.example.com"
#: Whoever runs it is not asked for the rights of ports below 1024; nginx as root would hand its folder to somebody else.
_NGINX = """{user}daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 512; }}
http {{
    access_log off; client_body_temp_path {folder}/n1; proxy_temp_path {folder}/n2; fastcgi_temp_path {folder}/n3;
    uwsgi_temp_path {folder}/n4; scgi_temp_path {folder}/n5;
    include {folder}/guanxi.conf;
}}
"""


@dataclass(frozen=True)
class Setting:
    """Where a balancer listens (without and with TLS), and the ports of the nodes behind it, for pages and for events."""

    folder: Path
    plain: int
    secure: int
    pages: Sequence[int]
    events: Sequence[int]

    @property
    def certificate(self) -> Path:
        """The certificate with its key, as HAProxy wants it."""
        return self.folder / "crm.pem"


def program(name: str) -> str | None:
    """The balancer's program on this machine."""
    found = shutil.which(name) or f"/usr/sbin/{name}"
    return found if Path(found).exists() else None


def prepare(name: str, setting: Setting) -> list[str]:
    """Write certificate and configuration of the balancer ``name`` into the folder; returns its command.

    Raises ``Trouble`` when it is not installed, or the shipped file is not here or not as expected.
    """
    found = program(name)
    if found is None:
        raise Trouble(_("%(name)s is not installed; it shares out the requests among the nodes.") % {"name": name})
    certify(setting.certificate)
    return [found, *_WRITERS[name](setting)]


def _nginx(setting: Setting) -> list[str]:
    _write(
        setting.folder / "guanxi.conf",
        "nginx/guanxi.conf",
        (r"listen 80;", 1, lambda _m: f"listen 127.0.0.1:{setting.plain};"),
        (r"listen 443 ssl;", 1, lambda _m: f"listen 127.0.0.1:{setting.secure} ssl;"),
        (r"(ssl_certificate(?:_key)?) \S+;", 2, lambda m: f"{m[1]} {setting.certificate};"),
        *_nodes(setting, 1),
    )
    whole = setting.folder / "nginx.conf"
    user = f"user {getpass.getuser()}; " if os.geteuid() == 0 else ""
    whole.write_text(_NGINX.format(user=user, folder=setting.folder))
    return ["-c", str(whole), "-p", str(setting.folder)]


def _haproxy(setting: Setting) -> list[str]:
    place = setting.folder / "haproxy.cfg"
    _write(
        place,
        "haproxy/haproxy.cfg",
        (r"bind :80\b", 1, lambda _m: f"bind 127.0.0.1:{setting.plain}"),
        (r"bind :443 ssl crt \S+", 1, lambda _m: f"bind 127.0.0.1:{setting.secure} ssl crt {setting.certificate}"),
        *_nodes(setting, 2),
    )
    return ["-db", "-f", str(place)]


_WRITERS: dict[str, Callable[[Setting], list[str]]] = {"nginx": _nginx, "haproxy": _haproxy}
NAMES = tuple(_WRITERS)

_Change = tuple[str, int, Callable[[re.Match[str]], str]]


def _nodes(setting: Setting, times: int) -> tuple[_Change, _Change]:
    """The nodes' addresses; those of pages stand there so many times."""
    return (
        (r"10\.0\.0\.1(\d):8000", times * len(setting.pages), lambda m: f"127.0.0.1:{setting.pages[int(m[1]) - 1]}"),
        (r"10\.0\.0\.1(\d):8001", len(setting.events), lambda m: f"127.0.0.1:{setting.events[int(m[1]) - 1]}"),
    )


def _write(target: Path, shipped: str, *changes: _Change) -> None:
    source = CHECKOUT / "deploy" / shipped
    if not source.is_file():
        raise Trouble(_("%(file)s is not here; run this from a checkout.") % {"file": source})
    text = source.read_text()
    for pattern, number, change in changes:
        text, made = re.subn(pattern, change, text)
        if made != number:
            raise Trouble(f"{source}: {pattern} stands there {made} times instead of {number}")
    target.write_text(text)


def certify(place: Path) -> None:
    """A certificate for the site, signed by itself, good for a day."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, SITE)])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number())
    made = made.not_valid_before(now - dt.timedelta(hours=1)).not_valid_after(now + dt.timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(SITE)]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    place.touch(mode=0o600)
    place.write_bytes(
        made.sign(key, hashes.SHA256()).public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    )


class Line(http.client.HTTPSConnection):
    """A connection to the site as the balancer on this machine serves it: its certificate is checked against its name."""

    def __init__(self, setting: Setting, timeout: float) -> None:
        self._trust = ssl.create_default_context(cafile=str(setting.certificate))
        self._local = setting.secure
        super().__init__(SITE, timeout=timeout, context=self._trust)

    def connect(self) -> None:
        """Connect to this machine, whatever a name server says of the site."""
        plain = http.client.HTTPConnection("127.0.0.1", self._local, timeout=self.timeout)
        plain.connect()
        try:
            self.sock = self._trust.wrap_socket(plain.sock, server_hostname=SITE)
        except OSError:
            plain.close()
            raise
