"""What is shown outside, shaped on the settings pages: a client's view and both kinds of public pages, with bad input."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from guanxi.core.models import PortalView, PublicPage
from tests.core.web.conftest import browse  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db
HOME = "/settings/outside/"


@pytest.fixture
def admin(browse: Callable[..., Client]) -> Client:  # noqa: F811
    return browse("root", "en")


def test_what_clients_see_is_chosen_and_taken_away(admin: Client, browse: Callable[..., Client]) -> None:  # noqa: F811
    way = "customers.customer|activities.task|customer"
    made = admin.post(f"{HOME}views/new/", {"way": way, "name_zh": "我的事项", "name_en": "My tasks"})
    row = PortalView.objects.get(entity="activities.task")
    assert made.headers["Location"] == f"{HOME}views/{row.pk}/"
    assert (row.active, row.path, row.subject) == (False, "customer", "customers.customer")
    address = f"{HOME}views/{row.pk}/"
    assert admin.get(address).status_code == 200
    sent = {"fields": ["subject", "due_at"], "create": ["subject"], "preset": "priority = high", "position": "5"}
    assert admin.post(address, sent).status_code in (302, 303)
    row.refresh_from_db()
    assert (row.fields, row.create, row.preset) == (["subject", "due_at"], ["subject"], {"priority": "high"})
    assert admin.post(address, {"name_zh": "事项", "position": "6"}).status_code in (302, 303)
    row.refresh_from_db()
    assert (row.name_zh, row.fields, row.create) == ("事项", ["subject", "due_at"], ["subject"])
    twice = admin.post(f"{HOME}views/new/", {"way": way})
    assert (twice.status_code, PortalView.objects.count()) == (422, 1)
    assert browse("alice").get(address).status_code == 404
    admin.post(address, {"do": "delete"})
    assert not PortalView.objects.exists()


def test_what_is_opened_must_be_chosen(admin: Client) -> None:
    assert admin.post("/settings/outside/views/new/", {"way": ""}).status_code == 422
    assert PortalView.objects.count() == 0


def test_a_page_to_look_up_by_number(admin: Client) -> None:
    sent = {"kind": "lookup", "entity": "customers.customer", "name_zh": "客户查询", "name_en": "Customer look-up"}
    assert admin.post(f"{HOME}pages/new/", sent).status_code in (302, 303)
    row = PublicPage.objects.get()
    assert (row.key, row.active) == ("customer-look-up", False)
    address = f"{HOME}pages/{row.pk}/"
    about = {"name_zh": "客户查询", "about_zh": "输入编号", "public": "1", "position": "5", "version": "1"}
    wrong = admin.post(address, {**about, "number": "level", "factor": "phones"})
    assert wrong.status_code == 422
    saved = admin.post(address, {**about, "number": "number", "factor": "phones", "shown": ["level", "status"]})
    assert saved.status_code in (302, 303)
    row.refresh_from_db()
    assert row.definition["shown"] == ["level", "status"]
    assert (row.version, row.definition["number"], row.definition["public"]) == (2, "number", True)
    late = admin.post(address, {**about, "number": "number", "factor": "phones"})
    assert late.status_code == 409


def test_what_stands_below_a_looked_up_record(admin: Client) -> None:
    sent = {"kind": "lookup", "entity": "customers.customer", "name_zh": "客户查询", "name_en": "Customer look-up"}
    admin.post(f"{HOME}pages/new/", sent)
    row = PublicPage.objects.get()
    address = f"{HOME}pages/{row.pk}/"
    given = {"name_zh": "客户查询", "number": "number", "factor": "phones"}
    way = "activities.task|customer"
    assert admin.post(address, {**given, "version": "1", "related.add": way}).status_code in (302, 303)
    row.refresh_from_db()
    task = {"entity": "activities.task", "field": "customer", "steps": "", "people": False}
    assert row.definition["related"] == [{**task, "shown": ["subject"]}]
    shown = {"related.0.shown": ["subject", "due_at"], "related.0.people": "1"}
    assert "related.0.shown" in admin.get(address).content.decode()
    assert admin.post(address, {**given, "version": "2", **shown}).status_code in (302, 303)
    row.refresh_from_db()
    assert row.definition["related"] == [{**task, "shown": ["subject", "due_at"], "people": True}]
    assert admin.post(address, {**given, "version": "3", **shown, "related.add": way}).status_code == 422
    assert admin.post(address, {**given, "version": "3", **shown, "related.0.gone": "1"}).status_code in (302, 303)
    row.refresh_from_db()
    assert row.definition["related"] == []


def test_a_questionnaire(admin: Client) -> None:
    sent = {"kind": "questions", "entity": "sales.lead", "name_zh": "问卷", "name_en": "Survey"}
    assert admin.post(f"{HOME}pages/new/", sent).status_code in (302, 303)
    row = PublicPage.objects.get()
    address = f"{HOME}pages/{row.pk}/"
    given = {
        "name_zh": "问卷", "version": "1", "public": "1",
        "question.1.key": "name", "question.1.kind": "text", "question.1.zh": "称呼", "question.1.required": "1",
        "question.2.key": "age", "question.2.kind": "number", "question.2.zh": "年龄", "question.2.lines": "| 120",
        "question.9.key": "size", "question.9.kind": "choice", "question.9.zh": "规模",
        "question.9.lines": "small | 小 | Small | 1\nlarge | 大 | Large | 10",
        "result.4.key": "big", "result.4.zh": "大客户方案", "result.4.when": "points > 5",
    }  # fmt: skip
    assert admin.post(address, {**given, "makes": "name = =name"}).status_code in (302, 303)
    row.refresh_from_db()
    assert [one["key"] for one in row.definition["questions"]] == ["name", "age", "size"]
    assert row.definition["questions"][1] == {"key": "age", "kind": "number", "zh": "年龄", "maximum": 120}
    assert "| 120</textarea>" in admin.get(address).content.decode()
    assert row.definition["questions"][2]["options"][1] == {"key": "large", "zh": "大", "en": "Large", "points": 10}
    assert row.definition["makes"] == {"entity": "sales.lead", "values": {"name": "=name"}}
    for change in (
        {"question.9.lines": "small | 小 | Small | many"},
        {"question.2.lines": "many | 120"},
        {"result.4.when": "points >"},
        {"makes": "nothing = 1"},
        {"question.9.key": "name"},
    ):
        wrong = admin.post(address, {**given, "makes": "name = =name", "version": "2", **change})
        assert wrong.status_code == 422, change
        assert "大客户方案" in wrong.content.decode(), "what was typed stays"
    admin.post(HOME, {"what": f"page:{row.pk}"})
    row.refresh_from_db()
    assert row.active
    assert "称呼" in Client(headers={"Accept-Language": "zh-hans"}).get(f"/public/{row.key}/").content.decode()
