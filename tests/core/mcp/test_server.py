"""The MCP tools act for the token's owner, under his rights, and say what was wrong as data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from asgiref.sync import async_to_sync
from mcp.server import MCPServer

from guanxi.core import records
from guanxi.core.mcp.server import Desk, build
from guanxi.core.models import AuditEntry
from guanxi.core.people import tokens
from tests.factories.cast import Cast


@pytest.fixture
def desk(cast: Cast) -> Callable[..., Desk]:
    """A desk with a token of one of the cast."""

    def sit(person: str, scopes: tuple[str, ...] = ("read", "write")) -> Desk:
        _token, secret = tokens.token_create(cast.root, getattr(cast, f"{person}_user"), name="mcp", scopes=scopes)
        return Desk(secret)

    return sit


def test_a_record_is_made_changed_read_and_taken_back(cast: Cast, desk: Callable[..., Desk]) -> None:
    alice = desk("alice")
    made = orjson.loads(alice.create_record("gadgets", {"name": "台灯", "state": "used", "price": "12.5"}))
    assert (made["name"], made["state"], made["price"], made["owner"]) == ("台灯", "Used", "12.50", "林爱丽")
    entry = AuditEntry.objects.get(entity="fakes_gadget", record_id=made["id"], action="create")
    assert (entry.actor_name, entry.via) == ("林爱丽", "mcp")
    changed = orjson.loads(alice.update_record("gadgets", made["id"], {"price": 13}, version=1))
    assert (changed["version"], changed["price"]) == (2, "13.00")
    clash = orjson.loads(alice.update_record("gadgets", made["id"], {"price": 14}, version=1))
    assert (clash["error"], [one["field"] for one in clash["clashes"]]) == ("record.conflict", ["price"])
    assert orjson.loads(alice.undo(changed["operation"]))["undone"] == 1
    assert orjson.loads(alice.get_record("gadgets", made["id"]))["price"] == "12.50"
    assert orjson.loads(alice.list_records("gadgets", {"field": "name", "op": "eq", "value": "台灯"}))["count"] == 1
    assert orjson.loads(alice.search("taideng"))[0]["id"] == made["id"]
    assert orjson.loads(alice.delete_record("gadgets", made["id"]))["deleted"] == made["id"]
    assert orjson.loads(alice.get_record("gadgets", made["id"]))["error"] == "record.not_found"


def test_rights_and_scopes_hold(cast: Cast, desk: Callable[..., Desk], make: Callable[..., Any]) -> None:
    gadget = make("fakes.gadget")
    charlie = desk("charlie")
    assert orjson.loads(charlie.get_record("gadgets", gadget.pk))["error"] == "record.not_found"
    assert orjson.loads(charlie.list_records("gadgets"))["items"] == []
    assert (
        orjson.loads(desk("alice", ("read",)).update_record("gadgets", gadget.pk, {"name": "x"}))["error"]
        == "access.denied"
    )
    assert orjson.loads(Desk("gx_wrong").entities())["error"] == "token.invalid"
    assert records.get(cast.alice, "fakes.gadget", gadget.pk).version == 1


def test_wrong_values_come_back_by_field(desk: Callable[..., Desk]) -> None:
    told = orjson.loads(desk("alice").create_record("gadgets", {"name": "x", "pieces": "many"}))
    assert (told["error"], list(told["fields"])) == ("number.format", ["pieces"])


def test_every_tool_is_offered(cast: Cast) -> None:
    server: MCPServer = build("gx_x")
    offered = async_to_sync(server.list_tools)()
    assert {tool.name for tool in offered} == {
        "entities", "search", "list_records", "get_record", "create_record", "update_record", "delete_record", "undo",
        "reports", "run_report",
    }  # fmt: skip
    assert all(tool.description for tool in offered)
    called = async_to_sync(server.call_tool)("entities", {})
    assert "token.invalid" in str(called)


def test_an_assistant_runs_a_report(desk: Callable[..., Desk], make: Callable[..., Any]) -> None:
    make("customers.customer", source="referral")
    alice = desk("alice")
    assert "customers-by-source" in {one["key"] for one in orjson.loads(alice.reports())}
    by_key = orjson.loads(alice.run_report("customers-by-source"))
    assert by_key["rows"][0]["groups"][0]["key"] == "referral"
    assert by_key["total"]["cells"][0]["value"] == 1
    asked = orjson.loads(alice.run_report(definition={"dataset": "customers.customer"}))
    assert asked["total"]["cells"][0]["value"] == 1
    assert orjson.loads(alice.run_report(definition={"dataset": "nothing"}))["error"] == "report.dataset"
