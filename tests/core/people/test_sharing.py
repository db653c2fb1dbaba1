"""Collaborators and explanations: what a share gives, to whom, until when, and how it is explained."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from guanxi.core import access, records
from guanxi.core.automation import outbox
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid, NotFound
from guanxi.core.models import Collaborator, Notification, OutboxEvent
from guanxi.core.people.shares import share_remove, share_set, shares_of
from tests.fakes.models import Gadget, Part


@pytest.fixture
def gadget(make: Any) -> Any:
    return make("fakes.gadget", name="茶壶")


def may(cast: Any, user: Any, record: Any) -> set[str]:
    actor = cast.actor(user)
    return {action for action in ("view", "change", "delete", "share") if access.allowed(actor, action, record)}


def test_a_share_gives_the_record_and_what_it_carries(cast: Any, gadget: Any, make: Any) -> None:
    part, other = make("fakes.part", gadget=gadget), make("fakes.gadget")
    assert may(cast, cast.charlie_user, gadget) == may(cast, cast.charlie_user, part) == set()
    share_set(cast.alice, gadget, cast.charlie_user, level="read")
    assert may(cast, cast.charlie_user, gadget) == may(cast, cast.charlie_user, part) == {"view"}
    assert may(cast, cast.charlie_user, other) == set()
    share_set(cast.alice, gadget, cast.charlie_user, level="write")
    assert may(cast, cast.charlie_user, gadget) == may(cast, cast.charlie_user, part) == {"view", "change"}
    charlie = cast.actor(cast.charlie_user)
    assert list(access.visible(Gadget.objects.all(), charlie)) == [gadget]
    assert list(access.visible(Part.objects.all(), charlie)) == [part]
    share_remove(cast.alice, gadget, cast.charlie_user)
    assert may(cast, cast.charlie_user, gadget) == may(cast, cast.charlie_user, part) == set()


def test_until_the_last_day(cast: Any, gadget: Any) -> None:
    noon = dt.datetime(2026, 3, 5, 4, 0, tzinfo=dt.UTC)
    with clock.moved_to(noon):
        share_set(cast.alice, gadget, cast.charlie_user, until=dt.date(2026, 3, 6))
        assert [one.user for one in shares_of(cast.alice, gadget)] == [cast.charlie_user]
    for day, seen in ((6, {"view"}), (7, set())):
        with clock.moved_to(noon.replace(day=day)):
            assert may(cast, cast.charlie_user, gadget) == seen
    with clock.moved_to(dt.datetime(2026, 3, 6, 16, 30, tzinfo=dt.UTC)):  # the 7th has begun in Shanghai
        assert may(cast, cast.charlie_user, gadget) == set()
    with clock.moved_to(noon.replace(day=7)):
        assert shares_of(cast.alice, gadget) == []


def test_the_colleague_is_told_once(cast: Any, gadget: Any) -> None:
    for _n in range(2):
        share_set(cast.alice, gadget, cast.charlie_user, level="read")
    outbox.deliver_all()
    told = Notification.objects.get(user=cast.charlie_user)
    assert (told.user, told.sort, told.entity, told.record_id) == (
        cast.charlie_user,
        "shared",
        "fakes.gadget",
        gadget.pk,
    )
    assert told.text == "%(by)s shared %(record)s with you to read"
    share_remove(cast.alice, gadget, cast.charlie_user)
    named = OutboxEvent.objects.filter(name__contains="shared").order_by("id")
    names = list(named.values_list("name", flat=True))
    assert names == ["fakes.gadget.shared", "fakes.gadget.unshared"]


@pytest.mark.parametrize(
    ("values", "field"),
    [({"level": "own"}, "level"), ({"until": dt.date(2020, 1, 1)}, "until")],
)
def test_bad_values(cast: Any, gadget: Any, values: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        share_set(cast.alice, gadget, cast.charlie_user, **values)
    assert list(caught.value.errors) == [field]
    with pytest.raises(Invalid):
        share_set(cast.alice, gadget, cast.alice_user)
    cast.dave_user.is_active = False
    with pytest.raises(Invalid):
        share_set(cast.alice, gadget, cast.dave_user)
    assert not Collaborator.objects.exists()


def test_who_may_not_share_shares_nothing(cast: Any, gadget: Any) -> None:
    with pytest.raises(NotFound):
        share_set(cast.charlie, gadget, cast.dave_user)
    with pytest.raises(Denied):
        share_set(cast.bob, gadget, cast.dave_user)
    assert not Collaborator.objects.exists()
    share_set(cast.alice, gadget, cast.charlie_user, level="write")
    charlie = cast.actor(cast.charlie_user)
    with pytest.raises(Denied):
        share_set(charlie, gadget, cast.dave_user)
    with pytest.raises(Denied):
        share_remove(cast.bob, gadget, cast.charlie_user)
    assert Collaborator.objects.count() == 1
    share_remove(charlie, gadget, cast.charlie_user)
    assert not Collaborator.objects.exists()
    with pytest.raises(NotFound):
        share_remove(cast.alice, gadget, cast.charlie_user)


# -- why ---------------------------------------------------------------------------------------------------------------------


def test_why_names_role_owner_and_share(signed_in: Any, cast: Any, gadget: Any) -> None:
    address = f"/gadgets/{gadget.pk}/why/all/"
    bob = signed_in(cast.bob_user).get(address).content.decode()
    assert "“Cast”" in bob
    assert "演员" not in bob
    assert "林爱丽" in bob
    assert signed_in(cast.charlie_user).get(address).status_code == 404
    share_set(cast.alice, gadget, cast.charlie_user)
    assert "The record is shared to read." in signed_in(cast.charlie_user).get(address).content.decode()


def test_administrators_ask_about_others(signed_in: Any, cast: Any, gadget: Any) -> None:
    address = f"/gadgets/{gadget.pk}/why/all/?user={cast.charlie_user.pk}"
    page = signed_in(cast.root_user).get(address).content.decode()
    assert "is not among them" in page
    assert signed_in(cast.bob_user).get(address).status_code == 404
    assert signed_in(cast.root_user).get(f"/gadgets/{gadget.pk}/why/all/?user=999999999").status_code == 404


def test_why_of_records_that_are_not_there(signed_in: Any, cast: Any, gadget: Any) -> None:
    client = signed_in(cast.root_user)
    assert client.get("/gadgets/999999999/why/all/").status_code == 404
    assert client.get("/nonsense/1/why/all/").status_code == 404
    records.delete(cast.root, gadget)
    assert client.get(f"/gadgets/{gadget.pk}/why/all/").status_code == 404
