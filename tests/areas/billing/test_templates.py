"""Print templates as an administrator makes them: begun with the one that comes along, looked at, told where they are wrong."""

from __future__ import annotations

from typing import Any

import pytest

from guanxi.core import records
from guanxi.core.kernel.errors import Invalid
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db

QUOTE = {"name": "报价", "document": "quote", "language": "zh-hans"}


def test_a_template_without_text_begins_with_the_one_that_comes_along(cast: Cast, make: Any) -> None:
    made = records.create(cast.root, "billing.printtemplate", QUOTE)
    assert "data.json" in made.source
    client = browser(cast.root_user)
    page = client.get(f"/print-templates/{made.pk}/").content.decode()
    for language in ("zh-hans", "en"):
        address = f"/print-templates/{made.pk}/print/{language}.pdf"
        assert address in page
        assert client.get(address).content.startswith(b"%PDF")
    make("billing.quote")
    assert client.get(address).content.startswith(b"%PDF"), "with a document there is"


@pytest.mark.parametrize("document", ["account", "receipt"])
def test_every_document_has_a_template_to_begin_with(cast: Cast, document: str) -> None:
    made = records.create(cast.root, "billing.printtemplate", {**QUOTE, "document": document})
    records.update(cast.root, made, {"source": f"{made.source}\n"})


def test_a_wrong_template_says_in_which_line(cast: Cast) -> None:
    with pytest.raises(Invalid, match="第 3 行"):
        records.create(
            cast.root, "billing.printtemplate", {**QUOTE, "source": '#let data = json("data.json")\n\n#data.nothing'}
        )
    with pytest.raises(Invalid):
        records.create(cast.root, "billing.printtemplate", {**QUOTE, "document": "poem"})


def test_the_composer_as_a_page_is_drawn_anew_in_its_place(cast: Cast, make: Any) -> None:
    customer = make("customers.customer", emails=[{"label": "work", "value": "li@kunde.example"}])
    client, address = browser(cast.root_user), f"/write/customers/{customer.pk}/"
    page = client.get(address).content.decode()
    part = client.get(address, headers={"HX-Request": "true"}).content.decode()
    assert "<div hx-disable>" in page
    assert "<div hx-disable>" not in part
