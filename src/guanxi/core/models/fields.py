"""Model fields that carry a kind of value, so that the declaration need not repeat it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from json import JSONDecoder
from typing import Any

from django.db import models

from guanxi.core.schema.fields import Field


class KindMixin:
    """A model field that knows its kind and further attributes of the declared field."""

    kind: str = "text"
    spec: dict[str, Any]


class ChoiceField(KindMixin, models.CharField):  # type: ignore[type-arg]
    """The key of a dictionary value (``dictionary``) or of a fixed choice (``choices``)."""

    kind = "choice"

    def __init__(self, *args: Any, dictionary: str = "", **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 60)
        kwargs.setdefault("blank", True)
        kwargs.setdefault("default", "")
        self.spec = {"dictionary": dictionary} if dictionary else {}
        super().__init__(*args, **kwargs)


class RegionField(KindMixin, models.CharField):  # type: ignore[type-arg]
    """The code of a region; codes of lower regions begin with those of the higher ones."""

    kind = "region"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 12)
        kwargs.setdefault("blank", True)
        kwargs.setdefault("default", "")
        self.spec = {}
        super().__init__(*args, **kwargs)


#: What ``json.loads`` ends in, without the steps before: PostgreSQL writes no space around a value.
_scan: Callable[[str, int], tuple[Any, int]] = JSONDecoder().scan_once  # type: ignore[attr-defined]


class QuickJSONField(models.JSONField):
    """JSON that is empty in most rows: what is empty is told without a parser. For migrations a plain ``JSONField``."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """What the database sent, as Python; each row has its own."""
        if value == "[]":
            return []
        if value == "{}":
            return {}
        if type(value) is str and self.decoder is None:
            with suppress(StopIteration, ValueError):
                return _scan(value, 0)[0]
        return super().from_db_value(value, expression, connection)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField" if type(self) is QuickJSONField else path, args, kwargs


class ListField(KindMixin, QuickJSONField):
    """A list of entries (phones, e-mails, addresses, rows of a table) in one JSON column, never null."""

    def __init__(self, *args: Any, kind: str = "table", columns: tuple[Field, ...] = (), **kwargs: Any) -> None:
        kwargs.setdefault("default", list)
        kwargs.setdefault("blank", True)
        self.kind = kind
        self.spec = {"columns": columns} if columns else {}
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "kind": self.kind}


class MoneyField(KindMixin, models.DecimalField):  # type: ignore[type-arg]
    """An amount; ``currency`` names the field that holds its currency."""

    kind = "money"

    def __init__(self, *args: Any, currency: str = "currency", **kwargs: Any) -> None:
        kwargs.setdefault("max_digits", 18)
        kwargs.setdefault("decimal_places", 2)
        kwargs.setdefault("null", True)
        kwargs.setdefault("blank", True)
        self.spec = {"currency": currency}
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        """With what Django leaves out because it is its own usual, which is not ours: a migration rebuilds the field as it is."""
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "null": self.null, "blank": self.blank}


class TextKindField(KindMixin, models.CharField):  # type: ignore[type-arg]
    """One line of text of a special kind: phone, email, url, serial."""

    def __init__(self, *args: Any, kind: str = "text", **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 254)
        kwargs.setdefault("blank", True)
        kwargs.setdefault("default", "")
        self.kind = kind
        self.spec = {}
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "kind": self.kind}


class RichTextField(KindMixin, models.TextField):  # type: ignore[type-arg]
    """Formatted text; cleaned by the one sanitiser on the way in."""

    kind = "rich_text"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("blank", True)
        kwargs.setdefault("default", "")
        self.spec = {}
        super().__init__(*args, **kwargs)


class FileField(KindMixin, models.ForeignKey):  # type: ignore[type-arg]
    """A file or picture of the record, kept with its other files."""

    def __init__(self, verbose_name: Any = None, *, kind: str = "file", **kwargs: Any) -> None:
        kwargs.setdefault("verbose_name", verbose_name)
        kwargs.setdefault("to", "core.File")
        kwargs.setdefault("on_delete", models.SET_NULL)
        kwargs.setdefault("null", True)
        kwargs.setdefault("blank", True)
        kwargs.setdefault("related_name", "+")
        self.kind = kind
        self.spec = {}
        super().__init__(**kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "kind": self.kind}
