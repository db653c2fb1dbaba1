"""Industry packs: a part of a settings file and sample records, as data. Applied, applied again over local changes, removed.

A pack is a folder ``packs/<name>/``: ``pack.json`` (``version``, names and words in both languages, ``roles`` whose holders own
the samples), ``settings.json`` (tables as in a settings file) and ``samples/*.csv`` (see ``exchange.samples``). What an administrator
changed in a pack's rows, or anybody in its samples, stays his.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

import guanxi.packs
from guanxi.core.exchange import samples, settingsfile
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, NotFound
from guanxi.core.models import AppliedPack, stamps
from guanxi.core.models.stamps import bump
from guanxi.core.records import objects
from guanxi.core.records.settings_registry import settings_model, settings_models
from guanxi.core.records.writing import writing


@dataclass(frozen=True, slots=True)
class Pack:
    """One pack as its file says."""

    key: str
    version: str
    name_zh: str
    name_en: str
    about_zh: str
    about_en: str
    roles: tuple[str, ...]
    settings: Mapping[str, list[dict[str, Any]]]
    samples: tuple[samples.Table, ...]

    @property
    def name(self) -> str:
        """Its name in the active language."""
        return self.name_zh if (get_language() or "zh").startswith("zh") else self.name_en

    @property
    def about(self) -> str:
        """What it brings, in the active language."""
        return self.about_zh if (get_language() or "zh").startswith("zh") else self.about_en


@dataclass(frozen=True, slots=True)
class PackResult:
    """What applying or removing did: rows changed, rows left because somebody changed them, sample records.

    ``samples_kept`` are sample records that stay because somebody worked on them.
    """

    changed: int
    kept: tuple[str, ...]
    samples: int
    samples_kept: int = 0


@cache
def packs() -> Mapping[str, Pack]:
    """Every pack that comes along, by key."""
    found = {}
    for place in sorted(Path(guanxi.packs.__path__[0]).glob("*/pack.json")):
        told = json.loads(place.read_text(encoding="utf-8"))
        rows = json.loads(place.with_name("settings.json").read_text(encoding="utf-8"))
        words = {name: told[name] for name in ("version", "name_zh", "name_en", "about_zh", "about_en")}
        found[place.parent.name] = Pack(
            key=place.parent.name, roles=tuple(told.get("roles", ())), settings=rows,
            samples=tuple(samples.tables(place.with_name("samples"))), **words,
        )  # fmt: skip
    return found


def pack_of(key: str) -> Pack:
    """The pack of a key. Raises NotFound."""
    found = packs().get(key)
    if found is None:
        raise NotFound(_("There is no pack “%(key)s”.") % {"key": key}, code="pack.unknown")
    return found


def require_all_rights(actor: Actor) -> None:
    """Raise Denied for whoever has not all rights."""
    if not (actor.is_system or actor.rights.everything):
        raise Denied(_("Only somebody with all rights may apply settings."), code="settings.all_rights")


def _named(rows: Mapping[str, list[dict[str, Any]]]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for table, some in rows.items():
        model = settings_model(table)
        if model is not None:
            for row in some:
                yield table, settingsfile.row_name(model, row), row


def _same(row: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether a stored row is what the pack wrote, in the words the pack uses."""
    return all(_inside(value, now.get(name)) for name, value in row.items())


def _inside(wanted: Any, now: Any) -> bool:
    if isinstance(wanted, list) and wanted and isinstance(wanted[0], dict) and isinstance(now, list):
        return all(any(isinstance(other, dict) and _same(one, other) for other in now) for one in wanted)
    return bool(wanted == now)


def _changed_since(applied: AppliedPack | None) -> set[tuple[str, str]]:
    """Rows of an applied pack that are no longer as it wrote them."""
    if applied is None:
        return set()
    now = {(table, name): row for table, name, row in _named(settingsfile.document())}
    return {
        (table, name)
        for table, name, row in _named(settingsfile.plain(applied.rows))
        if not _same(row, now.get((table, name), {}))
    }


def apply(
    actor: Actor,
    key: str,
    *,
    with_samples: bool = True,
    language: str = "both",
    told: Callable[[int], None] = lambda _n: None,
) -> PackResult:
    """Bring a pack in, or up to date. Rows somebody changed since are left as they are and named; samples come once.

    Samples are written in ``language``: ``zh-hans``, ``en``, or ``both`` with the English words after the Chinese ones. ``told`` hears how many there are.

    All or nothing. Raises Denied, NotFound, Invalid.
    """
    require_all_rights(actor)
    stamps.refresh()
    pack = pack_of(key)
    with objects.changing(), writing(actor):
        applied = AppliedPack.objects.select_for_update().filter(pk=key).first()
        mine = _changed_since(applied)
        wanted = {
            table: [row for row in rows if (table, settingsfile.row_name(model, row)) not in mine]
            for table, rows in pack.settings.items()
            if (model := settings_model(table)) is not None
        }
        text = settingsfile.text_of({settingsfile.HEAD: {"format": settingsfile.FORMAT}, **wanted})
        changed = settingsfile.apply(actor, text, comment=pack.name)
        row = applied or AppliedPack(key=key)
        row.version, row.rows, row.at, row.by_id = pack.version, dict(pack.settings), clock.now(), actor.user_id
        made: list[list[Any]] = []
        if with_samples and not row.samples:
            made = samples.Entering(actor, pack.roles, language, told).run(pack.samples)
        row.samples = [*row.samples, *made]
        row.save()
    return PackResult(len(changed), tuple(f"{table}/{name}" for table, name in sorted(mine)), len(made))


def remove(actor: Actor, key: str) -> PackResult:
    """Take a pack out: its samples go to the trash, its rows go; what somebody changed or uses stays.

    Rows in use are retired. Raises Denied, NotFound when it is not applied.
    """
    require_all_rights(actor)
    stamps.refresh()
    kept: list[str] = []
    gone = 0
    with objects.changing(), writing(actor):
        applied = AppliedPack.objects.select_for_update().filter(pk=key).first()
        if applied is None:
            raise NotFound(_("This pack is not applied."), code="pack.not_applied")
        settingsfile.keep(actor, "before", key)
        trashed, staying = samples.take_away(actor, applied.samples)
        mine = _changed_since(applied)
        work = settingsfile.Applying(actor, complete=False)
        for model in reversed(settings_models()):
            for row in applied.rows.get(model.key, ()):
                name = settingsfile.row_name(model, row)
                found = work.find(model, row, None)
                if found is None:
                    continue
                if (model.key, name) in mine:
                    kept.append(f"{model.key}/{name}")
                    continue
                work.take_away(model, found, name)
                gone += 1
        bump(*(work.stamps or {"objects"}))
        for one in settings_models():
            if one.key in applied.rows and one.done is not None:
                one.done()
        applied.delete()
    return PackResult(gone, tuple(sorted(kept)), trashed, staying)


def listed() -> list[dict[str, Any]]:
    """Every pack with its words, and whether and in which version it is applied."""
    applied = dict(AppliedPack.objects.values_list("key", "version"))
    return [
        {
            "key": one.key,
            "name": one.name,
            "about": one.about,
            "version": one.version,
            "applied": applied.get(one.key, ""),
            "settings": sum(len(rows) for rows in one.settings.values()),
            "samples": sum(len(table.rows) for table in one.samples if not table.steps),
        }
        for one in packs().values()
    ]
