"""The register of entities. Areas add theirs at start; nothing else is imported from here by an area."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

from django.db import models

from guanxi.core.kernel.errors import NotFound
from guanxi.core.schema.entity import Action, Badge, Entity, Lines, Panel
from guanxi.core.schema.quick import QuickForm

_entities: dict[str, Entity] = {}
_waiting: dict[str, list[dict[str, tuple[Any, ...]]]] = {}
_quick: dict[str, QuickForm] = {}
#: Keys of entities made of rows, which come and go while the process runs.
_made: set[str] = set()
_round = 0


def register(*entities: Entity) -> None:
    """Enter entities; a key or path that is taken is a mistake in the declaration."""
    for entity in entities:
        known = _entities.get(entity.key)
        if known is not None and known.model is not entity.model:
            raise ValueError(f"entity {entity.key} is registered twice")
        for other in _entities.values():
            if other.path == entity.path and other.key != entity.key:
                raise ValueError(f"path {entity.path} belongs to {other.key} already")
        _entities[entity.key] = entity
        for addition in _waiting.pop(entity.key, []):
            _extend(entity.key, addition)


def extend(
    key: str, *, panels: Iterable[Panel] = (), actions: Iterable[Action] = (), badges: Iterable[Badge] = ()
) -> None:
    """A higher area contributes panels, actions or badges to an entity below it."""
    addition = {"panels": tuple(panels), "actions": tuple(actions), "badges": tuple(badges)}
    if key in _entities:
        _extend(key, addition)
    else:
        _waiting.setdefault(key, []).append(addition)


def _extend(key: str, addition: dict[str, tuple[Any, ...]]) -> None:
    entity = _entities[key]
    held: dict[str, Any] = {name: getattr(entity, name) for name in addition}
    grown = {name: held[name] + tuple(one for one in more if one not in held[name]) for name, more in addition.items()}
    _entities[key] = replace(entity, **grown)


def replace_made(entities: Iterable[Entity]) -> None:
    """Enter the entities that are made of rows in place of those entered before.

    Unlike a declaration, one whose path is taken is left out rather than refused: a new version may have brought it.
    """
    global _round  # noqa: PLW0603 - one register for each process
    before = set(_made)
    now = {key for entity in entities if (key := enter_made(entity))}
    for key in before - now:  # at the end, so that who looks meanwhile never misses one that stays
        _entities.pop(key, None)
        _made.discard(key)
    _round += 1


def enter_made(entity: Entity) -> str:
    """Enter one entity made of rows; its key, or nothing where its path is taken."""
    if any(other.path == entity.path and other.key != entity.key for other in tuple(_entities.values())):
        return ""
    _entities[entity.key] = entity
    _made.add(entity.key)
    return entity.key


def generation() -> int:
    """Grows whenever entities made of rows come or go: what is kept of "all entities" is kept for one generation."""
    return _round


def made_entities() -> tuple[Entity, ...]:
    """Entities made of rows."""
    return tuple(_entities[key] for key in sorted(_made) if key in _entities)


def register_quick(*forms: QuickForm) -> None:
    """Enter small forms that one key opens anywhere; a key or shortcut that is taken is a mistake."""
    for form in forms:
        for other in _quick.values():
            if other.key != form.key and form.shortcut and other.shortcut == form.shortcut:
                raise ValueError(f"shortcut {form.shortcut} belongs to {other.key} already")
        _quick[form.key] = form


def extend_quick(key: str, subject: str, *, run: Callable[..., Any], guess: Callable[..., Any] | None = None) -> None:
    """A higher area lets a small form be about its records too: ``run`` and ``guess`` answer for those."""
    form = _quick[key]
    if subject in form.subjects:
        return

    def own(about: Any) -> bool:
        return about is not None and about._meta.label_lower == subject

    def either_run(actor: Any, *, about: Any, **values: Any) -> Any:
        return (run if own(about) else form.run)(actor, about=about, **values)

    def either_guess(actor: Any, about: Any) -> Any:
        chosen = guess if own(about) else form.guess
        return chosen(actor, about) if chosen is not None else {}

    _quick[key] = replace(form, subjects=(*form.subjects, subject), run=either_run, guess=either_guess)


def quick_forms() -> tuple[QuickForm, ...]:
    """All small forms, in order of registration."""
    return tuple(_quick.values())


def entity_of(what: str | Entity | type[models.Model] | models.Model) -> Entity:
    """The entity of a key, a model or a record; raises NotFound for a key nobody registered."""
    if isinstance(what, Entity):
        return _entities.get(what.key, what)
    key = what if isinstance(what, str) else what._meta.label_lower
    try:
        return _entities[key]
    except KeyError:
        raise NotFound(code="entity.unknown", details={"entity": key}) from None


def is_registered(what: str | type[models.Model] | models.Model) -> bool:
    """Whether there is an entity of that key or model."""
    return (what if isinstance(what, str) else what._meta.label_lower) in _entities


def entity_at(path: str) -> Entity:
    """The entity whose address word is ``path``; raises NotFound."""
    for entity in _entities.values():
        if entity.path == path:
            return entity
    raise NotFound(code="entity.unknown", details={"path": path})


def entities() -> Iterator[Entity]:
    """All entities in order of registration (lower areas first)."""
    return iter(tuple(_entities.values()))


def children_of(key: str) -> tuple[tuple[Entity, str], ...]:
    """Entities with a foreign key to the entity, as (entity, field name); the derived relations."""
    return tuple((_entities[child], name) for child, name in _children(key, _round, tuple(_entities)))


@lru_cache(maxsize=1000)
def _children(key: str, _generation: int, keys: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    model = entity_of(key).model
    return tuple(
        (child, relation.name)
        for child in keys
        for relation in _entities[child].model._meta.get_fields()
        if isinstance(relation, models.ForeignKey) and relation.related_model is model
    )


def carried_by(key: str) -> tuple[tuple[Entity, str], ...]:
    """Entities whose visibility is carried by records of the entity, as (entity, field name)."""
    model = entity_of(key).model
    return tuple(
        (entity, entity.access.carried_by)
        for entity in _entities.values()
        if entity.access.carried_by and entity.model._meta.get_field(entity.access.carried_by).related_model is model
    )


def going_along(key: str) -> tuple[tuple[Entity, str], ...]:
    """Entities that go to the trash, and come back, with records of the entity: carried by them, or parts of them."""
    model = entity_of(key).model
    parts = tuple(
        (entity, name)
        for entity in _entities.values()
        for name in entity.part_of
        if entity.model._meta.get_field(name).related_model is model
    )
    return (*carried_by(key), *parts)


def telling_of(key: str) -> tuple[tuple[Entity, str], ...]:
    """Entities whose records tell of a record of this one, as (entity, field name): carried by it, or declared ``about`` it."""
    model = entity_of(key).model
    return carried_by(key) + tuple(
        (entity, name)
        for entity in _entities.values()
        for name in entity.access.about
        if entity.model._meta.get_field(name).related_model is model
    )


def beside(key: str) -> dict[str, tuple[Entity, str]]:
    """Entities with at most one record for each of this one, seen by whoever sees it: the name the record has for it -> (entity, field name)."""
    found = {}
    for entity, name in carried_by(key):
        column = entity.model._meta.get_field(name)
        if isinstance(column, models.OneToOneField) and column.remote_field.related_name:
            found[str(column.remote_field.related_name)] = (entity, name)
    return found


def lined_by(key: str) -> tuple[tuple[Entity, Lines], ...]:
    """The entities whose lines are records of this one, each with the declaration; empty if it is no line."""
    return tuple((entity, spec) for entity in _entities.values() for spec in entity.lines if spec.entity == key)
