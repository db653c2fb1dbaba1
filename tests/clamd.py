"""A virus scanner for tests: speaks clamd's protocol on a socket of this machine and finds the test virus of EICAR."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from guanxi.runtime.environment import reload

#: The harmless file every scanner knows, in two parts so that none takes this file for it.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-" + b"STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


class Clamd(threading.Thread):
    """Answers as clamd does; ``mood`` may be ``well``, ``blind`` (finds nothing), ``full`` (refuses large ones) or ``dead``."""

    def __init__(self, place: Path) -> None:
        super().__init__(daemon=True)
        self.mood, self.looked = "well", 0
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(place))
        self._server.listen(20)

    def run(self) -> None:
        """One after the other."""
        while True:
            try:
                peer, _address = self._server.accept()
            except OSError:
                return
            with peer:
                if self.mood != "dead":
                    peer.sendall(self._answer(peer))

    def end(self) -> None:
        """Hear nobody any more."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.join(5)

    def _answer(self, peer: socket.socket) -> bytes:
        with peer.makefile("rb") as heard:
            command = b""
            while not command.endswith(b"\0"):
                command += heard.read(1)
            if command == b"zVERSION\0":
                return b"ClamAV 1.4.3/27800/Fri Nov 27 08:00:00 2026\0"
            assert command == b"zINSTREAM\0", command
            content = b""
            while size := struct.unpack(">I", heard.read(4))[0]:
                if self.mood == "full" and size > 1000:
                    return b"INSTREAM size limit exceeded. ERROR\0"
                content += heard.read(size)
        self.looked += 1
        return b"stream: Eicar-Test-Signature FOUND\0" if self.mood == "well" and EICAR in content else b"stream: OK\0"


@pytest.fixture
def clamd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clamd]:
    """The scanner the installation asks."""
    place = tmp_path / "clamd.ctl"
    server = Clamd(place)
    server.start()
    monkeypatch.setenv("GUANXI_SCANNER", f"clamd://{place}")
    reload()
    try:
        yield server
    finally:
        server.end()
        monkeypatch.undo()
        reload()


@pytest.fixture
def lets_pass(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it to let files pass that the scanner could not look at."""

    def change() -> None:
        monkeypatch.setenv("GUANXI_SCANNER_DOWN", "pass")
        reload()

    return change
