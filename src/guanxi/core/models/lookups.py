"""Lookups of our own: ``column__any=[…]`` is ``column = ANY(array)``, one parameter however long the list."""

from __future__ import annotations

from typing import Any

from django.db.models import AutoField, BigAutoField, BigIntegerField, CharField, Field, ForeignKey, IntegerField
from django.db.models.lookups import Lookup


class EqualsAny(Lookup):
    """``column = ANY(ARRAY[…])``; an empty list matches nothing."""

    lookup_name = "any"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        """The comparison with one array parameter."""
        left, left_params = self.process_lhs(compiler, connection)
        kind = getattr(self.lhs, "output_field", None)
        cast = "text[]" if isinstance(kind, CharField) else "bigint[]"
        return f"{left} = ANY(%s::{cast})", [*left_params, list(self.rhs)]


_FIELDS: tuple[type[Field[Any, Any]], ...] = (AutoField, BigAutoField, BigIntegerField, IntegerField, CharField)
for _field in _FIELDS:
    _field.register_lookup(EqualsAny)
ForeignKey.register_lookup(EqualsAny)
