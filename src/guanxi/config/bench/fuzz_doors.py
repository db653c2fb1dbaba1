"""Where bad input can go: the forms and links of the pages, every address, every operation of the API."""

from __future__ import annotations

import random
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.urls import Resolver404, URLPattern, get_resolver, resolve

from guanxi.core.api.service import api, openapi

QUERY = [
    "page",
    "sort",
    "filter",
    "q",
    "view",
    "after",
    "before",
    "columns",
    "group",
    "limit",
    "tab",
    "field",
    "next",
    "entity",
    "month",
    "from",
    "to",
    "expand",
    "fields",
    "id",
    "ids",
    "mode",
]
NAMES = ["name", "title", "value", "field", "version", "ids", "id", "filter", "owner", "stage", "next", "key", "note", "body", "file", "columns", "customer", "amount", "date", "rows", "kind", "data", "values", "to"]  # fmt: skip
_IDS = ("1", "2", "3", "7", "12", "0", "-1", "999999999", "9223372036854775808", "9" * 40, "x", "%00", "%E5%85%B3", "..", "a" * 300, "1.5", "%F0%9F%98%80", "me", "new", "customers.customer", "sales.opportunity", "customers", "contacts", "name", "true")  # fmt: skip
_PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>|\{(\w+)\}")
_AT_MOST = 3


@dataclass(frozen=True)
class Form:
    """A form as the page sent it."""

    method: str
    path: str
    values: dict[str, list[str]] = field(compare=False)
    files: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Operation:
    """An operation of the API: its query parameters, and the fields of its body with a plausible value each."""

    method: str
    path: str
    query: tuple[str, ...]
    body: dict[str, Any] | None


@dataclass
class Pool:
    """All doors."""

    forms: list[Form]
    links: list[str]
    routes: list[str]
    operations: list[Operation]


class _Page(HTMLParser):
    """Collects forms, what htmx would send, and links."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[dict[str, Any]] = []
        self._open: dict[str, Any] | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the tag offers."""
        found = {name: value or "" for name, value in attrs}
        for verb in ("get", "post", "put", "patch", "delete"):
            target = found.get(f"hx-{verb}")
            if target is not None and tag != "form":
                self.forms.append(
                    {
                        "method": verb.upper(),
                        "path": target,
                        "values": {found.get("name", "value"): [found.get("value", "")]},
                        "files": set(),
                    }
                )
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if tag == "form":
            verb = next((each for each in ("post", "put", "patch", "delete", "get") if f"hx-{each}" in found), "")
            path = found.get(f"hx-{verb}") if verb else found.get("action", "")
            self._open = {
                "method": (verb or found.get("method", "get")).upper(),
                "path": path or "",
                "values": {},
                "files": set(),
            }
            self.forms.append(self._open)
        elif self._open is not None:
            self._field(tag, found)

    def _field(self, tag: str, found: dict[str, str]) -> None:
        name = found.get("name", "")
        if tag == "option" and self._select and self._open:
            if "selected" in found or not self._open["values"].get(self._select):
                self._open["values"][self._select] = [found.get("value", "")]
            return
        if not name or name == "csrfmiddlewaretoken" or self._open is None:
            return
        if tag == "select":
            self._select = name
            self._open["values"].setdefault(name, [])
        elif tag in ("input", "textarea", "button"):
            if found.get("type") == "file":
                self._open["files"].add(name)
            if found.get("type") in ("checkbox", "radio") and "checked" not in found and name in self._open["values"]:
                return
            self._open["values"].setdefault(name, []).append(found.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        """Forms and selects end."""
        if tag == "form":
            self._open = None
        if tag == "select":
            self._select = ""


def walk(pages: int, get: Callable[[str], Any]) -> Pool:
    """Follow the links from the first page, a few of each sort, and collect what the pages offer."""
    waiting, seen, sorts = deque(["/", *plain_addresses()]), set[str](), Counter[str]()
    forms: dict[tuple[str, str, tuple[str, ...]], Form] = {}
    offered: Counter[tuple[str, str]] = Counter()
    links: list[str] = []
    while waiting and len(seen) < pages:
        path = waiting.popleft()
        sort = _sort(path)
        if path in seen or not sort or sorts[sort] >= _AT_MOST:
            continue
        seen.add(path)
        sorts[sort] += 1
        answer = get(path)
        if (
            answer is None
            or answer.status_code != 200
            or getattr(answer, "streaming", False)
            or "html" not in answer.get("Content-Type", "")
        ):
            continue
        links.append(path)
        page = _Page()
        page.feed(answer.content.decode("utf-8", "replace"))
        for each in page.forms:
            form = _form(path, each)
            key = (form.method, _sort(form.path), tuple(sorted(form.values)))
            if key[1] and key not in forms and offered[key[:2]] < 8:
                forms[key] = form
                offered[key[:2]] += 1
                if form.method == "GET":
                    waiting.append(form.path)
        waiting.extend(found for found in (_local(path, link) for link in page.links) if found)
    return Pool(list(forms.values()), links, routes(), operations())


def _form(path: str, found: dict[str, Any]) -> Form:
    return Form(
        found["method"], _local(path, found["path"] or path) or path, found["values"], frozenset(found["files"])
    )


def _local(path: str, link: str) -> str:
    whole = urlsplit(urljoin(f"http://testserver{path}", link))
    if whole.netloc != "testserver" or whole.scheme != "http":
        return ""
    return whole.path + (f"?{whole.query}" if whole.query else "")


def _sort(path: str) -> str:
    """The address pattern a path belongs to, and for an address of lists which list it is; empty when there is none."""
    plain = urlsplit(path).path
    try:
        match = resolve(plain)
    except (Resolver404, ValueError, UnicodeError):
        return ""
    told = [str(value) for value in match.kwargs.values() if not str(value).isdecimal()]
    return f"{match.route} {' '.join(told)[:60]}"


def plain_addresses() -> list[str]:
    """Addresses without a parameter."""
    return [f"/{route}" for route in routes() if not _PARAMETER.search(route) and "api/" not in route]


def routes() -> list[str]:
    """Every address of the product, as Django writes it."""
    return sorted({route for route in _routes(get_resolver(), "") if "(?P" not in route and "^" not in route})


def _routes(resolver: Any, before: str) -> Iterator[str]:
    for one in resolver.url_patterns:
        text = before + str(one.pattern)
        if isinstance(one, URLPattern):
            yield text
        else:
            yield from _routes(one, text)


def filled(route: str, value: Callable[[str], str]) -> str:
    """The address with values for its parameters."""
    return "/" + _PARAMETER.sub(lambda found: value(found[1] or "id"), route).lstrip("/")


def parameter(kind: str, chance: random.Random) -> str:
    """A value for a parameter: mostly one that reaches the work."""
    if kind == "int" and chance.random() < 0.85:
        return chance.choice(("1", "2", "5", "40", "0", "999999999", "9223372036854775808", "9" * 40))
    return chance.choice(_IDS)


def operations() -> list[Operation]:
    """Every operation of the API, from its description."""
    document: Any = openapi(api)
    found = []
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            query = tuple(each["name"] for each in about.get("parameters", []) if each["in"] == "query")
            schema = about.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            body = None if schema is None else _plausible(schema, document, 0)
            found.append(Operation(method.upper(), path, query, body if isinstance(body, dict) or body is None else {}))
    return found


def _plausible(schema: Any, document: Any, depth: int) -> Any:
    """A small value of the schema's form."""
    if "$ref" in schema:
        return _plausible(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document, depth + 1)
    for word in ("anyOf", "oneOf", "allOf"):
        if schema.get(word):
            return _plausible(schema[word][0], document, depth + 1)
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object" and depth < 4:
        return {name: _plausible(each, document, depth + 1) for name, each in schema.get("properties", {}).items()}
    if kind == "array":
        return [_plausible(schema.get("items", {}), document, depth + 1)] if depth < 3 else []
    return {"string": "x", "integer": 1, "number": 1, "boolean": True}.get(kind)
