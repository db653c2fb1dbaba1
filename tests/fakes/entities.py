"""The toy declarations."""

from __future__ import annotations

from typing import Any

from guanxi.core import records
from guanxi.core.kernel.actor import Actor
from guanxi.core.schema.entity import Access, Action, Board, Entity, Form, MatchKey, Menu, Search, Section, Timeline
from guanxi.core.schema.registry import register
from tests.fakes.models import Gadget, Part


def gadget_break(actor: Actor, gadget: Gadget) -> Any:
    """Break a gadget."""
    return records.update(actor, gadget, {"state": "broken"})


def whole(gadget: Gadget) -> bool | str:
    """Only what is whole can be broken."""
    return gadget.state != "broken" or "It is broken already."


_KINDS = (
    "colours",
    "pieces",
    "weight",
    "share",
    "price",
    "currency",
    "made_on",
    "sold_at",
    "opens_at",
    "active",
    "region",
)
_MORE = (
    "email",
    "phone",
    "site",
    "phones",
    "emails",
    "sites",
    "addresses",
    "lines",
    "keeper",
    "parent",
    "secret",
    "tags",
)

register(
    Entity(
        key="fakes.gadget",
        model=Gadget,
        label="Gadget",
        plural="Gadgets",
        path="gadgets",
        icon="tool",
        columns=("name", "number", "state", "price", "made_on", "owner", "keeper", "parent.name"),
        filters=("state", "owner"),
        fields={"share": {"kind": "percent"}, "secret": {"personal": "identity"}},
        search=Search(
            names=("name",), numbers=("number",), phones=("phones", "phone"), emails=("emails",), text=("note",)
        ),
        form=Form(
            sections=(
                Section("Gadget", ("name", "number", "state", "note", "story", "owner")),
                Section("More", _KINDS + _MORE),
            ),
            create=("name", "state"),
        ),
        board=Board(field="state", card=("number", "price"), total="price", age="made_on", age_days=(10, 20)),
        match_keys=(MatchKey(field="name", how="name", weight=80), MatchKey(field="number", how="exact", weight=100)),
        actions=(Action(key="break", label="Break", run=gadget_break, right="change", applies=whole),),
        menu=Menu(group="work", order=90),
        description="A thing with one of everything.",
    ),
    Entity(
        key="fakes.part",
        model=Part,
        label="Part",
        plural="Parts",
        path="parts",
        icon="puzzle",
        columns=("name", "gadget", "fitted_at"),
        search=Search(names=("name",)),
        form=Form(sections=(Section("Part", ("name", "gadget", "fitted_at")),)),
        access=Access(carried_by="gadget"),
        timeline=Timeline(on=("gadget",), at="fitted_at", title="name"),
        description="A piece of a gadget.",
    ),
)
