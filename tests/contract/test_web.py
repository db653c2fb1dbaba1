"""Every page of every entity, for the whole cast, in both languages: those who may see it do, others learn nothing."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.utils import translation

from guanxi.core import records
from guanxi.core.kernel.actor import Actor
from guanxi.core.records import display
from guanxi.core.schema.entity import Entity
from tests.contract.conftest import PEOPLE, may
from tests.core.web.conftest import browse  # noqa: F401 - a fixture
from tests.factories.cast import Cast

Browse = Callable[..., Client]
HX = {"HTTP_HX_REQUEST": "true"}
LANGUAGES = ("zh-hans", "en")
#: Entities whose title is a value of a dictionary: it says nothing about one record.
NAMED_BY_CHOICE = ("customers.consent", "customers.customerlink", "sales.opportunityrole", "sales.party")


def tongues(entity: Entity, person: str) -> tuple[str, ...]:
    """Both languages for Alice; for each of the others one, which changes from entity to entity."""
    turn = len(entity.key) + PEOPLE.index(person)
    return LANGUAGES if person == "alice" else (LANGUAGES[turn % 2],)


def may_any(actor: Actor, entity: Entity, action: str = "view") -> bool:
    """Whether the cast's role promises the action on some record, said independently of the access floor."""
    if actor.rights.everything or (entity.access.public and action == "view"):
        return True
    return bool(entity.access.owner) and not entity.access.public and bool(actor.rights.reach)


def body(answer: Any) -> str:
    """The page as a reader sees its text; streamed answers too."""
    content = b"".join(answer.streaming_content) if getattr(answer, "streaming", False) else answer.content
    return html.unescape(content.decode("utf-8", "replace"))


def page_title(answer: HttpResponse) -> str:
    """The text of ``<title>``."""
    found = re.search(r"<title>(.*?)</title>", body(answer), re.DOTALL)
    assert found is not None
    return found.group(1)


def secret(entity: Entity, record: Any) -> list[str]:
    """What must not stand in an answer for somebody who may not see the record."""
    found = [f"/{entity.path}/{record.pk}/peek/"]
    for language in LANGUAGES:
        title = titled(entity, record, language)
        if entity.key not in NAMED_BY_CHOICE and title and title not in found:
            found.append(title)
    return found


def titled(entity: Entity, record: Any, language: str) -> str:
    """What the record is called in a language."""
    with translation.override(language):
        return str(display.title_of(entity, record))


def told(answer: HttpResponse, secrets: list[str]) -> list[str]:
    """Which of the secrets the answer tells."""
    text = body(answer)
    return [one for one in secrets if one in text]


def test_the_list_shows_exactly_what_may_be_seen(
    entity: Entity,
    sample: Any,
    person: str,
    cast: Cast,
    browse: Browse,  # noqa: F811
) -> None:
    actor = getattr(cast, person)
    newest = f"/{entity.path}/?view=0&sort=-created_at"
    for language in tongues(entity, person):
        client = browse(person, language)
        answer = client.get(newest)
        assert answer.status_code == (200 if may_any(actor, entity) else 404), language
        if answer.status_code == 200:
            assert f'lang="{"zh-Hans" if language == "zh-hans" else "en"}"' in body(answer)
        secrets = secret(entity, sample)
        if may(actor, entity, sample):
            assert f'data-id="{sample.pk}"' in body(answer)
        else:
            assert told(answer, secrets) == []
        part = client.get(newest, **HX)
        assert part.status_code == answer.status_code
        assert "<!doctype" not in body(part).lower()


def test_the_record_page_and_its_relatives(
    entity: Entity,
    sample: Any,
    person: str,
    cast: Cast,
    browse: Browse,  # noqa: F811
) -> None:
    actor = getattr(cast, person)
    seen = may(actor, entity, sample)
    secrets = secret(entity, sample)
    for language in tongues(entity, person):
        client = browse(person, language)
        for view in ("", "peek/", "history/", "timeline/", "why/", "why/all/", "share/"):
            answer = client.get(f"/{entity.path}/{sample.pk}/{view}")
            assert answer.status_code == (200 if seen else 404), (view, language)
            if not seen:
                assert told(answer, secrets) == [], view
        if seen:
            named = titled(entity, sample, language)
            answer = client.get(f"/{entity.path}/{sample.pk}/")
            assert named in page_title(answer) or entity.key in NAMED_BY_CHOICE
            assert page_title(answer).partition(" · ")[0].strip() != ""
            part = client.get(f"/{entity.path}/{sample.pk}/peek/", **HX)
            assert part.status_code == 200
            assert "<!doctype" not in body(part).lower()


def test_forms_open_for_those_who_may_write(
    entity: Entity,
    sample: Any,
    person: str,
    cast: Cast,
    browse: Browse,  # noqa: F811
) -> None:
    actor = getattr(cast, person)
    seen, secrets = may(actor, entity, sample), secret(entity, sample)
    for language in tongues(entity, person):
        client = browse(person, language)
        answer = client.get(f"/{entity.path}/new/")
        if not may_any(actor, entity, "create"):
            assert answer.status_code in (403, 404)
        else:
            assert answer.status_code == (200 if entity.creatable else 404)
        assert sample.pk is not None
        if not seen:
            assert told(answer, secrets) == []
        for view, action in (("edit/", "change"), ("delete/", "delete")):
            for how in ({}, HX):
                answer = client.get(f"/{entity.path}/{sample.pk}/{view}", **how)
                wanted = 200 if may(actor, entity, sample, action) else 403 if seen else 404
                assert answer.status_code == wanted, (view, language)
                if not seen:
                    assert told(answer, secrets) == [], view


def test_writing_through_pages_is_refused_and_changes_nothing(
    entity: Entity,
    sample: Any,
    person: str,
    cast: Cast,
    browse: Browse,  # noqa: F811
) -> None:
    actor = getattr(cast, person)
    if may(actor, entity, sample, "change"):
        return
    client, base = browse(person), f"/{entity.path}/{sample.pk}/"
    before = entity.model._base_manager.filter(pk=sample.pk).values().get()
    expected = 403 if may(actor, entity, sample) else 404
    field = entity.title.split(".")[0]
    attempts = [
        (f"{base}edit/", {field: "改了"}),
        (f"{base}delete/", {}),
        (f"{base}field/{field}/", {field: "改了"}),
        (f"{base}cell/{field}/", {field: "改了"}),
    ]
    if entity.board is not None:
        attempts.append((f"{base}move/", {"to": "", "version": sample.version}))
    for address, data in attempts:
        answer = client.post(address, data, **HX)
        assert answer.status_code == expected, (address, answer.status_code)
        assert told(answer, secret(entity, sample)) == [] or expected == 403
    assert entity.model._base_manager.filter(pk=sample.pk).values().get() == before


def test_the_board(entity: Entity, sample: Any, person: str, cast: Cast, browse: Browse) -> None:  # noqa: F811
    actor = getattr(cast, person)
    for language in tongues(entity, person):
        answer = browse(person, language).get(f"/{entity.path}/board/?view=0&sort=-created_at")
        declared = entity.board is not None and may_any(actor, entity)
        assert answer.status_code == (200 if declared else 404)
        if not declared or not may(actor, entity, sample):
            assert told(answer, secret(entity, sample)) == []
        else:
            assert f"/{entity.path}/{sample.pk}/peek/" in body(answer)


def test_export_gives_what_may_be_exported(
    entity: Entity,
    sample: Any,
    person: str,
    cast: Cast,
    browse: Browse,  # noqa: F811
) -> None:
    actor = getattr(cast, person)
    client, address = browse(person, "en"), f"/{entity.path}/export/?view=0"
    answer = client.get(address)
    if not may_any(actor, entity, "export"):
        assert answer.status_code in (403, 404)
        assert told(answer, secret(entity, sample)) == []
        return
    assert answer.status_code == 200
    for form, start in (("csv", b"\xef\xbb\xbf"), ("xlsx", b"PK\x03\x04")):
        file = client.post(address, {"format": form, "which": "all"})
        assert file.status_code == 200, form
        content = b"".join(file.streaming_content) if file.streaming else file.content
        assert content.startswith(start), form
        assert "attachment" in file["Content-Disposition"]
        if form == "csv":
            title = titled(entity, sample, "en")
            if entity.key not in NAMED_BY_CHOICE:
                assert (title in content.decode()) is may(actor, entity, sample, "export")


def test_the_trash_shows_what_one_may_take_out(
    entity: Entity,
    sample: Any,
    person: str,
    cast: Cast,
    browse: Browse,  # noqa: F811
) -> None:
    actor = getattr(cast, person)
    back, secrets = may(actor, entity, sample, "delete"), [*secret(entity, sample), f"/{entity.path}/{sample.pk}/res"]
    records.delete(cast.root, sample)
    for language in tongues(entity, person):
        client = browse(person, language)
        page = client.get(f"/trash/?entity={entity.key}")
        assert page.status_code == 200
        gone = client.get(f"/{entity.path}/{sample.pk}/")
        assert gone.status_code == 404
        if back:
            assert f"/{entity.path}/{sample.pk}/restore/" in body(page)
            assert f"/{entity.path}/{sample.pk}/restore/" in body(gone)
        else:
            assert told(page, secrets) == []
            assert told(gone, secrets) == []
        if person != "root":
            assert client.get(f"/{entity.path}/{sample.pk}/peek/").status_code == 404
    answer = browse(person).post(f"/{entity.path}/{sample.pk}/restore/")
    stored = entity.model._base_manager.filter(pk=sample.pk, deleted_at__isnull=True).exists()
    if back:
        assert (answer.status_code, stored) == (303, True)
    else:
        assert answer.status_code in (403, 404)
        assert stored is False


def test_the_why_page_names_what_decides(entity: Entity, sample: Any, cast: Cast, browse: Browse) -> None:  # noqa: F811
    root = browse("root", "zh-hans")
    charlie = root.get(f"/{entity.path}/{sample.pk}/why/all/?user={cast.charlie_user.pk}")
    assert charlie.status_code == 200
    assert "查理" in body(charlie)
    if entity.access.public or not entity.access.owner:
        return
    asked = browse("alice", "zh-hans").get(f"/{entity.path}/{sample.pk}/why/all/?user={cast.charlie_user.pk}")
    assert asked.status_code == 404
    mine = body(browse("alice", "zh-hans").get(f"/{entity.path}/{sample.pk}/why/all/"))
    assert "演员" in mine
