"""Who has a record open: said by open pages, seen by those who may see the record, forgotten when they leave."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from guanxi.core.kernel import clock
from guanxi.core.models import Presence
from guanxi.core.records import presence

URL = "/customers/{}/presence/"


def test_two_people_see_each_other_and_who_is_editing(browse: Any, make: Any, cast: Any) -> None:
    one = make("customers.customer", name="华为")
    alice, bob = browse("alice"), browse("bob")
    assert alice.post(URL.format(one.pk)).json()["others"] == []
    seen = bob.post(URL.format(one.pk), {"editing": "1"}).json()["others"]
    assert [(other["name"], other["initials"], other["editing"]) for other in seen] == [("林爱丽", "爱丽", False)]
    seen = alice.post(URL.format(one.pk)).json()["others"]
    assert [(other["name"], other["editing"]) for other in seen] == [("鲍勃", True)]
    assert bob.post(URL.format(one.pk), {"gone": "1"}).status_code == 204
    assert alice.post(URL.format(one.pk)).json()["others"] == []
    assert Presence.objects.count() == 1


def test_a_page_learns_that_its_record_is_another_by_now(browse: Any, make: Any, cast: Any) -> None:
    one, alice = make("customers.customer", name="华为"), browse("alice")
    drawn = re.search(r'data-stamp="(\w+)"', alice.get(f"/customers/{one.pk}/").content.decode())
    assert drawn
    assert alice.post(URL.format(one.pk)).json()["stamp"] == drawn[1]
    type(one).objects.filter(pk=one.pk).update(returns_on=dt.date(2030, 1, 1))
    assert alice.post(URL.format(one.pk)).json()["stamp"] != drawn[1]
    assert presence.readers("customers.customer", [one.pk]) == {cast.alice.user_id}


def test_strangers_neither_see_nor_are_seen(browse: Any, make: Any) -> None:
    one = make("customers.customer", name="华为")
    assert browse("charlie").post(URL.format(one.pk)).status_code == 404
    assert Presence.objects.count() == 0


def test_others_hear_of_a_change_only(make: Any, cast: Any) -> None:
    one = make("customers.customer", name="华为")
    assert presence.arrive(cast.alice, one) == ([], True)
    assert presence.arrive(cast.alice, one) == ([], False)
    assert presence.arrive(cast.alice, one, editing=True) == ([], True)


def test_who_is_not_heard_of_counts_as_gone(make: Any, cast: Any) -> None:
    one = make("customers.customer", name="华为")
    with clock.moved_to(clock.now() - dt.timedelta(seconds=presence.GONE_AFTER + 1)):
        presence.arrive(cast.alice, one)
    assert presence.arrive(cast.bob, one)[0] == []
