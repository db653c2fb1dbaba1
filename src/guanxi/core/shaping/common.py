"""What all writers of the shape share: the right, the version, keys made from names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.db import models
from django.utils.translation import gettext as _

from guanxi.core.access.features import SETTINGS, require_feature
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Clash, Conflict, Invalid
from guanxi.core.kernel.pinyin import is_han, syllables

_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")


def require_shaper(actor: Actor) -> None:
    """Raise Denied unless the actor may change the settings of the workspace."""
    require_feature(actor, SETTINGS)


def key_from(given: str, name: str, taken: set[str], field: str = "key") -> str:
    """A stable key: the one given, or one made from the name (Chinese by its pinyin). Raises Invalid."""
    if given:
        if not _KEY.fullmatch(given):
            raise Invalid(
                _("A key is made of small letters, digits and _, and begins with a letter."),
                code="key.format",
                field=field,
            )
        if given in taken:
            raise Invalid(_("The key “%(key)s” is taken.") % {"key": given}, code="key.taken", field=field)
        return given
    made = re.sub(r"[^a-z0-9]+", "_", "".join(_spelled(name)).lower()).strip("_")[:34] or "x"
    made = made if made[0].isalpha() else f"x_{made}"
    found, number = made, 2
    while found in taken:
        found, number = f"{made}_{number}", number + 1
    return found


def _spelled(name: str) -> Iterator[str]:
    for char, sound in zip(name, syllables(name), strict=True):
        yield f"_{sound}_" if is_han(char) else char


def check_version(row: Any, version: int | None, mine: Mapping[str, Any], labels: Mapping[str, Any]) -> None:
    """Raise Conflict, with what differs, when somebody saved the row since ``version`` was read."""
    if version is None or row.version == version:
        return
    clashes = [
        Clash(name, str(labels.get(name, name)), value, getattr(row, name), None)
        for name, value in mine.items()
        if getattr(row, name) != value
    ]
    raise Conflict(clashes, version=row.version)


def put(row: models.Model, given: Mapping[str, Any]) -> bool:
    """Set attributes; whether anything differs."""
    changed = False
    for name, value in given.items():
        if getattr(row, name) != value:
            setattr(row, name, value)
            changed = True
    return changed


def required(given: Mapping[str, Any], *names: str) -> None:
    """Raise Invalid with one error per name that is not filled."""
    missing = {
        name: [Invalid(_("This must be filled."), code="value.required", field=name)]
        for name in names
        if not str(given.get(name) or "").strip()
    }
    if missing:
        raise Invalid.collect(missing)
