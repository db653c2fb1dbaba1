"""The versions of a quote, and what differs between two of them: terms, lines, amounts; only what the reader sees in full."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from guanxi.areas.billing.models import Quote
from guanxi.core.access import visible
from guanxi.core.kernel.actor import Actor
from guanxi.core.records import display, figures, lines, shape, values
from guanxi.core.records.children import leads
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of

#: How many steps of a family of versions are followed.
LONGEST = 50
SAME, CHANGED, ADDED, REMOVED = "same", "changed", "added", "removed"
#: What says how far a version came, not what it offers.
_COURSE = {"number", "status", "revision", "revises", "sent_at", "seen_at", "accepted_at", "accepted_by", "answer", "off_granted"}  # fmt: skip
_LONG = ("long_text", "rich_text")
_SENTENCE = re.compile(r"[^\n。；;!！?？]*[\n。；;!！?？]+|[^\n。；;!！?？]+")


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a long text: in both, only in the older one (``gone``), or only in the newer one (``new``)."""

    sort: str
    text: str


@dataclass(frozen=True, slots=True)
class Pair:
    """One value in both versions, as text; ``change`` of a figure is what it grew by, ``parts`` those of a long text."""

    field: Field
    before: str
    after: str
    change: str = ""
    parts: Sequence[Part] = ()

    @property
    def differs(self) -> bool:
        """Whether the two are not the same."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class LinePair:
    """A line in both versions, or in one of them only."""

    sort: str
    name: str
    heading: bool
    cells: Sequence[Pair]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions side by side: what is said of the whole, line by line, and what it comes to."""

    older: Quote
    newer: Quote
    terms: Sequence[Pair]
    lines: Sequence[LinePair]
    totals: Sequence[Pair]

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        pairs = (*self.terms, *self.totals)
        return not any(one.differs for one in pairs) and all(one.sort == SAME for one in self.lines)


def versions(actor: Actor, quote: Quote) -> list[Quote]:
    """All versions of a quote the actor may see, the first one first."""
    known, ahead = {quote.pk}, {quote.pk}
    for _step in range(LONGEST):
        near = Quote.objects.filter(pk__in=ahead).values_list("revises_id", flat=True)
        after = Quote.objects.filter(revises_id__in=ahead).values_list("pk", flat=True)
        ahead = ({one for one in near if one} | set(after)) - known
        if not ahead:
            break
        known |= ahead
    return list(visible(Quote.objects.filter(pk__in=known), actor).order_by("revision", "pk"))


def compared(actor: Actor, older: Quote, newer: Quote) -> Comparison:
    """What differs between two versions."""
    entity = entity_of("billing.quote")
    open_to = shape.unmasked(actor, entity)
    spec = entity.lines[0]
    listed = dict.fromkeys((*_written(entity), *open_to))
    said = [
        open_to[name]
        for name in listed
        if name in open_to and (name in _written(entity) or open_to[name].custom) and name not in spec.totals
    ]
    names = display.names_for(actor, [older, newer], said)
    terms = [_pair(one, older, newer, names) for one in said]
    totals = [_pair(open_to[name], older, newer, {}) for name in spec.totals if name in open_to]
    return Comparison(older, newer, terms, _lines(actor, older, newer), totals)


def _written(entity: Entity) -> list[str]:
    """The fields by which a quote says what it offers."""
    sections = entity.form.sections if entity.form is not None else ()
    return [name for section in sections for name in section.fields if name not in _COURSE]


def _pair(field: Field, older: Any, newer: Any, names: Mapping[str, Mapping[int, str]]) -> Pair:
    before, after = (_text(field, one, names) if one is not None else "" for one in (older, newer))
    parts = _parts(before, after) if field.kind in _LONG and before != after else ()
    return Pair(field, before, after, _growth(field, older, newer) if before != after else "", parts)


def _text(field: Field, record: Any, names: Mapping[str, Mapping[int, str]]) -> str:
    value = values.current(record, field)
    if value is None:
        return ""
    if field.kind == "money":
        return figures.money(value, str(getattr(record, field.currency, "") or ""))
    if field.kind == "percent":
        return figures.percent(value)
    if field.kind in ("decimal", "integer"):
        return figures.number(value)
    return display.shown(field, value, dict(names))  # type: ignore[arg-type]


def _growth(field: Field, older: Any, newer: Any) -> str:
    """By how much a figure grew, with its sign; nothing where the two are not of one currency."""
    if older is None or newer is None or field.kind not in ("money", "percent", "decimal", "integer"):
        return ""
    before, after = values.current(older, field), values.current(newer, field)
    if before is None or after is None:
        return ""
    change = Decimal(after) - Decimal(before)
    if field.kind != "money":
        text = figures.number(change)
        return f"+{text}" if change > 0 else text.replace("-", "−")
    currencies = {str(getattr(one, field.currency, "") or "") for one in (older, newer)}
    if len(currencies) > 1:
        return ""
    text = figures.money(change, currencies.pop())
    return f"+{text}" if change > 0 else text


def _parts(before: str, after: str) -> list[Part]:
    """Two long texts as one, sentence by sentence."""
    old, new = _SENTENCE.findall(before), _SENTENCE.findall(after)
    found: list[Part] = []
    for how, first, last, begin, end in difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if how == "equal":
            found.append(Part(SAME, "".join(old[first:last])))
            continue
        if last > first:
            found.append(Part("gone", "".join(old[first:last])))
        if end > begin:
            found.append(Part("new", "".join(new[begin:end])))
    return found


# -- lines ---------------------------------------------------------------------------------------------------------------


def _lines(actor: Actor, older: Quote, newer: Quote) -> list[LinePair]:
    spec = entity_of("billing.quote").lines[0]
    open_to = shape.unmasked(actor, entity_of(spec.entity))
    columns = [open_to[name] for name in spec.columns if name in open_to]
    old, new = lines.stored(older, spec), lines.stored(newer, spec)
    names = display.names_for(actor, [*old, *new], columns)
    return [_line(columns, one, other, names) for one, other in paired(old, new)]


def _line(columns: Sequence[Field], old: Any, new: Any, names: Mapping[str, Mapping[int, str]]) -> LinePair:
    shown = new if new is not None else old
    cells = [_pair(one, old, new, names) for one in columns]
    if old is None or new is None:
        sort = REMOVED if new is None else ADDED
    else:
        sort = CHANGED if any(one.differs for one in cells) else SAME
    named = any(one.name == "name" for one in columns)
    return LinePair(sort, str(shown.name) if named else "", shown.sort != "item", cells)


def paired(old: Sequence[Any], new: Sequence[Any]) -> list[tuple[Any | None, Any | None]]:
    """Lines of two versions that are each other's, in the order of the newer; those left out stand where they stood.

    The same product (else the same name) is the same line, the first with the first where there are several; what is left
    on the same place in both, of no product, is one line that was written anew.
    """
    partner: dict[int, int] = {}
    free: dict[Any, list[int]] = {}
    for place, one in enumerate(old):
        free.setdefault(_identity(one), []).append(place)
    for place, one in enumerate(new):
        if waiting := free.get(_identity(one)):
            partner[place] = waiting.pop(0)
    left = [place for place in range(len(old)) if place not in set(partner.values())]
    for place in range(len(new)):
        if place not in partner and place in left and _anew(old[place], new[place]):
            partner[place] = place
            left.remove(place)
    found: list[tuple[Any | None, Any | None]] = []
    for place, one in enumerate(new):
        mine = partner.get(place)
        found += _gone(old, left, place + 1 if mine is None else mine)
        found.append((old[mine] if mine is not None else None, one))
    return [*found, *_gone(old, left, len(old))]


def _identity(line: Any) -> tuple[str, Any]:
    return (line.sort, line.product_id or line.name.strip())


def _anew(old: Any, new: Any) -> bool:
    return bool(old.sort == new.sort) and not (old.product_id or new.product_id)


def _gone(old: Sequence[Any], left: list[int], before: int) -> Iterable[tuple[Any, None]]:
    """Lines of the older version that stood before a place and are in the newer no more; each is told once."""
    told = [place for place in left if place < before]
    for place in told:
        left.remove(place)
    return [(old[place], None) for place in told]


def family(actor: Actor, quote: Quote) -> list[Quote]:
    """The versions, where there is more than one; asks nothing of a quote that cannot have others."""
    if not quote.revises_id and not leads("billing.quote", quote.pk, "billing.quote", "revises"):
        return []
    found = versions(actor, quote)
    return found if len(found) > 1 else []
