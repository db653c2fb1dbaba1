"""Three web nodes and a worker on a primary with a streaming replica behind nginx: a node and the primary are killed under work.

Everything runs on this machine with real processes in a folder of its own; the ledger says whether anything was lost.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from guanxi.core.cli.faults import Clients, settled, wait_for_work
from guanxi.core.cli.ledger import Client, Ledger
from guanxi.runtime import binaries
from guanxi.runtime.postgres import EmbeddedPostgres
from guanxi.runtime.process import die_with_parent
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

NODES = 3
_READY_SECONDS = 300
_NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {folder}/n1; proxy_temp_path {folder}/n2; fastcgi_temp_path {folder}/n3;
  uwsgi_temp_path {folder}/n4; scgi_temp_path {folder}/n5;
  upstream nodes {{ {servers} }}
  server {{ listen 127.0.0.1:{port}; location / {{
    proxy_pass http://nodes; proxy_set_header Host $host; proxy_connect_timeout 2s; proxy_read_timeout 20s;
    proxy_next_upstream error timeout; proxy_next_upstream_tries 3; }} }}
}}
"""


@dataclass
class Result:
    """What was seen: seconds without service after each fault, the ledger's comparison, rows the replica answered."""

    seconds: dict[str, float] = field(default_factory=dict)
    acknowledged: int = 0
    unanswered: int = 0
    faults: list[str] = field(default_factory=list)


class Cluster:
    """The processes of one run, from ``port`` on: nginx, then two ports for each node, then primary and standby."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.places = [port + 1 + 2 * number for number in range(NODES)]
        self.database_ports = (port + 10, port + 11)
        hosts = ",".join(f"127.0.0.1:{each}" for each in self.database_ports)
        self._variables = os.environ | {
            "DATABASE_URL": f"postgresql://guanxi@{hosts}/guanxi?target_session_attrs=read-write",
            "GUANXI_READ_DATABASE_URL": f"postgresql://guanxi@127.0.0.1:{self.database_ports[1]}/guanxi",
            "GUANXI_DATA": str(folder / "shared"),
            "GUANXI_SECRET_KEY": "nodes-" + "x" * 40,
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
        """Primary, standby, migrations, worker, nodes, nginx."""
        self.primary.start()
        own = self.primary.data_dir / "own.conf"
        self.primary.stop()
        own.write_text(f"listen_addresses = '127.0.0.1'\nport = {self.database_ports[0]}\nwal_keep_size = '256MB'\n")
        self.primary.start()
        self._copy()
        self.standby.start()
        with psycopg.connect(self._address(0), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
        self.command("migrate")
        self.run("worker", "serve", "--only", "worker", port=self.places[-1] + 2)
        for number, port in enumerate(self.places):
            self.run(f"node {number + 1}", "serve", "--only", "web", "--port", str(port), port=port)
        for port in self.places:
            wait_ready(port)
        self._nginx()
        wait_ready(self.port)

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
        (target / "own.conf").write_text(f"listen_addresses = '127.0.0.1'\nport = {self.database_ports[1]}\n")

    def _address(self, number: int) -> str:
        return f"postgresql://guanxi@127.0.0.1:{self.database_ports[number]}/guanxi"

    def _nginx(self) -> None:
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        if not Path(program).exists():
            raise Trouble(_("nginx is not installed; it shares out the requests among the nodes."))
        servers = " ".join(f"server 127.0.0.1:{port} max_fails=1 fail_timeout=2s;" for port in self.places)
        place = self.folder / "nginx.conf"
        place.write_text(_NGINX.format(folder=self.folder, servers=servers, port=self.port))
        self._start("nginx", [program, "-c", str(place), "-p", str(self.folder)])

    def run(self, name: str, *arguments: str, port: int) -> None:
        """Start a part of the product."""
        self._start(name, [sys.executable, "-m", "guanxi", *arguments], GUANXI_PORT=str(port))

    def _start(self, name: str, command: list[str], **own: str) -> None:
        with (self.folder / "cluster.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(  # noqa: S603 - our own commands and nginx
                command,
                env=self._variables | own,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one system call, no lock is taken
            )

    def command(self, *arguments: str) -> str:
        """Run a command on the cluster; returns what it prints."""
        command = [sys.executable, "-m", "guanxi", *arguments]
        done = subprocess.run(command, env=self._variables, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
        if done.returncode != 0:
            raise Trouble(done.stderr.strip())
        return done.stdout

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


def wait_ready(port: int) -> None:
    """Wait until pages are served there."""
    begin = time.monotonic()
    while time.monotonic() - begin < _READY_SECONDS:
        answer = Client(port, "").send("GET", "/readyz", {}, "ready")
        if answer is not None and answer[0] == 200:
            return
        time.sleep(0.2)
    raise Trouble(_("The workspace is not ready after %(seconds)s s.") % {"seconds": _READY_SECONDS})


def run(folder: Path, port: int, seconds: float, told: Callable[[str], None]) -> Result:
    """Bring the cluster up, work, kill a node, then the primary, promote the standby, and compare with the ledger."""
    cluster, result = Cluster(folder, port), Result()
    try:
        cluster.start()
        told(_("Three nodes, a worker, a primary and a standby serve."))
        cluster.command("user", "create", "ledger", "--email", "ledger@example.com", "--role", "administrator")
        made = json.loads(
            cluster.command("token", "create", "ledger", "--name", "ledger", "--scopes", "read,write", "--json")
        )
        ledger = Ledger(folder / "ledger.sqlite")
        clients = Clients(ledger, Client(port, made["token"]))
        clients.begin()
        time.sleep(seconds)
        wait_for_work(ledger)
        _node_dies(cluster, ledger, result)
        told(_("A node was killed: %(seconds)s s until the next answer.") % {"seconds": result.seconds["node"]})
        time.sleep(seconds)
        url = _primary_dies(cluster, ledger, result)
        told(_("The primary was killed: %(seconds)s s until the next change.") % {"seconds": result.seconds["primary"]})
        time.sleep(seconds)
        clients.finish()
        found = settled(ledger, url)
        result.acknowledged, result.unanswered = found.created + found.changed, found.unanswered
        result.faults = found.faults
        return result
    finally:
        cluster.end()


def _node_dies(cluster: Cluster, ledger: Ledger, result: Result) -> None:
    begin = time.monotonic()
    cluster.processes["node 1"].kill()
    wait_for_work(ledger, least=1)
    result.seconds["node"] = round(time.monotonic() - begin, 1)


def _primary_dies(cluster: Cluster, ledger: Ledger, result: Result) -> str:
    """SIGKILL to the primary once the standby has what was acknowledged, then promotion; nothing else is touched."""
    begin = time.monotonic()
    if cluster.primary.pid is not None:
        os.kill(cluster.primary.pid, signal.SIGKILL)
    url = cluster.promote()
    wait_for_work(ledger, least=4)
    result.seconds["primary"] = round(time.monotonic() - begin, 1)
    return url
