"""Fields of models are rebuilt by a migration as they are."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from guanxi.core.models.fields import MoneyField


@pytest.mark.parametrize(
    "given", [{}, {"null": False}, {"null": False, "blank": False}, {"blank": False}, {"default": Decimal(0)}]
)
def test_money_is_rebuilt_as_it_is(given: dict[str, Any]) -> None:
    field = MoneyField("amount", **given)
    again = field.clone()
    assert (again.null, again.blank, again.default) == (field.null, field.blank, field.default)
    assert (again.null, again.blank) == (given.get("null", True), given.get("blank", True))


@pytest.mark.django_db
def test_the_database_wants_money_where_the_model_does() -> None:
    told = {
        (model._meta.db_table, column.column): column.null
        for model in apps.get_models()
        for column in model._meta.concrete_fields
        if isinstance(column, MoneyField)
    }
    assert sum(not null for null in told.values()) >= 8
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name, is_nullable = 'YES' FROM information_schema.columns WHERE table_schema = 'public'"
        )
        stored = {(table, column): null for table, column, null in cursor.fetchall()}
    assert {one: stored[one] for one in told} == told
