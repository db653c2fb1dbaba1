"""The path of people a request will go, planned before it is sent and shown to the applicant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core.automation.approvals import flows, people
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import RuleBroken
from guanxi.core.models import ApprovalFlow, User
from guanxi.core.records.shape import spoken


@dataclass(frozen=True, slots=True)
class Step:
    """One step as planned: the people by id, and why it has none (``skip``) or others than asked for (``admin``)."""

    key: str
    name_zh: str
    name_en: str
    mode: str
    users: tuple[int, ...]
    note: str = ""
    hours: float = 0
    late: str = ""
    copies: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """Its name in the active language."""
        return spoken(self.name_zh, self.name_en)

    def stored(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "key": self.key, "name_zh": self.name_zh, "name_en": self.name_en, "mode": self.mode, "users": list(self.users),
            "note": self.note, "hours": self.hours, "late": self.late, "copies": list(self.copies),
        }  # fmt: skip


def step_from(stored: Mapping[str, Any]) -> Step:
    """A step of a stored path."""
    return Step(
        key=stored["key"], name_zh=stored["name_zh"], name_en=stored["name_en"], mode=stored["mode"],
        users=tuple(stored["users"]), note=stored.get("note", ""), hours=stored.get("hours") or 0,
        late=stored.get("late", ""), copies=tuple(stored.get("copies", ())),
    )  # fmt: skip


def plan(actor: Actor, flow: ApprovalFlow, applicant: User, entity: str, record: Any) -> tuple[Step, ...]:
    """The steps with their people for this applicant and record, as it stands in this transaction.

    Steps whose condition the record does not meet are left out. Raises RuleBroken when a step that must not be left
    out has nobody, or when nobody at all would be asked.
    """
    found = []
    for number, one in enumerate(flow.steps):
        if not flows.fits(actor, entity, getattr(record, "pk", None), one.get("when")):
            continue
        found.append(_step(number, one, applicant, record, flow.options.get("self", "superior")))
    if not any(step.users for step in found):
        raise RuleBroken(
            _("Nobody would decide this: “%(flow)s” finds no people. Ask an administrator.")
            % {"flow": flows.name_of(flow)},
            code="approval.nobody",
        )
    return tuple(found)


def _step(number: int, one: Mapping[str, Any], applicant: User, record: Any, self_rule: str) -> Step:
    users, note = people.find(one["who"], applicant, record), ""
    if applicant.pk in users and self_rule == "superior":
        above = people.superior_of(applicant)
        users = [above.pk if user == applicant.pk and above else user for user in users]
        users = list(dict.fromkeys(user for user in users if user != applicant.pk or above is None))
    if not users:
        rule = one.get("nobody") or "admin"
        if rule == "stop":
            raise RuleBroken(
                _("Step “%(step)s” finds nobody to decide. Ask an administrator.")
                % {"step": spoken(one.get("name_zh", ""), one.get("name_en", ""))},
                code="approval.nobody",
            )
        users, note = (people.administrators() if rule == "admin" else []), rule
    return Step(
        key=str(one.get("key") or number),
        name_zh=str(one.get("name_zh") or f"第{number + 1}步"),
        name_en=str(one.get("name_en") or f"Step {number + 1}"),
        mode="any" if note == "admin" else str(one.get("mode") or "any"),
        users=tuple(users),
        note=note,
        hours=float(one.get("hours") or 0),
        late=str(one.get("late") or "remind"),
        copies=tuple(people.find(one.get("copy") or (), applicant, record)),
    )
