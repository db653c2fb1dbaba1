"""The chain over the audit: every few minutes a seal over the entries since the last one; checking it finds what was tampered with.

A seal is SHA-256 over the digest of the seal before, then the digest of each entry's text in order of its number. An entry
whose personal values were erased stands by the digest it had before (``AuditRedaction``), and as it stood then by an entry noted with it. So an entry changed, removed,
added later or put in another order is found at its seal, and a seal changed or removed at the next one; that there are no
more entries than were sealed is counted. That the end of the
chain was cut off is seen by whoever kept the newest digest elsewhere: it is logged, stands in ``guanxi audit head`` and in every backup.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Sum

from guanxi.core.models import AuditSeal

#: Entries read at a time.
_BATCH = 5000
#: SQL of the digest of the entry ``a``; the function ``guanxi_audit_redact`` of a migration keeps the same one.
_ENTRY_DIGEST = """encode(sha256(convert_to(json_build_array(a.id, (extract(epoch FROM a.at) * 1000000)::bigint, a.entity,
       a.record_id, a.action, a.changes, a.actor_id, a.actor_name, a.via, a.request_id, a.address, a.operation_id)::text, 'UTF8')), 'hex')"""
_DIGESTS = f"""
SELECT a.id, coalesce(r.digest, {_ENTRY_DIGEST})
FROM core_auditentry a LEFT JOIN core_auditredaction r ON r.entry_id = a.id
WHERE a.id > %s AND a.id <= %s ORDER BY a.id LIMIT %s
"""  # noqa: S608 - our own columns
#: Emptied entries that are not as the entry noted with them says they stood.
_UNLIKE = f"""
SELECT FROM (
    SELECT r.noted, encode(sha256(convert_to(string_agg({_ENTRY_DIGEST}, E'\\n' ORDER BY a.id), 'UTF8')), 'hex') AS digest
    FROM core_auditredaction r LEFT JOIN core_auditentry a ON a.id = r.entry_id GROUP BY r.noted
) told LEFT JOIN core_auditentry n ON n.id = told.noted AND n.entity = 'core_auditredaction'
WHERE n.changes->'erased'->>1 IS DISTINCT FROM told.digest
"""  # noqa: S608 - our own columns
_LOCK = "guanxi_audit_seal"


@dataclass(frozen=True, slots=True)
class Break:
    """Where the chain does not hold: the seal, the entries it covers, and what is wrong.

    ``entries`` are not those of the seal; the ``end`` was cut off; some were ``added`` under numbers sealed before; or
    one whose values were erased says something again, or names somebody else or another moment (``erased``).
    """

    seal: int
    first: int
    last: int
    what: str


def seal() -> AuditSeal | None:
    """Finish the seal that was begun, if all older transactions are over, and begin the next one. Returns the finished one.

    Call it every few minutes; several at once do no harm.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", [_LOCK])
            if not cursor.fetchone()[0]:
                return None
            cursor.execute(
                "SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint,"
                " (SELECT coalesce(max(id), 0) FROM core_auditentry) FROM pg_current_snapshot() s"
            )
            oldest, next_one, newest = cursor.fetchone()
        last = AuditSeal.objects.order_by("-pk").first()
        finished = None
        if last is not None and last.entries is None:
            if oldest < last.horizon:
                return None
            finished = _finish(last)
        reached = last.last_entry if last is not None else 0
        if newest > reached:
            AuditSeal.objects.create(last_entry=newest, horizon=next_one)
    return finished


def _finish(begun: AuditSeal) -> AuditSeal:
    before = AuditSeal.objects.filter(pk__lt=begun.pk).order_by("-pk").first()
    begun.entries, begun.digest = _digest(before, begun)
    begun.save(update_fields=["entries", "digest"])
    return begun


def _digest(before: AuditSeal | None, mine: AuditSeal) -> tuple[int, str]:
    """Number and digest of the entries of a seal, behind the seal before it."""
    made = hashlib.sha256((before.digest if before else "").encode())
    number = 0
    for digest in _digests(before.last_entry if before else 0, mine.last_entry):
        made.update(b"\n" + digest.encode())
        number += 1
    return number, made.hexdigest()


def _digests(after: int, until: int) -> Iterator[str]:
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_DIGESTS, [after, until, _BATCH])
            rows = cursor.fetchall()
        for after, digest in rows:  # noqa: B007 - goes on behind the last one
            yield digest
        if len(rows) < _BATCH:
            return


def head() -> AuditSeal | None:
    """The newest finished seal."""
    return AuditSeal.objects.filter(entries__isnull=False).order_by("-pk").first()


def verify(expected: str = "") -> list[Break]:
    """Check the whole chain; an empty list when it holds.

    ``expected`` is a digest somebody kept: it must stand in the chain, else its end was cut off or made anew.
    """
    found: list[Break] = []
    before: AuditSeal | None = None
    known = {""}
    for each in AuditSeal.objects.order_by("pk").iterator():
        if each.entries is None:
            break
        first = (before.last_entry if before else 0) + 1
        if _digest(before, each) != (each.entries, each.digest):
            found.append(Break(each.pk, first, each.last_entry, "entries"))
        known.add(each.digest)
        before = each
    if before is not None and not found:
        found = _beside(before)
    if expected not in known:
        found.append(Break(before.pk if before else 0, 0, before.last_entry if before else 0, "end"))
    return found


def _beside(last: AuditSeal) -> list[Break]:
    """What the digests alone do not show: entries below the first number or twice under one, and erased ones filled again."""
    sealed = AuditSeal.objects.filter(pk__lte=last.pk).aggregate(sum=Sum("entries"))["sum"]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT (SELECT count(*) FROM core_auditentry WHERE id <= %s), EXISTS ({_UNLIKE})",  # noqa: S608 - own SQL
            [last.last_entry],
        )
        there, filled = cursor.fetchone()
    wrong = [what for what, is_so in (("added", there != sealed), ("erased", filled)) if is_so]
    return [Break(last.pk, 1, last.last_entry, what) for what in wrong]


def writable() -> bool:
    """Whether the role this process works as could change or remove entries: the same role migrates, then."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege('core_auditentry', 'UPDATE, DELETE, TRUNCATE')")
        return bool(cursor.fetchone()[0])


def silenced() -> list[str]:
    """Tables whose changes the audit does not hear of, because somebody switched its triggers off."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger"
            " WHERE tgname LIKE 'pgtrigger\\_audit\\_%' AND tgenabled NOT IN ('O', 'A') ORDER BY 1"
        )
        return [str(row[0]) for row in cursor.fetchall()]


def waits() -> bool:
    """Whether there are entries no finished seal covers."""
    newest = head()
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) > %s FROM core_auditentry", [newest.last_entry if newest else 0])
        return bool(cursor.fetchone()[0])
