"""A person is found by anything known of him, gets a copy of everything, and is forgotten: here, in the audit, after a restore."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from guanxi.core import records
from guanxi.core.kernel.errors import Denied, Invalid
from guanxi.core.models import (
    AccessEntry,
    AuditEntry,
    AuditRedaction,
    AuditSeal,
    Comment,
    Erasure,
    PortalKey,
    PortalLogin,
    SearchDoc,
)
from guanxi.core.outside import logins
from guanxi.core.privacy import erasing, keeping, package, register, subjects
from guanxi.core.records import sealing, together
from guanxi.core.records.search.query import search
from guanxi.runtime.backup import making
from tests.core.web.conftest import browse  # noqa: F401 - a fixture
from tests.rights import as_owner

pytestmark = pytest.mark.django_db
NAME, PHONE, MAIL = "欧阳问天", "13800139527", "ouyang@private.example"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of backups of the test's own."""
    monkeypatch.setattr(making, "folder", lambda _settings: tmp_path)
    return tmp_path


@pytest.fixture
def person(make: Any, cast: Any) -> Any:
    """A contact with everything one can know of him, changed once, with a comment and a follow-up about him."""
    made = make(
        "customers.contact",
        name=NAME,
        phones=[{"value": PHONE, "label": "mobile"}],
        emails=[{"value": MAIL, "label": "work"}],
        birthday="1980-05-06",
        description="喜欢围棋，忌辣",
    )
    records.update(cast.alice, made, {"description": "喜欢围棋，忌辣，住在文三路"}, version=made.version)
    made.refresh_from_db()
    together.comment_add(cast.alice, made, f"{NAME} 的私人手机 {PHONE}")
    return made


def subject(person: Any, cast: Any) -> subjects.Subject:
    return subjects.subject(cast.root, "customers.contact", person.pk)


@pytest.mark.parametrize("words", [NAME, PHONE, "138 0013 9527", MAIL])
def test_found_by_anything_known(person: Any, cast: Any, words: str) -> None:
    assert [each.record.pk for each in subjects.find(cast.root, words) if each.entity.key == "customers.contact"] == [
        person.pk
    ]


def test_found_in_the_trash(person: Any, cast: Any) -> None:
    records.delete(cast.root, person)
    assert [each.trashed for each in subjects.find(cast.root, NAME)] == [True]


def test_only_for_administrators(person: Any, cast: Any) -> None:
    for act in (
        lambda: subjects.find(cast.alice, NAME),
        lambda: package.package(cast.alice, subject(person, cast)),
        lambda: erasing.erase(cast.alice, subject(person, cast), "x"),
    ):
        with pytest.raises(Denied):
            act()


def test_the_copy_holds_everything(person: Any, cast: Any, make: Any) -> None:
    after = make("customers.customer", name="后来的公司")
    records.update(cast.root, person, {"customer": after.pk})
    with zipfile.ZipFile(io.BytesIO(package.package(cast.root, subject(person, cast)))) as found:
        told = json.loads(found.read("person.json"))
        page = found.read("person.html").decode()
    text = json.dumps(told, ensure_ascii=False)
    for one in (NAME, MAIL, "住在文三路", "9527", "→ 后来的公司"):
        assert one in text, one
        assert one in page, one
    assert told["record"] == f"customers.contact/{person.pk}"


def kept() -> str:
    """All that the database holds, every table of it, as text."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        found = []
        for table in tables:
            cursor.execute(f'SELECT string_agg(t::text, chr(10)) FROM "{table}" t')
            found.append(f"{table}: {cursor.fetchone()[0]}")
    return "\n".join(found)


def where(text: str, word: str) -> list[str]:
    """The tables that hold a word."""
    return [part.partition(":")[0] for part in re.split(r"\n(?=\w+: )", text) if word in part]


def forget_the_erasure() -> None:
    """As in a database brought back from before it."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL guanxi.audit_upkeep = 'on'")
        AuditRedaction.objects.all().delete()
        Erasure.objects.all().delete()
        cursor.execute("SET LOCAL guanxi.audit_upkeep = 'off'")


def test_forgotten_everywhere_and_the_chain_still_holds(person: Any, cast: Any) -> None:
    with as_owner():
        AuditSeal.objects.filter(entries__isnull=True).update(horizon=0)
    for _turn in range(2):
        sealing.seal()
        with as_owner():
            AuditSeal.objects.filter(entries__isnull=True).update(horizon=0)
    number = AuditEntry.objects.filter(entity="customers_contact", record_id=person.pk).count()
    assert number >= 2
    assert NAME in kept()
    plan = erasing.plan(subject(person, cast))
    assert (plan.named, plan.comments) == (True, 1)
    assert {"phones", "emails", "birthday", "description"} <= {field.name for field in plan.fields}
    made = erasing.erase(cast.root, subject(person, cast), "本人 2026-11-20 来信要求")
    text = kept()
    for one in (NAME, PHONE, "13800139527"[3:], MAIL, "围棋", "1980-05-06"):
        assert where(text, one) == [], one
    person.refresh_from_db()
    assert str(person.pk) in person.name
    assert not Comment.objects.filter(entity="customers.contact", record_id=person.pk).exists()
    assert search(cast.root, NAME) == []
    assert SearchDoc.objects.filter(entity="customers.contact", record_id=person.pk).exists()
    assert AuditRedaction.objects.filter(erasure=made).count() >= number
    assert AuditEntry.objects.filter(entity="customers_contact", record_id=person.pk).count() > number
    assert sealing.verify() == []
    assert subjects.find(cast.root, PHONE) == []


def signed_in(record: Any, email: str = "portal@private.example") -> PortalLogin:
    """A sign-in as a client, in use, whose address was another once; somebody guessed at its password."""
    login = PortalLogin.objects.create(entity="customers.contact", record_id=record.pk, email=f"former.{email}")
    logins._open(login, "192.0.2.17", logins.LINKED)
    login.email = email
    login.save()
    logins._open(login, "192.0.2.17", logins.LINKED)
    logins._note("sign_in_failed", None, "192.0.2.99", email=email)
    return login


def test_the_sign_in_as_a_client_is_forgotten(person: Any, cast: Any, make: Any, browse: Any) -> None:  # noqa: F811
    away = make("customers.contact")
    signed_in(away, "away@private.example")
    other = signed_in(make("customers.contact"), "other@firm.example")
    signed_in(person)
    records.merge(cast.root, "customers.contact", person.pk, [away.pk])
    page = browse("root").get(f"/settings/privacy/contacts/{person.pk}/erase/").content.decode()
    assert "the sign-in as a client" in page
    with zipfile.ZipFile(io.BytesIO(package.package(cast.root, subject(person, cast)))) as found:
        assert "portal@private.example" in found.read("person.json").decode()
    rows = AccessEntry.objects.count()
    for gone, word in ((person, "portal@private"), (away, "away@private")):
        assert where(kept(), word) != []
        erasing.erase(cast.root, subject(gone, cast), "要求")
        assert where(kept(), word) == []
    assert where(kept(), "192.0.2.17") != [], "those of others stay"
    assert list(PortalLogin.objects.all()) == [other]
    assert set(PortalKey.objects.values_list("login", flat=True)) == {other.pk}
    assert (AccessEntry.objects.count(), AccessEntry.objects.filter(actor_name="other@firm.example").count()) == (
        rows,
        1,
    )
    assert logins.link_mail("portal@private.example") is None
    assert not erasing.plan(subject(person, cast)).login


def test_a_restored_sign_in_is_forgotten_again(person: Any, cast: Any) -> None:
    erasing.erase(cast.root, subject(person, cast), "要求")
    forget_the_erasure()
    signed_in(person)
    assert register.again() == 1
    assert where(kept(), "portal@private") == []


def test_a_reason_is_needed(person: Any, cast: Any) -> None:
    with pytest.raises(Invalid) as wrong:
        erasing.erase(cast.root, subject(person, cast), "  ")
    assert wrong.value.field == "reason"
    assert not Erasure.objects.exists()


def test_an_organisation_keeps_its_name(make: Any, cast: Any) -> None:
    firm = make(
        "customers.customer", name="杭州某某公司", phones=[{"value": PHONE, "label": "work"}], description="制造业"
    )
    erasing.erase(cast.root, subjects.subject(cast.root, "customers.customer", firm.pk), "要求")
    firm.refresh_from_db()
    assert (firm.name, firm.description, firm.phones) == ("杭州某某公司", "制造业", [])


def test_a_restored_database_forgets_again(person: Any, cast: Any, make: Any) -> None:
    row = type(person).everything.filter(pk=person.pk).values().get()
    erasing.erase(cast.root, subject(person, cast), "要求")
    # as if an older backup had come back: the record with its values, and no word of the erasure
    forget_the_erasure()
    type(person).everything.filter(pk=person.pk).update(**row)
    assert NAME in kept()
    assert register.again() == 1
    assert NAME not in kept()
    assert register.again() == 0


def test_the_register_leaves_other_databases_alone(person: Any, cast: Any) -> None:
    erasing.erase(cast.root, subject(person, cast), "要求")
    forget_the_erasure()
    type(person).everything.filter(pk=person.pk).update(created_at="2020-01-01T00:00:00Z", name="另一个人")
    assert register.again() == 0
    person.refresh_from_db()
    assert person.name == "另一个人"


def test_the_pages(person: Any, cast: Any, browse: Any) -> None:  # noqa: F811
    client = browse("root", "zh-hans")
    page = client.get("/settings/privacy/", {"q": PHONE}).content.decode()
    base = f"/settings/privacy/contacts/{person.pk}"
    assert f"{base}/erase/" in page
    copy = client.post(f"{base}/copy/")
    assert copy["Content-Type"] == "application/zip"
    assert "description" not in client.get(f"{base}/erase/").content.decode()
    wrong = client.post(f"{base}/erase/", {"reason": "要求", "name": "别人"})
    assert wrong.status_code == 422
    assert "要求" in wrong.content.decode()
    assert client.post(f"{base}/erase/", {"reason": "要求", "name": NAME}).status_code == 303
    assert "要求" in client.get("/settings/privacy/").content.decode()
    assert browse("alice").get("/settings/privacy/").status_code == 403


def test_what_the_firm_keeps_of_him_is_listed_before(person: Any, cast: Any, make: Any, browse: Any) -> None:  # noqa: F811
    firm = make("customers.customer")
    person = records.update(cast.root, person, {"customer": firm.pk})
    told = make("activities.activity", customer=firm, owner=cast.alice_user, subject="回访", body=f"与{NAME}谈妥价格")
    tied = make(
        "activities.activity", customer=firm, contact=person, owner=cast.alice_user, subject="报价", body="已发"
    )
    other = make("activities.activity", customer=firm, owner=cast.alice_user, subject="送货", body="顺利")
    elsewhere = make("activities.activity", subject="别家", body=f"{NAME} 也在")
    records.delete(cast.root, make("activities.activity", customer=firm, body=NAME))
    page = browse("root", "zh-hans").get(f"/settings/privacy/contacts/{person.pk}/erase/").content.decode()
    assert all(f"/activities/{one.pk}/" in page for one in (told, tied)), page
    assert not any(f"/activities/{one.pk}/" in page for one in (other, elsewhere))
    assert all(word in page for word in ("以下记录保留", firm.name, "文字中提到姓名", "与此人关联"))
    kept = keeping.keeping(cast.root, subject(person, cast))
    assert [(one.record.pk, one.linked, one.named) for one in kept.records] == [(told.pk, False, True), (tied.pk, True, False)]  # fmt: skip
    assert kept.count == 2
    erasing.erase(cast.root, subject(person, cast), "要求")
    told.refresh_from_db()
    assert NAME in told.body, "it is kept, as was said"


def test_of_a_person_who_is_the_customer_nothing_is_kept(cast: Any, make: Any) -> None:
    alone = make("customers.customer", kind="person", name=NAME)
    make("activities.activity", customer=alone, body=NAME)
    found = keeping.keeping(cast.root, subjects.subject(cast.root, "customers.customer", alone.pk))
    assert (found.count, found.records) == (0, ())
