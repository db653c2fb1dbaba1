"""The API at ``/api/v1/``: one set of routes per registered entity, search, operations, and its own description."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import ninja.operation
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from guanxi import __version__
from guanxi.core import records
from guanxi.core.access import allowed
from guanxi.core.api import answers, doors, made, problems, reference, routes
from guanxi.core.api.automation import add_automation
from guanxi.core.api.deciding import add_deciding
from guanxi.core.api.reports import add_reports
from guanxi.core.kernel.actor import ANONYMOUS, Actor
from guanxi.core.kernel.errors import NotFound
from guanxi.core.models import Operation
from guanxi.core.records.search.query import search as find
from guanxi.core.schema import registry

DESCRIPTION = """Everything the pages can do, under the same rights. Send `Authorization: Bearer <token>`.

Lists answer `{"items": […], "next": …, "count": …, "count_exact": …}` and take `q`, `filter` (the query tree as JSON), `sort`, `limit`, `cursor`, `expand` and `fields`.
Errors are problem+json. `ETag`/`If-Match` guard changes; `Idempotency-Key` makes a request safe to repeat for 24 hours.
With `Guanxi-Doubts: ask` a write whose values are possible but rarely meant (an end 70 years ahead, a quote that gives everything away) is refused with `value.doubtful`, nothing of it kept; sent without the header it is taken at its word.
"""


def _answers_made_once() -> None:
    """Let one answer model serve all routes: ninja makes one for each status of each route, six thousand alike."""
    plain: Any = ninja.operation.Operation._create_response_model
    known: dict[Any, Any] = {}

    def shared(self: Any, model: Any) -> Any:
        if model not in known:
            known[model] = plain(self, model)
        return known[model]

    ninja.operation.Operation._create_response_model = shared  # type: ignore[method-assign, assignment]


_answers_made_once()


def build() -> NinjaAPI:
    """An API over the entities registered now; it describes itself in English, whoever asks first."""
    with translation.override("en"):
        return _built()


def _built() -> NinjaAPI:
    api = NinjaAPI(
        title="Guanxi",
        version=__version__,
        description=DESCRIPTION,
        auth=doors.authenticate,
        docs_url=None,
        openapi_url=None,
        urls_namespace="api",
    )
    problems.install(api)
    _add_index(api)
    _add_operations(api)
    add_reports(api)
    add_deciding(api)
    add_automation(api)
    made_here = {one.key for one in registry.made_entities()}  # they come and go, and have routes of their own
    for entity in registry.entities():
        if entity.api and entity.key not in made_here:
            api.add_router(f"/{entity.path}", routes.router_for(entity))
    return api


def _add_index(api: NinjaAPI) -> None:
    @api.get(
        "/",
        response={200: dict, **routes.PROBLEMS},
        operation_id="index",
        summary="The entities and their paths",
        tags=["general"],
    )
    def index(request: HttpRequest) -> HttpResponse:
        def handler(actor: Actor) -> HttpResponse:
            known = [one for one in registry.entities() if one.api and allowed(actor, "view", one)]
            return answers.reply(
                {"version": __version__, "items": [routes.entity_summary(actor, one) for one in known]}
            )

        return routes.guarded(request, handler)

    @api.get(
        "/search",
        response={200: dict, **routes.PROBLEMS},
        operation_id="search",
        summary="Search everything",
        tags=["general"],
    )
    def search(request: HttpRequest, q: str, entities: str = "", limit: int = 20) -> HttpResponse:
        def handler(actor: Actor) -> HttpResponse:
            wanted = [registry.entity_of(key.strip()).key for key in entities.split(",") if key.strip()] or None
            hits = find(actor, q[:200], entities=wanted, limit=max(1, min(limit, 100)))
            return answers.reply(
                {
                    "items": [
                        {
                            "entity": hit.entity,
                            "id": hit.record_id,
                            "title": hit.title,
                            "subtitle": hit.subtitle,
                            "reason": hit.reason,
                        }
                        for hit in hits
                    ]
                }
            )

        return routes.guarded(request, handler)

    @api.get("/openapi.json", include_in_schema=False, auth=None)
    def description(request: HttpRequest) -> HttpResponse:
        return answers.reply(_told(api, request))

    @api.get("/docs", include_in_schema=False, auth=None)
    def docs(request: HttpRequest) -> HttpResponse:
        words = request.GET.get("q", "").strip()[:100]
        signed_in = getattr(request, "actor", ANONYMOUS).kind == "user"
        base = request.build_absolute_uri("/").rstrip("/")
        context = {
            "title": _("API reference"),
            "groups": reference.reference(_told(api, request), base, words),
            "words": words,
            "signed_in": signed_in,
            "layout": "shell/base.jinja" if signed_in else "shell/plain.jinja",
        }
        return render(request, "api/docs.jinja", context, using="jinja2")


def _add_operations(api: NinjaAPI) -> None:
    def own(actor: Actor, operation_id: str) -> Operation:
        found = Operation.objects.filter(pk=routes.record_number(operation_id)).first()
        if found is None or (found.actor_id != actor.user_id and not actor.rights.everything):
            raise NotFound
        return found

    @api.get(
        "/operations/{operation_id}",
        response={200: dict, **routes.PROBLEMS},
        operation_id="operation_get",
        summary="A recorded operation",
        tags=["general"],
    )
    def get(request: HttpRequest, operation_id: str) -> HttpResponse:
        def handler(actor: Actor) -> HttpResponse:
            return answers.reply(answers.operation(own(actor, operation_id)))

        return routes.guarded(request, handler)

    @api.post(
        "/operations/{operation_id}/undo",
        response={200: dict, **routes.PROBLEMS},
        operation_id="operation_undo",
        summary="Take an operation back",
        tags=["general"],
    )
    def undo(request: HttpRequest, operation_id: str) -> HttpResponse:
        def handler(actor: Actor) -> HttpResponse:
            result = records.undo(actor, own(actor, operation_id).pk)
            return answers.reply({"undone": result.undone, "skipped": result.skipped})

        return routes.guarded(request, handler)


class _Described(OpenAPISchema):
    """Works out each model once: ninja does it for each answer of each route, seven thousand times for some hundred models."""

    def __init__(self, api: NinjaAPI, path_prefix: str) -> None:
        self.known: dict[Any, Any] = {}
        super().__init__(api, path_prefix)

    def _create_schema_from_model(
        self, model: Any, by_alias: bool = True, remove_level: bool = True, mode: Any = "validation"
    ) -> Any:
        asked = (model, by_alias, remove_level, mode)
        if asked not in self.known:
            self.known[asked] = super()._create_schema_from_model(model, by_alias, remove_level, mode)
        return self.known[asked]


def _told(api: NinjaAPI, request: HttpRequest) -> Mapping[str, Any]:
    """The description for whoever asks: what a firm made for itself is told to its own people only."""
    return described(api) if doors.authenticate(request) is not None else openapi(api)


@cache
def openapi(api: NinjaAPI) -> Mapping[str, Any]:
    """The OpenAPI 3.1 document; worked out once for each process, as that takes seconds. Not to be changed."""
    with translation.override("en"):
        schema = _Described(api, "/api/v1/")
    schema.setdefault("components", {}).setdefault("securitySchemes", {})["bearer"] = {
        "type": "http",
        "scheme": "bearer",
    }
    schema["security"] = [{"bearer": []}]
    for methods in schema["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                if int(status) >= 400 and "content" in answer:
                    answer["content"] = {problems.TYPE: answer["content"]["application/json"]}
    return dict(schema)


def described(api: NinjaAPI) -> Mapping[str, Any]:
    """The OpenAPI document with the entities made while the process runs."""
    document = openapi(api)
    more = made.described()
    if not more["paths"]:
        return document
    schemas = {**document.get("components", {}).get("schemas", {}), **more["schemas"]}
    components = {**document.get("components", {}), "schemas": schemas}
    return {**document, "paths": {**document["paths"], **more["paths"]}, "components": components}


api = build()
