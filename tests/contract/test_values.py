"""What a role may not see of a record is felt nowhere: other values behind its fields change no answer by a letter.

For each entity every field with a column of its own is hidden (or masked) for a reader who sees all records. Then the values
behind them are exchanged in the database, and everything he is told is asked again: pages, fragments, lists, filters, orders,
groups, counts, searches, reports, the API, tools of assistants, pages of what the record points to, and what is his own.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import orjson
from django.db import Error, models, transaction
from django.test import Client

from guanxi.core.mcp.server import Desk
from guanxi.core.models import RoleField, RoleRight
from guanxi.core.models.stamps import bump, refresh
from guanxi.core.people import tokens
from guanxi.core.records import dictionaries, shape, upkeep
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entities, entity_of
from tests.contract.conftest import KEYS
from tests.contract.matrix import routes
from tests.contract.test_matrix import filled, of_group
from tests.contract.test_verbs import plain
from tests.core.web.conftest import HX, browse  # noqa: F401 - a fixture
from tests.factories.cast import Cast

#: Who saved a record and when, and whose it is, is not what a role hides here.
KEPT = frozenset(
    (
        "id",
        "created_at",
        "updated_at",
        "created_by",
        "updated_by",
        "deleted_at",
        "deleted_by",
        "version",
        "tags",
        "owner",
    )
)
#: Into so many parts the further pages are shared out over the entities; those of a record itself are asked for each.
SHARES = 6
OWN = ("", "peek/", "history/", "timeline/", "edit/", "why/all/")
LEVELS = ("hidden", "masked")
#: A masked value is told to have changed; what it was is not.
TELLING = re.compile("history|timeline|tool ")
_MOMENTS = re.compile(r'<ol class="gx-timeline">.*?</ol>', re.DOTALL)
#: What can be done with a record follows from what it is: buttons and their reasons stay as they are.
_DOINGS = re.compile(
    r'<div class="gx-menu".*?</div>|<button.*?</button>|<a class="btn.*?</a>|<a [^>]*/do/.*?</a>|<form[^>]*/do/.*?</form>|<p class="text-secondary mb-0 gx-grow">.*?</p>'
    r"|<select.*?</select>",  # of everybody who works here
    re.DOTALL,
)
#: What a page consists of follows from these: a person has other blocks than a firm, a lead that is done others than an open one.
SHAPING = {"customers.customer": {"kind"}, "sales.lead": {"status", "converted_at"}}
#: Settings whose panels say how they work, to who administers them.
WHOLE = ("sales.assignrule", "sales.assignmember")


def column_of(entity: Entity, field: Field) -> Any:
    """The column of a field that holds a plain value, ``None`` for others."""
    known = {one.name: one for one in entity.model._meta.concrete_fields}
    found = known.get(field.column or field.name)
    return None if found is None or found.is_relation or field.custom else found


def closable(entity: Entity) -> list[Field]:
    """The fields to be closed."""
    kept = {*KEPT, entity.access.owner, *SHAPING.get(entity.key, ())}
    return [
        one for name, one in shape.fields_of(entity).items() if name not in kept and column_of(entity, one) is not None
    ]


def another(field: Field, column: Any, value: Any, sign: str) -> Any:
    """Another value of the same sort, masked like its sisters: with the same beginning, end and length."""
    if isinstance(column, models.BooleanField):
        return sign == "A"
    if field.kind == "choice":
        keys = [one.key for one in dictionaries.choices_of(field)]
        return ([one for one in keys if one != value] or [value])[-1]
    if isinstance(column, models.DateField):  # moments, too
        usual = (
            dt.datetime(2031, 3, 17, 5, tzinfo=dt.UTC)
            if isinstance(column, models.DateTimeField)
            else dt.date(2031, 3, 17)
        )
        return (value or usual) + dt.timedelta(days=401)
    if isinstance(column, models.DecimalField):
        return Decimal(value or 0) + (
            Decimal("73.5") if column.max_digits - column.decimal_places > 4 else Decimal("0.5")
        )
    if isinstance(column, models.IntegerField):
        return (value or 0) + 7
    if isinstance(column, models.CharField | models.TextField):
        text = f"<p>Zqxx{sign}x7351</p>" if field.kind == "rich_text" else f"Zqxx{sign}x7351"
        return text[: column.max_length] if column.max_length else text
    entries = {"phones": f"+86139{ord(sign)}007351", "emails": f"z{sign.lower()}7351@guanxi.example"}
    return [{"value": entries[field.kind], "label": ""}] if field.kind in entries else value


def exchange(entity: Entity, number: int, fields: Iterable[Field], sign: str) -> None:
    """Put another value behind each field, past all rules; what the database refuses stays."""
    row = entity.model._base_manager.filter(pk=number)
    for field in fields:
        column = column_of(entity, field)
        value = another(field, column, getattr(row.get(), column.attname), sign)
        try:
            with transaction.atomic():
                row.update(**{column.attname: value})
        except Error:
            continue
    upkeep.after_save(entity, [row.get()])


class Reader:
    """Somebody who sees every record, and everything he is told."""

    def __init__(self, client: Client, program: Client, desk: Desk, level: str) -> None:
        self.client, self.program, self.desk, self.level = client, program, desk, level

    def told(self, entity: Entity, record: Any, fields: Sequence[Field], share: int) -> dict[str, str]:
        """Answers by what was asked."""
        found: dict[str, str] = {}
        for url, given in (*pages(entity, record, share), *questions(entity, record, fields)):
            found[f"{url} {given}"] = compared(self.client.get(url, given, **HX), self.level)
        for url, given in programs(entity, record, fields):
            found[f"{url} {given}"] = compared(self.program.get(url, given), self.level)
        for definition in reports(entity, fields):
            answer = self.program.post("/api/v1/reports/run", {"definition": definition}, "application/json")
            found[f"report {definition}"] = compared(answer, self.level)
        found["tool one"] = self.desk.get_record(entity.path, record.pk)
        found["tool list"] = self.desk.list_records(entity.path, None, "")
        return found


def compared(answer: Any, level: str) -> str:
    """An answer without what is no value."""
    text = _DOINGS.sub("", plain(answer, 0))
    return _MOMENTS.sub("", text) if level == "masked" else text


def pages(entity: Entity, record: Any, share: int) -> Iterator[tuple[str, dict[str, str]]]:
    """Pages of the record, of what it points to, lists of its sort, and what is the reader's own."""
    words = {"name": entity.title, "key": next((action.key for action in entity.actions), "none")}
    on_record = [route for route in of_group("record") if route.startswith("<slug:path>/<int:")]
    for place, route in enumerate(on_record):
        if "<key>" in route or "/do/" in route:
            continue
        if place % SHARES == share % SHARES or route.rpartition("id>/")[2] in OWN or route.endswith("<int:pk>/"):
            yield filled(route, path=entity.path, pk=record.pk, record_id=record.pk, **words), {}
    for over, number in above(entity, record):
        for part in ("", "timeline/", "peek/"):
            yield f"/{over.path}/{number}/{part}", {}
    lists = [route for route in of_group("entity") if route.startswith("<slug:path>/")]
    for route in ["<slug:path>/", *lists[share % SHARES :: SHARES]]:
        yield filled(route, path=entity.path), {"view": "0"}
    for kind in ("board", "calendar"):
        yield f"/{entity.path}/", {"view": "0", "as": kind}
    others = [*of_group("person"), *(one for one in of_group("entity") if not one.startswith("<slug:path>"))]
    for route in ["", *others[share % SHARES :: SHARES]]:
        yield filled(route), {}


def above(entity: Entity, record: Any) -> Iterator[tuple[Entity, int]]:
    """What a record points to."""
    for name, field in shape.fields_of(entity).items():
        number = getattr(record, f"{name}_id", None) if field.kind == "reference" and not field.custom else None
        if number and field.target:
            yield entity_of(field.target), number


def questions(entity: Entity, record: Any, fields: Sequence[Field]) -> Iterator[tuple[str, dict[str, str]]]:
    """What lists are asked by the closed fields: filters, orders, groups, columns, words."""
    for place, field in enumerate(fields):
        value = getattr(record, column_of(entity, field).attname)
        tree = orjson.dumps(condition(field, value)).decode()
        asked = ({"f": tree}, {"sort": field.name}, {"group": field.name}, {"cols": field.name}, {"rows": field.name})
        yield f"/{entity.path}/", {"view": "0", **asked[place % len(asked)]}
        if isinstance(value, str) and len(value) > 1 and field.kind != "choice":
            yield (f"/pick/{entity.path}/", {"q": value}) if place % 2 else ("/search/", {"q": value})


def programs(entity: Entity, record: Any, fields: Sequence[Field]) -> Iterator[tuple[str, dict[str, str]]]:
    """The same of the API."""
    api = f"/api/v1/{entity.path}"
    yield api, {"count": "true"}
    yield f"{api}/{record.pk}", {}
    for route in routes():
        if route.startswith("api/v1/customers/<record_id>/"):
            yield "/" + route.replace("customers", entity.path, 1).replace("<record_id>", str(record.pk)), {}
    for place, field in enumerate(fields):
        value = getattr(record, column_of(entity, field).attname)
        if place % 3 == 0:
            yield api, {"sort": f"-{field.name}"}
        else:
            yield api, {"filter": orjson.dumps(condition(field, value)).decode(), "count": "true"}


def condition(field: Field, value: Any) -> dict[str, Any]:
    """That the field holds a value."""
    told = value.isoformat() if isinstance(value, dt.date) else str(value) if isinstance(value, Decimal) else value
    return {"field": field.name, "op": "eq", "value": told}


def reports(entity: Entity, fields: Sequence[Field]) -> Iterator[dict[str, Any]]:
    """Reports that group by a closed field, and such that add one up."""
    for place, field in enumerate(fields[:12]):
        rows, measure = (
            ([{"field": field.name}], {"field": "id", "how": "count"}),
            ([], {"field": field.name, "how": "max"}),
        )
        group, sums = (rows, measure)[place % 2]
        yield {"dataset": entity.key, "rows": group, "measures": [sums]}


def closed_for_bob(cast: Cast, entity: Entity, fields: Sequence[Field], level: str) -> None:
    """Bob sees every record there is, but not these fields."""
    RoleRight.objects.filter(role=cast.role).delete()
    RoleRight.objects.bulk_create(
        RoleRight(role=cast.role, entity=one.key, action=action, scope="all")
        for one in entities()
        for action in one.all_actions
    )
    RoleField.objects.bulk_create(
        RoleField(role=cast.role, entity=entity.key, field=one.name, level=level) for one in fields
    )
    bump("rights", "people")
    refresh()


def apart(before: str, after: str) -> str:
    """The places at which two answers differ."""
    at = next((n for n, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), 0)
    return f"\n  - {before[max(0, at - 90) : at + 90]!r}\n  + {after[max(0, at - 90) : at + 90]!r}"


def test_values_one_may_not_see_change_nothing_one_is_told(
    key: str,
    entity: Entity,
    sample: Any,
    cast: Cast,
    api: Callable[[str], Client],
    browse: Callable[..., Client],  # noqa: F811
) -> None:
    place, fields = KEYS.index(key), closable(entity)
    level = LEVELS[place % 2]
    if key in WHOLE:
        return
    closed_for_bob(cast, entity, fields, level)
    _token, held = tokens.token_create(cast.root, cast.bob_user, name="tools", scopes=["read", "write"])
    reader = Reader(browse("bob"), api("bob"), Desk(held), level)
    if level == "masked":  # that there is a value is told: before and after there is one
        exchange(entity, sample.pk, fields, "B")
    record = entity.model._base_manager.get(pk=sample.pk)
    asked = (entity, record, fields, place)
    reader.told(*asked)  # what opening a page notes is noted
    before = reader.told(*asked)
    exchange(entity, sample.pk, fields, "A")
    after = reader.told(*asked)
    differ = [one for one in before if before[one] != after[one] and not (level == "masked" and TELLING.search(one))]
    assert not differ, "\n".join(f"{one}{apart(before[one], after[one])}" for one in differ)
