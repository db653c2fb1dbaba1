"""What pages and panels read: values of visible customers, and the last calculation."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Count, F, QuerySet, Sum

from guanxi.areas.insight.models import DONE, FAILED, RUNNING, WAITING, Calculation, CustomerValue
from guanxi.core import records
from guanxi.core.access import reads, sight
from guanxi.core.access.rules import condition
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.memo import asked_once
from guanxi.core.models.fixed import Shaped
from guanxi.core.schema.derive import fields_of
from guanxi.core.schema.registry import entity_of

if TYPE_CHECKING:
    import numpy as np

VALUE = "insight.customervalue"
_LATEST = F("as_of").desc(nulls_last=True)


def last_calculation() -> Calculation | None:
    """The last one that was done, as of the latest day."""
    return Calculation.objects.filter(state=DONE).order_by(_LATEST, "-finished_at").first()


def current_calculation() -> Calculation | None:
    """The one that waits or runs, or the last one if it failed."""
    last = Calculation.objects.order_by("-asked_at").first()
    return last if last is not None and last.state in (WAITING, RUNNING, FAILED) else None


def compared_run(calculation: Calculation) -> Calculation | None:
    """The older run a calculation is compared with: the last of the same source at least four weeks before it, else the last one."""
    done = (
        Calculation.objects.filter(state=DONE, source=calculation.source)
        .exclude(pk=calculation.pk)
        .order_by("-as_of", "-pk")
    )
    far = done.filter(as_of__lte=calculation.as_of - dt.timedelta(days=28)).first() if calculation.as_of else None
    return far or done.first()


def run_of(number: int) -> Calculation | None:
    """A calculation that was done, by its number."""
    return Calculation.objects.filter(state=DONE, pk=number).first()


def runs(limit: int = 60) -> list[Calculation]:
    """The last calculations that were done, the newest first."""
    return list(Calculation.objects.filter(state=DONE).order_by(_LATEST, "-finished_at")[:limit])


def sees_all(actor: Actor) -> bool:
    """Whether the actor sees every customer's value: only then figures of the whole are for him."""
    return condition(entity_of(VALUE), actor, "view") is None


def reads_all(actor: Actor) -> bool:
    """Whether the actor sees every figure in full: pages and cards are made of all of them."""
    return reads(actor, VALUE, *fields_of(VALUE))


def values(actor: Actor, tree: Mapping[str, Any] | None = None) -> QuerySet[CustomerValue]:
    """Values of the customers the actor may see, narrowed by a query tree."""
    found: QuerySet[CustomerValue] = records.queryset(actor, entity_of(VALUE), filter=tree)
    return found


@asked_once(lambda actor, customer_id: (actor.user_id, customer_id))
def value_of(actor: Actor, customer_id: int) -> CustomerValue | None:
    """One customer's values."""
    return next(iter(_VALUE.rows(sight(actor), (actor,), customer_id)), None)


_VALUE = Shaped(lambda actor, customer_id: values(actor).filter(customer_id=customer_id).order_by("pk")[:1], [-7001])


def out_of_rhythm(actor: Actor, owner_id: int) -> list[CustomerValue]:
    """The most valuable of somebody's customers who are silent for longer than their own rhythm allows."""
    return _SILENT.rows(sight(actor), (actor,), owner_id)


_SILENT = Shaped(
    lambda actor, owner_id: (
        values(actor).filter(out_of_rhythm=True, carrier_owner_id=owner_id).order_by("-lifetime_value", "-spent")[:8]
    ),
    [-7001],
)


def grid(actor: Actor, tree: Mapping[str, Any] | None = None) -> dict[tuple[int, int], int]:
    """Customers by recency and frequency score."""
    rows = (
        values(actor, tree).exclude(recency=None).order_by().values_list("recency", "frequency").annotate(n=Count("pk"))
    )
    return {(r, f): n for r, f, n in rows}


def by(actor: Actor, field: str, tree: Mapping[str, Any] | None = None) -> dict[str, tuple[int, float, float]]:
    """Customers, money spent and lifetime value by a choice field."""
    rows = (
        values(actor, tree)
        .order_by()
        .values_list(field)
        .annotate(n=Count("pk"), spent=Sum("spent"), clv=Sum("lifetime_value"))
    )
    return {str(key): (n, float(spent or 0), float(clv or 0)) for key, n, spent, clv in rows}


def moves(actor: Actor, tree: Mapping[str, Any] | None = None) -> dict[tuple[str, str], int]:
    """Customers by stage three months ago and now."""
    rows = values(actor, tree).exclude(stage="").exclude(stage_from="").order_by()
    return {(old, new): n for old, new, n in rows.values_list("stage_from", "stage").annotate(n=Count("pk"))}


@dataclass(frozen=True)
class Concentration:
    """Spent per customer from the top, as shares: ``curve`` of (customers, value), and what follows."""

    customers: int
    value: float
    curve: list[tuple[float, float]]
    gini: float
    for_80: float
    top_20: float
    shares: np.ndarray

    def classes(self, a: float, b: float) -> dict[str, int]:
        """How many customers each class has for other bounds."""
        import numpy as np  # noqa: PLC0415 - 20 MB of every process whose pages draw none of this

        before = np.concatenate([[0.0], self.shares[:-1]]) if len(self.shares) else np.empty(0)
        own = np.diff(self.shares, prepend=0.0)
        first, second = (before < a - 1e-9) & (own > 0), (before < b - 1e-9) & (own > 0)
        return {"A": int(first.sum()), "B": int((second & ~first).sum()), "C": int(len(before) - second.sum())}


def concentration(actor: Actor, tree: Mapping[str, Any] | None = None) -> Concentration | None:
    """How the money is spread over the customers the actor sees; ``None`` without any."""
    import numpy as np  # noqa: PLC0415 - 20 MB of every process whose pages draw none of this

    from guanxi.mining.concentration import gini  # noqa: PLC0415 - ibis is heavy; most pages do without

    spent = np.array(
        [float(one or 0) for one in values(actor, tree).order_by("-spent", "pk").values_list("spent", flat=True)]
    )
    gain = np.clip(np.sort(spent)[::-1], 0, None)
    if not len(gain) or gain.sum() <= 0:
        return None
    shares = np.cumsum(gain) / gain.sum()
    n = len(gain)
    at = np.unique(np.linspace(0, n - 1, min(n, 120)).astype(int))
    curve = [(0.0, 0.0), *[(float((i + 1) / n), float(shares[i])) for i in at]]
    return Concentration(
        n,
        float(spent.sum()),
        curve,
        gini(gain),
        float((np.searchsorted(shares, 0.8 - 1e-12) + 1) / n),
        float(shares[max(0, round(0.2 * n) - 1)]),
        shares,
    )


def histogram(
    actor: Actor, field: str, tree: Mapping[str, Any] | None = None, bins: int = 12
) -> list[tuple[float, float, int]]:
    """How many customers lie between round bounds of a field: (from, up to, customers); the last one is open."""
    import numpy as np  # noqa: PLC0415 - 20 MB of every process whose pages draw none of this

    found = np.array(
        [float(one) for one in values(actor, tree).exclude(**{field: None}).order_by().values_list(field, flat=True)]
    )
    if not len(found):
        return []
    top = float(np.quantile(found, 0.97)) or 1.0
    step = 10 ** np.floor(np.log10(max(top / bins, 1e-9)))
    step *= next(one for one in (1, 2, 5, 10) if step * one * bins >= top)
    edges = np.arange(0, bins + 1) * step
    counts = np.histogram(np.clip(found, 0, edges[-1] - step / 1e6), edges)[0]
    return [(float(low), float(low + step), int(n)) for low, n in zip(edges[:-1], counts, strict=True)]
