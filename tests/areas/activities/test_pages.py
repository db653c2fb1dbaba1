"""The area's blocks as they stand on the home page and on the page of a customer."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest

from guanxi.areas.activities.models import Activity, FollowUpPlan, Task
from guanxi.core.automation import notify, outbox
from guanxi.core.kernel import clock
from guanxi.core.records import together
from tests.factories.cast import Cast
from tests.signing import browser

Make = Callable[..., Any]
HOUR = dt.timedelta(hours=1)


def text_of(page: Any) -> str:
    assert page.status_code == 200, page.status_code
    return " ".join(re.sub(r"<[^>]+>", " ", page.content.decode()).split())


@pytest.mark.usefixtures("cast")
def test_home_says_what_to_do_and_names_nobody_unseen(cast: Cast, make: Make) -> None:
    client = browser(cast.alice_user)
    assert "No contact is planned for today." in text_of(client.get("/"))
    foreign = make("customers.customer", name="别人的客户", by=cast.charlie_user)
    now = clock.now()
    make("activities.task", subject="给他打电话", customer=foreign, due_at=now - HOUR)
    make("activities.followupplan", customer=make("customers.customer", name="我的客户"), planned_at=now - 48 * HOUR)
    html = client.get("/").content.decode()
    assert "给他打电话" in html
    assert "别人的客户" not in html  # the task is hers, the customer is not
    assert "我的客户" in html
    assert "Late" in html


def test_mentions_stand_on_home_until_read(cast: Cast, make: Make) -> None:
    gadget = make("fakes.gadget", name="水泵")
    client = browser(cast.alice_user)
    assert 'id="card-mentions"' not in client.get("/").content.decode()
    together.comment_add(cast.bob, gadget, "@alice 请看")
    outbox.deliver_all()
    html = client.get("/").content.decode()
    assert f'<a href="/gadgets/{gadget.pk}/">鲍勃 mentioned you on 水泵</a>' in html
    notify.mark_read(cast.alice, record=gadget)
    assert 'id="card-mentions"' not in client.get("/").content.decode()


def test_a_task_is_done_from_home(cast: Cast, make: Make) -> None:
    task = make("activities.task", due_at=clock.now() - HOUR)
    client = browser(cast.alice_user)
    path = f"/tasks/{task.pk}/do/complete/"
    assert f'action="{path}"' in client.get("/").content.decode()
    assert client.post(path).status_code in (200, 204, 302, 303)
    assert Task.objects.get().status == "done"
    assert path not in client.get("/").content.decode()


def test_the_strip_on_the_page_of_a_customer(cast: Cast, make: Make) -> None:
    customer = make("customers.customer", name="华为")
    make("activities.followupplan", customer=customer, subject="送样品", planned_at=clock.now() + HOUR)
    make("activities.task", customer=customer, subject="准备样品", due_at=clock.now() + HOUR)
    page = text_of(browser(cast.alice_user).get(f"/customers/{customer.pk}/"))
    assert "Never contacted yet." in page
    assert "送样品" in page
    assert "准备样品" in page
    bob = browser(cast.bob_user).get(f"/customers/{customer.pk}/").content.decode()  # sees, may not change
    assert "送样品" in bob
    assert "/do/snooze/" not in bob


def test_the_small_form_notes_a_follow_up(cast: Cast, make: Make) -> None:
    customer = make("customers.customer")
    plan = make("activities.followupplan", customer=customer, kind="visit", planned_at=clock.now() - HOUR)
    client = browser(cast.alice_user)
    url = f"/quick/follow-up/?entity=customers.customer&id={customer.pk}"
    form = client.get(url).content.decode()
    assert re.search(r'<option value="visit" selected', form)
    sent = {"entity": "customers.customer", "id": customer.pk, "kind": "visit", "body": "送了样品", "result": ""}
    answer = client.post(url, sent)
    assert answer.status_code in (200, 204, 302, 303), answer.content.decode()
    made = Activity.objects.get()
    assert (made.kind, made.body, made.customer_id) == ("visit", "送了样品", customer.pk)
    assert FollowUpPlan.objects.get(pk=plan.pk).activity_id == made.pk


@pytest.mark.parametrize(
    ("key", "sent", "model"),
    [
        ("task", {"subject": "报价", "priority": "high"}, Task),
        ("plan", {"subject": "回访", "kind": "call", "planned_at": "2030-03-02 09:00"}, FollowUpPlan),
    ],
)
def test_the_other_small_forms(cast: Cast, make: Make, key: str, sent: dict[str, Any], model: Any) -> None:
    customer = make("customers.customer")
    url = f"/quick/{key}/?entity=customers.customer&id={customer.pk}"
    client = browser(cast.alice_user)
    assert client.get(url).status_code == 200
    answer = client.post(url, {"entity": "customers.customer", "id": customer.pk, **sent})
    assert answer.status_code in (200, 204, 302, 303), answer.content.decode()
    made = model.objects.get()
    assert (made.subject, made.customer_id, made.owner_id) == (sent["subject"], customer.pk, cast.alice_user.pk)
