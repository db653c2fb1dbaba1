"""Tools derived from the registered entities. One tool per verb; the entity is an argument, described by ``entities``.

Every call loads the actor anew from the token, so that a right taken away holds from the next call on. Errors come
back as data with their stable code and the wrong fields, so that the assistant can mend its call.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import orjson
from django.db import connections
from mcp.server import MCPServer

from guanxi import __version__
from guanxi.core import records
from guanxi.core.access import allowed
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Conflict, Denied, GuanxiError, Invalid
from guanxi.core.models import stamps
from guanxi.core.people.tokens import token_authenticate
from guanxi.core.records import doubts
from guanxi.core.records.history import history
from guanxi.core.records.search.query import search as find
from guanxi.core.reporting import results, stored
from guanxi.core.reporting.engine import Scope, run
from guanxi.core.reporting.spec import read
from guanxi.core.schema import kinds
from guanxi.core.schema.registry import entities, entity_at, entity_of

INSTRUCTIONS = (
    "Guanxi (关系) is a customer relationship management system. Call entities first: it lists the sorts of records with "
    'their fields. Filters are trees: {"all": [{"field": "name", "op": "contains", "value": "华"}]}.'
)
Answer = Callable[[Actor], Any]


def _said(error: GuanxiError) -> dict[str, Any]:
    told: dict[str, Any] = {"error": error.code, "message": str(error)}
    if isinstance(error, Invalid):
        told["fields"] = {name: [str(one.message) for one in found] for name, found in error.errors.items()}
    if isinstance(error, Conflict):
        told["version"] = error.version
        told["clashes"] = [{"field": one.field, "mine": one.mine, "theirs": one.theirs} for one in error.clashes]
    return told


def record_data(actor: Actor, record: Any) -> dict[str, Any]:
    """A record as an assistant reads it: id, version, and what is filled, with names for choices and references."""
    entity = entity_of(record)
    fields = records.shape.readable(actor, entity)
    names = records.display.names_for(actor, [record], fields.values())
    data = {name: records.display.value_text(actor, entity, record, name, names) for name in fields}
    return {
        "id": record.pk,
        "version": record.version,
        **{name: text for name, text in data.items() if text and name != "id"},
    }


class Desk:
    """What the tools do; ``secret`` is an API token."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    def answer(self, work: Answer) -> str:
        """The result of ``work`` as JSON text, errors included."""
        try:
            stamps.refresh()
            actor = token_authenticate(self.secret, via="mcp")
            if actor is None:
                raise Denied("The token is unknown or no longer valid.", code="token.invalid")
            found = work(actor)
        except GuanxiError as error:
            found = _said(error)
        return orjson.dumps(found, default=kinds.json_of, option=orjson.OPT_NON_STR_KEYS).decode()

    def entities(self) -> str:
        """The sorts of records: path, label, fields with kind, whether they may be written, choices and operators."""

        def work(actor: Actor) -> Any:
            return [
                {
                    "entity": one.path,
                    "label": str(one.label),
                    "description": str(one.description),
                    "actions": [action for action in one.all_actions if allowed(actor, action, one)],
                    "fields": [
                        {
                            "name": field.name,
                            "kind": field.kind,
                            "label": str(field.label),
                            "required": field.required,
                            "operators": list(kinds.KINDS[field.kind].operators),
                            "choices": [choice.key for choice in records.dictionaries.choices_of(field)][:50]
                            if field.kind in ("choice", "choices")
                            else None,
                        }
                        for field in records.shape.readable(actor, one).values()
                    ],
                }
                for one in entities()
                if allowed(actor, "view", one)
            ]

        return self.answer(work)

    def search(self, text: str, limit: int = 20) -> str:
        """Search all records by name (Chinese, pinyin, initials, English), phone, e-mail or number."""

        def work(actor: Actor) -> Any:
            hits = find(actor, text[:200], limit=max(1, min(limit, 100)))
            return [
                {
                    "entity": entity_of(hit.entity).path,
                    "id": hit.record_id,
                    "title": hit.title,
                    "reason": hit.reason,
                }
                for hit in hits
            ]

        return self.answer(work)

    def list_records(
        self, entity: str, filter: dict[str, Any] | None = None, text: str = "", sort: list[str] | None = None,
        limit: int = 20, cursor: str = "",
    ) -> str:  # fmt: skip
        """List records of an entity (its path) by a filter tree and search text, sorted; pages by cursor."""

        def work(actor: Actor) -> Any:
            page = records.select(
                actor,
                entity_at(entity),
                filter=filter,
                text=text,
                sort=sort or (),
                limit=min(limit, 100),
                cursor=cursor,
            )
            items = [record_data(actor, record) for record in page.items]
            return {"items": items, "next": page.next, "count": page.count, "count_exact": page.count_exact}

        return self.answer(work)

    def get_record(self, entity: str, id: int) -> str:
        """One record with its fields and its latest changes."""

        def work(actor: Actor) -> Any:
            record = records.get(actor, entity_at(entity), id)
            changes = [
                {
                    "at": change.at,
                    "by": change.actor_name,
                    "action": change.action,
                    "fields": {one.field.name: [one.before, one.after] for one in change.fields},
                    "lines": [f"{one.action}: {one.name}" for one in change.lines],
                }
                for change in history(actor, record, limit=10)
            ]
            return {**record_data(actor, record), "history": changes}

        return self.answer(work)

    def create_record(self, entity: str, values: dict[str, Any], ask: bool = False) -> str:
        """Create a record; wrong values come back by field. With ask, values that are possible but rarely meant come back
        too (value.doubtful) and nothing is saved: ask the person, then call without it."""

        def work(actor: Actor) -> Any:
            with doubts.asking(sure=not ask):
                return record_data(actor, records.create(actor, entity_at(entity), values))

        return self.answer(work)

    def update_record(
        self, entity: str, id: int, values: dict[str, Any], version: int | None = None, ask: bool = False
    ) -> str:
        """Change some fields of a record. Give the version you read: clashes with others' changes come back. With ask,
        values that are possible but rarely meant come back too (value.doubtful) and nothing is saved."""

        def work(actor: Actor) -> Any:
            record = records.get(actor, entity_at(entity), id)
            with doubts.asking(sure=not ask):
                changed = records.update(actor, record, values, version=version)
            return {**record_data(actor, changed), "operation": getattr(changed, "operation_id", None)}

        return self.answer(work)

    def delete_record(self, entity: str, id: int) -> str:
        """Put a record in the trash; the operation can be undone."""

        def work(actor: Actor) -> Any:
            return {"deleted": id, "operation": records.delete(actor, records.get(actor, entity_at(entity), id)).pk}

        return self.answer(work)

    def reports(self) -> str:
        """The reports one may run: key, name and what each tells."""

        def work(actor: Actor) -> Any:
            return [{"key": one.key, "name": one.name, "about": one.about} for one in stored.offered(actor)]

        return self.answer(work)

    def run_report(
        self,
        key: str = "",
        definition: dict[str, Any] | None = None,
        period: str = "",
        filter: dict[str, Any] | None = None,
    ) -> str:
        """Figures of a report by its key, or of a definition: {"dataset": "customers.customer", "rows": [{"field": "source"}],
        "measures": [{"how": "count"}], "filter": {...}}. Each figure carries the filter that lists its records."""

        def work(actor: Actor) -> Any:
            asked = stored.setup(actor, "report", key).definition if key else definition
            return results.as_data(run(actor, read(asked), Scope(filter=filter, period=period)))

        return self.answer(work)

    def undo(self, operation: int) -> str:
        """Take back an operation of one's own."""

        def work(actor: Actor) -> Any:
            result = records.undo(actor, operation)
            return {"undone": result.undone, "skipped": result.skipped}

        return self.answer(work)


def _connected(tool: Callable[..., str]) -> Callable[..., str]:
    """The tool, run in one of the server's passing threads, which leaves no connection behind."""

    @wraps(tool)
    def run(*arguments: Any, **named: Any) -> str:
        try:
            return tool(*arguments, **named)
        finally:
            connections.close_all()

    return run


def build(secret: str) -> MCPServer:
    """A server with all tools, acting for the owner of the token."""
    desk = Desk(secret)
    server = MCPServer("guanxi", instructions=INSTRUCTIONS, version=__version__)
    for tool in (
        desk.entities, desk.search, desk.list_records, desk.get_record, desk.create_record, desk.update_record,
        desk.delete_record, desk.undo, desk.reports, desk.run_report,
    ):  # fmt: skip
        server.add_tool(_connected(tool))
    return server
