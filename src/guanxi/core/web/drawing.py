"""Drawing faster: what a template writes is escaped in one step, and what it calls is called in one.

Jinja makes a markup object of every value before it joins them, and asks three objects whether a function wants to know the
template: on a list or a record that was a tenth of the page.

And what a page leaves behind is gone at once. A macro knows the names it was written among, and they know the macro: such circles wait
for Python's collector, which then stands still for tens of milliseconds in the middle of somebody's page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from django.utils.safestring import SafeString
from jinja2 import Environment, Template, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import Context, Macro
from markupsafe import Markup, _escape_inner, escape  # type: ignore[attr-defined]

#: A text whose parts are escaped, as markup: without the questions ``Markup`` asks of what it is given.
marked: Callable[[str], Markup] = partial(str.__new__, Markup)
_AS_IT_IS = (Markup, SafeString)
#: What holds nothing to escape.
_NUMBERS = (int, float, Decimal)
_DIRECT = (FunctionType, MethodType, BuiltinFunctionType)


def shown(value: Any) -> str:
    """A value as it stands in the page."""
    kind = type(value)
    if kind is str:
        return _escape_inner(value)
    if kind in _AS_IT_IS:
        return value  # type: ignore[no-any-return]
    return str(value) if kind is int else escape(value)


def escaped(value: Any) -> Markup:
    """A value as markup."""
    return marked(_escape_inner(value)) if type(value) is str else escape(value)


def filled(sentence: Markup, values: dict[str, Any]) -> Markup:
    """A sentence of ours with values in it, which are escaped; numbers it may format in its own way."""
    given = {name: value if type(value) in _NUMBERS else shown(value) for name, value in values.items()}
    return marked(str.__mod__(sentence, given))


class Writer(CodeGenerator):
    """Compiles templates that write by :func:`shown`."""

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if frame.eval_ctx.volatile or not frame.eval_ctx.autoescape or finalize.src is not None:
            super()._output_child_pre(node, frame, finalize)
        else:
            self.write("environment.shown(")


class Called(Context):
    """Calls macros, and plain functions and methods that do not ask for the template, at once."""

    def call(self, called: Any, /, *args: Any, **kwargs: Any) -> Any:
        """What the function gives."""
        if type(called) in _DIRECT and getattr(called, "jinja_pass_arg", None) is None:
            kwargs.pop("_block_vars", None)
            kwargs.pop("_loop_vars", None)
            return called(*args, **kwargs)
        if type(called) is Macro:
            kwargs.pop("_block_vars", None)
            kwargs.pop("_loop_vars", None)
            return called(self.eval_ctx, *args, **kwargs)
        return super().call(called, *args, **kwargs)


#: Where the names of a page keep those of its parts; no template can say this name.
_PARTS = "parts of the page"


class Page(Template):
    """A template that takes its names apart when it has been drawn, and those of the parts it was drawn from.

    A macro is therefore worth nothing to who keeps it beyond the drawing. Modules imported without context stay, as they did.
    """

    def render(self, *args: Any, **kwargs: Any) -> str:
        """The page as text."""
        parts: list[Context] = []
        drawn = super().render(dict(*args, **kwargs, **{_PARTS: parts}))
        while parts:
            _take_apart(parts.pop())
        return drawn

    def new_context(
        self, vars: dict[str, Any] | None = None, shared: bool = False, locals: Mapping[str, Any] | None = None
    ) -> Context:
        """The names of this template, remembered by the page that is being drawn."""
        made = super().new_context(vars, shared, locals)
        parts = made.parent.get(_PARTS)
        if parts is not None:
            parts.append(made)
        return made


def _take_apart(names: Context) -> None:
    for value in names.vars.values():
        if type(value) is Macro and _written_among(value._func, names):
            value._func = _over
    names.vars.clear()


def _written_among(drawing: Any, names: Context) -> bool:
    """Whether a macro is of this drawing, and not one that was imported and serves every page."""
    free = drawing.__code__.co_freevars
    return "context" in free and drawing.__closure__[free.index("context")].cell_contents is names


def _over(*_given: Any) -> str:
    msg = "a macro was called after its page had been drawn"
    raise RuntimeError(msg)


class Pages(Environment):
    """An environment whose templates are drawn so."""

    code_generator_class = Writer
    context_class = Called
    template_class = Page
    shown = staticmethod(shown)

    def make_globals(self, d: Any) -> Any:
        """The names every template knows; a chain of two mappings, looked through for each template and import, otherwise."""
        return super().make_globals(d) if d else self.globals
