"""Texts with merge fields, written by people (Liquid): what they may name, checking one, filling one for a record.

A merge field is the name of a field of the entity, or a path over references (``customer.name``); besides there are
``me`` (who sends), ``today`` and ``workspace``. Values are what the sender may see, in the language of the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial, wraps
from typing import Any, Self

from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext as _
from liquid import Environment, Node, TokenStream
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.exceptions import FilterArgumentError, LiquidError, ResourceLimitError

from guanxi.core import access
from guanxi.core.access.features import SETTINGS, require_feature
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, Invalid, NotFound
from guanxi.core.kernel.money import MINOR_UNITS
from guanxi.core.models import MessageTemplate, Snippet, User
from guanxi.core.records import dictionaries, display, figures, shape, values
from guanxi.core.records.firm import firm
from guanxi.core.records.rates import base_currency
from guanxi.core.records.settings_registry import checked_names, free_key, require_unchanged
from guanxi.core.records.writing import writing
from guanxi.core.schema.derive import READONLY
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of, is_registered

CHANNELS = ("mail", "sms", "note")
FURTHER = ("me", "today", "workspace", "message")
LONGEST = 50_000
_DEPTH = 4
#: A filter makes nothing longer than this, and no number of more bits.
_MOST_MADE, _MOST_BITS = 5_000_000, 4_000


class _Environment(Environment):
    """Liquid with bounds: a text may neither loop for long nor grow without end."""

    loop_iteration_limit = 2000
    output_stream_limit = 200_000
    local_namespace_limit = 200_000
    context_depth_limit = 12

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """The usual ones; faults in tags are told with their place, and no filter makes more of a value than a text may hold."""
        super().setup_tags_and_filters(extra=extra)
        self.filters = {name: _bounded(one) for name, one in self.filters.items()}
        self.filters |= {name: _reckoning(self.filters[name]) for name in _RECKONING}
        self.filters |= {"plain": _plain, "in_words": _in_words}
        for tag in self.tags.values():
            tag.get_node = partial(_placed, tag.get_node)  # type: ignore[method-assign]


def _bounded(work: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that refuses what would grow without end: before it is made, where one can tell, else before it is used."""

    @wraps(work)
    def run(value: Any, *given: Any, **named: Any) -> Any:
        others = (*given, *named.values())
        if _extent(value) * max((_extent(one) for one in others), default=1) > _MOST_MADE:
            raise ResourceLimitError("too much for a filter", token=None)
        try:
            made = work(value, *given, **named)
        except LiquidError:
            raise
        except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise FilterArgumentError(str(error)[:200], token=None) from None
        if _extent(made) > _Environment.output_stream_limit or (
            isinstance(made, int) and made.bit_length() > _MOST_BITS
        ):
            raise ResourceLimitError("too much from a filter", token=None)
        return made

    return run


def _extent(value: Any) -> int:
    """How long a value is; numbers and the like are no longer than one."""
    return max(len(value), 1) if isinstance(value, str | list | tuple | range) else 1


_made_range = RangeLiteral._make_range


def _short_range(self: RangeLiteral, start: Any, stop: Any) -> range:
    """A range no longer than a loop may be: what walks over one outside of loops asks for no limit."""
    found = _made_range(self, start, stop)
    if found.stop - found.start > _Environment.loop_iteration_limit:
        raise ResourceLimitError("too long a range", token=self.token)
    return found


RangeLiteral._make_range = _short_range  # type: ignore[method-assign]  # the library has no bound for it


class Amount(float):
    """Money in a text: a number to reckon and compare with, written with its currency in the language of the text."""

    value: Decimal
    currency: str

    def __new__(cls, value: Decimal, currency: str) -> Self:
        made = super().__new__(cls, value)
        made.value, made.currency = value, currency
        return made

    def __str__(self) -> str:
        return figures.amount(self.value, self.currency)


#: The filters that reckon: Liquid reads figures by their text, and that of an amount is for people.
_RECKONING = ("abs", "at_least", "at_most", "ceil", "divided_by", "floor", "minus", "modulo", "plus", "round", "times")


def _reckoning(work: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(work)
    def reckon(*given: Any, **named: Any) -> Any:
        return work(*(float(one) if isinstance(one, Amount) else one for one in given), **named)

    return reckon


def _plain(value: object) -> object:
    """The filter that takes currency and separators off an amount: ``71500.00``."""
    return f"{value.value:.{MINOR_UNITS.get(value.currency, 2)}f}" if isinstance(value, Amount) else value


def _in_words(value: object) -> object:
    """The filter for an amount in Chinese capitals; one that is not of yuan begins with the name of its currency."""
    if not isinstance(value, Amount):
        return value
    with translation.override("zh-hans"):
        known = dictionaries.value_of("currency", value.currency)
    name = "" if value.currency == "CNY" else str(known.label if known else value.currency)
    return f"{name}{figures.amount_in_words(value.value)}"


def _placed(parse: Callable[[TokenStream], Node], stream: TokenStream) -> Node:
    """A parsed tag. A fault at the end of its expression, or of the text, has no place by itself: the tag is named."""
    token = stream.current
    try:
        return parse(stream)
    except LiquidError as error:
        if error.token is None or error.token.start_index < 0:
            error.token = token
        raise


_environment = _Environment()
#: How the parser says that the end of a block is missing.
_UNENDED = "expected tag end"


class Merge(Mapping[str, Any]):
    """A record as a text sees it: fields by name, as the actor may see them; referred records by path; money as an amount."""

    def __init__(self, actor: Actor, entity: Entity, record: Any, depth: int = 0, *, plain: bool = False) -> None:
        self.actor, self.entity, self.record, self.depth, self.plain = actor, entity, record, depth, plain

    def __getitem__(self, name: str) -> Any:
        if name == "custom":
            return _Custom(self)
        field = shape.readable(self.actor, self.entity).get(name)
        if field is None:
            raise KeyError(name)
        if field.kind in ("reference", "user") and self.depth < _DEPTH:
            target = entity_of("core.user" if field.kind == "user" else field.target)
            other = self._pointed_to(field, target)
            if other is None or isinstance(other, int | str):
                return ""
            if not access.allowed(self.actor, "view", other):
                return ""
            return Merge(self.actor, target, other, self.depth + 1, plain=self.plain)
        if field.kind == "money" and not self.plain and access.reads(self.actor, self.entity, name):
            value = values.current(self.record, field)
            currency = str(getattr(self.record, field.currency, "") or "") if field.currency else ""
            return Amount(Decimal(value), currency or base_currency()) if value is not None else ""
        return display.value_text(self.actor, self.entity, self.record, name)

    def _pointed_to(self, field: Field, target: Entity) -> Any:
        if not field.custom:
            return getattr(self.record, field.name, None)
        number = self.record.custom.get(field.key)
        return target.model._default_manager.filter(pk=number).first() if isinstance(number, int) else None

    def __iter__(self) -> Iterator[str]:
        return iter(shape.readable(self.actor, self.entity))

    def __len__(self) -> int:
        return len(shape.readable(self.actor, self.entity))

    def __str__(self) -> str:
        return display.title_of(self.entity, self.record, self.actor)


class _Custom(Mapping[str, Any]):
    """The custom fields of a record, without their prefix."""

    def __init__(self, of: Merge) -> None:
        self.of = of

    def __getitem__(self, name: str) -> Any:
        return self.of[f"custom.{name}"]

    def __iter__(self) -> Iterator[str]:
        return (name.removeprefix("custom.") for name in self.of if name.startswith("custom."))

    def __len__(self) -> int:
        return sum(1 for _name in self)


def fields_offered(actor: Actor, entity: Entity | str) -> list[tuple[str, str]]:
    """Merge fields an editor offers: path and label. What people write about first, then one step over references, then who saved it and when."""
    readable = {name: one for name, one in shape.readable(actor, entity_of(entity)).items() if name != "id"}
    found = [(name, str(one.label)) for name, one in readable.items() if name not in READONLY]
    found += [("me.name", _("my name")), ("today", _("today")), ("workspace", _("name of the workspace"))]
    for name, field in readable.items():
        if name not in READONLY and field.kind in ("reference", "user") and is_registered(field.target or "core.user"):
            target = entity_of("core.user" if field.kind == "user" else field.target)
            found += [
                (f"{name}.{inner}", f"{field.label} › {one.label}")
                for inner, one in shape.readable(actor, target).items()
                if inner not in READONLY and one.kind not in ("reference", "user", "table", "tags")
            ]
    return found + [(name, str(one.label)) for name, one in readable.items() if name in READONLY]


def check(actor: Actor, entity: Entity | str, text: str, *, field: str = "") -> None:
    """Raise Invalid at ``field`` for a text that is no Liquid, or names what the actor may not see or nobody knows."""
    if len(text) > LONGEST:
        raise Invalid(_("This text is too long."), code="template.long", field=field)
    try:
        found = _environment.from_string(text).analyze()
    except LiquidError as error:
        raise _refusal(error, field) from None
    for name in found.filters.keys() - _environment.filters.keys():
        raise Invalid(_("There is no filter “%(name)s”.") % {"name": name}, code="template.filter", field=field)
    for variables in found.globals.values():
        for variable in variables:
            path = str(variable)
            if path.split(".", maxsplit=1)[0] not in FURTHER and not _known(actor, entity_of(entity), path):
                raise Invalid(_("There is no field “%(path)s”.") % {"path": path}, code="template.field", field=field)


def _refusal(error: LiquidError, field: str = "") -> Invalid:
    """What is wrong with a text, with its line and word as far as they are known, in the reader's language."""
    if isinstance(error, ResourceLimitError):
        return Invalid(_("This text is too long."), code="template.long", field=field)
    token = error.token
    if token is None:
        return Invalid(_("This text is not understood."), code="template.syntax", field=field)
    said = _("Line %(line)d: “%(word)s” is not understood.")
    if str(error.message).startswith(_UNENDED):
        said = _("Line %(line)d: “%(word)s” is not ended.")
    line, word = token.source.count("\n", 0, token.start_index) + 1, token.value.strip().partition("\n")[0][:60]
    return Invalid(said % {"line": line, "word": word}, code="template.syntax", field=field)


def _known(actor: Actor, entity: Entity, path: str) -> bool:
    found = shape.field_at(entity, path)
    return found is not None and shape.path_level(actor, entity, path) != "hidden"


def fill(
    actor: Actor,
    record: Any,
    text: str,
    *,
    language: str = "",
    more: Mapping[str, Any] | None = None,
    plain: bool = False,
) -> str:
    """The text for a record, as the actor may see it, in a language (the present one). Raises Invalid when it cannot be.

    Money is written with its currency; ``plain`` is for a text that becomes the value of a field.
    """
    if "{{" not in text and "{%" not in text:
        return text
    entity = entity_of(record)
    with translation.override(language or translation.get_language() or "zh-hans"):
        me = User.everything.filter(pk=actor.user_id or 0).first()
        said = Merge(actor, entity, record, plain=plain)
        named = {
            **said,
            "custom": _Custom(said),
            "me": Merge(actor, entity_of("core.user"), me) if me else {"name": actor.name},
            "today": clock.today(actor.timezone).isoformat(),
            "workspace": firm().name,
            **(more or {}),
        }
        try:
            return _environment.from_string(text).render(named)
        except LiquidError as error:
            raise _refusal(error) from None


@dataclass(frozen=True, slots=True)
class Message:
    """A filled template."""

    subject: str
    body: str


def filled(
    actor: Actor, template: MessageTemplate, record: Any, language: str, more: Mapping[str, Any] | None = None
) -> Message:
    """A template for a record in a language; where one language is empty the other serves. ``more`` as in ``fill``."""
    chinese = language.startswith("zh")
    subject = (template.subject_zh if chinese else template.subject_en) or template.subject_zh or template.subject_en
    body = (template.body_zh if chinese else template.body_en) or template.body_zh or template.body_en
    return Message(
        " ".join(fill(actor, record, subject, language=language, more=more).split())[:300],
        fill(actor, record, body, language=language, more=more),
    )


def template_of(key: str) -> MessageTemplate:
    """The active template of a key. Raises NotFound."""
    found = MessageTemplate.objects.filter(key=key, active=True).first()
    if found is None:
        raise NotFound(_("There is no message template “%(key)s”.") % {"key": key}, code="template.unknown")
    return found


TEXTS = ("subject_zh", "subject_en", "body_zh", "body_en")
#: What a template is made of.
PARTS = ("name_zh", "name_en", "entity", "channel", *TEXTS)


def template_save(
    actor: Actor, row: MessageTemplate | None, values: Mapping[str, Any], *, version: int | None = None
) -> MessageTemplate:
    """Store a template. Raises Denied, Invalid at the field, Conflict when somebody saved since ``version`` was read."""
    require_feature(actor, SETTINGS)
    template_check(actor, values)
    with writing(actor):
        row = (
            MessageTemplate.objects.select_for_update().get(pk=row.pk)
            if row
            else MessageTemplate(key=free_key(MessageTemplate, str(values.get("name_en") or "template")))
        )
        require_unchanged(row, version)
        for name in ("name_zh", "name_en", "entity", "channel", *TEXTS):
            setattr(
                row, name, str(values.get(name, "")).strip() if name not in TEXTS[2:] else str(values.get(name, ""))
            )
        row.active = bool(values.get("active", True))
        row.marketing = bool(values.get("marketing", False))
        row.version += 1
        row.save()
    return row


def template_check(actor: Actor, values: Mapping[str, Any]) -> None:
    """Raise Invalid at the field for a template that means nothing."""
    checked_names(str(values.get("name_zh", "")), str(values.get("name_en", "")))
    if not is_registered(str(values.get("entity", ""))):
        raise Invalid(_("Choose what it is about."), code="template.entity", field="entity")
    if values.get("channel") not in CHANNELS:
        raise Invalid(_("Choose how it is sent."), code="template.channel", field="channel")
    if not (str(values.get("body_zh", "")).strip() or str(values.get("body_en", "")).strip()):
        raise Invalid(_("Write a text."), code="value.required", field="body_zh")
    for name in TEXTS:
        check(actor, str(values["entity"]), str(values.get(name, "")), field=name)


def snippets(actor: Actor) -> list[tuple[Snippet, str, str]]:
    """Snippets a person may insert, his own first: each with its name and text in the present language."""
    rows = Snippet.objects.filter(Q(owner__isnull=True) | Q(owner_id=actor.user_id or 0))
    found = [(one, shape.spoken(one.name_zh, one.name_en), shape.spoken(one.text_zh, one.text_en)) for one in rows]
    return sorted(found, key=lambda one: (one[0].owner_id is None, one[0].position, one[0].pk))


def _may_keep(actor: Actor, row: Snippet | None, own: bool) -> None:
    """A person's own snippets are his alone; those of everybody belong to the settings."""
    if row is not None and row.owner_id and row.owner_id != actor.user_id:
        raise NotFound
    if row.owner_id is None if row is not None else not own:
        require_feature(actor, SETTINGS)
    if own and actor.user_id is None:
        raise Denied


def snippet_save(actor: Actor, row: Snippet | None, values: Mapping[str, Any], *, own: bool = False) -> Snippet:
    """Store a snippet, a new one for everybody or, with ``own``, for oneself. Raises Denied, or Invalid at the field."""
    _may_keep(actor, row, own)
    if not any(str(values.get(name, "")).strip() for name in ("text_zh", "text_en")):
        raise Invalid(_("Write a text."), code="value.required", field="text_zh")
    checked_names(str(values.get("name_zh", "")), str(values.get("name_en", "")))
    with writing(actor):
        row = row or Snippet(
            key=free_key(Snippet, f"own-{actor.user_id}" if own else str(values.get("name_en") or "snippet")),
            owner_id=actor.user_id if own else None,
        )
        for name in ("name_zh", "name_en", "text_zh", "text_en"):
            setattr(row, name, str(values.get(name, "")).strip()[: 100 if name.startswith("name") else LONGEST])
        row.save()
    return row


def removed(actor: Actor, row: MessageTemplate | Snippet) -> None:
    """Remove a template or snippet; one's own needs no right."""
    if isinstance(row, Snippet):
        _may_keep(actor, row, False)
    else:
        require_feature(actor, SETTINGS)
    with writing(actor):
        row.delete()
