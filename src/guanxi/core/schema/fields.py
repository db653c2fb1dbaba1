"""One field of an entity, as every face sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from guanxi.core.kernel.errors import Text

#: Why a value is personal: a way to reach somebody, who he is, or what he would not tell everyone.
Personal = Literal["", "contact", "identity", "private"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a reference that an action asks for is chosen from.

    ``where(actor, record)`` is the condition (a ``Q``) that holds for what he may choose for the record the action is done to.
    ``tells`` are paths to what one knows the offered by, such as its document's number; ``beside`` names fields told
    with their labels. Words are looked for in both.
    """

    where: Callable[[Any, Any], Any]
    tells: tuple[str, ...]
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field: its name, its kind and what a face must know to show, ask, filter and import it.

    ``name`` is the attribute of the record (``custom.<key>`` for a custom field), ``column`` the database column.
    ``dictionary`` names the dictionary of a choice; ``choices`` holds fixed values instead (key, label).
    ``target`` is the entity key a reference points to. ``currency`` names the field that holds a money field's
    currency. A reference ``within`` another field of the record (``customer``) is chosen among records with the same value
    there, once that field is filled; a choice ``within`` another field among the values that belong to the one chosen there. A ``translated`` text that came with the product is read in the present language,
    a ``person``'s name in the order the reader is used to. ``columns`` describes the rows of a table. ``plain`` numbers are names, such as years: they are neither
    grouped by thousands nor added up; one that is a ``year`` takes the year of a day where a file has days. ``readonly``
    fields are written by services only.
    A reference asked for by an action may say what it ``offers``.
    ``formula`` is CEL over the record, ``rollup`` says what is reckoned over which records (``relation how field
    filter``); a derived field is a read-only one of the kind it gives, and ``reads`` names the fields (entity, name) it
    stands on. ``rules`` are conditions in CEL (``visible required readonly check``).
    """

    name: str
    kind: str
    label: Text
    help: Text = ""
    column: str = ""
    required: bool = False
    unique: bool = False
    readonly: bool = False
    dictionary: str = ""
    choices: tuple[tuple[str, Text], ...] = ()
    target: str = ""
    max_length: int | None = None
    places: int = 2
    minimum: Any = None
    maximum: Any = None
    currency: str = ""
    within: str = ""
    offers: Offer | None = None
    plain: bool = False
    year: bool = False
    translated: bool = False
    person: bool = False
    personal: Personal = ""
    default: Any = None
    columns: tuple[Field, ...] = ()
    custom: bool = False
    formula: str = ""
    rollup: Mapping[str, Any] | None = None
    rules: Mapping[str, str] | None = None
    reads: tuple[tuple[str, str], ...] = ()
    group: Text = ""

    @property
    def mask(self) -> str:
        """How its values are masked: identity numbers as such, everything else by kind."""
        return "identity" if self.personal == "identity" and self.kind in ("text", "serial") else self.kind

    @property
    def key(self) -> str:
        """The name without the ``custom.`` prefix."""
        return self.name.removeprefix("custom.")
