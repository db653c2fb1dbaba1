"""Icons: names of the vendored sprite, drawn by reference so that a page carries each shape once."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from django.templatetags.static import static
from markupsafe import Markup, escape

SPRITE = Path(__file__).parent / "static/vendor/tabler-icons/sprite.svg"
FALLBACK = "point"


@lru_cache(maxsize=1)
def names() -> frozenset[str]:
    """Every icon name the sprite holds."""
    return frozenset(re.findall(r'<symbol id="([^"]+)"', SPRITE.read_text(encoding="utf-8")))


@lru_cache(maxsize=1024)
def icon(name: str, css: str = "", label: str = "") -> Markup:
    """An SVG icon. Decorative unless ``label`` names it; an unknown name is drawn as a point."""
    shape = name if name in names() else FALLBACK
    meaning = Markup('role="img" aria-label="{}"').format(escape(label)) if label else Markup('aria-hidden="true"')
    return Markup('<svg class="icon {}" {} focusable="false"><use href="{}#{}"/></svg>').format(
        css, meaning, static("vendor/tabler-icons/sprite.svg"), shape
    )
