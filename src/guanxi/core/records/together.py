"""What people leave on a record: comments with mentions, files, tags; their own marks stand in ``marks``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import IO, Any

from django.db import models
from django.db.models import F, Value
from django.utils.html import escape, linebreaks
from django.utils.translation import gettext as _

from guanxi.core.access import allowed, require
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, Invalid, NotFound
from guanxi.core.models import Comment, File, Tag, User
from guanxi.core.records import files, saving
from guanxi.core.records.files import Upload, safe_headers
from guanxi.core.records.marks import (
    follow,
    mark,
    marked,
    marks_of,
    mute,
    pin,
    recents,
    star,
    touch_recent,
    users_with,
)
from guanxi.core.records.writing import emit, writing
from guanxi.core.schema.fields import Field
from guanxi.core.schema.parsing import rich_text
from guanxi.core.schema.registry import entity_of, is_registered
from guanxi.runtime.failpoints import reach

__all__ = [
    "comment_add",
    "comment_delete",
    "comment_edit",
    "comments",
    "file_add",
    "file_attach",
    "file_delete",
    "file_keep",
    "file_open",
    "files_of",
    "follow",
    "mark",
    "marked",
    "marks_of",
    "mentionable",
    "mute",
    "pin",
    "recents",
    "safe_headers",
    "star",
    "tags_set",
    "touch_recent",
    "users_with",
]

_BODY = Field(name="body", kind="rich_text", label="", max_length=20_000)
_MARKUP = re.compile(r"<(p|br|span|div|ul|ol|a|b|i|strong|em|blockquote|h\d)\b", re.IGNORECASE)
_MENTIONED = re.compile(r'<span data-user="(\d{1,18})"')
_AT = re.compile(r"@([^\s@,，。;；:：、<>&()（）]{1,60})")
_MOST_MENTIONS = 20


# -- comments ----------------------------------------------------------------------------------------------------------


def comment_add(actor: Actor, record: models.Model, body: str, *, mentions: Iterable[int] = ()) -> Comment:
    """Leave a comment on a record one may see. People named with ``@`` (or in ``mentions``) are told.

    ``body`` is plain text or formatted; it is cleaned. Raises Invalid when nothing is left of it.
    """
    _may_leave(actor, record)
    text, named = _body(body, mentions)
    with writing(actor):
        comment = Comment.objects.create(
            entity=entity_of(record).key, record_id=record.pk, author_id=actor.user_id, body=text, mentions=named
        )
        emit(actor, "commented", record, {"comment": [None, comment.pk], "mentions": [[], named]})
    return comment


def comment_edit(actor: Actor, comment_id: int, body: str, *, mentions: Iterable[int] = ()) -> Comment:
    """Change one's own comment; who is mentioned for the first time is told."""
    with writing(actor):
        comment, record = _comment(actor, comment_id)
        if comment.author_id != actor.user_id:
            raise Denied(_("Only its author can change a comment."), code="comment.author")
        before = list(comment.mentions)
        comment.body, comment.mentions = _body(body, mentions)
        comment.edited_at = clock.now()
        comment.save(update_fields=["body", "mentions", "edited_at"])
        emit(actor, "comment_edited", record, {"comment": [None, comment.pk], "mentions": [before, comment.mentions]})
    return comment


def comment_delete(actor: Actor, comment_id: int) -> None:
    """Take a comment away: one's own, or any on a record one may delete."""
    with writing(actor):
        comment, record = _comment(actor, comment_id)
        if comment.author_id != actor.user_id and not allowed(actor, "delete", record):
            raise Denied(_("Only its author can delete a comment."), code="comment.author")
        comment.deleted_at = clock.now()
        comment.save(update_fields=["deleted_at"])
        emit(actor, "comment_deleted", record, {"comment": [comment.pk, None]})


def comments(actor: Actor, record: models.Model) -> models.QuerySet[Comment]:
    """The comments on a record, oldest first, with their authors."""
    require(actor, "view", record)
    rows = Comment.objects.filter(entity=entity_of(record).key, record_id=record.pk, deleted_at__isnull=True)
    return rows.select_related("author").order_by("created_at", "pk")


def mentionable(text: str, *, limit: int = 8) -> list[User]:
    """Active people whose name or login name begins with, or contains, what was typed after ``@``."""
    text = text.strip()
    people = User.objects.filter(is_active=True)
    if text:
        people = people.filter(
            models.Q(name__icontains=text) | models.Q(username__istartswith=text) | models.Q(sort_key__istartswith=text)
        )
    return list(people.order_by("sort_key", "name", "pk")[:limit])


def _comment(actor: Actor, comment_id: int) -> tuple[Comment, models.Model]:
    comment = Comment.objects.select_for_update().filter(pk=comment_id, deleted_at__isnull=True).first()
    if comment is None:
        raise NotFound
    record = _record(actor, comment.entity, comment.record_id)
    _may_leave(actor, record)
    return comment, record


def _body(raw: str, mentions: Iterable[int]) -> tuple[str, list[int]]:
    text = raw if _MARKUP.search(raw) else linebreaks(_with_mentions(raw))
    clean = rich_text(text, _BODY)
    if not re.sub(r"<[^>]+>|&nbsp;|\s", "", clean):
        raise Invalid(_("Write something first."), code="comment.empty", field="body")
    wanted = dict.fromkeys([*(int(found) for found in _MENTIONED.findall(clean)), *mentions])
    known = set(User.objects.filter(pk__in=list(wanted), is_active=True).values_list("pk", flat=True))
    return clean, [number for number in wanted if number in known][:_MOST_MENTIONS]


def _with_mentions(raw: str) -> str:
    """Plain text with ``@name`` and ``@login`` turned into mentions of the one person they can mean."""
    parts: list[str] = []
    end = 0
    for found in list(_AT.finditer(raw))[:_MOST_MENTIONS]:
        person, length = _person(found[1])
        if person is None:
            continue
        parts.append(escape(raw[end : found.start()]))
        end = found.start() + 1 + length
        parts.append(f'<span data-user="{person.pk}">@{escape(raw[found.start() + 1 : end])}</span>')
    return "".join([*parts, escape(raw[end:])])


def _person(written: str) -> tuple[User | None, int]:
    """The person whose name or login name stands at the beginning, and how much of it that is."""
    typed = Value(written, output_field=models.TextField())
    rows = User.objects.filter(is_active=True).annotate(typed=typed)
    rows = rows.filter(models.Q(typed__istartswith=F("name")) | models.Q(typed__istartswith=F("username")))
    fits: list[tuple[int, User]] = []
    for user in rows[:50]:
        lengths = [
            len(name) for name in (user.name, user.username) if name and written.lower().startswith(name.lower())
        ]
        if lengths:
            fits.append((max(lengths), user))
    longest = max((length for length, _user in fits), default=0)
    best = [user for length, user in fits if length == longest]
    return (best[0], longest) if len(best) == 1 else (None, 0)


# -- files -------------------------------------------------------------------------------------------------------------


def file_add(actor: Actor, record: models.Model, upload: Upload) -> File:
    """Hang a file on a record one may change. Raises Invalid for a content that is refused (see ``files.store``)."""
    require(actor, "change", record)
    return _file_create(actor, upload, record)


def file_keep(actor: Actor, upload: Upload) -> File:
    """Take in a file for a record that does not exist yet; only who sent it may open it until it is attached."""
    if actor.user_id is None:
        raise Denied
    return _file_create(actor, upload, None)


def file_attach(actor: Actor, file_id: int, record: models.Model) -> File:
    """Hang a kept file of one's own on a record."""
    require(actor, "change", record)
    with writing(actor):
        file = File.objects.select_for_update().filter(pk=file_id, entity="", uploaded_by_id=actor.user_id).first()
        if file is None:
            raise NotFound
        file.entity, file.record_id = entity_of(record).key, record.pk
        file.save(update_fields=["entity", "record_id"])
        emit(actor, "file_added", record, {"file": [None, file.name]})
    return file


def file_delete(actor: Actor, file_id: int) -> None:
    """Take a file away: one's own, or any on a record one may change."""
    with writing(actor):
        file, record = _file(actor, file_id)
        if file.uploaded_by_id != actor.user_id and record is not None:
            require(actor, "change", record)
        file.deleted_at = clock.now()
        file.save(update_fields=["deleted_at"])
        if record is not None:
            emit(actor, "file_deleted", record, {"file": [file.name, None]})


def file_open(actor: Actor, file_id: int) -> tuple[File, IO[bytes]]:
    """A file and its content, for whoever may see the record it hangs on; send it with ``safe_headers``."""
    file, _record_found = _file(actor, file_id)
    return file, files.opened(file)


def files_of(actor: Actor, record: models.Model) -> models.QuerySet[File]:
    """The files on a record, newest first."""
    require(actor, "view", record)
    rows = File.objects.filter(entity=entity_of(record).key, record_id=record.pk, deleted_at__isnull=True)
    return rows.select_related("uploaded_by").order_by("-created_at", "-pk")


def _file_create(actor: Actor, upload: Upload, record: models.Model | None) -> File:
    stored = files.store(upload)
    reach("files.before_row")
    with writing(actor):
        file = File.objects.create(
            entity=entity_of(record).key if record is not None else "",
            record_id=record.pk if record is not None else 0,
            name=stored.name,
            size=stored.size,
            media_type=stored.media_type,
            digest=stored.digest,
            is_picture=stored.is_picture,
            uploaded_by_id=actor.user_id,
        )
        if record is not None:
            emit(actor, "file_added", record, {"file": [None, file.name]})
    return file


def _file(actor: Actor, file_id: int) -> tuple[File, models.Model | None]:
    file = File.objects.filter(pk=file_id, deleted_at__isnull=True).first()
    if file is None:
        raise NotFound
    if not file.entity:
        if file.uploaded_by_id != actor.user_id or actor.user_id is None:
            raise NotFound
        return file, None
    return file, _record(actor, file.entity, file.record_id)


# -- tags --------------------------------------------------------------------------------------------------------------


def tags_set(actor: Actor, record: Any, tags: Iterable[int | str]) -> Any:
    """Put exactly these tags (ids, or names) on a record and return it. A new name makes a tag if the actor may."""
    key = entity_of(record).key
    given = list(tags)
    ids = [one for one in given if isinstance(one, int)]
    with writing(actor):
        ids += [_tag(actor, name.strip(), key) for name in given if isinstance(name, str) and name.strip()]
        return saving.update(actor, record, {"tags": list(dict.fromkeys(ids))})


def _tag(actor: Actor, name: str, entity: str) -> int:
    known = Tag.objects.filter(name__iexact=name, entity__in=("", entity)).order_by("-entity", "pk").first()
    if known is None:
        known = saving.create(actor, "core.tag", {"name": name, "entity": entity})
    return int(known.pk)


# -- both --------------------------------------------------------------------------------------------------------------


def _may_leave(actor: Actor, record: models.Model) -> None:
    """Whoever sees a record may leave something on it; a token needs the scope to write."""
    require(actor, "view", record)
    if actor.kind == "anonymous" or (actor.scopes is not None and "write" not in actor.scopes):
        raise Denied


def _record(actor: Actor, key: str, record_id: int) -> models.Model:
    if not is_registered(key):
        raise NotFound
    record = entity_of(key).model._default_manager.filter(pk=record_id).first()
    if record is None:
        raise NotFound
    require(actor, "view", record)
    return record
