"""Packs: each applies whole with its samples, a second time changes nothing, local changes stay, and it goes again."""

from __future__ import annotations

import json
from threading import Thread
from typing import Any

import pytest
from django.utils.translation import gettext, override

from guanxi.core import access, records
from guanxi.core.exchange import packs, settingsfile
from guanxi.core.kernel.actor import system_actor
from guanxi.core.kernel.errors import Denied, NotFound
from guanxi.core.models import (
    AppliedPack,
    ApprovalFlow,
    AutomationRule,
    Collaborator,
    CustomField,
    CustomObject,
    Dashboard,
    DictionaryValue,
    Layout,
    PublicPage,
    Report,
)
from guanxi.core.records import formula, objects, process, shape, timeline
from guanxi.core.records.query import compile_tree
from guanxi.core.reporting import datasets, stored, tiles
from guanxi.core.reporting.engine import run
from guanxi.core.reporting.spec import read
from guanxi.core.schema.registry import entity_of, is_registered
from guanxi.core.web.hints import hint
from guanxi.core.web.record import header

EVERY = ["insurance", "securities", "exhibition", "logistics"]


@pytest.fixture(autouse=True)
def as_before(db: None) -> Any:
    yield
    CustomObject.objects.all().delete()
    objects.sync()


def _layouts_hold(actor: Any) -> None:
    for row in Layout.objects.all():
        if not row.entity:
            for one in row.definition.get("lists", ()):
                entity = entity_of(one["entity"])
                compile_tree(actor, entity, one["filter"])
                assert set(one["columns"]) <= set(shape.fields_of(entity)), one["key"]
            stored = set(Report.objects.values_list("key", flat=True))
            assert set(row.definition.get("figures", ())) <= stored | tiles.known()
            continue
        known = set(shape.fields_of(row.entity))
        definition = row.definition
        named = definition.get("fields") or [name for one in definition["sections"] for name in one["fields"]]
        assert set(named) <= known, f"{row}: {set(named) - known}"


def _rest_holds(actor: Any) -> None:
    reports = {row.key: row for row in Report.objects.all()}
    for report in reports.values():
        assert run(actor, read(report.definition)) is not None
    for board in Dashboard.objects.all():
        assert {tile["report"] for tile in board.definition["tiles"]} <= set(reports)


@pytest.mark.parametrize("key", EVERY)
def test_a_pack_applies_whole_and_everything_in_it_works(cast: Any, key: str) -> None:
    """What an editor of the settings would refuse is refused as the pack is applied; home pages and reports are tried here."""
    pack = packs.pack_of(key)
    wanted = sum(len(table.rows) for table in pack.samples if not table.steps)
    assert wanted >= 150
    first = packs.apply(cast.root, key)
    assert first.samples == wanted
    for row in pack.settings["objects"]:
        entity = entity_of(f"custom.{row['key']}")
        assert records.select(cast.root, entity).count, entity.key
    for table in (
        "roles",
        "layouts",
        "flows",
        "rules",
        "templates",
        "reports",
        "dashboards",
        "processes",
        "numberings",
    ):
        assert pack.settings.get(table), f"{key} has no {table}"
    actor = system_actor("test")
    _layouts_hold(actor)
    _rest_holds(actor)
    for row in pack.settings["processes"]:
        assert process.process_of(row["entity"], row["field"]) is not None
    again = packs.apply(cast.root, key)
    assert (again.changed, again.kept, again.samples) == (0, (), 0)


@pytest.mark.parametrize("key", EVERY)
def test_everything_is_said_in_both_languages(key: str) -> None:
    pack = packs.pack_of(key)
    for table, rows in pack.settings.items():
        for row in rows:
            for name, value in row.items():
                if name.endswith("_zh") and value:
                    assert row.get(name.removesuffix("zh") + "en"), f"{table}: {row.get('key')} {name}"
    for table in pack.samples:
        assert not table.rows or all(None not in row for row in table.rows), f"{table.name}: too many cells"


def test_samples_in_english(cast: Any) -> None:
    packs.apply(cast.root, "insurance", language="en")
    claim = entity_of("custom.claim").model._default_manager.get(name="CL20260001")
    assert str(claim.custom["place"]).isascii()


def test_samples_in_both_languages_and_roles_described_in_the_readers(cast: Any) -> None:
    packs.apply(cast.root, "insurance")
    policy = entity_of("custom.policy").model._default_manager.get(name="P202600001")
    assert policy.custom["product"] == "康佑终身重大疾病保险 Lifelong critical illness"
    for pack in packs.packs().values():
        for row in pack.settings["roles"]:
            with override("zh-hans"):
                assert gettext(row["description"]) != row["description"], row["key"]


def test_local_changes_stay_and_the_rest_goes(cast: Any) -> None:
    packs.apply(cast.root, "insurance", with_samples=False)
    AutomationRule.objects.filter(key="insurance-claim-new").update(name_zh="我改的")
    again = packs.apply(cast.root, "insurance", with_samples=False)
    assert again.kept == ("rules/insurance-claim-new",)
    assert AutomationRule.objects.get(key="insurance-claim-new").name_zh == "我改的"
    gone = packs.remove(cast.root, "insurance")
    assert gone.kept == ("rules/insurance-claim-new",)
    assert not is_registered("custom.claim")
    assert not CustomObject.objects.exists()
    assert not ApprovalFlow.objects.filter(key__startswith="insurance").exists()
    assert not CustomField.objects.filter(entity__startswith="custom.").exists()
    assert not DictionaryValue.objects.filter(dictionary__key="claim_state").exists()
    assert not PublicPage.objects.exists()
    assert not Report.objects.filter(key__startswith="insurance").exists()
    with pytest.raises(NotFound):
        packs.remove(cast.root, "insurance")


def test_samples_go_again_but_for_what_somebody_worked_on(cast: Any) -> None:
    """A changed claim stays, and so do the policy and the customer that bear it; everything else goes to the trash."""
    made = packs.apply(cast.root, "insurance").samples
    claim = entity_of("custom.claim").model._default_manager.get(name="CL20260001")
    policy, customer = claim.parent_id, claim.parent.parent_id
    records.update(cast.root, claim, {"custom.about": "客户补充了材料"})
    gone = packs.remove(cast.root, "insurance")
    assert (gone.samples, gone.samples_kept) == (made - 3, 3)
    assert entity_of("customers.customer").model._default_manager.filter(pk=customer).exists()
    row = CustomObject.objects.get(key="claim")
    assert not row.active, "an object with records is retired, not lost"
    packs.apply(cast.root, "insurance", with_samples=False)
    left = entity_of("custom.claim").model._default_manager.get()
    assert (left.name, left.parent_id, left.custom["about"]) == ("CL20260001", policy, "客户补充了材料")


def test_a_pack_goes_over_an_export_and_back(cast: Any) -> None:
    """A settings file of a workspace with a pack brings another one to the same state."""
    packs.apply(cast.root, "insurance", with_samples=False)
    told = settingsfile.export(cast.root)
    packs.remove(cast.root, "insurance")
    settingsfile.apply(cast.root, told)
    assert settingsfile.export(cast.root) == told


def test_who_may(cast: Any) -> None:
    for work in (packs.apply, packs.remove):
        with pytest.raises(Denied):
            work(cast.alice, "insurance")
    with pytest.raises(NotFound):
        packs.apply(cast.root, "nothing")
    assert not AppliedPack.objects.exists()


def test_formulas_of_the_claim(cast: Any) -> None:
    packs.apply(cast.root, "insurance", with_samples=False)
    policy = records.create(cast.root, "custom.policy", {"name": "P1", "custom.line": "car"})
    given = {
        "parent": policy.pk, "custom.happened_at": "2026-03-01T08:00", "custom.reported_at": "2026-03-02T12:30",
    }  # fmt: skip
    claim = records.create(cast.root, "custom.claim", given)
    assert claim.name.startswith("CL")
    assert (claim.custom["report_hours"], claim.custom["late"]) == (28.5, True)
    assert formula.evaluate("add_hours(custom.reported_at, 24) > now()", claim).value is False


def pack_file(key: str) -> str:
    """The settings of a pack as a file that only adds."""
    head = {settingsfile.HEAD: {"format": settingsfile.FORMAT, "complete": False}}
    return json.dumps({**head, **packs.pack_of(key).settings})


def test_settings_go_back_to_before_a_pack(cast: Any) -> None:
    before = settingsfile.export(cast.root)
    version = settingsfile.keep(cast.root)
    assert version is not None
    settingsfile.apply(cast.root, pack_file("exhibition"))
    assert is_registered("custom.show")
    settingsfile.revert(cast.root, version)
    assert not is_registered("custom.show")
    assert settingsfile.export(cast.root) == before


def test_people_of_another_trade_have_it_not_on_their_menu_and_a_competitor_is_no_step(cast: Any, make: Any) -> None:
    """A customer shared with somebody brings what hangs on it to that customer's page, not to his menu."""
    packs.apply(cast.root, "logistics", with_samples=False)
    entity = entity_of("custom.freight_assessment")
    customer = make("customers.customer", owner=cast.alice_user.pk)
    record = records.create(cast.root, entity, {"name": "美西", "parent": customer.pk, "custom.mode": "sea"})
    Collaborator.objects.create(
        entity="customers.customer", record_id=customer.pk, user=cast.charlie_user, level="read"
    )
    charlie = cast.actor(cast.charlie_user)
    assert access.allowed(charlie, "view", record)
    assert not access.at_home(charlie, entity)
    assert access.at_home(charlie, entity_of("customers.customer"))
    (report, *_others) = Report.objects.filter(definition__dataset=entity.key)
    assert report.key not in {one.key for one in stored.offered(charlie)}
    assert report.key in {one.key for one in stored.offered(cast.root)}
    assert stored.setup(charlie, "report", report.key).row == report
    assert entity not in datasets.datasets(charlie)
    assert access.at_home(cast.root, entity)
    assert header.path_field(cast.root, entity) is None
    path = header.path_field(cast.root, entity_of("custom.freight_proposal"))
    assert path is not None
    assert path.name == "custom.state"


def test_a_percentage_and_what_the_house_did_itself_are_said_in_words(cast: Any, make: Any) -> None:
    packs.apply(cast.root, "insurance", with_samples=False)
    policy = records.create(
        system_actor("packs"),
        "custom.policy",
        {"name": "P1", "parent": make("customers.customer").pk, "custom.line": "car"},
    )
    one = records.create(
        cast.root, "custom.beneficiary", {"name": "李雷", "parent": policy.pk, "custom.share": 100, "custom.rank": 1}
    )
    fields = shape.fields_of("custom.beneficiary")
    said = [hint(cast.root, one, fields[name], {}) for name in ("custom.rank", "custom.share")]
    assert said == [f"{fields['custom.rank'].label} 1", f"{fields['custom.share'].label} 100%"]
    with override("zh-hans"):
        (entry,) = timeline.timeline(cast.root, policy).entries
    assert entry.by_name == "行业包"


def test_other_threads_do_not_take_away_what_is_being_applied(cast: Any, monkeypatch: Any) -> None:
    """They read rows that know nothing of the pack yet."""
    found, keep = [], settingsfile.keep

    def kept(actor: Any, sort: str = "kept", comment: str = "") -> Any:
        if sort == "applied":
            other = Thread(target=objects.sync)
            other.start()
            other.join()
            found.append(is_registered("custom.freight_assessment"))
        return keep(actor, sort, comment)

    monkeypatch.setattr(settingsfile, "keep", kept)
    packs.apply(cast.root, "logistics", with_samples=False)
    assert found == [True]
