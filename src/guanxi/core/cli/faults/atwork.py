"""People and programs at work on a workspace while it is put to the test; all they ask stands in a ledger."""

from __future__ import annotations

import hashlib
import http.client
import random
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from guanxi.core.cli.faults.ledger import REPEATABLE, Ledger
from guanxi.core.cli.faults.speaking import Client, Person
from guanxi.runtime.trouble import Trouble

CLIENTS = 4
_QUIET_SECONDS = 60
#: What the names of customers in the ledger begin with.
MARK = "账本"


class Crew:
    """Threads that do one round of work after the other until told to stop."""

    def __init__(self, rounds: Sequence[Callable[[], None]]) -> None:
        self._rounds = rounds
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.broken: list[str] = []

    def begin(self) -> None:
        """Start them."""
        self._stop.clear()
        self._threads = [threading.Thread(target=self._work, args=[each], daemon=True) for each in self._rounds]
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Let each one end what he is at."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _work(self, one: Callable[[], None]) -> None:
        while not self._stop.is_set():
            try:
                one()
            except Exception as error:  # noqa: BLE001 - a driver that stopped working would show nothing
                self.broken.append(f"the driver itself failed: {type(error).__name__}: {error}")
                return


class Program:
    """Makes customers, changes them and sells to them, by the API."""

    def __init__(self, ledger: Ledger, client: Client) -> None:
        self._ledger, self._client = ledger, client
        self._record: int | None = None

    def once(self) -> None:
        """One request; after one that was not answered, a new customer."""
        sort = "create" if self._record is None else random.choices(REPEATABLE, (4, 5, 3))[0]  # noqa: S311 - not for secrets
        key, token = secrets.token_hex(12), f"{MARK}{secrets.token_hex(8)}"
        worth = f"{self._record}:{random.randint(1, 99_999_999) / 100:.2f}" if sort == "deal" else ""  # noqa: S311 - not for secrets
        record = None if sort == "create" else self._record
        self._ledger.intend(key, sort, token, record, worth)
        answered = self.send(key, sort, token, record, worth)
        if answered is None:
            self._record = None
            time.sleep(0.2)
        elif sort == "create":
            self._record = answered

    def send(self, key: str, sort: str, token: str, record: int | None, worth: str) -> int | None:
        """Send what the ledger holds and note the answer; the record's number, ``None`` without an answer."""
        customer, _colon, amount = worth.partition(":")
        ways: dict[str, tuple[str, str, dict[str, Any]]] = {
            "create": ("POST", "/api/v1/customers/", {"name": token, "kind": "organisation"}),
            "change": ("PATCH", f"/api/v1/customers/{record}", {"short_name": token}),
            "deal": (
                "POST",
                "/api/v1/opportunities/",
                {"name": token, "customer": int(customer or 0), "amount": amount, "amount_manual": True},
            ),
        }
        method, path, body = ways[sort]
        answer = self._client.send(method, path, body, key)
        if answer is None or answer[0] >= 500 or answer[0] == 409:  # 409: the first of two under one key is still at it
            return None
        if answer[0] == 429:
            time.sleep(1)
            return None
        if answer[0] >= 400:
            raise Trouble(f"{sort}: {answer}")
        number = int(answer[1]["id"])
        self._ledger.acknowledge(key, answer[0], number)
        return number


class Visitor:
    """Makes a customer through the form, looks for it in the list, changes it, and hangs a file on it."""

    def __init__(self, ledger: Ledger, person: Person) -> None:
        self._ledger, self._person = ledger, person
        self.looked = 0
        self.faults: list[str] = []

    def once(self) -> None:
        """One visit; it ends at the first thing that is not answered."""
        try:
            self._visit()
        except (OSError, http.client.HTTPException):
            time.sleep(0.3)

    def _visit(self) -> None:
        name = f"{MARK}{secrets.token_hex(8)}"
        self._ledger.intend(name, "form", name)
        number = self._person.create(name)
        if number is None:
            time.sleep(0.3)
            return
        self._ledger.acknowledge(name, 303, number)
        page = self._person.ask("GET", "/customers/")
        if page.status == 200:
            self.looked += 1
            if name.encode() not in page.body:
                self.faults.append(f"{name} was saved, and its list did not show it")
        token = f"{MARK}{secrets.token_hex(8)}"
        self._ledger.intend(token, "edit", token, number)
        if self._person.edit(number, token) == 303:
            self._ledger.acknowledge(token, 303)
        content = secrets.token_bytes(random.randint(1, 40_000))  # noqa: S311 - not for secrets
        digest = hashlib.sha256(content).hexdigest()
        self._ledger.intend(digest, "file", digest, number)
        if 200 <= self._person.attach(number, f"{name}.bin", content) < 300:
            self._ledger.acknowledge(digest, 200)


class Everybody:
    """Programs with a token and people at browsers, all on one ledger."""

    def __init__(self, ledger: Ledger, client: Client, people: Sequence[Person]) -> None:
        self.client, self._ledger, self._people = client, ledger, people
        self._visitors = [Visitor(ledger, each) for each in people]
        programs = [Program(ledger, client) for _each in range(CLIENTS)]
        self._crew = Crew([each.once for each in programs] + [each.once for each in self._visitors])
        self.begin, self.finish = self._crew.begin, self._crew.finish

    def leave(self) -> None:
        """Close all browsers."""
        for each in self._people:
            each.close()

    @property
    def looked(self) -> int:
        """How often somebody looked into a list for what he had just saved."""
        return sum(each.looked for each in self._visitors)

    @property
    def faults(self) -> list[str]:
        """What was seen at work that must not be."""
        return [*self._crew.broken, *(fault for each in self._visitors for fault in each.faults)]

    def repeat_unanswered(self, some: Callable[[], bool]) -> None:
        """Send what got no answer once more under its key, as a careful client would; ``some()`` picks which."""
        program = Program(self._ledger, self.client)
        for key, sort, token, record, worth in self._ledger.unknown(*REPEATABLE):
            if some():
                program.send(key, sort, token, record, worth)


def wait_for_work(ledger: Ledger, least: int = CLIENTS) -> None:
    """Wait until there is work behind the clients, however slow the machine: a fault nobody works under shows nothing."""
    begin, before = time.monotonic(), ledger.acknowledged()
    while ledger.acknowledged() < before + least and time.monotonic() - begin < _QUIET_SECONDS:
        time.sleep(0.05)


def invited(link: str, name: str, person: Callable[[], Person], number: int) -> list[Person]:
    """The one who was invited by ``link`` chooses a password and signs in at so many browsers."""
    password = secrets.token_urlsafe(16)
    first = person()
    first.accept(link, password)
    first.close()
    found = [person() for _each in range(number)]
    for each in found:
        each.sign_in(name, password)
    return found
