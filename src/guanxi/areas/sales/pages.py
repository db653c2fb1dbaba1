"""Pages of the area that belong to no single record: trying out the rules of a pool."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.urls import path
from django.utils.translation import gettext as _

from guanxi.areas.customers.models import Pool
from guanxi.areas.customers.models.pools import GROUNDS
from guanxi.areas.sales import services
from guanxi.areas.sales.selectors import pools as read
from guanxi.core import access, records
from guanxi.core.kernel.errors import Invalid
from guanxi.core.records import dictionaries
from guanxi.core.web import toasts
from guanxi.core.web.contributions import add_pages
from guanxi.core.web.record.common import done
from guanxi.core.web.views.common import actor_of, draw, page_view

ROWS = 8


def rules_from(data: QueryDict) -> list[read.Rule]:
    """The rules typed into the simulator; rows without days are none. Raises Invalid at the row."""
    found = []
    levels = {one.key for one in dictionaries.values("customer_level")}
    for row in range(ROWS):
        days = data.get(f"days.{row}", "").strip()
        if not days:
            continue
        if not days.isdecimal() or not 1 <= int(days[:6]) <= 3650:
            raise Invalid(_("Days are a whole number from 1 to 3650."), code="rule.days", field=f"days.{row}")
        ground, level = data.get(f"ground.{row}", ""), data.get(f"level.{row}", "")
        if ground not in dict(GROUNDS) or (level and level not in levels):
            raise Invalid(_("Choose one of the values offered."), code="rule.ground", field=f"days.{row}")
        found.append(read.Rule(ground, int(days), level))
    return found


@page_view("GET", "POST")
def simulate(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Who would lose what on each of the next 30 days under rules that are not saved yet; saving replaces them."""
    actor = actor_of(request)
    pool: Pool = records.get(actor, "customers.pool", pk)
    may_save = access.allowed(actor, "change", "customers.poolrule")
    rules, error = read.rules_of(pool), ""
    if request.method == "POST":
        try:
            rules = rules_from(request.POST)
            if request.POST.get("do") == "save":
                services.pools.rules_replace(actor, pool, rules)
                shown = toasts.toast(_("The rules of “%(name)s” are saved.") % {"name": pool.name})
                return done(request, shown, go=f"/pools/{pool.pk}/")
        except Invalid as found:
            error = str(found)
    context: dict[str, Any] = {
        "title": _("Try rules of “%(name)s”") % {"name": pool.name},
        "rows": [*rules, *[None] * (ROWS - len(rules))],
        "typed": request.POST if error else {},
        "grounds": GROUNDS,
        "levels": dictionaries.values("customer_level"),
        "error": error,
        "may_save": may_save,
        **read.pool_figures(actor, pool, rules),
    }
    return draw(request, "sales/simulate.jinja", context, status=422 if error else 200)


add_pages(path("pools/<int:pk>/simulate/", simulate, name="pool-simulate"))
