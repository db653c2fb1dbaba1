"""Long and composed work under kills: merging and converting on the web; rules, an import and a bulk change in the worker.

It speaks to the product by its API and command line, and counts in the database by SQL only.
"""

from __future__ import annotations

import random
import secrets
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import psycopg

from guanxi.core.cli.faults.speaking import Client
from guanxi.runtime.words import say as _

#: Longest wait for a piece of work to end, and for each row of it besides; the kills it has to live through.
_LONGEST, _LONGEST_ROW, _KILLS = 900, 0.05, 3
_PAIRS = 12
_RULED = 150


class Place(Protocol):
    """What is asked of the workspace."""

    def kill(self, what: str) -> None: ...
    def wait_ready(self) -> float: ...
    def database(self) -> str: ...
    def begin(self, *arguments: str, failpoint: str = "") -> subprocess.Popen[bytes]: ...


class Labours:
    """Does each piece of work once under kills; ``rows`` is the size of the import and of the bulk change."""

    def __init__(self, place: Place, client: Client, folder: Path, rows: int, told: Callable[[str], None]) -> None:
        self._place, self._client, self._folder, self._rows, self._told = place, client, folder, rows, told
        self.faults: list[str] = []

    def run(self) -> list[str]:
        """All of them; returns what was not as promised."""
        self._composed("merge", self._merge)
        self._composed("convert", self._convert)
        self._rules()
        prefix = f"批量{secrets.token_hex(4)}"
        self._import(prefix)
        self._bulk(prefix)
        return self.faults

    def _expect(self, holds: bool, fault: str) -> None:
        if not holds:
            self.faults.append(fault)

    def _rows_of(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        for _time in range(100):
            try:
                with psycopg.connect(self._place.database()) as base:
                    return base.execute(sql, list(values)).fetchall()
            except psycopg.OperationalError:
                time.sleep(0.3)
        raise RuntimeError("the database does not come back")

    def _one(self, sql: str, *values: Any) -> Any:
        return self._rows_of(sql, *values)[0][0]

    def _post(self, path: str, body: dict[str, Any], *, again: bool = True) -> tuple[int, dict[str, Any]] | None:
        """Send under one key until it is answered, as a careful client would; once only without ``again``."""
        key, until = secrets.token_hex(12), time.monotonic() + 300
        while True:
            answer = self._client.send("POST", f"/api/v1/{path}", body, key)
            if (answer is not None and answer[0] < 500) or not again or time.monotonic() > until:
                return answer
            time.sleep(0.3)

    def _made(self, path: str, **values: Any) -> int:
        answer = self._post(f"{path}/", values)
        if answer is None or "id" not in answer[1]:
            raise RuntimeError(f"{path}: {answer}")
        return int(answer[1]["id"])

    def _composed(self, name: str, work: Callable[[bool], None]) -> None:
        """Many small pieces of composed work while the web process is killed again and again."""
        stop = threading.Event()

        def killing() -> None:
            for _time in range(_KILLS):  # the supervisor waits longer before each further start
                self._place.wait_ready()
                if not stop.wait(random.uniform(0.2, 2.0)):  # noqa: S311 - not for secrets
                    self._place.kill("web")

        thread = threading.Thread(target=killing, daemon=True)
        thread.start()
        try:
            for number in range(_PAIRS):
                work(number % 2 == 0)
        finally:
            stop.set()
            thread.join(60)
            self._place.wait_ready()
        words = {"number": _PAIRS, "work": _("merges") if name == "merge" else _("conversions")}
        self._told(_("%(number)s %(work)s while the web process was killed.") % words)

    def _merge(self, again: bool) -> None:
        """Two become one or stay two: never half, whatever was answered; what hung on the one goes with it."""
        ids = [self._made("customers", name=f"合并{secrets.token_hex(8)}") for _each in range(2)]
        deal = self._made("opportunities", name="合并", customer=ids[1])
        answer = self._post("customers/merge", {"keep": ids[0], "others": ids[1:]}, again=again)
        time.sleep(0.2)
        self._place.wait_ready()
        living = [
            row[0]
            for row in self._rows_of(
                "SELECT id FROM customers_customer WHERE id = ANY(%s) AND deleted_at IS NULL ORDER BY id", ids
            )
        ]
        merged = answer is not None and answer[0] == 200
        allowed = ([[ids[0]]]) if merged else [[ids[0]], ids]
        self._expect(living in allowed, f"merge of {ids}: answered {answer and answer[0]}, living {living}")
        of = self._one("SELECT customer_id FROM sales_opportunity WHERE id = %s AND deleted_at IS NULL", deal)
        self._expect(of == living[-1], f"merge of {ids}: living {living}, their opportunity is of {of}")
        told, audited = self._rows_of(
            "SELECT (SELECT count(*) FROM core_outboxevent WHERE name = 'customers.customer.merged' AND record_id = %s),"
            " (SELECT count(*) FROM core_auditentry WHERE entity = 'customers_customer' AND record_id = %s"
            "  AND changes ? 'deleted_at')", ids[0], ids[1],
        )[0]  # fmt: skip
        self._expect((told, audited) == (2 - len(living),) * 2, f"merge of {ids}: told {told} times, audited {audited}")

    def _convert(self, again: bool) -> None:
        """A lead, its customer and its opportunity belong together: all of it or nothing, and once."""
        token = f"转化{secrets.token_hex(8)}"
        lead = self._made("leads", name="王五", company=token)
        answer = self._post(f"leads/{lead}/actions/convert", {"opportunity_name": token}, again=again)
        time.sleep(0.2)
        self._place.wait_ready()
        found = self._rows_of(
            "SELECT (SELECT count(*) FROM customers_customer WHERE name = %s), (SELECT count(*) FROM sales_opportunity WHERE name = %s),"
            " (SELECT count(*) FROM sales_lead WHERE id = %s AND converted_at IS NOT NULL)", token, token, lead,
        )[0]  # fmt: skip
        converted = answer is not None and answer[0] == 200
        self._expect(
            found == (1, 1, 1) or (not converted and found == (0, 0, 0)),
            f"convert of lead {lead}: answered {answer and answer[0]}, customers, opportunities, leads {found}",
        )

    def _under_kills(self, done: Callable[[], bool], what: str) -> None:
        """Kill the worker some times while something is at work, then wait until it is done."""
        begin, kills = time.monotonic(), 0
        while not done():
            if time.monotonic() - begin > _LONGEST + _LONGEST_ROW * self._rows:
                self._expect(False, f"{what}: not done after {_LONGEST + _LONGEST_ROW * self._rows:.0f} s")
                return
            time.sleep(random.uniform(1.0, 3.0) if kills < _KILLS else 1.0)  # noqa: S311 - not for secrets
            if kills < _KILLS and not done():
                self._place.kill("worker")
                kills += 1
        words = {"what": what, "kills": kills, "seconds": round(time.monotonic() - begin)}
        self._told(_("%(what)s: the worker was killed %(kills)s times, done after %(seconds)s s.") % words)

    def _rules(self) -> None:
        """A rule sets a value and makes a task for each new record: once each, however often its worker dies on the way."""
        token = f"规则{secrets.token_hex(4)}"
        definition = {
            "name_zh": token, "name_en": token, "entity": "customers.customer", "trigger": {"on": "created"}, "active": True,
            "condition": {"field": "name", "op": "starts", "value": token}, "per_hour": 100_000,
            "steps": [
                {"do": "set", "values": {"short_name": token}},
                {"do": "create", "entity": "activities.task", "reference": "customer", "values": {"subject": token}},
            ],
        }  # fmt: skip
        answer = self._post("rules", {"definition": definition})
        self._expect(answer is not None and answer[0] < 300, f"rule: answered {answer}")
        for number in range(_RULED):
            self._made("customers", name=f"{token}-{number}")

        def counted() -> tuple[Any, ...]:
            return self._rows_of(
                "SELECT (SELECT count(*) FROM core_rulerun r JOIN customers_customer c ON c.id = r.record_id"
                "  WHERE r.entity = 'customers.customer' AND r.state = 'done' AND c.name LIKE %s),"
                " (SELECT count(*) FROM customers_customer WHERE name LIKE %s AND short_name = %s),"
                " (SELECT count(*) FROM activities_task WHERE subject = %s),"
                " (SELECT count(DISTINCT customer_id) FROM activities_task WHERE subject = %s)",
                f"{token}-%", f"{token}-%", token, token, token,
            )[0]  # fmt: skip

        self._under_kills(lambda: counted()[0] >= _RULED, _("A rule on %(rows)s records") % {"rows": _RULED})
        found = counted()
        self._expect(found == (_RULED,) * 4, f"rule: runs done, values set, tasks, customers with one: {found}")

    def _import(self, prefix: str) -> None:
        """The command is killed between two batches; the worker goes on, is killed as well, and ends it."""
        file = self._folder / "rows.csv"
        file.write_text("客户名称,简称\n" + "".join(f"{prefix}-{n:06},第{n}家\n" for n in range(self._rows)), "utf-8")
        with self._place.begin(
            "import", str(file), "--entity", "customers", "--mode", "create", "--json", failpoint="import.after_commit:kill@2"
        ) as process:  # fmt: skip
            process.wait(_LONGEST)
        self._expect(process.returncode == -9, f"import: ended with {process.returncode} instead of being killed")
        run = self._one("SELECT max(id) FROM core_importrun")
        with psycopg.connect(self._place.database(), autocommit=True) as base:
            base.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('default', 'guanxi.exchange.import_do', jsonb_build_object('run_id', %s::bigint))",
                [run],
            )
        self._under_kills(
            lambda: self._one("SELECT state FROM core_importrun WHERE id = %s", run) not in ("running", "ready"),
            _("Import of %(rows)s rows") % {"rows": self._rows},
        )
        self._count(prefix)

    def _count(self, prefix: str) -> None:
        rows, names, audited = self._rows_of(
            "SELECT count(*), count(DISTINCT name), (SELECT count(*) FROM core_auditentry a JOIN customers_customer x ON x.id = a.record_id"
            " WHERE a.entity = 'customers_customer' AND a.action = 'create' AND x.name LIKE %s)"
            " FROM customers_customer WHERE name LIKE %s AND deleted_at IS NULL", f"{prefix}-%", f"{prefix}-%",
        )[0]  # fmt: skip
        self._expect(
            (rows, names, audited) == (self._rows,) * 3,
            f"import: {self._rows} rows wanted, {rows} there, {names} different, {audited} audited",
        )

    def _bulk(self, prefix: str) -> None:
        """One change of every imported row, done once on each, audited once on each."""
        token = f"批改{secrets.token_hex(4)}"
        condition = {"field": "name", "op": "starts", "value": f"{prefix}-"}
        answer = self._post(
            "customers/bulk", {"action": "update", "filter": condition, "values": {"short_name": token}}
        )
        self._expect(answer is not None and answer[0] in (200, 202), f"bulk: answered {answer}")
        number = self._one(
            "SELECT max(id) FROM core_operation WHERE total >= %s AND sort <> 'import'", min(self._rows, 200)
        )
        self._under_kills(
            lambda: self._one("SELECT state FROM core_operation WHERE id = %s", number) not in ("running", "waiting"),
            _("Bulk change of %(rows)s rows") % {"rows": self._rows},
        )
        changed, audited = self._rows_of(
            "SELECT (SELECT count(*) FROM customers_customer WHERE short_name = %s), (SELECT count(*) FROM core_auditentry"
            " WHERE entity = 'customers_customer' AND action = 'update' AND changes -> 'short_name' ->> 1 = %s)", token, token,
        )[0]  # fmt: skip
        self._expect((changed, audited) == (self._rows, self._rows), f"bulk: {changed} rows changed, {audited} audited")
