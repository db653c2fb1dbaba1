"""The language of texts people write: Liquid with bounds, in which a text neither takes long nor grows without end; and its money."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial, wraps
from typing import Any, Self

from django.utils import translation
from django.utils.translation import gettext as _
from liquid import Environment, Node, TokenStream
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.exceptions import FilterArgumentError, LiquidError, ResourceLimitError

from guanxi.core.kernel.errors import Invalid
from guanxi.core.kernel.money import MINOR_UNITS
from guanxi.core.records import dictionaries, figures

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
        self.filters |= {name: _reckoning(name, self.filters[name]) for name in _RECKONING}
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


def _reckoning(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that reckons. Money and numbers make money again; a share of money in money is a number."""

    @wraps(work)
    def reckon(*given: Any, **named: Any) -> Any:
        made = work(*(float(one) if isinstance(one, Amount) else one for one in given), **named)
        currencies = {one.currency for one in given if isinstance(one, Amount)}
        first, among = isinstance(given[0], Amount), sum(isinstance(one, Amount) for one in given)
        whole = {"divided_by": first and among == 1, "times": among == 1}.get(name, len(currencies) == 1)
        return Amount(Decimal(str(made)), currencies.pop()) if whole else made

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


environment = _Environment()
#: How the parser says that the end of a block is missing.
_UNENDED = "expected tag end"


def refusal(error: LiquidError, field: str = "") -> Invalid:
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
