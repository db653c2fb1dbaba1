"""What surrounds every page, drawn once for as long as it looks the same to somebody: head, bar, navigation, words.

What differs from request to request (tokens, the page's own address, where live events come from) is left open in what is
kept and filled in for each page.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.template import engines
from markupsafe import Markup, escape

from guanxi.core.models import stamps
from guanxi.core.web import contributions

if TYPE_CHECKING:
    from guanxi.core.web.shell import Shell

#: So many drawn parts are kept; a part has 2 to 20 kB.
KEPT = 500
#: Stands where a page puts its own; PostgreSQL takes no such character into a text.
TOKEN, INPUT, BACK, STREAM = Markup("\0token\0"), Markup("\0input\0"), Markup("\0back\0"), Markup("\0stream\0")

#: By part and what its looks depend on: the rights it was drawn for (held, so that no others get their id) and the text.
_drawn: dict[Hashable, tuple[Any, str]] = {}
_lock = Lock()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The parts of ``shell/base.jinja`` around the page's own."""

    head: Markup
    top: Markup
    nav: Markup
    foot: Markup


def token_of(request: HttpRequest) -> str:
    """The page's secret, masked once for all of its forms."""
    held: tuple[Any, str] | None = request.__dict__.get("page_secret")
    if held is None or held[0] != request.META.get("CSRF_COOKIE"):
        token = get_token(request)
        held = request.__dict__["page_secret"] = (request.META["CSRF_COOKIE"], token)
    return held[1]


def around(shell: Shell) -> Surroundings:
    """The surroundings of one page."""
    token = token_of(shell.request)
    own = (
        (TOKEN, token),
        (INPUT, f'<input type="hidden" name="csrfmiddlewaretoken" value="{token}">'),
        (BACK, str(escape(shell.request.get_full_path()))),
        (STREAM, str(escape(shell.stream_url))),
    )

    def filled(text: str) -> Markup:
        for place, value in own:
            text = text.replace(place, value)
        return Markup(text)  # noqa: S704 - drawn by our templates, and escaped above

    actor, language = shell.actor, shell.language
    state = (stamps.state(), contributions.state(), language)
    shared = tuple((key, *sorted(set(ids.values()))) for key, ids in sorted(actor.shared.items()) if ids)
    who = (state, id(actor.rights), actor.kind, actor.user_id, actor.scopes, actor.department_id, shared)
    looks = (actor.name, shell.workspace, shell.theme, shell.density, shell.keys, shell.rights, shell.unread)
    places = (shell.here, shell.due, shell.folded, shell.badges, shell.pinned_key)
    return Surroundings(
        head=filled(_part(shell, "head", (), csrf_token=TOKEN)),
        top=filled(_part(shell, "top", (who, looks), csrf_input=INPUT, back=BACK, stream=STREAM)),
        nav=filled(_part(shell, "nav", (who, places))),
        foot=filled(_part(shell, "foot", state)),
    )


def _part(shell: Shell, name: str, key: Hashable, **given: Any) -> str:
    place = (name, key)
    known = _drawn.get(place)
    if known is not None:
        return known[1]
    templates: Any = engines["jinja2"]
    text = str(templates.env.get_template(f"shell/{name}.jinja").render(shell=shell, **given))
    with _lock:
        _drawn[place] = (shell.actor.rights, text)
        while len(_drawn) > KEPT:
            del _drawn[next(iter(_drawn))]
    return text
