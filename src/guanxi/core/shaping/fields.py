"""Custom fields: made, changed, retired, removed; every definition is checked before it counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db import models
from django.utils.translation import gettext as _

from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.cel import FormulaError
from guanxi.core.kernel.errors import Invalid, NotFound, RuleBroken
from guanxi.core.models import CustomField, Numbering
from guanxi.core.models.stamps import bump
from guanxi.core.records import columns, derived, formula, segments, shape, watching
from guanxi.core.records.query import compile_tree
from guanxi.core.records.rules import CONDITIONS
from guanxi.core.records.writing import writing
from guanxi.core.schema import kinds
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.kinds import KINDS
from guanxi.core.schema.registry import entity_of, is_registered
from guanxi.core.shaping import indexes, jobs, uses
from guanxi.core.shaping.common import check_version, key_from, put, require_shaper, required

#: Kinds an administrator may choose from; a derived one says by itself what it gives.
CHOSEN = [
    "text",
    "long_text",
    "rich_text",
    "integer",
    "decimal",
    "percent",
    "money",
    "date",
    "datetime",
    "time",
    "boolean",
    "choice",
    "choices",
    "reference",
    "references",
    "user",
    "region",
    "email",
    "phone",
    "url",
    "emails",
    "phones",
    "urls",
    "addresses",
    "table",
    "image",
    "file",
    "serial",
    "formula",
    "rollup",
]
#: Kinds a formula may give.
RESULTS = ("decimal", "money", "integer", "percent", "text", "date", "datetime", "boolean")
_WANTED: Mapping[str, str] = {
    **dict.fromkeys(("decimal", "money", "integer", "percent"), "number"), "text": "text", "date": "date",
    "datetime": "datetime", "boolean": "bool",
}  # fmt: skip
NAMES = [
    "kind",
    "label_zh",
    "label_en",
    "help_zh",
    "help_en",
    "required",
    "dictionary",
    "target",
    "personal",
    "options",
    "rules",
    "position",
    "active",
]


def rows_of(entity: str) -> list[CustomField]:
    """All custom fields of an entity, retired ones last."""
    return list(CustomField.objects.filter(entity=entity).order_by("-active", "position", "pk"))


def field_for(entity: str, key: str) -> CustomField:
    """The row of a custom field. Raises NotFound."""
    found = CustomField.objects.filter(entity=entity, key=key).first()
    if found is None:
        raise NotFound(code="field.unknown")
    return found


def field_save(
    actor: Actor,
    entity: Entity | str,
    key: str,
    given: Mapping[str, Any],
    *,
    new: bool = False,
    version: int | None = None,
) -> CustomField:
    """Make or change a custom field. Raises Invalid with one error per part, Conflict when somebody saved first.

    The kind of a field with values is changed by ``converting.kind_change``, which says what would be lost.
    """
    require_shaper(actor)
    declared = entity_of(entity)
    required(given, "label_zh")
    values = {name: given[name] for name in NAMES if name in given}
    with writing(actor):
        taken = set(CustomField.objects.filter(entity=declared.key).values_list("key", flat=True))
        if new:
            made = key_from(key, given.get("label_en") or given["label_zh"], taken)
            row = CustomField(entity=declared.key, key=made, position=len(taken) + 1)
        else:
            row = CustomField.objects.select_for_update().get(pk=field_for(declared.key, key).pk)
            check_version(row, version, values, {name: name for name in NAMES})
            if "kind" in values and values["kind"] != row.kind:
                raise Invalid(_("The kind of a field is changed by itself."), code="field.kind", field="kind")
            row.version += 1
        put(row, values)
        field_settle(row)
    return row


def field_settle(row: CustomField) -> None:
    """Check and store a definition, and do what comes with it. Raises Invalid with one error per part."""
    entity = entity_of(row.entity)
    _check(entity, row, _EARLY)
    row.save()
    bump("fields")
    _check(entity, row, _LATE)
    row.save()
    bump("fields")
    _follow(entity, row)


def _check(entity: Entity, row: CustomField, checks: Mapping[str, Callable[[Entity, CustomField], None]]) -> None:
    """Everything about a definition that can be wrong, as one Invalid."""
    errors: dict[str, list[Invalid]] = {}
    for name, check in checks.items():
        try:
            check(entity, row)
        except Invalid as error:
            found = error.errors or {error.field or name: [error]}
            for place, listed in found.items():
                errors.setdefault(place or name, []).extend(listed)
    if errors:
        raise Invalid.collect(errors)


def _check_kind(_entity: Entity, row: CustomField) -> None:
    if row.kind not in CHOSEN:
        raise Invalid(_("There is no kind “%(kind)s”.") % {"kind": row.kind}, code="field.kind", field="kind")
    if row.kind in ("choice", "choices") and not row.dictionary:
        raise Invalid(_("Choose the dictionary its values come from."), code="field.dictionary", field="dictionary")
    if row.kind in ("reference", "references") and not is_registered(row.target):
        raise Invalid(_("Choose what it points to."), code="field.target", field="target")


def _check_options(entity: Entity, row: CustomField) -> None:
    options = dict(row.options)
    field = shape.declared(row)
    for name in ("minimum", "maximum"):
        if options.get(name) in (None, ""):
            options.pop(name, None)
    low, high = options.get("minimum"), options.get("maximum")
    if low is not None and high is not None and low > high:
        raise Invalid(_("The least value is above the largest one."), code="field.range", field="maximum")
    if options.get("within") and options["within"] not in shape.fields_of(entity):
        text = _("There is no field “%(path)s”.") % {"path": options["within"]}
        raise Invalid(text, code="field.within", field="within")
    if options.get("default") not in (None, "", []) and row.kind not in shape.DERIVED:
        parsed = kinds.parse(field, options["default"])
        options["default"] = kinds.json_of(parsed) if not isinstance(parsed, float) else parsed
    if row.kind == "table" and not options.get("columns"):
        raise Invalid(_("A table needs at least one column."), code="field.columns", field="columns")
    row.options = options


def _check_rules(entity: Entity, row: CustomField) -> None:
    check_conditions(entity, row.rules)


def check_conditions(entity: Entity, rules: Mapping[str, Any]) -> None:
    """Raise Invalid, with one error per condition that means nothing, at its place."""
    errors: dict[str, list[Invalid]] = {}
    for name in CONDITIONS:
        source = str(rules.get(name) or "").strip()
        if source:
            try:
                formula.check(entity, source, wanted=("bool",))
            except FormulaError as error:
                errors[name] = [_placed(error, source, name)]
    if errors:
        raise Invalid.collect(errors)


def _placed(error: FormulaError, source: str, name: str) -> Invalid:
    return Invalid(
        _("%(place)s: %(message)s") % {"place": error.placed(source), "message": error.message},
        code=error.code,
        field=name,
        details={"position": error.position},
    )


def _check_derived(entity: Entity, row: CustomField) -> None:
    options = dict(row.options)
    for name in ("reads", "relations", "paths", "volatile"):
        options.pop(name, None)
    if row.kind == "formula":
        options.update(_formula_reads(entity, row))
    elif row.kind == "rollup":
        options.update(_rollup_reads(entity, row))
    row.options = options
    if row.kind in shape.DERIVED:
        refuse_cycle(row)


def _formula_reads(entity: Entity, row: CustomField) -> dict[str, Any]:
    source, result = str(row.options.get("formula") or ""), str(row.options.get("result") or "decimal")
    if result not in RESULTS:
        raise Invalid(_("Choose what the formula gives."), code="field.result", field="result")
    wanted = _WANTED[result]
    try:
        checked = formula.check(entity, source, wanted=(wanted,) if wanted != "text" else ("text", "number", "date"))
    except FormulaError as error:
        raise _placed(error, source, "formula") from None
    reads = {one for path in checked.reads for one in path_reads(entity, path)}
    for path, name in checked.relations:
        child, reference = columns.relation(entity, path)
        if child is not None and reference is not None:
            reads.add((child.key, reference.name))
            reads |= {(child.key, name)} if name else set()
    return {
        "result": result,
        "reads": sorted(list(one) for one in reads),
        "paths": [path for path in checked.reads if _reaches(path)],
        "relations": [list(one) for one in checked.relations],
        "volatile": checked.volatile,
    }


def _reaches(path: str) -> bool:
    return "." in path.removeprefix("custom.")


def path_reads(entity: Entity, path: str) -> list[tuple[str, str]]:
    """The fields a path touches, as (entity, name), each step of it."""
    found: list[tuple[str, str]] = []
    here: Entity | None = entity
    for name in watching.steps(path):
        if here is None:
            break
        field = shape.fields_of(here).get(name)
        if field is None:
            break
        found.append((here.key, name))
        target = "core.user" if field.kind == "user" else field.target
        here = entity_of(target) if is_registered(target) else None
    return found


def _rollup_reads(entity: Entity, row: CustomField) -> dict[str, Any]:
    given = dict(row.options.get("rollup") or {})
    child, reference = columns.relation(entity, str(given.get("relation", "")))
    if child is None or reference is None:
        raise Invalid(_("Choose the records to reckon over."), code="field.relation", field="relation")
    how, name = str(given.get("how") or "count"), str(given.get("field") or "")
    result = "integer"
    if how != "count":
        field = shape.fields_of(child).get(name)
        summable = field is not None and (
            KINDS[field.kind].cast == "numeric" or (how in ("min", "max") and field.kind in ("date", "datetime"))
        )
        if field is None or not summable:
            raise Invalid(_("Choose a number or date of those records."), code="field.rollup", field="of")
        result = field.kind if field.kind in RESULTS else "decimal"
    from_filter = sorted(_filter_fields(given.get("filter")))
    if given.get("filter"):
        compile_tree(system_actor(), child, given["filter"])
        segments.require_impersonal(given["filter"])
    reads = {(child.key, reference.name)} | {(child.key, one) for one in from_filter}
    reads |= {(child.key, name)} if how != "count" else set()
    return {
        "rollup": given,
        "result": result,
        "reads": sorted(list(one) for one in reads),
        "volatile": "@" in str(given.get("filter")),
    }


def _filter_fields(tree: Any) -> set[str]:
    if isinstance(tree, Mapping):
        own = {str(tree["field"])} if "field" in tree else set()
        return own.union(*(_filter_fields(one) for one in tree.values()))
    if isinstance(tree, list):
        return set().union(*(_filter_fields(one) for one in tree))
    return set()


def refuse_cycle(row: CustomField) -> None:
    """Raise Invalid when a derived field would stand on itself, over however many others."""
    graph = {
        (one.entity, f"custom.{one.key}"): {(read[0], read[1]) for read in one.options.get("reads", ())}
        for one in CustomField.objects.filter(kind__in=shape.DERIVED)
    }
    start = (row.entity, f"custom.{row.key}")
    graph[start] = {(read[0], read[1]) for read in row.options.get("reads", ())}
    waiting, seen = list(graph[start]), set()
    while waiting:
        one = waiting.pop()
        if one == start:
            raise Invalid(
                _("This field would stand on itself."),
                code="formula.cycle",
                field="relation" if row.kind == "rollup" else "formula",
            )
        if one not in seen:
            seen.add(one)
            waiting += graph.get(one, ())


#: What is checked before the field is there, and what may read the field itself.
_EARLY = {"kind": _check_kind, "options": _check_options}
_LATE = {"formula": _check_derived, "rules": _check_rules}


def _follow(entity: Entity, row: CustomField) -> None:
    """What comes with a saved field: triggers, values of derived ones, unique indexes, its numbering."""
    if row.kind in shape.DERIVED:
        watching.install()
        if row.active:
            derived.mark_all(entity)
    if row.kind == "serial":
        Numbering.objects.update_or_create(
            entity=entity.key,
            field=f"custom.{row.key}",
            defaults={
                "format": row.options.get("format") or "{yyyy}{seq:5}",
                "reset": row.options.get("reset") or "never",
            },
        )
        bump("numbering")
    indexes.keep_unique(entity, row)


def fields_order(actor: Actor, entity: str, order: Sequence[str]) -> None:
    """Put the fields of an entity into an order by their keys."""
    require_shaper(actor)
    with writing(actor):
        rows = rows_of(entity)
        place = {one: number for number, one in enumerate(order)}
        for number, row in enumerate(sorted(rows, key=lambda one: place.get(one.key, len(place))), 1):
            row.position = number
        CustomField.objects.bulk_update(rows, ["position"])
        bump("fields")


def field_retire(actor: Actor, entity: str, key: str, *, active: bool = False) -> CustomField:
    """Take a field out of use, or back; its values stay."""
    require_shaper(actor)
    with writing(actor):
        row = field_for(entity, key)
        row.active = active
        row.version += 1
        row.save(update_fields=["active", "version"])
        bump("fields")
        watching.install()
        if active:
            jobs.search_again.defer(entity=entity, key=key)
    return row


def field_delete(actor: Actor, entity: Entity | str, key: str) -> None:
    """Remove a field and its values for good. Raises RuleBroken, naming them, while anything uses it."""
    require_shaper(actor)
    declared = entity_of(entity)
    row = field_for(declared.key, key)
    found = uses.uses_of(declared.key, f"custom.{key}")
    if found:
        names = ", ".join(f"{one.sort} “{one.name}”" for one in found[:8])
        raise RuleBroken(_("It is still used by: %(names)s.") % {"names": names}, code="field.used")
    with writing(actor):
        indexes.drop(declared, key)
        rows = declared.model._base_manager.filter(custom__has_key=key)
        rows.update(custom=models.expressions.CombinedExpression(models.F("custom"), "-", models.Value(key)))
        Numbering.objects.filter(entity=declared.key, field=f"custom.{key}").delete()
        row.delete()
        bump("fields", "numbering")
        watching.install()
