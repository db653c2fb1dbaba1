"""Taking rights away reaches everything that is open: sessions, tokens, open pages, work in the background, made files."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from guanxi.areas.customers.models import Customer
from guanxi.core.access import actors
from guanxi.core.automation.notify import live_state
from guanxi.core.exchange import ahead, exports, imports
from guanxi.core.kernel.errors import Denied
from guanxi.core.models import User
from guanxi.core.people import roles, tokens, users
from guanxi.core.people.roles import RoleDraft, role_draft
from guanxi.core.records import bulk
from tests.core.people.test_factors import CODE, code_of, half_way, secret  # noqa: F401 - a fixture

CUSTOMER = "customers.customer"


def alice(cast: Any) -> Any:
    return actors.load(User.objects.get(pk=cast.alice_user.pk))


def without(cast: Any, *actions: str) -> None:
    """Alice's role loses these actions on customers."""
    draft = role_draft(cast.role)
    rights = {key: given for key, given in draft.rights.items() if key[0] != CUSTOMER or key[1] not in actions}
    roles.role_save(cast.root, cast.role, RoleDraft(name=draft.name, rights=rights, fields=draft.fields))


def test_a_changed_role_counts_with_the_next_request_in_session_and_token(signed_in: Any, cast: Any) -> None:
    client = signed_in(cast.alice_user)
    _token, given = tokens.token_create(alice(cast), cast.alice_user, name="x", scopes=("read", "write"))
    bearer = {"Authorization": f"Bearer {given}"}
    assert client.get("/customers/").status_code == 200
    assert Client(headers=bearer).get("/api/v1/customers/").status_code == 200
    without(cast, "view", "create")
    assert client.get("/customers/").status_code == 404
    assert Client(headers=bearer).get("/api/v1/customers/").status_code == 403
    answer = Client(headers=bearer).post("/api/v1/customers/", {"name": "x"}, content_type="application/json")
    assert answer.status_code == 403
    assert Customer.objects.count() == 0


def test_open_pages_learn_that_rights_changed(signed_in: Any, cast: Any) -> None:
    client = signed_in(cast.alice_user)
    page = client.get("/").content.decode()
    held = client.get("/notifications/live/").json()["rights"]
    assert f'data-rights="{held}"' in page
    users.user_roles_set(cast.root, cast.bob_user, [])
    assert client.get("/notifications/live/").json()["rights"] == held
    without(cast, "export")
    changed = live_state(alice(cast))["rights"]
    assert changed != held
    users.user_roles_set(cast.root, cast.alice_user, [])
    assert live_state(alice(cast))["rights"] not in (held, changed)


def test_a_long_bulk_change_stops_where_the_right_ended(cast: Any, make: Any, monkeypatch: Any) -> None:
    ids = [make(CUSTOMER, name=f"甲{number}").pk for number in range(4)]
    monkeypatch.setattr(bulk, "CHUNK", 2)
    done = bulk._chunk

    def chunk(*given: Any) -> None:
        done(*given)
        without(cast, "change")

    monkeypatch.setattr(bulk, "_chunk", chunk)
    finished = bulk.change(alice(cast), "update", CUSTOMER, ids, {"level": "a"})
    assert (finished.result["done"], finished.result["failed"]) == (2, 2)
    assert sorted(Customer.objects.filter(level="a").values_list("pk", flat=True)) == sorted(ids)[:2]


def test_a_running_import_goes_no_further_than_the_right(cast: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(ahead, "BATCH", 2)
    text = "名称\n甲乙\n丙丁\n戊己\n庚辛\n"
    staged = imports.import_stage(alice(cast), content=text.encode(), name="a.csv", entity=CUSTOMER)
    run = imports.import_start(alice(cast), run=staged)
    with pytest.raises(Denied):
        imports.import_run(alice(cast), run=run, progress=lambda _run: without(cast, "import"))
    run.refresh_from_db()
    assert (run.state, Customer.objects.count()) == ("failed", 2)


def test_an_export_is_neither_finished_nor_handed_out_with_rights_that_are_gone(
    cast: Any, make: Any, settings: Any, tmp_path: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(type(settings.ENVIRONMENT), "data", tmp_path, raising=False)
    make(CUSTOMER, name="甲")
    made = exports.export_make(alice(cast), exports.export_begin(alice(cast), CUSTOMER, format="csv"))
    assert exports.export_file(alice(cast), operation_id=made.pk).read_bytes()
    before = alice(cast)
    without(cast, "reveal")
    with pytest.raises(Denied):
        exports.export_file(alice(cast), operation_id=made.pk)
    with pytest.raises(Denied):
        exports.export_write(before, CUSTOMER, out=io.BytesIO(), format="csv")


def test_work_of_somebody_who_left_stops(cast: Any) -> None:
    before = alice(cast)
    assert actors.renewed(before) is before
    users.user_deactivate(cast.root, cast.alice_user)
    with pytest.raises(Denied):
        actors.renewed(before)


def test_a_used_code_opens_nothing_in_any_process(secret: str) -> None:  # noqa: F811 - the fixture
    code = code_of(secret)
    assert half_way().post(CODE, {"code": code}).status_code == 302
    assert half_way().post(CODE, {"code": code}).status_code == 422
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), min(expires - now()) > interval '80 seconds' FROM core_cache")
        assert cursor.fetchone() == (1, True)  # in the database: every process sees it, for as long as the code holds
