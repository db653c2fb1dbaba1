"""What the reader of a report or board narrows it to: period, comparison, people, department; all of it in the address."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from guanxi.core.access import actors
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Department
from guanxi.core.records import display
from guanxi.core.reporting.engine import Scope
from guanxi.core.reporting.spec import CHARTS, COMPARISONS, ENDS, day_checked, period_checked
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.operators import PERIODS
from guanxi.core.web import days
from guanxi.core.web.inputs import Option

#: Periods offered above a report.
OFFERED = (
    "today", "yesterday", "this_week", "last_week", "this_month", "last_month", "this_quarter", "last_quarter", "this_year",
    "last_year",
)  # fmt: skip
LAST = (7, 30, 90, 365)


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """The state in the address: '' leaves what the report says."""

    period: str = ""
    first: str = ""
    last: str = ""
    compare: str = ""
    owner: int | None = None
    department: int | None = None
    chart: str = ""
    as_of: str = ""

    @property
    def given(self) -> bool:
        """Whether anything is narrowed."""
        return bool(self.period or self.compare or self.owner or self.department or self.as_of)

    def query(self, **changes: Any) -> str:
        """The query part of the address with parts changed."""
        now = replace(self, **changes)
        pairs = [(name, getattr(now, name)) for name in ("period", "compare", "owner", "department", "chart")]
        pairs.append(("asof", now.as_of))
        if now.period == "custom":
            pairs += [("from", now.first), ("to", now.last)]
        return urlencode([(name, value) for name, value in pairs if value])

    def scope(self, entity: Entity) -> Scope:
        """The scope for reports on an entity; people and departments only where its records have an owner."""
        period = f"{self.first}..{self.last}" if self.period == "custom" else self.period
        compare = None if not self.compare else "" if self.compare == "none" else self.compare
        owner = entity.access.owner
        nodes: list[Mapping[str, Any]] = []
        if owner and self.owner:
            nodes.append({"field": owner, "op": "eq", "value": self.owner})
        if owner and self.department:
            below = list(actors.department_tree(self.department)) or [self.department]
            nodes.append({"field": f"{owner}.department", "op": "in", "value": below})
        return Scope(
            filter={"all": nodes} if nodes else None, period=period_checked(period), compare=compare, as_of=self.as_of
        )


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and 0 < len(text) < 19 else None


def read_narrowing(request: HttpRequest) -> Narrowing:
    """The state an address asks for. Raises Invalid for what cannot be."""
    return narrowing_of(request.GET)


def narrowing_of(sent: Mapping[str, Any]) -> Narrowing:
    """The state the query part of an address asks for. Raises Invalid for what cannot be."""
    period, first, last = (sent.get(name, "")[:30] for name in ("period", "from", "to"))
    first, last = days.untyped(first, "date"), days.untyped(last, "date")
    if period == "custom":
        period = "custom" if first or last else ""
        period_checked(f"{first}..{last}" if period else "")
    else:
        period_checked(period)
    compare, chart = sent.get("compare", ""), sent.get("chart", "")
    if compare not in {*COMPARISONS, "none"}:
        raise Invalid(field="compare")
    return Narrowing(
        as_of=end_sent(sent),
        period=period,
        first=first,
        last=last,
        compare=compare,
        owner=_number(sent.get("owner", "")),
        department=_number(sent.get("department", "")),
        chart=chart if chart in CHARTS else "",
    )


def periods() -> list[Option]:
    """The periods to choose from."""
    named = [Option(key, str(PERIODS[key])) for key in OFFERED]
    lasting = [Option(f"last:{days}", _("last %(count)d days") % {"count": days}) for days in LAST]
    return [*named, *lasting, Option("custom", _("from … to …"))]


def end_sent(sent: Mapping[str, Any]) -> str:
    """The day of the past a form names; yesterday where a day of one's own is wanted and none typed yet. Raises Invalid."""
    chosen = str(sent.get("asof", ""))[:30]
    if chosen == "day":
        typed = days.untyped(str(sent.get("asof_day", ""))[:30], "date")
        chosen = typed or (clock.today(timezone.get_current_timezone_name()) - dt.timedelta(days=1)).isoformat()
    return day_checked(chosen)


def ends(chosen: str) -> Mapping[str, Any]:
    """What is needed to choose a day of the past: the days offered, which is chosen, and the day if it is none of them."""
    offered = [Option(key, str(label)) for key, label in ENDS.items()]
    own = chosen if chosen and chosen not in ENDS else ""
    return {"ends": [*offered, Option("day", _("end of the day …"))], "end": "day" if own else chosen, "end_day": own}


def comparisons() -> list[Option]:
    """The comparisons to choose from."""
    return [Option(key or "none", str(label)) for key, label in COMPARISONS.items()]


def controls(actor: Actor, now: Narrowing) -> Mapping[str, Any]:
    """What the bar above a report or board draws."""
    owner = display.names_of(actor, {"core.user": [now.owner or 0]}).get("core.user", {}).get(now.owner or 0, "")
    departments = [
        Option(str(pk), name, depth=max(path.count("/") - 2, 0))
        for pk, name, path in Department.objects.order_by("path", "position").values_list("pk", "name", "path")
    ]
    return {
        **ends(now.as_of),
        "now": now,
        "periods": periods(),
        "comparisons": comparisons(),
        "departments": departments,
        "owner_option": Option(str(now.owner), owner) if owner else None,
    }
