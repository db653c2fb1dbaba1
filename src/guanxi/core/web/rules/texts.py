"""Message templates and snippets: the list, the editor with merge fields and a preview for a record."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from guanxi.core import records
from guanxi.core.access.features import SETTINGS, require_feature
from guanxi.core.automation import merge_fields, templates
from guanxi.core.kernel.errors import GuanxiError, NotFound
from guanxi.core.models import MessageTemplate, Snippet
from guanxi.core.records import display, shape
from guanxi.core.records.shape import spoken
from guanxi.core.schema.registry import entity_of, is_registered
from guanxi.core.web import editors
from guanxi.core.web.people.common import account_tabs, done, show, version_of
from guanxi.core.web.views.common import actor_of, page_view

HOME = "/settings/templates/"
NAMES = ("name_zh", "name_en", "entity", "channel", "subject_zh", "subject_en", "body_zh", "body_en")
PREVIEWED = 20


def named(row: MessageTemplate | Snippet) -> str:
    """Its name in the active language."""
    return spoken(row.name_zh, row.name_en)


def channels() -> list[tuple[str, str]]:
    """How a template may be sent."""
    words = {"mail": pgettext("channel", "E-mail"), "sms": _("Text message"), "note": _("Note")}
    return [(key, words[key]) for key in templates.CHANNELS]


@page_view()
def index(request: HttpRequest) -> HttpResponseBase:
    """All templates and snippets."""
    require_feature(actor_of(request), SETTINGS)
    words = dict(channels())
    rows = [
        (
            one,
            named(one),
            entity_of(one.entity) if is_registered(one.entity) else None,
            words.get(one.channel, one.channel),
        )
        for one in MessageTemplate.objects.all()
    ]
    context = {
        "title": _("Message templates"),
        "rows": rows,
        "snippets": [(one, named(one)) for one in Snippet.objects.filter(owner__isnull=True)],
    }
    return show(request, "rules/texts.jinja", context)


def _filled(data: QueryDict) -> dict[str, Any]:
    return {
        **{name: data.get(name, "") for name in NAMES},
        "active": bool(data.get("active")),
        "marketing": bool(data.get("marketing")),
    }


def _context(request: HttpRequest, row: MessageTemplate | None, filled: dict[str, Any]) -> dict[str, Any]:
    actor = actor_of(request)
    key = str(filled["entity"])
    entity = entity_of(key) if is_registered(key) else None
    some = records.select(actor, entity, limit=PREVIEWED, count=False).items if entity else []
    return {
        "title": named(row) if row else _("New template"),
        "row": row,
        "filled": filled,
        "entities": editors.choices(),
        "channels": channels(),
        "merge": merge_fields.fields_offered(actor, entity)[:200] if entity else [],
        "money": next((name for name, one in shape.readable(actor, entity).items() if one.kind == "money"), "")
        if entity
        else "",
        "samples": [(one.pk, display.title_of(entity, one, actor)) for one in some] if entity else [],
        "chosen": request.POST.get("sample", ""),
        "preview": None,
    }


@page_view("GET", "POST")
def edit(request: HttpRequest, key: str = "") -> HttpResponseBase:
    """One template, or a new one; *Preview* fills it for a record in both languages."""
    actor = actor_of(request)
    require_feature(actor, SETTINGS)
    row = MessageTemplate.objects.filter(key=key).first()
    if key and row is None:
        raise NotFound
    if request.method != "POST":
        filled = (
            {name: getattr(row, name) for name in (*NAMES, "active", "marketing")}
            if row
            else {
                **dict.fromkeys(NAMES, ""),
                "entity": editors.first_choice(),
                "channel": "mail",
                "active": True,
                "marketing": False,
            }
        )
        return show(request, "rules/text.jinja", _context(request, row, filled))
    filled, what = _filled(request.POST), request.POST.get("do", "")
    context = _context(request, row, filled)
    try:
        if what == "delete" and row is not None:
            templates.removed(actor, row)
            return done(request, HOME, _("“%(name)s” was removed.") % {"name": named(row)})
        if what == "save":
            saved = templates.template_save(actor, row, filled, version=version_of(request))
            return done(request, f"{HOME}{saved.key}/", _("The template was saved."))
        if what == "preview" and context["chosen"].isdecimal():
            record = records.get(actor, entity_of(str(filled["entity"])), int(context["chosen"][:18]))
            trial = MessageTemplate(**{name: filled[name] for name in NAMES})
            context["preview"] = [
                (language, templates.filled(actor, trial, record, language)) for language in ("zh-hans", "en")
            ]
    except GuanxiError as error:
        return show(request, "rules/text.jinja", context, error)
    return show(request, "rules/text.jinja", context)


@page_view("GET", "POST")
def snippet(request: HttpRequest, key: str = "") -> HttpResponseBase:
    """One snippet, or a new one."""
    actor = actor_of(request)
    require_feature(actor, SETTINGS)
    row = Snippet.objects.filter(key=key, owner__isnull=True).first()
    if key and row is None:
        raise NotFound
    names = ("name_zh", "name_en", "text_zh", "text_en")
    filled = {name: request.POST.get(name, getattr(row, name) if row else "") for name in names}
    context = {"title": named(row) if row else _("New snippet"), "row": row, "filled": filled}
    if request.method != "POST":
        return show(request, "rules/snippet.jinja", context)
    try:
        if request.POST.get("do") == "delete" and row is not None:
            templates.removed(actor, row)
        else:
            templates.snippet_save(actor, row, filled)
    except GuanxiError as error:
        return show(request, "rules/snippet.jinja", context, error)
    return done(request, HOME, _("The snippets were saved."))


OWN = "/account/snippets/"


@page_view("GET", "POST")
def own_snippets(request: HttpRequest) -> HttpResponseBase:
    """One's own snippets: the list, and a form for a new one or the one named by ``?edit=``."""
    actor = actor_of(request)
    mine = Snippet.objects.filter(owner_id=actor.user_id or 0)
    row = mine.filter(key=request.POST.get("key") or request.GET.get("edit") or "").first()
    stored = {"name": named(row), "text": spoken(row.text_zh, row.text_en)} if row else {"name": "", "text": ""}
    filled = {name: request.POST.get(name, stored[name]) for name in ("name", "text")}
    context = {
        "title": _("My snippets"), "tabs": account_tabs(request), "row": row, "filled": filled,
        "rows": [(one, named(one), spoken(one.text_zh, one.text_en)) for one in mine],
        "shared": [(one, name, text) for one, name, text in templates.snippets(actor) if one.owner_id is None],
    }  # fmt: skip
    if request.method != "POST":
        return show(request, "rules/own_snippets.jinja", context)
    try:
        if request.POST.get("do") == "delete" and row is not None:
            templates.removed(actor, row)
        else:
            values = {"name_zh": filled["name"], "text_zh": filled["text"]}
            templates.snippet_save(actor, row, values, own=True)
    except GuanxiError as error:
        return show(request, "rules/own_snippets.jinja", context, error)
    return done(request, OWN, _("The snippets were saved."))
