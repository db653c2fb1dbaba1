"""Sentences are said in the language of whoever reads them, not in the one a process began with."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import guanxi

ROOT = Path(guanxi.__file__).parent
AT_ONCE = {"gettext", "ngettext", "pgettext", "npgettext"}


def said_at_once(tree: ast.Module) -> set[str]:
    """The names under which a module has the functions that translate where they are called."""
    found = [
        one for one in ast.walk(tree) if isinstance(one, ast.ImportFrom) and one.module == "django.utils.translation"
    ]
    return {name.asname or name.name for one in found for name in one.names if name.name in AT_ONCE}


def said_while_loading(node: ast.AST, names: set[str]) -> Iterator[int]:
    """Lines of calls outside of functions, which happen once, when the module is loaded."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            for one in getattr(child, "decorator_list", ()):
                yield from said_while_loading(ast.Expr(one), names)
            continue
        if isinstance(child, ast.Call) and isinstance(child.func, ast.Name) and child.func.id in names:
            yield child.lineno
        yield from said_while_loading(child, names)


def test_nothing_is_translated_while_a_module_is_loaded() -> None:
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        names = said_at_once(tree)
        found += [f"{path.relative_to(ROOT)}:{line}" for line in said_while_loading(tree, names)] if names else []
    assert found == [], "use gettext_lazy"


def test_the_search_finds_such_a_call() -> None:
    text = "from django.utils.translation import gettext as _\nA = {1: [_('x')]}\ndef f():\n    return _('y')\n"
    tree = ast.parse(text)
    assert list(said_while_loading(tree, said_at_once(tree))) == [2]
