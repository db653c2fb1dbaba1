"""The people of the demo organisation: departments, positions, a dozen users with different roles."""

from __future__ import annotations

import secrets
from typing import NamedTuple

from django.contrib.auth.hashers import make_password

from guanxi.core import records
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import Department, Position, Role, User
from guanxi.core.people import passwords
from guanxi.core.people.users import stamp_bump, user_roles_set


class Person(NamedTuple):
    """Login name, name, position, department, role, superior's login name, language, sales region or ''."""

    username: str
    name: str
    position: str
    department: str
    role: str
    superior: str = ""
    language: str = "zh-hans"
    region: str = ""


#: Key → (name, key of the higher department).
DEPARTMENTS = {
    "hq": ("云桥科技有限公司", ""),
    "sales": ("销售中心", "hq"),
    "south": ("华南销售部", "sales"),
    "east": ("华东销售部", "sales"),
    "overseas": ("海外与大客户部", "sales"),
    "marketing": ("市场部", "hq"),
    "service": ("客户服务部", "hq"),
    "finance": ("财务部", "hq"),
}
POSITIONS = (
    "总经理",
    "销售总监",
    "区域经理",
    "客户经理",
    "客户成功经理",
    "市场经理",
    "财务主管",
    "系统管理员",
    "实习生",
)
PEOPLE = (
    Person("admin", "周航", "系统管理员", "hq", "administrator"),
    Person("chenjianguo", "陈建国", "销售总监", "sales", "director", "admin"),
    Person("linyating", "林雅婷", "区域经理", "south", "manager", "chenjianguo", region="south"),
    Person("zhangwei", "张伟", "客户经理", "south", "member", "linyating", region="south"),
    Person("wangfang", "王芳", "客户经理", "south", "member", "linyating", region="south"),
    Person("liuyang", "刘洋", "客户经理", "south", "member", "linyating", region="south"),
    Person("zhaomin", "赵敏", "区域经理", "east", "manager", "chenjianguo", region="east"),
    Person("sunlei", "孙磊", "客户经理", "east", "member", "zhaomin", region="east"),
    Person("zhoujing", "周静", "客户经理", "east", "member", "zhaomin", region="east"),
    Person("emma", "Emma Wilson", "区域经理", "overseas", "manager", "chenjianguo", "en", "abroad"),
    Person("james", "James Lee", "客户经理", "overseas", "member", "emma", "en", "abroad"),
    Person("hexiaomei", "何晓梅", "客户成功经理", "service", "service", "admin"),
    Person("wuqian", "吴倩", "市场经理", "marketing", "marketing", "admin"),
    Person("xuli", "徐莉", "财务主管", "finance", "finance", "admin"),
    Person("maxiaoming", "马小明", "实习生", "south", "trainee", "zhangwei", region="trainee"),
)


def present() -> bool:
    """Whether the demo's people are there already."""
    return User.everything.filter(username__in=[one.username for one in PEOPLE]).count() == len(PEOPLE)


def make(actor: Actor) -> dict[str, User]:
    """Departments, positions and users, by login name; what is there is kept."""
    departments = _departments(actor)
    positions = {name: Position.objects.filter(name=name).first() for name in POSITIONS}
    for rank, name in enumerate(POSITIONS, start=1):
        if positions[name] is None:
            positions[name] = records.create(actor, "core.position", {"name": name, "rank": rank})
    roles = {role.key: role for role in Role.objects.all()}
    users: dict[str, User] = {}
    for number, one in enumerate(PEOPLE, start=1):
        user = User.objects.filter(username=one.username).first()
        if user is None:
            values = {
                "username": one.username,
                "name": one.name,
                "email": f"{one.username}@yunqiao.example",
                "staff_number": f"YQ{number:03d}",
                "phone": f"0755-8600{8000 + number}",
                "department": departments[one.department].pk,
                "job": getattr(positions[one.position], "pk", None),
                "superior": users[one.superior].pk if one.superior else None,
                "language": one.language,
            }
            user = records.create(actor, "core.user", values)
            user_roles_set(actor, user, [roles[one.role]])
        users[one.username] = user
    for key, head in (("sales", "chenjianguo"), ("south", "linyating"), ("east", "zhaomin"), ("overseas", "emma")):
        if departments[key].head_id is None:
            records.update(actor, departments[key], {"head": users[head].pk})
    return users


def _departments(actor: Actor) -> dict[str, Department]:
    made: dict[str, Department] = {}
    for position, (key, (name, above)) in enumerate(DEPARTMENTS.items(), start=1):
        code = key.upper()
        found = Department.objects.filter(code=code, name=name).first()
        if found is None:
            values = {"name": name, "code": code, "parent": made[above].pk if above else None, "position": position}
            found = records.create(actor, "core.department", values)
            found.refresh_from_db()
        made[key] = found
    return made


def logins(actor: Actor, users: dict[str, User], password: str | None) -> list[dict[str, str]]:
    """Give every demo user the password (one made up if there is none) and list the logins for the console."""
    chosen = password or "-".join(secrets.token_hex(2) for _part in range(4))
    encoded = make_password(
        passwords.normal(chosen)
    )  # once for all: it is one password, and hashing is slow on purpose
    listed = []
    for one in PEOPLE:
        user = users[one.username]
        with records.writing(actor):
            user.password = encoded
            user.save(update_fields=["password"])
            stamp_bump(user)
        role = next(iter(user.roles.values_list("name", "name_en")), ("", ""))
        listed.append(
            {"username": one.username, "name": one.name, "role": f"{role[0]} {role[1]}".strip(), "password": chosen}
        )
    return listed
