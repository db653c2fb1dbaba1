"""Hold a ledger against the database and the folder of files, after faults.

Acknowledged is there exactly once, never answered at most once; each row has its audit, its event, its search document and its
effects; sums kept beside the records are those of the records; nothing points to what is not there; files and rows belong together.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from guanxi.core.cli.faults.atwork import MARK
from guanxi.core.cli.faults.ledger import Entry, Ledger

#: A worker that was killed counts as dead after 30 s; what it was at is then done again.
_QUIET_SECONDS = 120


@dataclass
class Audit:
    """What the comparison found; ``faults`` is empty when the ledger is clean."""

    created: int = 0
    changed: int = 0
    deals: int = 0
    files: int = 0
    effects: int = 0
    unanswered: int = 0
    faults: list[str] = field(default_factory=list)


def compare(ledger: Ledger, database: str, files: Path | None = None) -> Audit:
    """Compare all of it once; ``files`` is the folder of contents where it is at hand."""
    found = Audit(unanswered=len(ledger.unknown()))
    with psycopg.connect(database) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        _creations(ledger, connection, found)
        _changes(ledger, connection, found)
        _deals(ledger, connection, found)
        _files(ledger, connection, found, files)
        for query, words in _NONE:
            row = connection.execute(query).fetchone()
            if row and row[0]:
                found.faults.append(f"{row[0]} {words}")
        for query, words in _EQUAL:
            one, other = connection.execute(query).fetchone() or (0, 0)
            if one != other:
                found.faults.append(f"{words}: {one} beside {other}")
    return found


def settled(ledger: Ledger, database: str, files: Path | None = None) -> Audit:
    """The comparison once everything that waits is done; given up when nothing more is done for two minutes."""
    begin, least = time.monotonic(), 10**9
    while True:
        waits = _waiting(database)
        if waits < least:
            begin, least = time.monotonic(), waits
        given_up = time.monotonic() - begin > _QUIET_SECONDS
        if not waits or given_up:
            found = compare(ledger, database, files)
            if not found.faults or given_up:
                return found
        time.sleep(1)


def _waiting(database: str) -> int:
    """How many events and jobs are still to be done."""
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM core_outboxevent WHERE delivered_at IS NULL) + (SELECT count(*) FROM procrastinate_jobs"
            " WHERE status IN ('todo', 'doing') AND (scheduled_at IS NULL OR scheduled_at <= now()) AND queueing_lock IS NULL)"
        ).fetchone()
    return int(row[0]) if row else 0


#: Counts that have to be zero.
_NONE: tuple[tuple[LiteralString, str], ...] = (
    ("SELECT count(*) FROM core_outboxevent WHERE delivered_at IS NULL", "events wait in the outbox"),
    ("SELECT count(*) FROM core_outboxevent WHERE error <> ''", "events were given up"),
    (
        (
            "SELECT count(*) FROM core_search_doc s WHERE s.entity = 'customers.customer'"
            " AND NOT EXISTS (SELECT 1 FROM customers_customer c WHERE c.id = s.record_id)"
        ),
        "search documents of customers that are not there",
    ),
    (
        (
            "SELECT count(*) FROM core_file f WHERE f.entity = 'customers.customer'"
            " AND NOT EXISTS (SELECT 1 FROM customers_customer c WHERE c.id = f.record_id)"
        ),
        "files of customers that are not there",
    ),
    (
        (
            "SELECT count(*) FROM customers_customer c LEFT JOIN (SELECT record_id, count(*) AS n FROM core_auditentry"
            " WHERE entity = 'customers_customer' AND action = 'update' GROUP BY 1) a ON a.record_id = c.id"
            " LEFT JOIN (SELECT record_id, count(*) AS n FROM core_outboxevent WHERE name = 'customers.customer.merged' GROUP BY 1) m"
            " ON m.record_id = c.id"
            # What a merge keeps gets a new version also where none of its own values changed, which the audit leaves out.
            " WHERE c.version NOT BETWEEN 1 + coalesce(a.n, 0) AND 1 + coalesce(a.n, 0) + coalesce(m.n, 0)"
        ),
        "customers that changed another number of times than the audit says",
    ),
    (
        (
            "SELECT count(*) FROM sales_opportunity o WHERE NOT EXISTS (SELECT 1 FROM core_auditentry a"
            " WHERE a.entity = 'sales_opportunity' AND a.record_id = o.id AND a.action = 'create')"
        ),
        "opportunities the audit does not know",
    ),
)
#: Pairs that have to be equal: sums kept by triggers, and the same of the records.
_EQUAL: tuple[tuple[LiteralString, str], ...] = (
    (
        (
            "SELECT (SELECT coalesce(sum(number), 0) FROM customers_customertally),"
            " (SELECT count(*) FROM customers_customer WHERE deleted_at IS NULL)"
        ),
        "number of customers in the tally",
    ),
    (
        (
            "SELECT (SELECT coalesce(sum(number), 0) FROM sales_opportunitytally),"
            " (SELECT count(*) FROM sales_opportunity WHERE deleted_at IS NULL)"
        ),
        "number of opportunities in the tally",
    ),
    (
        (
            "SELECT (SELECT coalesce(sum(value), 0) FROM sales_opportunitytally),"
            " (SELECT coalesce(sum(value), 0) FROM sales_opportunity WHERE deleted_at IS NULL)"
        ),
        "value of opportunities in the tally",
    ),
)

_CREATED = """
WITH c AS MATERIALIZED (
  SELECT id, name FROM customers_customer WHERE name = ANY(%(names)s) AND deleted_at IS NULL
)
SELECT c.id, c.name, coalesce(a.n, 0), coalesce(o.n, 0), coalesce(s.n, 0), coalesce(t.n, 0),
  EXISTS (SELECT 1 FROM core_automationrule r WHERE r.active AND r.name_en = %(rule)s)
FROM c
LEFT JOIN (SELECT record_id, count(*) AS n FROM core_auditentry
           WHERE entity = 'customers_customer' AND action = 'create' GROUP BY 1) a ON a.record_id = c.id
LEFT JOIN (SELECT record_id, count(*) AS n FROM core_outboxevent
           WHERE name = 'customers.customer.created' GROUP BY 1) o ON o.record_id = c.id
LEFT JOIN (SELECT record_id, count(*) AS n FROM core_search_doc
           WHERE entity = 'customers.customer' GROUP BY 1) s ON s.record_id = c.id
LEFT JOIN (SELECT customer_id, subject, count(*) AS n FROM activities_task
           GROUP BY 1, 2) t ON t.customer_id = c.id AND t.subject = c.name
"""


def _creations(ledger: Ledger, connection: psycopg.Connection, found: Audit) -> None:
    entries = ledger.of("create", "form")
    rows: dict[str, list[tuple[int, int, int, int, int, bool]]] = {}
    names = [one.token for one in entries]
    for number, name, *counts in connection.execute(_CREATED, {"rule": MARK, "names": names}):
        rows.setdefault(name, []).append((number, *counts))
    for one in entries:
        there = rows.get(one.token, [])
        _once(one, len(there), "rows", found)
        for number, audited, told, searchable, effects, ruled in there:
            if (audited, told, searchable) != (1, 1, 1):
                found.faults.append(
                    f"{one.token}: {audited} audit entries, {told} events, {searchable} search documents"
                )
            if ruled and effects != 1:
                found.faults.append(f"{one.token}: the rule made {effects} tasks for it")
            if one.acknowledged and one.record != number:
                found.faults.append(f"{one.token}: acknowledged as {one.record}, stored as {number}")
            found.effects += effects
        found.created += len(there)


def _once(one: Entry, number: int, what: str, found: Audit) -> None:
    if number > 1 or (one.acknowledged and number != 1):
        found.faults.append(f"{one.token}: acknowledged {one.acknowledged}, {number} {what}")


_CHANGED = """
SELECT a.record_id, a.changes -> 'short_name' ->> 1
FROM core_auditentry a WHERE a.entity = 'customers_customer' AND a.action = 'update' AND a.changes -> 'short_name' ->> 1 = ANY(%s)
ORDER BY a.id
"""
_TOLD = """
SELECT o.changes -> 'short_name' ->> 1, count(*) FROM core_outboxevent o
WHERE o.name = 'customers.customer.updated' AND o.changes -> 'short_name' ->> 1 = ANY(%s) GROUP BY 1
"""


def _changes(ledger: Ledger, connection: psycopg.Connection, found: Audit) -> None:
    entries = ledger.of("change", "edit")
    tokens = [one.token for one in entries]
    times: dict[str, int] = {}
    last: dict[int, str] = {}
    for record, token in connection.execute(_CHANGED, [tokens]):
        times[token] = times.get(token, 0) + 1
        last[record] = token
    told: dict[str, int] = dict(connection.execute(_TOLD, [tokens]).fetchall())
    for one in entries:
        number = times.get(one.token, 0)
        _once(one, number, "entries in the audit", found)
        if told.get(one.token, 0) != number:
            found.faults.append(f"{one.token}: audited {number} times, told {told.get(one.token, 0)} times")
        found.changed += number
    stored = connection.execute("SELECT id, short_name FROM customers_customer WHERE id = ANY(%s)", [list(last)])
    for record, short_name in stored:
        if short_name != last[record]:
            found.faults.append(f"customer {record} holds {short_name}, the audit says {last[record]}")


_DEALS = "SELECT name, id, customer_id, value FROM sales_opportunity WHERE name = ANY(%s) AND deleted_at IS NULL"


def _deals(ledger: Ledger, connection: psycopg.Connection, found: Audit) -> None:
    entries = ledger.of("deal")
    rows: dict[str, list[tuple[int, int, Decimal]]] = {}
    for name, number, customer, value in connection.execute(_DEALS, [[one.token for one in entries]]):
        rows.setdefault(name, []).append((number, customer, value))
    for one in entries:
        there = rows.get(one.token, [])
        _once(one, len(there), "opportunities", found)
        customer, _colon, amount = one.worth.partition(":")
        for _number, of, value in there:
            if (of, value) != (int(customer), Decimal(amount)):
                found.faults.append(f"{one.token}: {value} of customer {of} instead of {amount} of {customer}")
        found.deals += len(there)


def _files(ledger: Ledger, connection: psycopg.Connection, found: Audit, folder: Path | None) -> None:
    """Each file once in its rows; each row's content in its place, to the byte; contents without a row only of uploads never answered."""
    rows: dict[str, list[int]] = {}
    for digest, record in connection.execute("SELECT digest, record_id FROM core_file"):
        rows.setdefault(digest, []).append(record)
    entries = {one.token: one for one in ledger.of("file")}
    for digest, one in entries.items():
        there = rows.get(digest, [])
        _once(one, len(there), "rows of the file", found)
        if there and there[0] != one.record:
            found.faults.append(f"{digest}: on customer {there[0]} instead of {one.record}")
        found.files += len(there)
    if folder is None:
        return
    for digest in rows:
        place = folder / digest[:2] / digest[2:4] / digest
        if not place.is_file() or hashlib.sha256(place.read_bytes()).hexdigest() != digest:
            found.faults.append(f"{digest}: a row, and not its content")
    for name in _contents(folder):
        if name not in rows and (name not in entries or entries[name].acknowledged):
            found.faults.append(f"{name}: a content nobody uploaded")


def _contents(folder: Path) -> Iterable[str]:
    return [place.name for place in folder.rglob("*") if place.is_file() and not place.name.startswith(".")]


def rule_of_the_ledger() -> dict[str, Any]:
    """A rule that makes a task for each new customer of the ledger: what an event has to bring about exactly once."""
    return {
        "name_zh": MARK, "name_en": MARK, "entity": "customers.customer", "trigger": {"on": "created"}, "active": True,
        "condition": {"field": "name", "op": "starts", "value": MARK}, "per_hour": 100_000,
        "steps": [{"do": "create", "entity": "activities.task", "reference": "customer", "values": {"subject": "=name"}}],
    }  # fmt: skip
