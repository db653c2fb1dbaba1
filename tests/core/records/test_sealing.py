"""The chain over the audit: it holds as long as nobody tampers, and finds each way of tampering."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import InternalError, connection, transaction
from django.db.utils import ProgrammingError

from guanxi.core.kernel import clock
from guanxi.core.models import AuditEntry, AuditSeal, Erasure
from guanxi.core.records import sealing
from tests.factories.cast import Cast

Make = Callable[..., Any]
pytestmark = pytest.mark.django_db(transaction=True)


def _tampered(sql: str, *values: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL guanxi.audit_upkeep = 'on'")
        cursor.execute(sql, values)


def _seal() -> None:
    """As if no older transaction ran: other tests hold theirs open on the same server."""
    AuditSeal.objects.filter(entries__isnull=True).update(horizon=0)
    sealing.seal()


def _tried(sql: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL guanxi.throw_away = 'off'")
        cursor.execute(sql)


def _sealed(make: Make, times: int = 3) -> list[AuditSeal]:
    """Each time: some entries, a seal begun, and the one before finished."""
    for number in range(times):
        make("fakes.gadget", name=f"水泵 {number}")
        _seal()
    _seal()
    return list(AuditSeal.objects.filter(entries__isnull=False).order_by("pk"))


def test_the_chain_holds_and_goes_on(cast: Cast, make: Make) -> None:
    seals = _sealed(make)
    assert len(seals) >= 3
    assert all(each.entries for each in seals)
    assert len({each.digest for each in seals}) == len(seals)
    assert sealing.verify() == []
    head = sealing.head()
    assert head is not None
    make("fakes.gadget", name="later")
    _seal()
    _seal()
    assert sealing.verify(expected=head.digest) == []


def test_nothing_is_sealed_while_an_older_transaction_may_still_write(cast: Cast, make: Make) -> None:
    make("fakes.gadget", name="one")
    sealing.seal()
    begun = AuditSeal.objects.order_by("-pk").first()
    assert begun is not None
    AuditSeal.objects.filter(pk=begun.pk).update(horizon=2**60)
    assert sealing.seal() is None
    begun.refresh_from_db()
    assert begun.entries is None


TAMPERINGS: dict[str, Callable[[int], None]] = {
    "changed": lambda entry: _tampered("UPDATE core_auditentry SET actor_name = 'nobody' WHERE id = %s", entry),
    "removed": lambda entry: _tampered("DELETE FROM core_auditentry WHERE id = %s", entry),
    "added": lambda entry: _tampered(
        "INSERT INTO core_auditentry (id, at, entity, record_id, action) OVERRIDING SYSTEM VALUE"
        " SELECT id, at + interval '1 second', entity, record_id, action FROM core_auditentry WHERE id = %s",
        entry,
    ),
    "reordered": lambda entry: _tampered(
        "UPDATE core_auditentry SET at = at + interval '1 minute' WHERE id = %s", entry
    ),
}


@pytest.mark.parametrize("way", sorted(TAMPERINGS))
def test_an_entry_tampered_with_is_found_at_its_seal(way: str, cast: Cast, make: Make) -> None:
    seals = _sealed(make)
    TAMPERINGS[way](seals[1].last_entry)
    found = sealing.verify()
    assert [(each.seal, each.what) for each in found] == [(seals[1].pk, "entries")]
    assert found[0].first <= seals[1].last_entry <= found[0].last


def test_entries_slipped_in_beside_the_sealed_numbers_are_found(
    cast: Cast, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    seals = _sealed(make)
    monkeypatch.setattr(sealing, "_BATCH", 1)  # one of the same number stands behind the end of a batch
    for number in (-5, seals[1].last_entry):
        _tampered(
            "INSERT INTO core_auditentry (id, at, entity, record_id, action, changes) OVERRIDING SYSTEM VALUE"
            " SELECT %s, now() + interval '1 day', 'core_user', 7, 'update', '{\"name\": [\"a\", \"b\"]}'",
            number,
        )
        assert [each.what for each in sealing.verify()] == ["added"]
        _tampered("DELETE FROM core_auditentry WHERE id = %s AND at > now() + interval '1 hour'", number)
    assert sealing.verify() == []


@pytest.mark.parametrize(
    "change",
    [
        'changes = \'{"name": ["a", "b"]}\'',
        "actor_name = 'nobody'",
        "actor_id = 7",
        "at = at + interval '1 second'",
        "address = '198.51.100.7'",
        "action = 'destroy'",
    ],
)
def test_an_erased_entry_that_says_something_else_is_found(change: str, cast: Cast, make: Make) -> None:
    gadget = make("fakes.gadget", name="水泵")
    _sealed(make)
    table = type(gadget)._meta.db_table
    made = Erasure.objects.create(
        key="k", entity="fakes.gadget", record_id=gadget.pk, born_at=clock.now(), reason="要求"
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT guanxi_audit_redact(%s, %s, %s)", [made.pk, table, [gadget.pk]])
    assert sealing.verify() == []
    _seal()
    _seal()
    assert sealing.verify() == [], "what was noted of it is sealed"
    _tampered(f"UPDATE core_auditentry SET {change} WHERE entity = %s AND record_id = %s", table, gadget.pk)
    assert [each.what for each in sealing.verify()] == ["erased"]


def test_what_was_noted_of_an_erasure_cannot_be_bent_with_it(cast: Cast, make: Make) -> None:
    gadget = make("fakes.gadget", name="水泵")
    made = Erasure.objects.create(
        key="k", entity="fakes.gadget", record_id=gadget.pk, born_at=clock.now(), reason="要求"
    )
    for _again in range(2):  # the second finds nothing left to empty
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT guanxi_audit_redact(%s, %s, %s)", [made.pk, type(gadget)._meta.db_table, [gadget.pk]]
            )
    assert AuditEntry.objects.filter(entity="core_auditredaction", record_id=made.pk).count() == 1
    _sealed(make)
    _tampered("UPDATE core_auditentry SET changes = '{}' WHERE entity = 'core_auditredaction'")
    assert [each.what for each in sealing.verify()] == ["entries"]


def test_a_seal_removed_or_the_end_cut_off_is_found(cast: Cast, make: Make) -> None:
    seals = _sealed(make)
    kept = seals[-1].digest
    _tampered("DELETE FROM core_auditseal WHERE id = %s", seals[-1].pk)
    assert [each.what for each in sealing.verify(expected=kept)] == ["end"]
    assert sealing.verify() == []
    _tampered("DELETE FROM core_auditseal WHERE id = %s", seals[0].pk)
    assert [(each.seal, each.what) for each in sealing.verify()] == [(seals[1].pk, "entries")]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE core_auditentry SET actor_name = 'nobody'",
        "DELETE FROM core_auditentry",
        "TRUNCATE core_auditentry",
        "DELETE FROM core_auditseal",
    ],
)
def test_the_database_refuses_to_change_the_audit(sql: str, cast: Cast, make: Make) -> None:
    _sealed(make, 2)
    with pytest.raises((InternalError, ProgrammingError), match="cannot be changed or removed"):
        _tried(sql)
    assert sealing.verify() == []
