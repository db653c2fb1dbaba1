"""Rules: what they do and with whose rights, branches and waiting, loops, floods, and the rehearsal."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core import mail
from django.db import OperationalError, connection

from guanxi.core import records
from guanxi.core.automation import marketing, messages
from guanxi.core.automation.rules import hearing, running, store
from guanxi.core.automation.rules.store import RuleDraft, rule_save
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid, RuleBroken
from guanxi.core.models import AutomationRule, Notification, OutboundMessage, RoleField, RuleRun, User
from guanxi.core.models.stamps import bump
from guanxi.core.privacy import erasing
from guanxi.core.records import formula, timeline
from guanxi.core.schema.registry import entity_of
from tests.core.automation.ruling import BOB, CHANGED, CN, new, note, rule, settle
from tests.fakes.models import Gadget, Part


def test_branches_create_notify_and_write(cast: Any, gadget: Gadget, settings: Any) -> None:
    User.objects.filter(pk=cast.alice_user.pk).update(superior=cast.bob_user)
    rule(
        cast,
        {"do": "if", "when": {"field": "price", "op": "gt", "value": 100},
         "then": [{"do": "set", "values": {"note": "贵"}}],
         "else": [
             {"do": "create", "entity": "fakes.part", "reference": "gadget", "values": {"name": "备件 {{ name }}"}},
             {"do": "notify", "whom": [{"kind": "superior", "level": 1}], "text": "{{ name }} 坏了"},
             {"do": "message", "channel": "mail", "whom": [{"kind": "applicant"}], "subject": "{{ name }}", "text": "您好 {{ owner.name }}"},
         ]},
        trigger=CHANGED,
    )  # fmt: skip
    records.update(cast.alice, gadget, {"state": "broken"})
    settle()
    assert list(Part.objects.filter(gadget=gadget).values_list("name", flat=True)) == ["备件 泵"]
    told = Notification.objects.get(sort="rule")
    assert (told.user_id, told.values) == (cast.bob_user.pk, {"text": "泵 坏了"})
    row = OutboundMessage.objects.get()
    assert messages.send(row.pk) == "sent"
    assert (mail.outbox[-1].to, mail.outbox[-1].subject, mail.outbox[-1].body) == (
        ["alice@guanxi.example"],
        "泵",
        "您好 林爱丽",
    )
    assert messages.send(row.pk) == "", "sent once"
    assert [one["path"] for one in RuleRun.objects.get().trail] == ["0", "0.else.0", "0.else.1", "0.else.2"]


def test_waiting_and_going_on(cast: Any, gadget: Gadget) -> None:
    rule(cast, {"do": "wait", "hours": 8, "working": True}, {"do": "set", "values": {"note": "后来"}}, trigger=CHANGED)
    with clock.moved_to(dt.datetime(2026, 2, 13, 17, tzinfo=CN)):
        records.update(cast.alice, gadget, {"state": "broken"})
        settle()
        run = RuleRun.objects.get()
        assert (run.state, run.resume_at) == ("waiting", dt.datetime(2026, 2, 14, 17, tzinfo=CN))
    assert running.resume_due(dt.datetime(2026, 2, 14, 16, tzinfo=CN)) == 0
    with clock.moved_to(dt.datetime(2026, 2, 14, 18, tzinfo=CN)):
        assert running.resume_due(clock.now()) == 1
        settle()
    assert (note(gadget), RuleRun.objects.get().state) == ("后来", "done")


def test_a_failed_step_is_tried_again_from_there(cast: Any, gadget: Gadget) -> None:
    made = rule(cast, {"do": "create", "entity": "fakes.part", "reference": "gadget", "values": {"name": "件"}},
                {"do": "set", "values": {"pieces": "{{ note }}"}}, trigger=CHANGED)  # fmt: skip
    records.update(cast.alice, gadget, {"state": "broken", "note": "三"})
    settle()
    run = RuleRun.objects.get()
    assert (run.state, [one["state"] for one in run.trail]) == ("failed", ["done", "failed"])
    records.update(cast.alice, Gadget.objects.get(pk=gadget.pk), {"note": "3"})
    running.again(cast.root, run)
    settle()
    assert (RuleRun.objects.get().state, Gadget.objects.get(pk=gadget.pk).pieces) == ("done", 3)
    assert Part.objects.filter(gadget=gadget).count() == 1, "what was done is not done again"
    with pytest.raises(RuleBroken):
        running.again(cast.root, RuleRun.objects.get(rule=made))


def test_a_rule_that_triggers_itself_is_stopped(cast: Any, gadget: Gadget) -> None:
    rule(cast, {"do": "set", "values": {"pieces": "=pieces + 1"}}, trigger={"on": "changed"})
    records.update(cast.alice, gadget, {"pieces": 1})
    settle()
    assert Gadget.objects.get(pk=gadget.pk).pieces == 2
    assert list(RuleRun.objects.order_by("pk").values_list("state", flat=True)) == ["done", "stopped"]


def test_two_rules_that_trigger_each_other_are_stopped(cast: Any, gadget: Gadget) -> None:
    rule(
        cast,
        {"do": "set", "values": {"pieces": "=pieces + 1"}},
        trigger={"on": "changed", "fields": ["weight"]},
        name_en="A",
    )
    rule(
        cast,
        {"do": "set", "values": {"weight": "=pieces"}},
        trigger={"on": "changed", "fields": ["pieces"]},
        name_en="B",
    )
    records.update(cast.alice, gadget, {"pieces": 1})
    settle()
    assert sorted(RuleRun.objects.values_list("rule__key", "state")) == [("a", "done"), ("b", "done"), ("b", "stopped")]


def test_a_flood_is_bounded(cast: Any) -> None:
    rule(cast, per_hour=2)
    made = [new(cast) for _number in range(5)]
    settle()
    assert [note(one) for one in made].count("自动") == 2
    assert RuleRun.objects.filter(state="stopped").count() == 1, "said once, not each time"


def test_the_rule_acts_with_stated_rights(cast: Any, gadget: Gadget) -> None:
    rule(
        cast,
        {"do": "set", "values": {"owner": cast.charlie_user.pk}},
        trigger=CHANGED,
        run_as="person",
        person="charlie",
    )
    records.update(cast.alice, gadget, {"state": "broken"})
    settle()
    assert RuleRun.objects.get().state == "failed"
    assert Gadget.objects.get(pk=gadget.pk).owner_id == cast.alice_user.pk
    fields = {"name_zh": "规则", "entity": "fakes.gadget", "trigger": {"on": "created"}, "steps": ({"do": "stop"},)}
    with pytest.raises(Denied):
        rule_save(cast.alice, None, RuleDraft(**fields))
    cast.role.features = ["settings"]
    cast.role.save()
    store.bump("rights")
    keeper = cast.actor(cast.alice_user)
    for draft in ({"run_as": "system"}, {"run_as": "person", "person": "root"}, {"run_as": "owner"}):
        with pytest.raises(Denied):
            rule_save(keeper, None, RuleDraft(**{**fields, **draft}))
    assert rule_save(keeper, None, RuleDraft(**fields, run_as="person", person="alice")).person == "alice"


def test_assigning_in_turn_and_by_load(cast: Any, make: Any) -> None:
    three = [{"kind": "people", "users": ["alice", "bob", "charlie"]}]
    rule(cast, {"do": "assign", "whom": three, "method": "round"})
    made = [new(cast) for _number in range(4)]
    settle()
    owners = [Gadget.objects.get(pk=one.pk).owner.username for one in made]
    assert owners == ["alice", "bob", "charlie", "alice"]
    AutomationRule.objects.all().delete()
    rule(cast, {"do": "assign", "whom": three, "method": "least"})
    settle()
    last = new(cast)
    settle()
    assert Gadget.objects.get(pk=last.pk).owner.username == "bob"


def test_one_rule_runs_another(cast: Any, gadget: Gadget) -> None:
    second = rule(cast, {"do": "set", "values": {"note": "第二"}}, trigger={"on": "button"}, name_en="Second")
    rule(cast, {"do": "run", "rule": second.key}, trigger=CHANGED, name_en="First")
    records.update(cast.alice, gadget, {"state": "broken"})
    settle()
    assert note(gadget) == "第二"


def _everything() -> list[Any]:
    """Every row of every table that could hold a side effect."""
    tables = ("fakes_gadget", "fakes_part", "core_outboxevent", "core_notification", "core_outboundmessage", "procrastinate_jobs",
              "core_rulerun", "core_automationrule", "core_approval", "core_numbercounter", "core_auditentry", "core_stamp",
              "core_searchdoc", "core_operation")  # fmt: skip
    found = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        there = {row[0] for row in cursor.fetchall()}
        for table in tables:
            if table in there:
                cursor.execute(f"SELECT count(*), coalesce(sum(hashtext(t::text)::bigint), 0) FROM {table} t")
                found.append((table, cursor.fetchone()))
    return found


def test_a_rehearsal_changes_nothing(cast: Any, make: Any) -> None:
    for number in range(6):
        make("fakes.gadget", owner=cast.alice_user, name=f"泵{number}", price=str(number * 10))
    draft = RuleDraft(
        name_zh="试", entity="fakes.gadget", trigger={"on": "changed"}, condition={"field": "price", "op": "gte", "value": 30},
        steps=(
            {"do": "set", "values": {"note": "试运行", "state": "broken"}},
            {"do": "wait", "hours": 24},
            {"do": "create", "entity": "fakes.part", "reference": "gadget", "values": {"name": "件"}},
            {"do": "notify", "whom": [BOB], "text": "{{ name }}"},
            {"do": "message", "channel": "mail", "whom": [BOB], "subject": "s", "text": "t"},
            {"do": "webhook", "url": "https://example.com/hook"},
        ),
    )  # fmt: skip
    before = _everything()
    found = store.rehearse(cast.root, draft)
    assert _everything() == before
    assert [one.title for one in found.records] == ["泵5", "泵4", "泵3"]
    assert {one.state for one in found.records} == {"done"}
    assert [one["do"] for one in found.records[0].trail] == ["set", "wait", "create", "notify", "message", "webhook"]
    assert len(mail.outbox) == 0


def test_a_rehearsal_of_a_change_takes_what_last_changed_so(cast: Any, make: Any) -> None:
    broken, back, _made = [make("fakes.gadget", owner=cast.alice_user, name=name) for name in ("坏", "修好", "一直")]
    for one, states in ((broken, ("used", "broken")), (back, ("broken", "used"))):
        for state in states:
            records.update(cast.alice, Gadget.objects.get(pk=one.pk), {"state": state})
    records.update(cast.alice, Gadget.objects.get(pk=broken.pk), {"note": "别的字段"})
    steps = ({"do": "set", "values": {"note": "试"}},)

    def titles(**trigger: Any) -> tuple[list[str], str]:
        draft = RuleDraft(name_zh="试", entity="fakes.gadget", trigger=trigger, condition={}, steps=steps)
        found = store.rehearse(cast.root, draft)
        return [one.title for one in found.records], found.asked

    assert titles(on="changed", fields=["state"], to=["broken"]) == (["坏"], "change")
    assert titles(on="changed", fields=["state"], **{"from": ["broken"]}) == (["修好"], "change")
    assert sorted(titles(on="changed", fields=["state"])[0]) == sorted(["坏", "修好"])
    assert titles(on="created")[1] == ""
    assert titles(on="message")[1] == "conditions"


def test_marketing_is_what_goes_outside_not_to_colleagues(cast: Any, gadget: Gadget) -> None:
    gadget.email = "li@example.com"
    gadget.save()
    marketing.word(cast.root, "mail", "li@example.com", marketing.WITHDRAWN, source="form")
    about = {"do": "message", "channel": "mail", "subject": "s", "text": "t", "marketing": "1"}
    rule(cast, {**about, "to": "email"}, {**about, "whom": [BOB]}, trigger=CHANGED)
    records.update(cast.alice, gadget, {"state": "broken"})
    settle()
    held, told = OutboundMessage.objects.order_by("pk")
    assert (held.to, held.state, held.marketing) == ("li@example.com", "stopped", True)
    assert (told.to, told.state, "/stop/" in told.body) == (cast.bob_user.email, "waiting", False)


@pytest.mark.parametrize(("change", "field"), [
    ({"name_zh": " "}, "name_zh"), ({"entity": "no.such"}, "entity"), ({"trigger": {"on": "whim"}}, "trigger"),
    ({"trigger": {"on": "changed", "fields": ["nothing"]}}, "trigger"), ({"trigger": {"on": "date", "field": "name"}}, "trigger"),
    ({"trigger": {"on": "date", "field": "made_on", "at": "25:99"}}, "trigger"), ({"trigger": {"on": "schedule", "cron": "soon"}}, "trigger"),
    ({"trigger": {"on": "event", "event": "dance"}}, "trigger"), ({"condition": {"field": "nothing"}}, "condition"),
    ({"formula": "price +"}, "formula"), ({"formula": "name"}, "formula"), ({"run_as": "ghost"}, "run_as"),
    ({"run_as": "person", "person": "ghost"}, "person"), ({"per_hour": -1}, "per_hour"), ({"steps": ()}, "steps"),
    ({"steps": ({"do": "fly"},)}, "steps.0"), ({"steps": ({"do": "set", "values": {}},)}, "steps.0"),
    ({"steps": ({"do": "set", "values": {"nothing": 1}},)}, "steps.0"), ({"steps": ({"do": "set", "values": {"pieces": "many"}},)}, "steps.0"),
    ({"steps": ({"do": "set", "values": {"note": "{{ nothing }}"}},)}, "steps.0"),
    ({"steps": ({"do": "set", "values": {"note": "=1 +"}},)}, "steps.0"),
    ({"steps": ({"do": "stop"}, {"do": "if", "then": []})}, "steps.1"), ({"steps": ({"do": "wait", "hours": 0},)}, "steps.0"),
    ({"steps": ({"do": "run", "rule": "nothing"},)}, "steps.0"), ({"steps": ({"do": "notify", "whom": [], "text": "x"},)}, "steps.0"),
    ({"steps": ({"do": "webhook", "url": "http://127.0.0.1/x"},)}, "steps.0"), ({"steps": ({"do": "webhook", "url": "http://10.0.0.8/"},)}, "steps.0"),
    ({"steps": ({"do": "message", "to": "name", "text": "x"},)}, "steps.0"), ({"steps": ({"do": "create", "entity": "no.such"},)}, "steps.0"),
    ({"steps": ({"do": "if", "when": {"field": "name", "op": "empty"}, "then": [{"do": "fly"}]},)}, "steps.0.then.0"),
])  # fmt: skip
def test_bad_rules_are_refused_at_the_place(cast: Any, change: dict[str, Any], field: str) -> None:
    given = {
        "name_zh": "规则",
        "entity": "fakes.gadget",
        "trigger": {"on": "created"},
        "steps": ({"do": "stop"},),
        **change,
    }
    with pytest.raises(Invalid) as caught:
        rule_save(cast.root, None, RuleDraft(**given))
    assert caught.value.field == field
    assert not AutomationRule.objects.exists()


def test_a_rule_about_a_record_that_is_gone_or_a_condition_that_means_nothing(cast: Any, gadget: Gadget) -> None:
    made = rule(cast, trigger=CHANGED)
    AutomationRule.objects.filter(pk=made.pk).update(condition={"field": "vanished", "op": "eq", "value": 1})
    hearing.listening.clear()
    records.update(cast.alice, gadget, {"state": "broken"})
    settle()
    assert not RuleRun.objects.exists()
    run = running.start(AutomationRule.objects.get(pk=made.pk), 10**12, cause="test")
    assert run is not None
    assert running.go(run.pk) == "failed"


def test_related_records_an_action_and_the_next_owner(cast: Any, gadget: Gadget, make: Any) -> None:
    """Steps one after the other on one record: its parts, its own action, its owner by turn."""
    parts = [make("fakes.part", gadget=gadget, name=name) for name in ("轴", "盖")]
    other = make("fakes.part", gadget=make("fakes.gadget", owner=cast.alice_user), name="别的")
    rule(
        cast,
        {"do": "related", "entity": "fakes.part", "reference": "gadget", "values": {"name": "{{ name }}的件"}},
        {"do": "act", "action": "break"},
        {"do": "assign", "whom": [BOB], "method": "first"},
        {"do": "stop"},
        {"do": "set", "values": {"note": "不到这里"}},
        trigger={"on": "button"}, name_zh="全拆",
    )  # fmt: skip
    hearing.press(cast.alice, AutomationRule.objects.get().key, gadget)
    settle()
    assert (
        sorted(Part.objects.filter(pk__in=[one.pk for one in parts]).values_list("name", flat=True)) == ["泵的件"] * 2
    )
    other.refresh_from_db()
    gadget.refresh_from_db()
    assert (other.name, gadget.state, gadget.owner.username, gadget.note) == ("别的", "broken", "bob", "")
    run = RuleRun.objects.get()
    assert (run.state, [one["do"] for one in run.trail]) == ("done", ["related", "act", "assign", "stop"])


def test_a_fault_nobody_thought_of_leaves_the_run_to_be_tried_again(
    cast: Any, gadget: Gadget, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = rule(
        cast, {"do": "set", "values": {"note": "甲"}}, {"do": "if", "formula": "price > 5", "then": [{"do": "set", "values": {"pieces": 7}}]},
        trigger={"on": "button"},
    )  # fmt: skip

    def broken(*_given: Any, **_more: Any) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        return True

    hearing.press(cast.alice, made.key, gadget)
    with monkeypatch.context() as patched:
        patched.setattr(formula, "truth", broken)
        settle()
    run = RuleRun.objects.get()
    assert (run.state, [one["state"] for one in run.trail]) == ("failed", ["done", "failed"])
    assert "division" not in run.error
    assert note(gadget) == "甲"
    running.again(cast.root, run)
    settle()
    assert Gadget.objects.get(pk=gadget.pk).pieces == 7


def test_a_busy_database_is_left_to_the_job(cast: Any, gadget: Gadget, monkeypatch: pytest.MonkeyPatch) -> None:
    made = rule(cast, {"do": "if", "formula": "price > 5"}, trigger={"on": "button"})

    def busy(*_given: Any, **_more: Any) -> bool:
        raise OperationalError("deadlock detected")

    run = hearing.press(cast.alice, made.key, gadget)
    monkeypatch.setattr(formula, "truth", busy)
    with pytest.raises(OperationalError):
        running.go(run.pk)
    run.refresh_from_db()
    assert (run.state, run.trail) == ("running", [])


def test_what_colleagues_are_told_is_no_correspondence_of_the_record(cast: Any, gadget: Gadget) -> None:
    RoleField.objects.create(role=cast.role, entity="fakes.gadget", field="price", level="hidden")
    bump("rights", "fields")
    gadget.email = "li@example.com"
    gadget.save()
    about = {"do": "message", "channel": "mail", "text": "价格 {{ price }}"}
    rule(
        cast,
        {**about, "subject": "同事 {{ price }}", "whom": [BOB]},
        {**about, "subject": "负责人 {{ price }}", "to": "owner.email"},
        {**about, "subject": "客户", "text": "您好", "to": "email"},
        trigger=CHANGED,
    )
    records.update(cast.alice, gadget, {"state": "broken"})
    settle()
    sent = OutboundMessage.objects.order_by("pk")
    assert [one.subject for one in sent] == ["同事 ¥10.00", "负责人 ¥10.00", "客户"]
    assert [messages.send(one.pk) for one in sent] == ["sent"] * 3
    for actor in (cast.actor(cast.alice_user), cast.actor(cast.bob_user), cast.root):
        assert [one.title for one in timeline.timeline(actor, gadget, kinds=["message"]).entries] == ["客户"]
    erasing._traces(entity_of(gadget), gadget, [])
    assert not OutboundMessage.objects.exclude(body="").exists(), "they are about the record all the same"
