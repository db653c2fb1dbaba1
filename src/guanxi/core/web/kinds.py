"""The web's table of kinds: which cell shows a value, which widget asks for it, how wide and how aligned it is.

A test demands that every kind of ``schema.kinds`` has a line here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from guanxi.core.schema.fields import Field
from guanxi.core.web.cells import CELLS, Cell, Names


@dataclass(frozen=True, slots=True)
class Face:
    """How one kind looks: ``widget`` names a macro of ``components/widgets.jinja``, ``ask`` the simpler one used in a
    filter, ``width`` the usual column width in pixels, ``css`` the class of its cells, ``inline`` whether a list cell
    may be edited in place."""

    cell: Callable[[Field, Names], Cell]
    widget: str
    ask: str
    width: int = 160
    css: str = ""
    inline: bool = True


def _face(kind: str, widget: str, ask: str = "", width: int = 160, css: str = "", inline: bool = True) -> Face:
    return Face(cell=CELLS[kind], widget=widget, ask=ask or widget, width=width, css=css, inline=inline)


FACES: dict[str, Face] = {
    "text": _face("text", "text", width=180),
    "long_text": _face("long_text", "long_text", ask="text", width=260),
    "rich_text": _face("rich_text", "rich_text", ask="text", width=260, inline=False),
    "integer": _face("integer", "number", width=100, css="gx-num text-end"),
    "decimal": _face("decimal", "number", width=110, css="gx-num text-end"),
    "percent": _face("percent", "percent", ask="number", width=90, css="gx-num text-end"),
    "money": _face("money", "money", ask="number", width=130, css="gx-num text-end"),
    "date": _face("date", "date", width=110, css="gx-num"),
    "datetime": _face("datetime", "datetime", ask="date", width=140, css="gx-num"),
    "time": _face("time", "time", width=80, css="gx-num"),
    "choice": _face("choice", "choice", width=120),
    "choices": _face("choices", "choices", width=180),
    "boolean": _face("boolean", "boolean", ask="yes_no", width=80),
    "reference": _face("reference", "reference", width=180),
    "references": _face("references", "references", width=220, inline=False),
    "user": _face("user", "user", width=130),
    "region": _face("region", "region", width=160),
    "email": _face("email", "email", ask="text", width=200),
    "phone": _face("phone", "phone", ask="text", width=140, css="gx-num"),
    "url": _face("url", "url", ask="text", width=180),
    "emails": _face("emails", "entries", ask="text", width=200, inline=False),
    "phones": _face("phones", "entries", ask="text", width=160, css="gx-num", inline=False),
    "urls": _face("urls", "entries", ask="text", width=180, inline=False),
    "addresses": _face("addresses", "addresses", ask="text", width=220, inline=False),
    "table": _face("table", "table", ask="text", width=100, inline=False),
    "tags": _face("tags", "tags", width=160, inline=False),
    "file": _face("file", "file", ask="text", width=160, inline=False),
    "image": _face("image", "image", ask="text", width=60, inline=False),
    "serial": _face("serial", "readonly", ask="text", width=130, css="gx-num", inline=False),
    "formula": _face("formula", "readonly", ask="number", width=110, css="gx-num text-end", inline=False),
    "rollup": _face("rollup", "readonly", ask="number", width=110, css="gx-num text-end", inline=False),
}


def widget_of(kind: str) -> str:
    """The widget macro of a kind."""
    return FACES[kind].widget


def kind_css(kind: str) -> str:
    """The class of cells of a kind (numbers are right-aligned and tabular)."""
    return FACES[kind].css
