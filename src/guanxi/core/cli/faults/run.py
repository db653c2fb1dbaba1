"""``guanxi bench faults``: kill parts of a running workspace at random and at named places, and compare it with a ledger.

Works in a folder of its own with the embedded database and ends everything it started.
"""

import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, count, islice
from pathlib import Path

import click

from guanxi.core.cli.faults.atwork import Everybody, invited, wait_for_work
from guanxi.core.cli.faults.comparing import Audit, rule_of_the_ledger, settled
from guanxi.core.cli.faults.interrupted import Commands
from guanxi.core.cli.faults.labours import Labours
from guanxi.core.cli.faults.ledger import Ledger
from guanxi.core.cli.faults.speaking import Client, Person, to_port
from guanxi.core.cli.faults.workspace import PART_SECONDS, Workspace
from guanxi.core.cli.ground import tell
from guanxi.runtime.failpoints import MADE, PLACES
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

_VISITORS = 2
#: Where the work of people, programs and the worker comes by; the other places lie on the way of long work and commands.
REACHED = ("records.", "outbox.", "files.", "rules.", "jobs.")


@dataclass
class Round:
    """One fault and what the clients saw around it."""

    fault: str
    acknowledged: int = 0
    unanswered: int = 0
    recovered_seconds: float = 0.0


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
    each_time: bool = True,
) -> Audit:
    """Bring up a workspace, make the faults of ``plan`` under work of ``seconds`` each, and compare it with the ledger after each.

    Without ``each_time`` it is compared at the end alone, and what a killed worker was at is waited for once.
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
            if each_time:
                wrong += [f"after {fault}: {each}" for each in _settled(place, ledger).faults]
            report(seen)
        place.serve()
        people.repeat_unanswered(lambda: random.random() < 0.5)  # noqa: S311 - not for secrets
        if rows and commands:
            wrong += Labours(place, people.client, folder, rows, commands).run()
        if commands is not None:
            wrong += Commands(folder, folder, people, commands).run()
        found = _settled(place, ledger)
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


def _settled(place: Workspace, ledger: Ledger) -> Audit:
    place.serve()
    return settled(ledger, place.database(), place.folder / "files")


def _round(place: Workspace, people: Everybody, ledger: Ledger, fault: str, seconds: float) -> tuple[Round, list[str]]:
    """One fault under work, and whether it was made."""
    before, said, named = len(ledger.unknown()), len(place.said()), ":" in fault
    place.serve(fault if named else "")
    people.begin()
    time.sleep(seconds * random.uniform(0.4, 0.6))  # noqa: S311 - not for secrets
    wait_for_work(ledger)
    begin = time.monotonic()
    while (
        named and MADE % fault.partition("@")[0] not in place.said()[said:] and time.monotonic() - begin < PART_SECONDS
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
    if named and MADE % fault.partition("@")[0] not in place.said()[said:]:
        wrong.append(f"{fault}: nobody came by the place so often, no fault was made")
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
