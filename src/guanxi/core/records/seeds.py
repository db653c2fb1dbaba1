"""Base data every workspace starts with: regions, dictionaries, default roles, numbering.

Areas say what they bring in their ``seeds.py`` (``dictionary``, ``role``, ``grant``, ``numbering``); ``load`` enters it
after each migration. It adds what is new and never brings back what an administrator changed or removed: what was
entered once is remembered in the preference ``base_data``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import connection

from guanxi.core.kernel.actor import system_actor
from guanxi.core.models import Dictionary, DictionaryValue, Numbering, Preference, Region, Role, RoleField, RoleRight
from guanxi.core.models.stamps import bump
from guanxi.core.records import watching, worktime_seed
from guanxi.core.records.writing import writing
from guanxi.core.schema.derive import fields_of
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entities, entity_of
from guanxi.core.schema.vocabulary import ACTIONS

DATA = Path(__file__).parent / "data"
MEMORY = "base_data"
#: One loader at a time (advisory lock of the transaction).
_LOCK = 0x67780001


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a dictionary; ``parent`` is the key of the value above it."""

    key: str
    zh: str
    en: str
    color: str = ""
    parent: str = ""
    default: bool = False


@dataclass(frozen=True, slots=True)
class RoleSeed:
    """A role every workspace starts with. ``usual`` maps an action to the scope given on every owned entity."""

    key: str
    zh: str
    en: str
    description: str
    all_rights: bool = False
    usual: Mapping[str, str] = field(default_factory=dict)
    features: tuple[str, ...] = ()
    masked: bool = False


@dataclass(slots=True)
class Loaded:
    """How many rows ``load`` entered."""

    regions: int = 0
    values: int = 0
    roles: int = 0
    rights: int = 0
    numberings: int = 0
    further: int = 0


_dictionaries: dict[str, tuple[str, str, tuple[Value, ...]]] = {}
_roles: dict[str, RoleSeed] = {}
_grants: dict[tuple[str, str], tuple[dict[str, str], dict[str, str]]] = {}
_numberings: dict[tuple[str, str], dict[str, Any]] = {}
_further: dict[str, Callable[[Any], tuple[Any, int]]] = {}


def dictionary(key: str, zh: str, en: str, values: Iterable[Value]) -> None:
    """Bring a dictionary with its values, in their order."""
    _dictionaries[key] = (zh, en, tuple(values))


def role(seed: RoleSeed) -> None:
    """Bring a default role."""
    _roles[seed.key] = seed


def grant(role_key: str, entity: str, rights: Mapping[str, str], fields: Mapping[str, str] | None = None) -> None:
    """What a default role may do on one entity, in place of its usual rights: action → scope, field → level."""
    _grants[role_key, entity] = (dict(rights), dict(fields or {}))


def numbering(entity: str, field_name: str, pattern: str, *, reset: str = "never", gap_free: bool = False) -> None:
    """How a serial number is made unless an administrator says otherwise."""
    _numberings[entity, field_name] = {"format": pattern, "reset": reset, "gap_free": gap_free}


def further(key: str, loader: Callable[[Any], tuple[Any, int]]) -> None:
    """Bring rows of another sort. ``loader(known) -> (known, entered)`` enters what is new, ``known`` being what it
    returned the last time (``None`` at first), to be remembered as JSON.
    """
    _further[key] = loader


def same_scope(scope: str, actions: Iterable[str] = tuple(ACTIONS)) -> dict[str, str]:
    """The same scope for each of the actions."""
    return dict.fromkeys(actions, scope)


def read_values(place: Path) -> Iterator[Value]:
    """Values of a dictionary from lines ``key TAB parent TAB Chinese TAB English``."""
    for line in place.read_text(encoding="utf-8").splitlines():
        key, parent, zh, en = line.split("\t")
        yield Value(key, zh, en, parent=parent)


def load() -> Loaded:
    """Enter what is new of all base data, in one transaction; safe to run again and at the same time."""
    done = Loaded()
    with writing(system_actor("base data", via="cli")):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        memory, _made = Preference.objects.get_or_create(key=MEMORY, defaults={"value": {}})
        known: dict[str, Any] = memory.value
        before = repr(known)
        done.regions = _load_regions(known)
        done.values = _load_dictionaries(known.setdefault("dictionaries", {}))
        done.roles, done.rights = _load_roles(known.setdefault("roles", {}))
        done.numberings = _load_numberings(known.setdefault("numberings", []))
        for key, loader in _further.items():
            known[key], entered = loader(known.get(key))
            done.further += entered
        watching.install()
        if repr(known) != before:
            memory.save(update_fields=["value"])
            bump("dictionaries", "rights", "numbering")
    return done


def grant_new() -> None:
    """An entity was made: give the roles of the base data their usual rights on it."""
    memory, _made = Preference.objects.get_or_create(key=MEMORY, defaults={"value": {}})
    _load_roles(memory.value.setdefault("roles", {}))
    memory.save(update_fields=["value"])
    bump("rights")


def _load_regions(known: dict[str, Any]) -> int:
    content = (DATA / "regions.txt").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if known.get("regions") == digest:
        return 0
    levels: dict[str, int] = {"": -1}
    rows = []
    for line in content.decode().splitlines():
        code, parent, zh, en = line.split("\t")
        levels[code] = levels[parent] + 1
        rows.append(Region(code=code, parent_code=parent, name_zh=zh, name_en=en, level=levels[code]))
    Region.objects.bulk_create(
        rows,
        batch_size=1000,
        update_conflicts=True,
        unique_fields=["code"],
        update_fields=["parent_code", "name_zh", "name_en", "level"],
    )
    known["regions"] = digest
    return len(rows)


def _load_dictionaries(known: dict[str, list[str]]) -> int:
    entered = 0
    for key, (zh, en, values) in _dictionaries.items():
        missing = [value for value in values if value.key not in set(known.get(key, ()))]
        if not missing:
            continue
        row, _made = Dictionary.objects.get_or_create(key=key, defaults={"name_zh": zh, "name_en": en})
        taken = set(row.values.values_list("key", flat=True))
        fresh = [
            DictionaryValue(
                dictionary=row,
                key=value.key,
                name_zh=value.zh,
                name_en=value.en,
                color=value.color,
                parent_key=value.parent,
                position=position,
                is_default=value.default,
            )
            for position, value in enumerate(values, start=1)
            if value in missing and value.key not in taken
        ]
        DictionaryValue.objects.bulk_create(fresh, batch_size=1000)
        known[key] = sorted({*known.get(key, ()), *(value.key for value in values)})
        entered += len(fresh)
    return entered


def _load_roles(known: dict[str, list[str]]) -> tuple[int, int]:
    made, given = 0, 0
    owned = [entity.key for entity in entities() if entity.access.owner and not entity.access.public]
    for seed in _roles.values():
        row = Role.everything.filter(key=seed.key).first()
        if row is None and seed.key not in known:
            row = Role.objects.create(
                key=seed.key,
                name=seed.zh,
                name_en=seed.en,
                description=seed.description,
                all_rights=seed.all_rights,
                features=list(seed.features),
            )
            made += 1
        granted = known.setdefault(seed.key, [])
        named = [entity for role_key, entity in _grants if role_key == seed.key]
        for key in dict.fromkeys([*owned, *named]):
            if row is not None and not seed.all_rights and key not in granted:
                given += _give(row, seed, key)
                granted.append(key)
    _drop_meaningless()
    return made, given


def _drop_meaningless() -> None:
    """Rights of the base roles on actions their entity does not have: any check of the role would refuse them."""
    known = {entity.key: entity.all_actions for entity in entities()}
    rows = RoleRight.objects.filter(role__key__in=list(_roles)).values_list("pk", "entity", "action")
    RoleRight.objects.filter(
        pk__in=[pk for pk, key, action in rows if key in known and action not in known[key]]
    ).delete()


def _give(row: Role, seed: RoleSeed, entity: str) -> int:
    rights, levels = _grants.get((seed.key, entity), (None, {}))
    actions = entity_of(entity).all_actions
    if rights is not None:
        rights = {action: scope for action, scope in rights.items() if action in actions}
    else:
        rights = {action: scope for action, scope in seed.usual.items() if action in actions}
        levels = _masked_fields(entity_of(entity)) if seed.masked else {}
    if "change" in rights:  # what goes with changing, unless it is stated
        rights = dict.fromkeys(entity_of(entity).access.shared, rights["change"]) | rights
    RoleRight.objects.bulk_create(
        [RoleRight(role=row, entity=entity, action=action, scope=scope) for action, scope in rights.items()],
        ignore_conflicts=True,
    )
    RoleField.objects.bulk_create(
        [RoleField(role=row, entity=entity, field=name, level=level) for name, level in levels.items()],
        ignore_conflicts=True,
    )
    return len(rights)


def _masked_fields(entity: Entity) -> dict[str, str]:
    """Ways to reach somebody are masked, identity and private matters hidden."""
    levels = {"contact": "masked", "identity": "hidden", "private": "hidden"}
    return {name: levels[one.personal] for name, one in fields_of(entity).items() if one.personal in levels}


def _load_numberings(known: list[str]) -> int:
    entered = 0
    for (entity, name), values in _numberings.items():
        label = f"{entity}.{name}"
        if label not in known:
            _row, made = Numbering.objects.get_or_create(entity=entity, field=name, defaults=values)
            known.append(label)
            entered += made
    return entered


further("calendars", worktime_seed.load)
WORK = ("view", "create", "change", "delete", "export", "import", "assign", "share", "merge", "reveal")

role(RoleSeed("administrator", "系统管理员", "Administrator", "Everything, including settings.", all_rights=True))
role(
    RoleSeed(
        "director",
        "总监",
        "Director",
        "All records of the business; shares views with everyone.",
        usual=same_scope("all", WORK),
        features=("views.public", "reports.links"),
    )
)
role(
    RoleSeed(
        "manager",
        "部门经理",
        "Manager",
        "The department's records and those of the departments below.",
        usual=same_scope("department_below", WORK),
    )
)
role(
    RoleSeed(
        "member",
        "业务员",
        "Member",
        "Own records.",
        usual=same_scope("own", ("view", "create", "change", "delete", "export", "import", "share", "merge", "reveal")),
    )
)
role(
    RoleSeed("reader", "只读", "Reader", "Sees all records, changes none.", usual=same_scope("all", ("view", "export")))
)
role(
    RoleSeed(
        "trainee",
        "实习生",
        "Trainee",
        "Own records; phones and addresses are masked.",
        usual=same_scope("own", ("view", "create", "change")),
        masked=True,
    )
)
dictionary(
    "currency",
    "币种",
    "Currency",
    [
        Value("CNY", "人民币", "Chinese Yuan", default=True),
        Value("USD", "美元", "US Dollar"),
        Value("EUR", "欧元", "Euro"),
        Value("HKD", "港元", "Hong Kong Dollar"),
        Value("JPY", "日元", "Japanese Yen"),
        Value("GBP", "英镑", "British Pound"),
        Value("TWD", "新台币", "New Taiwan Dollar"),
        Value("MOP", "澳门元", "Macanese Pataca"),
        Value("KRW", "韩元", "South Korean Won"),
        Value("SGD", "新加坡元", "Singapore Dollar"),
        Value("AUD", "澳大利亚元", "Australian Dollar"),
        Value("CAD", "加拿大元", "Canadian Dollar"),
        Value("CHF", "瑞士法郎", "Swiss Franc"),
        Value("SEK", "瑞典克朗", "Swedish Krona"),
        Value("THB", "泰铢", "Thai Baht"),
        Value("INR", "印度卢比", "Indian Rupee"),
        Value("RUB", "俄罗斯卢布", "Russian Rouble"),
        Value("BRL", "巴西雷亚尔", "Brazilian Real"),
        Value("MXN", "墨西哥比索", "Mexican Peso"),
        Value("AED", "阿联酋迪拉姆", "UAE Dirham"),
    ],
)
