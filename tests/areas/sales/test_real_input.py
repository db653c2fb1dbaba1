"""A real pipeline and a real funnel imported; sums equal those worked out from the raw files."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Count, Sum

from guanxi.areas.customers.models import Customer
from guanxi.areas.sales import selectors
from guanxi.areas.sales.models import Lead, Opportunity
from guanxi.areas.sales.selectors import history
from guanxi.core import records
from guanxi.core.records import many
from tests.factories.cast import Cast

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
MAVEN, OLIST = DATA / "maven_crm_sales", DATA / "olist_funnel"
pytestmark = pytest.mark.django_db


def _rows(place: Path) -> list[dict[str, str]]:
    if not place.exists():
        pytest.skip(f"{place.name} is not here")
    return list(csv.DictReader(io.StringIO(gzip.decompress(place.read_bytes()).decode())))


def _moment(day: str) -> dt.datetime:
    return dt.datetime.fromisoformat(day).replace(hour=4, tzinfo=dt.UTC)


def _made(cast: Cast, entity: str, rows: list[dict[str, Any]]) -> list[Any]:
    found = many.insert_many(cast.system, entity, rows, quiet=True)
    problems = [one for one in found if isinstance(one, Exception)]
    assert problems == []
    return found


def _pipeline(cast: Cast) -> dict[str, int]:
    """The stages of the file: Prospecting, Engaging, Won, Lost."""
    pipeline = records.create(cast.root, "sales.pipeline", {"name": "Hardware", "position": 50})
    stages = (("Prospecting", "open", 10), ("Engaging", "open", 40), ("Won", "won", 100), ("Lost", "lost", 0))
    return {
        name: records.create(
            cast.root,
            "sales.stage",
            {"pipeline": pipeline.pk, "name": name, "category": category, "probability": chance, "position": place},
        ).pk
        for place, (name, category, chance) in enumerate(stages, start=1)
    }


def test_the_maven_pipeline(cast: Cast) -> None:
    raw = _rows(MAVEN / "sales_pipeline.csv.gz")
    stages = _pipeline(cast)
    names = sorted({row["account"] or "Unknown" for row in raw})
    made = _made(cast, "customers.customer", [{"name": name, "kind": "organisation"} for name in names])
    customers = {one.name: one.pk for one in made}
    rows = []
    for row in raw:
        given: dict[str, Any] = {
            "name": f"{row['product']} {row['opportunity_id']}",
            "external_id": row["opportunity_id"],
            "customer": customers[row["account"] or "Unknown"],
            "pipeline": selectors.stages_by_id()[stages["Won"]].pipeline_id,
            "stage": stages[row["deal_stage"]],
            "description": row["sales_agent"],
            "created_at": _moment(row["engage_date"] or "2017-01-01"),
        }
        if row["close_value"]:
            given["amount"] = Decimal(row["close_value"])
        if row["close_date"]:
            given |= {"closed_at": _moment(row["close_date"]), "close_on": dt.date.fromisoformat(row["close_date"])}
        rows.append(given)
    _made(cast, "sales.opportunity", rows)
    assert Opportunity.objects.count() == len(raw) == 8800
    found = {
        selectors.stages_by_id()[stage].name: (number, total)
        for stage, number, total in Opportunity.objects.values_list("stage").annotate(Count("pk"), Sum("value"))
    }
    counted = Counter(row["deal_stage"] for row in raw)
    won = sum(Decimal(row["close_value"]) for row in raw if row["deal_stage"] == "Won")
    assert {name: number for name, (number, _total) in found.items()} == dict(counted)
    assert found["Won"][1] == won == Decimal(10005534)
    groups = records.groups(cast.root, "sales.opportunity", "stage", totals=["value"])
    assert {one.value: one.count for one in groups} == {stages[name]: number for name, number in counted.items()}
    month = {"field": "closed_at", "op": "between", "value": ["2017-03-01", "2017-03-31"]}
    tree = {"all": [{"field": "category", "op": "eq", "value": "won"}, month]}
    totals = records.totals(cast.root, "sales.opportunity", filter=tree, names=["value"])
    march = sum(
        Decimal(row["close_value"])
        for row in raw
        if row["deal_stage"] == "Won" and row["close_date"].startswith("2017-03")
    )
    assert totals["sum_value"] == march
    agent = records.totals(
        cast.root,
        "sales.opportunity",
        filter={"all": [tree["all"][0], {"field": "description", "op": "contains", "value": "Darcel Schlecht"}]},
        names=["value"],
    )
    mine = (
        Decimal(row["close_value"]) for row in raw if row["sales_agent"] == "Darcel Schlecht" and row["close_value"]
    )
    assert agent["sum_value"] == sum(mine)
    then = history.as_of(_moment("2017-01-01") + dt.timedelta(hours=1))
    assert len(then) == sum(1 for row in raw if (row["engage_date"] or "2017-01-01") <= "2017-01-01")


def test_the_olist_funnel(cast: Cast) -> None:
    raw, closed = _rows(OLIST / "marketing_qualified_leads.csv.gz"), _rows(OLIST / "closed_deals.csv.gz")
    sources = {"organic_search": "search", "paid_search": "search", "social": "social", "referral": "referral"}
    won = {row["mql_id"]: row for row in closed}
    made = _made(
        cast,
        "customers.customer",
        [
            {"name": f"Seller {row['seller_id'][:12]}", "external_id": row["mql_id"], "kind": "organisation"}
            for row in closed
        ],
    )
    customers = {one.external_id: one.pk for one in made}
    rows = []
    for row in raw:
        given: dict[str, Any] = {
            "name": row["mql_id"][:12],
            "external_id": row["mql_id"],
            "source": sources.get(row["origin"], "other"),
            "created_at": _moment(row["first_contact_date"][:10]),
        }
        if row["mql_id"] in won:
            given |= {
                "status": "converted",
                "customer": customers[row["mql_id"]],
                "converted_at": _moment(won[row["mql_id"]]["won_date"][:10]),
            }
        rows.append(given)
    _made(cast, "sales.lead", rows)
    assert (Lead.objects.count(), Customer.objects.count()) == (len(raw), len(closed)) == (8000, 842)
    counted = Counter(sources.get(row["origin"], "other") for row in raw)
    turned = Counter(sources.get(row["origin"], "other") for row in raw if row["mql_id"] in won)
    groups = {one.value: one.count for one in records.groups(cast.root, "sales.lead", "source")}
    done = {"field": "status", "op": "eq", "value": "converted"}
    converted = {one.value: one.count for one in records.groups(cast.root, "sales.lead", "source", filter=done)}
    assert groups == dict(counted)
    assert converted == dict(turned)
