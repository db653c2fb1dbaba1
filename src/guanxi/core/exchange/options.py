"""How a file is brought in, as chosen by the person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from django.utils.translation import gettext as _

from guanxi.core.kernel.errors import Invalid

Mode = Literal["create", "update", "both"]
MODES = ("create", "update", "both")
UNREADABLE = ("note", "refuse")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """``mode``: make new records, change existing ones, or both.

    ``match``: the match rule, alternatives in order, each one field or several joined by ``+`` (empty: the entity's own).
    ``keep_filled``: no filled field is overwritten. ``clear_blank``: an empty cell empties the field.
    ``unreadable``: ``note`` keeps what nobody can read (a choice, phone, number, date …) in the description and says so;
    ``refuse`` refuses the row. ``create_choices`` adds unknown values to dictionaries (administrators).
    ``create_references`` makes the records named in references when there are none (a contact's company).
    ``owner`` is the user id of the owner of new records (0: whoever imports, ``None``: nobody); where a column names the
    owners, a blank cell there means nobody. ``quiet`` sends no events: automation rules do not run.
    """

    mode: Mode = "both"
    match: tuple[str, ...] = ()
    keep_filled: bool = False
    clear_blank: bool = False
    unreadable: Literal["note", "refuse"] = "note"
    create_choices: bool = False
    create_references: bool = False
    owner: int | None = 0
    quiet: bool = False

    def owner_for(self, importer: int | None) -> int | None:
        """The user id of who owns the new records that a file names no owner of; ``None`` for nobody."""
        return importer if self.owner == 0 else self.owner

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "match": list(self.match)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Options:
        """The counterpart of ``as_json``. Raises Invalid for an unknown mode."""
        known = {one.name for one in fields(cls)}
        given = {name: value for name, value in data.items() if name in known}
        if isinstance(given.get("match"), str):
            given["match"] = [part for part in given["match"].split(",") if part.strip()]
        given["match"] = tuple(str(part).strip() for part in given.get("match") or ())
        options = cls(**given)
        if options.mode not in MODES:
            raise Invalid(
                _("There is no import mode “%(name)s”.") % {"name": options.mode}, code="import.mode", field="mode"
            )
        if options.unreadable not in UNREADABLE:
            raise Invalid(_("Choose note or refuse."), code="import.unreadable", field="unreadable")
        return options
