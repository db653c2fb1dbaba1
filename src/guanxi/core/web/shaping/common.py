"""What the settings pages of the shape share: who may enter, forms made of fields, answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.utils.translation import gettext_lazy as _

from guanxi.core.access.features import may_settings
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Conflict, GuanxiError, Invalid, NotFound, Text
from guanxi.core.records import shape
from guanxi.core.schema import kinds
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entities, entity_at
from guanxi.core.schema.vocabulary import GROUPS
from guanxi.core.web.inputs import FEW, Input, Option, raw_values
from guanxi.core.web.people.common import errors_of, show
from guanxi.core.web.views.common import actor_of

Choices = Sequence[tuple[str, Text]]

#: The colours of badges, as choices of a form.
COLORS: Choices = (
    ("", _("none")), ("blue", _("blue")), ("teal", _("teal")), ("green", _("green")), ("lime", _("lime")),
    ("amber", _("amber")), ("orange", _("orange")), ("red", _("red")), ("pink", _("pink")), ("purple", _("purple")),
    ("indigo", _("indigo")), ("cyan", _("cyan")), ("slate", _("slate")),
)  # fmt: skip


def shaper(request: HttpRequest) -> Actor:
    """The person asking, if he may change settings; for others the page does not exist."""
    actor = actor_of(request)
    if not may_settings(actor):
        raise NotFound
    return actor


def shaped_entity(path: str) -> Entity:
    """The entity of an address word, whoever asks: an administrator shapes also what he does not work with."""
    return entity_at(path)


def shapeable() -> list[Entity]:
    """Entities an administrator may add fields to, in the order of the navigation."""
    return sorted(
        (one for one in entities() if one.form is not None), key=lambda one: (not one.access.owner, str(one.plural))
    )


def shelves(counts: Mapping[str, int]) -> list[tuple[Text, list[tuple[Entity, int]]]]:
    """What can be shaped, as the navigation groups it, each with a number; what stands in no menu comes last."""
    found: dict[str, list[tuple[Entity, int]]] = {key: [] for key in (*GROUPS, "")}
    for one in sorted(shapeable(), key=lambda one: (one.menu.order, str(one.plural))):
        found[one.menu.group if one.menu.group in GROUPS else ""].append((one, counts.get(one.key, 0)))
    return [(GROUPS[key][0] if key else _("Parts of other records"), rows) for key, rows in found.items() if rows]


def ask(
    name: str, kind: str, label: Text, *, required: bool = False, help: Text = "", choices: Choices = (), **more: Any
) -> Field:
    """One question of a settings form."""
    return Field(
        name=name, kind=kind, label=label, required=required, help=help,
        choices=tuple((key, text) for key, text in choices if key), **more,
    )  # fmt: skip


def inputs(
    questions: Iterable[Field], values: Mapping[str, Any], error: GuanxiError | None = None, prefix: str = ""
) -> list[Input]:
    """The questions ready to be drawn with what stands in them; errors at their fields."""
    errors = errors_of(error) if error else {}
    return [
        Input(
            field=one,
            value=values.get(one.name),
            prefix=prefix,
            options=tuple(Option(key, str(text)) for key, text in one.choices),
            errors=tuple(errors.get(one.name, ())),
            widget="pick" if one.kind == "choice" and len(one.choices) > FEW else "",
        )
        for one in questions
    ]


def read(questions: Iterable[Field], data: QueryDict) -> dict[str, Any]:
    """What was sent, read by kind; an empty text for nothing. Raises Invalid with one error per question."""
    asked = list(questions)
    found: dict[str, Any] = {}
    errors: dict[str, list[Invalid]] = {}
    for name, raw in raw_values(asked, data).items():
        field = next(one for one in asked if one.name == name)
        try:
            value = kinds.parse(field, raw)
        except Invalid as error:
            errors.setdefault(name, []).append(error)
            continue
        found[name] = ("" if field.kind in ("text", "choice", "long_text") else None) if value is None else value
    if errors:
        raise Invalid.collect(errors)
    return found


def general(error: GuanxiError | None, questions: Iterable[Field] = ()) -> list[Text]:
    """Sentences of an error that belong to no question; what another administrator saved meanwhile."""
    if error is None:
        return []
    if isinstance(error, Conflict):
        lines: list[Text] = [error.message]
        lines += [
            _("%(field)s: you have “%(mine)s”, stored is “%(theirs)s”.")
            % {"field": one.label, "mine": _short(one.mine), "theirs": _short(one.theirs)}
            for one in error.clashes
        ]
        return lines
    known = {one.name for one in questions}
    return [text for name, texts in errors_of(error).items() if name not in known for text in texts]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def page(
    request: HttpRequest, template: str, context: Mapping[str, Any], error: GuanxiError | None = None
) -> HttpResponseBase:
    """A settings page; with an error it keeps what was typed."""
    return show(request, template, {"colors": COLORS, "spoken": shape.spoken, **context}, error)
