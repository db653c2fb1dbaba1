"""A new colleague in one step: all of it, or nothing."""

from __future__ import annotations

from typing import Any

import pytest

from guanxi.core.kernel.errors import Denied, Invalid
from guanxi.core.models import OutboxEvent, Role, User, WorkCalendar
from guanxi.core.people.admitting import user_admit

pytestmark = pytest.mark.django_db
VALUES = {"name": "钱多多", "username": "qian", "email": "qian@guanxi.test"}


def test_place_roles_calendar_and_invitation(cast: Any) -> None:
    calendar = WorkCalendar.objects.create(key="shift", name_zh="倒班")
    made = user_admit(
        cast.root,
        values={**VALUES, "department": cast.south.pk, "superior": cast.alice_user.pk},
        roles=[cast.role],
        calendar="shift",
        invite=True,
    )
    assert (made.department_id, made.superior_id, list(made.roles.all())) == (
        cast.south.pk,
        cast.alice_user.pk,
        [cast.role],
    )
    calendar.refresh_from_db()
    assert calendar.people == [made.pk]
    assert OutboxEvent.objects.filter(name="core.user.invited", record_id=made.pk).exists()
    assert not made.has_usable_password()


@pytest.mark.parametrize(("further", "field"), [({"calendar": "none"}, "calendar"), ({"values": {**VALUES, "email": ""}, "invite": True}, "email"), ({"values": {**VALUES, "username": "alice"}}, "username")])  # fmt: skip
def test_nothing_of_it_when_a_part_is_refused(cast: Any, further: dict[str, Any], field: str) -> None:
    before = User.everything.count()
    with pytest.raises(Invalid) as refused:
        user_admit(cast.root, **{"values": VALUES, **further})
    assert field in (refused.value.errors or {refused.value.field: ()})
    assert User.everything.count() == before


def test_only_by_who_administers_people_and_gives_no_more_than_he_has(cast: Any) -> None:
    with pytest.raises(Denied):
        user_admit(cast.alice, values=VALUES, roles=Role.objects.none())
    assert not User.everything.filter(username="qian").exists()
