"""Files of another system brought in on a page: what is missing, what each step holds, killed and gone on, taken back."""

from __future__ import annotations

import io
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from guanxi.areas.billing.models import Allocation, Delivery, Instalment, Order, Receipt
from guanxi.areas.catalog.models import Product
from guanxi.areas.customers.models import Customer
from guanxi.core import records
from guanxi.core.exchange import recipe_running, recipe_whole
from guanxi.core.exchange.jobs import recipe_do
from guanxi.core.exchange.recipes import fitting, recipe_read
from guanxi.core.kernel.errors import RuleBroken
from guanxi.core.models import Operation
from guanxi.core.models.exchange import ImportRun, RecipeRun
from tests.core.web.conftest import browse  # noqa: F401 - a fixture
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db
FILES = {
    "customers.csv": "customerID,companyName\nA1,Alpha Foods\nB2,Beta Foods\n",
    "categories.csv": "categoryID,categoryName\n1,Drinks\n",
    "products.csv": "productID,productName,categoryID,quantityPerUnit,unitPrice,discontinued\n1,Tea,1,10 boxes,18.00,0\n2,Cola,1,24 cans,4.50,1\n",
    "employees.csv": "employeeID,lastName,firstName\n5,Nobody,Known\n",
    "regions.csv": "regionID,regionDescription\n1,Eastern\n",
    "territories.csv": "territoryID,territoryDescription,regionID\n01581,Westboro,1\n",
    "employee_territories.csv": "employeeID,territoryID\n5,01581\n",
    "shippers.csv": "shipperID,companyName\n3,Fast Ships\n",
    "order_details.csv": "orderID,productID,unitPrice,quantity,discount\n11,1,18,2,0\n11,2,4.5,10,0.1\n12,1,18,1,0\n",
    "orders.csv": (
        "orderID,customerID,employeeID,orderDate,requiredDate,shippedDate,shipVia,shipName,shipAddress,shipCity,shipCountry\n"
        "11,A1,5,2024-03-01,2024-03-20,2024-03-05,3,Alpha,Road 1,Bern,CH\n"
        "12,B2,5,2024-03-02,2024-03-20,NULL,3,Beta,Road 2,Bern,CH\n"
    ),
}


def packed(*names: str) -> SimpleUploadedFile:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name in names:
            archive.writestr(f"northwind/{name}", FILES[name])
        archive.writestr("northwind/README.md", "not a table")
    return SimpleUploadedFile("northwind.zip", held.getvalue())


def begun(client: Any, *names: str) -> str:
    answer = client.post("/import/recipe/", {"recipe": "northwind", "files": [packed(*names)]})
    assert answer.status_code == 303
    return str(answer["Location"])


def test_from_the_files_to_the_last_receipt_and_back(cast: Cast, browse: Any) -> None:  # noqa: F811
    records.create(cast.root, "core.exchangerate", {"currency": "USD", "day": "1990-01-01", "rate": "7"})
    client = browse("root")
    place = begun(client, *(set(FILES) - {"orders.csv"}))
    page = client.get(place).content.decode()
    assert "orders.csv" in page
    assert page.count("missing</span>") == 1
    client.post(f"{place}files/", {"files": [SimpleUploadedFile("Orders.CSV", FILES["orders.csv"].encode())]})
    page = client.get(place).content.decode()
    assert "Import 16 rows" in page
    assert "Alpha Foods" in page
    assert "1 person the files name is not among your colleagues" in page
    assert "Known Nobody" in page
    assert not Customer.objects.exists()
    client.post(f"{place}start/")
    done = client.get(place).content.decode()
    assert "All steps are done." in done
    assert [(run.created, run.updated, run.failed) for run in ImportRun.objects.order_by("step")] == [
        (2, 0, 0), (1, 0, 0), (2, 0, 0), (2, 0, 0), (3, 0, 0), (0, 2, 0), (0, 1, 0), (0, 1, 0), (0, 1, 0), (1, 0, 0),
    ]  # fmt: skip
    first = Order.objects.get(external_id="NW-11")
    assert (first.status, first.total, first.received, first.open) == (
        "delivered",
        Decimal("76.50"),
        Decimal("76.50"),
        0,
    )
    assert Receipt.objects.get().owner_id == first.owner_id
    client.post(f"{place}undo/")
    assert "Taken back" in client.get(place).content.decode()
    assert RecipeRun.objects.get().result["skipped"] == 0
    for model in (Customer, Product, Order, Instalment, Delivery, Receipt, Allocation):
        assert not model.objects.exists(), model
    again = Order.everything.get(external_id="NW-11")
    assert (again.status, again.received, again.delivered_on) == ("draft", None, None)


def test_one_that_was_killed_goes_on_and_does_nothing_twice(cast: Cast, browse: Any, monkeypatch: Any) -> None:  # noqa: F811
    place = begun(browse("root"), *FILES)
    whole = RecipeRun.objects.get()
    recipe_whole.recipe_start(cast.root, whole=whole)
    recipe_do.func(number=whole.pk)
    whole.refresh_from_db()
    assert (whole.state, Order.objects.count()) == ("failed", 0)
    assert "Step 4: every row was refused" in browse("root").get(place).content.decode()
    records.create(cast.root, "core.exchangerate", {"currency": "USD", "day": "1990-01-01", "rate": "7"})
    recipe_whole.recipe_start(cast.root, whole=whole)
    monkeypatch.setattr(recipe_running, "BATCH", 1)
    kept, calls = recipe_running.store, []

    def dies(run: Any, outcomes: Any) -> None:
        calls.append(run.step)
        if calls == [6, 6]:
            raise KeyboardInterrupt
        kept(run, outcomes)

    monkeypatch.setattr(recipe_running, "store", dies)
    with pytest.raises(KeyboardInterrupt):
        recipe_do.func(number=whole.pk)
    assert list(Order.objects.order_by("external_id").values_list("status", flat=True)) == ["confirmed", "draft"]
    recipe_do.func(number=whole.pk)
    whole.refresh_from_db()
    assert whole.state == "done"
    assert ImportRun.objects.filter(step=6).values_list("updated", "skipped", "failed").get() == (2, 0, 0)
    assert Receipt.objects.count() == 1
    assert browse("charlie").get(place).status_code == 404


def test_a_file_that_cannot_be_followed_says_which_step(cast: Cast, browse: Any) -> None:  # noqa: F811
    client = browse("root")
    place = begun(client, *FILES)
    client.post(f"{place}files/", {"files": [SimpleUploadedFile("categories.csv", b"id,name\n1,Drinks\n")]})
    assert "Step 2: The file has no column" in client.get(place).content.decode()
    answer = client.post(f"{place}start/", follow=True)
    assert "This import is over." in answer.content.decode()
    assert not ImportRun.objects.filter(recipe__isnull=False).exists()


def test_a_name_means_its_packed_file_too() -> None:
    assert fitting((name for name in ["Other.csv", "Orders.CSV.gz"]), "orders.csv") == ["Orders.CSV.gz"]
    assert fitting((name for name in ["orders.csv"]), "orders.csv.gz") == ["orders.csv"]


def test_what_was_read_is_forgotten_where_the_work_was_ended_meanwhile(cast: Cast, browse: Any) -> None:  # noqa: F811
    place = begun(browse("root"), *FILES)
    whole = RecipeRun.objects.get()
    RecipeRun.objects.update(state="staging")
    whole.refresh_from_db()
    RecipeRun.objects.update(files={**whole.files, "more.csv": "0"})
    before = set(ImportRun.objects.values_list("pk", flat=True))
    recipe_whole.recipe_stage(cast.root, whole=whole)
    assert set(ImportRun.objects.values_list("pk", flat=True)) == before
    recipe_whole.recipe_halt(cast.root, whole=whole, how="cancelled")
    assert recipe_whole.recipe_stage(cast.root, whole=whole).state == "cancelled"
    assert browse("root").post(f"{place}anything/").status_code == 404


def test_a_step_that_is_too_old_to_take_back_is_said(cast: Cast, browse: Any) -> None:  # noqa: F811
    records.create(cast.root, "core.exchangerate", {"currency": "USD", "day": "1990-01-01", "rate": "7"})
    client = browse("root")
    place = begun(client, *FILES)
    client.post(f"{place}start/")
    Operation.objects.filter(pk__in=ImportRun.objects.filter(step=8).values("operation")).update(
        undo_until="2020-01-01T00:00:00Z"
    )
    client.post(f"{place}undo/")
    whole = RecipeRun.objects.get()
    assert (whole.state, whole.message) == ("cancelled", "This can no longer be undone.")
    assert whole.result["undone"] > 0
    assert "Take everything back" in client.get(place).content.decode()


def test_from_the_command_line_every_step_belongs_to_the_whole(cast: Cast, tmp_path: Path) -> None:
    records.create(cast.root, "core.exchangerate", {"currency": "USD", "day": "1990-01-01", "rate": "7"})
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, "utf-8")
    done = list(recipe_running.recipe_run(cast.root, recipe=recipe_read("northwind"), folder=tmp_path))
    whole = RecipeRun.objects.get()
    assert [run.pk for run in recipe_whole.runs_of(whole)] == [one.run.pk for one in done]
    assert Receipt.objects.count() == 1
    recipe_whole.recipe_undo(cast.root, whole=recipe_whole.recipe_undo_begin(cast.root, whole=whole))
    assert Receipt.objects.count() + Order.objects.count() == 0


def test_a_crash_on_the_command_line_leaves_no_work_running(
    cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records.create(cast.root, "core.exchangerate", {"currency": "USD", "day": "1990-01-01", "rate": "7"})
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, "utf-8")

    def broken(*_given: Any, **_named: Any) -> None:
        raise ZeroDivisionError("the disk is full")

    monkeypatch.setattr(recipe_running, "step_run", broken)
    with pytest.raises(ZeroDivisionError):
        list(recipe_running.recipe_run(cast.root, recipe=recipe_read("northwind"), folder=tmp_path))
    whole = RecipeRun.objects.get()
    assert (whole.state, whole.message) == ("failed", "ZeroDivisionError: the disk is full")


def test_a_second_worker_does_no_step_again(cast: Cast, browse: Any) -> None:  # noqa: F811
    records.create(cast.root, "core.exchangerate", {"currency": "USD", "day": "1990-01-01", "rate": "7"})
    client = browse("root")
    place = begun(client, *FILES)
    whole = RecipeRun.objects.get()
    early = {run.step: run for run in recipe_whole.runs_of(whole)}
    recipe_whole.recipe_start(cast.root, whole=whole)
    with pytest.raises(RuleBroken):
        recipe_whole.recipe_start(cast.root, whole=whole)
    recipe_do.func(number=whole.pk)
    operations = Operation.objects.count()
    again = recipe_running.step_run(cast.root, run=early[6], step=recipe_whole.recipe_in(whole).steps[5])
    assert (again.state, again.updated, Operation.objects.count()) == ("done", 2, operations)
    assert "All steps are done." in client.get(place).content.decode()
