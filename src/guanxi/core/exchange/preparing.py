"""From the cells of staged rows to clean values: filled, references found, parsed; what is wrong is said per row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core.access import allowed
from guanxi.core.exchange import people, subtables
from guanxi.core.exchange.choices import ChoiceMaker
from guanxi.core.exchange.entries import later, readable, split
from guanxi.core.exchange.filling import Filled, Filler
from guanxi.core.exchange.mapping import FieldMap
from guanxi.core.exchange.matchrule import Sought
from guanxi.core.exchange.options import Options
from guanxi.core.exchange.reasons import Reason, of_invalid, reason
from guanxi.core.exchange.rows import Outcome, Ready, RowKeys, Staged
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models.exchange import FAILED
from guanxi.core.records import bulk, cleaning
from guanxi.core.records.drafting import Draft
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of

#: Kinds whose unreadable values may go to the description instead of refusing the row.
NOTED = frozenset((
    "choice", "choices", "region", "phone", "phones", "email", "emails", "url", "urls",
    "integer", "decimal", "money", "percent", "date", "datetime", "boolean",
))  # fmt: skip
#: Fields that keep what could not be read, the first an entity has.
NOTES = ("description", "note")
LISTS = frozenset(("phones", "emails", "urls", "addresses"))


#: Makes the draft of clean values, ``None`` when it cannot be made yet; a new one for each batch.
Drafting = Callable[[Mapping[str, Any]], Draft | None]
KeysOf = Callable[[Mapping[str, Any]], RowKeys]


#: One for all rows, since it is sent with each.
_NO_VALUES: dict[str, Any] = {}


@dataclass(slots=True)
class Begun:
    """A row on its way: raw values, and clean ones with their keys or why it is refused once that is known.

    Of a refused row ``given`` holds what could be read of it, ``None`` if that makes no sense alone.
    """

    row: Staged
    filled: Filled
    reasons: list[Reason] = field(default_factory=list)
    given: dict[str, Any] | None = None
    refused: list[Reason] | None = None
    keys: RowKeys | bytes | None = None
    draft: Draft | None = None


class Preparer:
    """Everything that turns rows into clean values and is the same for all batches of a run."""

    def __init__(
        self,
        actor: Actor,
        entity: Entity,
        fields: Mapping[str, Field],
        mapping: FieldMap,
        options: Options,
        keys_of: KeysOf,
    ) -> None:
        self.actor = actor
        self.entity = entity
        self.options = options
        self.fields = fields
        self.keys_of = keys_of
        self.labels = {name: str(one.label) for name, one in fields.items()}
        self.labels |= {
            f"{name}.{each.name}": subtables.header(one, each) for name, one in fields.items() for each in one.columns
        }
        self.filler = Filler(entity, fields, mapping, clear_blank=options.clear_blank)
        self.colleagues = people.colleagues()
        self.choices = ChoiceMaker(actor, create=options.create_choices)
        self.note = next((name for name in NOTES if name in fields and fields[name].kind == "long_text"), "")
        #: What the rows of the next batch stand under, where that was worked out elsewhere.
        self.sought: Sought | None = None
        self._early: dict[int, Begun] = {}
        self._known: dict[tuple[str, str], Any] = {}

    def look_ahead(self, rows: Sequence[Staged]) -> None:
        """Do for the rows of the next batch what asks nothing of the database, while that is busy with this one."""
        self.expect(self.begin(rows))

    def begin(self, rows: Sequence[Staged], draft: Drafting | None = None) -> list[Begun]:
        """Rows as far as they get without asking what other batches may change; with the drafts of their records."""
        self._known = {}
        begun = [self._begun(row) for row in rows if not _fatal(row)]
        if draft is not None:
            for one in begun:
                if one.given is not None and one.refused is None:
                    one.draft = draft(one.given)
                    if one.draft and self.options.mode == "create":
                        # Its values will not be written on another record: matching asks for no more than this.
                        one.given = {"kind": one.given["kind"]} if "kind" in one.given else _NO_VALUES
        return begun

    def expect(self, begun: Sequence[Begun], sought: Sought | None = None) -> None:
        """Take over rows of the next batch that were begun elsewhere."""
        self._early = {one.row.position: one for one in begun}
        self.sought = sought

    def prepare(
        self, rows: Sequence[Staged], outcomes: dict[int, Outcome], *, write: bool
    ) -> tuple[dict[int, Ready], dict[int, Ready]]:
        """Clean rows by position, and what could be read of those that get their outcome at once, for they are refused."""
        early, self._early = self._early, {}
        if not early:
            self._known = {}
        begun: list[Begun] = []
        for row in rows:
            if found := _fatal(row):
                outcomes[row.position] = Outcome(row.position, FAILED, None, found)
            else:
                begun.append(early.get(row.position) or self._begun(row))
        named = self._named([one.filled for one in begun], write=write)
        ready: dict[int, Ready] = {}
        rests: dict[int, Ready] = {}
        for one in begun:
            if one.given is None and one.refused is None:
                self._finish(one, named)
            position = one.row.position
            if one.refused is not None:
                outcomes[position] = Outcome(position, FAILED, None, [*one.reasons, *one.refused])
            if one.given is not None:
                kept = ready if one.refused is None else rests
                kept[position] = Ready(one.row, one.given, one.reasons, one.keys, one.draft)
        return ready, rests

    def _begun(self, row: Staged) -> Begun:
        """A row as far as it gets without the database: to the end, unless it names others or may add choices."""
        one = Begun(row, self.filler.fill(row.cells), [dict(problem) for problem in row.problems or ()])
        if not one.filled.names and not self.choices.create:
            self._finish(one, {})
            if one.given is not None:
                one.keys = self.keys_of(one.given)
        return one

    def _finish(self, one: Begun, named: Mapping[str, Mapping[str, int]]) -> None:
        wrong = self._resolve(one.filled, named, one.reasons)
        try:
            one.given = self._clean(one.filled.given, one.reasons)
        except Invalid as error:
            wrong |= error.errors or {"": [error]}
            one.given = self._rest(one.filled.given, wrong)
        if wrong:
            one.refused = of_invalid(Invalid.collect(wrong), self.labels)

    # -- references -------------------------------------------------------------------------------------------------

    def _named(self, filled: Sequence[Filled], *, write: bool) -> dict[str, dict[str, int]]:
        """Ids by field and text of all references of the batch."""
        wanted: dict[str, set[str]] = {}
        for one in filled:
            for name, text in one.names.items():
                wanted.setdefault(name, set()).add(text)
        found: dict[str, dict[str, int]] = {}
        for name, texts in wanted.items():
            declared = self.fields[name]
            if declared.kind == "user":
                found[name] = {text: people.colleague(self.colleagues, text) for text in texts}
            elif declared.kind == "tags":
                found[name] = people.tags_named(self.entity, {part for text in texts for part in split(text)})
            else:
                if declared.kind == "references":
                    texts |= {part for text in texts for part in split(text)}
                found[name] = people.records_named(self.actor, declared.target, texts)
                if self.options.create_references and write:
                    self._create_references(name, texts, found[name])
        return found

    def _create_references(self, name: str, texts: Iterable[str], found: dict[str, int]) -> None:
        """Make the records that references name and nobody has yet."""
        target = entity_of(self.fields[name].target)
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        if not missing or "." in target.title or not allowed(self.actor, "create", target):
            return
        made = bulk.create_many(
            self.actor, target, [{target.title: text} for text in missing], quiet=self.options.quiet
        )
        found.update({text: one.pk for text, one in zip(missing, made, strict=True) if not isinstance(one, Invalid)})

    def _resolve(
        self, one: Filled, named: Mapping[str, Mapping[str, int]], reasons: list[Reason]
    ) -> dict[str, list[Invalid]]:
        """Put ids where the file has names; the errors of names that mean nobody or several, by field."""
        wrong: dict[str, list[Invalid]] = {}
        for name, text in one.names.items():
            field = self.fields[name]
            if field.kind == "tags":
                one.given[name] = [named[name][part] for part in split(text) if part in named[name]]
                continue
            if field.kind == "references":
                # A name may itself hold a comma: the whole cell is tried first.
                parts = [text] if named[name].get(text, 0) > 0 else split(text)
                if all(named[name].get(part, 0) > 0 for part in parts):
                    one.given[name] = [named[name][part] for part in parts]
                    continue
            number = named[name].get(text, 0)
            if number > 0:
                one.given[name] = number
                continue
            own = field.kind != "references" and field.target == self.entity.key
            if number == 0 and own and not field.required:
                reasons.append(later(name, text, self.labels[name]))
                continue
            code = "reference.ambiguous" if number == people.AMBIGUOUS else "reference.not_found"
            made = reason(code, field=name, value=text[:200])
            made["values"]["field"] = self.labels[name]
            if self.options.unreadable == "note" and self.note and not field.required:
                self.add_note(one.given, name, text)
                reasons.append(made)
            else:
                message = (
                    _("there is no “%(value)s”.") if code.endswith("found") else _("several are called “%(value)s”.")
                )
                wrong[name] = [Invalid(message % {"value": text[:100]}, code=code, field=name)]
        return wrong

    # -- values -----------------------------------------------------------------------------------------------------

    def _clean(self, given: dict[str, Any], reasons: list[Reason]) -> dict[str, Any]:
        """Clean values; what cannot be read and may be noted goes to the description."""
        self.choices.prepare(self.fields, given, reasons)
        try:
            return cleaning.clean_given(self.fields, given, self._known)
        except Invalid as error:
            if self.options.unreadable != "note" or not self._note_unreadable(given, error, reasons):
                raise
        return cleaning.clean_given(self.fields, given, self._known)

    def _rest(self, given: Mapping[str, Any], wrong: Iterable[str]) -> dict[str, Any] | None:
        """Clean values of the fields nothing is wrong with; ``None`` when they make no sense alone."""
        refused = {name.split(".")[0] for name in wrong}
        with suppress(Invalid):
            return cleaning.clean_given(
                self.fields, {name: one for name, one in given.items() if name not in refused}, self._known
            )
        return None

    def _note_unreadable(self, given: dict[str, Any], error: Invalid, reasons: list[Reason]) -> bool:
        """Move unreadable values to the description; ``False`` when one may not be moved."""
        roots = [name.split(".")[0] for name in error.errors]
        if not self.note or not all(
            root in self.fields and self.fields[root].kind in NOTED and not self.fields[root].required for root in roots
        ):
            return False
        for name, errors in error.errors.items():
            root = name.split(".")[0]
            declared = self.fields[root]
            if root not in given:
                continue
            raw = given.pop(root)
            kept, lost = readable(declared, raw) if declared.kind in LISTS else (None, [str(raw)])
            if kept:
                given[root] = kept
            for text in lost:
                self.add_note(given, root, text)
                reasons.append({
                    "code": "value.unreadable", "field": root,
                    "values": {"field": self.labels[root], "value": text[:200], "reason": str(errors[0]) if errors else ""},
                })  # fmt: skip
        return True

    def add_note(self, given: dict[str, Any], name: str, text: str) -> None:
        """Add a line to the description."""
        line = f"{self.labels[name]}: {text}"
        given[self.note] = f"{given[self.note]}\n{line}" if given.get(self.note) else line


def _fatal(row: Staged) -> list[Reason]:
    """Why the reader of the file says that a row must not be imported; [] if it may."""
    return [dict(problem) for problem in row.problems or () if problem.get("fatal")]
