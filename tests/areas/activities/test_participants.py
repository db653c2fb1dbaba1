"""Several contacts in one follow-up: each has it on his timeline and in his last contact."""

from __future__ import annotations

import datetime as dt
from typing import Any

from guanxi.areas.activities.models import Activity, Participant
from guanxi.core import records
from guanxi.core.kernel import clock
from guanxi.core.people import tokens
from guanxi.core.records.timeline import timeline

ACTIVITY = "activities.activity"


def seen(cast: Any, person: Any) -> list[str]:
    return [entry.body for entry in timeline(cast.alice, person, kinds=[ACTIVITY]).entries]


def fresh(one: Any) -> Any:
    return type(one).objects.get(pk=one.pk)


def test_a_meeting_with_three_people(cast: Any, make: Any) -> None:
    firm = make("customers.customer", name="甲公司")
    anna, bert, cleo, dora = (make("customers.contact", name=name, customer=firm) for name in ("安", "柏", "陈", "丁"))
    at = clock.now() - dt.timedelta(hours=2)
    given = {"kind": "meeting", "customer": firm.pk, "contact": anna.pk, "body": "方案评审", "occurred_at": at}
    made: Activity = records.create(
        cast.alice, ACTIVITY, {**given, "participants": [{"contact": bert.pk, "note": "技术"}, {"contact": cleo.pk}]}
    )
    assert [(one.contact_id, one.note) for one in made.participants.order_by("position")] == [
        (bert.pk, "技术"), (cleo.pk, ""),
    ]  # fmt: skip
    assert [seen(cast, one) for one in (anna, bert, cleo, dora)] == [["方案评审"], ["方案评审"], ["方案评审"], []]
    assert [fresh(one).last_contact_at for one in (anna, bert, cleo, dora)] == [at, at, at, None]

    first = made.participants.order_by("position").first()
    assert first
    records.update(
        cast.alice, fresh(made), {"participants": [{"id": first.pk, "contact": bert.pk}, {"contact": dora.pk}]}
    )
    assert [seen(cast, one) for one in (bert, cleo, dora)] == [["方案评审"], [], ["方案评审"]]
    assert [fresh(one).last_contact_at for one in (bert, cleo, dora)] == [at, None, at]

    step = records.delete(cast.alice, fresh(made))
    assert [fresh(one).last_contact_at for one in (anna, bert, dora)] == [None, None, None]
    records.undo(cast.alice, step.pk)
    assert seen(cast, dora) == ["方案评审"]


def test_the_timeline_of_a_participant_shows_only_what_the_reader_may_see(cast: Any, make: Any) -> None:
    firm = make("customers.customer", name="甲公司", by=cast.charlie_user)
    own = make("customers.contact", name="柏", customer=make("customers.customer", name="乙公司"))
    made = make(ACTIVITY, customer=firm, body="机密", by=cast.charlie_user)
    records.create(cast.root, "activities.participant", {"activity": made.pk, "contact": own.pk}, trusted=True)
    assert seen(cast, own) == []
    assert [entry.body for entry in timeline(cast.root, own, kinds=[ACTIVITY]).entries] == ["机密"]


def test_form_and_api_take_them_with_the_follow_up(client: Any, cast: Any, make: Any) -> None:
    firm = make("customers.customer", name="甲公司")
    anna, bert = (make("customers.contact", name=name, customer=firm) for name in ("安", "柏"))
    _token, secret = tokens.token_create(cast.root, cast.alice_user, name="x", scopes=("read", "write"))
    body = {
        "kind": "call",
        "customer": firm.pk,
        "body": "电话",
        "participants": [{"contact": anna.pk}, {"contact": bert.pk}],
    }
    answer = client.post(
        "/api/v1/activities/", body, content_type="application/json", headers={"Authorization": f"Bearer {secret}"}
    )
    assert answer.status_code == 201, answer.content
    assert sorted(Participant.objects.values_list("contact_id", flat=True)) == sorted([anna.pk, bert.pk])
