"""The record page, its panel, its details, and who sees what of them."""

from __future__ import annotations

from typing import Any

import pytest

from guanxi.core import records
from guanxi.core.schema.registry import entities
from guanxi.core.shaping import fields
from tests.core.web.record.conftest import HX
from tests.factories import FACTORIES

pytestmark = pytest.mark.django_db


def test_owner_sees_name_facts_details_and_tools(browse: Any, make: Any) -> None:
    one = make("customers.customer", name="深圳市华强电子有限公司", phones=["13800138000"])
    page = browse("alice").get(f"/customers/{one.pk}/").content.decode()
    assert "深圳市华强电子有限公司 · " in page
    assert 'href="tel:+8613800138000"' in page
    assert f'data-edit="/customers/{one.pk}/field/name/"' in page
    assert f"/customers/{one.pk}/delete/" in page


def test_colleague_reads_but_gets_no_tools(browse: Any, make: Any) -> None:
    one = make("customers.customer", name="深圳市华强电子有限公司")
    page = browse("bob").get(f"/customers/{one.pk}/").content.decode()
    assert "深圳市华强电子有限公司" in page
    assert "data-edit=" not in page
    assert f"/customers/{one.pk}/delete/" not in page


@pytest.mark.parametrize(
    "view", ["", "peek/", "history/", "timeline/", "why/", "share/", "edit/", "delete/", "field/name/"]
)
def test_stranger_gets_404_everywhere(browse: Any, make: Any, view: str) -> None:
    one = make("customers.customer", name="深圳市华强电子有限公司")
    answer = browse("charlie").get(f"/customers/{one.pk}/{view}")
    assert answer.status_code == 404
    assert "华强" not in answer.content.decode()


def test_nobody_is_sent_to_sign_in(client: Any, make: Any) -> None:
    one = make("customers.customer")
    assert client.get(f"/customers/{one.pk}/").status_code == 302
    assert client.get(f"/customers/{one.pk}/", **HX).status_code == 401


def test_every_entity_has_a_page_a_panel_and_forms(browse: Any, make: Any) -> None:
    root = browse("root")
    seen = []
    for entity in entities():
        if entity.key not in FACTORIES:
            continue
        one = make(entity.key)
        for view in ("", "peek/", "edit/", "history/", "delete/", "why/", "share/"):
            answer = root.get(f"/{entity.path}/{one.pk}/{view}")
            assert answer.status_code == 200, (entity.key, view)
        if entity.creatable:
            assert root.get(f"/{entity.path}/new/").status_code == 200, entity.key
        seen.append(entity.key)
    assert {"core.user", "core.department", "core.tag", "customers.customer", "customers.contact"} <= set(seen)


def test_a_formula_that_gives_nothing_says_why(browse: Any, cast: Any) -> None:
    given = {
        "kind": "formula",
        "label_zh": "单价",
        "label_en": "each",
        "options": {"formula": "100 / pieces", "result": "decimal"},
    }
    fields.field_save(cast.root, "fakes.gadget", "each", given, new=True)
    made = records.create(cast.root, "fakes.gadget", {"name": "钟", "pieces": "0"})
    client = browse("root", "zh-hans")
    assert "除数为零，结果为空。" in client.get(f"/gadgets/{made.pk}/").content.decode()
    records.update(cast.root, made, {"pieces": "4"})
    page = client.get(f"/gadgets/{made.pk}/").content.decode()
    assert "除数为零" not in page
    assert ">25<" in page.replace("\n", "")
