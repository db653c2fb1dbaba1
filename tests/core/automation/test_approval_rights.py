"""Approvals give no rights away: who asks may do what he asks for, and what one may not see is not told."""

from __future__ import annotations

from typing import Any

import pytest

from guanxi.core.access import allowed
from guanxi.core.automation import approvals
from guanxi.core.automation.approvals import deciding, flows, history
from guanxi.core.kernel.errors import Denied, Invalid, NotFound
from guanxi.core.models import Approval, Collaborator, RoleRight
from guanxi.core.models.stamps import bump
from tests.core.automation.approving import (
    ask,
    flow,
    priced_gadget,  # noqa: F401 - a fixture
)
from tests.fakes.models import Gadget
from tests.signing import browser


def given_away(cast: Any, gadget: Gadget) -> None:
    Gadget.objects.filter(pk=gadget.pk).update(owner=cast.charlie_user)


def test_nobody_copies_a_request_to_himself(cast: Any, gadget: Gadget) -> None:
    flow(cast)
    approval = ask(cast, gadget)
    for actor, user in ((cast.alice, cast.alice_user), (cast.bob, cast.bob_user)):
        with pytest.raises(Invalid):
            deciding.copy_to(actor, approval.pk, user)
    with pytest.raises(Invalid):
        deciding.transfer(cast.bob, approval.pk, cast.bob_user)
    deciding.reject(cast.bob, approval.pk, "不行")
    given_away(cast, gadget)
    page = browser(cast.alice_user)
    for user in (cast.alice_user, cast.dave_user):
        assert page.post(f"/approvals/{approval.pk}/copy/", {"user": str(user.pk)}).status_code == 404
    assert not Collaborator.objects.exists()
    assert not allowed(cast.actor(cast.alice_user), "view", Gadget.objects.get(pk=gadget.pk))


def test_who_may_not_share_copies_only_to_who_sees_it(cast: Any, gadget: Gadget) -> None:
    flow(cast)
    approval = ask(cast, gadget)
    with pytest.raises(Denied):
        deciding.copy_to(cast.bob, approval.pk, cast.charlie_user)
    assert not Collaborator.objects.exists()
    deciding.copy_to(cast.bob, approval.pk, cast.root_user)
    deciding.copy_to(cast.alice, approval.pk, cast.charlie_user)
    assert Collaborator.objects.get().created_by_id == cast.alice_user.pk
    assert allowed(cast.actor(cast.charlie_user), "view", gadget)


@pytest.mark.parametrize("action", ["discount", "break", "delete", "create"])
def test_who_may_not_do_it_does_not_ask_for_it(cast: Any, gadget: Gadget, action: str) -> None:
    """Bob sees what Alice owns and may change nothing of it; a request of his would lock it."""
    applied: list[Any] = []
    flows.register_action("fakes.gadget", "discount", "Discount", lambda *given: applied.append(given))
    flow(cast, action=action, condition={}, name_en=f"Flow {action}")
    with pytest.raises(Denied):
        approvals.submit(cast.bob, "fakes.gadget", gadget.pk, action)
    with pytest.raises(NotFound):
        approvals.submit(cast.charlie, "fakes.gadget", gadget.pk, action)
    with pytest.raises(NotFound):
        approvals.submit(cast.alice, "fakes.gadget", None, action)
    form = {"entity": "fakes.gadget", "record": str(gadget.pk), "action": action}
    assert browser(cast.bob_user).post("/approvals/send/", form).status_code == 403
    assert not Approval.objects.exists()
    assert approvals.submit(cast.alice, "fakes.gadget", gadget.pk, action).state == "pending"


def test_a_record_made_for_somebody_else_is_sent_by_who_made_it(cast: Any, make: Any, gadget: Gadget) -> None:
    flow(cast, action="create", condition={})
    Approval.objects.create(
        entity="fakes.gadget", record_id=gadget.pk, action="create", flow=None, applicant=cast.bob_user
    )
    sent = approvals.submit(cast.bob, "fakes.gadget", gadget.pk, "create")
    assert sent.state == "pending"


def test_an_action_is_given_what_it_asks_for_alone(cast: Any, gadget: Gadget) -> None:
    flow(cast, action="break", condition={})
    with pytest.raises(Invalid) as caught:
        approvals.submit(cast.alice, "fakes.gadget", gadget.pk, "break", {"trusted": True})
    assert caught.value.code == "field.unknown"


def test_the_right_is_asked_again_when_it_is_carried_out(cast: Any, gadget: Gadget) -> None:
    applied: list[Any] = []
    flows.register_action("fakes.gadget", "discount", "Discount", lambda *given: applied.append(given))
    flow(cast, action="discount", condition={})
    approval = approvals.submit(cast.alice, "fakes.gadget", gadget.pk, "discount", {"off": "77"})
    RoleRight.objects.filter(role=cast.role, entity="fakes.gadget", action="change").delete()
    bump("rights")
    done = deciding.approve(cast.bob, approval.pk)
    assert (done.state, applied) == ("failed", [])


def test_who_lost_the_record_is_told_no_values(cast: Any, gadget: Gadget) -> None:
    flow(cast)
    approval = ask(cast, gadget)
    deciding.reject(cast.bob, approval.pk, "底价是九百")
    address = f"/approvals/{approval.pk}/"
    for user in (cast.alice_user, cast.bob_user):
        assert "2,000" in browser(user).get(address).content.decode()
    given_away(cast, gadget)
    for user, own, others in ((cast.alice_user, "请批准", "底价是九百"), (cast.bob_user, "底价是九百", "请批准")):
        actor = cast.actor(user)
        found = Approval.objects.get()
        assert history.changes_of(actor, found) == []
        for page in (address, "/approvals/?show=sent", "/approvals/?show=done"):
            text = browser(user).get(page).content.decode()
            assert "2,000" not in text, page
            assert others not in text, page
        assert own in browser(user).get(address).content.decode()
        said = [one.comment for one in history.entries_of(actor, found)]
        assert own in said
        assert others not in said
    assert history.changes_of(cast.actor(cast.charlie_user), Approval.objects.get()) != []
    Gadget.objects.filter(pk=gadget.pk).update(owner=cast.alice_user, deleted_at=gadget.created_at)
    assert history.changes_of(cast.actor(cast.alice_user), Approval.objects.get()) != []
