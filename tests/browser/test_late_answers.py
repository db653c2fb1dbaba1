"""Answers that come late, and out of order: the page shows what was last saved, not what was last heard."""

from typing import Any

from playwright.sync_api import Page, expect

from guanxi.areas.sales.models import Lead
from guanxi.core.models.stamps import bump
from tests.factories.cast import Cast

LATE = """(path) => {
  const wait = (go) => setTimeout(go, window.held ? 1500 : 0);
  const { open, send } = XMLHttpRequest.prototype;
  XMLHttpRequest.prototype.open = function (verb, url, ...more) {
    this.held = verb.toUpperCase() === "GET" && url.endsWith(path);
    return open.call(this, verb, url, ...more);
  };
  XMLHttpRequest.prototype.send = function (body) {
    const hear = this.onload;
    if (this.held) this.onload = () => wait(() => hear.call(this));
    return send.call(this, body);
  };
  const plain = window.fetch;
  window.fetch = async (url, options) => {
    const answer = await plain(url, options);
    if (!options?.method && String(url).endsWith(path)) await new Promise(wait);
    return answer;
  };
  window.held = true;
}"""


def _written(page: Page, words: str) -> None:
    page.keyboard.press("f")
    page.locator("#dialog textarea[name=body]").fill(words)
    page.keyboard.press("Control+Enter")


def test_what_was_saved_while_the_page_was_drawn_anew_is_shown(people: Any, cast: Cast, make: Any) -> None:
    lead = make("sales.lead", name="李思远", company="深水泵业", phones="13800138000", owner=cast.alice_user.pk)
    page = people("alice", "zh-hans")
    page.goto(f"/leads/{lead.pk}/")
    page.evaluate(LATE, f"/leads/{lead.pk}/")
    page.evaluate("document.body.dispatchEvent(new CustomEvent('gx:refresh', { bubbles: true }))")
    _written(page, "下周看现场")
    expect(page.locator(".gx-moments")).to_contain_text("下周看现场")


def test_two_follow_ups_in_a_row_are_both_shown(people: Any, cast: Cast, make: Any) -> None:
    lead = make("sales.lead", name="李思远", company="深水泵业", phones="13800138000", owner=cast.alice_user.pk)
    page = people("alice", "zh-hans")
    page.goto(f"/leads/{lead.pk}/")
    page.evaluate(LATE, f"/leads/{lead.pk}/timeline/")
    _written(page, "第一次电话")
    expect(page.locator("#toasts")).not_to_be_empty()
    _written(page, "第二次电话")
    page.wait_for_timeout(300)
    page.evaluate("held = false")  # what is asked later is answered sooner
    for words in ("第一次电话", "第二次电话"):
        expect(page.locator(".gx-moments")).to_contain_text(words)


def test_an_answer_is_heard_when_who_asked_was_drawn_anew(people: Any, cast: Cast, make: Any) -> None:
    pool = make("customers.pool", subject="sales.lead", name="线索池", everyone=True)
    lead = make("sales.lead", name="李思远", company="深水泵业", phones="13800138000", owner=None)
    Lead.objects.filter(pk=lead.pk).update(pool=pool)
    bump("pools")
    page = people("alice", "zh-hans")
    page.goto(f"/leads/{lead.pk}/")
    claim = page.locator("#record-head").get_by_role("link", name="领取")
    page.evaluate(
        """(path) => {
          const { open, send } = XMLHttpRequest.prototype;
          XMLHttpRequest.prototype.open = function (verb, url, ...more) {
            this.held = url.endsWith(path);
            return open.call(this, verb, url, ...more);
          };
          XMLHttpRequest.prototype.send = function (body) { setTimeout(() => send.call(this, body), this.held ? 1500 : 0); };
        }""",
        f"/leads/{lead.pk}/do/claim/",
    )
    was = claim.element_handle()
    claim.click()
    page.evaluate("document.body.dispatchEvent(new CustomEvent('gx:refresh', { bubbles: true }))")
    page.wait_for_function("(was) => !was.isConnected", arg=was)
    expect(claim).to_be_visible()
    expect(page.locator("#toasts")).to_contain_text("领取")
    expect(claim).to_be_hidden()
    expect(page.locator("#record-head")).to_contain_text("林爱丽")
