"""The API as people read it: operations by entity with parameters, body fields and an example. Made from the OpenAPI."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guanxi.core.kernel.errors import Text
from guanxi.core.records import dictionaries
from guanxi.core.schema.derive import fields_of
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.kinds import KINDS
from guanxi.core.schema.registry import entity_of, is_registered

#: What each sort of operation does, by the last word of its id.
SUMMARIES: dict[str, Text] = {
    "list": gettext_lazy("List with search, filter, sorting and pages"),
    "query": gettext_lazy("The same list, its filter sent in the body"),
    "get": gettext_lazy("One record"),
    "operation_get": gettext_lazy("A recorded operation"),
    "history": gettext_lazy("What changed, newest first"),
    "why": gettext_lazy("Why an action is allowed or not"),
    "create": gettext_lazy("Create a record"),
    "update": gettext_lazy("Change some fields"),
    "delete": gettext_lazy("Put in the trash"),
    "restore": gettext_lazy("Take out of the trash"),
    "action": gettext_lazy("Do one of the entity's actions"),
    "bulk": gettext_lazy("Change many records"),
    "merge": gettext_lazy("Merge records into one"),
    "index": gettext_lazy("The entities and their paths"),
    "search": gettext_lazy("Search everything"),
    "undo": gettext_lazy("Take an operation back"),
    "report_list": gettext_lazy("Reports the caller may use"),
    "report_get": gettext_lazy("A report's definition"),
    "report_run": gettext_lazy("Answer a definition"),
    "report_result": gettext_lazy("A report's figures; each carries the filter that lists its records"),
    "dashboard_list": gettext_lazy("Dashboards the caller may use"),
    "approval_list": gettext_lazy("What waits for the caller, or was sent, decided by him or copied to him"),
    "approval_send": gettext_lazy("Send an action for approval"),
    "approval_get": gettext_lazy("One request with everything that was said"),
    "approval_decide": gettext_lazy("Decide, pass on, take back or remind"),
    "workflow_task_list": gettext_lazy("Tasks that wait for the caller"),
    "workflow_task_done": gettext_lazy("Finish a task"),
    "workflow_begin": gettext_lazy("Begin a workflow on a record"),
    "rule_rehearse": gettext_lazy(
        "What a rule, saved or not, would do to the last records that fit; nothing is changed or sent"
    ),
}
#: Groups of operations that belong to no entity.
GROUPS: dict[str, Text] = {
    "general": gettext_lazy("General"),
    "reports": gettext_lazy("Reports and dashboards"),
    "approvals": gettext_lazy("Approvals"),
    "workflows": gettext_lazy("Workflows"),
    "settings": gettext_lazy("Settings"),
}
PARAMETERS: dict[str, Text] = {
    "q": gettext_lazy("Search words, as in the global search"),
    "filter": gettext_lazy("The query tree as JSON"),
    "sort": gettext_lazy("Field names with commas, “-” first for descending"),
    "limit": gettext_lazy("How many at most"),
    "cursor": gettext_lazy("The “next” or “previous” of an earlier answer"),
    "expand": gettext_lazy("References to show as records, with commas"),
    "fields": gettext_lazy("Only these fields, with commas"),
    "count": gettext_lazy("Whether to count the rows"),
    "record_id": gettext_lazy("The record's id"),
    "operation_id": gettext_lazy("The operation's id"),
    "action": gettext_lazy("The key of the action"),
    "field": gettext_lazy("The field asked about"),
    "entities": gettext_lazy("Only these entities, with commas"),
}
#: The number in examples.
SAMPLE_ID = "12"


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyField:
    """One field that may be sent: its name, what it is called on pages, its kind and what values it takes."""

    name: str
    label: str
    kind: str
    required: bool
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter in the address: ``where`` is ``path`` or ``query``."""

    name: str
    where: str
    sort: str
    required: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation: method and path, what it does, its parameters, a command line that works."""

    id: str
    method: str
    path: str
    summary: str
    parameters: tuple[Parameter, ...]
    example: str
    body: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The operations of one entity (or those of none), and the fields its bodies may have."""

    key: str
    title: str
    text: str
    operations: tuple[Operation, ...]
    fields: tuple[BodyField, ...] = ()
    actions: tuple[tuple[str, str], ...] = ()


def reference(document: Mapping[str, Any], base: str, words: str = "") -> list[Group]:
    """Groups of operations that ``words`` fit (all, when there are none); ``base`` is the address examples use."""
    found: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            tag = described["tags"][0]
            found.setdefault(tag, []).append(_operation(path, method, described, tag, base))
    groups = [_group(tag, operations) for tag, operations in found.items()]
    return [one for one in (_narrowed(group, words) for group in groups) if one is not None]


def _entity(tag: str) -> Entity | None:
    return entity_of(tag) if is_registered(tag) else None


def _group(tag: str, operations: Sequence[Operation]) -> Group:
    entity = _entity(tag)
    if entity is None:
        return Group(key=tag, title=str(GROUPS.get(tag, GROUPS["general"])), text="", operations=tuple(operations))
    return Group(
        key=tag.replace(".", "-"),
        title=str(entity.plural),
        text=str(entity.description),
        operations=tuple(operations),
        fields=tuple(_body_field(one) for one in fields_of(entity).values() if not one.readonly),
        actions=tuple((action.key, str(action.label)) for action in entity.actions),
    )


def _body_field(field: Field) -> BodyField:
    hint = ""
    if field.target:
        hint = _("id of: %(entity)s") % {"entity": entity_of(field.target).label if is_registered(field.target) else ""}
    elif field.kind in ("choice", "choices"):
        hint = ", ".join(one.key for one in dictionaries.choices_of(field)[:12])
    return BodyField(
        name=field.name,
        label=str(field.label),
        kind=str(KINDS[field.kind].label),
        required=field.required,
        hint=hint,
    )


def _parameter(described: Mapping[str, Any]) -> Parameter:
    schema = described.get("schema", {})
    text = PARAMETERS.get(described["name"], described.get("description", ""))
    return Parameter(
        name=described["name"],
        where=described["in"],
        sort=str(schema.get("type", "")),
        required=bool(described.get("required")),
        text=str(text),
    )


def _operation(path: str, method: str, described: Mapping[str, Any], tag: str, base: str) -> Operation:
    word = described["operationId"].rpartition("_")[2]
    return Operation(
        id=described["operationId"],
        method=method.upper(),
        path=path,
        summary=str(SUMMARIES.get(described["operationId"], SUMMARIES.get(word, described.get("summary", "")))),
        parameters=tuple(_parameter(one) for one in described.get("parameters", ())),
        example=_example(path, method, word, tag, base),
        body="requestBody" in described,
    )


def _sample_body(word: str, tag: str) -> Mapping[str, Any] | None:
    entity = _entity(tag)
    if entity is None or word not in ("create", "update", "query", "bulk", "merge", "action"):
        return None
    writable = [one for one in fields_of(entity).values() if one.kind in ("text", "long_text") and not one.readonly]
    plain = next((one for one in writable if one.name == entity.title), writable[0] if writable else None)
    values = {plain.name: "…"} if plain else {}
    bodies: dict[str, Mapping[str, Any]] = {
        "create": values,
        "update": values,
        "query": {"filter": {"field": "id", "op": "gt", "value": 0}, "limit": 20},
        "bulk": {"action": "update", "ids": [12, 13], "values": values},
        "merge": {"keep": 12, "others": [13]},
        "action": {},
    }
    return bodies[word]


def _example(path: str, method: str, word: str, tag: str, base: str) -> str:
    entity = _entity(tag)
    address = path.replace("{record_id}", SAMPLE_ID).replace("{operation_id}", SAMPLE_ID)
    actions = entity.actions if entity is not None else ()
    address = address.replace("{action}", actions[0].key if actions else "…")
    address += {"list": "?limit=20", "search": "?q=hua"}.get(word, "") if method == "get" else ""
    lines = [f"curl '{base}{address}'", "  -H 'Authorization: Bearer …'"]
    if method != "get":
        lines[0] = f"curl -X {method.upper()} '{base}{address}'"
    body = _sample_body(word, tag)
    if body is not None:
        lines += ["  -H 'Content-Type: application/json'", f"  -d '{json.dumps(body, ensure_ascii=False)}'"]
    return " \\\n".join(lines)


def _narrowed(group: Group, words: str) -> Group | None:
    """The group with the operations the words fit; whole when its name fits; ``None`` when nothing does."""
    wanted = words.casefold().split()
    name = f"{group.title} {group.key}".casefold()
    if all(one in name for one in wanted):
        return group
    kept = tuple(
        one
        for one in group.operations
        if all(word in f"{name} {one.method} {one.path} {one.summary}".casefold() for word in wanted)
    )
    fields = tuple(one for one in group.fields if all(word in f"{one.name} {one.label}".casefold() for word in wanted))
    if not kept and not fields:
        return None
    return replace(group, operations=kept, fields=fields)
