"""Routes of entities that are made while the process runs: the same router as for any entity, found by its path."""

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, URLResolver, path
from django.urls.exceptions import Resolver404
from django.urls.resolvers import RegexPattern
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI

from guanxi.core.api import doors, problems, routes
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import made_entities

_apis: dict[tuple[str, str, type], NinjaAPI] = {}


def api_of(entity: Entity) -> NinjaAPI:
    """The API of one made entity; kept as long as it keeps its path and model."""
    place = (entity.key, entity.path, entity.model)
    if place not in _apis:
        with translation.override("en"):
            made = NinjaAPI(
                title="Guanxi",
                auth=doors.authenticate,
                docs_url=None,
                openapi_url=None,
                urls_namespace=f"api-{entity.key}-{len(_apis)}",
            )
            problems.install(made)
            made.add_router(f"/{entity.path}", routes.router_for(entity))
        _apis[place] = made
    return _apis[place]


@csrf_exempt
def answer(request: HttpRequest, path_: str) -> HttpResponseBase:
    """Answer a request below ``/api/v1/`` that no declared entity has a route for."""
    word = path_.partition("/")[0]
    entity = next((one for one in made_entities() if one.path == word and one.api), None)
    if entity is not None:
        patterns: list[Any] = api_of(entity).urls[0]
        try:
            found = URLResolver(RegexPattern(r"^"), patterns).resolve(path_)
        except Resolver404:
            found = None
        if found is not None:
            response: HttpResponseBase = found.func(request, *found.args, **found.kwargs)
            return response
    return problems.missing(request)


def described() -> dict[str, Any]:
    """Paths and components of all made entities, as a part of the OpenAPI document."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    with translation.override("en"):
        for entity in made_entities():
            document = api_of(entity).get_openapi_schema(path_prefix="/api/v1/")
            paths.update(document["paths"])
            schemas.update(document.get("components", {}).get("schemas", {}))
    return {"paths": paths, "schemas": schemas}


urlpatterns: list[URLPattern] = [path("api/v1/<path:path_>", answer, name="api-made")]
