"""Reports and boards over the API: the same definitions, figures and rights as on the pages."""

from collections.abc import Callable
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Body, NinjaAPI, Schema
from pydantic import Field

from guanxi.core.api import answers, routes
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.reporting import results, stored
from guanxi.core.reporting.engine import Scope, run
from guanxi.core.reporting.spec import read, written
from guanxi.core.reporting.stored import Setup

Answering = Callable[..., HttpResponse]


class ReportIn(Schema):
    """A definition to answer."""

    definition: dict[str, Any] = Field(description="dataset, rows, columns, measures, filter, period … (see the guide)")


def _said(one: Setup, *, whole: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {
        "key": one.key,
        "name": one.name,
        "about": one.about,
        "visibility": one.visibility,
        "built_in": one.built_in,
        "mine": one.mine,
    }
    if whole:
        found["definition"] = written(read(one.definition)) if one.sort == "report" else dict(one.definition)
    return found


def _scope(text: str, period: str, compare: str | None) -> Scope:
    try:
        tree = orjson.loads(text) if text else None
    except orjson.JSONDecodeError:
        tree = text
    if tree is not None and not isinstance(tree, dict):
        raise Invalid(_("The filter is not JSON."), code="filter.json", field="filter")
    return Scope(filter=tree, period=period, compare=compare)


def add_reports(api: NinjaAPI) -> None:
    """List reports and boards, read one, answer one, answer a definition that is not kept."""

    def route(path: str, name: str, summary: str, *, post: bool = False) -> Callable[[Answering], Answering]:
        method = api.post if post else api.get
        decorate: Callable[[Answering], Answering] = method(
            path, response={200: dict, **routes.PROBLEMS}, operation_id=name, summary=summary, tags=["reports"]
        )
        return decorate

    @route("/reports", "report_list", "Reports the caller may use")
    def listing(request: HttpRequest) -> HttpResponse:
        def handler(actor: Actor) -> HttpResponse:
            return answers.reply({"items": [_said(one) for one in stored.offered(actor)]})

        return routes.guarded(request, handler)

    @route("/reports/run", "report_run", "Answer a definition", post=True)
    def answer(request: HttpRequest, payload: Body[ReportIn]) -> HttpResponse:
        def handler(actor: Actor) -> HttpResponse:
            return answers.reply(results.as_data(run(actor, read(payload.definition))))

        return routes.guarded(request, handler)

    @route("/reports/{key}", "report_get", "A report's definition")
    def one(request: HttpRequest, key: str) -> HttpResponse:
        def handler(actor: Actor) -> HttpResponse:
            return answers.reply(_said(stored.setup(actor, "report", key), whole=True))

        return routes.guarded(request, handler)

    @route(
        "/reports/{key}/result", "report_result", "A report's figures; each carries the filter that lists its records"
    )
    def result(
        request: HttpRequest, key: str, filter: str = "", period: str = "", compare: str | None = None
    ) -> HttpResponse:
        def handler(actor: Actor) -> HttpResponse:
            held = stored.setup(actor, "report", key)
            return answers.reply(results.as_data(run(actor, read(held.definition), _scope(filter, period, compare))))

        return routes.guarded(request, handler)

    @route("/dashboards", "dashboard_list", "Dashboards the caller may use")
    def boards(request: HttpRequest) -> HttpResponse:
        def handler(actor: Actor) -> HttpResponse:
            return answers.reply({"items": [_said(each, whole=True) for each in stored.setups(actor, "board")]})

        return routes.guarded(request, handler)
