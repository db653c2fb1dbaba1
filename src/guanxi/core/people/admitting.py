"""A new colleague in one step: person, place, roles, working time, and the invitation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Role, User, WorkCalendar
from guanxi.core.people import inviting, users
from guanxi.core.people.guards import require_administrator
from guanxi.core.records import worktime
from guanxi.core.records.writing import writing


def user_admit(
    actor: Actor, *, values: Mapping[str, Any], roles: Iterable[Role] = (), calendar: str = "", invite: bool = False
) -> User:
    """Make a user who can begin: with roles, a calendar of his own (key; '' for that of his department), and a mail to set a password.

    All or nothing. Raises Denied, Invalid at the field; ``invite`` needs an address.
    """
    require_administrator(actor)
    if invite and not str(values.get("email") or "").strip():
        raise Invalid(
            _("Fill in the e-mail the invitation goes to, or leave it out."), code="user.no_email", field="email"
        )
    with writing(actor):
        made = users.user_create(actor, values=values)
        given = list(roles)
        if given:
            users.user_roles_set(actor, made, given)
        if calendar:
            row = WorkCalendar.objects.select_for_update().filter(key=calendar).first()
            if row is None:
                raise Invalid(_("Choose from the list."), code="user.calendar", field="calendar")
            row.people = sorted({*row.people, made.pk})
            row.version += 1
            row.save(update_fields=["people", "version"])
            worktime.forget()
        if invite:
            inviting.user_invite(actor, made)
    return made
