"""Which rows are settings: what an administrator may change, told by stable keys so that it can move to another workspace.

A room enters its tables at start; export, difference, apply, history and packs follow. Nothing here names a person or
a record of the business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Conflict, Invalid, Text


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key told by a field of the row it points to. ``within`` names a field both rows must share with the parent."""

    model: type[models.Model]
    by: str = "key"
    within: str = ""


@dataclass(frozen=True, slots=True)
class Coded:
    """A column whose stored form does not travel, with its way out and back in; ``plain`` brings what a file says into the
    form ``out`` gives, where it may be said in several ways.
    """

    out: Callable[[Any], Any]
    back: Callable[[Any], Any]
    plain: Callable[[Any], Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsModel:
    """One table of settings.

    ``key`` is its word in the file, ``identity`` the fields that tell its rows apart (within ``parent``, the foreign key
    of a child to its parent row), ``fields`` all others that travel. ``where`` limits the rows, ``stamps`` are bumped after a
    change, ``defaults(actor)`` fills what a new row needs besides, ``retire`` is a flag to switch off when a row is in use and cannot
    be removed, ``after(row, created)`` is called when a row was stored, ``before_remove(row)`` before one goes, ``done()``
    when the table's rows were written. ``check(actor, row)`` is the editor's own check: asked of every row that was stored, or had
    something below it stored, when the whole file is written; raising refuses the file. ``lenient`` rows that
    refer to something which is not there (a product of the other workspace) are left out, and stay listed as a difference.
    ``stays`` rows that a complete file lacks are left alone: the departments of another firm are not those of this one.
    """

    key: str
    label: Text
    model: type[models.Model]
    identity: tuple[str, ...]
    fields: tuple[str, ...]
    references: Mapping[str, Reference] = field(default_factory=dict)
    coded: Mapping[str, Coded] = field(default_factory=dict)
    parent: str = ""
    children: Sequence[SettingsModel] = ()
    where: Mapping[str, Any] = field(default_factory=dict)
    stamps: tuple[str, ...] = ()
    defaults: Callable[[Actor], Mapping[str, Any]] | None = None
    retire: str = ""
    order: int = 50
    after: Callable[[Any, bool], None] | None = None
    before_remove: Callable[[Any], None] | None = None
    done: Callable[[], None] | None = None
    check: Callable[[Actor, Any], None] | None = None
    lenient: bool = False
    stays: bool = False


_OTHERS = _("Somebody else saved this in the meantime. Compare in another tab; saving again puts yours in its place.")
_models: dict[str, SettingsModel] = {}


def register_settings(*found: SettingsModel) -> None:
    """Enter tables of settings; one with a known key replaces it."""
    _models.update({one.key: one for one in found})


def settings_models() -> list[SettingsModel]:
    """All tables in the order in which they are written: what others refer to comes first."""
    return sorted(_models.values(), key=lambda one: (one.order, one.key))


def settings_model(key: str) -> SettingsModel | None:
    """The table of that word."""
    return _models.get(key)


def stamps_of(model: type[models.Model]) -> tuple[str, ...]:
    """What is bumped after a change of rows of a table of settings or of what lies below one; nothing for other tables."""
    return next(
        (one.stamps for one in _models.values() if model in {one.model, *(each.model for each in one.children)}), ()
    )


def checked_names(name_zh: str, name_en: str, limit: int = 100) -> tuple[str, str]:
    """The two names of a setting without spaces around them. Raises Invalid: a Chinese one must be there, none is cut."""
    if not name_zh.strip():
        raise Invalid(_("Give it a name."), code="value.required", field="name_zh")
    return not_longer(name_zh, "name_zh", limit), not_longer(name_en, "name_en", limit)


def not_longer(text: str, field: str, limit: int = 100) -> str:
    """The text without spaces around it. Raises Invalid at ``field`` where it is too long: nothing is cut unseen."""
    text = text.strip()
    if len(text) > limit:
        message = _("At most %(limit)s characters; %(over)s too many.") % {"limit": limit, "over": len(text) - limit}
        raise Invalid(message, code="text.too_long", field=field)
    return text


def require_unchanged(row: Any, version: int | None) -> None:
    """Raise Conflict when somebody saved the row since its editor read ``version``; ``None`` asks nothing."""
    if version is not None and row.pk is not None and row.version != version:
        raise Conflict([], version=row.version, message=_OTHERS)


def free_key(model: Any, wanted: str) -> str:
    """A key for a new row, from its English name."""
    base = slugify(wanted)[:50] or model._meta.model_name
    taken = set(model.objects.filter(key__startswith=base).values_list("key", flat=True))
    return base if base not in taken else next(f"{base}-{n}" for n in range(2, 10000) if f"{base}-{n}" not in taken)
