"""Links that show a report outside: the sharer's rights at that moment, an end, a code, who may frame it."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid, NotFound, TooMany
from guanxi.core.models import AuditEntry, ReportLink, RoleRight, User
from guanxi.core.models.stamps import bump
from guanxi.core.people import factors
from guanxi.core.reporting import links, stored
from guanxi.runtime.environment import environment
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db
BY_STATE = {"dataset": "fakes.gadget", "rows": [{"field": "state"}], "chart": "bar"}


@pytest.fixture
def sharing(cast: Cast, world: Any) -> Cast:
    """Alice's role may show reports outside, and take out what she sees."""
    cast.role.features = ["reports.links"]
    cast.role.save()
    RoleRight.objects.filter(role=cast.role, entity="fakes.gadget", action="export").update(scope="department")
    bump("rights")
    return replace(cast, alice=cast.actor(cast.alice_user))


def kept(cast: Cast, definition: Any = BY_STATE) -> str:
    """The key of a report of Alice's."""
    return stored.setup_save(cast.alice, sort="report", name="By state", definition=definition).key


def made(cast: Cast, key: str, **more: Any) -> ReportLink:
    """A link of Alice's."""
    return links.link_make(
        cast.alice, **{"sort": "report", "key": key, "name": "Partners", "audience": "anyone", "days": 7, **more}
    )


def path(link: ReportLink) -> str:
    """The path of a link's address."""
    return "/" + links.address_of(link).partition("//")[2].partition("/")[2]


def test_whoever_opens_it_sees_the_sharers_figures_and_no_way_further(sharing: Cast) -> None:
    link = made(sharing, kept(sharing))
    page = Client().get(path(link), {"language": "en"})
    text = page.content.decode()
    assert page.status_code == 200
    assert re.findall(r'<td class="gx-num">(\d+)</td>', text) == ["3", "2", "1", "6"], (
        "what Alice may see, not all eight"
    )
    assert "/gadgets/" not in text
    assert "By state" in text
    assert "Partners" in text
    assert "林爱丽" in text
    assert page["X-Robots-Tag"] == "noindex, nofollow"
    assert page["Cache-Control"].startswith("max-age=0")
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
    link.refresh_from_db()
    assert link.opened == 1
    assert link.last_opened_at is not None
    assert "表" in Client().get(path(link), {"language": "zh-hans"}).content.decode()


def test_it_follows_the_sharers_rights(sharing: Cast) -> None:
    link = made(sharing, kept(sharing))
    RoleRight.objects.filter(role=sharing.role, entity="fakes.gadget", action="view").update(scope="own")
    bump("rights")
    assert re.findall(r'<td class="gx-num">(\d+)</td>', Client().get(path(link)).content.decode())[-1] == "4"
    RoleRight.objects.filter(role=sharing.role, entity="fakes.gadget").delete()
    bump("rights")
    assert Client().get(path(link)).status_code == 404


def test_it_ends(sharing: Cast) -> None:
    key = kept(sharing)
    link = made(sharing, key)
    with clock.moved_to(clock.now() + dt.timedelta(days=8)):
        assert Client().get(path(link)).status_code == 404
    hers = browser(sharing.alice_user)
    for place in ("/reports/shared/", f"/reports/{key}/share/"):
        assert re.search(
            rf'hx-post="/reports/shared/{link.pk}/end/"[^>]* hx-confirm="[^"]*Partners',
            hers.get(place).content.decode(),
        ), f"{place} asks first, naming the link"
    ended = hers.post(f"/reports/shared/{link.pk}/end/", headers={"HX-Request": "true"})
    assert (ended.status_code, ended["HX-Redirect"]) == (204, "/reports/shared/")
    assert Client().get(path(link)).status_code == 404
    again = made(sharing, key)
    for gone in ({"is_active": False, "deleted_at": None}, {"is_active": True, "deleted_at": clock.now()}):
        User.everything.filter(pk=sharing.alice_user.pk).update(**gone)
        assert Client().get(path(again)).status_code == 404, gone
    assert AuditEntry.objects.filter(entity="core_reportlink", record_id=link.pk).count() == 2, "made and ended"


def test_a_link_shows_what_the_sharer_may_take_out(sharing: Cast) -> None:
    link = made(sharing, kept(sharing))
    RoleRight.objects.filter(role=sharing.role, entity="fakes.gadget", action="export").update(scope="own")
    bump("rights")
    text = Client().get(path(link), {"language": "en"}).content.decode()
    assert re.findall(r'<td class="gx-num">(\d+)</td>', text) == ["2", "1", "1", "4"]


def test_forged_addresses_say_nothing_and_are_slowed_down(sharing: Cast) -> None:
    link = made(sharing, kept(sharing))
    for _attempt in range(5):
        with pytest.raises(NotFound):
            links.link_open(f"{link.nonce}.forged", address="198.51.100.7")
    with pytest.raises(TooMany):
        links.link_open(f"{link.nonce}.forged", address="198.51.100.7")
    good = path(link).split("/")[2]
    assert links.link_open(good, address="198.51.100.7").pk == link.pk


def test_a_code_is_asked_for(sharing: Cast) -> None:
    link = made(sharing, kept(sharing), audience="code", code="spring-27")
    guest = Client(enforce_csrf_checks=True)
    asked = guest.get(path(link)).content.decode()
    assert 'name="code"' in asked
    assert "By state" not in asked
    wrong = guest.post(path(link), {"code": "winter"})
    assert wrong.status_code == 422
    assert "By state" not in wrong.content.decode()
    assert "By state" in guest.post(path(link), {"code": "spring-27"}).content.decode()
    assert "spring" not in link.code
    for _attempt in range(5):
        guest.post(path(link), {"code": "guess"})
    assert guest.post(path(link), {"code": "spring-27"}).status_code == 429


def test_colleagues_only(sharing: Cast) -> None:
    link = made(sharing, kept(sharing), audience="people")
    assert Client().get(path(link)).status_code == 302
    text = browser(sharing.dave_user).get(path(link)).content.decode()
    assert re.findall(r'<td class="gx-num">(\d+)</td>', text)[-1] == "6", (
        "Dave sees Alice's figures, having no right himself"
    )


def test_a_board_and_how_it_was_narrowed(sharing: Cast) -> None:
    key = kept(sharing)
    board = stored.setup_save(
        sharing.alice,
        sort="board",
        name="Wall",
        definition={"tiles": [{"report": key, "width": 2}, {"report": "gone"}]},
    )
    link = made(sharing, board.key, sort="board", query=f"owner={sharing.bob_user.pk}")
    text = Client().get(path(link)).content.decode()
    assert re.findall(r'<td class="gx-num">(\d+)</td>', text) == ["1", "1", "2"]


def test_pages_named_by_the_operator_may_frame_it(sharing: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    link = made(sharing, kept(sharing))
    setup = replace(environment(), frames=("https://intranet.example.com", "https://*.example.org"))
    monkeypatch.setattr("guanxi.core.web.reports.links.environment", lambda: setup)
    page = Client().get(path(link))
    assert "frame-ancestors https://intranet.example.com https://*.example.org" in page["Content-Security-Policy"]
    assert "X-Frame-Options" not in page
    assert "frame-ancestors 'none'" in browser(sharing.alice_user).get("/reports/")["Content-Security-Policy"]


@pytest.mark.parametrize(
    "more", [{"name": " "}, {"audience": "all"}, {"days": 0}, {"days": 400}, {"audience": "code", "code": "short"}]
)
def test_what_cannot_be_made(more: Any, sharing: Cast) -> None:
    with pytest.raises(Invalid):
        made(sharing, kept(sharing), **more)
    assert not ReportLink.objects.exists()


def test_who_may_not(sharing: Cast) -> None:
    key = kept(sharing)
    link = made(sharing, key)
    with pytest.raises(Denied):
        links.link_make(
            replace(sharing.alice, rights=replace(sharing.alice.rights, features=frozenset())),
            sort="report",
            key=key,
            name="x",
            audience="anyone",
            days=1,
        )
    RoleRight.objects.filter(role=sharing.role, entity="fakes.gadget", action="export").delete()
    bump("rights")
    with pytest.raises(Denied, match="take out"):
        links.link_make(sharing.actor(sharing.alice_user), sort="report", key=key, name="x", audience="anyone", days=1)
    with pytest.raises(NotFound):
        links.link_end(sharing.bob, link.pk)
    assert links.links_all(sharing.root) == [link]
    assert links.links_all(sharing.bob) == []
    assert ReportLink.objects.get().ended_at is None


def test_the_dialog_makes_one(sharing: Cast) -> None:
    key = kept(sharing)
    client = browser(sharing.alice_user)
    assert "Show outside" in client.get(f"/reports/{key}/").content.decode()
    made_page = client.post(
        f"/reports/{key}/share/",
        {"name": "Intranet", "audience": "anyone", "days": "30", "query": "period=this_year", "narrowed": "1"},
    ).content.decode()
    link = ReportLink.objects.get()
    assert (link.name, link.query) == ("Intranet", "period=this_year")
    assert links.address_of(link) in made_page
    assert links.address_of(link) in client.get("/reports/shared/").content.decode()
    assert client.post(f"/reports/{key}/share/", {"name": "", "audience": "anyone", "days": "30"}).status_code == 422
    assert "Intranet" not in browser(sharing.dave_user).get("/reports/shared/").content.decode()


def test_it_ends_with_the_right_to_show_or_to_take_out(sharing: Cast) -> None:
    link = made(sharing, kept(sharing))
    sharing.role.features = []
    sharing.role.save()
    bump("rights")
    assert Client().get(path(link)).status_code == 404
    sharing.role.features = ["reports.links"]
    sharing.role.save()
    bump("rights")
    assert Client().get(path(link)).status_code == 200
    RoleRight.objects.filter(role=sharing.role, entity="fakes.gadget", action="export").delete()
    bump("rights")
    assert Client().get(path(link)).status_code == 404
    link.refresh_from_db()
    assert link.opened == 1


def test_a_colleague_without_the_factor_that_is_demanded_is_held_up(sharing: Cast) -> None:
    link = made(sharing, kept(sharing), audience="people")
    factors.demand_set(sharing.root, of="everybody", days="0")
    answer = browser(sharing.dave_user).get(path(link))
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/account/second-factor/")


def test_a_code_is_not_guessed_from_many_places(sharing: Cast) -> None:
    link = made(sharing, kept(sharing), audience="code", code="spring-27")

    def guess(address: str, code: str = "guess") -> None:
        links.code_check(link, code, address=address)

    for number in range(5):
        with pytest.raises(Invalid):
            guess(f"2001:db8:1:1::{number}")
    with pytest.raises(TooMany):
        guess("2001:db8:1:1:ffff::9")  # the same customer of a provider
    for number in range(links.CODES_AN_HOUR - 5):
        with pytest.raises(Invalid):
            guess(f"198.51.{number}.7")
    with pytest.raises(TooMany):
        guess("203.0.113.9", "spring-27")
    with clock.moved_to(clock.now() + dt.timedelta(hours=1, seconds=1)):
        for _reader in range(links.CODES_AN_HOUR + 1):
            guess("203.0.113.9", "spring-27")  # who knows it uses nothing up
