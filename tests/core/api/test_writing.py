"""Writing: fields, versions, conflicts, bulk, merge, actions, trash, undo; each refused write changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.test import Client

from guanxi.core import records
from guanxi.core.models import AuditEntry
from tests.core.api.conftest import GADGETS, JSON, problem
from tests.factories.cast import Cast
from tests.fakes.models import Gadget

Api = Callable[..., Client]
Make = Callable[..., Any]


def test_create_reads_every_kind(api: Api, make: Make) -> None:
    parent = make("fakes.gadget")
    sent = {
        "name": "全部",
        "number": "G-1",
        "state": "used",
        "pieces": 7,
        "weight": "1.250",
        "price": "1234.50",
        "made_on": "2024-02-29",
        "sold_at": "2024-03-01T08:30:00+08:00",
        "opens_at": "09:15",
        "active": False,
        "email": "a@example.com",
        "phones": [{"value": "13800138000", "label": "mobile"}],
        "lines": [{"what": "螺丝", "amount": "2.50"}],
        "parent": parent.pk,
    }
    answer = api("alice").post(GADGETS, sent, **JSON)
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert answer["Location"] == f"/api/v1/gadgets/{body['id']}"
    assert answer["ETag"] == f'"{body["id"]}-1"'
    assert (body["pieces"], body["weight"], body["price"], body["active"]) == (7, "1.250", "1234.50", False)
    assert (body["made_on"], body["sold_at"], body["opens_at"][:5]) == (
        "2024-02-29",
        "2024-03-01T00:30:00+00:00",
        "09:15",
    )
    assert body["phones"][0]["value"] == "+8613800138000"
    assert body["lines"][0]["what"] == "螺丝"
    stored = Gadget.objects.get(pk=body["id"])
    assert (stored.owner.username, stored.parent_id, stored.created_by.username) == ("alice", parent.pk, "alice")
    entry = AuditEntry.objects.get(record_id=stored.pk, entity="fakes_gadget", action="create")
    assert (entry.actor_name, entry.via) == ("林爱丽", "api")


def test_every_wrong_field_is_named(api: Api) -> None:
    wrong = {"name": "", "state": "purple", "pieces": "seven", "made_on": "2024-02-30", "email": "no", "parent": 999999}
    body = problem(api("alice").post(GADGETS, wrong, **JSON), 422, "value.invalid")
    assert {one["field"] for one in body["errors"]} == set(wrong)
    assert all(one["message"] and one["code"] for one in body["errors"])
    assert not Gadget.objects.exists()


def test_bodies_that_are_none(api: Api, make: Make) -> None:
    client, one = api("alice"), make("fakes.gadget")
    assert client.post(GADGETS, "{", **JSON).status_code in (400, 422)
    for body in ("[]", '"x"', "5", "null"):
        answer = client.post(GADGETS, body, **JSON)
        assert answer.status_code in (400, 422), body
        assert answer["Content-Type"] == "application/problem+json"
        assert client.patch(f"{GADGETS}/{one.pk}", body, **JSON).status_code in (400, 422)
    assert Gadget.objects.count() == 1
    assert client.post(GADGETS, {"name": "a\x00b"}, **JSON).json()["name"] == "ab"


def test_if_match_guards_changes(api: Api, make: Make) -> None:
    one, client = make("fakes.gadget", name="Old"), api("alice")
    tag = client.get(f"{GADGETS}/{one.pk}")["ETag"]
    changed = client.patch(f"{GADGETS}/{one.pk}", {"name": "New"}, headers={"If-Match": tag}, **JSON)
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    late = client.patch(f"{GADGETS}/{one.pk}", {"name": "Late"}, headers={"If-Match": tag}, **JSON)
    assert problem(late, 412, "record.outdated")["details"] == {"version": 2}
    problem(client.delete(f"{GADGETS}/{one.pk}", headers={"If-Match": tag}), 412, "record.outdated")
    assert Gadget.objects.get(pk=one.pk).name == "New"
    any_of = client.patch(
        f"{GADGETS}/{one.pk}", {"name": "3"}, headers={"If-Match": f'"0-0", {changed["ETag"]}'}, **JSON
    )
    assert any_of.status_code == 200
    assert client.patch(f"{GADGETS}/{one.pk}", {"name": "4"}, headers={"If-Match": "*"}, **JSON).status_code == 200
    same = client.get(f"{GADGETS}/{one.pk}", headers={"If-None-Match": '"' + f'{one.pk}-4"'})
    assert (same.status_code, same.content) == (304, b"")


def test_a_conflict_tells_both_sides(api: Api, make: Make, cast: Cast) -> None:
    one = make("fakes.gadget", name="Gadget", note="old")
    records.update(cast.root, one, {"note": "theirs", "pieces": 3})
    answer = api("alice").patch(f"{GADGETS}/{one.pk}", {"version": 1, "note": "mine"}, **JSON)
    body = problem(answer, 409, "record.conflict")
    assert body["version"] == 2
    clash = body["clashes"][0]
    assert (clash["field"], clash["mine"], clash["theirs"], clash["original"]) == ("note", "mine", "theirs", "old")
    merged = api("alice").patch(f"{GADGETS}/{one.pk}", {"version": 1, "state": "used"}, **JSON)
    assert (merged.status_code, merged.json()["pieces"], merged.json()["state"]) == (200, 3, "used")


def test_trash_restore_and_undo(api: Api, make: Make) -> None:
    one, client = make("fakes.gadget"), api("alice")
    deleted = client.delete(f"{GADGETS}/{one.pk}").json()
    assert (deleted["sort"], deleted["total"]) == ("delete", 1)
    problem(client.get(f"{GADGETS}/{one.pk}"), 404, "record.not_found")
    undone = client.post(f"/api/v1/operations/{deleted['id']}/undo", **JSON)
    assert undone.json() == {"undone": 1, "skipped": []}
    assert client.get(f"{GADGETS}/{one.pk}").status_code == 200
    problem(client.post(f"/api/v1/operations/{deleted['id']}/undo", **JSON), 409, "undo.over")
    client.delete(f"{GADGETS}/{one.pk}")
    back = client.post(f"{GADGETS}/{one.pk}/restore", **JSON)
    assert (back.status_code, back.json()["id"]) == (200, one.pk)


def test_operations_belong_to_who_did_them(api: Api, make: Make) -> None:
    one = make("fakes.gadget")
    step = api("alice").delete(f"{GADGETS}/{one.pk}").json()["id"]
    problem(api("bob").get(f"/api/v1/operations/{step}"), 404, "record.not_found")
    problem(api("bob").post(f"/api/v1/operations/{step}/undo", **JSON), 404, "record.not_found")
    assert api("root").get(f"/api/v1/operations/{step}").json()["entity"] == "fakes.gadget"
    for wrong in ("0", "x", "99999999999999999999", "-1"):
        problem(api("root").get(f"/api/v1/operations/{wrong}"), 404, "record.not_found")


def test_bulk_says_what_was_done_and_why_not(api: Api, make: Make, cast: Cast) -> None:
    mine = [make("fakes.gadget", pieces=1) for _ in range(2)]
    bobs = make("fakes.gadget", pieces=1, by=cast.bob_user)
    ids = [*(one.pk for one in mine), bobs.pk, 999_999]
    client = api("alice")
    answer = client.post(f"{GADGETS}/bulk", {"action": "update", "ids": ids, "values": {"pieces": 5}}, **JSON)
    body = answer.json()
    assert (answer.status_code, body["state"], body["total"]) == (200, "done", 4)
    assert (body["result"]["done"], body["result"]["failed"]) == (2, 2)
    assert [(one["id"], one["code"]) for one in body["result"]["problems"]] == [
        (bobs.pk, "access.denied"),
        (999_999, "record.not_found"),
    ]
    undone = client.post(f"/api/v1/operations/{body['id']}/undo", **JSON)
    assert undone.json()["undone"] == 2
    assert set(Gadget.objects.values_list("pieces", flat=True)) == {1}


def test_bulk_by_filter_takes_only_what_one_may_see(api: Api, make: Make, cast: Cast) -> None:
    make("fakes.gadget", state="used")
    make("fakes.gadget", state="new")
    foreign = make("fakes.gadget", state="used", by=cast.charlie_user)
    tree = {"field": "state", "op": "eq", "value": "used"}
    body = api("alice").post(f"{GADGETS}/bulk", {"action": "delete", "filter": tree}, **JSON).json()
    assert (body["total"], body["result"]["done"]) == (1, 1)
    assert Gadget.objects.filter(pk=foreign.pk).exists()
    answer = api("alice").post(f"{GADGETS}/bulk", {"action": "explode", "ids": [foreign.pk]}, **JSON)
    assert answer.status_code == 422
    assert (
        api("alice").post(f"{GADGETS}/bulk", {"action": "update", "ids": [1], "values": {"x": 1}}, **JSON).status_code
        == 422
    )


def test_merge_and_its_undo(api: Api, make: Make) -> None:
    keep, other = make("fakes.gadget", name="Keep", note=""), make("fakes.gadget", name="Other", note="told")
    part = make("fakes.part", gadget=other)
    client = api("alice")
    sent = {"keep": keep.pk, "others": [other.pk], "choices": {"name": other.pk}}
    step = client.post(f"{GADGETS}/merge", sent, **JSON)
    assert step.status_code == 200, step.content
    merged = client.get(f"{GADGETS}/{keep.pk}").json()
    assert merged["name"] == "Other"
    problem(client.get(f"{GADGETS}/{other.pk}"), 404, "record.not_found")
    assert client.get(f"/api/v1/parts/{part.pk}").json()["gadget"] == keep.pk
    assert client.post(f"/api/v1/operations/{step.json()['id']}/undo", **JSON).json()["skipped"] == []
    assert client.get(f"/api/v1/parts/{part.pk}").json()["gadget"] == other.pk
    assert client.get(f"{GADGETS}/{keep.pk}").json()["name"] == "Keep"


def test_merge_refuses_what_one_may_not_touch(api: Api, make: Make, cast: Cast) -> None:
    mine, bobs = make("fakes.gadget", name="Mine"), make("fakes.gadget", name="Bobs", by=cast.bob_user)
    foreign = make("fakes.gadget", name="Foreign", by=cast.charlie_user)
    client = api("alice")
    problem(client.post(f"{GADGETS}/merge", {"keep": mine.pk, "others": [foreign.pk]}, **JSON), 404, "record.not_found")
    problem(client.post(f"{GADGETS}/merge", {"keep": mine.pk, "others": [bobs.pk]}, **JSON), 403, "access.denied")
    assert client.post(f"{GADGETS}/merge", {"keep": mine.pk, "others": [mine.pk]}, **JSON).status_code in (409, 422)
    assert client.post(f"{GADGETS}/merge", {"keep": mine.pk, "others": []}, **JSON).status_code in (409, 422)
    assert Gadget.objects.count() == 3


def test_actions_run_once_they_apply(api: Api, make: Make, cast: Cast) -> None:
    one, bobs, client = make("fakes.gadget"), make("fakes.gadget", by=cast.bob_user), api("alice")
    assert client.post(f"{GADGETS}/{one.pk}/actions/break", {}, **JSON).json() == {"done": True, "id": one.pk}
    assert Gadget.objects.get(pk=one.pk).state == "broken"
    assert problem(client.post(f"{GADGETS}/{one.pk}/actions/break", {}, **JSON), 409, "action.not_now")["title"] == (
        "It is broken already."
    )
    problem(client.post(f"{GADGETS}/{one.pk}/actions/fly", {}, **JSON), 404, "action.unknown")
    problem(client.post(f"{GADGETS}/{bobs.pk}/actions/break", {}, **JSON), 403, "access.denied")
    problem(client.post(f"{GADGETS}/{bobs.pk}/actions/break", {"with": "hammer"}, **JSON), 403, "access.denied")
    assert Gadget.objects.get(pk=bobs.pk).state == "new"


def test_history_and_why(api: Api, make: Make) -> None:
    one, client = make("fakes.gadget", name="One"), api("alice")
    client.patch(f"{GADGETS}/{one.pk}", {"name": "Two"}, **JSON)
    newest = client.get(f"{GADGETS}/{one.pk}/history").json()["items"][0]
    assert (newest["actor_name"], newest["via"], newest["action"]) == ("林爱丽", "api", "update")
    assert {"field": "name", "before": "One", "after": "Two"} in newest["fields"]
    told = api("bob").get(f"{GADGETS}/{one.pk}/why", {"action": "change"}).json()
    assert told["allowed"] is False
    assert told["reasons"]
    problem(api("charlie").get(f"{GADGETS}/{one.pk}/why"), 404, "record.not_found")
