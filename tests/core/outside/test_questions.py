"""Questionnaires: points, a recommendation, a record of the answers; bad input, spam and mistakes in the definition."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from guanxi.core.automation import marketing
from guanxi.core.kernel.errors import Invalid, TooMany
from guanxi.core.models import MarketingWord, PublicPage
from guanxi.core.outside import publishing, questions
from guanxi.core.schema.registry import entity_of
from tests.signing import browser

DEFINITION = {
    "consent_zh": "同意", "consent_en": "I agree",
    "questions": [
        {"key": "name", "kind": "text", "zh": "称呼", "en": "Name", "required": True},
        {"key": "phone", "kind": "phone", "zh": "手机", "en": "Phone", "required": True},
        {"key": "age", "kind": "number", "zh": "年龄", "en": "Age", "minimum": 0, "maximum": 120},
        {"key": "has", "kind": "choices", "zh": "已有", "en": "You have", "options": [{"key": "a", "zh": "甲", "en": "A", "points": 3}, {"key": "b", "zh": "乙", "en": "B", "points": 4}]},
        {"key": "why", "kind": "text", "zh": "原因", "en": "Why", "required": True, "when": "age >= 60"},
    ],
    "results": [
        {"key": "old", "when": "age >= 60", "zh": "养老", "en": "For the old", "text_zh": "早做", "text_en": "Begin early"},
        {"key": "much", "when": "points > 5", "zh": "足够", "en": "Enough"},
        {"key": "rest", "when": "", "zh": "基础", "en": "Basic"},
    ],
    "makes": {"entity": "sales.lead", "values": {"name": "=name", "phones": "=phone", "score": "=points", "interest": "=result_name", "description": "=summary", "source": "website"}},
}  # fmt: skip
GOOD = {"name": "李四", "phone": "19900001234", "age": "40", "has": ["a", "b"], "consent": "1"}


@pytest.fixture
def page(cast: Any) -> PublicPage:
    made = PublicPage.objects.create(
        key="need", kind="questions", name_zh="问卷", name_en="Needs", entity="sales.lead", definition=DEFINITION
    )
    publishing.check(made)
    return made


def leads() -> Any:
    return entity_of("sales.lead").model._default_manager.all()


def test_every_mistake_is_told_at_once_and_nothing_ticked_is_lost(page: PublicPage) -> None:
    sent = {**GOOD, "phone": "138", "age": "-3"}
    told = Client(headers={"Accept-Language": "en"}).post("/public/need/", sent).content.decode()
    assert "“138” is not a phone number" in told
    assert "This must be at least 0." in told
    assert 'name="consent" value="1" required checked' in told
    assert not leads().exists()


def test_answers_become_a_lead_of_nobody(page: PublicPage) -> None:
    answer = Client(headers={"Accept-Language": "en"}).post("/public/need/", GOOD)
    assert answer.status_code == 200
    assert "Enough" in answer.content.decode()
    lead = leads().get()
    assert (lead.name, lead.phones[0]["value"], lead.score, lead.interest, lead.owner_id) == (
        "李四",
        "+8619900001234",
        7,
        "Enough",
        None,
    )
    assert lead.description.splitlines() == ["Name: 李四", "Phone: +8619900001234", "Age: 40", "You have: A, B"]
    assert "/leads/" not in answer.content.decode()


def test_staff_make_it_their_own(page: PublicPage, cast: Any) -> None:
    answer = browser(cast.alice_user).post("/public/need/", {**GOOD, "age": "61", "why": "x", "consent": ""})
    lead = leads().get()
    assert (lead.owner_id, lead.interest) == (cast.alice_user.pk, "For the old")
    assert f"/leads/{lead.pk}/" in answer.content.decode()


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"phone": "abc"},
        {"age": "x"},
        {"has": ["c"]},
        {"consent": ""},
        {"website": "http://x"},
        {"age": "70"},
        {"name": "长" * 300},
    ],
)
def test_bad_answers_make_nothing_and_stay_typed(page: PublicPage, change: dict[str, Any]) -> None:
    answer = Client().post("/public/need/", {**GOOD, **change})
    assert answer.status_code == 422
    assert not leads().exists()
    if "name" not in change:
        assert "李四" in answer.content.decode()


def test_a_question_not_asked_has_no_answer(page: PublicPage) -> None:
    assert questions.read(page, {**GOOD, "why": "typed all the same"})["why"] is None


def test_one_address_cannot_fill_the_base(page: PublicPage, cast: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "PER_HOUR", 2)
    statuses = [Client().post("/public/need/", {**GOOD, "name": f"李{n}"}).status_code for n in range(3)]
    assert statuses == [200, 200, TooMany.status]
    assert leads().count() == 2
    near = [f"2001:db8:7:7::{n}" for n in range(3)]  # of one customer of a provider
    statuses = [
        Client(REMOTE_ADDR=one).post("/public/need/", {**GOOD, "name": f"王{n}"}).status_code
        for n, one in enumerate(near)
    ]
    assert statuses == [200, 200, TooMany.status]
    assert leads().count() == 4


@pytest.mark.parametrize(
    "change",
    [
        {"questions": []},
        {"questions": [{"key": "points", "kind": "text"}]},
        {"questions": [{"key": "a", "kind": "choice"}]},
        {"results": [{"key": "x", "when": "nobody > 3"}]},
        {"results": [{"key": "x", "when": "age + 1"}]},
        {"makes": {"entity": "nothing"}},
        {"makes": {"entity": "sales.lead", "values": {"nothing": "=name"}}},
        {"makes": {"entity": "sales.lead", "values": {"name": "=nobody"}}},
    ],
)
def test_a_definition_that_cannot_work_is_refused(page: PublicPage, change: dict[str, Any]) -> None:
    page.definition = {**page.definition, **change}
    with pytest.raises(Invalid):
        publishing.check(page)


def test_agreeing_to_marketing_is_free_and_kept_with_its_words(page: PublicPage) -> None:
    page.definition = {**page.definition, "marketing_en": "Send me news"}
    page.save()
    client = Client(headers={"Accept-Language": "en"})
    assert "Send me news" in client.get("/public/need/").content.decode()
    client.post("/public/need/", GOOD)
    assert MarketingWord.objects.count() == 0
    client.post("/public/need/", {**GOOD, "marketing": "1"})
    word = MarketingWord.objects.get()
    assert (word.channel, word.state, word.source) == ("sms", "given", "form")
    assert word.proof.startswith("Needs: Send me news")
    assert word.digest == marketing.digest_of("sms", "199 0000 1234")
