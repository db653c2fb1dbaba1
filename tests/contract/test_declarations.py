"""Declarations are sound, and every face covers every kind of value."""

from __future__ import annotations

import inspect

from django.core.checks import run_checks
from django.utils.functional import Promise

from guanxi.core.api.describe import JSON_SCHEMAS
from guanxi.core.schema import derive
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.kinds import KINDS
from guanxi.core.schema.operators import LABELS
from guanxi.core.schema.registry import entity_of
from tests.factories import FACTORIES


def test_no_declaration_error() -> None:
    assert run_checks(tags=["guanxi"]) == []


def test_every_entity_has_a_factory(entity: Entity) -> None:
    assert entity.key in FACTORIES


def test_every_field_has_a_known_kind(entity: Entity) -> None:
    assert {field.kind for field in derive.fields_of(entity).values()} <= set(KINDS)


def test_every_field_is_named_in_the_readers_language(entity: Entity) -> None:
    if entity.key.startswith("fakes."):
        return
    fields = derive.fields_of(entity).items()
    assert [name for name, field in fields if name != "id" and not isinstance(field.label, Promise)] == []


def test_a_title_names_no_record_its_reader_may_not_see(entity: Entity) -> None:
    """Whoever sees a record reads its title; of references only those to what everybody sees belong into it."""
    fields = derive.fields_of(entity)
    pointing = [one for one in entity.named_by if fields[one].kind in ("reference", "references")]
    assert [one for one in pointing if not entity_of(fields[one].target).access.public] == []


def test_an_action_takes_what_it_asks_for_and_may_leave_blank_what_it_may(entity: Entity) -> None:
    """What is asked has a parameter; what need not be filled has a default, since blanks are not handed over."""
    for action in entity.actions:
        takes = inspect.signature(action.run).parameters
        further = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in takes.values())
        for asked in action.fields:
            name = getattr(asked, "name", asked)
            assert name in takes or further, (action.key, name)
            if name in takes and not getattr(asked, "required", False):
                assert takes[name].default is not inspect.Parameter.empty, (action.key, name)


def test_every_operator_has_a_label() -> None:
    assert {operator for kind in KINDS.values() for operator in kind.operators} == set(LABELS)


def test_the_api_covers_every_kind() -> None:
    assert set(JSON_SCHEMAS) | {"table"} == set(KINDS)
