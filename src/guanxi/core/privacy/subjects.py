"""Persons among the records: who can be one, what of them is personal, and finding one by anything known of him."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import NotFound
from guanxi.core.models import MatchValue
from guanxi.core.people.guards import require_administrator
from guanxi.core.records import display, matching, shape
from guanxi.core.records.search.query import search
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entities, entity_of

#: Free words about somebody: personal whenever the record is a person.
WORDS = ("long_text", "rich_text", "table")
#: The most records a question answers with.
MOST = 100


@dataclass(frozen=True, slots=True)
class Subject:
    """A record that holds personal data: what it is called, and in which living state it is."""

    entity: Entity
    record: Any
    title: str

    @property
    def trashed(self) -> bool:
        """Whether it lies in the trash."""
        return self.record.deleted_at is not None


def personal_entities() -> list[Entity]:
    """Sorts of records with personal fields, but for the people who work here."""
    return [
        entity
        for entity in entities()
        if entity.key != "core.user" and any(field.personal for field in shape.fields_of(entity).values())
    ]


def personal_fields(entity: Entity, record: Any) -> list[Field]:
    """The fields of a record that tell about a person, and may be emptied.

    Of an organisation these are the classed ones (phones, e-mails); of a person his name and free words as well.
    """
    person = matching.is_person(entity, record)
    return [
        field
        for field in shape.fields_of(entity).values()
        if not (field.formula or field.rollup)
        and (field.personal or (person and (field.person or field.kind in WORDS)))
        and field.name != entity.title
    ]


def find(actor: Actor, words: str) -> list[Subject]:
    """Records about whoever the words name: a name, a phone, an e-mail, an identity number; the trash included.

    For administrators of people. Raises Denied.
    """
    require_administrator(actor)
    wanted = personal_entities()
    found: dict[tuple[str, int], None] = {}
    for entity in wanted:
        for key in ("phone", "email", "identity"):
            if value := matching.HOW[key](words.strip()):
                rows = MatchValue.objects.filter(entity=entity.key, kind=key, value=value)
                found.update(
                    dict.fromkeys((entity.key, number) for number in rows.values_list("record_id", flat=True)[:MOST])
                )
        found.update(dict.fromkeys((entity.key, pk) for pk in _trashed(entity, words)))
    hits = search(actor, words, entities=wanted, limit=MOST)
    found.update(dict.fromkeys((hit.entity, hit.record_id) for hit in hits))
    return [subject for key, number in list(found)[:MOST] if (subject := stored(key, number))]


def _trashed(entity: Entity, words: str) -> list[int]:
    """Records of the trash by their name: the search knows only living ones."""
    if not words.strip():
        return []
    rows = entity.model._base_manager.filter(deleted_at__isnull=False, **{f"{entity.title}__icontains": words.strip()})
    return list(rows.values_list("pk", flat=True)[:MOST])


def stored(key: str, number: int) -> Subject | None:
    """A record as it lies in the database; none if there is no such."""
    entity = entity_of(key)
    record = entity.model._base_manager.filter(pk=number).first()
    return Subject(entity, record, display.title_of(entity, record)) if record is not None else None


def subject(actor: Actor, key: str, number: int) -> Subject:
    """One record. Raises NotFound, or Denied for those who do not administer people."""
    require_administrator(actor)
    found = stored(key, number) if key in {entity.key for entity in personal_entities()} else None
    if found is None:
        raise NotFound
    return found
