"""Finding a person's records, giving him a copy, forgetting him; for administrators of people."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core.automation import marketing
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Erasure
from guanxi.core.people.guards import require_administrator
from guanxi.core.privacy import erasing, keeping, package, policy, subjects
from guanxi.core.records import discretion
from guanxi.core.schema.registry import entity_at, entity_of, is_registered
from guanxi.core.web import addresses
from guanxi.core.web.people.common import done, show
from guanxi.core.web.views.common import actor_of, page_view

ADDRESS = "/settings/privacy/"


@page_view("GET")
def index(request: HttpRequest) -> HttpResponseBase:
    """Search by anything known of a person; below, what was erased so far."""
    return _index(request)


def _index(request: HttpRequest, error: Invalid | None = None) -> HttpResponseBase:
    actor = actor_of(request)
    require_administrator(actor)
    words = request.GET.get("q", "").strip()[:200]
    found = subjects.find(actor, words) if words else []
    context = {
        "title": _("Personal data"),
        "words": words,
        "found": [(each, addresses.record_url(each.entity, each.record.pk)) for each in found],
        "erased": [(each, _sort(each)) for each in Erasure.objects.order_by("-pk")[:50]],
        "figures": marketing.figures(actor),
        "only_agreed": marketing.only_agreed(),
        "limits": request.POST if error else discretion.as_data(discretion.discretion()),
    }
    return show(request, "privacy/index.jinja", context, error)


@page_view("POST")
def limits(request: HttpRequest) -> HttpResponseBase:
    """How much one person may look at and carry away in a day, and what is marked."""
    given = request.POST
    try:
        policy.discretion_set(
            actor_of(request), looks=given.get("looks", ""), rows=given.get("rows", ""),
            marked="marked" in given, watermark="watermark" in given,
        )  # fmt: skip
    except Invalid as wrong:
        return _index(request, wrong)
    return done(request, ADDRESS, _("Saved."))


@page_view("POST")
def marketing_rule(request: HttpRequest) -> HttpResponseBase:
    """Whether marketing goes to all who have not said no, or only to those who agreed."""
    marketing.only_agreed_set(actor_of(request), request.POST.get("to") == "agreed")
    return done(request, ADDRESS, _("Saved."))


@page_view("POST")
def copy(request: HttpRequest, path: str, pk: int) -> HttpResponseBase:
    """Everything kept about a person, as a ZIP to take away."""
    actor = actor_of(request)
    require_administrator(actor)
    content = package.package(actor, subjects.subject(actor, entity_at(path).key, pk))
    return HttpResponse(
        content,
        content_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="person-{pk}.zip"', "X-Content-Type-Options": "nosniff"},
    )


@page_view("GET", "POST")
def erase(request: HttpRequest, path: str, pk: int) -> HttpResponseBase:
    """What would be taken away; with a reason and the name typed again, it is."""
    actor = actor_of(request)
    require_administrator(actor)
    subject = subjects.subject(actor, entity_at(path).key, pk)
    error: Invalid | None = None
    if request.method == "POST":
        try:
            if request.POST.get("name", "").strip() != subject.title.strip():
                raise Invalid(_("This is not the name."), code="privacy.name", field="name")
            erasing.erase(actor, subject, request.POST.get("reason", ""))
            return done(request, ADDRESS, _("The personal data is erased."))
        except Invalid as wrong:
            error = wrong
    kept = keeping.keeping(actor, subject)
    context = {
        "title": _("Erase personal data"),
        "subject": subject,
        "plan": erasing.plan(subject),
        "kept": kept,
        "kept_rows": [(one, addresses.record_url(one.entity, one.record.pk)) for one in kept.records],
        "given": {name: request.POST.get(name, "") for name in ("reason", "name")},
    }
    return show(request, "privacy/erase.jinja", context, error)


def _sort(each: Erasure) -> str:
    return str(entity_of(each.entity).label) if is_registered(each.entity) else each.entity
