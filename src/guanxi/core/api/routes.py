"""The routes of one entity, the same for every entity. No annotations as text here: ninja reads them as types."""

from collections.abc import Callable
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Body, Query, Router

from guanxi.core import records
from guanxi.core.access import allowed, explain, require
from guanxi.core.api import answers, describe, doors
from guanxi.core.automation import operations
from guanxi.core.automation.doing import action_do
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, GuanxiError, Invalid, NotFound
from guanxi.core.records import bulk, doubts
from guanxi.core.records.history import history
from guanxi.core.schema.entity import Entity

PROBLEMS = dict.fromkeys((401, 403, 404, 409, 412, 422, 429), describe.Problem)
#: The header by which a program wishes to be asked back what is possible but rarely meant: ``ask``.
ASK = "Guanxi-Doubts"
Handler = Callable[[Actor], HttpResponse]


class OutdatedError(GuanxiError):
    """If-Match names another version than the stored one."""

    status = 412
    default_code = "record.outdated"


def guarded(request: HttpRequest, handler: Handler) -> HttpResponse:
    """Answer a request: rate, then the work, once per Idempotency-Key.

    A token that may not read has nothing read to it, whatever it asks for; one that may not write is held by ``writing``.
    """
    actor: Actor = request.auth  # type: ignore[attr-defined]
    left, wait = doors.take(actor)
    if request.method in doors.SAFE and actor.scopes is not None and "read" not in actor.scopes:
        raise Denied(_("This token may write only."))
    with doubts.asking(sure=request.headers.get(ASK, "").strip().lower() != "ask"):
        response = doors.once(request, actor, lambda: handler(actor))
    response["RateLimit"] = f'"default";r={left};t={wait}'
    return response


def _words(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _tree(text: str) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Invalid(_("The filter is not JSON."), code="filter.json", field="filter") from None
    if not isinstance(found, dict):
        raise Invalid(
            _("A filter is an object with “all”, “any”, “not”, “field” or “count”."),
            code="filter.format",
            field="filter",
        )
    return found


def record_number(text: str) -> int:
    """An id from an address; anything else is a record that does not exist."""
    if not text.isdecimal() or not text.isascii() or len(text) > 18:
        raise NotFound
    return int(text)


def _given(payload: Any) -> dict[str, Any]:
    """Values sent, custom ones under their names."""
    sent = payload.model_dump(exclude_unset=True)
    custom = sent.pop("custom", None)
    if custom is not None and not isinstance(custom, dict):
        raise Invalid(_("This must be an object."), code="custom.type", field="custom")
    return {**sent, **{f"custom.{key}": value for key, value in (custom or {}).items()}}


def _listing(request: HttpRequest, entity: Entity, query: describe.TreeQuery) -> HttpResponse:
    def handler(actor: Actor) -> HttpResponse:
        require(actor, "view", entity)
        page = records.select(
            actor,
            entity,
            filter=query.filter,
            text=query.q,
            sort=query.sort,
            limit=query.limit,
            cursor=query.cursor,
            count=query.count,
        )
        write = answers.writer_for(actor, entity, query.fields)
        data = [write(row) for row in page.items]
        answers.expanded(actor, entity, page.items, data, query.expand)
        return answers.reply(
            {
                "items": data,
                "next": page.next or None,
                "previous": page.previous or None,
                "count": page.count,
                "count_exact": page.count_exact,
            }
        )

    return guarded(request, handler)


def add_reading(router: Router, entity: Entity) -> None:
    """List, list by POST, one record, its history and why it can be seen."""
    page, record = describe.page_model(entity), describe.record_model(entity)
    name = f"{entity.app}_{entity.model._meta.model_name}"

    def listing(request: HttpRequest, query: Query[describe.ListQuery]) -> HttpResponse:
        tree = describe.TreeQuery(
            q=query.q,
            filter=_tree(query.filter),
            sort=_words(query.sort),
            limit=query.limit,
            cursor=query.cursor,
            expand=_words(query.expand),
            fields=_words(query.fields),
            count=query.count,
        )
        return _listing(request, entity, tree)

    def search(request: HttpRequest, payload: Body[describe.TreeQuery]) -> HttpResponse:
        return _listing(request, entity, payload)

    def detail(request: HttpRequest, record_id: str, expand: str = "") -> HttpResponse:
        def handler(actor: Actor) -> HttpResponse:
            found = records.get(actor, entity, record_number(record_id))
            return answers.one(request, actor, entity, found, expand=_words(expand))

        return guarded(request, handler)

    def past(request: HttpRequest, record_id: str) -> HttpResponse:
        def handler(actor: Actor) -> HttpResponse:
            found = records.get(actor, entity, record_number(record_id))
            return answers.reply({"items": [_change(change) for change in history(actor, found)]})

        return guarded(request, handler)

    def why(request: HttpRequest, record_id: str, action: str = "view", field: str = "") -> HttpResponse:
        def handler(actor: Actor) -> HttpResponse:
            found = records.get(actor, entity, record_number(record_id))
            told = explain(actor, found, action=action, field=field)
            reasons = [
                {"kind": one.kind, "name": one.name, "text": one.text, "for": one.for_it} for one in told.reasons
            ]
            return answers.reply({"allowed": told.allowed, "reasons": reasons})

        return guarded(request, handler)

    router.get("", response={200: page, **PROBLEMS}, operation_id=f"{name}_list", summary=f"List {entity.path}")(
        listing
    )
    router.get("/", include_in_schema=False)(listing)
    router.post(
        "/query",
        response={200: page, **PROBLEMS},
        operation_id=f"{name}_query",
        summary=f"List {entity.path} by a tree in the body",
    )(search)
    router.get(
        "/{record_id}", response={200: record, 304: None, **PROBLEMS}, operation_id=f"{name}_get", summary="One record"
    )(detail)
    router.get(
        "/{record_id}/history",
        response={200: dict, **PROBLEMS},
        operation_id=f"{name}_history",
        summary="What changed, newest first",
    )(past)
    router.get(
        "/{record_id}/why",
        response={200: dict, **PROBLEMS},
        operation_id=f"{name}_why",
        summary="Why an action is allowed or not",
    )(why)


def _change(change: Any) -> dict[str, Any]:
    return {
        "at": change.at,
        "actor": change.actor_id,
        "actor_name": change.actor_name,
        "via": change.via,
        "action": change.action,
        "operation": change.operation_id,
        "fields": _pairs(change.fields),
        "lines": [
            {"of": one.key, "id": one.id, "name": one.name, "action": one.action, "fields": _pairs(one.fields)}
            for one in change.lines
        ],
    }


def _pairs(changes: Any) -> list[dict[str, Any]]:
    return [{"field": one.field.name, "before": one.before, "after": one.after} for one in changes]


def _expected_version(request: HttpRequest, record: Any) -> None:
    """Refuse when If-Match names another version."""
    wanted = request.headers.get("If-Match", "")
    if wanted and wanted != "*" and answers.etag(record) not in [part.strip() for part in wanted.split(",")]:
        raise OutdatedError(_("The record has changed since you read it."), details={"version": record.version})


def add_writing(router: Router, entity: Entity) -> None:  # noqa: C901 - one handler per route, none with a branch
    """Create, change, delete, restore, merge, bulk change and the entity's own actions."""
    body, record = describe.body_model(entity), describe.record_model(entity)
    name = f"{entity.app}_{entity.model._meta.model_name}"

    def create(request: HttpRequest, payload: body) -> HttpResponse:  # type: ignore[valid-type]
        def handler(actor: Actor) -> HttpResponse:
            made = records.create(actor, entity, _given(payload))
            return answers.one(request, actor, entity, made, status=201)

        return guarded(request, handler)

    def update(request: HttpRequest, record_id: str, payload: body) -> HttpResponse:  # type: ignore[valid-type]
        def handler(actor: Actor) -> HttpResponse:
            found = records.get(actor, entity, record_number(record_id))
            _expected_version(request, found)
            given = _given(payload)
            version = given.pop("version", None)
            if version is not None and (isinstance(version, bool) or not isinstance(version, int)):
                raise Invalid(_("This must be a whole number."), code="number.whole", field="version")
            for known in ("id", "created_at", "updated_at", "created_by", "updated_by", "deleted_at"):
                given.pop(known, None)
            changed = records.update(actor, found, given, version=version)
            return answers.one(request, actor, entity, changed)

        return guarded(request, handler)

    def delete(request: HttpRequest, record_id: str) -> HttpResponse:
        def handler(actor: Actor) -> HttpResponse:
            found = records.get(actor, entity, record_number(record_id))
            _expected_version(request, found)
            return answers.reply(answers.operation(records.delete(actor, found)))

        return guarded(request, handler)

    def restore(request: HttpRequest, record_id: str) -> HttpResponse:
        def handler(actor: Actor) -> HttpResponse:
            number = record_number(record_id)
            records.restore(actor, entity, [number])
            return answers.one(request, actor, entity, records.get(actor, entity, number))

        return guarded(request, handler)

    def act(request: HttpRequest, record_id: str, action: str, payload: Body[dict[str, Any]]) -> HttpResponse:
        def handler(actor: Actor) -> HttpResponse:
            return _act(actor, entity, record_number(record_id), action, payload)

        return guarded(request, handler)

    router.post(
        "", response={201: record, **PROBLEMS}, operation_id=f"{name}_create", summary=f"Create: {entity.label}"
    )(create)
    router.post("/", include_in_schema=False)(create)
    router.patch(
        "/{record_id}", response={200: record, **PROBLEMS}, operation_id=f"{name}_update", summary="Change some fields"
    )(update)
    router.delete(
        "/{record_id}", response={200: dict, **PROBLEMS}, operation_id=f"{name}_delete", summary="Put in the trash"
    )(delete)
    router.post(
        "/{record_id}/restore",
        response={200: record, **PROBLEMS},
        operation_id=f"{name}_restore",
        summary="Take out of the trash",
    )(restore)
    router.post(
        "/{record_id}/actions/{action}",
        response={200: dict, **PROBLEMS},
        operation_id=f"{name}_action",
        summary="Do one of the entity's actions",
    )(act)


def _act(actor: Actor, entity: Entity, number: int, key: str, given: dict[str, Any]) -> HttpResponse:
    action_do(actor, records.get(actor, entity, number), key, given)
    return answers.reply({"done": True, "id": number})


def add_many(router: Router, entity: Entity) -> None:
    """Bulk change and merge."""
    name = f"{entity.app}_{entity.model._meta.model_name}"

    def change(request: HttpRequest, payload: describe.BulkIn) -> HttpResponse:
        def handler(actor: Actor) -> HttpResponse:
            ids = payload.ids or bulk.selected(actor, entity, filter=payload.filter, text=payload.q)
            step = operations.begun(actor, lambda: bulk.begin(actor, payload.action, entity, ids, payload.values))
            return answers.reply(answers.operation(step), 200 if step.finished_at else 202)

        return guarded(request, handler)

    def merge(request: HttpRequest, payload: describe.MergeIn) -> HttpResponse:
        def handler(actor: Actor) -> HttpResponse:
            return answers.reply(
                answers.operation(records.merge(actor, entity, payload.keep, payload.others, payload.choices))
            )

        return guarded(request, handler)

    router.post(
        "/bulk", response={200: dict, 202: dict, **PROBLEMS}, operation_id=f"{name}_bulk", summary="Change many records"
    )(change)
    router.post(
        "/merge", response={200: dict, **PROBLEMS}, operation_id=f"{name}_merge", summary="Merge records into one"
    )(merge)


def router_for(entity: Entity) -> Router:
    """All routes of an entity."""
    router = Router(tags=[entity.key])
    add_many(router, entity)
    add_reading(router, entity)
    add_writing(router, entity)
    return router


def _choice(one: records.dictionaries.Choice) -> dict[str, Any]:
    belongs = {"belongs_to": list(one.belongs_to)} if one.belongs_to else {}
    return {"key": one.key, "label": one.label, **belongs}


def entity_summary(actor: Actor, entity: Entity) -> dict[str, Any]:
    """What a program needs to know of an entity: path, actions it may do, fields with kinds and operators."""
    fields = records.shape.readable(actor, entity)
    writable = records.shape.writable(actor, entity)
    return {
        "key": entity.key,
        "label": str(entity.label),
        "plural": str(entity.plural),
        "path": f"/api/v1/{entity.path}",
        "actions": [action for action in entity.all_actions if allowed(actor, action, entity)],
        "fields": [
            {
                "name": field.name,
                "kind": field.kind,
                "label": str(field.label),
                "required": field.required,
                "writable": name in writable,
                "target": field.target or None,
                "dictionary": field.dictionary or None,
                "within": field.within if field.within in fields else None,
                "choices": [_choice(one) for one in records.dictionaries.choices_of(field)]
                if field.kind in ("choice", "choices")
                else None,
            }
            for name, field in fields.items()
        ],
    }
