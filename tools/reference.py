"""Write what is known from the code: the entities (``docs/reference/entities.md``) and the settings (``docs/operate/settings.md``).

``python tools/reference.py`` writes both; with ``--check`` it only compares, and ends with 1 when a page is old. A test does the
same, so that a change of an entity or a setting is seen in review.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ENTITIES = ROOT / "docs" / "reference" / "entities.md"
SETTINGS = ROOT / "docs" / "operate" / "settings.md"
BEGIN, END = "<!-- table: made by tools/reference.py -->", "<!-- end of the table -->"

HEAD = """# Entities and fields

Made from the declarations by `make reference`; do not edit. Every entity has pages, REST routes under `/api/v1/`, import and
export, rights and audit, all derived from what stands here. Fields of one's own (custom fields) come on top.

"read only" fields are written by the system or by services. Kinds are explained by `core/schema/kinds.py`; a field named
*contact*, *identity* or *private* is personal: roles may see it masked.

Every record also has `id`, `created_at`, `created_by`, `updated_at`, `updated_by`, `deleted_at` (empty unless it is in the trash)
and `tags`.
"""
COMMON = frozenset({"id", "created_at", "created_by", "updated_at", "updated_by", "deleted_at", "tags"})


def both(text: Any) -> tuple[str, str]:
    """A label in English and in Chinese."""
    from django.utils import translation  # noqa: PLC0415 - needs Django set up

    with translation.override("en"):
        english = str(text)
    with translation.override("zh-hans"):
        return english, str(text)


def _line(*cells: object) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _about(field: Any) -> str:
    """What a field holds beyond its kind."""
    parts = []
    if field.target:
        parts.append(f"→ `{field.target}`")
    if field.dictionary:
        parts.append(f"dictionary `{field.dictionary}`")
    elif field.choices:
        parts.append(", ".join(f"`{key}`" for key, _label in field.choices))
    if field.columns:
        parts.append("rows of " + ", ".join(f"`{column.name}`" for column in field.columns))
    if field.currency:
        parts.append(f"currency in `{field.currency}`")
    if field.max_length:
        parts.append(f"≤ {field.max_length}")
    marks = (("required", field.required), ("unique", field.unique), ("read only", field.readonly))
    parts += [name for name, holds in marks if holds]
    if field.personal:
        parts.append(f"personal: {field.personal}")
    return "; ".join(parts)


def _entity(entity: Any) -> Iterator[str]:
    from guanxi.core.schema.derive import fields_of  # noqa: PLC0415 - needs Django set up

    english, chinese = both(entity.plural)
    yield f"\n## {english} {chinese}\n"
    about = [f"key `{entity.key}`", f"pages `/{entity.path}/`"]
    if entity.api:
        about.append(f"API `/api/v1/{entity.path}`")
    if entity.access.carried_by:
        about.append(f"seen by whoever sees its `{entity.access.carried_by}`")
    yield f"{both(entity.description)[0]} ({'; '.join(about)})\n"
    if entity.search:
        found = {name: getattr(entity.search, name) for name in ("names", "numbers", "phones", "emails", "text")}
        yield (
            "Search: "
            + "; ".join(f"{name} {', '.join(f'`{one}`' for one in given)}" for name, given in found.items() if given)
            + ".\n"
        )
    if entity.match_keys:
        keys = ", ".join(f"`{key.field}` by {key.how} ({key.weight})" for key in entity.match_keys)
        yield f"Duplicates: {keys}.\n"
    if entity.actions:
        named = ", ".join(
            f"`{action.key}` {both(action.label)[0]} {both(action.label)[1]}" for action in entity.actions
        )
        yield f"Actions: {named}.\n"
    yield _line("field", "English", "中文", "kind", "about")
    yield "|---|---|---|---|---|"
    for name, field in fields_of(entity).items():
        if name in COMMON:
            continue
        yield _line(f"`{name}`", *both(field.label), field.kind, _about(field))


def entities_page() -> str:
    """The page of all entities, lower areas first."""
    from guanxi.core.schema.registry import entities  # noqa: PLC0415 - needs Django set up

    lines = [HEAD]
    for entity in entities():
        lines += _entity(entity)
    return "\n".join(lines) + "\n"


def settings_table() -> str:
    """The table of the settings, as Markdown."""
    from guanxi.runtime.environment import Environment  # noqa: PLC0415 - needs the path

    lines = [_line("variable", "value", "default", "what it does", "作用"), "|---|---|---|---|---|"]
    for one in fields(Environment):
        meta = one.metadata
        if "name" not in meta:
            continue
        default = f"`{meta['default']}`" if meta["default"] else ""
        lines.append(_line(f"`{meta['name']}`", meta["kind"], default, meta["help"], both_console(meta["help"])))
    return "\n".join(lines)


def both_console(text: str) -> str:
    """The Chinese of a text the console says."""
    import gettext  # noqa: PLC0415 - used here only

    from guanxi.runtime.words import LOCALES  # noqa: PLC0415 - needs the path

    return gettext.translation("django", LOCALES, languages=["zh_Hans"]).gettext(text)


def settings_page() -> str:
    """The page of the settings with its table renewed; the words around it stay."""
    text = SETTINGS.read_text(encoding="utf-8")
    before, _begin, rest = text.partition(BEGIN)
    _old, _end, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{settings_table()}\n\n{END}{after}"


def main() -> int:
    """Write the pages, or with ``--check`` say which are old. Returns the exit code."""
    sys.path.insert(0, str(ROOT / "src"))
    os.environ.setdefault("GUANXI_SECRET_KEY", "reference")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guanxi.config.settings")
    from guanxi.runtime.messages import compile_catalogues  # noqa: PLC0415 - needs the path

    compile_catalogues()
    import django  # noqa: PLC0415 - needs the settings above

    django.setup()
    old = 0
    for place, text in ((ENTITIES, entities_page()), (SETTINGS, settings_page())):
        if place.is_file() and place.read_text(encoding="utf-8") == text:
            continue
        if "--check" in sys.argv:
            print(f"{place.relative_to(ROOT)} is old: run `make reference`")
            old = 1
            continue
        place.write_text(text, encoding="utf-8")
        print(f"wrote {place.relative_to(ROOT)}")
    return old


if __name__ == "__main__":
    sys.exit(main())
