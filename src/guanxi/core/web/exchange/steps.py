"""What the pages of the import wizard show and read back; nothing here writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.http import QueryDict
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from guanxi.core import access
from guanxi.core.exchange import mapping as maps
from guanxi.core.exchange import staging, words
from guanxi.core.exchange.mapping import FieldMap, Target
from guanxi.core.exchange.matchrule import own_rule
from guanxi.core.exchange.options import Options
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Text
from guanxi.core.models.exchange import ImportRow, ImportRun
from guanxi.core.records import dictionaries
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entities, entity_of, is_registered
from guanxi.core.web import addresses
from guanxi.core.web.forms import choosing
from guanxi.core.web.inputs import Input, Option, raw_values

SAMPLES = 3
SAID = 25
DEFAULT = "default-"
#: Kinds that can have a value for every row.
PLAIN = frozenset(("text", "choice", "choices", "region", "user", "boolean", "date", "tags", "integer", "decimal"))


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the wizard."""

    key: str
    label: Text
    url: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRow:
    """One column of the file and where it goes: samples, the chosen place, words to be mapped to choices."""

    index: int
    name: str
    samples: list[str]
    chosen: str
    keep: bool
    order: str
    dated: bool
    said: list[tuple[str, str]] = field(default_factory=list)
    options: tuple[Option, ...] = ()


def importable(actor: Actor) -> list[Entity]:
    """What the actor may bring in; what people work with comes before what an administrator sets up."""
    found = [
        one
        for one in entities()
        if one.importable and one.creatable and one.columns and access.allowed(actor, "import", one)
    ]
    return sorted(found, key=lambda one: not one.access.owner)


def steps(run: ImportRun | None, here: str) -> list[Step]:
    """The path through the wizard; steps that were passed lead back as long as nothing has begun."""
    names = [
        ("upload", _("Upload")),
        ("map", _("Map")),
        ("rule", _("Match rule")),
        ("preview", _("Preview")),
        ("run", _("Run")),
        ("result", _("Result")),
    ]
    at = [key for key, _label in names].index(here)
    open_ = run is not None and run.state == "ready"
    found = []
    for number, (key, label) in enumerate(names):
        state = "now" if number == at else "done" if number < at else "next"
        reachable = open_ and run is not None and key in ("map", "rule", "preview") and number != at
        found.append(Step(key, label, f"/import/{run.pk}/{key}/" if reachable and run else "", state))
    return found


def context(run: ImportRun, here: str, **more: Any) -> dict[str, Any]:
    """What every page of a run shows: the file, the kind of record, the path through the wizard; and ``more``."""
    entity = entity_of(run.entity) if run.entity and is_registered(run.entity) else None
    return {
        "title": _("Import %(file)s") % {"file": run.file_name},
        "run": run,
        "entity": entity,
        "list_url": addresses.list_url(entity) if entity else "/",
        "steps": steps(run, here),
        **more,
    }


def places(fields: Mapping[str, Field]) -> list[tuple[str, Text]]:
    """Everywhere a column may go: fields, the parts of names and addresses, and the columns of tables; value and label."""
    found: list[tuple[str, Text]] = []
    parts = {
        "street": _("street"),
        "street2": _("street, 2nd line"),
        "city": _("city"),
        "district": _("district"),
        "state": _("province"),
        "postcode": _("postcode"),
        "country": _("country"),
    }
    names = {"first": _("given name"), "middle": _("middle name"), "last": _("family name"), "suffix": _("suffix")}
    for name, one in fields.items():
        if one.kind == "table":
            found += [(f"{name}|{each.name}", f"{capfirst(str(one.label))}: {each.label}") for each in one.columns]
            continue
        found.append((name, capfirst(str(one.label))))
        if one.kind == "addresses":
            found += [(f"{name}|{part}", f"{capfirst(str(one.label))}: {label}") for part, label in parts.items()]
        elif name.rpartition(maps.BESIDE)[2] == "name":
            found += [(f"{name}|{part}", f"{capfirst(str(one.label))}: {label}") for part, label in names.items()]
    return found


def all_fields(actor: Actor, entity: Entity | str) -> dict[str, Field]:
    """Fields columns may go into: the entity's own and those of its companions, each by the name of its target."""
    declared = entity_of(entity)
    found = maps.importable_fields(actor, declared)
    for companion in declared.companions:
        label = str(entity_of(companion.entity).label)
        found |= {
            f"{companion.entity}{maps.BESIDE}{name}": replace(one, label=f"{label}: {capfirst(str(one.label))}")
            for name, one in maps.companion_fields(actor, companion).items()
        }
    return found


def columns(actor: Actor, run: ImportRun) -> list[ColumnRow]:
    """The columns of the file with their samples and present targets."""
    fields = all_fields(actor, run.entity) if run.entity else {}
    mapping = FieldMap.from_json(run.mapping)
    sample = staging.sample_rows(run)
    found = []
    for column in maps_columns(run):
        values = [row[column[0]].strip() for row in sample if column[0] < len(row) and row[column[0]].strip()]
        target = mapping.targets.get(column[0])
        declared = fields.get(target.field) if target else None
        found.append(
            ColumnRow(
                index=column[0],
                name=column[1],
                samples=list(dict.fromkeys(values))[:SAMPLES],
                chosen=f"{target.field}{'|' + target.part if target.part else ''}" if target else "",
                keep=bool(target and target.keep),
                order=target.order if target else "",
                dated=declared is not None and declared.kind in ("date", "datetime"),
                said=_said(declared, values, target) if declared and target else [],
                options=choosing.options(declared) if declared is not None and declared.kind == "choice" else (),
            )
        )
    return found


def maps_columns(run: ImportRun) -> list[tuple[int, str]]:
    """Index and name of every column."""
    return list(enumerate(run.columns))


def _said(declared: Field, values: Iterable[str], target: Target) -> list[tuple[str, str]]:
    """What the file says in a choice column and no choice is called, with the choice it stands for so far."""
    if declared.kind != "choice":
        return []
    found = []
    for said in dict.fromkeys(values):
        known = dictionaries.find(declared.dictionary, said) if declared.dictionary else _fixed(declared, said)
        if not known or said in target.values:
            found.append((said, target.values.get(said, "")))
    return found[:SAID]


def _fixed(declared: Field, said: str) -> str:
    return next((key for key, label in declared.choices if said.casefold() in (key, str(label).casefold())), "")


def read_mapping(actor: Actor, run: ImportRun, data: QueryDict) -> FieldMap:
    """The mapping as sent by the map step."""
    fields = all_fields(actor, run.entity)
    before = FieldMap.from_json(run.mapping).targets
    targets = {}
    for index, _name in maps_columns(run):
        name, _bar, part = data.get(f"to-{index}", "").partition("|")
        if name not in fields:
            continue
        old = before.get(index)
        same = old is not None and (old.field, old.part) == (name, part)
        said = {
            data.get(f"said-{index}-{number}", ""): data.get(f"value-{index}-{number}", "")
            for number in range(SAID)
            if data.get(f"value-{index}-{number}")
        }
        targets[index] = Target(
            name,
            part=part,
            label=old.label if same and old else "",
            keep=f"keep-{index}" in data,
            order=data.get(f"order-{index}", "") or (old.order if same and old else ""),
            values={**(dict(old.values) if same and old else {}), **said},
        )
    free = [one for name, one in fields.items() if one.kind in PLAIN and maps.BESIDE not in name]
    sent = raw_values(free, data, prefix=DEFAULT, partial=True)
    defaults = {name: value for name, value in sent.items() if value not in (None, "", [], False)}
    return FieldMap(targets, defaults)


def default_inputs(actor: Actor, run: ImportRun) -> list[Input]:
    """Fields that can be given one value for all rows: those no column fills. None has to be given."""
    entity = entity_of(run.entity)
    mapping = FieldMap.from_json(run.mapping)
    used = set(mapping.fields())
    owner = entity.access.owner
    fields = [
        replace(one, required=False)
        for name, one in maps.importable_fields(actor, entity).items()
        if one.kind in PLAIN and name not in used and name not in (*maps.AUTHORSHIP, owner, entity.title)
    ]
    return list(choosing.inputs(actor, entity, fields, mapping.defaults, prefix=DEFAULT).values())


def rule_lines(actor: Actor, run: ImportRun) -> list[tuple[str, str, bool]]:
    """Alternatives of the match rule: value, words, whether chosen. The entity's own ones and those chosen before."""
    entity = entity_of(run.entity)
    fields = maps.importable_fields(actor, entity)
    mapping = FieldMap.from_json(run.mapping)
    own = own_rule(entity, (*mapping.fields(), *mapping.defaults)).as_json()
    chosen = list(Options.from_json(run.options).match) or own
    lines = []
    for one in dict.fromkeys([*chosen, *own, *_single(entity, mapping)]):
        names = [capfirst(str(fields[part].label)) if part in fields else part for part in one.split("+")]
        lines.append((one, " + ".join(names), one in chosen))
    return lines


def _single(entity: Entity, mapping: FieldMap) -> list[str]:
    keys = {key.field for key in entity.match_keys if key.how != "email_domain"}
    return [name for name in mapping.fields() if name in keys or name == entity.title]


def read_options(run: ImportRun, data: QueryDict, actor: Actor) -> Options:
    """The options as sent by the match-rule step."""
    before = Options.from_json(run.options)
    owner = data.get("owner", "0") if owner_input(actor, run) else "0"
    return Options(
        mode=data.get("mode", before.mode),  # type: ignore[arg-type]
        match=tuple(one for one in data.getlist("match") if one),
        keep_filled="keep_filled" in data,
        clear_blank="clear_blank" in data,
        unreadable="refuse" if "refuse" in data else "note",
        create_choices="create_choices" in data and actor.rights.everything,
        create_references="create_references" in data,
        owner=int(owner) if owner.isdecimal() and len(owner) < 19 else None if not owner else 0,
        quiet="quiet" in data,
    )


def owner_input(actor: Actor, run: ImportRun) -> Input | None:
    """The picker of the owner of new records, for those who may hand records over; left empty it means nobody."""
    entity = entity_of(run.entity)
    if not entity.access.owner or not access.allowed(actor, "assign", entity):
        return None
    hint = _("Left empty, nobody owns them until a rule hands them out or somebody takes them.")
    if entity.access.owner in FieldMap.from_json(run.mapping).fields():
        hint += " " + _("So it is with rows whose owner cell is blank.")
    chosen = Options.from_json(run.options).owner_for(actor.user_id)
    one = Field(name="owner", kind="user", label=_("Owner of new records"), target="core.user", help=hint)
    return choosing.inputs(actor, entity, [one], {"owner": chosen})["owner"]


def unowned(actor: Actor, run: ImportRun) -> int:
    """So many rows of the file would be owned by nobody if they became new records."""
    entity, options = entity_of(run.entity), Options.from_json(run.options)
    if not entity.access.owner or options.mode == "update":
        return 0
    targets = FieldMap.from_json(run.mapping).targets
    place = next((index for index, one in targets.items() if one.field == entity.access.owner), None)
    if place is not None:
        rows = ImportRow.objects.filter(run=run).values_list(f"cells__{place}", flat=True)
        return sum(not cell or cell.casefold() in words.BLANK_WORDS for cell in rows.iterator())
    return run.total if options.owner_for(actor.user_id) is None else 0
