"""The Jinja2 environment of our pages (Django's Jinja2 backend calls :func:`environment`).

Every template has ``_``/``ngettext`` (new style: ``_("Hello %(name)s", name=x)``), ``url``, ``static``, ``icon`` and
the filters below; ``request``, ``csrf_input`` and ``csrf_token`` come from the backend.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import orjson
from django.conf import settings
from django.templatetags.static import static
from django.urls import reverse
from django.utils import translation
from django.utils.text import capfirst
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from guanxi.core.kernel import speech
from guanxi.core.web import days, formats
from guanxi.core.web.drawing import Pages, filled
from guanxi.core.web.icons import icon
from guanxi.core.web.kinds import kind_css, widget_of


@lru_cache(maxsize=1000)
def asset(path: str) -> str:
    """The address of a static file; it does not change while the process runs."""
    return static(path)


def text(msgid: str, **values: Any) -> Markup:
    """A sentence in the language of the page; what stands in it is escaped. Sentences are looked up once."""
    said = speech.marked(msgid)
    return filled(said, values) if values or "%" in said else said


def counted(one: str, many: str, count: int, **values: Any) -> Markup:
    """A sentence about a number of things, in the language of the page; the number has its separators."""
    said = translation.ngettext(one, many, count).replace("%(num)d", "%(num)s")
    return Markup(said) % {"num": formats.number(count), **values}  # noqa: S704 - our own sentence; its values are escaped


def url(name: str, *args: Any, **kwargs: Any) -> str:
    """The address of a named page; keyword arguments fill its pattern."""
    return reverse(name, args=args or None, kwargs=kwargs or None)


def with_query(address: str, /, **changes: Any) -> str:
    """``address`` with query parameters set; ``None`` leaves one out."""
    query = urlencode({key: value for key, value in changes.items() if value is not None}, doseq=True)
    if not query:
        return address
    return f"{address}{'&' if '?' in address else '?'}{query}"


def combine(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Both mappings; the second wins. For attributes of components."""
    return {**one, **other}


def as_json(value: Any) -> Markup:
    """JSON safe inside a ``<script type="application/json">`` block."""
    text = orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATETIME).decode()
    safe = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return Markup(safe)  # noqa: S704 - nothing that HTML reads is left


def environment(**options: Any) -> Environment:
    """Our environment: autoescape on, undefined names are errors, compiled templates kept."""
    options.setdefault("undefined", StrictUndefined)
    options.setdefault("trim_blocks", True)
    options.setdefault("lstrip_blocks", True)
    options.setdefault("extensions", ["jinja2.ext.i18n", "jinja2.ext.do", "jinja2.ext.loopcontrols"])
    env = Pages(**options)
    env.install_gettext_callables(  # type: ignore[attr-defined]
        translation.gettext, translation.ngettext, newstyle=True,
        pgettext=translation.pgettext, npgettext=translation.npgettext,
    )  # fmt: skip
    env.globals.update(
        _=text,
        gettext=text,
        ngettext=counted,
        static=asset,
        url=url,
        icon=icon,
        widget_of=widget_of,
        kind_css=kind_css,
        language=translation.get_language,
        debug=settings.DEBUG,
    )
    env.filters.update(
        when=formats.when,
        absolute=formats.absolute,
        duration=formats.duration,
        number=formats.number,
        percent=formats.percent,
        money=formats.money,
        short_money=formats.short_money,
        phone=formats.phone,
        typed_day=days.typed,
        file_size=formats.file_size,
        initials=formats.initials,
        color_of=formats.color_of,
        highlighted=formats.highlighted,
        with_query=with_query,
        combine=combine,
        capfirst=capfirst,
        as_json=as_json,
    )
    return env
