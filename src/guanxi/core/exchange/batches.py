"""One batch of staged rows: filled, checked, matched, written, accounted for; all in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, NamedTuple

from guanxi.core.access import allowed, visible
from guanxi.core.exchange import companions, subtables
from guanxi.core.exchange.entries import united
from guanxi.core.exchange.mapping import AUTHORSHIP, FieldMap, importable_fields
from guanxi.core.exchange.matchrule import Found, Matcher, Sought, rule_of
from guanxi.core.exchange.once import Once
from guanxi.core.exchange.options import Options
from guanxi.core.exchange.preparing import LISTS, Begun, Preparer
from guanxi.core.exchange.reasons import Reason, of_doubts, of_invalid, reason
from guanxi.core.exchange.rows import Outcome, Ready, Staged
from guanxi.core.exchange.trial import Trial
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Operation
from guanxi.core.models.exchange import CREATED, FAILED, SKIPPED, UPDATED
from guanxi.core.records import display, many, matching, shape, values
from guanxi.core.records.drafting import Draft, Drafter, draftable, insert_drafts
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of

#: What a row means that shares nothing with any other.
_NOBODY = Found()


class _Meant(NamedTuple):
    """Records that rows mean, by id; names of others that are alike; ids that may be seen, and changed."""

    records: Mapping[int, Any]
    names: Mapping[int, str]
    seen: set[int]
    changeable: set[int]


class Batcher:
    """Everything that is the same for all batches of a run. Make it once, call :meth:`run` for each batch."""

    def __init__(self, actor: Actor, entity: Entity | str, mapping: FieldMap, options: Options) -> None:
        self.actor = actor
        self.entity = entity_of(entity)
        self.options = options
        self.fields = importable_fields(actor, self.entity)
        self.companions = companions.writers(actor, self.entity, mapping, options)
        self.mapping = mapping = mapping.own()
        self.tables = subtables.tables_of(self.fields, mapping)
        self.touched: set[int] = set()
        self.rule = rule_of(self.entity, self.fields, options.match, (*mapping.fields(), *mapping.defaults))
        # Records that rows mean are only ever changed, and so locked, where a mode changes any.
        lock, unsaid = options.mode != "create", matching.unseen(actor, self.entity)
        self.matcher = Matcher(self.entity, self.fields, self.rule, lock=lock, unsaid=unsaid)
        self.preparer = Preparer(actor, self.entity, self.fields, mapping, options, self.matcher.keys_of)
        self.labels = self.preparer.labels
        self.keep = {target.field for target in mapping.targets.values() if target.keep or options.keep_filled}
        self.note = self.preparer.note
        self.search_later = False
        self.once = Once(self.entity.model)
        self.trial = Trial(self.entity, self.matcher.heads, self.matcher.keys_held)

    def begin(self, rows: Sequence[Staged]) -> list[Begun]:
        """Rows of a batch to come as far as they get, with the drafts of the records they would make if that is possible."""
        if self.tables or not (self.search_later and self.options.mode != "update" and draftable(self.entity)):
            return self.preparer.begin(rows)
        drafter, usual = Drafter(self.actor, self.entity), self._usual()

        def draft(given: Mapping[str, Any]) -> Draft | None:
            made = drafter.draft({**usual, **given})
            return None if isinstance(made, Invalid) else made

        with drafter.watching():
            return self.preparer.begin(rows, draft)

    def run(self, rows: Sequence[Staged], *, operation: Operation | None, write: bool = True) -> list[Outcome]:
        """Outcomes of the rows, one each, in order. ``write=False`` only says what would become of them, after the rows it
        was asked of before."""
        outcomes: dict[int, Outcome] = {}
        self.matcher.trial = None if write else self.trial
        ready, rests = self.preparer.prepare(rows, outcomes, write=write)
        self._look_through(rests, outcomes)
        followers: dict[int, int] = {}
        if self.tables:
            followers, refused = subtables.fold(ready, self.fields, self.tables)
            for position, error in refused.items():
                outcomes[position] = Outcome(position, FAILED, None, of_invalid(error, self.labels))
        sought, self.preparer.sought = self.preparer.sought, None
        while ready:
            ready = self._round(ready, sought, outcomes, operation, write=write)
            sought = None
        for position, head in followers.items():
            first = outcomes[head]
            outcome = UPDATED if first.outcome == CREATED else first.outcome
            outcomes[position] = Outcome(position, outcome, first.record_id, first.reasons if outcome == FAILED else [])
        for companion in self.companions:
            companion.bring(rows, outcomes, operation, write=write)
        for one in outcomes.values():
            if one.record_id is not None and one.record_id < 0:
                one.record_id = None  # it is not stored
        return [outcomes[row.position] for row in rows]

    def _look_through(self, rests: dict[int, Ready], outcomes: Mapping[int, Outcome]) -> None:
        """Add to the reasons of refused rows what would be wrong with the rest of them, so that they are mended at once."""
        if not rests:
            return
        found = self.matcher.find({position: one.given for position, one in rests.items()})
        new = [(position, one) for position, one in rests.items() if not found.get(position, _NOBODY).records]
        if self.options.mode == "update" or not new:
            return
        usual = self._usual()
        made = many.insert_many(
            self.actor, self.entity, [{**usual, **one.given} for _position, one in new], operation=None, write=False
        )
        for (position, _one), result in zip(new, made, strict=True):
            if isinstance(result, Invalid):
                told = outcomes[position].reasons
                known = {one.get("field", "").split(".")[0] for one in told}
                more = of_invalid(result, self.labels)
                told += [one for one in more if one["field"] and one["field"].split(".")[0] not in known]

    # -- matching and writing ---------------------------------------------------------------------------------------

    def _round(
        self,
        ready: dict[int, Ready],
        sought: Sought | None,
        outcomes: dict[int, Outcome],
        operation: Operation | None,
        *,
        write: bool,
    ) -> dict[int, Ready]:
        """Decide and write all rows that mean no earlier row of the batch; returns those that wait for one."""
        known = {position: one.keys for position, one in ready.items() if one.keys is not None}
        found = self.matcher.find({position: one.given for position, one in ready.items()}, known, sought)
        meant_by = self._meant(found)
        if self.tables:
            self.touched |= subtables.touched(operation, list(meant_by.records))
        create: list[Ready] = []
        change: list[tuple[Ready, Any]] = []
        waiting: dict[int, Ready] = {}
        for position, one in ready.items():
            meant = found.get(position, _NOBODY)
            if meant.earlier is not None and (self.options.mode != "create" or self.tables):
                waiting[position] = one
                continue
            verdict = self._verdict(one, meant, meant_by, ready)
            if isinstance(verdict, Outcome):
                outcomes[position] = verdict
            elif verdict is None:
                if meant.similar:
                    one.reasons.append(self._similar(meant, meant_by))
                create.append(one)
            elif any(verdict is other for _one, other in change) and write:
                waiting[position] = one
            else:
                change.append((one, verdict))
        self._create([one for one in create if self._first(one, outcomes)], outcomes, operation, write=write)
        if write:
            self._change(change, outcomes, operation)
        else:
            waiting = dict(sorted((waiting | self._try(change, outcomes)).items()))
        return waiting

    def _meant(self, found: Mapping[int, Found]) -> _Meant:
        """The records that rows mean, whole; the names of those merely alike; and what may be seen and changed of them."""
        certain = {number for one in found.values() for number in one.records}
        alike = {number for one in found.values() for number in one.similar}
        if not certain | alike:
            return _Meant({}, {}, set(), set())
        rows = self.entity.model._default_manager
        seen = set(visible(rows.filter(pk__in=certain | alike), self.actor).values_list("pk", flat=True))
        change = (
            set(visible(rows.filter(pk__in=certain), self.actor, "change").values_list("pk", flat=True))
            if certain and (self.options.mode != "create" or self.tables)
            else set()
        )
        records = {one.pk: one for one in rows.filter(pk__in=certain)} if certain else {}
        tried = self.trial.latest(certain | alike)
        for action, may in (("view", seen), ("change", change)):
            may |= {number for number, one in tried.items() if number < 0 and allowed(self.actor, action, one)}
        named = rows.filter(pk__in=alike & seen)
        if "." not in self.entity.title:
            named = named.only("pk", self.entity.title)
        alikes = {one.pk: one for one in named} | {number: tried[number] for number in alike & seen & tried.keys()}
        names = {number: display.title_of(self.entity, one, self.actor) for number, one in alikes.items()}
        return _Meant(records | tried, names, seen, change)

    def _verdict(
        self,
        one: Ready,
        meant: Found,
        meant_by: _Meant,
        ready: Mapping[int, Ready],
    ) -> Outcome | Any | None:
        """An outcome when nothing is to be written, the record to change, or ``None`` to make one."""
        position = one.row.position
        if meant.earlier is not None:
            number = ready[meant.earlier].row.number
            return Outcome(position, SKIPPED, None, [*one.reasons, reason("row.exists_in_file", number=number)])
        if not meant.records:
            if self.options.mode != "update":
                return None
            code = "row.not_found" if self.matcher.keyed(one.given) else "row.no_key"
            return Outcome(position, SKIPPED, None, [*one.reasons, reason(code)])
        if len(meant.records) > 1:
            return Outcome(position, FAILED, None, [*one.reasons, reason("row.ambiguous", count=len(meant.records))])
        record = meant_by.records[meant.records[0]]
        if record.pk not in meant_by.seen:
            outcome = SKIPPED if self.options.mode == "create" else FAILED
            return Outcome(position, outcome, None, [*one.reasons, reason("row.exists_hidden")])
        name = display.title_of(self.entity, record, self.actor)
        if self.options.mode == "create" and record.pk not in self.touched:
            return Outcome(position, SKIPPED, record.pk, [*one.reasons, reason("row.exists", name=name)])
        if record.pk not in meant_by.changeable:
            return Outcome(position, FAILED, record.pk, [*one.reasons, reason("row.not_allowed", name=name)])
        return record

    def _similar(self, meant: Found, meant_by: _Meant) -> Reason:
        names = [meant_by.names[number] for number in meant.similar if number in meant_by.names]
        return reason("row.similar", count=len(meant.similar), names=", ".join(names[:3]) or "•••")

    def _first(self, one: Ready, outcomes: dict[int, Outcome]) -> bool:
        """Whether no earlier row makes what this one would make; else it is refused."""
        number = self.once.earlier(one)
        if number is not None:
            position = one.row.position
            told = [*one.reasons, reason("row.exists_in_file", number=number)]
            outcomes[position] = Outcome(position, FAILED, None, told)
        return number is None

    def _create(
        self, rows: Sequence[Ready], outcomes: dict[int, Outcome], operation: Operation | None, *, write: bool
    ) -> None:
        if not rows:
            return
        usual, quiet = self._usual(), self.options.quiet
        if write and any(one.draft is not None for one in rows):
            drafts = [({**usual, **one.given} if one.draft is None else {}, one.draft) for one in rows]
            made: list[Any] = insert_drafts(
                self.actor,
                self.entity,
                drafts,
                operation=operation,
                quiet=quiet,
                doubted=lambda at, found: rows[at].reasons.extend(of_doubts(found, self.labels)),
            )
        else:
            records = many.insert_many(
                self.actor,
                self.entity,
                [{**usual, **one.given} for one in rows],
                operation=operation,
                quiet=quiet,
                write=write,
                search_later=self.search_later,
            )
            for one, record in zip(rows, records, strict=True):
                one.reasons.extend(of_doubts(many.doubts_of(record), self.labels))
            if not write:
                built = zip(rows, records, strict=True)
                self.trial.add((one.row, record) for one, record in built if not isinstance(record, Invalid))
            made = [one if isinstance(one, Invalid) else one.pk for one in records]
        for one, record in zip(rows, made, strict=True):
            position = one.row.position
            if isinstance(record, Invalid):
                outcomes[position] = Outcome(position, FAILED, None, [*one.reasons, *of_invalid(record, self.labels)])
            else:
                outcomes[position] = Outcome(position, CREATED, record, one.reasons)
                if self.tables and record is not None:
                    self.touched.add(record)

    def _usual(self) -> dict[str, Any]:
        """What a new record holds that the file says nothing of: whose it is."""
        owner = self.entity.access.owner
        return {owner: self.options.owner_for(self.actor.user_id)} if owner else {}

    def _change(
        self, rows: Sequence[tuple[Ready, Any]], outcomes: dict[int, Outcome], operation: Operation | None
    ) -> None:
        rows = [pair for pair in rows if self._fits(*pair, outcomes)]
        changed = many.update_many(
            self.actor,
            self.entity,
            [(record, self.merged(one.given, record)) for one, record in rows],
            operation=operation,
            quiet=self.options.quiet,
        )
        for (one, record), result in zip(rows, changed, strict=True):
            outcomes[one.row.position] = self._changed(one, record, result)

    def _try(self, rows: Sequence[tuple[Ready, Any]], outcomes: dict[int, Outcome]) -> dict[int, Ready]:
        """Say what becomes of rows one after another, each on what those before leave of its record; returns those that
        have to ask anew which record they mean."""
        waiting: dict[int, Ready] = {}
        moved: set[int] = set()
        for one, found in rows:
            if found.pk in moved:
                waiting[one.row.position] = one
                continue
            record = self.trial.latest([found.pk]).get(found.pk) or copy(found)
            if self._fits(one, record, outcomes):
                if record.pk < 0 and not self.tables:
                    one.reasons.append(reason("row.exists_in_file", number=record._row))
                result, elsewhere = self.trial.change(self.actor, record, self.merged(one.given, record))
                outcomes[one.row.position] = self._changed(one, record, result)
                moved |= {record.pk} if elsewhere else set()
        return waiting

    def _changed(self, one: Ready, record: Any, result: bool | Invalid) -> Outcome:
        """What became of a row that means a record."""
        position = one.row.position
        if isinstance(result, Invalid):
            return Outcome(position, FAILED, record.pk, [*one.reasons, *of_invalid(result, self.labels)])
        if self.tables:
            self.touched.add(record.pk)
        if result:
            told = [*one.reasons, *of_doubts(many.doubts_of(record), self.labels)]
            return Outcome(position, UPDATED, record.pk, told)
        return Outcome(position, SKIPPED, record.pk, [*one.reasons, reason("row.unchanged")])

    def _fits(self, one: Ready, record: Any, outcomes: dict[int, Outcome]) -> bool:
        """Whether the tables of a record have room for further rows; else the row is refused."""
        try:
            for name in self.tables if record.pk in self.touched else ():
                subtables.joined(
                    self.fields[name], values.current(record, self.fields[name]) or [], one.given.get(name) or []
                )
        except Invalid as error:
            position = one.row.position
            outcomes[position] = Outcome(position, FAILED, record.pk, [*one.reasons, *of_invalid(error, self.labels)])
            return False
        return True

    def merged(self, given: Mapping[str, Any], record: Any) -> dict[str, Any]:
        """What to write on an existing record: entries are added to lists, filled fields kept where asked."""
        merged: dict[str, Any] = {}
        fields = shape.fields_of(self.entity)
        for name, value in given.items():
            if name in AUTHORSHIP or (name in self.mapping.defaults and name not in self.mapping.fields()):
                continue
            if name == self.entity.access.owner and value is None and not self.options.clear_blank:
                continue
            now = values.current(record, fields[name])
            filled = now not in (None, "", [])
            if name in self.tables and record.pk in self.touched:
                merged[name] = [*(now or []), *(value or [])]
                continue
            if filled and name in self.keep:
                continue
            if filled and name == self.note and value and value in now:
                continue
            if filled and name == self.note and name not in self.mapping.fields():
                merged[name] = f"{now}\n{value}"
            elif filled and isinstance(value, list) and fields[name].kind in LISTS:
                merged[name] = united(fields[name], now, value)
            elif filled and isinstance(value, list) and fields[name].kind != "table":
                merged[name] = list(dict.fromkeys([*now, *value]))
            else:
                merged[name] = value
        return merged
