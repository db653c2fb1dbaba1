"""Why a row was refused, skipped or changed on the way: stored as code and values, said in the reader's language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.core.exchange.reading.table import PROBLEMS, Problem
from guanxi.core.kernel.errors import Invalid, Text
from guanxi.core.records.doubts import doubtful

TEXTS: dict[str, Text] = {
    **PROBLEMS,
    "row.exists": _("There is such a record already: %(name)s."),
    "row.exists_hidden": _("There is such a record already, but you may not see it."),
    "row.exists_in_file": _("Row %(number)d of the file is the same."),
    "row.not_found": _("There is no such record to change."),
    "row.ambiguous": _("%(count)d records fit; it is not clear which one is meant."),
    "row.not_allowed": _("You may not change this record: %(name)s."),
    "row.unchanged": _("Nothing differs."),
    "row.similar": _("Similar records: %(names)s (%(count)d). Check whether it is the same."),
    "row.no_key": _("The row has no value in any field of the match rule."),
    "row.database": _("The database refused this row: %(reason)s"),
    "value.unreadable": _("%(field)s: “%(value)s” was kept in the description. %(reason)s"),
    "reference.not_found": _("%(field)s: there is no “%(value)s”."),
    "reference.later": _("%(field)s: “%(value)s” is looked up when all rows are in."),
    "reference.ambiguous": _("%(field)s: several are called “%(value)s”."),
    "reference.created": _("%(field)s: “%(value)s” was made."),
    "choice.created": _("%(field)s: the value “%(value)s” was added."),
}

_FIELD = _("%(field)s: %(value)s")
LOOK = _("Look whether this is meant.")
Reason = dict[str, Any]


def reason(code: str, *, field: str = "", **values: Any) -> Reason:
    """A reason to be stored."""
    made: Reason = {"code": code}
    if field:
        made["field"] = field
    if values:
        made["values"] = values
    return made


def of_problem(problem: Problem) -> Reason:
    """What the reader of the file said about a row."""
    made = reason(problem.code, **problem.params)
    if problem.column is not None:
        made["column"] = problem.column
    return made


def of_invalid(error: Invalid, labels: Mapping[str, str]) -> list[Reason]:
    """One reason per error of a refused row; the sentence is kept as it is in the language of the person importing."""
    found = []
    for name, errors in (error.errors or {"": [error]}).items():
        root, plain = name.split(".")[0], re.sub(r"\.\d+(?=\.|$)", "", name)
        label = labels.get(plain) or labels.get(root, "")
        found += [
            {
                "code": one.code,
                "field": name,
                "text": str(_FIELD % {"field": label, "value": one}) if label else str(one),
            }
            for one in errors or [error]
        ]
    return found


def of_doubts(found: Sequence[Invalid], labels: Mapping[str, str]) -> list[Reason]:
    """What was doubted of a row that is taken nevertheless: somebody should look whether it is meant."""
    told = of_invalid(doubtful(found), labels) if found else []
    return [{**one, "text": f"{one['text']} {LOOK}"} for one in told]


def text(one: Mapping[str, Any]) -> str:
    """A reason as a sentence in the present language."""
    if "text" in one:
        return str(one["text"])
    known = TEXTS.get(one["code"])
    if known is None:
        return str(one["code"])
    return str(known) % one["values"] if one.get("values") else str(known)


def texts(found: Iterable[Mapping[str, Any]] | None) -> str:
    """All reasons of a row as one text."""
    return " ".join(text(one) for one in found or ())
