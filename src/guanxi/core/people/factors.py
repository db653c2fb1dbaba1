"""The second factor: of whom the workspace demands one and from when, who still lacks it, and that nobody gives his last one away.

The demand is the workspace's (``Preference`` "second_factor"). An app or a passkey is a factor, recovery codes alone are none.
Tokens of programs are not asked: they are a secret of their own, made by somebody who came in by both factors.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

from allauth.mfa.models import Authenticator
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guanxi.core.access import actors
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Preference, Role, User
from guanxi.core.models.fixed import Fixed
from guanxi.core.models.stamps import kept
from guanxi.core.people.guards import is_administrator, require_administrator
from guanxi.core.records.workspace import STAMP, preference_store

PREFERENCE = "second_factor"
NOBODY, ADMINISTRATORS, ROLES, EVERYBODY = "nobody", "administrators", "roles", "everybody"
OF = {
    NOBODY: gettext_lazy("Nobody; whoever wants one sets it up"),
    ADMINISTRATORS: gettext_lazy("Administrators"),
    ROLES: gettext_lazy("Holders of these roles"),
    EVERYBODY: gettext_lazy("Everybody"),
}
LAST_ONE = gettext_lazy("A second factor is demanded here. Set up another one before you remove this.")
DUE = gettext_lazy("Your account needs a second factor before you go on. Set one up under “My account”.")
MOST_DAYS = 90
#: So long after signing in the sign-in itself is proof enough to set the first factor up.
FRESH_SECONDS = 600

_HELD = Fixed(
    lambda user_id: (
        Authenticator.objects.filter(user_id=user_id)
        .exclude(type=Authenticator.Type.RECOVERY_CODES)
        .values_list("pk")[:1]
    ),
    [-1],
)


@dataclass(frozen=True, slots=True)
class Demand:
    """Of whom a second factor is demanded, how many days there are to set it up, and since when (ISO) it is demanded."""

    of: str = NOBODY
    roles: tuple[str, ...] = ()
    days: int = 7
    since: str = ""

    def ends(self, user: User) -> dt.datetime:
        """The moment from which ``user`` opens nothing without one: ``days`` after the demand or his first day here."""
        since = dt.datetime.fromisoformat(self.since) if self.since else user.created_at
        return max(since, user.created_at) + dt.timedelta(days=self.days)


@kept(STAMP, size=1)
def demand() -> Demand:
    """What the workspace demands."""
    told = Preference.objects.filter(key=PREFERENCE).values_list("value", flat=True).first()
    if not isinstance(told, dict) or told.get("of") not in OF:
        return Demand()
    return Demand(
        told["of"], tuple(map(str, told.get("roles", ()))), int(told.get("days", 7)), str(told.get("since", ""))
    )


def asked_of(actor: Actor) -> bool:
    """Whether the demand is about this person."""
    wanted = demand()
    if wanted.of == EVERYBODY:
        return True
    if wanted.of == ADMINISTRATORS:
        return actor.rights.everything or is_administrator(actor)
    return wanted.of == ROLES and not actor.rights.roles.isdisjoint(wanted.roles)


def has_factor(user_id: int) -> bool:
    """Whether somebody has an app or a passkey."""
    return bool(_HELD.rows(user_id))


def standing(actor: Actor, user: User) -> Literal["free", "grace", "due"]:
    """Whether a signed-in person may go on: ``free``, still has time to set a factor up, or must do so now."""
    if not asked_of(actor) or has_factor(user.pk):
        return "free"
    return "grace" if clock.now() < demand().ends(user) else "due"


def demand_set(actor: Actor, *, of: str, roles: Iterable[str] = (), days: str = "7") -> Demand:
    """Say of whom a second factor is demanded. The days to set it up count anew when more people are asked than before.

    Raises Denied for those who do not administer people, Invalid by field.
    """
    require_administrator(actor)
    problems: dict[str, list[Invalid]] = {}
    if of not in OF:
        problems["of"] = [Invalid(_("Choose one of the values offered."), code="value.choice", field="of")]
    chosen = tuple(sorted(Role.objects.filter(key__in=list(roles)).values_list("key", flat=True)))
    if of == ROLES and not chosen:
        problems["roles"] = [Invalid(_("Choose at least one role."), code="value.required", field="roles")]
    if not days.strip().isdecimal() or int(days) > MOST_DAYS:
        text = _("Enter a whole number from 0 to %(limit)s.") % {"limit": MOST_DAYS}
        problems["days"] = [Invalid(text, code="number.range", field="days")]
    if problems:
        raise Invalid.collect(problems)
    before = demand()
    wider = before.of not in (of, EVERYBODY) or (of == ROLES == before.of and not set(chosen) <= set(before.roles))
    since = clock.now().isoformat() if wider or not before.since else before.since
    made = Demand(of, chosen if of == ROLES else (), int(days), since if of != NOBODY else "")
    preference_store(actor, PREFERENCE, {**asdict(made), "roles": list(made.roles)})
    return made


def asked_users(*, held: bool | None = None) -> QuerySet[User]:
    """Active people of whom a factor is demanded, by name; only those who have one (``held``) or have none, if wanted."""
    wanted = demand()
    people = User.objects.filter(is_active=True)
    if held is not None:
        factors = Authenticator.objects.filter(user_id=OuterRef("pk")).exclude(type=Authenticator.Type.RECOVERY_CODES)
        people = people.filter(Exists(factors) if held else ~Exists(factors))
    living = Role.objects.filter(users=OuterRef("pk"), deleted_at__isnull=True)
    if wanted.of == ADMINISTRATORS:
        may = Q(all_rights=True) | Q(rights__entity="core.user", rights__action="change", rights__scope="all")
        people = people.filter(Exists(living.filter(may)))
    elif wanted.of == ROLES:
        people = people.filter(Exists(living.filter(key__in=wanted.roles)))
    elif wanted.of == NOBODY:
        people = people.none()
    return people.order_by("sort_key", "pk")


def may_give_away(authenticator: Authenticator) -> bool:
    """Whether its holder keeps another factor without it, or none is demanded of him."""
    others = Authenticator.objects.filter(user_id=authenticator.user_id).exclude(pk=authenticator.pk)
    if others.exclude(type=Authenticator.Type.RECOVERY_CODES).exists():
        return True
    user = User.objects.filter(pk=authenticator.user_id).first()
    return user is None or not asked_of(actors.load(user))
