"""A small trade for the pages outside: repairs of a customer with a process, and messages on each."""

from __future__ import annotations

from typing import Any

import pytest

from guanxi.core import records
from guanxi.core.access import actors
from guanxi.core.models import (
    CustomField,
    CustomObject,
    Dictionary,
    DictionaryValue,
    PortalView,
    Process,
    PublicPage,
    RoleRight,
)
from guanxi.core.models.stamps import bump
from guanxi.core.records import objects
from guanxi.core.shaping.objects import object_save

STATES = ("open", "doing", "done")


@pytest.fixture
def trade(cast: Any) -> Any:
    """Objects ``repair`` (of a customer) and ``note`` (of a repair), a look-up page ``repairs``, views for clients."""
    states = Dictionary.objects.create(key="repair_state", name_zh="进度", name_en="State")
    for place, key in enumerate(STATES):
        DictionaryValue.objects.create(
            dictionary=states, key=key, name_zh=key, name_en=key, position=place, is_default=place == 0
        )
    base = {"group": "service", "icon": "file", "color": "blue", "owned": True, "options": {}}
    object_save(
        cast.root,
        "repair",
        {**base, "name_zh": "维修", "name_en": "Repair", "path": "repairs", "parent": "customers.customer"},
        new=True,
    )
    object_save(
        cast.root,
        "note",
        {**base, "name_zh": "留言", "name_en": "Note", "path": "notes", "parent": "custom.repair"},
        new=True,
    )
    for entity, key, kind, more in (
        ("custom.repair", "state", "choice", {"dictionary": "repair_state"}),
        ("custom.repair", "cost", "money", {}),
        ("custom.repair", "secret", "text", {}),
        ("custom.note", "text", "long_text", {"required": True}),
        ("custom.note", "author", "text", {}),
    ):
        CustomField.objects.create(entity=entity, key=key, kind=kind, label_zh=key, label_en=key.capitalize(), **more)
    Process.objects.create(
        entity="custom.repair", field="custom.state", definition={"steps": {"done": {"ending": "good"}}, "moves": []}
    )
    PublicPage.objects.create(
        key="repairs", kind="lookup", name_zh="维修进度", name_en="Repairs", entity="custom.repair",
        definition={
            "number": "name", "factor": "parent.phones", "shown": ["custom.cost"], "steps": "custom.state", "people": True,
            "related": [{"entity": "custom.note", "field": "parent", "shown": ["custom.text"]}],
        },
    )  # fmt: skip
    subject = {"subject": "customers.customer"}
    PortalView.objects.create(
        entity="custom.repair",
        path="parent",
        fields=["name", "custom.state"],
        create=["name"],
        preset={"custom.secret": "made outside"},
        **subject,
    )
    PortalView.objects.create(
        entity="custom.note", path="parent.parent", fields=["name", "custom.text", "custom.author"], create=["custom.text"],
        preset={"name": "留言", "custom.author": "client"}, **subject,
    )  # fmt: skip
    for right in list(RoleRight.objects.filter(entity="customers.customer")):
        for key in ("custom.repair", "custom.note"):
            RoleRight.objects.get_or_create(
                role=right.role, entity=key, action=right.action, defaults={"scope": right.scope}
            )
    bump("rights", "dictionaries", "fields", "objects", "processes", "portal")
    objects.sync()
    yield
    CustomObject.objects.all().delete()
    objects.sync()


@pytest.fixture
def alice(trade: None, cast: Any) -> Any:
    """Alice with the rights she has on the trade's records."""
    return actors.load(cast.alice_user)


@pytest.fixture
def repair(alice: Any, cast: Any, make: Any) -> Any:
    """A repair of Alice's customer whose phone ends in 4321; Charlie has one too."""
    customer = make("customers.customer", owner=cast.alice_user.pk, phones=[{"value": "19900004321"}], name="甲客户")
    found = records.create(
        alice,
        "custom.repair",
        {"name": "R-1", "parent": customer.pk, "custom.cost": "120", "custom.secret": "底价 80"},
    )
    records.create(
        alice,
        "custom.note",
        {"name": "n", "parent": found.pk, "custom.text": "换了轴承", "custom.author": "staff"},
    )
    return found
