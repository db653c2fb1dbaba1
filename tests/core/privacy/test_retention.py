"""Rules of keeping: refused without a condition, counted before they are saved, run by night, seen when they fail."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from guanxi.areas.customers.models import Contact, Customer
from guanxi.core import records
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Conflict, Denied, Invalid
from guanxi.core.models import Erasure, Operation, RetentionRule
from guanxi.core.privacy import erasing, retention
from guanxi.core.privacy.retention import RuleDraft
from guanxi.runtime.backup import making
from tests.core.web.conftest import browse  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db
OLD = {"field": "updated_at", "op": "older_days", "value": 1095}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of backups, and of the register of erasures, of the test's own."""
    monkeypatch.setattr(making, "folder", lambda _settings: tmp_path)


def aged(record: Any) -> Any:
    """The record, last changed four years ago."""
    type(record)._base_manager.filter(pk=record.pk).update(updated_at=clock.now() - dt.timedelta(days=1461))
    return record


def rule(cast: Any, **given: Any) -> RetentionRule:
    draft = {"name_zh": "久无来往", "entity": "customers.customer", "condition": OLD, "active": True}
    return retention.rule_save(cast.root, None, RuleDraft(**{**draft, **given}))


def test_the_night_moves_what_is_over_into_the_trash_and_undo_brings_it_back(cast: Any, make: Any) -> None:
    old, new = aged(make("customers.customer", name="旧客户")), make("customers.customer", name="新客户")
    made = rule(cast)
    assert retention.run_all(clock.now()) == 1
    assert list(Customer.objects.filter(pk__in=[old.pk, new.pk])) == [new]
    made.refresh_from_db()
    assert (made.last_count, made.last_problem) == (1, "")
    assert retention.run_all(clock.now()) == 0
    records.undo(cast.root, Operation.objects.get(sort="bulk_delete").pk)
    assert Customer.objects.filter(pk=old.pk).exists()


def test_the_night_erases_persons_once(cast: Any, make: Any) -> None:
    old = aged(make("customers.contact", name="欧阳问天", phones=[{"value": "13800139527", "label": "mobile"}]))
    rule(cast, entity="customers.contact", action="erase")
    assert retention.run_all(clock.now()) == 1
    stored = Contact.objects.get(pk=old.pk)
    assert (stored.phones, "欧阳" in stored.name) == ([], False)
    assert "久无来往" in Erasure.objects.get().reason
    aged(stored)
    assert retention.run_all(clock.now()) == 0


def test_a_rule_that_fails_says_so_and_lets_the_others_run(cast: Any, make: Any) -> None:
    aged(make("customers.customer", name="旧客户"))
    broken = rule(cast, name_en="broken")
    RetentionRule.objects.filter(pk=broken.pk).update(condition={"field": "gone", "op": "eq", "value": 1})
    rule(cast, name_en="good")
    assert retention.run_all(clock.now()) == 1
    broken.refresh_from_db()
    assert broken.last_problem


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name_zh": " "}, "name_zh"),
        ({"condition": {}}, "condition"),
        ({"condition": {"field": "gone", "op": "eq", "value": 1}}, "condition"),
        ({"condition": {"all": [OLD, {"field": "owner", "op": "in", "value": ["@me"]}]}}, "condition"),
        ({"entity": "core.user"}, "entity"),
        ({"entity": "sales.pipeline", "action": "erase"}, "entity"),
        ({"action": "burn"}, "action"),
    ],
)
def test_mistakes_are_named_at_their_field(cast: Any, given: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        rule(cast, **given)
    assert list(refused.value.errors) == [field]


def test_made_on_its_page(cast: Any, make: Any, browse: Any) -> None:  # noqa: F811
    aged(make("customers.customer", name="旧客户"))
    root = browse("root")
    sent = {"name_zh": "三年", "entity": "customers.customer", "action": "trash", "active": "1",
            "c.0.field": "updated_at", "c.0.op": "older_days", "c.0.value": "1095"}  # fmt: skip
    page = root.post("/settings/privacy/retention/new/", sent).content.decode()
    assert "旧客户" in page, "whom it would take is shown before it is saved"
    assert not RetentionRule.objects.exists()
    assert root.post("/settings/privacy/retention/new/", {**sent, "do": "save"}).status_code == 303
    made = RetentionRule.objects.get()
    assert "三年" in root.get("/settings/privacy/retention/").content.decode()
    root.post(f"/settings/privacy/retention/{made.key}/", {"do": "delete"})
    assert not RetentionRule.objects.exists()


def test_only_for_administrators(cast: Any, browse: Any) -> None:  # noqa: F811
    with pytest.raises(Denied):
        retention.rule_save(cast.alice, None, RuleDraft(name_zh="x", entity="customers.customer", condition=OLD))
    assert browse("alice").get("/settings/privacy/retention/").status_code == 403


def test_who_saves_second_is_told_and_the_editor_keeps_his_version(cast: Any, browse: Any) -> None:  # noqa: F811
    made = rule(cast)
    opened = made.version
    root, address = browse("root", "zh-hans"), f"/settings/privacy/retention/{made.key}/"
    retention.rule_save(cast.root, made, RuleDraft(name_zh="五年", entity=made.entity, condition=OLD), version=opened)
    sent = {
        "name_zh": "三年", "entity": made.entity, "action": "trash", "version": str(opened), "c.op": "all",
        "c.0.field": "updated_at", "c.0.op": "older_days", "c.0.value": "1095",
    }  # fmt: skip
    drawn = root.post(address, {**sent, "do": "count"})
    assert f'name="version" value="{opened}"' in drawn.content.decode()
    refused = root.post(address, {**sent, "do": "save"})
    assert (refused.status_code, "其他人刚刚保存过" in refused.content.decode()) == (409, True)
    made.refresh_from_db()
    assert made.name_zh == "五年"
    assert f'name="version" value="{made.version}"' in refused.content.decode()
    with pytest.raises(Conflict):
        retention.rule_save(cast.root, made, RuleDraft(name_zh="甲", entity=made.entity, condition=OLD), version=opened)


def test_a_name_too_long_is_refused_not_cut(cast: Any) -> None:
    with pytest.raises(Invalid) as caught:
        rule(cast, name_zh="三" * 101)
    assert caught.value.errors["name_zh"][0].code == "text.too_long"
    assert not RetentionRule.objects.exists()


def test_a_record_that_cannot_be_erased_keeps_none_of_the_others(
    cast: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (aged(make("customers.contact", name=name)) for name in ("欧阳问天", "司马听雨"))
    made, take = rule(cast, entity="customers.contact", action="erase"), erasing.take

    def fail(actor: Any, subject: Any, erasure: Erasure) -> None:
        if subject.record.pk == first.pk:
            raise ZeroDivisionError("no way")
        take(actor, subject, erasure)

    monkeypatch.setattr(erasing, "take", fail)
    assert retention.run_all(clock.now()) == 1
    assert Erasure.objects.get().record_id == second.pk
    made.refresh_from_db()
    assert (made.last_count, made.last_problem) == (1, "no way")
