"""Lookups of our own: ``column__any=[…]`` is ``column = ANY(array)``, one parameter however long the list;
``custom__KEY__held=value`` is a custom value compared as its index holds it; ``custom__KEY__void=True`` says that there is none.
"""

from __future__ import annotations

import json
from typing import Any

from django.db.models import AutoField, BigAutoField, BigIntegerField, CharField, Field, ForeignKey, IntegerField
from django.db.models.fields.json import KeyTransform
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


class Held(Lookup):
    """Whether a key of a JSON column holds this text, number or truth value; no rather than unknown where it is missing."""

    lookup_name = "held"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        """A comparison an index on the key serves, whose opposite holds for rows without the key."""
        left, left_params = self.process_lhs(compiler, connection)
        sql = f"({left} = %s::jsonb AND {left} IS NOT NULL)"
        return sql, [*left_params, json.dumps(self.rhs, ensure_ascii=False), *left_params]


#: What a custom value is where there is none: no key, null, an empty text, an empty list.
VOID = "coalesce({value}, 'null'::jsonb) IN ('null'::jsonb, '\"\"'::jsonb, '[]'::jsonb)"


class Void(Lookup):
    """Whether a key of a JSON column holds nothing: spelled once, for the partial indexes of a field say the same."""

    lookup_name = "void"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        """True or false, never unknown."""
        left, params = self.process_lhs(compiler, connection)
        return f"{'' if self.rhs else 'NOT '}({VOID.format(value=left)})", params


_FIELDS: tuple[type[Field[Any, Any]], ...] = (AutoField, BigAutoField, BigIntegerField, IntegerField, CharField)
for _field in _FIELDS:
    _field.register_lookup(EqualsAny)
ForeignKey.register_lookup(EqualsAny)
KeyTransform.register_lookup(Held)
KeyTransform.register_lookup(Void)
