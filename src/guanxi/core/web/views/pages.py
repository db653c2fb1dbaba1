"""Pages that belong to no entity: Today, preferences, the gallery of components."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from markupsafe import Markup

from guanxi.core.web import gallery, homelists
from guanxi.core.web.views.common import actor_of, draw, page_view


@page_view()
def home(request: HttpRequest) -> HttpResponseBase:
    """“Today”: the cards areas contributed that have something to say to the actor."""
    actor = actor_of(request)
    cards = []
    for card in homelists.cards_for(actor):
        context = card.context(actor)
        if context is not None:
            values = {**context, "card": card, "actor": actor}
            cards.append((card, Markup(render_to_string(card.template, values, request, using="jinja2"))))  # noqa: S704
    context = {"title": _("Today"), "cards": cards, "without_role": not actor.rights.roles}
    return draw(request, "pages/home.jinja", context)


def back_to(request: HttpRequest, fallback: str = "/") -> str:
    """The address to return to that the form sent, if it is one of ours."""
    wanted = request.POST.get("next", "")
    return wanted if url_has_allowed_host_and_scheme(wanted, {request.get_host()}) else fallback


@login_not_required
def favicon(_request: HttpRequest) -> HttpResponseBase:
    """Browsers that ask for the old name are led to the drawing."""
    return HttpResponseRedirect(static("guanxi/favicon.svg"))


@page_view()
def show_gallery(request: HttpRequest) -> HttpResponseBase:
    """Every component with sample data; only where ``DEBUG`` is on."""
    if not settings.DEBUG:
        raise Http404
    return draw(request, "dev/gallery.jinja", gallery.samples())


def redirect(address: str) -> HttpResponseRedirect:
    """See other: the next request is a GET."""
    response = HttpResponseRedirect(address)
    response.status_code = 303
    return response
