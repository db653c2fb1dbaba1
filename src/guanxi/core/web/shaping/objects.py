"""Custom objects: the list, making and changing one."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core.kernel.errors import GuanxiError
from guanxi.core.models import CustomField, CustomObject, PortalView
from guanxi.core.records.objects import key_of
from guanxi.core.records.shape import spoken
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entities
from guanxi.core.schema.vocabulary import GROUPS
from guanxi.core.shaping import objects as shaping
from guanxi.core.web import icons
from guanxi.core.web.people.common import done, version_of
from guanxi.core.web.shaping.common import COLORS, ask, general, inputs, page, read, shaper
from guanxi.core.web.views.common import page_view

BASE = "/settings/objects/"
#: Icons offered; every icon of the sprite would be too many.
ICONS = ["box", "package", "briefcase", "building", "building-store", "building-bank", "factory", "truck", "ship", "plane", "car", "tool", "tools", "certificate", "file-text", "file-invoice", "contract", "receipt", "coin", "coins", "cash", "credit-card", "gift", "heart", "star", "flag", "target", "map-pin", "map", "calendar-event", "clock", "users", "user-star", "id-badge", "headset", "ticket", "trophy", "school", "leaf", "flame", "droplet", "bolt", "plug", "camera", "photo", "book", "bookmark", "tag", "tags", "puzzle", "robot", "shield", "barcode", "qrcode", "scale", "ruler", "gauge", "home", "bulb", "rocket"]  # fmt: skip
_OPTIONS = ("title_zh", "title_en", "board", "board_total", "no_steps", "timeline", "duplicates")


def _questions(row: CustomObject | None) -> tuple[Field, ...]:
    own = list(CustomField.objects.filter(entity=key_of(row), active=True)) if row else []
    choices = [(one.key, spoken(one.label_zh, one.label_en)) for one in own if one.kind == "choice"]
    sums = [(one.key, spoken(one.label_zh, one.label_en)) for one in own if one.kind in ("integer", "decimal", "money")]
    parents = [
        (one.key, one.label) for one in entities() if one.access.owner and (row is None or one.key != key_of(row))
    ]
    offered = dict.fromkeys([*([row.icon] if row else []), *ICONS])  # its own stays, whoever gave it
    asked = [
        ask("name_zh", "text", _("Chinese name"), required=True, max_length=60),
        ask("name_en", "text", _("English name"), max_length=60),
        ask("plural_en", "text", _("English plural"), max_length=60),
        ask(
            "path",
            "text",
            _("Address"),
            max_length=40,
            help=_("The word in addresses, also of the API; made from the name when empty."),
        ),
        ask("description_zh", "text", _("Description in Chinese"), max_length=300),
        ask("description_en", "text", _("Description in English"), max_length=300),
        ask("icon", "choice", _("Icon"), choices=[(one, one) for one in offered if one in icons.names()]),
        ask("color", "choice", _("Colour"), choices=COLORS),
        ask("group", "choice", _("Stands under"), choices=[(key, label) for key, (label, _icon) in GROUPS.items()]),
        ask("position", "integer", _("Place in the menu"), minimum=0, maximum=999),
        ask(
            "title_zh",
            "text",
            _("What its name is called"),
            max_length=40,
            help=_("Usually “name”; for instance “number” or “subject”."),
        ),
        ask("title_en", "text", _("… in English"), max_length=40),
        ask("timeline", "boolean", _("Shown on the timeline of what it belongs to")),
        ask("duplicates", "boolean", _("Warn of records with the same name")),
    ]
    if row is None:
        asked[4:4] = [
            ask(
                "parent",
                "choice",
                _("Belongs to"),
                choices=parents,
                help=_("Whoever sees that record sees this one too. It stays."),
            ),
            ask("owned", "boolean", _("Has an owner"), help=_("Without owners, roles see all records or none.")),
        ]
    else:
        asked += [
            ask("board", "choice", _("Board by"), choices=choices, help=_("A choice field of its own.")),
            ask("board_total", "choice", _("Summed per column"), choices=sums),
            ask("no_steps", "boolean", _("The columns are no steps"), help=_("Records show no path then.")),
        ]
    return tuple(asked)


@page_view()
def index(request: HttpRequest) -> HttpResponseBase:
    """All objects an administrator made."""
    shaper(request)
    rows = [
        (row, spoken(row.name_zh, row.name_en), CustomField.objects.filter(entity=key_of(row), active=True).count())
        for row in CustomObject.objects.order_by("-active", "position", "pk")
    ]
    return page(request, "shaping/objects.jinja", {"title": _("Objects"), "rows": rows})


@page_view("GET", "POST")
def create(request: HttpRequest) -> HttpResponseBase:
    """A new object."""
    actor, questions = shaper(request), _questions(None)
    error: GuanxiError | None = None
    if request.method == "POST":
        try:
            row = shaping.object_save(actor, request.POST.get("key", ""), _given(questions, request, {}), new=True)
            text = _("“%(name)s” is there. Now give it fields.") % {"name": row.name_zh}
            return done(request, f"/settings/fields/{row.path}/", text)
        except GuanxiError as found:
            error = found
    given: dict[str, Any] = {
        "icon": "box",
        "color": "blue",
        "group": "work",
        "position": 50,
        "owned": True,
        "timeline": True,
    }
    return _form(request, None, questions, given, error)


@page_view("GET", "POST")
def edit(request: HttpRequest, key: str) -> HttpResponseBase:
    """One object: names, place, board; retire it, bring it back, remove it."""
    actor, row = shaper(request), shaping.object_for(key)
    questions = _questions(row)
    error: GuanxiError | None = None
    if request.method == "POST":
        try:
            do, name = request.POST.get("do", ""), spoken(row.name_zh, row.name_en)
            if do == "delete":
                shaping.object_delete(actor, key)
                return done(request, BASE, _("“%(name)s” was removed.") % {"name": name})
            if do in ("retire", "activate"):
                shaping.object_retire(actor, key, active=do == "activate")
                text = (
                    _("“%(name)s” is in use again.")
                    if do == "activate"
                    else _("“%(name)s” was retired; its records stay.")
                )
                return done(request, BASE, text % {"name": name})
            shaping.object_save(actor, key, _given(questions, request, row.options), version=version_of(request))
            return done(request, f"{BASE}{key}/", _("Saved."))
        except GuanxiError as found:
            error = found
    given = {**{one.name: getattr(row, one.name) for one in questions if one.name not in _OPTIONS}, **row.options}
    return _form(request, row, questions, given, error)


def _given(questions: tuple[Field, ...], request: HttpRequest, options: dict[str, Any]) -> dict[str, Any]:
    sent = read(questions, request.POST)
    kept = {**options, **{name: sent.pop(name) for name in _OPTIONS if name in sent}}
    if sent.get("position") is None:
        sent["position"] = 50
    return {**sent, "options": {name: value for name, value in kept.items() if value not in (None, "", False)}}


def _form(
    request: HttpRequest,
    row: CustomObject | None,
    questions: tuple[Field, ...],
    given: dict[str, Any],
    error: GuanxiError | None,
) -> HttpResponseBase:
    if error:
        flags = {
            one.name: request.POST.get(one.name) in ("1", "on", "true") for one in questions if one.kind == "boolean"
        }
        given = {**given, **request.POST.dict(), **flags}
    names = {
        "name_zh",
        "name_en",
        "plural_en",
        "path",
        "description_zh",
        "description_en",
        "title_zh",
        "title_en",
        "parent",
        "owned",
    }
    asked = inputs(questions, given, error)
    context = {
        "title": spoken(row.name_zh, row.name_en) if row else _("New object"),
        "row": row,
        "first": [one for one in asked if one.field.name in names],
        "second": [one for one in asked if one.field.name not in names],
        "general": general(error, questions),
        "key": key_of(row) if row else "",
        "outside": PortalView.objects.filter(entity=key_of(row)) if row else (),
    }
    return page(request, "shaping/object.jinja", context, error)
