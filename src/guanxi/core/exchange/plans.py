"""The settings of a run, checked: what an actor may do with a staged file."""

from __future__ import annotations

from django.utils.translation import gettext as _

from guanxi.core.access import require
from guanxi.core.exchange import mapping as maps
from guanxi.core.exchange.batches import Batcher
from guanxi.core.exchange.mapping import AUTHORSHIP, FieldMap
from guanxi.core.exchange.options import Options
from guanxi.core.exchange.reading import Column
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, Invalid
from guanxi.core.models.exchange import ImportRun
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of, is_registered


def columns_of(run: ImportRun) -> list[Column]:
    """The columns of the staged file."""
    return [Column(index, name) for index, name in enumerate(run.columns)]


def batcher_of(actor: Actor, run: ImportRun) -> Batcher:
    """The run's settings, checked: rights, fields, match rule. Raises Denied or Invalid."""
    if not run.entity or not is_registered(run.entity):
        raise Invalid(_("Say what the rows are, for instance customers."), code="import.entity", field="entity")
    declared = entity_of(run.entity)
    if not (declared.importable and declared.creatable):
        raise Invalid(
            _("%(name)s cannot be imported.") % {"name": declared.plural}, code="import.entity", field="entity"
        )
    options, mapping = Options.from_json(run.options), FieldMap.from_json(run.mapping)
    require(actor, "import", declared)
    if options.mode in ("create", "both"):
        require(actor, "create", declared)
    if options.mode in ("update", "both"):
        require(actor, "change", declared)
    _check_mapping(actor, declared, mapping, options)
    return Batcher(actor, declared, mapping, options)


def _check_mapping(actor: Actor, entity: Entity, mapping: FieldMap, options: Options) -> None:
    allowed = maps.importable_fields(actor, entity)
    beside = {
        f"{one.entity}{maps.BESIDE}{name}" for one in entity.companions for name in maps.companion_fields(actor, one)
    }
    for target in mapping.targets.values():
        if maps.BESIDE in target.field and target.field not in beside:
            raise Invalid(
                _("You may not fill the field “%(field)s”.") % {"field": target.field},
                code="import.field",
                field=target.field,
            )
    used = {*mapping.fields(), *mapping.defaults}
    if not mapping.targets:
        raise Invalid(_("No column is assigned to a field."), code="import.mapping", field="mapping")
    for name in used:
        if name not in allowed:
            if name in AUTHORSHIP:
                raise Denied(_("Only administrators may bring in authors and dates."), code="import.authorship")
            raise Invalid(
                _("You may not fill the field “%(field)s”.") % {"field": name}, code="import.field", field=name
            )
    if (
        options.mode != "update"
        and entity.title in allowed
        and allowed[entity.title].required
        and entity.title not in used
    ):
        label = allowed[entity.title].label
        raise Invalid(
            _("Assign a column to “%(field)s”.") % {"field": label}, code="import.required", field=entity.title
        )
    owner = entity.access.owner
    if owner and options.owner_for(actor.user_id) != actor.user_id and not actor.is_system:
        require(actor, "assign", entity)
