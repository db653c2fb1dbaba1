"""Recipes: how the several files of one other system come in, step by step, as data.

An area brings them as ``data/recipes/NAME.json``; anybody may write one of his own. A recipe has ``name_zh``, ``name_en``
and ``steps``. A step makes records of one entity (``entity`` with ``columns``, or without them a file mapped as usual), or
does one of the entity's actions to records that are there (``do``, ``find``). Docs: ``docs/develop/exchange.md``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from django.apps import apps
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from guanxi.core.exchange.options import Options
from guanxi.core.kernel.errors import Invalid
from guanxi.core.schema.registry import is_registered


@dataclass(frozen=True, slots=True)
class Join:
    """Another file of which each row finds one row, by columns of its own; its columns are called ``name.column``."""

    file: str
    on: Mapping[str, str]
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step. ``columns``: field → column, or what is made of columns (see ``recipe_tables``).

    ``file`` may be a pattern, and then means every file that fits; without a file the ``rows`` of the recipe come in.
    ``where``: column → true (filled), false (empty) or the values it may have. ``unique``: only the first row for each
    value of this column. ``also``: further columns made of those of the file, to join and use. ``do``: the action, done to the one record whose field ``find`` equals its column.
    """

    entity: str
    title: str = ""
    file: str = ""
    rows: Sequence[Mapping[str, Any]] = ()
    also: Mapping[str, Any] = field(default_factory=dict)
    join: tuple[Join, ...] = ()
    where: Mapping[str, Any] = field(default_factory=dict)
    unique: str = ""
    columns: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    options: Options = field(default_factory=Options)
    do: str = ""
    find: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe that has been read; ``content`` is its text as data."""

    key: str
    name_zh: str
    name_en: str
    steps: tuple[Step, ...]
    content: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name in the present language."""
        return self.name_zh if str(get_language() or "").startswith("zh") else self.name_en

    def files(self) -> list[str]:
        """Names and patterns of all files it reads, in order of the steps."""
        named = [name for step in self.steps for name in (step.file, *(join.file for join in step.join)) if name]
        kept: dict[str, str] = {}
        for name in named:
            kept.setdefault(name.removesuffix("*").removesuffix(".gz"), name)
        return list(kept.values())


def fitting(names: Iterable[str], pattern: str) -> list[str]:
    """The names a pattern means, in order, whatever their case; packed (``.gz``) or not where none fits as written."""
    names, plain = list(names), pattern.casefold()
    for form in (plain, f"{plain}.gz", plain.removesuffix(".gz")):
        if found := sorted(name for name in names if fnmatchcase(name.casefold(), form)):
            return found
    return []


def places() -> dict[str, Path]:
    """Recipes that come along, by name."""
    found: dict[str, Path] = {}
    for app in apps.get_app_configs():
        found |= {path.stem: path for path in sorted(Path(app.path, "data", "recipes").glob("*.json"))}
    return found


def recipe_read(name: str) -> Recipe:
    """The recipe of that name, or in the file of that name. Raises Invalid where it cannot be understood."""
    known = places()
    path = known.get(name) or Path(name)
    if not path.is_file():
        raise Invalid(
            _("There is no recipe “%(name)s”. There are: %(names)s.")
            % {"name": name, "names": ", ".join(sorted(known))},
            code="recipe.unknown",
        )
    return recipe_of(path.read_bytes(), name=path.name)


def recipe_of(content: bytes | Mapping[str, Any], *, name: str) -> Recipe:
    """A recipe out of its JSON, as text or read. Raises Invalid where it cannot be understood."""
    try:
        read = json.loads(content.decode("utf-8")) if isinstance(content, bytes) else content
        steps = tuple(_step(number, given) for number, given in enumerate(read["steps"], start=1))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Invalid(
            _("The recipe %(name)s cannot be understood: %(reason)s") % {"name": name, "reason": error},
            code="recipe.shape",
        ) from error
    stem = name.removesuffix(".json")
    return Recipe(stem, str(read.get("name_zh", stem)), str(read.get("name_en", stem)), steps, read)


def _step(number: int, given: Mapping[str, Any]) -> Step:
    known = {one.name for one in fields(Step)}
    if unknown := set(given) - known:
        raise ValueError(f"step {number}: {', '.join(sorted(unknown))}")
    if not is_registered(given["entity"]):
        raise ValueError(f"step {number}: {given['entity']}")
    if bool(given.get("file")) == bool(given.get("rows")) or bool(given.get("do")) != bool(given.get("find")):
        raise ValueError(f"step {number}: file | rows, do + find")
    joins = tuple(
        Join(one["file"], one["on"], one.get("name") or one["file"].split(".")[0]) for one in given.get("join", ())
    )
    return Step(**{**given, "join": joins, "options": Options.from_json(given.get("options", {}))})
