"""``guanxi bench faults``: kill parts of a running workspace at random and at named places, and compare it with a ledger.

Works in a folder of its own with the embedded database and ends everything it started.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, count, islice
from pathlib import Path

import click

from guanxi.core.cli.atwork import Everybody, invited, wait_for_work
from guanxi.core.cli.comparing import Audit, rule_of_the_ledger, settled
from guanxi.core.cli.ground import tell
from guanxi.core.cli.interrupted import Commands
from guanxi.core.cli.labours import Labours
from guanxi.core.cli.ledger import Ledger
from guanxi.core.cli.speaking import Client, Person, to_port
from guanxi.runtime.failpoints import MADE, PLACES
from guanxi.runtime.postgres import running_url
from guanxi.runtime.process import die_with_parent
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

_VISITORS = 2
_READY_SECONDS = 300
#: So long a part may be between its end and its next start when it is to be killed.
_PART_SECONDS = 60


#: Where the work of people, programs and the worker comes by; the other places lie on the way of long work and commands.
REACHED = ("records.", "outbox.", "files.", "rules.", "jobs.")


@dataclass
class Round:
    """One fault and what the clients saw around it."""

    fault: str
    acknowledged: int = 0
    unanswered: int = 0
    recovered_seconds: float = 0.0


class Workspace:
    """``guanxi serve`` on a folder, started and ended as a whole or in parts."""

    def __init__(self, folder: Path, port: int, *, timing: bool = False) -> None:
        self.folder, self.port = folder, port
        self._process: subprocess.Popen[bytes] | None = None
        self._variables = os.environ | {
            "GUANXI_DATA": str(folder),
            "GUANXI_BACKUP_AT": "off",
            "GUANXI_LOG_LEVEL": "error",
            "GUANXI_TIMING": "yes" if timing else "no",
        }
        self._variables.pop("DATABASE_URL", None)

    def start(self, failpoint: str = "") -> float:
        """Start and wait until pages are served; returns the seconds it took."""
        begin = time.monotonic()
        with (self.folder / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "guanxi", "serve", "--port", str(self.port)],
                env=self._variables | {"GUANXI_FAILPOINT": failpoint},
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one system call, no lock is taken
            )
        self.wait_ready()
        return time.monotonic() - begin

    def wait_ready(self) -> float:
        """Wait until pages are served; returns the seconds it took."""
        begin = time.monotonic()
        client = Client(to_port(self.port))
        while time.monotonic() - begin < _READY_SECONDS:
            if self._process is None or self._process.poll() is not None:
                raise Trouble(_("The workspace does not start; see %(log)s.") % {"log": self.folder / "serve.log"})
            answer = client.send("GET", "/readyz", {}, "ready")
            if answer is not None and answer[0] == 200:
                return time.monotonic() - begin
            time.sleep(0.1)
        raise Trouble(_("The workspace is not ready after %(seconds)s s.") % {"seconds": _READY_SECONDS})

    def command(self, *arguments: str) -> str:
        """Run a command on the workspace; returns what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "guanxi", *arguments],
            env=self._variables,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Trouble(done.stderr.strip())
        return done.stdout

    def begin(self, *arguments: str, failpoint: str = "") -> subprocess.Popen[bytes]:
        """Begin a command on the workspace; with a named fault it ends itself there."""
        return subprocess.Popen(
            [sys.executable, "-m", "guanxi", *arguments],
            env=self._variables | {"GUANXI_FAILPOINT": failpoint},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self, what: str) -> None:
        """SIGKILL to one part (web, worker, postgres) or to everything. Raises ``Trouble`` when there is no such part to kill."""
        if what == "everything":
            for pid in [self._process.pid, *self.processes()] if self._process else []:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if self._process:
                self._process.wait(10)
            return
        word, until = (
            "postgres -D" if what == "postgres" else f"guanxi.runtime.child {what}",
            time.monotonic() + _PART_SECONDS,
        )
        while time.monotonic() < until:
            for pid in self.processes():
                with contextlib.suppress(OSError):
                    if word in Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "):
                        os.kill(pid, signal.SIGKILL)
                        return
            time.sleep(0.1)
        raise Trouble(_("There is no part %(name)s to kill.") % {"name": what})

    def said(self) -> str:
        """What all its processes printed so far."""
        return (self.folder / "serve.log").read_text("utf-8", "replace")

    def end(self) -> None:
        """Stop in order, whatever state it is in."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(25)
            if self._process.poll() is None:
                self.kill("everything")

    def serving(self) -> list[int]:
        """Processes that answer: those of the web and of the database, not the worker."""
        below, worker = self.processes(), []
        for pid in below:
            with contextlib.suppress(OSError):
                if "guanxi.runtime.child worker" in Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "):
                    worker.append(pid)
        return [pid for pid in below if pid not in worker]

    def database(self) -> str:
        """Address of its database."""
        url = running_url(self.folder, Path("/tmp"))  # noqa: S108 - the socket folder in it is private
        if url is None:
            raise Trouble(_("The database of %(folder)s does not run.") % {"folder": self.folder})
        return url

    def processes(self) -> list[int]:
        """All of its processes but the supervisor."""
        parents: dict[int, int] = {}
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError, IndexError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        found = [self._process.pid] if self._process else []
        for each in found:
            found += [child for child, parent in parents.items() if parent == each]
        return found[1:]


def faults() -> Iterator[str]:
    """Every fault once: random kills of each part, then each named place that work comes by, ended there or made to fail."""
    yield from ("web", "worker", "postgres", "everything")
    for place in PLACES:
        if place.startswith(REACHED):
            most = 2 if place.startswith("files.") else 8  # each process of the web counts for itself
            yield f"{place}:kill@{random.randint(most // 2, most)}"  # noqa: S311 - not for secrets
    yield "records.before_commit:error@5"
    yield "outbox.before_commit:error@2"
    yield "records.before_commit:delay@4"


def run(
    folder: Path,
    port: int,
    *,
    plan: Sequence[str],
    seconds: float,
    report: Callable[[Round], None],
    commands: Callable[[str], None] | None = None,
    rows: int = 0,
) -> Audit:
    """Bring up a workspace, make the faults of ``plan`` under work of ``seconds`` each, and compare it with the ledger after each.

    With ``commands``, which is told each step, backup, restore and migration are killed too, and with ``rows`` long work of that size.
    """
    place = Workspace(folder, port)
    try:
        place.start()
        ledger = Ledger(folder / "ledger.sqlite")
        people, wrong = _people(place, ledger), list[str]()
        for fault in plan:
            seen, faults_found = _round(place, people, ledger, fault, seconds)
            wrong += faults_found
            report(seen)
        people.repeat_unanswered(lambda: random.random() < 0.5)  # noqa: S311 - not for secrets
        if rows and commands:
            wrong += Labours(place, people.client, folder, rows, commands).run()
        if commands is not None:
            wrong += Commands(folder, folder, people, commands).run()
        found = settled(ledger, place.database(), folder / "files")
        people.leave()
        found.faults += [*wrong, *people.faults]
        return found
    finally:
        place.end()


def _people(place: Workspace, ledger: Ledger) -> Everybody:
    """Who works: programs with a token, people at browsers, and the rule whose effects are counted."""
    place.command("user", "create", "ledger", "--email", "ledger@example.com", "--role", "administrator")
    made = place.command("token", "create", "ledger", "--name", "ledger", "--scopes", "read,write", "--json")
    client = Client(to_port(place.port), json.loads(made)["token"])
    answer = client.send("POST", "/api/v1/rules", {"definition": rule_of_the_ledger()}, "rule-of-the-ledger")
    if answer is None or answer[0] >= 300:
        raise Trouble(f"rule: {answer}")
    link = place.command("user", "create", "visitor", "--email", "visitor@example.com", "--role", "manager", "--json")

    def person() -> Person:
        return Person(to_port(place.port), f"http://127.0.0.1:{place.port}")

    return Everybody(ledger, client, invited(json.loads(link)["link"], "visitor", person, _VISITORS))


def _round(place: Workspace, people: Everybody, ledger: Ledger, fault: str, seconds: float) -> tuple[Round, list[str]]:
    """One fault under work, and what the ledger says after the recovery."""
    before, said = len(ledger.unknown()), 0
    named = ":" in fault
    if named:
        place.end()
        said = len(place.said())
        place.start(fault)
    people.begin()
    time.sleep(seconds * random.uniform(0.4, 0.6))  # noqa: S311 - not for secrets
    wait_for_work(ledger)
    begin = time.monotonic()
    while (
        named and MADE % fault.partition("@")[0] not in place.said()[said:] and time.monotonic() - begin < _PART_SECONDS
    ):
        time.sleep(0.1)
    begin = time.monotonic()
    if not named:
        place.kill(fault)
    if fault == "everything":
        place.start()
    else:
        time.sleep(0.3)
        place.wait_ready()
    recovered = time.monotonic() - begin
    time.sleep(seconds * 0.4)
    wait_for_work(ledger)
    people.finish()
    wrong = []
    if named:
        if MADE % fault.partition("@")[0] not in place.said()[said:]:
            wrong.append(f"{fault}: nobody came by the place so often, no fault was made")
        place.end()
        place.start()
    found = settled(ledger, place.database(), place.folder / "files")
    wrong += [f"after {fault}: {each}" for each in found.faults]
    return Round(fault, ledger.acknowledged(), len(ledger.unknown()) - before, round(recovered, 2)), wrong


@click.command(
    help=_("Kill parts of a workspace under work, at random and at named places, and compare it with a ledger.")
)
@click.option("--rounds", type=click.IntRange(1, 10_000), default=10, show_default=True, help=_("How many faults."))
@click.option(
    "--seconds", type=click.FloatRange(0.5, 600), default=6.0, show_default=True, help=_("Seconds of work around each.")
)
@click.option(
    "--rows", type=click.IntRange(0, 1_000_000), default=20_000, show_default=True,
    help=_("Rows of the import and the bulk change that are killed; 0 leaves them out."),
)  # fmt: skip
@click.option(
    "--port", type=click.IntRange(1024, 65534), default=8390, show_default=True, help=_("Port of the workspace.")
)
@click.option("--json", "as_json", is_flag=True, help=_("Print the result as JSON."))
def command(rounds: int, seconds: float, rows: int, port: int, as_json: bool) -> None:
    """Exit code 1 when the ledger and the database differ; the folder is kept then."""
    folder = Path(tempfile.mkdtemp(prefix="guanxi-faults-"))
    done: list[Round] = []

    def report(each: Round) -> None:
        done.append(each)
        words = {
            "fault": each.fault,
            "seconds": each.recovered_seconds,
            "lost": each.unanswered,
            "all": each.acknowledged,
        }
        tell(
            _("%(fault)s: serving again after %(seconds)s s, %(lost)s unanswered, %(all)s acknowledged so far") % words
        )

    plan = list(islice(chain.from_iterable(faults() for _time in count()), rounds))
    found = run(folder, port, plan=plan, seconds=seconds, report=report, commands=tell, rows=rows)
    if as_json:
        click.echo(json.dumps({"rounds": [asdict(each) for each in done], **asdict(found)}, ensure_ascii=False))
    else:
        words = asdict(found) | {"lost": found.unanswered}
        click.echo(_("%(created)s customers made, %(changed)s changes, %(lost)s requests never answered.") % words)
        click.echo(_("%(deals)s opportunities, %(files)s files, %(effects)s tasks made by a rule.") % words)
        for each in found.faults:
            click.echo(f"  ✗ {each}")
        click.echo(
            _("The ledger is clean.")
            if not found.faults
            else _("The ledger and the database differ; see %(folder)s.") % {"folder": folder}
        )
    if found.faults:
        sys.exit(1)
    shutil.rmtree(folder, ignore_errors=True)
