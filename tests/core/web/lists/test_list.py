"""The list page: what is shown, to whom, and that it survives odd addresses."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import pytest
from django.test import Client

from guanxi.core import records
from tests.core.web.conftest import HX

Browse = Callable[..., Client]
Make = Callable[..., Any]


def ids(page: str) -> list[int]:
    return [int(one) for one in re.findall(r'<tr(?: data-group="[^"]*")? data-id="(\d+)"', page)]


def text(client: Client, address: str, status: int = 200, **headers: Any) -> str:
    answer = client.get(address, **headers)
    assert answer.status_code == status, answer.content.decode()[:500]
    return str(answer.content.decode())


def test_rows_are_those_one_may_see(browse: Browse, make: Make, cast: Any) -> None:
    mine, foreign = make("fakes.gadget", name="Mine"), make("fakes.gadget", name="Foreign", by=cast.charlie_user)
    assert ids(text(browse("alice"), "/gadgets/")) == [mine.pk]
    assert ids(text(browse("charlie"), "/gadgets/")) == [foreign.pk]
    assert ids(text(browse("alice"), "/gadgets/?q=Foreign")) == []
    assert set(ids(text(browse("root"), "/gadgets/"))) == {mine.pk, foreign.pk}


def test_somebody_without_the_right_finds_no_list(browse: Browse, make: Make) -> None:
    make("fakes.gadget")
    assert "Gadget" not in text(browse("dave"), "/gadgets/", status=404)


def test_nobody_is_sent_to_sign_in(db: None) -> None:
    answer = Client().get("/gadgets/?q=x")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/account/login/?next=")


def test_filter_sort_and_search_in_the_address(browse: Browse, make: Make) -> None:
    dear = make("fakes.gadget", name="Dear", price=Decimal(90), state="used")
    cheap = make("fakes.gadget", name="Cheap", price=Decimal(10), state="used")
    make("fakes.gadget", name="Other", price=Decimal(50), state="new")
    alice = browse("alice")
    assert ids(text(alice, "/gadgets/?by.state=used&sort=price")) == [cheap.pk, dear.pk]
    assert ids(text(alice, '/gadgets/?f={"field":"price","op":"gte","value":50}&sort=-price&q=Dea')) == [dear.pk]


@pytest.mark.parametrize(
    "query", ["f={", "sort=nothing", "at=zzz", 'f={"field":"secret","op":"eq","value":"1"}', "view=999999"]
)
def test_a_broken_address_leads_back_without_a_crash(browse: Browse, make: Make, query: str) -> None:
    make("fakes.gadget")
    answer = browse("alice").get(f"/gadgets/?{query}")
    assert answer.status_code in (303, 404)


def test_a_fragment_has_no_shell_and_tells_its_address(browse: Browse, make: Make) -> None:
    make("fakes.gadget", name="Fragment")
    answer = browse("alice").get("/gadgets/?q=Frag&by.state=", **HX)
    page = answer.content.decode()
    assert "gx-nav" not in page
    assert "Fragment".replace("Frag", "<mark>Frag</mark>") in page
    assert answer["HX-Push-Url"] == "/gadgets/?q=Frag"


def test_pages_follow_each_other_without_losing_a_row(browse: Browse, make: Make, cast: Any) -> None:
    made = [make("fakes.gadget", price=Decimal(number % 3)).pk for number in range(45)]
    cast.alice_user.preferences = {"page_size": "20"}
    cast.alice_user.save(update_fields=["preferences"])
    alice, address, seen = browse("alice"), "/gadgets/?sort=price", list[int]()
    for _page in range(3):
        page = text(alice, address)
        seen += ids(page)
        found = re.search(r'rel="next" href="([^"]+)"', page)
        address = found.group(1).replace("&amp;", "&") if found else ""
    assert address == ""
    assert sorted(seen) == sorted(made)
    assert len(seen) == 45


def test_a_page_emptied_by_deletion_is_not_shown(browse: Browse, make: Make, cast: Any) -> None:
    made = [make("fakes.gadget", name=f"G{number:02}") for number in range(21)]
    cast.alice_user.preferences = {"page_size": "20"}
    cast.alice_user.save(update_fields=["preferences"])
    alice = browse("alice")
    found = re.search(r'rel="next" href="([^"]+)"', text(alice, "/gadgets/?sort=number"))
    assert found
    records.delete(cast.root, made[-1])
    assert len(ids(text(alice, found.group(1).replace("&amp;", "&")))) == 20


def test_totals_are_of_all_rows_and_by_currency(browse: Browse, make: Make) -> None:
    make("fakes.gadget", price=Decimal("100.50"), pieces=2)
    make("fakes.gadget", price=Decimal("9.50"), pieces=3)
    page = text(browse("alice"), "/gadgets/?cols=name,price,pieces")
    foot = page[page.index("<tfoot") :]
    assert "110" in foot
    assert ">5<" in foot


def test_groups_have_counts(browse: Browse, make: Make) -> None:
    for state in ("new", "used", "used"):
        make("fakes.gadget", state=state)
    page = text(browse("alice"), "/gadgets/?group=state")
    assert len(ids(page)) == 3
    assert "&lt;tr" not in page
    assert re.findall(r'<span>(New|Used)</span></button> <span class="gx-count">(\d+)', page) == [
        ("New", "1"),
        ("Used", "2"),
    ]


def test_people_of_the_same_name_are_not_mixed_up(browse: Browse, make: Make, cast: Any) -> None:
    for user in (cast.alice_user, cast.bob_user):
        user.name = user.sort_key = "same"
        user.save(update_fields=["name", "sort_key"])
    for number in range(6):
        make("fakes.gadget", keeper=(cast.alice_user, cast.bob_user)[number % 2])
    page = text(browse("alice"), "/gadgets/?group=keeper")
    assert re.findall(r'</button> <span class="gx-count">(\d+)', page) == ["3", "3"]
    assert len(ids(page)) == 6


def test_masked_and_hidden_fields_stay_so(browse: Browse, make: Make) -> None:
    make("fakes.gadget", secret="440301199001011234")
    assert "440301199001011234" in text(browse("root"), "/gadgets/?cols=name,secret")
    shown = text(browse("alice"), "/gadgets/?cols=name,secret")
    assert "440301199001011234" not in shown
    assert "*" in shown


def test_a_related_value_is_shown_only_of_records_one_may_see(browse: Browse, make: Make, cast: Any) -> None:
    hidden = make("fakes.gadget", name="Hidden parent", by=cast.charlie_user)
    make("fakes.gadget", name="Child", parent=hidden)
    assert "Hidden parent" in text(browse("root"), "/gadgets/?cols=name,parent.name,parent")
    assert "Hidden parent" not in text(browse("alice"), "/gadgets/?cols=name,parent.name,parent")


def test_empty_lists_teach_and_offer_the_next_step(browse: Browse) -> None:
    alice = browse("alice")
    assert 'href="/gadgets/new/"' in text(alice, "/gadgets/")
    assert "Clear filters" in text(alice, "/gadgets/?by.state=broken")


def test_values_are_escaped(browse: Browse, make: Make) -> None:
    make("fakes.gadget", name="<script>alert(1)</script>", note='"><img src=x>')
    page = text(browse("alice"), "/gadgets/?cols=name,note")
    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_the_columns_chosen_are_kept(browse: Browse, make: Make) -> None:
    make("fakes.gadget")
    alice = browse("alice")
    answer = alice.post("/gadgets/columns/", {"column": ["name", "price"], "pin": ["name"], "state": ""})
    assert answer.status_code == 303
    page = text(alice, "/gadgets/")
    assert re.findall(r'<col data-column="([^"]+)"', page) == ["name", "price"]
    assert "gx-pin" in page
    alice.post("/gadgets/widths/?view=0", {"price": "333", "name": "9999"})
    assert re.findall(r'width="(\d+)"', text(alice, "/gadgets/"))[1:3] == ["900", "333"]
    alice.post("/gadgets/columns/", {"column": ["name"], "reset": "1", "state": ""})
    assert len(re.findall(r"<col data-column=", text(alice, "/gadgets/"))) > 4


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_no_inline_script_or_style(browse: Browse, make: Make, language: str) -> None:
    make("fakes.gadget")
    page = text(browse("alice", language), "/gadgets/")
    assert not re.search(r"<[^>]+\sstyle=", page)
    assert not re.search(r"<[^>]+\son[a-z]+=", page)
    assert not re.search(r"<script(?![^>]*(src=|application/json))", page)


def test_query_count_does_not_grow_with_rows(browse: Browse, make: Make, django_assert_max_num_queries: Any) -> None:
    alice = browse("alice")
    for _number in range(12):
        make("fakes.gadget", parent=make("fakes.gadget"))
    alice.get("/gadgets/")
    with django_assert_max_num_queries(17):
        assert alice.get("/gadgets/").status_code == 200


def test_numbers_are_shown_typed_filtered_and_kept_in_the_reader_s_way(browse: Browse, make: Make, cast: Any) -> None:
    gadget = make("fakes.gadget", name="Anvil", price=Decimal("1234.5"))
    cast.alice_user.preferences = {"numbers": "comma"}
    cast.alice_user.save(update_fields=["preferences"])
    alice = browse("alice")
    assert "¥1.234,50" in text(alice, "/gadgets/")
    assert 'value="1234,5"' in text(alice, f"/gadgets/{gadget.pk}/cell/price/", **HX)
    sent = {"price": "2.345,75", "version": gadget.version}
    assert alice.post(f"/gadgets/{gadget.pk}/cell/price/", sent, **HX).status_code == 200
    gadget.refresh_from_db()
    assert gadget.price == Decimal("2345.75")
    builder = {"c.1.field": "price", "c.1.op": "gt", "c.1.value": "2.345,5", "match.0": "all"}
    found = alice.post("/gadgets/filter/", builder)
    assert '"value":"2345.5"' in unquote(found["Location"])
    assert "2.345,5" in text(alice, found["Location"])
    assert "¥2,345.75" in text(browse("root"), "/gadgets/")
