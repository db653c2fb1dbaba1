"""The settings of the workspace as one readable file: written, compared, applied all or nothing, kept in versions.

The file is JSON: tables by their words, rows by their stable keys in order, so that the same settings always make the same
bytes. A ``complete`` file (an export) makes the workspace the same as itself; another one (a pack) only adds and changes.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import DatabaseError, models, transaction
from django.utils.translation import gettext as _

from guanxi.core.access.features import SETTINGS, require_feature
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.errors import Denied, GuanxiError, Invalid, RuleBroken
from guanxi.core.models import SettingsVersion
from guanxi.core.models.record import Record
from guanxi.core.models.stamps import bump
from guanxi.core.records import saving
from guanxi.core.records.settings_registry import SettingsModel, settings_models
from guanxi.core.records.writing import writing
from guanxi.core.schema.registry import entity_of, is_registered

HEAD = "guanxi"
FORMAT = 1
LONGEST = 30_000_000
#: Versions kept.
KEPT = 200
#: The sort of a version that is only held, not kept.
SENT = "sent"
Row = dict[str, Any]
Document = dict[str, Any]


# -- writing -----------------------------------------------------------------------------------------------------------


def document() -> Document:
    """The present settings as plain data."""
    found: Document = {HEAD: {"format": FORMAT, "complete": True}}
    for one in settings_models():
        found[one.key] = _rows_out(one, one.model._default_manager.filter(**one.where))
    return found


def text_of(content: Mapping[str, Any]) -> str:
    """A document as the file's text: always the same for the same content."""
    return json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def export(actor: Actor) -> str:
    """The settings as a file. Raises Denied without the feature ``settings``."""
    require_feature(actor, SETTINGS)
    return text_of(document())


def _rows_out(one: SettingsModel, rows: models.QuerySet[Any]) -> list[Row]:
    made: dict[str, Row] = {}
    children = {child.key: _children_out(child, rows) for child in one.children}
    for row in rows.order_by("pk"):
        told = _row_out(one, row)
        for key, by_parent in children.items():
            told[key] = by_parent.get(row.pk, [])
        made.setdefault(row_name(one, told), told)
    return [made[name] for name in sorted(made)]


def _children_out(child: SettingsModel, parents: models.QuerySet[Any]) -> dict[Any, list[Row]]:
    """Rows of a child table by their parent, deeper ones included."""
    rows = child.model._default_manager.filter(**{f"{child.parent}__in": parents.order_by()}, **child.where)
    deeper = {below.key: _children_out(below, rows) for below in child.children}
    found: dict[Any, dict[str, Row]] = {}
    for row in rows.order_by("pk"):
        told = _row_out(child, row)
        for key, by_parent in deeper.items():
            told[key] = by_parent.get(row.pk, [])
        found.setdefault(getattr(row, f"{child.parent}_id"), {}).setdefault(row_name(child, told), told)
    return {parent: [some[name] for name in sorted(some)] for parent, some in found.items()}


def _row_out(one: SettingsModel, row: Any) -> Row:
    return {name: _value_out(one, row, name) for name in (*one.identity, *one.fields)}


def _value_out(one: SettingsModel, row: Any, name: str) -> Any:
    if name in one.references:
        target = getattr(row, name)
        return getattr(target, one.references[name].by) if target is not None else None
    value = getattr(row, name)
    if name in one.coded:
        return one.coded[name].out(value)
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    return value


def row_name(one: SettingsModel, row: Mapping[str, Any]) -> str:
    """What a row is called within its table."""
    return "/".join(str(row.get(name, "")) for name in one.identity)


# -- reading -----------------------------------------------------------------------------------------------------------


def read(content: str) -> Document:
    """A file's document, its shape checked. Raises Invalid naming the place."""
    if len(content) > LONGEST:
        raise Invalid(_("This file is too large."), code="settings.large")
    try:
        found: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Invalid(
            _("This is no settings file: %(reason)s") % {"reason": str(error)[:200]}, code="settings.json"
        ) from None
    head = found.get(HEAD) if isinstance(found, dict) else None
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise Invalid(_("This is no settings file, or of another version."), code="settings.format")
    known = {one.key: one for one in settings_models()}
    for key, rows in found.items():
        if key == HEAD:
            continue
        if key not in known:
            raise Invalid(_("Nobody knows the settings “%(key)s”.") % {"key": key}, code="settings.unknown", field=key)
        _check_rows(known[key], rows, key)
    return dict(found)


def _check_rows(one: SettingsModel, rows: Any, place: str) -> None:
    if not isinstance(rows, list):
        raise Invalid(_("“%(place)s” must be a list.") % {"place": place}, code="settings.shape", field=place)
    words = {*one.identity, *one.fields, *(child.key for child in one.children)}
    seen = set()
    for number, row in enumerate(rows):
        here = f"{place}[{number}]"
        if not isinstance(row, dict) or any(row.get(name) is None for name in one.identity):
            raise Invalid(_("“%(place)s” lacks its key.") % {"place": here}, code="settings.shape", field=here)
        for name in row:
            if name not in words:
                raise Invalid(
                    _("“%(place)s” has an unknown word “%(name)s”.") % {"place": here, "name": name},
                    code="settings.shape",
                    field=here,
                )
        if row_name(one, row) in seen:
            raise Invalid(
                _("“%(place)s” is there twice.") % {"place": f"{place}/{row_name(one, row)}"},
                code="settings.twice",
                field=here,
            )
        seen.add(row_name(one, row))
        for child in one.children:
            _check_rows(child, row.get(child.key, []), f"{here}.{child.key}")


# -- comparing ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that would be added, changed or removed; ``fields`` are (name, before, after)."""

    sort: str
    table: str
    name: str
    fields: tuple[tuple[str, Any, Any], ...] = ()


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """What applying ``after`` would change. Tables a file does not mention stay; rows it lacks go only if it is complete."""
    complete = bool(after.get(HEAD, {}).get("complete"))
    found: list[Difference] = []
    for one in settings_models():
        if one.key in after:
            found += _differ(one, before.get(one.key, []), after[one.key], one.key, complete=complete)
    return found


def _differ(
    one: SettingsModel, before: Sequence[Row], after: Sequence[Row], table: str, *, complete: bool
) -> Iterable[Difference]:
    old = {row_name(one, row): row for row in before}
    new = {row_name(one, row): row for row in after}
    for name, row in new.items():
        known = old.get(name)
        if known is None:
            yield Difference(
                "add", table, name, tuple((field, None, row[field]) for field in one.fields if field in row)
            )
            known = {}
        else:
            changed = tuple(
                (field, known[field], row[field]) for field in one.fields if field in row and row[field] != known[field]
            )
            if changed:
                yield Difference("change", table, name, changed)
        for child in one.children:
            if child.key in row:
                yield from _differ(
                    child, known.get(child.key, []), row[child.key], f"{table}/{name}/{child.key}", complete=complete
                )
    if complete:
        for name in old.keys() - new.keys():
            yield Difference("remove", table, name)


def diff(actor: Actor, content: str) -> list[Difference]:
    """What applying a file would change. Raises Denied, Invalid."""
    require_feature(actor, SETTINGS)
    return differences(document(), read(content))


# -- applying ----------------------------------------------------------------------------------------------------------


def apply(actor: Actor, content: str, *, comment: str = "") -> list[Difference]:
    """Make the settings those of a file, all or nothing; what was changed. Doing it again changes nothing.

    Only for whoever has all rights, for a file may give rights. The state before and after is kept as a version.
    Raises Denied, Invalid or RuleBroken naming the row, and then nothing was changed.
    """
    if not (actor.is_system or actor.rights.everything):
        raise Denied(_("Only somebody with all rights may apply settings."), code="settings.all_rights")
    wanted = read(content)
    with writing(actor):
        keep(actor, "before", comment)
        found = differences(document(), wanted)
        if found:
            Applying(actor, complete=bool(wanted[HEAD].get("complete"))).run(wanted)
            keep(actor, "applied", comment)
    return found


class Applying:
    """One application, table after table, in a transaction."""

    def __init__(self, actor: Actor, *, complete: bool) -> None:
        self.actor, self.complete = actor, complete
        self.stamps: set[str] = set()

    def run(self, wanted: Mapping[str, Any]) -> None:
        tables = [one for one in settings_models() if one.key in wanted]
        for one in tables:
            self.rows(one, wanted[one.key], None, one.key)
            if one.done is not None:
                bump(*one.stamps)
                one.done()
        if self.complete:
            for one in reversed(tables):
                self.remove(one, wanted[one.key], None)
        if self.stamps:
            bump(*self.stamps)

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
                raise Invalid(
                    _("“%(place)s” refers to something that is not there.")
                    % {"place": f"{place}/{row_name(one, left[0])}"},
                    code="settings.reference",
                )
            waiting = left
        for row, made in stored:
            for child in one.children:
                if child.key in row:
                    self.rows(child, row[child.key], made, f"{place}/{row_name(one, row)}/{child.key}")
                    if self.complete:
                        self.remove(child, row[child.key], made)

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
        told = {} if creating else _row_out(one, found)
        for name, value in values.items():
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
            reason = "; ".join(error.messages) if isinstance(error, ValidationError) else str(error)
            raise Invalid(
                _("“%(place)s” cannot be stored: %(reason)s")
                % {"place": place, "reason": reason.splitlines()[0][:300] if reason else "?"},
                code="settings.row",
            ) from None
        if one.after is not None:
            one.after(found, creating)

    def remove(self, one: SettingsModel, wanted: Sequence[Row], parent: Any) -> None:
        """Rows a complete file does not have go; one in use is retired, or else refused."""
        rows = one.model._default_manager.filter(**one.where)
        rows = rows.filter(**{one.parent: parent}) if parent is not None else rows
        names = {row_name(one, row) for row in wanted}
        for row in rows:
            name = row_name(one, {word: _value_out(one, row, word) for word in one.identity})
            if name not in names:
                self.take_away(one, row, name)

    def take_away(self, one: SettingsModel, row: Any, name: str) -> None:
        self.stamps.update(one.stamps)
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


# -- versions ----------------------------------------------------------------------------------------------------------


def versions() -> models.QuerySet[SettingsVersion]:
    """The versions kept, newest first."""
    return SettingsVersion.objects.exclude(sort=SENT).order_by("-id")


def hold(actor: Actor, content: str) -> SettingsVersion:
    """Hold a file somebody sent until he says whether to apply it; an earlier one of his goes."""
    require_feature(actor, SETTINGS)
    read(content)
    SettingsVersion.objects.filter(sort=SENT, by_id=actor.user_id).delete()
    digest = hashlib.sha256(content.encode()).hexdigest()
    return SettingsVersion.objects.create(
        at=clock.now(), by_id=actor.user_id, sort=SENT, digest=digest, content=content
    )


def keep(actor: Actor, sort: str = "kept", comment: str = "") -> SettingsVersion | None:
    """Keep the present settings as a version, unless they are those of the last one."""
    content = text_of(document())
    digest = hashlib.sha256(content.encode()).hexdigest()
    last = versions().first()
    if last is not None and last.digest == digest:
        return None
    made = SettingsVersion.objects.create(
        at=clock.now(), by_id=actor.user_id, sort=sort, comment=comment[:300], digest=digest, content=content
    )
    old = versions().values_list("pk", flat=True)[KEPT:]
    SettingsVersion.objects.filter(pk__in=list(old)).delete()
    return made


def keep_changed() -> bool:
    """Keep a version when somebody changed settings on the pages; called by a job."""
    with transaction.atomic():
        return keep(system_actor("settings")) is not None


def revert(actor: Actor, version: SettingsVersion) -> list[Difference]:
    """Make the settings those of a version again."""
    return apply(
        actor,
        version.content,
        comment=_("back to the version of %(moment)s") % {"moment": version.at.isoformat(timespec="minutes")},
    )
