"""The little SVG that charts need: shapes, texts, colours by name, patterns that tell series apart without colour."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import count

from guanxi.core.reporting.folding import Node

#: Colours by the names dictionaries use, as they are on paper (in pages the style sheet gives them, dark or light).
COLORS = {
    "blue": "#2f6fd6", "teal": "#0f8a82", "amber": "#c27c00", "purple": "#8a48c2", "green": "#2a8a4c", "pink": "#c4357f",
    "indigo": "#5a4fd0", "orange": "#d1580f", "cyan": "#1381a8", "lime": "#6f8f1c", "red": "#c93838", "yellow": "#a88a00",
    "azure": "#2f6fd6", "slate": "#66738a", "gray": "#8a94a6", "grey": "#8a94a6",
}  # fmt: skip
#: The order in which series without a colour of their own take one.
SERIES = ("blue", "amber", "teal", "purple", "green", "pink", "orange", "cyan", "indigo", "lime", "red", "slate")
INK, MUTED, LINE, PAPER = "#1c2430", "#566172", "#dfe3ea", "#ffffff"
#: In pages the picture is left out for those who listen: the table beside it says the same.
PAGE = ' class="gx-chart" aria-hidden="true"'
_numbers = count(1)


def text_width(text: str, size: float = 12) -> float:
    """About how wide a text is drawn."""
    return sum(size if ord(one) > 0x2E7F else size * 0.56 for one in text)


def clipped(text: str, width: float, size: float = 12) -> str:
    """The text, cut so that it fits."""
    if text_width(text, size) <= width:
        return text
    while text and text_width(text + "…", size) > width:
        text = text[:-1]
    return text + "…"


@dataclass
class Canvas:
    """One picture being drawn. ``link`` turns a filter into the address of the list behind a mark ('' for none).

    ``paper`` pictures stand alone: they carry their colours and font with them.
    """

    width: float
    height: float
    link: Callable[[Node], str] | None = None
    paper: bool = False
    parts: list[str] = field(default_factory=list)
    patterns: set[int] = field(default_factory=set)
    number: int = field(default_factory=lambda: next(_numbers))

    def add(self, markup: str) -> None:
        """A piece of SVG."""
        self.parts.append(markup)

    def _paint(self, what: str, color: str) -> str:
        """How a thing is painted: by class in pages, plainly on paper."""
        if color in COLORS:
            return f'{what}="{COLORS[color]}"' if self.paper else f'class="gx-c-{color} gx-{what}"'
        named = {"ink": INK, "muted": MUTED, "line": LINE, "paper": PAPER}
        return f'{what}="{named[color]}"' if self.paper else f'class="gx-chart-{color}-{what}"'

    def rect(self, x: float, y: float, w: float, h: float, color: str, pattern: int = 0, opacity: float = 1) -> str:
        """A filled rectangle; ``pattern`` lays lines or dots over it."""
        shape = f'x="{x:.1f}" y="{y:.1f}" width="{max(w, 0.5):.1f}" height="{max(h, 0.5):.1f}" rx="2"'
        faded = f' opacity="{opacity}"' if opacity < 1 else ""
        found = f"<rect {shape} {self._paint('fill', color)}{faded}/>"
        if pattern:
            self.patterns.add(pattern)
            found += f'<rect {shape} fill="url(#p{self.number}-{pattern})"/>'
        return found

    def frame(self, x: float, y: float, w: float, h: float) -> str:
        """An empty rectangle: what was before."""
        shape = f'x="{x:.1f}" y="{y:.1f}" width="{max(w, 0.5):.1f}" height="{max(h, 0.5):.1f}"'
        return f'<rect {shape} fill="none" stroke-dasharray="3 2" {self._paint("stroke", "muted")}/>'

    def path(self, d: str, color: str, *, fill: bool = False, dash: str = "", width: float = 2) -> str:
        """A line, or a filled shape."""
        if fill:
            return f'<path d="{d}" {self._paint("fill", color)}/>'
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        return f'<path d="{d}" fill="none" stroke-width="{width}"{dashed} {self._paint("stroke", color)}/>'

    def marker(self, x: float, y: float, color: str, sort: int) -> str:
        """A point: circle, square, triangle or diamond."""
        shapes = (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" {{}}/>',
            f'<rect x="{x - 3.2:.1f}" y="{y - 3.2:.1f}" width="6.4" height="6.4" {{}}/>',
            f'<path d="M{x:.1f} {y - 4.4:.1f}l4.4 7.6h-8.8z" {{}}/>',
            f'<path d="M{x:.1f} {y - 4.6:.1f}l4.6 4.6l-4.6 4.6l-4.6 -4.6z" {{}}/>',
        )
        return shapes[sort % len(shapes)].format(self._paint("fill", color))

    def text(
        self, x: float, y: float, text: str, *, anchor: str = "start", color: str = "muted", size: float = 12,
        bold: bool = False, turn: float = 0,
    ) -> str:  # fmt: skip
        """A line of text at its base line."""
        turned = f' transform="rotate({turn} {x:.1f} {y:.1f})"' if turn else ""
        weight = ' font-weight="600"' if bold else ""
        return (
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{weight}{turned}'
            f" {self._paint('fill', color)}>{escape(text)}</text>"
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, color: str = "line", dash: str = "") -> str:
        """A straight line."""
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" fill="none"{dashed} {self._paint("stroke", color)}/>'

    def mark(self, inner: str, title: str, node: Node | None) -> str:
        """Marks with what they say on hover, leading to their records where there is a list of them."""
        told = f"<title>{escape(title)}</title>{inner}"
        address = self.link(node) if self.link and node is not None else ""
        if not address:
            return f"<g>{told}</g>"
        return f'<a href="{escape(address, quote=True)}" tabindex="-1">{told}</a>'

    def legend(self, entries: Sequence[tuple[str, str, int]], y: float, *, lines: bool = False) -> float:
        """Names of series (name, colour, pattern or marker) in rows; returns the height they take."""
        x, start = 4.0, y
        for name, color, sort in entries:
            shown = clipped(name, 180)
            wide = text_width(shown) + 30
            if x + wide > self.width and x > 4:
                x, y = 4.0, y + 18
            sign = self.marker(x + 6, y + 6, color, sort) if lines else self.rect(x, y + 1, 11, 11, color, sort)
            self.add(sign + self.text(x + 17, y + 11, shown, color="ink"))
            x += wide
        return y - start + 22

    def markup(self) -> str:
        """The whole picture."""
        font = ' font-family="Noto Sans CJK SC, PingFang SC, Microsoft YaHei, Helvetica, Arial, sans-serif"'
        ground = f'<rect width="{self.width:.0f}" height="{self.height:.0f}" fill="{PAPER}"/>' if self.paper else ""
        size = f' width="{self.width:.0f}" height="{self.height:.0f}"' if self.paper else ""
        page = PAGE.replace("gx-chart", "gx-chart gx-chart-tall", 1) if self.height > self.width else PAGE
        defs = "".join(_pattern(self.number, one) for one in sorted(self.patterns))
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:.0f} {self.height:.0f}"{size}'
            f"{font if self.paper else page}>"
            f"{defs and f'<defs>{defs}</defs>'}{ground}{''.join(self.parts)}</svg>"
        )


def _pattern(number: int, sort: int) -> str:
    """Overlays by number: stripes falling, dots, stripes rising, level lines, upright lines."""
    inner = (
        '<path d="M0 0L8 8M-2 6L2 10M6 -2L10 2" stroke="#fff" stroke-width="1.6"/>',
        '<circle cx="2" cy="2" r="1.3" fill="#fff"/><circle cx="6" cy="6" r="1.3" fill="#fff"/>',
        '<path d="M0 8L8 0M-2 2L2 -2M6 10L10 6" stroke="#fff" stroke-width="1.6"/>',
        '<path d="M0 2H8M0 6H8" stroke="#fff" stroke-width="1.4"/>',
        '<path d="M2 0V8M6 0V8" stroke="#fff" stroke-width="1.4"/>',
    )[(sort - 1) % 5]
    return f'<pattern id="p{number}-{sort}" width="8" height="8" patternUnits="userSpaceOnUse" opacity="0.3">{inner}</pattern>'
