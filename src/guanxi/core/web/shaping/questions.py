"""The questions a custom field asks, by its kind, and reading the answers back into its definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from guanxi.core.models import CustomField, Dictionary, SavedView
from guanxi.core.records import columns, dictionaries, shape
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.kinds import KINDS
from guanxi.core.schema.registry import entities
from guanxi.core.shaping.fields import RESULTS
from guanxi.core.web.shaping.common import Choices, ask, read

NUMBERS = ("integer", "decimal", "percent", "money")
TEXTS = ("text", "long_text")
#: Kinds that may be unique or have a default, and what a column of a sub-table may be.
UNIQUE = ("text", "integer", "decimal", "money", "date", "email", "phone", "url", "serial", "reference")
DEFAULTS = ("text", "integer", "decimal", "percent", "money", "date", "boolean", "choice")
CELLS = ("text", "integer", "decimal", "money", "percent", "date", "boolean", "choice", "email", "phone", "url")


def personal_choices() -> Choices:
    """Why a value is personal."""
    return (
        ("", _("not personal")), ("contact", _("a way to reach somebody")), ("identity", _("identity, masked unless a role says otherwise")),
        ("private", _("private")),
    )  # fmt: skip


def common(*, new: bool) -> list[Field]:
    """What every field is asked."""
    asked = [
        ask("label_zh", "text", _("Chinese name"), required=True, max_length=100),
        ask("label_en", "text", _("English name"), max_length=100),
    ]
    if new:
        asked.append(
            ask(
                "key",
                "text",
                _("Stable key"),
                max_length=40,
                help=_("For programs and files; made from the name when empty. It stays."),
            )
        )
    return [
        *asked,
        ask("help_zh", "text", _("Help in Chinese"), max_length=300),
        ask("help_en", "text", _("Help in English"), max_length=300),
        ask(
            "group_zh",
            "text",
            _("Section"),
            max_length=60,
            help=_("The heading it stands under where no layout says otherwise."),
        ),
        ask("group_en", "text", _("Section in English"), max_length=60),
        ask("personal", "choice", _("Personal data"), choices=personal_choices()),
    ]


def of_kind(entity: Entity, kind: str, *, new: bool = False) -> list[Field]:
    """What fields of one kind are asked besides."""
    asked: list[Field] = []
    if kind in ("choice", "choices"):
        asked += [*_values(new=new), *_narrowing(entity)]
    if kind in ("reference", "references"):
        targets = [(one.key, one.plural) for one in entities()]
        asked.append(ask("target", "choice", _("Points to"), choices=targets, required=True))
    if kind in TEXTS:
        asked.append(ask("max_length", "integer", _("Longest text"), minimum=1, maximum=100_000))
    if kind in ("decimal", "percent", "money"):
        asked.append(ask("places", "integer", _("Places after the point"), minimum=0, maximum=6))
    if kind in NUMBERS:
        asked += [ask("minimum", "decimal", _("At least"), places=6), ask("maximum", "decimal", _("At most"), places=6)]
    if kind == "serial":
        asked += _serial()
    if kind == "rollup":
        asked += _rollup(entity)
    if kind == "formula":
        asked.append(
            ask("result", "choice", _("Gives"), choices=[(one, KINDS[one].label) for one in RESULTS], required=True)
        )
    if kind in UNIQUE:
        others = [
            (name, str(one.label)) for name, one in shape.fields_of(entity).items() if name != "id" and not one.columns
        ]
        asked += [
            ask("unique", "boolean", _("Every value once only")),
            ask("unique_with", "choices", _("… together with"), choices=others),
        ]
    if kind in DEFAULTS and kind != "choice":
        asked.append(ask("default", "text" if kind != "boolean" else "boolean", _("Default for new records")))
    if kind not in shape.DERIVED and kind not in ("serial", "boolean"):
        asked.append(ask("required", "boolean", _("Must be filled")))
    return asked


def _values(*, new: bool) -> list[Field]:
    known = sorted(dictionaries.dictionary_names(), key=lambda one: one[1])
    hint = _("Empty makes a new one of the same name.")
    asked = [ask("dictionary", "choice", _("Values from the dictionary"), choices=known, help=hint)]
    if new:
        hint = _("One on each line; its English name after a bar, for instance 在用 | In use")
        asked.append(ask("values", "long_text", _("… or new values"), help=hint))
    return asked


def _narrowing(entity: Entity) -> list[Field]:
    """Which field of the record narrows the values, where more than one could."""
    by = set(Dictionary.objects.exclude(narrowed_by="").values_list("narrowed_by", flat=True))
    fields = shape.fields_of(entity)
    found = [(name, str(one.label)) for name, one in fields.items() if any(shape.narrows(one, key) for key in by)]
    hint = _("For values narrowed by another dictionary; empty takes the first field with its values.")
    return [ask("within", "choice", _("Narrowed by the field"), choices=found, help=hint)] if found else []


def _serial() -> list[Field]:
    resets = [("never", _("never")), ("year", _("each year")), ("month", _("each month")), ("day", _("each day"))]
    return [
        ask(
            "format",
            "text",
            _("Number"),
            required=True,
            help=_("{yyyy} {yy} {mm} {dd} and {seq:5}, for instance HT-{yyyy}-{seq:4}"),
        ),
        ask("reset", "choice", _("Begins again"), choices=resets),
    ]


def _rollup(entity: Entity) -> list[Field]:
    listed = [
        (f"{child.key}.{field.key}", f"{child.plural} · {field.label}") for child, field in columns.relations(entity)
    ]
    hows = [
        ("count", _("number of records")),
        ("sum", _("sum")),
        ("min", _("smallest")),
        ("max", _("largest")),
        ("avg", _("average")),
    ]
    of = [
        (f"{child.key}:{name}", f"{child.plural} · {one.label}")
        for child in dict.fromkeys(child for child, _field in columns.relations(entity))
        for name, one in shape.fields_of(child).items()
        if (KINDS[one.kind].summable and not one.plain) or one.kind in ("date", "datetime")
    ]
    views = [
        (str(view.pk), f"{view.name}")
        for view in SavedView.objects.filter(entity__in={child.key for child, _f in columns.relations(entity)})
    ]
    return [
        ask("relation", "choice", _("Over the records"), choices=listed, required=True),
        ask("how", "choice", _("Reckon the"), choices=hows, required=True),
        ask("of", "choice", _("of"), choices=of),
        ask(
            "view",
            "choice",
            _("Only those of the view"),
            choices=views,
            help=_("Its filter is taken over as it is now."),
        ),
    ]


def answers(entity: Entity, kind: str, data: QueryDict, row: CustomField | None) -> dict[str, Any]:
    """A sent form as the definition ``field_save`` takes. Raises Invalid."""
    asked = [*common(new=row is None), *of_kind(entity, kind, new=row is None)]
    sent = read(asked, data)
    options = dict(row.options) if row else {}
    for name in ("max_length", "places", "minimum", "maximum", "default", "unique", "unique_with", "format", "reset", "result",
                 "group_zh", "group_en", "within"):  # fmt: skip
        if name in sent:
            value = sent[name]
            options[name] = float(value) if name in ("minimum", "maximum") and value is not None else value
    options = {name: value for name, value in options.items() if value not in (None, "", [], False)}
    if kind == "formula":
        options["formula"] = data.get("formula", "").strip()
    if kind == "rollup":
        options["rollup"] = _rollup_from(sent)
    if kind == "table":
        options["columns"] = _columns_from(data)
    rules = {
        name: data.get(f"rule_{name}", "").strip()
        for name in ("visible", "required", "readonly", "check", "message_zh", "message_en")
    }
    return {
        "kind": kind,
        **{
            name: sent.get(name, "")
            for name in ("label_zh", "label_en", "help_zh", "help_en", "personal", "dictionary", "target")
        },
        "required": bool(sent.get("required", False)),
        **({"values": sent["values"]} if "values" in sent else {}),
        "options": options,
        "rules": {name: text for name, text in rules.items() if text},
    }


def _rollup_from(sent: Mapping[str, Any]) -> dict[str, Any]:
    of = str(sent.get("of") or "").partition(":")[2]
    found: dict[str, Any] = {"relation": sent.get("relation"), "how": sent.get("how") or "count"}
    if of and found["how"] != "count":
        found["field"] = of
    if sent.get("view"):
        view = SavedView.objects.filter(pk=int(sent["view"])).first()
        tree = view.definition.get("filter") if view else None
        if tree:
            found |= {"filter": tree, "view": sent["view"]}
    return found


def _columns_from(data: QueryDict) -> list[dict[str, Any]]:
    """Columns of a sub-table, in the order of their lines."""
    lines = [
        name.removesuffix(".label_zh") for name in data if name.startswith("column.") and name.endswith(".label_zh")
    ]
    found = []
    for place, line in enumerate(lines):
        label = data.get(f"{line}.label_zh", "").strip()
        if label:
            found.append(
                {
                    "key": data.get(f"{line}.key", "").strip() or f"c{place + 1}",
                    "label_zh": label,
                    "label_en": data.get(f"{line}.label_en", "").strip(),
                    "kind": data.get(f"{line}.kind", "text") if data.get(f"{line}.kind") in CELLS else "text",
                    "dictionary": data.get(f"{line}.dictionary", ""),
                }
            )
    return found


def held(row: CustomField) -> dict[str, Any]:
    """A stored field as the answers of its form."""
    rollup = row.options.get("rollup") or {}
    relation = str(rollup.get("relation", ""))
    child = relation.rpartition(".")[0]
    return {
        **{
            name: getattr(row, name)
            for name in ("label_zh", "label_en", "help_zh", "help_en", "personal", "dictionary", "target", "required")
        },
        **row.options,
        "relation": relation,
        "how": rollup.get("how", ""),
        "of": f"{child}:{rollup['field']}" if rollup.get("field") else "",
        "view": rollup.get("view", ""),
        **{f"rule_{name}": text for name, text in row.rules.items()},
    }
