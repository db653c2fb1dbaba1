"""A questionnaire: questions, points, a recommendation, and a record made of the answers.

The definition of such a page::

    {"questions": [{"key": "age", "kind": "number", "zh": "您的年龄", "en": "Your age", "required": true, "when": "…",
                    "options": [{"key": "yes", "zh": "有", "en": "Yes", "points": 5}]}],
     "results": [{"key": "health", "when": "age >= 40 && points > 10", "zh": "…", "en": "…", "text_zh": "…", "text_en": "…"}],
     "makes": {"entity": "sales.lead", "values": {"name": "=name", "custom.need": "=result"}},
     "public": true, "consent_zh": "…", "consent_en": "…", "marketing_zh": "…", "thanks_zh": "…", "thanks_en": "…"}

Formulas are CEL over the keys of the questions, ``points`` (the sum of the options chosen) and, in ``makes``, ``result``,
``result_name`` and ``summary`` (questions and answers as text). The first result whose condition holds is recommended.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _

from guanxi.core import records
from guanxi.core.access import allowed
from guanxi.core.kernel import cel, clock
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.cel.running import compiled
from guanxi.core.kernel.errors import GuanxiError, Invalid
from guanxi.core.models import PublicPage
from guanxi.core.outside import pages
from guanxi.core.people import throttle
from guanxi.core.records import shape
from guanxi.core.records.shape import spoken
from guanxi.core.schema import kinds
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of, is_registered

#: Kinds of questions and the type of their answer in formulas.
TYPES: Mapping[str, str] = {
    "text": "text", "long_text": "text", "phone": "text", "email": "text", "number": "number", "date": "date",
    "boolean": "bool", "choice": "text", "choices": "list",
}  # fmt: skip
_FIELD_KINDS = {"number": "decimal"}
AFTER: Mapping[str, str] = {"result": "text", "result_name": "text", "summary": "text", "points": "number"}
#: Answers one address may send in an hour.
PER_HOUR = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question: the field that asks it, when it is asked, and the points of its options."""

    field: Field
    when: str
    points: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came of it: the recommendation in words, the points, the record made."""

    key: str
    name: str
    text: str
    points: Decimal
    record: Any


def questions(page: PublicPage) -> list[Question]:
    """The questions in order, spoken in the present language."""
    return [_question(one) for one in page.definition.get("questions") or ()]


def _question(given: Mapping[str, Any]) -> Question:
    kind = str(given.get("kind", "text"))
    options = given.get("options") or ()
    return Question(
        field=Field(
            name=str(given["key"]),
            kind=_FIELD_KINDS.get(kind, kind),
            label=spoken(str(given.get("zh", "")), str(given.get("en", ""))),
            help=spoken(str(given.get("help_zh", "")), str(given.get("help_en", ""))),
            required=bool(given.get("required")),
            choices=tuple((str(one["key"]), spoken(str(one.get("zh", "")), str(one.get("en", "")))) for one in options),
            max_length=200 if kind == "text" else None,
            minimum=_limit(given, "minimum"),
            maximum=_limit(given, "maximum"),
        ),
        when=str(given.get("when") or ""),
        points={str(one["key"]): Decimal(str(one["points"])) for one in options if one.get("points")},
    )


def _limit(given: Mapping[str, Any], name: str) -> Decimal | None:
    """The smallest or largest number that answers a question; ``None`` for no limit."""
    return Decimal(str(given[name])) if given.get("kind") == "number" and given.get(name) is not None else None


class _Names:
    """What names mean in formulas of a questionnaire."""

    def __init__(self, page: PublicPage, further: Mapping[str, str]) -> None:
        self.types = {
            str(one["key"]): TYPES.get(str(one.get("kind", "text")), "any") for one in page.definition["questions"]
        } | dict(further)

    def type_of(self, name: str) -> str | None:
        return self.types.get(name)

    def member_type(self, of: str, name: str) -> str | None:  # noqa: ARG002 - answers are plain values
        return None

    def relation_type(self, path: str, name: str) -> str | None:  # noqa: ARG002 - answers have no relations
        return None


def check(page: PublicPage) -> None:
    """Raise Invalid at the first mistake: a question of no kind, a formula that does not fit, a field there is not."""
    given = page.definition
    if not given.get("questions"):
        raise Invalid(_("Write at least one question."), code="questions.none", field="questions")
    keys = [str(one.get("key") or "") for one in given["questions"]]
    for one, key in zip(given["questions"], keys, strict=True):
        if not key.isidentifier() or key in AFTER or keys.count(key) > 1:
            raise Invalid(_("Give each question a key of its own."), code="questions.key", field="questions")
        if one.get("kind", "text") not in TYPES or (
            one.get("kind") in ("choice", "choices") and not one.get("options")
        ):
            raise Invalid(
                _("Choose what sort of answer “%(key)s” takes.") % {"key": key},
                code="questions.kind",
                field="questions",
            )
    plain, after = _Names(page, {"points": "number"}), _Names(page, AFTER)
    for one in (*given["questions"], *(given.get("results") or ())):
        if one.get("when"):
            cel.check(cel.parse(str(one["when"])), plain, ("bool",))
    makes = given.get("makes") or {}
    if not is_registered(str(makes.get("entity", ""))):
        raise Invalid(_("Choose what is made of the answers."), code="questions.makes", field="makes")
    fields = shape.fields_of(str(makes["entity"]))
    for name, value in (makes.get("values") or {}).items():
        if name not in fields:
            raise Invalid(_("There is no field “%(path)s”.") % {"path": name}, code="public.field", field="makes")
        if isinstance(value, str) and value.startswith("="):
            cel.check(cel.parse(value[1:]), after, ())


def _run(values: Mapping[str, Any], source: str) -> Any:
    now = clock.now().astimezone(ZoneInfo(settings.TIME_ZONE))
    run = cel.Run(values, today=now.date(), now=now)
    return compiled(source)(run)


def read(page: PublicPage, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Clean answers by key. A question that is not asked has none. Raises Invalid with the errors of each question."""
    clean: dict[str, Any] = {}
    errors: dict[str, list[Invalid]] = {}
    for one in questions(page):
        name = one.field.name
        if one.when and not _run({**clean, "points": _points(page, clean)}, one.when):
            clean[name] = None
            continue
        try:
            value = kinds.parse(one.field, raw.get(name))
            if one.field.required and value in (None, "", []):
                raise Invalid(_("Please answer this."), code="value.required", field=name)
            clean[name] = value
        except Invalid as error:
            errors[name] = [error]
    if errors:
        raise Invalid.collect(errors)
    return clean


def _points(page: PublicPage, answers: Mapping[str, Any]) -> Decimal:
    total = Decimal(0)
    for one in questions(page):
        given = answers.get(one.field.name)
        for key in given if isinstance(given, list) else [given]:
            total += one.points.get(str(key), Decimal(0))
    return total


def _words(one: Question, value: Any) -> str:
    labels = dict(one.field.choices or ())
    if isinstance(value, list):
        return ", ".join(str(labels.get(item, item)) for item in value)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return str(labels.get(value, value))


def summary(page: PublicPage, answers: Mapping[str, Any]) -> str:
    """Questions and answers as text, a line each."""
    return "\n".join(
        f"{one.field.label}: {_words(one, answers[one.field.name])}"
        for one in questions(page)
        if answers.get(one.field.name) not in (None, "", [])
    )


def answer(page: PublicPage, actor: Actor, raw: Mapping[str, Any]) -> Answered:
    """Take the answers, find what they recommend, make the record. Raises Invalid (errors by question), TooMany.

    Staff make it in their own name if they may; otherwise it is nobody's until a rule gives it to somebody.
    """
    answers = read(page, raw)
    if actor.kind != "user":
        throttle.window_take(f"questions:{throttle.network(actor.address)}", PER_HOUR, 3600, guessed=False)
    points = _points(page, answers)
    found = recommended(page, {**answers, "points": points})
    name = spoken(str(found.get("zh", "")), str(found.get("en", "")))
    values = {
        **{key: _cel(value) for key, value in answers.items()},
        "points": points, "result": str(found.get("key", "")), "result_name": name, "summary": summary(page, answers),
    }  # fmt: skip
    makes = page.definition["makes"]
    given = {
        field: _plain(_run(values, one[1:])) if isinstance(one, str) and one.startswith("=") else one
        for field, one in (makes.get("values") or {}).items()
    }
    record = _make(
        page, actor, str(makes["entity"]), {name: one for name, one in given.items() if one not in (None, "")}
    )
    return Answered(
        key=str(found.get("key", "")), name=name,
        text=spoken(str(found.get("text_zh", "")), str(found.get("text_en", ""))), points=points, record=record,
    )  # fmt: skip


def _cel(value: Any) -> Any:
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _plain(value: Any) -> Any:
    return kinds.json_of(value) if isinstance(value, Decimal) else value


def recommended(page: PublicPage, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first result whose condition holds; empty when none does."""
    results: Sequence[Mapping[str, Any]] = page.definition.get("results") or ()
    return next((one for one in results if not one.get("when") or _run(values, str(one["when"]))), {})


def _make(page: PublicPage, actor: Actor, entity: str, given: Mapping[str, Any]) -> Any:
    declared = entity_of(entity)
    if actor.kind == "user" and allowed(actor, "create", declared):
        maker = actor
    else:
        maker = system_actor(pages.name_of(page), via="web")
    try:
        return records.create(maker, declared, _fitting(declared.key, given))
    except Invalid as error:
        if not error.errors:
            raise
        raise Invalid("; ".join(error.sentences)) from None
    except GuanxiError as error:
        raise Invalid(error.message, code=error.code) from None


def _fitting(entity: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Values in the form their fields take: a phone or an e-mail becomes a list of one."""
    fields = shape.fields_of(entity)
    return {
        name: [{"value": value}] if fields[name].kind in ("phones", "emails") and isinstance(value, str) else value
        for name, value in given.items()
    }
