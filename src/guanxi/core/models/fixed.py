"""Queries that every page asks in the same shape: put into SQL once per process, then only run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db import connections, models
from django.db.models.query import ModelIterable, get_related_populators


class Fixed:
    """A query of one shape: ``make`` builds it from stand-ins, ``rows`` runs it with the real values.

    ``make`` gets as many stand-ins as ``of`` names types for and must use each unchanged at least once; nothing else in
    the query may depend on who asks. Rows are instances (``select_related`` included) or tuples of ``values_list``.
    """

    def __init__(
        self, make: Callable[..., models.QuerySet[Any]], stand_ins: Sequence[Any], using: str = "default"
    ) -> None:
        self._make, self._stand_ins, self._using = make, tuple(stand_ins), using
        self._tuples = False
        self._ready: tuple[str, tuple[int | None, ...], tuple[Any, ...], Any] | None = None

    def _prepared(self) -> tuple[str, tuple[int | None, ...], tuple[Any, ...], Any]:
        if self._ready is None:
            rows = self._make(*self._stand_ins)
            compiler = rows.query.get_compiler(self._using)
            sql, params = compiler.as_sql()
            places = tuple(
                next((at for at, one in enumerate(self._stand_ins) if _stands(one, given)), None) for given in params
            )
            missing = set(range(len(self._stand_ins))) - set(places)
            if missing:
                raise ValueError(f"stand-ins {sorted(missing)} do not stand in {sql}")
            self._tuples = not issubclass(rows._iterable_class, ModelIterable)
            self._ready = (sql, places, tuple(params), compiler)
        return self._ready

    def rows(self, *values: Any) -> list[Any]:
        """The rows for these values, in the order of the stand-ins."""
        sql, places, params, compiler = self._prepared()
        given = [params[at] if place is None else values[place] for at, place in enumerate(places)]
        connection = connections[self._using]
        with connection.cursor() as cursor:
            cursor.execute(sql, given)
            fetched = cursor.fetchall()
        converters = compiler.get_converters([one[0] for one in compiler.select])
        found: Any = compiler.apply_converters(fetched, converters) if converters else fetched
        if self._tuples:
            return [tuple(row) for row in found]
        return [self._instance(compiler, row) for row in found]

    def _instance(self, compiler: Any, row: Sequence[Any]) -> Any:
        info = compiler.klass_info
        places = info["select_fields"]
        names = [compiler.select[at][0].target.attname for at in places]
        made = info["model"].from_db(self._using, names, row[places[0] : places[-1] + 1])
        for populator in get_related_populators(info, compiler.select, self._using):  # type: ignore[call-arg]
            populator.populate(row, made)
        return made


def _stands(stand_in: Any, given: Any) -> bool:
    """Whether a parameter is the stand-in; within an array the driver makes a whole number one of its own kind."""
    return type(given) is not bool and isinstance(given, type(stand_in)) and bool(given == stand_in)
