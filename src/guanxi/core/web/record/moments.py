"""The timeline of a record and its composer: filter, search, jump, load more; comments and files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from markupsafe import Markup

from guanxi.core import access, records
from guanxi.core.automation.incoming import moments as messages
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, NotFound
from guanxi.core.models import Comment, User
from guanxi.core.records import quarantine, together
from guanxi.core.records import timeline as moments
from guanxi.core.schema import kinds
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of, is_registered
from guanxi.core.web import addresses, days, toasts
from guanxi.core.web.record.common import done, find
from guanxi.core.web.toasts import toast
from guanxi.core.web.views.common import actor_of, draw, page_view

PAGE = 20
_DAY = Field(name="day", kind="date", label="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """A page of the timeline and the filter it was made with."""

    entries: list[dict[str, Any]]
    next: str
    kinds: list[moments.TimelineKind]
    chosen: frozenset[str]
    person: tuple[str, str]
    text: str
    day: str
    filtered: bool


def _path(target: Entity, number: int) -> str:
    return addresses.record_url(target, number)


def read(actor: Actor, record: Any, request: HttpRequest) -> Moments:
    """The timeline as the address asks for it; wrong values are left out."""
    data = request.GET
    known = moments.kinds_of(actor, record)
    chosen = frozenset(one for one in data.getlist("kind") if one in {kind.key for kind in known})
    person = data.get("person", "") if data.get("person", "").isdecimal() else ""
    try:
        day = kinds.parse(_DAY, days.untyped(data.get("day", ""), "date"))
    except Invalid:
        day = None
    found = moments.timeline(
        actor,
        record,
        kinds=chosen,
        people=[int(person)] if person else [],
        text=data.get("words", "").strip()[:100],
        before=data.get("before", ""),
        jump_to=day,
        limit=PAGE,
    )
    name = User.everything.filter(pk=person).values_list("name", flat=True).first() if person else ""
    return Moments(
        entries=_entries(actor, record, found.entries),
        next=found.next,
        kinds=known,
        chosen=chosen,
        person=(person, str(name or "")),
        text=data.get("words", ""),
        day=day.isoformat() if day else "",
        filtered=bool(chosen or person or data.get("words") or day),
    )


def _entries(actor: Actor, record: Any, shown: Sequence[moments.TimelineEntry]) -> list[dict[str, Any]]:
    """The entries; files that may not be opened now say why."""
    contents = [one.record.digest for one in shown if one.kind == moments.FILE]
    held = quarantine.held(contents) if contents else {}
    entries = [_entry(actor, record, one) for one in shown]
    for entry in entries if held else ():
        if entry["one"].kind == moments.FILE:
            entry["held"] = held.get(entry["one"].record.digest, "")
    return entries


def _entry(actor: Actor, record: Any, one: moments.TimelineEntry) -> dict[str, Any]:
    """One entry with the addresses its tools need."""
    base = addresses.record_url(entity_of(record), record.pk)
    formatted = one.kind == moments.COMMENT or _is_rich(one)
    found: dict[str, Any] = {
        "one": one,
        "id": f"moment-{one.kind.replace('.', '-')}-{one.id}",
        "body": Markup(one.body) if formatted else one.body,  # noqa: S704 - cleaned by the one sanitiser when written
        "formatted": formatted,
        "url": "",
        "edit": "",
        "remove": "",
        "pin": "",
        "words": _action_words(one.action),
    }
    if is_registered(one.kind):
        target = entity_of(one.kind)
        found["url"] = _path(target, one.id)
        found["peek"] = addresses.peek_url(target, one.id)
        if one.own:
            found["edit"] = f"{found['url']}edit/"
            found["pin"] = (
                f"{base}timeline/pin/{one.kind}/{one.id}/" if target.timeline and target.timeline.pinned else ""
            )
    elif one.kind == moments.COMMENT and one.own:
        found["edit"], found["remove"] = f"/comments/{one.id}/", f"/comments/{one.id}/delete/"
    elif one.kind == messages.KIND and one.variety == "in":
        found["url"] = f"/messages/{one.id}/"
        may = access.allowed(actor, "change", record)
        found["answer"] = f"/write/{entity_of(record).path}/{record.pk}/?reply={one.id}" if may else ""
    elif one.kind == moments.FILE:
        found["url"] = f"/files/{one.id}/"
        found["remove"] = f"/files/{one.id}/delete/" if one.own else ""
    return found


def _is_rich(one: moments.TimelineEntry) -> bool:
    if not is_registered(one.kind):
        return False
    declared = entity_of(one.kind).timeline
    field = records.fields_of(one.kind).get(declared.body) if declared else None
    return field is not None and field.kind == "rich_text"


def _action_words(action: str) -> str:
    return {
        "create": _("created this"),
        "trash": _("put this in the trash"),
        "restore": _("took this out of the trash"),
        "update": _("changed this"),
    }.get(action, "")


@page_view()
def timeline(request: HttpRequest, path: str, pk: int) -> HttpResponseBase:
    """The timeline alone: after a filter, or the entries after ``before``."""
    actor, entity, record = find(request, path, pk)
    context = {
        "record": record,
        "entity": entity,
        "moments": read(actor, record, request),
        "here": addresses.record_url(entity, pk),
    }
    template = "record/moments_more.jinja" if request.GET.get("before") else "record/moments.jinja"
    return draw(request, template, context)


@page_view("POST")
def comment(request: HttpRequest, path: str, pk: int) -> HttpResponseBase:
    """Leave a comment; people named with @ are told."""
    _actor, entity, record = find(request, path, pk)
    together.comment_add(_actor, record, request.POST.get("body", ""))
    answer = done(request, toast(_("Comment added.")), go=addresses.record_url(entity, pk), events={"gx:timeline": {}})
    return toasts.trigger(answer, **{"gx:composed": {"key": "comment"}}) if "HX-Request" in request.headers else answer


@page_view("GET", "POST")
def comment_edit(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Change one's own comment in a dialog."""
    actor = actor_of(request)
    found = Comment.objects.filter(pk=pk, author_id=actor.user_id, deleted_at__isnull=True).first()
    if found is None:
        raise NotFound
    if request.method == "POST":
        together.comment_edit(actor, pk, request.POST.get("body", ""))
        return done(request, toast(_("Comment changed.")), events={"gx:close": {}, "gx:timeline": {}})
    return draw(
        request, "record/comment.jinja", {"title": _("Change the comment"), "body": found.body, "action": request.path}
    )


@page_view("POST")
def comment_delete(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Take a comment away."""
    together.comment_delete(actor_of(request), pk)
    return done(request, toast(_("Comment deleted.")), events={"gx:timeline": {}})


@page_view("POST")
def upload(request: HttpRequest, path: str, pk: int) -> HttpResponseBase:
    """Hang the sent files on the record."""
    actor, entity, record = find(request, path, pk)
    sent = request.FILES.getlist("file")
    if not sent:
        raise Invalid(_("Choose a file first."), code="file.none", field="file")
    for one in sent[:20]:
        together.file_add(actor, record, one)
    text = (
        _("“%(name)s” was added.") % {"name": sent[0].name}
        if len(sent) == 1
        else _("%(count)d files were added.") % {"count": len(sent)}
    )
    answer = done(request, toast(text), go=addresses.record_url(entity, pk), events={"gx:timeline": {}})
    return toasts.trigger(answer, **{"gx:composed": {"key": "file"}}) if answer.status_code == 204 else answer


@page_view()
def file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """A file's content, for whoever may see its record; pictures with ``?inline`` are shown, the rest downloads."""
    found, content = together.file_open(actor_of(request), pk)
    answer = FileResponse(content)
    for name, value in together.safe_headers(found, inline="inline" in request.GET).items():
        answer.headers[name] = value
    return answer


@page_view("POST")
def file_delete(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Take a file away."""
    together.file_delete(actor_of(request), pk)
    return done(request, toast(_("File deleted.")), events={"gx:timeline": {}})


@page_view("POST")
def pin(request: HttpRequest, path: str, pk: int, kind: str, number: int) -> HttpResponseBase:
    """Pin an entry to the top of the timeline, or let it go."""
    actor, _entity, _record = find(request, path, pk)
    target = entity_of(kind)
    name = target.timeline.pinned if target.timeline else ""
    if not name:
        raise NotFound
    entry = records.get(actor, target, number)
    on = not getattr(entry, name)
    records.update(actor, entry, {name: on})
    return done(request, toast(_("Pinned.") if on else _("No longer pinned.")), events={"gx:timeline": {}})
