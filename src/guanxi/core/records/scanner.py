"""Asking a virus scanner about a content: ``clamd`` by its INSTREAM command, over a socket or TCP (manual page clamd(8)).

The scanner is a program of the operator's; without the setting ``GUANXI_SCANNER`` nothing is asked.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from guanxi.runtime.environment import environment

#: Seconds until the scanner must be reached, and until it must have answered about one content.
_REACHED, _ANSWERED = 3.0, 60.0
_PIECE = 256 * 1024
_LONGEST_ANSWER = 4096


@dataclass(frozen=True, slots=True)
class Look:
    """What came of a look: ``state`` is ``clean``, ``found`` (``words`` names the virus) or ``failed`` (with the reason)."""

    state: str
    words: str = ""


def configured() -> bool:
    """Whether a scanner is to be asked."""
    return bool(environment().scanner)


def look(place: Path) -> Look:
    """Ask about the content of a file; clean when there is no scanner. Raises nothing of the scanner's."""
    if not configured():
        return Look("clean")
    try:
        with place.open("rb") as content, _connection(_ANSWERED) as asked:
            asked.sendall(b"zINSTREAM\0")
            try:
                while piece := content.read(_PIECE):
                    asked.sendall(struct.pack(">I", len(piece)) + piece)
                asked.sendall(struct.pack(">I", 0))
            except (BrokenPipeError, ConnectionResetError):
                pass  # it has said why already
            return _understood(_answer(asked))
    except OSError as error:
        return Look("failed", _reason(error))


def greeting() -> Look:
    """Whether the scanner answers at all; ``words`` is its version and the day of its signatures, or the reason."""
    try:
        with _connection(_REACHED) as asked:
            asked.sendall(b"zVERSION\0")
            told = _answer(asked)
    except OSError as error:
        return Look("failed", _reason(error))
    return Look("clean", told) if told else Look("failed", "no answer")


@contextmanager
def _connection(patience: float) -> Iterator[socket.socket]:
    parts = urlsplit(environment().scanner)
    local = not parts.hostname
    with socket.socket(socket.AF_UNIX) if local else _reached(parts.hostname or "", parts.port or 3310) as asked:
        asked.settimeout(_REACHED)
        if local:
            asked.connect(unquote(parts.path))
        asked.settimeout(patience)
        yield asked


def _reached(host: str, port: int) -> socket.socket:
    return socket.create_connection((host, port), timeout=_REACHED)


def _answer(asked: socket.socket) -> str:
    told = b""
    while b"\0" not in told and len(told) < _LONGEST_ANSWER and (piece := asked.recv(1024)):
        told += piece
    return told.rstrip(b"\0\n").decode("utf-8", "replace").strip()


def _understood(told: str) -> Look:
    """``stream: OK``, ``stream: NAME FOUND``; anything else is a trouble of the scanner."""
    words = told.removeprefix("stream:").strip()
    if words == "OK":
        return Look("clean")
    if words.endswith(" FOUND"):
        return Look("found", words.removesuffix(" FOUND").strip()[:200])
    return Look("failed", words[:200] or "no answer")


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
