"""Kept reports: whose they are, who may use and change them; built-in ones lie beneath them."""

from __future__ import annotations

from typing import Any

import pytest

from guanxi.core.kernel.errors import Denied, Invalid, NotFound
from guanxi.core.models import Report, Role
from guanxi.core.models.stamps import bump
from guanxi.core.reporting import builtin, engine, stored
from guanxi.core.reporting.spec import read
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db
GADGETS = {"dataset": "fakes.gadget", "rows": [{"field": "state"}]}


def keep(actor: Any, name: str = "我的小器具", visibility: str = "private", **more: Any) -> stored.Setup:
    """Keep a report on gadgets."""
    return stored.setup_save(actor, sort="report", name=name, definition=GADGETS, visibility=visibility, **more)


def test_a_private_report_is_ones_own(cast: Cast) -> None:
    mine = keep(cast.alice)
    assert mine.mine
    assert stored.setup(cast.alice, "report", mine.key).definition == stored.written(read(GADGETS))
    for other in (cast.bob, cast.charlie):
        with pytest.raises(NotFound):
            stored.setup(other, "report", mine.key)
    with pytest.raises(NotFound):
        stored.setup_delete(cast.bob, sort="report", key=mine.key)


def test_a_team_report_is_used_by_the_department_and_changed_by_its_owner(cast: Cast) -> None:
    mine = keep(cast.alice, visibility="team")
    assert stored.setup(cast.bob, "report", mine.key).may_change is False
    with pytest.raises(NotFound):
        stored.setup(cast.charlie, "report", mine.key)
    with pytest.raises(Denied):
        keep(cast.bob, "改了", key=mine.key)
    copied = stored.setup_copy(cast.bob, sort="report", key=mine.key)
    assert (copied.mine, copied.name, copied.visibility) == (True, "Copy of 我的小器具", "private")


def test_sharing_with_everyone_takes_a_feature(cast: Cast) -> None:
    with pytest.raises(Denied):
        keep(cast.alice, visibility="public")
    assert Report.objects.count() == 0
    Role.objects.filter(pk=cast.role.pk).update(features=["reports.public"])
    bump("rights")
    shared = keep(cast.actor(cast.alice_user), visibility="public")
    assert stored.setup(cast.charlie, "report", shared.key).name == "我的小器具"
    with pytest.raises(NotFound):
        stored.setup(cast.dave, "report", shared.key)


def test_a_deleted_report_comes_back(cast: Cast) -> None:
    mine = keep(cast.alice)
    stored.setup_delete(cast.alice, sort="report", key=mine.key)
    with pytest.raises(NotFound):
        stored.setup(cast.alice, "report", mine.key)
    with pytest.raises(NotFound):
        stored.setup_restore(cast.bob, sort="report", key=mine.key)
    stored.setup_restore(cast.alice, sort="report", key=mine.key)
    assert stored.setup(cast.alice, "report", mine.key).name == mine.name


def test_a_built_in_report_can_be_replaced_for_everyone_and_brought_back(cast: Cast) -> None:
    key = "customers-by-source"
    before = stored.setup(cast.root, "report", key)
    with pytest.raises(Denied):
        keep(cast.alice, key=key)
    changed = stored.setup_save(
        cast.root, sort="report", key=key, name="来源（我们的口径）", visibility="public",
        definition={**before.definition, "chart": "pie"},
    )  # fmt: skip
    assert (changed.built_in, changed.group) == (True, "customers")
    assert stored.setup(cast.alice, "report", key).definition["chart"] == "pie"
    stored.setup_delete(cast.root, sort="report", key=key)
    assert stored.setup(cast.alice, "report", key).definition["chart"] == "bar"


def test_wrong_things_are_not_kept(cast: Cast) -> None:
    for definition, name in (({"dataset": ""}, "x"), (GADGETS, " "), ({"dataset": "fakes.gadget", "top": "-"}, "x")):
        with pytest.raises(Invalid):
            stored.setup_save(cast.alice, sort="report", name=name, definition=definition)
    with pytest.raises(Invalid):
        stored.setup_save(cast.alice, sort="board", name="b", definition={"tiles": [{"width": 1}]})
    assert Report.objects.count() == 0


@pytest.mark.parametrize("key", sorted(builtin.reports()))
def test_every_built_in_report_answers(key: str, cast: Cast) -> None:
    known = builtin.reports()[key]
    assert known.group in builtin.GROUPS
    assert all((known.zh, known.en, known.about_zh, known.about_en))
    result = engine.run(cast.root, read(known.definition))
    assert result.columns
    assert engine.run(cast.alice, read(known.definition)).total.cells[0].value in (0, None)
