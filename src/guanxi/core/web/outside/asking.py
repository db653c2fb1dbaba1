"""The questions and recommendations of a questionnaire as rows of its editor, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from guanxi.core.kernel.errors import Invalid, Text
from guanxi.core.outside.questions import TYPES
from guanxi.core.records import shape
from guanxi.core.schema.entity import Entity

#: What a questionnaire says besides its questions.
WORDS = ("consent_zh", "consent_en", "marketing_zh", "marketing_en", "thanks_zh", "thanks_en")
_LINE = re.compile(r"(question|result)\.(\w+)\.(\w+)")
_KEPT = ("key", "when", "zh", "en", "text_zh", "text_en")


def kinds() -> list[tuple[str, Text]]:
    """The sorts of answers, in words."""
    named = {
        "text": _("Text"), "long_text": _("Long text"), "phone": _("Phone"), "email": _("E-mail"), "number": _("Number"),
        "date": _("Date"), "boolean": _("Yes or no"), "choice": _("One of several"), "choices": _("Several"),
    }  # fmt: skip
    return [(key, named[key]) for key in TYPES]


def drawn(definition: Mapping[str, Any], entity: Entity) -> dict[str, Any]:
    """What the editor shows of a definition."""
    questions = [
        {
            **one,
            "lines": _limits(one) if one.get("kind") == "number" else "\n".join(map(_option, one.get("options") or ())),
        }
        for one in definition.get("questions") or ()
    ]
    makes = (definition.get("makes") or {}).get("values") or {}
    return {
        "questions": questions, "results": list(definition.get("results") or ()), "kinds": kinds(),
        "makes": "\n".join(f"{name} = {value}" for name, value in makes.items()),
        "words": {name: definition.get(name, "") for name in WORDS},
        "fields": [(name, one.label) for name, one in shape.fields_of(entity).items() if not one.readonly],
    }  # fmt: skip


def _option(one: Mapping[str, Any]) -> str:
    parts = [str(one["key"]), str(one.get("zh", "")), str(one.get("en", ""))]
    return " | ".join([*parts, str(one["points"])] if one.get("points") else parts)


def _limits(one: Mapping[str, Any]) -> str:
    held = [str(one[name]) if one.get(name) is not None else "" for name in ("minimum", "maximum")]
    return " | ".join(held) if any(held) else ""


def _rows(data: QueryDict, sort: str) -> list[dict[str, str]]:
    """The rows of one sort, in the order they stand on the page."""
    found: dict[str, dict[str, str]] = {}
    for name in data:
        match = _LINE.fullmatch(name)
        if match and match[1] == sort:
            found.setdefault(match[2], {})[match[3]] = data.get(name, "").strip()
    return [one for one in found.values() if any(one.values())]


def sent(data: QueryDict) -> list[dict[str, Any]]:
    """The questions as sent. Raises Invalid for an option that cannot be read."""
    found = []
    for one in _rows(data, "question"):
        if not (one.get("zh") or one.get("en") or one.get("key")):
            continue
        made: dict[str, Any] = {name: one[name] for name in ("key", "kind", "zh", "en", "when") if one.get(name)}
        if one.get("required"):
            made["required"] = True
        if one.get("kind") in ("choice", "choices"):
            made["options"] = [_read_option(line) for line in one.get("lines", "").splitlines() if line.strip()]
        if one.get("kind") == "number":
            made |= _read_limits(one.get("lines", ""))
        found.append(made)
    return found


def _read_option(line: str) -> dict[str, Any]:
    parts = [part.strip() for part in line.split("|")]
    made: dict[str, Any] = dict(zip(("key", "zh", "en"), parts, strict=False))
    try:
        points = Decimal(parts[3]) if len(parts) > 3 and parts[3] else Decimal(0)
    except InvalidOperation:
        raise Invalid(
            _("“%(line)s”: write key | Chinese | English | points.") % {"line": line},
            code="questions.option",
            field="questions",
        ) from None
    made["points"] = int(points) if points == points.to_integral_value() else float(points)
    return made


def _read_limits(text: str) -> dict[str, Any]:
    """The smallest and the largest number; either may be left out."""
    found = {}
    for name, part in zip(("minimum", "maximum"), text.split("|"), strict=False):
        try:
            limit = Decimal(part.strip()) if part.strip() else None
        except InvalidOperation:
            limit = Decimal("NaN")
        if limit is not None and not limit.is_finite():
            raise Invalid(
                _("“%(line)s”: write smallest | largest.") % {"line": text.strip()},
                code="questions.limit",
                field="questions",
            )
        if limit is not None:
            found[name] = int(limit) if limit == limit.to_integral_value() else float(limit)
    return found


def results_of(data: QueryDict) -> list[dict[str, str]]:
    """The recommendations as sent."""
    return [{name: one.get(name, "") for name in _KEPT} for one in _rows(data, "result") if one.get("key")]
