"""The one error tree. Services raise these; each face translates them once.

GuanxiError
├── Denied        403   the actor sees the thing but may not do this
├── NotFound      404   it does not exist, or not for this actor
├── RuleBroken    409   a rule of the business, or of a state, forbids it
│   └── Conflict  409   somebody else saved first; carries both versions
├── Invalid       422   a value cannot be accepted; may hold one error per field
├── TooMany       429   a rate or quota is used up; carries ``retry_after`` in seconds
└── Unavailable   503   something we need does not answer
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise


class GuanxiError(Exception):
    """Base of all expected errors.

    ``code`` is a stable dotted name for programs, ``message`` a translatable sentence for people,
    ``field`` the name of the field it belongs to (empty when it concerns the whole request) and
    ``details`` plain data a face may show.
    """

    status: ClassVar[int] = 500
    default_code: ClassVar[str] = "error"
    default_message: ClassVar[Text] = _("Something went wrong.")

    def __init__(
        self,
        message: Text | None = None,
        *,
        code: str = "",
        field: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        self.message: Text = message if message is not None else self.default_message
        self.code = code or self.default_code
        self.field = field
        self.details: dict[str, Any] = dict(details or {})
        super().__init__(self.code)

    def __str__(self) -> str:
        return str(self.message)

    @property
    def sentences(self) -> list[str]:
        """What it tells people: its message, or those of the fields it carries, each once."""
        return [str(self.message)]


class Denied(GuanxiError):
    """The actor may not do this."""

    status = 403
    default_code = "access.denied"
    default_message = _("You do not have the right to do this.")


class NotFound(GuanxiError):
    """The thing does not exist for this actor; the same answer whether it is hidden or absent."""

    status = 404
    default_code = "record.not_found"
    default_message = _("This record does not exist, or you may not see it.")


class RuleBroken(GuanxiError):
    """A rule forbids it in the present state."""

    status = 409
    default_code = "rule.broken"
    default_message = _("A rule does not allow this now.")


@dataclass(frozen=True, slots=True)
class Clash:
    """One field that two people changed: what I sent, what is stored now, what I started from."""

    field: str
    label: str
    mine: Any
    theirs: Any
    original: Any


class Conflict(RuleBroken):
    """Somebody else saved first. ``clashes`` lists the fields both changed; ``version`` is the stored one."""

    default_code = "record.conflict"
    default_message = _("Somebody else changed this record in the meantime.")

    def __init__(self, clashes: Sequence[Clash], *, version: int, message: Text | None = None) -> None:
        super().__init__(message, details={"version": version})
        self.clashes = tuple(clashes)
        self.version = version


class Invalid(GuanxiError):
    """A value cannot be accepted. ``errors`` gives one list of errors per field name ('' for the whole)."""

    status = 422
    default_code = "value.invalid"
    default_message = _("Some values cannot be accepted.")

    def __init__(
        self,
        message: Text | None = None,
        *,
        code: str = "",
        field: str = "",
        details: Mapping[str, Any] | None = None,
        errors: Mapping[str, Sequence[Invalid]] | None = None,
    ) -> None:
        super().__init__(message, code=code, field=field, details=details)
        self._errors = {name: list(found) for name, found in (errors or {}).items()}

    @property
    def errors(self) -> dict[str, list[Invalid]]:
        """The errors by field; of an error of one field it is the only one.

        It is not kept within itself: such a ring would hold, by its frames, all that was at work.
        """
        return {self.field: [self]} if self.field and not self._errors else self._errors

    @property
    def sentences(self) -> list[str]:
        inner = [str(one.message) for found in self.errors.values() for one in found]
        return list(dict.fromkeys(inner)) or super().sentences

    @classmethod
    def collect(cls, found: Mapping[str, Sequence[Invalid]]) -> Invalid:
        """One error that carries those of several fields; its message is the first one's if there is only one."""
        only = [error for errors in found.values() for error in errors]
        first = only[0] if len(only) == 1 else None
        return cls(
            first.message if first else None,
            code=first.code if first else "",
            errors=found,
        )


class TooMany(GuanxiError):
    """A rate or quota is used up; ``retry_after`` says in how many seconds to try again."""

    status = 429
    default_code = "rate.exceeded"
    default_message = _("Too many requests. Please wait a moment.")

    def __init__(self, message: Text | None = None, *, code: str = "", retry_after: int = 1) -> None:
        super().__init__(message, code=code, details={"retry_after": retry_after})
        self.retry_after = retry_after


class Unavailable(GuanxiError):
    """Something outside does not answer."""

    status = 503
    default_code = "service.unavailable"
    default_message = _("A service we need does not answer at the moment.")
