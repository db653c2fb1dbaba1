"""What reports can be about: every entity the actor may see, with the fields that group, add up and date its records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from guanxi.core.access import allowed, at_home, exporting, require
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, Invalid
from guanxi.core.records import segments, shape
from guanxi.core.reporting.spec import DATE_GRAINS, TREE_GRAINS, Dimension, Measure, Spec
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import beside, entities, entity_of, is_registered
from guanxi.core.schema.vocabulary import GROUPS

DATES = frozenset({"date", "datetime"})
NUMBERS = frozenset({"integer", "decimal", "percent", "money", "formula", "rollup"})
CHOICES = frozenset({"choice", "region"})
REFERENCES = frozenset({"reference", "user"})
TEXTS = frozenset({"text", "email", "phone", "url", "serial"})
#: Kinds of several values: a record counts under each.
MANIFOLD = frozenset({"tags", "choices"})
#: Kinds that group records; numbers do so in bands.
GROUPING = DATES | NUMBERS | CHOICES | REFERENCES | TEXTS | MANIFOLD | {"boolean"}
#: Kinds with so many different values that only the largest groups are fetched.
MANY = TEXTS | {"reference"}
#: Fields of the engine nobody groups by.
INNER = frozenset({"id", "deleted_at", "version"})


@dataclass(frozen=True, slots=True)
class Place:
    """A field at the end of a path, as an actor may use it. ``group`` names the reference it is reached over."""

    path: str
    field: Field
    label: str
    group: str = ""

    @property
    def direct(self) -> bool:
        """Whether it is a field of the dataset itself."""
        return self.path == self.field.name

    @property
    def grains(self) -> tuple[str, ...]:
        """How its values may be taken together, the usual one first."""
        if self.field.kind in DATES:
            return ("month", *(one for one in DATE_GRAINS if one not in ("month", "after")))
        if self.field.kind in NUMBERS:
            return ("bands",) if not self.field.plain else ("", "bands")
        if self.field.kind == "region" or self.field.target == "core.department" or self.field.dictionary:
            return ("", *TREE_GRAINS)
        return ("",)


def datasets(actor: Actor) -> list[Entity]:
    """What is part of the actor's work and may be reported on: as the navigation has it, then parts and settings."""
    places = {group: place for place, group in enumerate(GROUPS) if group != "settings"}
    found = [entity for entity in entities() if entity.api and at_home(actor, entity)]
    return sorted(found, key=lambda one: (places.get(one.menu.group, len(places)), one.menu.order))


def dataset(actor: Actor, key: str) -> Entity:
    """The entity of a dataset. Raises Invalid for an unknown one, Denied for one he may see nothing of."""
    if not is_registered(key):
        raise Invalid(_("There is nothing called “%(name)s” to report on.") % {"name": key[:60]}, code="report.dataset")
    entity = entity_of(key)
    if not allowed(actor, "view", entity):
        raise Denied(_("You may not see the records of this report."), code="report.dataset")
    return entity


def taking(actor: Actor, key: str) -> Actor:
    """The actor over what he may take out of a dataset. Raises as ``dataset`` does, and Denied for who may take out nothing."""
    entity = dataset(actor, key)
    require(actor, "export", entity)
    return exporting(actor, entity)


def place_of(actor: Actor, entity: Entity, path: str, kinds: frozenset[str] = GROUPING) -> Place:
    """The field of a path, if the actor may read it in the clear and it is of such a kind. Raises Invalid."""
    field = shape.asked_at(entity, path) if kinds >= MANIFOLD else shape.field_at(entity, path)
    level = shape.path_level(actor, entity, path)
    if field is None or level == "hidden":
        raise Invalid(_("There is no field “%(path)s”.") % {"path": path[:60]}, code="report.field", field=path)
    if level == "masked":
        raise Invalid(
            _("“%(field)s” is masked for you and cannot be reported on.") % {"field": field.label},
            code="report.masked",
            field=path,
        )
    if field.kind not in kinds:
        raise Invalid(
            _("“%(field)s” cannot be used for this.") % {"field": field.label}, code="report.kind", field=path
        )
    return Place(path, field, shape.path_label(entity, path))


def places(actor: Actor, entity: Entity, kinds: frozenset[str] = GROUPING) -> list[Place]:
    """Fields of such kinds the actor may use, those of referred records (one step, people's department too) included."""
    return list(_places(actor, entity, kinds))


def _places(actor: Actor, entity: Entity, kinds: frozenset[str]) -> Iterator[Place]:
    fields = {name: one for name, one in shape.fields_of(entity).items() if _usable(actor, entity, name)}
    for name, field in fields.items():
        if field.kind in kinds:
            yield Place(name, field, shape.path_label(entity, name))
    if kinds >= MANIFOLD and segments.of(entity):
        yield Place(segments.PATH, segments.field(entity), shape.path_label(entity, segments.PATH))
    people = ("department", "job", "superior")
    for name, label, target in shape.steps(actor, entity):
        back = beside(entity.key).get(name, (target, ""))[1]
        if kinds >= MANIFOLD and segments.of(target):
            yield Place(f"{name}.{segments.PATH}", segments.field(target), shape.path_label(target, segments.PATH), str(capfirst(str(label))))  # fmt: skip
        for below, other in shape.fields_of(target).items():
            person = target.key == "core.user"
            wanted = below in people if person else below not in (target.title, back)
            if wanted and other.kind in kinds and _usable(actor, target, below):
                yield Place(f"{name}.{below}", other, shape.path_label(target, below), str(capfirst(str(label))))


def _usable(actor: Actor, entity: Entity, name: str) -> bool:
    return name not in INNER and shape.path_level(actor, entity, name) in ("read", "write")


def dates(actor: Actor, entity: Entity) -> list[Place]:
    """Dates a report's period may be about: those of the records themselves."""
    return [one for one in places(actor, entity, DATES) if one.direct]


def date_of(actor: Actor, entity: Entity, spec: Spec) -> str:
    """The date a report's period is about: the one it names, else a date it groups by, else the day of creation."""
    if spec.date:
        return place_of(actor, entity, spec.date, DATES).path
    for one in (*spec.rows, *spec.columns):
        field = shape.field_at(entity, one.field)
        if field is not None and field.kind in DATES and one.grain != "age":
            return one.field
    return "created_at"


def measured(actor: Actor, entity: Entity, measure: Measure) -> tuple[Place | None, Place | None]:
    """The field of a measure and its weight, if it needs them. Raises Invalid."""
    if measure.how == "count" or measure.derived:
        return None, None
    if measure.how == "distinct":
        return place_of(actor, entity, measure.field, REFERENCES | CHOICES | TEXTS), None
    if measure.how == "days":
        return place_of(actor, entity, measure.field, DATES), place_of(actor, entity, measure.weight, DATES)
    kinds = NUMBERS - {"percent"} if measure.how in ("sum", "weighted") else NUMBERS
    if measure.how in ("min", "max"):
        kinds = NUMBERS
    found = place_of(actor, entity, measure.field, kinds)
    if found.field.plain and measure.how in ("sum", "weighted"):
        raise Invalid(_("“%(field)s” cannot be added up.") % {"field": found.field.label}, code="report.sum")
    weight = place_of(actor, entity, measure.weight, NUMBERS) if measure.how == "weighted" else None
    return found, weight


def dimension_places(actor: Actor, entity: Entity, spec: Spec) -> list[tuple[Dimension, Place]]:
    """Rows, then columns, each with its field. Raises Invalid for one that is hidden, masked or cannot group."""
    return [(one, place_of(actor, entity, one.field)) for one in (*spec.rows, *spec.columns)]
