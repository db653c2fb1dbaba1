"""Settings of a file made those of the workspace: table after table, checked as their editors check them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import DatabaseError, models, transaction
from django.utils.translation import gettext as _

from guanxi.core.exchange.settings_document import Row, row_name, row_out, value_out
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid, RuleBroken
from guanxi.core.models.record import Record
from guanxi.core.models.stamps import bump
from guanxi.core.records import saving
from guanxi.core.records.settings_registry import SettingsModel, settings_models
from guanxi.core.schema.registry import entity_of, is_registered

Check = Callable[[Actor, Any], None]


class Applying:
    """One application, table after table, in a transaction."""

    def __init__(self, actor: Actor, *, complete: bool) -> None:
        self.actor, self.complete = actor, complete
        self.stamps: set[str] = set()
        self.writes = 0
        #: Rows stored, or with rows below them that were, to be checked at the end: by table and id.
        self.touched: dict[tuple[str, Any], tuple[Check, Any, str]] = {}

    def run(self, wanted: Mapping[str, Any]) -> None:
        """Store what the document says. Raises Invalid or RuleBroken naming the row."""
        tables = [one for one in settings_models() if one.key in wanted]
        for one in tables:
            self.rows(one, wanted[one.key], None, one.key)
            if one.done is not None:
                bump(*one.stamps)
                one.done()
        if self.complete:
            for one in reversed([one for one in tables if not one.stays]):
                self.remove(one, wanted[one.key], None)
        if self.stamps:
            bump(*self.stamps)
        self.check()

    def check(self) -> None:
        """Ask the editors' own checks of every row that was touched, in the order they were written."""
        for check, row, place in self.touched.values():
            try:
                check(self.actor, row)
            except (ValidationError, GuanxiError) as error:
                raise _refused(place, error) from None

    def touch(self, one: SettingsModel, row: Any, place: str) -> None:
        """Note a row whose editor has to agree."""
        if one.check is not None:
            self.touched[row._meta.label, row.pk] = (one.check, row, place)

    def rows(self, one: SettingsModel, rows: Sequence[Row], parent: Any, place: str) -> None:
        """Store rows; those that refer to rows further down wait for them. Then what belongs to each."""
        self.stamps.update(one.stamps)
        waiting, stored = list(rows), list[tuple[Row, Any]]()
        while waiting:
            left = []
            for row in waiting:
                try:
                    stored.append((row, self.row(one, row, parent, f"{place}/{row_name(one, row)}")))
                except ObjectDoesNotExist:
                    left.append(row)
            if len(left) == len(waiting):
                if one.lenient:
                    break
                raise Invalid(
                    _("“%(place)s” refers to something that is not there.")
                    % {"place": f"{place}/{row_name(one, left[0])}"},
                    code="settings.reference",
                )
            waiting = left
        for row, made in stored:
            here, before = f"{place}/{row_name(one, row)}", self.writes
            for child in one.children:
                if child.key in row:
                    self.rows(child, row[child.key], made, f"{here}/{child.key}")
                    if self.complete:
                        self.remove(child, row[child.key], made)
            if self.writes != before:
                self.touch(one, made, here)

    def row(self, one: SettingsModel, row: Row, parent: Any, place: str) -> Any:
        found = self.find(one, row, parent)
        values = {
            name: self.value(one, name, row[name], parent) for name in (*one.identity, *one.fields) if name in row
        }
        creating = found is None
        if found is None:
            found = one.model(**{**(dict(one.defaults(self.actor)) if one.defaults else {}), **values})
            if parent is not None:
                setattr(found, one.parent, parent)
        told = {} if creating else row_out(one, found)
        for name, value in values.items():
            if creating or told[name] != row[name]:
                setattr(found, name, value)
        back = getattr(found, "deleted_at", None) is not None
        if creating or back or any(told[name] != row[name] for name in values):
            self.store(one, found, creating=creating, place=place)
        return found

    def find(self, one: SettingsModel, row: Row, parent: Any) -> Any:
        manager = getattr(one.model, "everything", None) or one.model._default_manager
        limits = {name: self.value(one, name, row[name], parent) for name in one.identity}
        if parent is not None:
            limits[one.parent] = parent
        order = ["deleted_at", "pk"] if issubclass(one.model, Record) else ["pk"]
        return manager.filter(**limits, **one.where).order_by(*order).first()

    def value(self, one: SettingsModel, name: str, value: Any, parent: Any) -> Any:
        if name in one.references:
            if value is None:
                return None
            reference = one.references[name]
            limits = {reference.by: value}
            if reference.within:
                limits[reference.within] = getattr(parent, reference.within)
            return reference.model._default_manager.get(**limits)
        if name in one.coded:
            return one.coded[name].back(value)
        return value

    def store(self, one: SettingsModel, found: Any, *, creating: bool, place: str) -> None:
        if hasattr(found, "deleted_at"):
            found.deleted_at = found.deleted_by_id = None
        try:
            for column in found._meta.concrete_fields:
                if column.name in (*one.fields, *one.identity) and not column.is_relation:
                    setattr(found, column.attname, column.to_python(getattr(found, column.attname)))
            with transaction.atomic():
                if is_registered(one.model):
                    saving.save(self.actor, found, creating=creating)
                else:
                    if hasattr(found, "version") and not creating:
                        found.version += 1
                    found.save(force_insert=creating)
        except (ValidationError, DatabaseError, GuanxiError) as error:
            raise _refused(place, error) from None
        self.writes += 1
        self.touch(one, found, place)
        if one.after is not None:
            one.after(found, creating)

    def remove(self, one: SettingsModel, wanted: Sequence[Row], parent: Any) -> None:
        """Rows a complete file does not have go; one in use is retired, or else refused."""
        rows = one.model._default_manager.filter(**one.where)
        rows = rows.filter(**{one.parent: parent}) if parent is not None else rows
        names = {row_name(one, row) for row in wanted}
        for row in rows:
            name = row_name(one, {word: value_out(one, row, word) for word in one.identity})
            if name not in names:
                self.take_away(one, row, name)

    def take_away(self, one: SettingsModel, row: Any, name: str) -> None:
        self.stamps.update(one.stamps)
        self.writes += 1
        try:
            if one.before_remove is not None:
                one.before_remove(row)
            with transaction.atomic():
                if is_registered(one.model) and issubclass(one.model, Record):
                    saving.trash(self.actor, entity_of(one.model), [row.pk])
                else:
                    row.delete()
        except (models.ProtectedError, DatabaseError, GuanxiError):
            if not one.retire:
                raise RuleBroken(
                    _("“%(name)s” is in use and cannot be removed.") % {"name": f"{one.key}/{name}"},
                    code="settings.used",
                ) from None
            setattr(row, one.retire, False)
            row.save(update_fields=[one.retire])


def _refused(place: str, error: Exception) -> Invalid:
    """The error of a row, with its place in the file."""
    if isinstance(error, ValidationError):
        reason = "; ".join(error.messages)
    elif isinstance(error, GuanxiError):
        reason = "; ".join(error.sentences)
    else:
        reason = str(error)
    return Invalid(
        _("“%(place)s” cannot be stored: %(reason)s")
        % {"place": place, "reason": reason.splitlines()[0][:300] if reason else "?"},
        code="settings.row",
    )
