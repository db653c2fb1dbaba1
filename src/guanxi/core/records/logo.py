"""The firm's logo, as printed on documents: a picture made anew, or a drawing of which only shapes and colours are kept.

It lies in the database under a key of its own, so that it travels with the settings file and with every backup.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core.access.features import SETTINGS, require_feature
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Preference
from guanxi.core.models.stamps import kept
from guanxi.core.records import files
from guanxi.core.records.workspace import STAMP, preference_store

KEY = "logo"
#: Larger files are no logo; pictures are brought down to so many pixels on the longer side, drawings must be smaller in bytes.
MOST_BYTES, LONGEST_SIDE, MOST_DRAWN = 5 * 1024 * 1024, 1000, 200 * 1024
MOST_UNITS = 1e6
#: The room a logo has on paper, in millimetres.
WIDEST, HIGHEST = 60.0, 16.0
_TYPES = {"png": "image/png", "jpg": "image/jpeg", "svg": "image/svg+xml"}
_SVG = "http://www.w3.org/2000/svg"
_LINK = "{http://www.w3.org/1999/xlink}href"
# fmt: off
_SHAPES = frozenset((
    "svg", "g", "defs", "symbol", "use", "title", "desc", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon",
    "text", "tspan", "linearGradient", "radialGradient", "stop", "clipPath", "mask", "pattern", "style",
))
# fmt: on
_OUTSIDE = re.compile(r"url\(\s*['\"]?(?!#)|@import|expression\s*\(|javascript:|\\", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Logo:
    """A logo: its type (``png``, ``jpg``, ``svg``), its content in base64, width and height in its own units."""

    type: str
    content: str
    width: float
    height: float

    @property
    def data(self) -> bytes:
        """The content."""
        return base64.b64decode(self.content)

    @property
    def address(self) -> str:
        """The picture as an address a page may show."""
        return f"data:{_TYPES[self.type]};base64,{self.content}"

    @property
    def on_paper(self) -> tuple[float, float]:
        """Width and height in millimetres that fit the room a document has for it."""
        scale = min(WIDEST / self.width, HIGHEST / self.height)
        return round(self.width * scale, 2), round(self.height * scale, 2)


@kept(STAMP, size=1)
def logo() -> Logo | None:
    """The firm's logo; ``None`` without one, or where what a settings file brought is none."""
    told = Preference.objects.filter(key=KEY).values_list("value", flat=True).first()
    try:
        return _checked(told) if isinstance(told, Mapping) and told else None
    except (Invalid, KeyError, TypeError, ValueError):
        return None


def _checked(told: Mapping[str, Any]) -> Logo:
    """A stored logo; whatever way it came, it is made safe."""
    made = logo_made(base64.b64decode(str(told["content"]), validate=True)) if told["type"] == "svg" else None
    found = made or Logo(str(told["type"]), str(told["content"]), float(told["width"]), float(told["height"]))
    if found.type not in _TYPES or not _sized(found.width, found.height):
        raise ValueError(found.type)
    if made is None and not files.looks_like_picture(found.data[:64]):
        raise binascii.Error(found.type)
    return found


def logo_set(actor: Actor, content: bytes | None) -> Logo | None:
    """Store a logo, or take it away. Raises Denied for who may not change settings, Invalid for what is no logo."""
    require_feature(actor, SETTINGS)
    made = logo_made(content) if content is not None else None
    preference_store(actor, KEY, asdict(made) if made else {})
    return made


def logo_made(content: bytes) -> Logo:
    """A logo out of a file's content, made safe. Raises Invalid for what is neither PNG, JPEG nor SVG, or too large."""
    if len(content) > MOST_BYTES:
        raise Invalid(
            _("The file is too large; at most %(limit)s MB are accepted.") % {"limit": 5}, code="file.size", field=KEY
        )
    if files.looks_like_picture(content[:64]):
        return _picture(content)
    if b"<svg" in content[:4096].lower():
        return _drawing(content)
    raise Invalid(_("Choose a picture: PNG, JPEG or SVG."), code="logo.type", field=KEY)


def _picture(content: bytes) -> Logo:
    try:
        made = files.picture_anew(io.BytesIO(content), content[:64], longest=LONGEST_SIDE)
    except Invalid as wrong:
        raise Invalid(wrong.message, code=wrong.code, field=KEY) from None
    if made is None:
        raise Invalid(_("Choose a picture: PNG, JPEG or SVG."), code="logo.type", field=KEY)
    width, height = files.picture_size(made[0])
    return Logo(made[1], base64.b64encode(made[0]).decode(), float(width), float(height))


# -- drawings ----------------------------------------------------------------------------------------------------------


def _drawing(content: bytes) -> Logo:
    """Of an SVG only shapes, texts and colours: nothing that runs, nothing that is fetched from elsewhere."""
    import lxml.etree as etree  # noqa: PLC0415 - heavy, and rarely needed

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    wrong = Invalid(_("The picture is damaged."), code="file.picture", field=KEY)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError:
        raise wrong from None
    if root.getroottree().docinfo.internalDTD is not None and b"<!ENTITY" in content.upper():
        raise wrong
    if root.tag not in (f"{{{_SVG}}}svg", "svg"):
        raise wrong
    _only_shapes(root)
    etree.cleanup_namespaces(root)
    size = _size(root)
    if size is None:
        raise Invalid(
            _("The drawing does not say how large it is: it needs a view box, or a width and a height."),
            code="logo.size",
            field=KEY,
        )
    for name, value in zip(("width", "height"), size, strict=True):
        root.set(name, f"{value:g}")  # without, a page gives it no room
    made = etree.tostring(root)
    if len(made) > MOST_DRAWN:
        raise Invalid(_("This drawing is too detailed for a logo."), code="logo.size", field=KEY)
    return Logo("svg", base64.b64encode(made).decode(), *size)


def _only_shapes(root: Any) -> None:
    links = {value for node in root.iter() for key, value in node.attrib.items() if key in ("href", _LINK)}
    for node in list(root.iter()):
        name = node.tag.removeprefix(f"{{{_SVG}}}") if isinstance(node.tag, str) else ""
        above = node.getparent()
        # what is used and uses others itself could grow without end
        grows = name == "use" and any(f"#{one.get('id')}" in links for one in node.iterancestors())
        if name not in _SHAPES or grows or (name == "style" and _OUTSIDE.search("".join(node.itertext()))):
            if above is not None:
                above.remove(node)
            continue
        node.tag = f"{{{_SVG}}}{name}"
        for key, value in list(node.attrib.items()):
            link = key in ("href", _LINK)
            bare = key.startswith("{") and not link
            if bare or key.lower().startswith("on") or (link and not value.startswith("#")) or _OUTSIDE.search(value):
                del node.attrib[key]


def _size(root: Any) -> tuple[float, float] | None:
    """Width and height of a drawing: those of its view box, else its own."""
    numbers = [float(one) for one in re.findall(r"-?\d+(?:\.\d+)?", root.get("viewBox", ""))]
    if len(numbers) != 4:
        said = [re.match(r"\d+(?:\.\d+)?", root.get(name, "")) for name in ("width", "height")]
        numbers = [0, 0, *(float(one[0]) for one in said if one)]
    found = tuple(numbers[2:])
    return (found[0], found[1]) if len(found) == 2 and _sized(*found) else None


def _sized(width: float, height: float) -> bool:
    """Whether it has a size that fits on paper when it is brought down."""
    return min(width, height) > 0 and max(width, height) < MOST_UNITS
