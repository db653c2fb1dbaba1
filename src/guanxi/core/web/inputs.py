"""What a form field needs to be drawn, and reading a sent form back into raw values.

Drawing is done by ``components/field.jinja`` from an :class:`Input`; reading by :func:`raw_values`, whose result goes
to ``records.create/update`` as it is: the records floor reads, checks and reports errors by field name.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import QueryDict
from django.utils import timezone

from guanxi.core.kernel import regional
from guanxi.core.kernel.errors import Text
from guanxi.core.schema.fields import Field
from guanxi.core.schema.parsing import sanitised
from guanxi.core.web import days
from guanxi.core.web.kinds import FACES

#: Choices up to this many are an ordinary select; more get a picker with search.
FEW = 15
#: Kinds typed as numbers, in the reader's way.
FIGURES = frozenset({"integer", "decimal", "percent", "money"})
_PART = re.compile(r"\d{1,4}")


@dataclass(frozen=True, slots=True)
class Option:
    """One entry of a select: key, text, colour, depth in a tree; ``of`` the values of the narrowing field it may be chosen under."""

    key: str
    text: str
    color: str = ""
    depth: int = 0
    of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One field of a form.

    ``value`` is the stored value or, after an error, what was typed. ``chosen`` holds the present options of a picker
    that loads the others from ``search_url``. ``locked`` says why it cannot be changed ('' when it can).
    ``around`` names the control of the same form whose value narrows the options.
    A ``bare`` one stands without a visible label (in a cell or a filter) and carries it for those who listen.
    """

    field: Field
    value: Any = None
    prefix: str = ""
    options: Sequence[Option] = ()
    chosen: Sequence[Option] = ()
    errors: Sequence[Text] = ()
    locked: Text = ""
    search_url: str = ""
    create_url: str = ""
    currency: str = ""
    autofocus: bool = False
    placeholder: Text = ""
    widget: str = ""
    bare: bool = False
    around: str = ""

    @property
    def name(self) -> str:
        """The name in the sent form."""
        return f"{self.prefix}{self.field.name}"

    @property
    def id(self) -> str:
        """The id of the control."""
        return "f-" + re.sub(r"[^\w-]", "-", self.name)

    @property
    def macro(self) -> str:
        """The widget that draws it."""
        return "readonly" if self.locked else self.widget or FACES[self.field.kind].widget

    @property
    def wide(self) -> bool:
        """Whether it takes the whole width of a form."""
        return self.field.kind in ("long_text", "rich_text", "addresses", "table", "phones", "emails", "urls", "tags")

    @property
    def text(self) -> str:
        """The value as the ``value`` attribute of an input element, numbers and days as the reader types them."""
        text = input_text(self.field.kind, self.value)
        if self.field.kind == "rich_text":  # it may come from an address or a refused form, and is drawn as it stands
            return sanitised(text)
        if self.field.kind in days.KINDS:
            return days.typed(text, self.field.kind)
        return regional.typed(text) if self.field.kind in FIGURES else text

    @property
    def entries(self) -> list[Mapping[str, Any]]:
        """The rows of a list field."""
        return [one for one in self.value if isinstance(one, Mapping)] if isinstance(self.value, list | tuple) else []

    @property
    def keys(self) -> list[str]:
        """The chosen keys of a field with several values."""
        return [str(one) for one in self.value] if isinstance(self.value, list | tuple) else []


def input_text(kind: str, value: Any) -> str:
    """A value in neutral form."""
    if value is None or value is False:
        return ""
    if isinstance(value, dt.datetime):
        moment = timezone.localtime(value) if timezone.is_aware(value) else value
        return moment.strftime("%Y-%m-%d" if kind == "date" else "%Y-%m-%dT%H:%M")
    if isinstance(value, dt.time):
        return value.strftime("%H:%M")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, Decimal):
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(getattr(value, "pk", value))


def raw_values(fields: Iterable[Field], data: QueryDict, *, prefix: str = "", partial: bool = False) -> dict[str, Any]:
    """The sent values by field name, unread but for the marks of numbers and the words of days. With ``partial`` only fields the form contained are returned.

    Lists come as ``name.0.value``, ``name.0.label`` …; several choices as repeated names; an unticked box as ``False``
    (its hidden twin ``name.sent`` shows that it was asked).
    """
    values: dict[str, Any] = {}
    for field in fields:
        name = f"{prefix}{field.name}"
        widget = FACES[field.kind].widget
        if widget in ("entries", "addresses", "table"):
            if f"{name}.sent" in data:
                kinds = {column.name: column.kind for column in field.columns}
                values[field.name] = [
                    {part: untyped(kinds.get(part, ""), one) for part, one in row.items()} for row in _rows(name, data)
                ]
        elif widget in ("choices", "tags", "references"):
            if name in data or f"{name}.sent" in data:
                values[field.name] = [one for one in data.getlist(name) if one]
        elif widget == "boolean":
            if name in data or f"{name}.sent" in data:
                values[field.name] = data.get(name) in ("1", "on", "true")
        elif name in data:
            values[field.name] = untyped(field.kind, data.get(name))
        elif not partial and not field.readonly and widget != "readonly":
            values[field.name] = None
    return values


def untyped(kind: str, text: str | None) -> str | None:
    """What the reader typed, in the neutral form the parsers of the kinds know; text that says nothing to us stays."""
    if not text or kind not in FIGURES | days.KINDS:
        return text
    return regional.untyped(text) if kind in FIGURES else days.untyped(text, kind)


def _rows(name: str, data: QueryDict) -> list[dict[str, Any]]:
    """Rows sent as ``name.<number>.<part>``, in the order of their numbers; empty rows are left out."""
    rows: dict[int, dict[str, Any]] = {}
    start = f"{name}."
    for key in data:
        if not key.startswith(start):
            continue
        number, _dot, part = key[len(start) :].partition(".")
        if part and _PART.fullmatch(number):
            rows.setdefault(int(number), {})[part] = data.get(key)
    primary = data.get(f"{name}.primary")
    found = []
    for place in sorted(rows):
        row = rows[place]
        if primary is not None:
            row["primary"] = str(place) == primary
        if any(value for part, value in row.items() if part not in ("primary", "label", "country")):
            found.append(row)
    return found
