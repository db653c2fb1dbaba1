"""A real pipeline and a real funnel brought in by recipe, files as they are; reports equal sums of the raw files."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from guanxi.areas.customers.models import Customer
from guanxi.areas.sales.models import Lead, Opportunity, OpportunityLine, OpportunityState, Stage
from guanxi.core import records
from guanxi.core.exchange import results
from guanxi.core.exchange.recipe_running import recipe_run
from guanxi.core.exchange.recipes import recipe_read
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import User
from guanxi.core.models.exchange import ImportRun
from guanxi.core.reporting import engine
from guanxi.core.reporting.spec import read
from tests.factories.cast import Cast
from tests.needs import SAMPLES, samples

MAVEN, OLIST = SAMPLES / "maven_crm_sales", SAMPLES / "olist_funnel"
pytestmark = [pytest.mark.django_db, samples("maven_crm_sales", "olist_funnel")]


def _rows(place: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(gzip.decompress(place.read_bytes()).decode())))


def _brought(cast: Cast, name: str, folder: Path, steps: Iterable[int] = ()) -> dict[str, ImportRun]:
    """The last run of each entity; every row of every step has an outcome, every refused one a reason."""
    found = {}
    for done in recipe_run(cast.root, recipe=recipe_read(name), folder=folder, steps=tuple(steps)):
        run = done.run
        assert run.created + run.updated + run.skipped + run.failed == run.total
        assert all(row[3] for row in results.import_rows(run, (3, 4)))
        found[run.entity] = run
    return found


def _figures(cast: Cast, dataset: str, by: dict[str, Any], how: dict[str, Any], where: Any = None) -> dict[Any, Any]:
    """A report: the figure of each group by its label."""
    spec = {"dataset": dataset, "rows": [by], "measures": [how], **({"filter": where} if where else {})}
    found = engine.run(cast.root, read(spec))
    return {row.heads[0].label: row.cells[0].value for row in found.rows}


@pytest.fixture
def dollars(cast: Cast) -> None:
    """A dollar is worth one of the house's own, so that values are the amounts of the files."""
    records.create(cast.root, "core.exchangerate", {"currency": "USD", "day": "1990-01-01", "rate": "1"})


def test_the_maven_pipeline(cast: Cast, dollars: None) -> None:
    runs = _brought(cast, "maven-crm", MAVEN, range(1, 11))
    raw = _rows(MAVEN / "sales_pipeline.csv.gz")
    deals = runs["sales.opportunity"]
    assert (deals.created, deals.failed, Opportunity.objects.count()) == (8800, 0, len(raw))
    counted, value = Counter(row["deal_stage"] for row in raw), defaultdict(Decimal)
    by_month: dict[str, Decimal] = defaultdict(Decimal)
    by_account: dict[str, Decimal] = defaultdict(Decimal)
    for row in raw:
        value[row["deal_stage"]] += Decimal(row["close_value"] or 0)
        if row["deal_stage"] == "Won":
            by_month[row["close_date"][:7]] += Decimal(row["close_value"])
            by_account[row["account"]] += Decimal(row["close_value"])
    won = {"field": "category", "op": "eq", "value": "won"}
    total, stage = {"how": "sum", "field": "value"}, {"field": "stage"}
    assert _figures(cast, "sales.opportunity", stage, {"how": "count"}) == counted
    assert _figures(cast, "sales.opportunity", stage, total)["Won"] == value["Won"] == Decimal(10005534)
    months = _figures(cast, "sales.opportunity", {"field": "closed_at", "grain": "month"}, total, won)
    assert sorted(months.values()) == sorted(by_month.values())
    assert _figures(cast, "sales.opportunity", {"field": "customer"}, total, won) == by_account
    teams = {
        row["sales_agent"]: row for row in csv.DictReader((MAVEN / "sales_teams.csv").read_text("utf-8").splitlines())
    }
    by_agent: dict[str, Decimal] = defaultdict(Decimal)
    by_office: dict[str, Decimal] = defaultdict(Decimal)
    for row in raw:
        if row["deal_stage"] == "Won":
            by_agent[row["sales_agent"]] += Decimal(row["close_value"])
            by_office[f"Maven {teams[row['sales_agent']]['regional_office']}"] += Decimal(row["close_value"])
    assert _figures(cast, "sales.opportunity", {"field": "owner"}, total, won) == by_agent
    assert _figures(cast, "sales.opportunity", {"field": "owner.department"}, total, won) == by_office
    people = User.objects.filter(superior__isnull=False).values_list("name", "superior__name", "department__name")
    assert set(people) == {(name, row["manager"], f"Maven {row['regional_office']}") for name, row in teams.items()}
    nameless = Opportunity.objects.filter(customer__name="Account not named").count()
    assert nameless == sum(not row["account"] for row in raw) > 0
    day = dt.datetime(2017, 1, 1, 0, 0, tzinfo=dt.UTC)
    assert OpportunityState.objects.filter(at__lte=day, alive=True).values("opportunity").distinct().count() == sum(
        bool(row["engage_date"]) and row["engage_date"] <= "2017-01-01" for row in raw
    )


def test_products_of_the_maven_pipeline_become_lines(cast: Cast, dollars: None, tmp_path: Path) -> None:
    for name in ("accounts.csv", "products.csv", "sales_teams.csv"):
        (tmp_path / name).symlink_to(MAVEN / name)
    raw = _rows(MAVEN / "sales_pipeline.csv.gz")[:60]
    with (tmp_path / "sales_pipeline.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, raw[0])
        writer.writeheader()
        writer.writerows(raw)
    for _again in range(2):  # the second time finds everything there
        _brought(cast, "maven-crm", tmp_path)
        assert Opportunity.objects.count() == OpportunityLine.objects.count() == 60
        assert Stage.objects.filter(key__startswith="maven").count() == 4
    asked = {
        line.opportunity.external_id: line for line in OpportunityLine.objects.select_related("opportunity", "product")
    }
    with (MAVEN / "products.csv").open(encoding="utf-8") as file:
        listed = {row["product"]: row["sales_price"] for row in csv.DictReader(file)}
    for row in raw:
        line, product = asked[row["opportunity_id"]], row["product"].replace("GTXPro", "GTX Pro")
        amount = Decimal(row["close_value"] or listed[product])
        assert (line.product.name, line.amount, line.opportunity.amount) == (product, amount, amount)


def test_the_olist_funnel(cast: Cast) -> None:
    runs = _brought(cast, "olist-funnel", OLIST)
    raw, closed = _rows(OLIST / "marketing_qualified_leads.csv.gz"), _rows(OLIST / "closed_deals.csv.gz")
    assert (runs["sales.lead"].created, runs["customers.customer"].created) == (len(raw), len(closed)) == (8000, 842)
    sources = {"organic_search": "search", "paid_search": "search", "social": "social", "referral": "referral"}
    won = {row["mql_id"]: row for row in closed}
    counted = Counter(sources.get(row["origin"], "other") for row in raw)
    turned = Counter(sources.get(row["origin"], "other") for row in raw if row["mql_id"] in won)
    done = {"field": "status", "op": "eq", "value": "converted"}
    assert {one.value: one.count for one in records.groups(cast.root, "sales.lead", "source")} == counted
    assert {one.value: one.count for one in records.groups(cast.root, "sales.lead", "source", filter=done)} == turned
    months = _figures(cast, "sales.lead", {"field": "converted_at", "grain": "month"}, {"how": "count"}, done)
    assert sorted(months.values()) == sorted(Counter(row["won_date"][:7] for row in closed).values())
    one = Lead.objects.select_related("customer").get(external_id=closed[0]["mql_id"])
    assert one.customer == Customer.objects.get(external_id=closed[0]["mql_id"])


def test_amounts_in_a_currency_without_a_rate_are_refused_row_by_row(cast: Cast, tmp_path: Path) -> None:
    (tmp_path / "accounts.csv").write_text("account,sector\nAcme,retail\n")
    (tmp_path / "products.csv").write_text("product,series,sales_price\nGTX,G,5\n")
    (tmp_path / "sales_pipeline.csv").write_text(
        "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value\n"
        "A1,Nobody,GTX,Acme,Won,2017-01-01,2017-02-01,100\n"
        "A2,Nobody,GTX,Nowhere Ltd,Won,2017-01-01,2017-02-01,100\n"
        "A3,Nobody,GTX,Acme,Maybe,2017-01-01,2017-02-01,-5\n"
    )
    (tmp_path / "sales_teams.csv").write_text("sales_agent,manager,regional_office\nSomebody,Head,East\n")
    run = _brought(cast, "maven-crm", tmp_path, range(1, 11))["sales.opportunity"]
    reasons = {number: str(why) for number, _o, _cells, why, _id in results.import_rows(run)}
    assert (run.created, run.failed, sorted(reasons)) == (0, 3, [2, 3, 4])
    assert "rate.missing" in reasons[2]
    assert "Nowhere Ltd" in reasons[3]
    assert "Maybe" in reasons[4]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ('{"steps": [{"entity": "sales.lead", "file": "x.csv", "column": {}}]}', "recipe.shape"),
        ('{"steps": [{"entity": "sales.nothing", "file": "x.csv"}]}', "recipe.shape"),
        ("{", "recipe.shape"),
        ('{"steps": [{"entity": "sales.lead", "file": "x.csv", "columns": {"name": "name"}}]}', "recipe.no_file"),
        ('{"steps": [{"entity": "sales.lead", "file": "y.csv", "columns": {"name": "nam"}}]}', "recipe.column"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused(cast: Cast, tmp_path: Path, content: str, code: str) -> None:
    (tmp_path / "y.csv").write_text("name\nA\n")
    (tmp_path / "mine.json").write_text(content)
    with pytest.raises(Invalid) as error:
        list(recipe_run(cast.root, recipe=recipe_read(str(tmp_path / "mine.json")), folder=tmp_path))
    assert error.value.code == code
    assert not Lead.objects.exists()


def test_an_unknown_recipe_names_those_there_are(db: None) -> None:
    with pytest.raises(Invalid, match="maven-crm"):
        recipe_read("nothing")
