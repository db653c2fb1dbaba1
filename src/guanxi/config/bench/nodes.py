"""Three web nodes and a worker on a primary with a streaming replica behind a balancer: a node and the primary are killed under work.

Everything runs on this machine with real processes in a folder of its own: the balancer with the file of ``deploy/``, TLS included, the
nodes as the application's role, which owns nothing. The ledger says whether anything was lost.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import LiteralString

import psycopg

from guanxi.config.bench import balancers
from guanxi.core.cli.faults.atwork import Everybody, invited, wait_for_work
from guanxi.core.cli.faults.comparing import settled
from guanxi.core.cli.faults.ledger import Ledger
from guanxi.core.cli.faults.speaking import PATIENCE, Client, Person, to_port
from guanxi.runtime import binaries
from guanxi.runtime.environment import APPLICATION_ROLE
from guanxi.runtime.postgres import EmbeddedPostgres
from guanxi.runtime.process import die_with_parent
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

NODES = 3
_READY_SECONDS = 300
#: People at browsers, beside the programs that speak to the API.
_VISITORS = 2
_OWNED = "SELECT count(*) FROM pg_class WHERE relowner = 'guanxi_app'::regrole"
#: Reads the standby answered; its own upkeep counts nothing there.
_ANSWERED = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'guanxi'"


@dataclass
class Result:
    """What was seen: seconds without service after each fault, the ledger's comparison, lists people looked at for what they had
    saved, reads the replica answered."""

    seconds: dict[str, float] = field(default_factory=dict)
    acknowledged: int = 0
    unanswered: int = 0
    looked: int = 0
    replica_reads: int = 0
    faults: list[str] = field(default_factory=list)


class Cluster:
    """The processes of one run, from ``port`` on: the balancer's two ports, then two for each node, then primary and standby."""

    def __init__(self, folder: Path, port: int, balancer: str) -> None:
        self.folder, self.balancer = folder, balancer
        self.places = [port + 2 + 2 * number for number in range(NODES)]
        self.setting = balancers.Setting(folder, port, port + 1, self.places, [each + 1 for each in self.places])
        self._database_ports = (port + 10, port + 11)
        hosts = ",".join(f"127.0.0.1:{each}" for each in self._database_ports)
        address = f"{hosts}/guanxi?target_session_attrs=read-write"
        self._owner = {"GUANXI_OWNER_DATABASE_URL": f"postgresql://guanxi@{address}"}
        self._variables = os.environ | {
            "DATABASE_URL": f"postgresql://{APPLICATION_ROLE}@{address}",
            "GUANXI_READ_DATABASE_URL": f"postgresql://{APPLICATION_ROLE}@127.0.0.1:{self._database_ports[1]}/guanxi",
            "GUANXI_DATA": str(folder / "shared"),
            "GUANXI_SECRET_KEY": "nodes-" + "x" * 40,
            "GUANXI_URL": f"https://{balancers.SITE}",
            "GUANXI_BEHIND_PROXY": "1",
            "GUANXI_WEB_WORKERS": "1",
            "GUANXI_LOG_LEVEL": "error",
            "GUANXI_BACKUP_AT": "off",
        }
        self.primary = self._server("primary")
        self.standby = self._server("standby")
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def _server(self, name: str) -> EmbeddedPostgres:
        return EmbeddedPostgres(self.folder / name / "pg", self.folder / name / "logs", memory_mb=128)

    def start(self) -> None:
        """Primary, standby, migrations as the owner, worker, nodes, balancer."""
        self.primary.start()
        own = self.primary.data_dir / "own.conf"
        self.primary.stop()
        own.write_text(f"listen_addresses = '127.0.0.1'\nport = {self._database_ports[0]}\nwal_keep_size = '256MB'\n")
        self.primary.start()
        self._copy()
        self.standby.start()
        with psycopg.connect(self._address(0), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
        self.command("migrate", **self._owner)
        self.run("worker", "serve", "--only", "worker", port=self.places[-1] + 2, **self._owner)
        for number, port in enumerate(self.places):
            self.run(f"node {number + 1}", "serve", "--only", "web", "--port", str(port), port=port)
        for port in self.places:
            wait_ready(Client(to_port(port)))
        self._start("balancer", balancers.prepare(self.balancer, self.setting))
        wait_ready(Client(self.line))

    def line(self) -> http.client.HTTPConnection:
        """A connection to the site through the balancer."""
        return balancers.Line(self.setting, PATIENCE)

    def _copy(self) -> None:
        """The standby: a base copy of the primary that follows it."""
        target = self.standby.data_dir
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(  # noqa: S603 - PostgreSQL's own program
            [
                str(binaries.programs() / "pg_basebackup"),
                "-D",
                str(target),
                "-R",
                "--checkpoint=fast",
                "--dbname",
                self._address(0),
            ],
            check=True,
        )
        user = binaries.server_user(self.primary.data_dir)
        for place in [target, *target.rglob("*")] if user.changes else ():
            os.chown(place, user.uid, user.gid, follow_symlinks=False)
        (target / "own.conf").write_text(f"listen_addresses = '127.0.0.1'\nport = {self._database_ports[1]}\n")

    def _address(self, number: int) -> str:
        return f"postgresql://guanxi@127.0.0.1:{self._database_ports[number]}/guanxi"

    def run(self, name: str, *arguments: str, port: int, **own: str) -> None:
        """Start a part of the product."""
        self._start(name, [sys.executable, "-m", "guanxi", *arguments], GUANXI_PORT=str(port), **own)

    def _start(self, name: str, command: list[str], **own: str) -> None:
        with (self.folder / "cluster.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(  # noqa: S603 - our own commands and the balancer
                command,
                env=self._variables | own,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one system call, no lock is taken
            )

    def command(self, *arguments: str, **own: str) -> str:
        """Run a command on the cluster; returns what it prints."""
        command = [sys.executable, "-m", "guanxi", *arguments]
        done = subprocess.run(command, env=self._variables | own, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
        if done.returncode != 0:
            raise Trouble(done.stderr.strip())
        return done.stdout

    def asked(self, number: int, query: LiteralString) -> int:
        """A number from the primary (0) or the standby (1)."""
        with psycopg.connect(self._address(number)) as connection:
            row = connection.execute(query).fetchone()
        return int(row[0]) if row else 0

    def promote(self) -> str:
        """Make the standby the primary, as a watchman or an operator would; returns its address."""
        url = self._address(1)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SELECT pg_promote(true, 60)")
        return url

    def end(self) -> None:
        """End everything."""
        for process in reversed(self.processes.values()):
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(25)
        self.standby.stop()
        self.primary.stop()


def wait_ready(client: Client) -> None:
    """Wait until pages are served to ``client``."""
    begin = time.monotonic()
    while time.monotonic() - begin < _READY_SECONDS:
        answer = client.send("GET", "/readyz", {}, "ready")
        if answer is not None and answer[0] == 200:
            return
        time.sleep(0.2)
    raise Trouble(_("The workspace is not ready after %(seconds)s s.") % {"seconds": _READY_SECONDS})


def run(folder: Path, port: int, seconds: float, balancer: str, told: Callable[[str], None]) -> Result:
    """Bring the cluster up, work, kill a node, then the primary, promote the standby, and compare with the ledger."""
    cluster, result = Cluster(folder, port, balancer), Result()
    try:
        cluster.start()
        told(_("Three nodes, a worker, a primary and a standby serve behind %(name)s.") % {"name": balancer})
        result.faults += at_the_door(cluster.setting)
        ledger = Ledger(folder / "ledger.sqlite")
        people = _people(cluster, ledger)
        people.begin()
        time.sleep(seconds)
        wait_for_work(ledger)
        _node_dies(cluster, ledger, result)
        told(_("A node was killed: %(seconds)s s until the next answer.") % {"seconds": result.seconds["node"]})
        time.sleep(seconds)
        result.replica_reads = cluster.asked(1, _ANSWERED)
        url = _primary_dies(cluster, ledger, result)
        told(_("The primary was killed: %(seconds)s s until the next change.") % {"seconds": result.seconds["primary"]})
        time.sleep(seconds)
        people.finish()
        _compare(cluster, ledger, people, url, result)
        return result
    finally:
        cluster.end()


def _people(cluster: Cluster, ledger: Ledger) -> Everybody:
    """Programs with a token, and people at browsers."""
    cluster.command("user", "create", "ledger", "--email", "ledger@example.com", "--role", "administrator")
    made = cluster.command("token", "create", "ledger", "--name", "ledger", "--scopes", "read,write", "--json")
    link = cluster.command("user", "create", "visitor", "--email", "v@example.com", "--role", "manager", "--json")

    def person() -> Person:
        return Person(cluster.line, f"https://{balancers.SITE}")

    people = invited(json.loads(link)["link"], "visitor", person, _VISITORS)
    return Everybody(ledger, Client(cluster.line, json.loads(made)["token"]), people)


def at_the_door(setting: balancers.Setting) -> list[str]:
    """What the balancer's file promises beside sharing out: TLS for everything, and numbers told to nobody outside."""
    faults = []
    plain = http.client.HTTPConnection("127.0.0.1", setting.plain, timeout=10)
    plain.request("GET", "/customers/", headers={"Host": balancers.SITE})
    answer = plain.getresponse()
    if (answer.status, answer.getheader("Location")) != (301, f"https://{balancers.SITE}/customers/"):
        faults.append(f"without TLS: {answer.status} {answer.getheader('Location')}")
    plain.close()
    line = balancers.Line(setting, 10)
    for path, wanted in (("/metrics", 403), ("/healthz", 200), ("/account/login/", 200)):
        line.request("GET", path)
        answer = line.getresponse()
        answer.read()
        if answer.status != wanted:
            faults.append(f"{path}: {answer.status} instead of {wanted}")
    line.close()
    return faults


def _node_dies(cluster: Cluster, ledger: Ledger, result: Result) -> None:
    begin = time.monotonic()
    cluster.processes["node 1"].kill()
    wait_for_work(ledger, least=1)
    result.seconds["node"] = round(time.monotonic() - begin, 1)


def _primary_dies(cluster: Cluster, ledger: Ledger, result: Result) -> str:
    """SIGKILL to the primary, then promotion of the standby, which has all that was acknowledged; nothing else is touched."""
    begin = time.monotonic()
    if cluster.primary.pid is not None:
        os.kill(cluster.primary.pid, signal.SIGKILL)
    url = cluster.promote()
    wait_for_work(ledger, least=4)
    result.seconds["primary"] = round(time.monotonic() - begin, 1)
    return url


def _compare(cluster: Cluster, ledger: Ledger, people: Everybody, url: str, result: Result) -> None:
    found = settled(ledger, url, cluster.folder / "shared" / "files")
    result.acknowledged, result.unanswered = ledger.acknowledged(), found.unanswered
    result.looked = people.looked
    people.leave()
    result.faults += found.faults + people.faults
    if owned := cluster.asked(1, _OWNED):
        result.faults.append(f"the role of the application owns {owned} things")
    if not people.looked:
        result.faults.append("nobody at a browser saw a list")
    if result.replica_reads < people.looked // 4:
        result.faults.append(f"the replica answered {result.replica_reads} reads only")
