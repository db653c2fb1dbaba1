"""Search documents follow whose records are, whatever changes it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from guanxi.areas.sales.services import handover
from guanxi.core import records
from guanxi.core.exchange import imports
from guanxi.core.exchange.options import Options
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import SearchDoc, User
from guanxi.core.people import shares
from guanxi.core.people.departments import department_move
from guanxi.core.records import bulk
from guanxi.core.records.search import index, probe, tokens
from guanxi.core.records.search.query import search
from guanxi.core.schema.registry import entity_of
from tests.factories.cast import Cast

CUSTOMER, CONTACT, DEAL = "customers.customer", "customers.contact", "sales.opportunity"


def _fresh() -> None:
    """Every document is the one its record would have if it were made now, carrier's owners included."""
    for entity in map(entity_of, (CUSTOMER, CONTACT, DEAL)):
        there = {
            row[0]: row[1:]
            for row in SearchDoc.objects.filter(entity=entity.key).values_list(
                "record_id", "key", "spell", "owner", "carrier", "tsv"
            )
        }
        wanted = {}
        for one in entity.model._default_manager.all():
            _entity, number, key, spell, tsv, owner, carrier = index.search_row(entity, one.pk, one)
            if entity.access.carried_by:
                parent = getattr(one, entity.access.carried_by)
                assert carrier == (parent.owner_id if parent else None), (entity.key, one.pk)
            wanted[number] = (key, spell, owner, carrier, sorted(tsv.split(" ")) if tsv else [])
        assert {n: (*row[:4], sorted(row[4].split(" ")) if row[4] else []) for n, row in there.items()} == wanted


def _finds(who: Actor) -> set[tuple[str, int]]:
    """All that a search finds: every record of the test is called so."""
    return {(hit.entity, hit.record_id) for hit in search(who, "华为", limit=200)}


def _sees(who: Actor) -> set[tuple[str, int]]:
    return {(key, one.pk) for key in (CUSTOMER, CONTACT, DEAL) for one in records.queryset(who, key)}


def _anew(record: Any) -> Any:
    return type(record).objects.get(pk=record.pk)


def test_documents_follow_whose_records_are(
    cast: Cast, make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(probe._told, "made", (time.monotonic(), {tokens.MADE_BY: 1.0}))

    def check(step: str) -> None:
        _fresh()
        for user in (cast.alice_user, cast.bob_user, cast.charlie_user, cast.root_user):
            who = cast.actor(User.everything.get(pk=user.pk))
            assert _finds(who) == _sees(who), (step, user.username)

    firms = [make(CUSTOMER, by=cast.alice_user, name=f"华为{n}公司") for n in range(4)]
    people = [make(CONTACT, by=cast.alice_user, name=f"华为{n}", customer=firms[n].pk) for n in range(4)]
    for n in range(4):
        make(DEAL, by=cast.alice_user, name=f"华为机会{n}", customer=firms[n].pk)
    check("made")
    records.update(cast.root, firms[0], {"owner": cast.charlie_user.pk})
    check("single")
    step = bulk.change(cast.root, "update", CUSTOMER, [firms[1].pk, firms[2].pk], {"owner": cast.charlie_user.pk})
    check("assign")
    records.undo(cast.root, step.pk)
    check("undo assign")
    step = bulk.change(cast.root, "update", CONTACT, [one.pk for one in people], {"owner": cast.charlie_user.pk})
    check("bulk")
    records.undo(cast.root, step.pk)
    check("undo bulk")
    run = imports.import_stage(
        cast.root,
        content=f"名称,负责人\n华为1公司,{cast.charlie_user.name}\n华为9公司,{cast.bob_user.name}\n".encode(),
        name="x.csv",
        entity=CUSTOMER,
    )
    imports.import_configure(cast.root, run=run, options=Options())
    run = imports.import_run(cast.root, run=imports.import_start(cast.root, run=run))
    assert (run.created, run.updated) == (1, 1)
    assert _anew(firms[1]).owner_id == cast.charlie_user.pk
    check("import")
    imports.import_undo(cast.root, run=run)
    check("undo import")
    records.delete(cast.root, _anew(people[2]))
    check("trash of a contact")
    records.update(cast.root, _anew(firms[2]), {"owner": cast.charlie_user.pk})
    check("owner of its customer")
    records.restore(cast.root, CONTACT, [people[2].pk])
    check("restored")
    step = records.merge(cast.root, CUSTOMER, firms[2].pk, [firms[3].pk], {})
    check("merge")
    records.undo(cast.root, step.pk)
    check("undo merge")
    records.update(cast.root, _anew(people[3]), {"customer": firms[2].pk})
    check("another customer")
    shares.share_set(cast.root, _anew(firms[2]), cast.bob_user, level="read")
    check("shared")
    shares.share_remove(cast.root, _anew(firms[2]), cast.bob_user)
    check("no longer shared")
    department_move(cast.root, cast.east, parent=cast.south)
    check("department under another")
    records.update(cast.root, User.objects.get(pk=cast.bob_user.pk), {"department": cast.east.pk})
    check("another department")
    records.update(cast.root, _anew(firms[0]), {"owner": None})
    check("nobody's")
    handover.handover_run(
        cast.root, leaver=cast.charlie_user.pk, sort=CUSTOMER, to=[cast.alice_user.pk, cast.bob_user.pk]
    )
    check("handed over")
    gone = records.delete(cast.root, _anew(firms[1]))
    check("trash")
    records.undo(cast.root, gone.pk)
    check("undo trash")
