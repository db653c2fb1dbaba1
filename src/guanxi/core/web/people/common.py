"""What the pages about people share: the person asking, errors by field, the answer after a write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core import access
from guanxi.core.kernel.errors import Conflict, GuanxiError, Invalid, NotFound, Text
from guanxi.core.models import User
from guanxi.core.people.guards import is_administrator
from guanxi.core.web import toasts
from guanxi.core.web.views.common import actor_of, draw
from guanxi.core.web.views.pages import redirect


def me(request: HttpRequest) -> User:
    """The user signed in."""
    return cast("User", request.user)


def errors_of(error: GuanxiError) -> dict[str, list[str]]:
    """Sentences by field name; those of no field under ''."""
    if isinstance(error, Invalid) and error.errors:
        return {name: [str(one.message) for one in found] for name, found in error.errors.items()}
    return {error.field: [str(error.message)]}


def done(request: HttpRequest, address: str, text: Text) -> HttpResponseBase:
    """After a write: say so and go on at ``address``, whoever asked (a form or htmx)."""
    toasts.keep(request, toasts.toast(text))
    if "HX-Request" in request.headers:
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return redirect(address)


def user_for(request: HttpRequest, user_id: int) -> User:
    """A user the actor may see, else ``NotFound``."""
    found = User.objects.select_related("department", "job", "superior").filter(pk=user_id).first()
    if found is None or not access.allowed(actor_of(request), "view", found):
        raise NotFound
    return found


def number(text: str) -> int:
    """An id from an address or a form; ``NotFound`` when it is none."""
    if not text.isdecimal() or len(text) > 18:
        raise NotFound
    return int(text)


def account_tabs(request: HttpRequest) -> list[dict[str, Any]]:
    """The tabs of the pages about oneself."""
    pages = (
        (_("Profile"), "/account/"),
        (_("Security"), "/account/security/"),
        (_("API tokens"), "/account/tokens/"),
        (_("Notifications"), "/account/notifications/"),
        (_("My snippets"), "/account/snippets/"),
        (_("My rights"), "/account/rights/"),
    )
    return [{"text": text, "href": address, "current": request.path == address} for text, address in pages]


def user_tabs(request: HttpRequest, user: User) -> list[dict[str, Any]]:
    """The tabs of the pages about another user; those only administrators see are left out for others."""
    base = f"/people/users/{user.pk}/"
    pages = [(_("Administration"), base), (_("Rights"), f"{base}rights/"), (_("Sessions and tokens"), f"{base}open/")]
    shown = pages if is_administrator(actor_of(request)) else []
    return [{"text": text, "href": address, "current": request.path == address} for text, address in shown]


def show(
    request: HttpRequest, template: str, context: Mapping[str, Any], error: GuanxiError | None = None
) -> HttpResponse:
    """A page of this room; with an error it keeps what was typed, marks the fields and answers with the error's status.

    ``began`` is the version an editor drawn anew began with, until a conflict has been told. A button whose answer is
    drawn nowhere (it asked first, then sent) is told by a toast instead: else it would seem to do nothing.
    """
    status = error.status if error else 200
    began = "" if isinstance(error, Conflict) else request.POST.get("version", "")
    known = {"errors": errors_of(error) if error else {}, "began": began, **context}
    response = draw(request, template, known, status=status)
    response.headers["Cache-Control"] = "no-store"
    if error and "HX-Request" in request.headers and "HX-Target" not in request.headers:
        said = " ".join(str(text) for texts in errors_of(error).values() for text in texts)
        toasts.attach(response, toasts.toast(said, level="error"))
    return response


def version_of(request: HttpRequest) -> int | None:
    """The version a form started from."""
    given = request.POST.get("version", "")
    return int(given) if given.isdecimal() and len(given) < 9 else None
