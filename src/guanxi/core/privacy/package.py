"""A copy of everything kept about a person, for him to take away: a page to read, the same as JSON, and the files."""

from __future__ import annotations

import html
import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext as _

from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import AccessEntry, Comment, File, InboundMessage, MarketingWord, OutboundMessage, PortalLogin
from guanxi.core.people.guards import require_administrator
from guanxi.core.privacy.subjects import Subject
from guanxi.core.records import display, files, history, reading, shape
from guanxi.core.records.discretion import noted
from guanxi.core.records.writing import writing
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entities

#: The most records of one sort that go into a copy.
MOST = 5000
Section = tuple[str, list[list[tuple[str, str]]]]


def package(actor: Actor, subject: Subject) -> bytes:
    """A ZIP with ``person.html``, ``person.json`` and the files; in the reader's language. The copy is noted as an export.

    Raises Denied for those who do not administer people.
    """
    require_administrator(actor)
    sections = list(_sections(actor, subject))
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("person.html", _page(subject, sections))
        out.writestr("person.json", _json(subject, sections))
        for file in File.objects.filter(entity=subject.entity.key, record_id=subject.record.pk):
            with files.opened(file) as content:
                out.writestr(f"files/{file.pk}-{files.clean_name(file.name)}", content.read())
    with writing(actor):
        noted(actor, "export", subject.entity.key, record_id=subject.record.pk, format="privacy", rows=1)
    return stored.getvalue()


def _sections(actor: Actor, subject: Subject) -> Iterator[Section]:
    entity, record = subject.entity, subject.record
    yield str(entity.label), [_rows(actor, entity, record)]
    for other, name in _pointing(entity):
        found = reading.queryset(actor, other).filter(**{name: record.pk}).order_by("pk")[:MOST]
        if blocks := [_rows(actor, other, one) for one in found]:
            yield str(other.plural), blocks
    on = {"entity": entity.key, "record_id": record.pk}
    said = Comment.objects.filter(**on, deleted_at__isnull=True).select_related("author").order_by("created_at")
    if blocks := [
        [
            (_("When"), _moment(one.created_at)),
            (_("Person"), one.author.name if one.author else ""),
            (_("Comment"), one.body),
        ]
        for one in said
    ]:
        yield _("Comments"), blocks
    sent = OutboundMessage.objects.filter(**on).order_by("pk")[:MOST]
    if blocks := [
        [
            (_("When"), _moment(one.created_at)), (_("To"), one.to), (_("Subject"), one.subject), (_("Text"), one.body),
            (_("Marketing messages"), _("yes") if one.marketing else _("no")), (_("State"), one.error or one.state),
        ]
        for one in sent
    ]:  # fmt: skip
        yield _("Messages sent"), blocks
    came = InboundMessage.objects.filter(Q(**on) | Q(person_entity=entity.key, person_id=record.pk)).order_by("pk")[
        :MOST
    ]
    if blocks := [
        [(_("When"), _moment(one.at)), (_("Sender"), one.sender), (_("Subject"), one.subject), (_("Text"), one.body)]
        for one in came
    ]:
        yield _("Messages received"), blocks
    words = MarketingWord.objects.filter(**on).order_by("pk")[:MOST]
    if blocks := [
        [
            (_("When"), _moment(one.at)),
            (_("What was said"), one.state),
            (_("Source"), one.source),
            (_("Proof"), one.proof),
        ]
        for one in words
    ]:
        yield _("Words on marketing"), blocks
    if blocks := [
        [
            (_("E-mail"), one.email),
            (_("When"), _moment(one.created_at)),
            (_("Last seen"), _moment(one.last_at) if one.last_at else ""),
        ]
        for one in PortalLogin.objects.filter(**on)
    ]:
        yield _("Client sign-in"), blocks
    yield _("Changes"), list(_changes(actor, record)) if not subject.trashed else []
    looks = AccessEntry.objects.filter(**on).order_by("pk")[:MOST]
    if blocks := [
        [(_("When"), _moment(one.at)), (_("Person"), one.actor_name), (_("What happened"), one.sort)] for one in looks
    ]:
        yield _("Looks and exports"), blocks


def _pointing(entity: Entity) -> Iterator[tuple[Entity, str]]:
    """Sorts of records with a reference to this one, and the reference's name."""
    for other in entities():
        for field in shape.fields_of(other).values():
            if field.kind == "reference" and field.target == entity.key and not field.custom:
                yield other, field.name


def _rows(actor: Actor, entity: Entity, record: Any) -> list[tuple[str, str]]:
    """Labels and values of a record that are not empty, in full."""
    fields = [field for field in shape.readable(actor, entity).values() if field.kind not in ("file", "image")]
    names = display.names_for(actor, [record], fields)
    found = [(str(field.label), display.value_text(actor, entity, record, field.name, names)) for field in fields]
    return [(label, text) for label, text in found if text]


def _changes(actor: Actor, record: Any) -> Iterator[list[tuple[str, str]]]:
    for change in history.history(actor, record, limit=MOST):
        told = "; ".join(
            f"{one.field.label}: {display.text_of(actor, one.field, one.before)} → {display.text_of(actor, one.field, one.after)}"
            for one in change.fields
        )
        yield [(_("When"), _moment(change.at)), (_("Person"), change.actor_name), (_("Changes"), told)]


def _moment(at: Any) -> str:
    return str(at.strftime("%Y-%m-%d %H:%M UTC"))


def _json(subject: Subject, sections: list[Section]) -> str:
    told = {
        "made_at": clock.now().isoformat(),
        "record": f"{subject.entity.key}/{subject.record.pk}",
        "sections": [{"title": title, "entries": [dict(block) for block in blocks]} for title, blocks in sections],
    }
    return json.dumps(told, ensure_ascii=False, indent=1)


def _page(subject: Subject, sections: list[Section]) -> str:
    language = "zh-Hans" if (translation.get_language() or "zh").startswith("zh") else "en"
    parts = [
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><title>{html.escape(subject.title)}</title>',
        f"<h1>{html.escape(subject.title)}</h1><p>{html.escape(_('All that is kept about this person, as of %(moment)s.') % {'moment': _moment(clock.now())})}</p>",
    ]
    for title, blocks in sections:
        parts.append(f"<h2>{html.escape(title)}</h2>")
        for block in blocks:
            rows = "".join(
                f'<tr><th align="left" valign="top">{html.escape(label)}</th><td>{html.escape(text)}</td></tr>'
                for label, text in block
            )
            parts.append(f"<table>{rows}</table><hr>")
    return "\n".join(parts)
