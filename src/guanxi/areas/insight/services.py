"""Running a calculation: read, compute, store, tell. Called by jobs; pages only ask for one."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pgtrigger
from django.db import transaction
from django.utils.translation import gettext_noop

from guanxi.areas.customers.models import Customer
from guanxi.areas.insight import selectors, sources, surveys, thresholds
from guanxi.areas.insight.models import DONE, FAILED, RUNNING, WAITING, Calculation, CustomerValue
from guanxi.core.access import actors
from guanxi.core.access.features import has_feature
from guanxi.core.automation.notify import notify, told_to_readers
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.errors import GuanxiError
from guanxi.core.models import User
from guanxi.core.records import writing
from guanxi.core.records.writing import emit_many
from guanxi.core.schema.registry import entity_of
from guanxi.mining.texts import MODEL_VERSION, BadInput
from guanxi.runtime.environment import environment

if TYPE_CHECKING:
    import pandas as pd

    from guanxi.areas.insight.computing import Findings

OUT_OF_RHYTHM = gettext_noop("%(record)s buys every %(gap)s±%(spread)s days and has been silent for %(silent)s.")
DRIFTED = gettext_noop("%(n)s figures of customers have drifted since %(day)s: look whether the thresholds still fit.")
AUDIT = tuple(f"insight.CustomerValue:audit_{one}" for one in ("insert", "update", "delete"))
#: What a calculation says of a customer that rules wait for: “its score or value class changes”.
SCORES = ("value_class", "segment", "risk")
_CHUNK = 2000


def settings_set(actor: Actor, given: Mapping[str, Any]) -> Calculation:
    """Keep new thresholds and ask for a calculation with them. Raises Denied, Invalid."""
    with writing(actor):
        thresholds.store(actor, dict(given))
        return calculation_ask(actor)


def calculation_ask(actor: Actor, *, as_of: dt.date | None = None) -> Calculation:
    """The calculation with the present thresholds that waits or runs, or a new one; the caller defers the job.

    One that waits takes the present thresholds; one that runs with others is followed by a new one. One ``as_of`` a past day
    looks at what was bought until then, to have something to compare with: the values of customers stay as they are.
    """
    wished = thresholds.current()
    if as_of is not None and as_of < clock.today(actor.timezone):
        with writing(actor):
            return Calculation.objects.create(asked_by_id=actor.user_id, settings=wished, as_of=as_of)
    lately = Calculation.objects.filter(
        state__in=(WAITING, RUNNING), asked_at__gte=clock.now() - dt.timedelta(hours=6), as_of__isnull=True
    ).order_by("-asked_at")
    with writing(actor):
        for one in lately.select_for_update(of=("self",)):
            if one.settings == wished:
                return one
            if one.state == WAITING:
                one.settings = wished
                one.save(update_fields=["settings"])
                return one
        return Calculation.objects.create(asked_by_id=actor.user_id, settings=wished)


def calculation_run(calculation: Calculation) -> None:
    """Do it. Ends in the state done or failed, with the reason in words; safe to run twice."""
    # Whoever asks at this moment either changed its thresholds, or finds it running.
    with writing(system_actor("insight", via="job")):
        calculation.refresh_from_db(from_queryset=Calculation.objects.select_for_update(of=("self",)))
        calculation.state, calculation.started_at = RUNNING, clock.now()
        calculation.save()
    try:
        _run(calculation)
        calculation.state, calculation.progress, calculation.step = DONE, 100, ""
    except BadInput as refusal:
        calculation.state, calculation.error = FAILED, f"{refusal.text.zh}\n{refusal.text.en}"
    except GuanxiError as refusal:
        calculation.state, calculation.error = FAILED, str(refusal.message or refusal.code)
    finally:
        if calculation.state == RUNNING:
            calculation.state = FAILED
        calculation.finished_at = clock.now()
        _save(calculation)


def _save(calculation: Calculation) -> None:
    with writing(system_actor("insight", via="job")):
        calculation.save()


def _run(calculation: Calculation) -> None:
    actor = system_actor("insight", via="job")
    source = sources.chosen()
    if source is None:
        raise BadInput(
            "source.none",
            "There are no transactions yet: no order and no deal won.",
            "尚无交易：没有订单，也没有赢单。",
        )
    import pandas as pd  # noqa: PLC0415 - 50 MB of every process that never computes

    frame = pd.DataFrame(sources.rows(actor, source), columns=["customer", "day", "amount"])
    lines = pd.DataFrame(sources.item_rows(actor, source, calculation.as_of), columns=["customer", "basket", "item"])
    survey = surveys.chosen()
    comments = [str(one["comment"]) for one in surveys.responses(actor, survey) if one.get("comment")] if survey else []
    if frame.empty:
        raise BadInput("source.empty", "The source of transactions is empty.", "交易来源为空。")
    today = clock.today(actor.timezone)
    day = calculation.as_of or today
    moments = pd.to_datetime(frame["day"], utc=True)
    frame["day"] = (
        moments.dt.tz_convert(actor.timezone or "Asia/Shanghai").dt.tz_localize(None)
        if isinstance(frame["day"].iloc[0], dt.datetime)
        else moments.dt.tz_localize(None)
    )
    if day < today:
        frame = frame[frame["day"] < pd.Timestamp(day) + pd.Timedelta(days=1)].reset_index(drop=True)
        if frame.empty:
            raise BadInput("source.empty", "Nothing was bought until that day.", "截至该日尚无交易。")
    else:
        snapshot(frame, "transactions")
        snapshot(lines, "lines")
    calculation.source, calculation.as_of, calculation.model_version = source.entity, day, MODEL_VERSION
    calculation.rows, calculation.customers = len(frame), int(frame["customer"].nunique())
    from guanxi.areas.insight.computing import compute  # noqa: PLC0415 - seconds of every process that never computes

    older = selectors.compared_run(calculation)
    found = compute(
        frame,
        lines,
        day,
        {**thresholds.DEFAULTS, **calculation.settings},
        lambda percent, step: _tell(calculation, percent, step),
        older.results.get("spread") if older else None,
        comments,
    )
    if older:
        found.whole["against"] = {"run": older.pk, "as_of": str(older.as_of)}
    calculation.results, calculation.notes = found.whole, found.notes
    if day == today:
        values_store(found, day)
        _drift_tell(calculation)


def _drift_tell(calculation: Calculation) -> None:
    """Tell those who may set thresholds that customers are no longer those of the run compared with."""
    gone = [one["figure"] for one in calculation.results.get("drift", ()) if one["verdict"] == "drifted"]
    if not gone:
        return
    people = [one.pk for one in User.objects.filter(is_active=True, roles__isnull=False).distinct() if has_feature(actors.load(one, via="job"), "settings")]  # fmt: skip
    values = {"n": len(gone), "day": calculation.results["against"]["as_of"]}
    notify(people, "insight", DRIFTED, values, once=f"drift:{calculation.results['against']['run']}")


def _tell(calculation: Calculation, percent: int, step: str) -> None:
    Calculation.objects.filter(pk=calculation.pk).update(progress=percent, step=step)


def snapshot(frame: pd.DataFrame, name: str) -> Path:
    """Keep what was read as Parquet under the data folder: for notebooks, and to see later what a figure stood on."""
    folder = environment().data / "insight"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.parquet"
    frame.to_parquet(path.with_suffix(".new"), index=False)
    path.with_suffix(".new").replace(path)
    return path


def values_store(found: Findings, as_of: dt.date) -> int:
    """Write one row per customer in pieces; rows of customers without transactions go. Tells owners of new alarms. Returns how many."""
    table = found.table
    ids = [int(one) for one in table.index]
    rows = Customer.objects.filter(pk__in=ids).values_list("pk", "name", "owner_id", named=True)
    known = {one.pk: one for one in rows}
    before = {row["customer_id"]: row for row in CustomerValue.objects.values("customer_id", "out_of_rhythm", *SCORES)}
    alarmed = {key for key, row in before.items() if row["out_of_rhythm"]}
    made = []
    for key, row in zip(ids, table.to_dict("records"), strict=True):
        if key in known:
            whose = {"name": known[key].name, "carrier_owner_id": known[key].owner_id}
            made.append(CustomerValue(customer_id=key, as_of=as_of, **whose, **_columns(row)))
    fields = [
        one.name
        for one in CustomerValue._meta.concrete_fields
        if one.name
        not in (
            "id",
            "customer",
            "created_at",
            "created_by",
            "custom",
            "tags",
            "deleted_at",
            "deleted_by",
            "version",
            "owner",
            "updated_by",
        )
    ]
    # What follows from a calculation is audited as the calculation: one entry a night, not one a customer.
    insight = system_actor("insight", via="job")
    with writing(insight), pgtrigger.ignore(*AUDIT):
        for start in range(0, len(made), _CHUNK):
            CustomerValue.everything.bulk_create(
                made[start : start + _CHUNK], update_conflicts=True, unique_fields=["customer"], update_fields=fields
            )
        CustomerValue.everything.exclude(as_of=as_of).delete()
        emit_many(insight, entity_of(Customer), "scored", _scored(before, made))
    _alert([one for one in made if one.out_of_rhythm and one.customer_id not in alarmed])
    return len(made)


def _scored(
    before: Mapping[int, Mapping[str, Any]], made: Iterable[CustomerValue]
) -> Iterator[tuple[int, dict[str, list[Any]]]]:
    """Customers whose value class, segment or risk is another than the last calculation said, with what it was and is."""
    for row in made:
        was = before.get(row.customer_id)
        changed = {name: [was[name], getattr(row, name)] for name in SCORES if was and was[name] != getattr(row, name)}
        if changed:
            yield row.customer_id, changed


def _number(value: Any, places: int, most: float = 1e15) -> Decimal | None:
    if value is None or not math.isfinite(value):
        return None
    return round(Decimal(float(max(-most, min(value, most)))), places)


def _percent(value: Any) -> Decimal | None:
    found = _number(value, 6)
    return None if found is None else round(100 * found, 2)


def _whole(value: Any) -> int | None:
    return None if value is None or not math.isfinite(value) else int(value)


def _day(value: Any) -> dt.date | None:
    """The day of a moment; what is no moment is not equal to itself."""
    return value.date() if value is not None and value == value else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _columns(row: dict[str, Any]) -> dict[str, Any]:
    """The columns of a row of findings; what a model could not say is empty."""
    get = row.get
    percent = {name: _percent(get(source)) for name, source in (("active", "alive"), ("leaving", "probability"))}
    if (_whole(get("frequency")) or 0) < 2:
        # The model takes whoever bought once for alive, whatever his silence: it knows nothing.
        percent["active"] = None
    worth, chance = _number(get("value"), 2), _number(get("chance"), 6)
    return {
        "value_class": _text(get("class")), "segment": _text(get("segment")), "stage": _text(get("stage")), "stage_from": _text(get("stage_from")), "risk": _text(get("risk")),
        "recency": _whole(get("r")), "frequency": _whole(get("f")), "monetary": _whole(get("m")), "purchases": _whole(get("frequency")) or 0,
        "first_bought_on": _day(get("first")), "last_bought_on": _day(get("last")),
        "spent": _number(get("monetary"), 2), "cumulative": _number(get("cumulative"), 8), "recent": _number(get("recent"), 2), "before": _number(get("before"), 2),
        "active": percent["active"], "leaving": percent["leaving"], "expected": _number(get("expected"), 2, 9e6), "lifetime_value": _number(get("clv"), 2),
        "gap": _number(get("gap"), 1, 99999), "spread": _number(get("spread"), 1, 9999999), "silent": _whole(get("silence")), "gain": _number(get("gain"), 2), "out_of_rhythm": get("alarm") in (True,),
        "details": {"why": get("why") if isinstance(get("why"), list) else [], "offers": get("offers") if isinstance(get("offers"), list) else [],
                    "low": _whole(get("low")), "high": _whole(get("high")), "chance": None if chance is None else float(chance), "value": None if worth is None else float(worth)},
    }  # fmt: skip


def _alert(rows: list[CustomerValue]) -> None:
    customers = Customer.objects.select_related("owner").in_bulk([one.customer_id for one in rows])
    for one in rows:
        customer = customers.get(one.customer_id)
        if customer is None or customer.owner is None:
            continue
        if not selectors.reads_all(actors.load(customer.owner, via="job")):
            continue
        figures = {"gap": f"{one.gap:.0f}", "spread": f"{one.spread:.0f}", "silent": one.silent}
        values = {name: told_to_readers(text, selectors.VALUE, "gap", "silent") for name, text in figures.items()}
        with transaction.atomic():
            notify(
                [customer.owner.pk],
                "insight",
                OUT_OF_RHYTHM,
                values,
                record=customer,
                once=f"rhythm:{customer.pk}:{one.last_bought_on}",
            )
