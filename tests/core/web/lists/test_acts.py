"""What one does in a list: change a cell, several rows, a card’s column, take it out. The face never saves by itself."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils.http import urlencode

from guanxi.core import records
from guanxi.core.models import Operation, stamps
from guanxi.core.records import bulk
from tests.core.web.conftest import HX
from tests.factories.cast import Cast
from tests.fakes.models import Gadget

Browse = Callable[..., Client]
Make = Callable[..., Any]


def toasts(answer: Any) -> list[dict[str, Any]]:
    return list(json.loads(answer["HX-Trigger"])["toast"]["list"])


# A cell


def cell(client: Client, gadget: Gadget, name: str, value: str, **more: str) -> Any:
    return client.post(f"/gadgets/{gadget.pk}/cell/{name}/", {name: value, "version": gadget.version, **more})


def test_a_cell_is_edited_and_can_be_taken_back(browse: Browse, make: Make) -> None:
    gadget = make("fakes.gadget", name="Old", price=Decimal(5))
    alice = browse("alice")
    editor = alice.get(f"/gadgets/{gadget.pk}/cell/price/").content.decode()
    assert 'name="price"' in editor
    assert f'name="version" value="{gadget.version}"' in editor
    answer = cell(alice, gadget, "price", "1,234.50")
    assert (answer.status_code, answer.content.decode()) == (200, "¥1,234.50")
    assert int(answer["X-Record-Version"]) == gadget.version + 1
    [toast] = toasts(answer)
    assert alice.post(toast["undo"], **HX).status_code in (200, 204, 303)
    gadget.refresh_from_db()
    assert gadget.price == Decimal("5.00")


def test_a_wrong_value_keeps_the_input_and_the_record(browse: Browse, make: Make) -> None:
    gadget = make("fakes.gadget", price=Decimal(5))
    answer = cell(browse("alice"), gadget, "price", "abc")
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="abc"' in page
    assert "is not a number" in page
    gadget.refresh_from_db()
    assert gadget.price == Decimal("5.00")


def test_two_people_in_one_cell(browse: Browse, make: Make) -> None:
    gadget = make("fakes.gadget", note="first")
    root = browse("root")
    alice = browse("alice")
    assert cell(root, gadget, "note", "theirs", original='"first"').status_code == 200
    answer = cell(alice, gadget, "note", "mine", original='"first"')
    page = answer.content.decode()
    assert answer.status_code == 409
    assert ">mine</textarea>" in page
    assert "theirs" in page
    version = re.search(r'name="version" value="(\d+)"', page)
    assert version
    again = {"note": "mine", "version": version.group(1), "original": '"theirs"'}
    assert alice.post(f"/gadgets/{gadget.pk}/cell/note/", again).status_code == 200
    gadget.refresh_from_db()
    assert gadget.note == "mine"


@pytest.mark.parametrize(
    ("person", "name", "status"),
    [
        ("bob", "note", 403),
        ("charlie", "note", 404),
        ("alice", "created_at", 409),
        ("alice", "secret", 409),
        ("alice", "nothing", 404),
    ],
)
def test_who_may_not_changes_nothing(browse: Browse, make: Make, person: str, name: str, status: int) -> None:
    gadget = make("fakes.gadget", note="kept", secret="kept")
    client = browse(person)
    assert client.get(f"/gadgets/{gadget.pk}/cell/{name}/").status_code == status
    assert cell(client, gadget, name, "x").status_code == status
    before = gadget.version
    gadget.refresh_from_db()
    assert (gadget.note, gadget.secret, gadget.version) == ("kept", "kept", before)


# Several rows


def test_several_are_edited_at_once_and_taken_back(browse: Browse, make: Make) -> None:
    made = [make("fakes.gadget", state="new") for _number in range(3)]
    alice, chosen = browse("alice"), {"ids": [made[0].pk, made[2].pk], "state": ""}
    dialog = alice.post("/gadgets/bulk/update/", chosen, **HX)
    assert "Edit 2 Gadget" in dialog.content.decode()
    assert Gadget.objects.filter(state="broken").count() == 0
    answer = alice.post("/gadgets/bulk/update/", {**chosen, "go": "1", "field": "pieces", "pieces": "x"}, **HX)
    assert answer.status_code == 422
    field = re.search(r'data-name="pieces".*?</div></div>', answer.content.decode(), re.DOTALL)
    assert field is not None
    assert "is not a number" in field[0], "the refusal stands at the field, which has the focus"
    assert "autofocus" in field[0]
    assert "gx-errors" not in answer.content.decode()
    answer = alice.post(
        "/gadgets/bulk/update/", {"ids": chosen["ids"], "go": "1", "field": "pieces", "pieces": "7"}, **HX
    )
    assert answer.status_code == 200
    assert json.loads(answer["HX-Trigger"])["gx:close"] is True
    [toast] = toasts(answer)
    assert toast["text"] == "2 records done"
    assert sorted(Gadget.objects.filter(pieces=7).values_list("pk", flat=True)) == sorted(chosen["ids"])
    alice.post(toast["undo"], **HX)
    assert Gadget.objects.filter(pieces=7).count() == 0


def test_what_may_not_be_changed_is_told_with_its_reason(browse: Browse, make: Make, cast: Any) -> None:
    mine, bobs = make("fakes.gadget"), make("fakes.gadget", by=cast.bob_user)
    hidden = make("fakes.gadget", by=cast.charlie_user)
    answer = browse("alice").post(
        "/gadgets/bulk/update/",
        {"ids": [mine.pk, bobs.pk, hidden.pk], "go": "1", "field": "pieces", "pieces": "3"},
        **HX,
    )
    [toast] = toasts(answer)
    assert toast["text"] == "1 record done, 2 failed"
    assert re.fullmatch(r"/operations/\d+/", toast["url"])
    assert list(Gadget.objects.filter(pieces=3).values_list("pk", flat=True)) == [mine.pk]


def test_everything_means_the_list_as_filtered(browse: Browse, make: Make) -> None:
    for number in range(4):
        make("fakes.gadget", pieces=number)
    query = urlencode({"f": json.dumps({"field": "pieces", "op": "gte", "value": 2})})
    answer = browse("alice").post("/gadgets/bulk/delete/", {"everything": "1", "state": query, "go": "1"}, **HX)
    assert toasts(answer)[0]["text"] == "2 records done"
    assert sorted(Gadget.objects.values_list("pieces", flat=True)) == [0, 1]


def test_a_large_deletion_asks_to_type_the_number(browse: Browse, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guanxi.core.web.lists.bulk.TYPED_FROM", 2)
    made = [make("fakes.gadget").pk for _number in range(2)]
    alice = browse("alice")
    answer = alice.post("/gadgets/bulk/delete/", {"ids": made, "go": "1"}, **HX)
    assert answer.status_code == 422
    assert Gadget.objects.count() == 2
    assert alice.post("/gadgets/bulk/delete/", {"ids": made, "go": "1", "typed": "2"}, **HX).status_code == 200
    assert Gadget.objects.count() == 0


def test_a_long_one_goes_to_the_background(browse: Browse, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 1)
    made = [make("fakes.gadget").pk for _number in range(2)]
    answer = browse("alice").post(
        "/gadgets/bulk/update/", {"ids": made, "go": "1", "field": "pieces", "pieces": "3"}, **HX
    )
    operation = Operation.objects.latest("pk")
    assert answer["HX-Redirect"] == f"/operations/{operation.pk}/"
    assert operation.state == "waiting"
    assert not Gadget.objects.filter(pieces=3).exists()


def test_tags_and_owner_of_several(browse: Browse, make: Make, cast: Any) -> None:
    tag = make("core.tag", name="VIP")
    made = [make("fakes.gadget") for _number in range(2)]
    alice, ids = browse("alice"), [one.pk for one in made]
    alice.post("/gadgets/bulk/tag/", {"ids": ids, "go": "1", "tags": [tag.pk]}, **HX)
    assert [one.tags for one in Gadget.objects.order_by("pk")] == [[tag.pk], [tag.pk]]
    alice.post("/gadgets/bulk/tag/", {"ids": ids[:1], "go": "1", "tags": [tag.pk], "remove": "1"}, **HX)
    assert [one.tags for one in Gadget.objects.order_by("pk")] == [[], [tag.pk]]
    alice.post("/gadgets/bulk/assign/", {"ids": ids[:1], "go": "1", "owner": cast.bob_user.pk}, **HX)
    assert list(Gadget.objects.order_by("pk").values_list("owner_id", flat=True)) == [
        cast.bob_user.pk,
        cast.alice_user.pk,
    ]


def test_without_the_right_there_is_no_dialog(browse: Browse, make: Make) -> None:
    gadget = make("fakes.gadget")
    assert browse("dave").post("/gadgets/bulk/delete/", {"ids": [gadget.pk], "go": "1"}).status_code == 404
    assert browse("bob").post("/gadgets/bulk/delete/", {"ids": [gadget.pk], "go": "1"}, **HX).status_code == 200
    assert Gadget.objects.filter(pk=gadget.pk).exists()


# The board


def test_the_board_counts_sums_and_moves(browse: Browse, make: Make) -> None:
    gadget = make("fakes.gadget", state="new", price=Decimal(40))
    make("fakes.gadget", state="used", price=Decimal(2))
    alice = browse("alice")
    page = alice.get("/gadgets/board/").content.decode()
    assert re.findall(r'class="gx-lane gx-c-\w+" data-key="(\w*)"', page) == ["new", "used", "broken"]
    answer = alice.post(f"/gadgets/{gadget.pk}/move/?board=state", {"to": "used", "version": gadget.version}, **HX)
    assert answer.status_code == 204
    assert alice.get("/gadgets/board/totals/?board=state").json()["used"] == {"count": "2", "sum": "42", "weighted": ""}
    [toast] = toasts(answer)
    alice.post(toast["undo"], **HX)
    assert Gadget.objects.get(pk=gadget.pk).state == "new"


def test_a_move_a_colleague_overtook_says_who_and_where_it_stands(browse: Browse, make: Make, cast: Cast) -> None:
    gadget = make("fakes.gadget", state="new")
    alice, address = browse("alice"), f"/gadgets/{gadget.pk}/move/?board=state"
    records.update(cast.root, gadget, {"state": "used"})
    answer = alice.post(address, {"to": "broken", "version": gadget.version}, **HX)
    fresh = Gadget.objects.get(pk=gadget.pk)
    assert (answer.status_code, answer.headers["X-Record-Lane"], fresh.state) == (409, "used", "used")
    [toast] = toasts(answer)
    assert toast["level"] == "error"
    assert cast.root_user.name in toast["text"]
    assert "“Used”" in toast["text"]
    card = answer.content.decode()
    assert card.count('class="gx-card') == 1
    assert f'data-version="{fresh.version}"' in card
    assert alice.post(address, {"to": "broken", "version": fresh.version}, **HX).status_code == 204


def test_a_refused_move_says_why_and_changes_nothing(browse: Browse, make: Make) -> None:
    gadget = make("fakes.gadget", state="new")
    bob = browse("bob")
    assert f'data-move="/gadgets/{gadget.pk}/' not in bob.get("/gadgets/board/").content.decode()
    answer = bob.post(f"/gadgets/{gadget.pk}/move/?board=state", {"to": "used", "version": gadget.version}, **HX)
    assert (answer.status_code, toasts(answer)[0]["level"]) == (403, "error")
    assert browse("alice").post(f"/gadgets/{gadget.pk}/move/?board=state", {"to": "gone"}, **HX).status_code == 422
    assert Gadget.objects.get(pk=gadget.pk).state == "new"


def test_a_long_column_loads_the_rest(browse: Browse, make: Make) -> None:
    for number in range(23):
        make("fakes.gadget", state="new", name=f"G{number}")
    alice = browse("alice")
    page = alice.get("/gadgets/board/").content.decode()
    assert page.count('class="gx-card"') == 20
    more = re.search(r'hx-get="(/gadgets/board/lane/[^"]+)"', page)
    assert more
    rest = alice.get(more.group(1).replace("&amp;", "&"), **HX).content.decode()
    assert rest.count('class="gx-card"') == 3


# Taking a list out


def test_a_list_is_exported_as_filtered_and_shown(browse: Browse, make: Make, cast: Any) -> None:
    make("fakes.gadget", name="=Formula", pieces=7)
    make("fakes.gadget", name="Other", pieces=1)
    make("fakes.gadget", name="Bob's", pieces=7, by=cast.bob_user)
    alice = browse("alice")
    query = urlencode({"f": json.dumps({"field": "pieces", "op": "eq", "value": 7}), "cols": "name,pieces"})
    assert "1 records" in alice.get(f"/gadgets/export/?{query}", **HX).content.decode()
    answer = alice.post("/gadgets/export/", {"state": query, "format": "csv", "columns": "shown"})
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert answer["Content-Disposition"].startswith('attachment; filename="gadgets-')
    assert lines == ["name,pieces", "'=Formula,7"]


def test_a_selection_is_exported(browse: Browse, make: Make) -> None:
    made = [make("fakes.gadget", name=f"G{number}") for number in range(3)]
    alice = browse("alice")
    answer = alice.post("/gadgets/bulk/export/", {"ids": [made[0].pk, made[2].pk]})
    assert answer["Location"] == f"/gadgets/export/?ids={made[0].pk},{made[2].pk}"
    answer = alice.post(
        "/gadgets/export/", {"state": f"ids={made[0].pk},{made[2].pk}", "format": "csv", "columns": "all"}
    )
    assert len(answer.content.decode().splitlines()) == 3
    assert alice.post("/gadgets/export/", {"state": "", "format": "exe"}).status_code == 422


def test_a_long_export_is_made_by_a_job(browse: Browse, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guanxi.core.exchange.exports.LARGE", 1)
    for _number in range(2):
        make("fakes.gadget")
    answer = browse("alice").post("/gadgets/export/", {"state": "", "format": "csv", "columns": "shown"})
    operation = Operation.objects.latest("pk")
    assert (operation.sort, operation.state) == ("export", "waiting")
    assert answer["Location"] == f"/operations/{operation.pk}/"
    assert browse("bob").get(f"/exports/{operation.pk}/").status_code == 404


def test_who_may_not_export_is_refused(browse: Browse, make: Make, cast: Any) -> None:
    make("fakes.gadget")
    cast.role.rights.filter(entity="fakes.gadget", action="export").delete()
    stamps.bump("rights")
    assert browse("alice").post("/gadgets/export/", {"state": "", "format": "csv"}).status_code == 403


def test_a_running_change_is_stopped_by_who_started_it(browse: Browse, make: Make, cast: Any) -> None:
    gadget = make("fakes.gadget")
    operation = bulk.begin(cast.alice, "update", "fakes.gadget", [gadget.pk], {"pieces": 3})
    assert browse("bob").post(f"/operations/{operation.pk}/stop/").status_code == 404
    assert browse("alice").post(f"/operations/{operation.pk}/stop/").status_code == 303
    operation.refresh_from_db()
    assert operation.state == "cancelled"


def test_an_action_on_ticked_rows_asks_each_whether_it_applies(browse: Browse, make: Make) -> None:
    tasks = [make("activities.task", status=status) for status in ("open", "cancelled")]
    answer = browse("alice").post("/tasks/bulk/do-complete/", {"ids": [one.pk for one in tasks], "go": "1"}, **HX)
    [toast] = toasts(answer)
    assert toast["text"] == "1 record done · 1 failed: This task is closed already."
    for one in tasks:
        one.refresh_from_db()
    assert [one.status for one in tasks] == ["done", "cancelled"]
