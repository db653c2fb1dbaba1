"""Who is asked: the people a step of a flow means for one applicant and one record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core.models import Department, Role, User
from guanxi.core.records import worktime

#: The ways to name people, in the order the editor offers them.
KINDS = ("superior", "department_head", "role", "people", "field", "applicant")
_LEVELS = 9


def find(whom: Iterable[Mapping[str, Any]], applicant: User, record: Any) -> list[int]:
    """Ids of the active people named, in order, each once."""
    found: dict[int, None] = {}
    for one in whom:
        finder = _FINDERS.get(str(one.get("kind")))
        for number in finder(one, applicant, record) if finder else ():
            found.setdefault(number)
    active = set(User.objects.filter(pk__in=found, is_active=True).values_list("pk", flat=True))
    return [number for number in found if number in active]


def level_of(one: Mapping[str, Any]) -> int:
    """How many steps up a superior or head stands: 1 is the next one."""
    level = one.get("level", 1)
    return min(max(level, 1), _LEVELS) if isinstance(level, int) else 1


def superior_of(user: User, level: int = 1) -> User | None:
    """The superior ``level`` steps up, passing over those who left; ``None`` where the line ends."""
    seen, now, steps = {user.pk}, user.superior, 0
    while now is not None and now.pk not in seen:
        seen.add(now.pk)
        if now.is_active and now.deleted_at is None:
            steps += 1
            if steps == level:
                return now
        now = now.superior
    return None


def _superior(one: Mapping[str, Any], applicant: User, _record: Any) -> list[int]:
    found = superior_of(applicant, level_of(one))
    return [found.pk] if found else []


def _department_head(one: Mapping[str, Any], applicant: User, _record: Any) -> list[int]:
    """The head of the applicant's department, or of one above it; who is head himself is sent one higher."""
    department: Department | None = applicant.department
    steps = 0
    while department is not None:
        head = department.head
        if head is not None and head.pk != applicant.pk and head.is_active:
            steps += 1
            if steps == level_of(one):
                return [head.pk]
        department = department.parent
    return []


def _role(one: Mapping[str, Any], applicant: User, _record: Any) -> list[int]:
    rows = User.objects.filter(roles__key=one.get("role"), roles__deleted_at__isnull=True, is_active=True)
    if one.get("within") == "department":
        path = applicant.department.path if applicant.department else ""
        rows = rows.filter(department_id__in=[int(part) for part in path.split("/") if part])
    return list(rows.order_by("sort_key", "pk").values_list("pk", flat=True).distinct())


def _people(one: Mapping[str, Any], _applicant: User, _record: Any) -> list[int]:
    names = [str(name) for name in one.get("users", ())]
    ids = dict(User.objects.filter(username__in=names).values_list("username", "pk"))
    return [ids[name] for name in names if name in ids]


def _field(one: Mapping[str, Any], _applicant: User, record: Any) -> list[int]:
    """People a field of the record names; a path leads over references."""
    value = record
    for part in str(one.get("field", "")).split("."):
        if part == "custom" or value is None:
            continue
        custom = getattr(value, "custom", None) or {}
        value = getattr(value, part, None) if hasattr(value, part) else custom.get(part)
    if isinstance(value, User):
        return [value.pk]
    given = value if isinstance(value, list | tuple) else [value]
    return [int(number) for number in given if isinstance(number, int) and not isinstance(number, bool)]


def _applicant(_one: Mapping[str, Any], applicant: User, _record: Any) -> list[int]:
    return [applicant.pk]


_FINDERS = {
    "superior": _superior,
    "department_head": _department_head,
    "role": _role,
    "people": _people,
    "field": _field,
    "applicant": _applicant,
}


def administrators() -> list[int]:
    """Everybody active with all rights."""
    rows = User.objects.filter(is_active=True, roles__all_rights=True, roles__deleted_at__isnull=True)
    return list(rows.order_by("pk").values_list("pk", flat=True).distinct())


def after(user: User) -> User | None:
    """Who decides in place of somebody who left: his superior, else an administrator."""
    above = superior_of(user)
    if above is not None:
        return above
    left = [number for number in administrators() if number != user.pk]
    return User.objects.filter(pk=left[0]).first() if left else None


def stand_in(user_id: int, moment: dt.datetime, *, but: int | None = None) -> int:
    """Who decides for a person at a moment: himself, or the deputy of his leave (and the deputy's, up to three).

    ``but`` is nobody's deputy: who sent a request does not decide it in the place of somebody who is away.
    """
    chosen = user_id
    for _step in range(3):
        absence = worktime.away(chosen, moment)
        deputy = absence.deputy if absence is not None else None
        if deputy is None or not deputy.is_active or deputy.pk == but:
            return chosen
        chosen = deputy.pk
    return chosen


def late_superior(user: User, moment: dt.datetime, applicant_id: int) -> User | None:
    """Who decides when a person is late: the next superior, or his deputy, who is neither late himself nor the applicant."""
    for level in range(1, _LEVELS + 1):
        above = superior_of(user, level)
        if above is None:
            return None
        stands = stand_in(above.pk, moment, but=applicant_id)
        if stands not in (user.pk, applicant_id):
            return above if stands == above.pk else User.objects.get(pk=stands)
    return None


def words(one: Mapping[str, Any]) -> str:
    """A way of naming people, in words."""
    kind, level = str(one.get("kind")), level_of(one)
    if kind == "superior":
        return _("superior") if level == 1 else _("superior %(level)d steps up") % {"level": level}
    if kind == "department_head":
        return _("head of the department") if level == 1 else _("department head %(level)d steps up") % {"level": level}
    if kind == "role":
        role = Role.objects.filter(key=one.get("role")).first()
        return _("role “%(name)s”") % {"name": role.name if role else one.get("role")}
    if kind == "people":
        rows = User.everything.filter(username__in=list(one.get("users", ())))
        names = {row.username: row.name if row.is_active else _("%(name)s (left)") % {"name": row.name} for row in rows}
        return _(", ").join(names.get(name, name) for name in one.get("users", ()))
    if kind == "field":
        return _("who stands in “%(field)s”") % {"field": one.get("field", "")}
    return _("the applicant")
