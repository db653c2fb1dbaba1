"""Records that may be the same, as an actor may know of them: named where he sees them, masked where he does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import JSONField
from django.utils.translation import gettext_lazy as _

from guanxi.core import access
from guanxi.core.kernel import masking
from guanxi.core.kernel import phones as phone_numbers
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, Text
from guanxi.core.models import User
from guanxi.core.models.fixed import Fixed, Shaped
from guanxi.core.records import matching, shape
from guanxi.core.records.search.tokens import value_of
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import generation
from guanxi.core.web import addresses
from guanxi.core.web.forms import choosing

#: From this score on a hit counts as sure.
SURE = 90
#: What it says when all fields of ``alike`` agree: the same happens twice, but seldom.
ALIKE = 70


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One possible double: ``url`` is empty and ``title`` masked when the actor may not see the record.

    ``kinds`` are those of ``records.matching`` the two agree in, ``reasons`` the same in words.
    """

    id: int
    title: str
    url: str
    score: int
    sure: bool
    kinds: tuple[str, ...]
    reasons: list[Text]
    owner: str
    visible: bool


def alike(
    entity: Entity, values: Any, *, exclude: int | Iterable[int] | None = None, limit: int = 20
) -> list[matching.Match]:
    """Records that agree in all of the entity's ``alike``; what is not asked for is taken as a new record has it."""
    same = {name: value_of(values, name) for name in entity.alike}
    for name in [name for name, value in same.items() if value in (None, "")]:
        column: Any = entity.model._meta.get_field(name)
        same[name] = column.get_default()
    if not same or any(value in (None, "") for value in same.values()):
        return []
    without = [exclude] if isinstance(exclude, int) else list(exclude or ())
    rows = entity.model._default_manager.filter(**same).exclude(pk__in=without).order_by("-pk")
    return [matching.Match(pk, ALIKE, ("alike",)) for pk in rows.values_list("pk", flat=True)[:limit]]


_REASONS: Mapping[str, Text] = {
    "name": _("same name"),
    "name_pinyin": _("name sounds the same"),
    "name_words": _("same words in the name"),
    "name_sound": _("similar name"),
    "short_name": _("same short name"),
    "phone": _("same phone"),
    "email": _("same e-mail"),
    "email_domain": _("same e-mail domain"),
    "identity": _("same number"),
}


def reason_label(entity: Entity, kind: str) -> Text:
    """What two records agree in."""
    if kind == "alike":
        labels = [
            str(field.label)
            for name, field in shape.fields_of(entity).items()
            if name in entity.alike and not field.readonly
        ]
        return _("same %(fields)s") % {"fields": _(", ").join(labels)}
    if kind.startswith("exact:"):
        field = shape.fields_of(entity).get(kind.removeprefix("exact:"))
        return field.label if field else kind
    return _REASONS.get(kind, kind)


def masked_title(actor: Actor, entity: Entity, row: Any) -> str:
    """The name of a record one may not see: enough to recognise what one knows already."""
    return masking.mask_name(choosing.title_of(entity, row, actor))


#: Without the lists of records, which say nothing here and cost most to read.
_ROWS = Shaped(
    lambda model, ids: model._default_manager.filter(pk__any=ids).defer(
        *(one.name for one in model._meta.concrete_fields if isinstance(one, JSONField))
    ),
    [[-7003]],
)
_SEEN = Shaped(
    lambda model, actor, ids: access.visible(model._default_manager.filter(pk__any=ids), actor).values_list("pk"),
    [[-7003]],
)
_NAMES = Fixed(lambda ids: User.everything.filter(pk__any=ids).values_list("pk", "name"), [[-7003]])


def owner_names(entity: Entity, rows: Iterable[Any]) -> dict[int, str]:
    """Who owns each of the records, by their ids: whom to ask about a hidden one."""
    if not entity.access.owner:
        return {}
    owned = {row.pk: getattr(row, f"{entity.access.owner}_id") for row in rows}
    names = dict(_NAMES.rows(sorted(set(owned.values()) - {None})))
    return {pk: names[number] for pk, number in owned.items() if number in names}


def hits(
    actor: Actor,
    entity: Entity,
    values: Mapping[str, Any] | Any,
    *,
    exclude: int | Iterable[int] | None = None,
    least: int = 0,
    limit: int = 20,
) -> list[Hit]:
    """Possible doubles of a record or of values, the surest first. Who owns a hidden one is said, so that one can ask.

    What is hidden from the actor is not compared: that two agree in it would tell of it.
    """
    without = matching.unseen(actor, entity)
    found = matching.candidates(entity, values, exclude=exclude, limit=limit, unsaid=without)
    found = [one for one in found if one.score >= least]
    known = {one.record_id for one in found}
    if without.isdisjoint(entity.alike):
        found += [one for one in alike(entity, values, exclude=exclude, limit=limit) if one.record_id not in known]
    if not found:
        return []
    ids, sees = [one.record_id for one in found], access.sight(actor)
    rows = {row.pk: row for row in _ROWS.rows((entity.key, generation()), (entity.model,), ids)}
    key = sees and (entity.key, generation(), sees)
    seen = {pk for (pk,) in _SEEN.rows(key, (entity.model, actor), ids)}
    owners = owner_names(entity, rows.values())
    result = []
    for one in found:
        row = rows.get(one.record_id)
        if row is None:
            continue
        visible = one.record_id in seen
        result.append(
            Hit(
                id=one.record_id,
                title=choosing.title_of(entity, row, actor) if visible else masked_title(actor, entity, row),
                url=addresses.record_url(entity, row.pk) if visible else "",
                score=one.score,
                sure=one.score >= SURE,
                kinds=one.reasons,
                reasons=[reason_label(entity, kind) for kind in one.reasons],
                owner=owners.get(row.pk, ""),
                visible=visible,
            )
        )
    return result


def values_from(entity: Entity, text: str) -> dict[str, Any]:
    """One typed line as values of every match key it may be: a name, a phone, an e-mail address, a number."""
    try:
        phones = [{"value": phone_numbers.parse_phone(text).e164}]
    except Invalid:
        phones = []
    found: dict[str, Any] = {}
    for key in entity.match_keys:
        field = shape.fields_of(entity).get(key.field)
        if field is None:
            continue
        if field.kind == "phones":
            found[key.field] = phones
        elif field.kind == "phone":
            found[key.field] = phones[0]["value"] if phones else ""
        elif field.kind == "emails":
            found[key.field] = [{"value": text}] if "@" in text else []
        else:
            found[key.field] = text
    return found
