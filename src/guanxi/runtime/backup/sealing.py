"""Encryption of a stream: AES-256-GCM in chunks of 1 MiB under a key made from a passphrase by scrypt.

Each chunk has a nonce of its own: a random prefix, the chunk's number, and whether it is the last one (the STREAM
construction of Hoang, Reyhanitabar, Rogaway and Vizár, 2015). So a chunk that was changed, moved, repeated or left out, and an end cut
off, are all found.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import os
import struct
from functools import lru_cache
from typing import IO, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

CHUNK = 1024 * 1024
_TAG = 16
_N, _R, _P = 2**15, 8, 1


class Unsealable(Exception):
    """The passphrase is wrong, or the sealed bytes were changed or cut."""


def parameters(shared_salt: str = "") -> dict[str, Any]:
    """Fresh salt and nonce prefix, to be kept beside the sealed bytes (they are no secret).

    Many small streams may share a salt, and with it the slow work on the passphrase; each gets a key of its own from it.
    """
    found = {"kdf": "scrypt", "n": _N, "r": _R, "p": _P, "salt": os.urandom(16).hex(), "nonce": os.urandom(7).hex()}
    return found | {"salt": shared_salt, "piece": os.urandom(16).hex()} if shared_salt else found


@lru_cache(maxsize=4)
def _derived(passphrase: str, salt: str, n: int) -> bytes:
    return bytes(Scrypt(salt=bytes.fromhex(salt), length=32, n=n, r=_R, p=_P).derive(passphrase.encode()))


def _cipher(passphrase: str, found: dict[str, Any]) -> AESGCM:
    if found.get("kdf") != "scrypt" or not 2**14 <= int(found["n"]) <= 2**20 or found["r"] != _R or found["p"] != _P:
        raise Unsealable
    key = _derived(passphrase, str(found["salt"]), int(found["n"]))
    if "piece" in found:
        key = hmac.digest(key, bytes.fromhex(found["piece"]), hashlib.sha256)
    return AESGCM(key)


class SealingWriter(io.RawIOBase):
    """Encrypts what is written and passes it on to ``target``; ``close`` writes the last chunk but leaves ``target`` open."""

    def __init__(self, target: IO[bytes], passphrase: str, found: dict[str, Any]) -> None:
        self._target = target
        self._cipher = _cipher(passphrase, found)
        self._prefix = bytes.fromhex(found["nonce"])
        self._number = 0
        self._kept = bytearray()

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """Take ``data``; whole chunks go out, the rest waits."""
        self._kept += data
        while len(self._kept) > CHUNK:
            self._send(bytes(self._kept[:CHUNK]), last=False)
            del self._kept[:CHUNK]
        return len(data)

    def close(self) -> None:
        """Write what is left as the last chunk."""
        if not self.closed:
            self._send(bytes(self._kept), last=True)
        super().close()

    def _send(self, chunk: bytes, *, last: bool) -> None:
        self._target.write(self._cipher.encrypt(_nonce(self._prefix, self._number, last=last), chunk, None))
        self._number += 1


class OpeningReader(io.RawIOBase):
    """Decrypts ``source`` as it is read. Raises ``Unsealable`` at the chunk that is not as it was written."""

    def __init__(self, source: IO[bytes], passphrase: str, found: dict[str, Any]) -> None:
        self._source = source
        self._cipher = _cipher(passphrase, found)
        self._prefix = bytes.fromhex(found["nonce"])
        self._number = 0
        self._ahead = source.read(CHUNK + _TAG)
        self._kept = b""
        self._done = False

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer`` with clear bytes."""
        while not self._kept and not self._done:
            sealed, self._ahead = self._ahead, self._source.read(CHUNK + _TAG)
            self._done = not self._ahead
            try:
                self._kept = self._cipher.decrypt(_nonce(self._prefix, self._number, last=self._done), sealed, None)
            except InvalidTag:
                raise Unsealable from None
            self._number += 1
        taken = min(len(buffer), len(self._kept))
        buffer[:taken] = self._kept[:taken]
        self._kept = self._kept[taken:]
        return taken


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + struct.pack(">IB", number, last)
