"""Base data: entered once, added to, never brought back."""

from __future__ import annotations

import pytest

from guanxi.core.models import Dictionary, DictionaryValue, Numbering, Region, Role, RoleField, RoleRight
from guanxi.core.records import dictionaries, seeds
from guanxi.core.schema.registry import entities

pytestmark = pytest.mark.django_db


def test_loading_again_enters_nothing(base_data: None) -> None:
    before = (Region.objects.count(), DictionaryValue.objects.count(), RoleRight.objects.count())
    assert seeds.load() == seeds.Loaded()
    assert (Region.objects.count(), DictionaryValue.objects.count(), RoleRight.objects.count()) == before


def test_what_was_removed_stays_removed(base_data: None) -> None:
    DictionaryValue.objects.get(dictionary__key="currency", key="RUB").delete()
    RoleRight.objects.filter(role__key="member", entity="customers.customer", action="delete").delete()
    Role.objects.get(key="trainee").delete()
    Numbering.objects.filter(entity="customers.customer").update(format="K{seq:4}")
    assert seeds.load() == seeds.Loaded()
    assert not DictionaryValue.objects.filter(dictionary__key="currency", key="RUB").exists()
    assert not Role.objects.filter(key="trainee").exists()
    assert Numbering.objects.get(entity="customers.customer").format == "K{seq:4}"


def test_new_values_are_added_to_old_dictionaries(base_data: None, monkeypatch: pytest.MonkeyPatch) -> None:
    name_zh, name_en, values = seeds._dictionaries["currency"]
    more = (*values, seeds.Value("XAU", "黄金", "Gold"))
    monkeypatch.setitem(seeds._dictionaries, "currency", (name_zh, name_en, more))
    assert seeds.load().values == 1
    assert dictionaries.value_of("currency", "XAU") == dictionaries.Choice("XAU", "黄金", "Gold")
    assert Dictionary.objects.filter(key="currency").count() == 1


def test_regions_are_a_tree(base_data: None) -> None:
    assert [choice.key for choice in dictionaries.region_path("CN440305")] == ["CN", "CN44", "CN4403", "CN440305"]
    assert dictionaries.region_label("CN440305") == "广东省深圳市南山区"
    assert Region.objects.get(code="US-CA").name_en == "California"
    codes = dict(Region.objects.values_list("code", "parent_code"))
    assert all(not parent or (parent in codes and code.startswith(parent)) for code, parent in codes.items())
    assert Region.objects.filter(parent_code="CN").count() == 34
    beijing = Region.objects.get(code="CN110105")
    assert (beijing.name_zh, beijing.name_en, beijing.parent_code, beijing.level) == (
        "朝阳区",
        "Chaoyang District",
        "CN11",
        2,
    )


def test_default_roles_have_rights_on_every_owned_entity(base_data: None) -> None:
    owned = {one.key for one in entities() if one.access.owner and not one.access.public}
    owned.remove("campaigns.campaign")  # everybody who sells sees what is going on
    for role, scope in (("director", "all"), ("manager", "department_below"), ("member", "own"), ("reader", "all")):
        given = RoleRight.objects.filter(role__key=role, action="view")
        assert owned <= set(given.values_list("entity", flat=True))
        assert set(given.filter(entity__in=owned).values_list("scope", flat=True)) == {scope}
    assert set(RoleRight.objects.filter(role__key="reader").values_list("action", flat=True)) == {"view", "export"}
    levels = dict(
        RoleField.objects.filter(role__key="trainee", entity="customers.customer").values_list("field", "level")
    )
    assert levels["phones"] == "masked"
    assert levels["id_number"] == "hidden"
    assert Role.objects.get(key="administrator").all_rights
