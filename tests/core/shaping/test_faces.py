"""Every kind of field an administrator may add is used at once on every face; what a kind cannot do is stated here, with why."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from django.test import Client
from django.utils import translation

from guanxi.core import records
from guanxi.core.automation import merge_fields, outbox
from guanxi.core.automation.rules import running
from guanxi.core.automation.rules.store import RuleDraft, rule_save
from guanxi.core.exchange import imports
from guanxi.core.exchange.exports import export_write
from guanxi.core.exchange.options import Options
from guanxi.core.exchange.results import template_write
from guanxi.core.kernel.errors import Invalid
from guanxi.core.mcp.server import Desk
from guanxi.core.models import RuleRun
from guanxi.core.models.exchange import ImportOutcome
from guanxi.core.people import tokens
from guanxi.core.records import together
from guanxi.core.records.files import as_upload
from guanxi.core.records.history import history
from guanxi.core.records.search.query import search
from guanxi.core.reporting import engine
from guanxi.core.reporting.spec import read
from guanxi.core.schema.kinds import KINDS
from guanxi.core.shaping import dictionaries, fields
from guanxi.core.web.shaping.fields import OFFERED
from tests.factories.cast import Cast
from tests.fakes.models import Gadget

pytestmark = pytest.mark.django_db
GADGET = "fakes.gadget"
Make = Callable[..., Any]


#: What is written, and how people read it. ``None`` for what the house writes itself.
WRITTEN: dict[str, tuple[Any, str]] = {
    "text": ("深圳", "深圳"),
    "long_text": ("一\n二", "一\n二"),
    "rich_text": ("<b>粗</b>", "粗"),
    "integer": ("42", "42"),
    "decimal": ("1.5", "1.5"),
    "percent": ("35", "35"),
    "money": ("1200", "1200"),
    "date": ("2026-03-05", "2026-03-05"),
    "datetime": ("2026-03-05T10:00:00+00:00", "18:00"),
    "time": ("14:30", "14:30"),
    "boolean": (True, "Yes"),
    "choice": ("one", "One"),
    "choices": (["one", "two"], "One"),
    "region": ("CN4403", "Shenzhen"),
    "email": ("a@b.com", "a@b.com"),
    "emails": ([{"value": "c@d.com"}], "c@d.com"),
    "phone": ("+8613800138000", "138"),
    "phones": ([{"value": "+8613900139000"}], "139"),
    "url": ("https://example.com", "example.com"),
    "urls": ([{"value": "https://example.org"}], "example.org"),
    "addresses": ([{"street": "科技路1号", "city": "深圳"}], "科技路1号"),
    "table": ([{"what": "螺丝", "pieces": 3}], "螺丝"),
    "reference": (None, "参照"),
    "references": (None, "参照"),
    "user": (None, "林爱丽"),
    "image": (None, ""),
    "file": (None, ""),
    "serial": (None, "S-0"),
    "formula": (None, "20"),
    "rollup": (None, "0"),
}
ALL = list(WRITTEN)
READ_ONLY = ("serial", "formula", "rollup")
#: Lists of ways to reach somebody, sub-tables and long texts are neither sorted nor grouped by, files have no order.
NOT_SORTED = {kind for kind in ALL if not KINDS[kind].sortable}
#: Files are uploaded on the record's page, a sub-table is rows of its own: one cell holds neither. The rest the house writes.
NOT_IMPORTED = {"image", "file", "table", *READ_ONLY}


@pytest.fixture
def shaped(cast: Cast, make: Make) -> dict[str, Any]:
    """A field of each kind, and what is written into each."""
    dictionaries.dictionary_save(cast.root, "sort", {"name_zh": "种类", "name_en": "Sort"}, new=True)
    for key in ("one", "two"):
        given = {"name_zh": {"one": "一类", "two": "二类"}[key], "name_en": key.title(), "color": "red"}
        dictionaries.value_save(cast.root, "sort", key, given, new=True)
    more: dict[str, Mapping[str, Any]] = {
        **{kind: {"dictionary": "sort"} for kind in ("choice", "choices")},
        **{kind: {"target": GADGET} for kind in ("reference", "references")},
        "table": {"options": {"columns": [{"key": "what", "label_zh": "物", "label_en": "What", "kind": "text"}, {"key": "pieces", "label_zh": "件", "label_en": "Pieces", "kind": "integer"}]}},
        "serial": {"options": {"format": "S-{seq:4}"}},
        "formula": {"options": {"formula": "pieces * 2", "result": "integer"}},
        "rollup": {"options": {"rollup": {"relation": "fakes.part.gadget", "how": "count"}}},
    }  # fmt: skip
    for kind in ALL:
        names = {"kind": kind, "label_zh": f"自定{kind}", "label_en": f"Own {kind}"}
        fields.field_save(cast.root, GADGET, f"x_{kind}", {**names, **more.get(kind, {})}, new=True)
    other = make(GADGET, name="参照")
    given = {kind: value for kind, (value, _shown) in WRITTEN.items() if kind not in READ_ONLY}
    picture = together.file_add(cast.alice, other, as_upload("a.png", PNG))
    paper = together.file_add(cast.alice, other, as_upload("b.txt", b"text"))
    given |= {"reference": other.pk, "references": [other.pk], "user": cast.alice_user.pk}
    given |= {"image": picture.pk, "file": paper.pk}
    return {"other": other, "given": {f"custom.x_{kind}": value for kind, value in given.items()}}


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


def shown(kind: str, text: str) -> None:
    found = WRITTEN[kind][1] in text.replace(",", "")
    assert found, f"{kind}: {text[:200]}"


def test_every_kind_is_offered_and_only_those() -> None:
    offered = [kind for _group, kinds in OFFERED for kind, _icon in kinds]
    assert sorted(offered) == sorted(ALL) == sorted(fields.CHOSEN)


def test_forms_pages_and_lists(cast: Cast, shaped: dict[str, Any], browse: Callable[..., Client]) -> None:
    page = browse("alice")
    form = page.get("/gadgets/new/").content.decode()
    for kind in ALL:
        assert (f'name="custom.x_{kind}' in form) is (kind not in READ_ONLY), kind
        assert f"Own {kind}" in form or kind in READ_ONLY, kind
    gadget = records.create(cast.alice, GADGET, {"name": "样", "pieces": 10, **shaped["given"]})
    record = page.get(f"/gadgets/{gadget.pk}/").content.decode()
    edit = page.get(f"/gadgets/{gadget.pk}/edit/").content.decode()
    columns = ",".join(f"custom.x_{kind}" for kind in ALL)
    rows = page.get(f"/gadgets/?{urlencode({'cols': f'name,{columns}'})}").content.decode()
    for kind in ALL:
        assert f'data-field="custom.x_{kind}"' in record, kind
        assert f'name="custom.x_{kind}' in edit or kind in READ_ONLY, kind
        shown(kind, record)
        if kind not in ("rich_text", "long_text", "table", "addresses"):
            shown(kind, rows)
        name = f"custom.x_{kind}"
        if kind not in NOT_SORTED and kind not in READ_ONLY:
            assert records.select(cast.alice, GADGET, sort=(name,), limit=1).items[0].pk == gadget.pk, kind
        given = KINDS[records.fields_of(GADGET)[name].kind]
        if given.groupable:
            groups = records.groups(cast.alice, GADGET, name)
            assert [one.count for one in groups if one.value not in (None, "", False)] == [1], kind
        if given.summable:
            assert records.totals(cast.alice, GADGET, [name])[f"sum_{name.replace('.', '_')}"] is not None, kind
    wanted = {kind: held(kind) for kind in ALL}
    for tree, there in ((list(wanted.values()), True), ([{"not": wanted["table"]}], False)):
        found = page.get(f"/gadgets/?{urlencode({'f': json.dumps({'all': tree})})}").content.decode()
        assert (f'data-id="{gadget.pk}"' in found) is there
    for kind in NOT_SORTED:
        with pytest.raises(Invalid):
            records.select(cast.alice, GADGET, sort=(f"custom.x_{kind}",))


def held(kind: str) -> dict[str, Any]:
    """The condition that a field of the kind has a value."""
    name = f"custom.x_{kind}"
    return {"field": name, "op": "eq", "value": True} if kind == "boolean" else {"field": name, "op": "not_empty"}


def test_the_api_and_tools(cast: Cast, shaped: dict[str, Any]) -> None:
    _token, secret = tokens.token_create(cast.root, cast.alice_user, name="t", scopes=("read", "write"))
    api = Client(headers={"Authorization": f"Bearer {secret}"})
    made = api.post(
        "/api/v1/gadgets", {"name": "接口", "pieces": 10, **shaped["given"]}, content_type="application/json"
    )
    assert made.status_code == 201, made.content
    body = made.json()
    kept = body.get("custom", body)
    for kind in ALL:
        assert kept.get(f"x_{kind}", body.get(f"custom.x_{kind}")) not in (None, "", []), kind
    tree = {"all": [held(kind) for kind in ALL]}
    found = api.get(f"/api/v1/gadgets?{urlencode({'filter': json.dumps(tree)})}").json()
    assert [one["id"] for one in found["items"]] == [body["id"]]
    again = api.patch(
        f"/api/v1/gadgets/{body['id']}",
        {"custom.x_text": "改"},
        content_type="application/json",
        headers={"If-Match": made["ETag"]},
    )
    assert again.status_code == 200, again.content
    tool = orjson.loads(Desk(secret).get_record("gadgets", body["id"]))
    for kind in set(ALL) - {"image", "file", "text"}:
        told = tool.get(f"custom.x_{kind}", tool.get("custom", {}).get(f"x_{kind}"))
        assert told not in (None, "", []), kind
    listed = orjson.loads(Desk(secret).entities())
    assert "custom.x_rollup" in json.dumps(listed)


def test_out_and_in_again(cast: Cast, shaped: dict[str, Any]) -> None:
    records.create(cast.alice, GADGET, {"name": "出口", "pieces": 10, **shaped["given"]})
    tree = {"field": "name", "op": "eq", "value": "出口"}
    columns = ["name", *(f"custom.x_{kind}" for kind in ALL if kind not in ("image", "file"))]
    for sort in ("csv", "xlsx"):
        out = io.BytesIO()
        export_write(cast.alice, GADGET, out=out, format=sort, columns=columns, filter=tree)
        Gadget.everything.filter(name="出口").delete()
        run = imports.import_stage(cast.alice, content=out.getvalue(), name=f"x.{sort}", entity=GADGET)
        imports.import_configure(cast.alice, run=run, mapping=None, options=Options())
        run = imports.import_run(cast.alice, run=imports.import_start(cast.alice, run=run))
        assert run.created == 1, list(ImportOutcome.objects.filter(run=run).values_list("reasons", flat=True))
        back = Gadget.objects.get(name="出口")
        for kind in set(ALL) - NOT_IMPORTED:
            expected = shaped["given"][f"custom.x_{kind}"]
            assert same(kind, back.custom.get(f"x_{kind}"), expected), (
                sort,
                kind,
                back.custom.get(f"x_{kind}"),
            )
    out = io.BytesIO()
    names = template_write(cast.alice, GADGET, out=out, format="csv")
    header = out.getvalue().decode("utf-8-sig")
    for kind in set(ALL) - NOT_IMPORTED:
        assert f"x_{kind}" in str(names) or f"Own {kind}" in header or f"自定{kind}" in header, kind


def same(kind: str, stored: Any, given: Any) -> bool:
    if kind in ("emails", "phones", "urls"):
        return bool(stored) and stored[0]["value"] == given[0]["value"]
    if kind == "addresses":
        return bool(stored) and stored[0]["street"] == given[0]["street"]
    if kind == "table":
        return bool(stored) and stored[0]["what"] == "螺丝" and str(stored[0]["pieces"]) == "3"
    if kind in ("integer", "decimal", "percent", "money"):
        return stored is not None and Decimal(str(stored)) == Decimal(given)
    if kind == "datetime":
        return bool(stored) and dt.datetime.fromisoformat(stored) == dt.datetime.fromisoformat(given)
    if kind == "time":
        return str(stored)[:5] == given
    return bool(stored == given)


def test_search_audit_merge_and_undo(cast: Cast, shaped: dict[str, Any]) -> None:
    full = records.create(cast.alice, GADGET, {"name": "满的", "pieces": 10, **shaped["given"]})
    empty = records.create(cast.alice, GADGET, {"name": "空的"})
    for word in ("深圳", "13800138000", "13900139000", "a@b.com", "c@d.com", full.custom["x_serial"]):
        assert full.pk in [one.record_id for one in search(cast.alice, word)], word
    change = history(cast.alice, full)[-1]
    told = {str(one.field) for one in change.fields}
    for kind in set(ALL) - {"formula", "rollup", "serial"}:
        assert any(f"x_{kind}'" in one or f"x_{kind}" == one.removeprefix("custom.") for one in told), (kind, told)
    step = records.merge(cast.alice, GADGET, empty.pk, [full.pk], {})
    kept = Gadget.objects.get(pk=empty.pk)
    for kind in set(ALL) - set(READ_ONLY):
        assert kept.custom.get(f"x_{kind}") == full.custom.get(f"x_{kind}"), kind
    assert records.undo(cast.alice, step.pk).undone >= 1
    assert Gadget.objects.get(pk=empty.pk).custom.get("x_text") is None


#: Not grouped by in reports: long texts and what has no plain values.
NOT_GROUPED = {
    "long_text",
    "rich_text",
    "time",
    "references",
    "emails",
    "phones",
    "urls",
    "addresses",
    "table",
    "image",
    "file",
}


def test_reports_templates_and_rules(cast: Cast, shaped: dict[str, Any]) -> None:
    gadget = records.create(cast.alice, GADGET, {"name": "报表", "pieces": 10, **shaped["given"]})
    with translation.override("en"):
        for kind in ALL:
            asked = {"dataset": GADGET, "rows": [{"field": f"custom.x_{kind}"}]}
            if kind in NOT_GROUPED:
                with pytest.raises(Invalid):
                    engine.run(cast.alice, read(asked))
            else:
                assert engine.run(cast.alice, read(asked)).rows, kind
        text = "|".join("{{ custom.x_%s }}" % kind for kind in ALL)
        merge_fields.check(cast.alice, GADGET, text)
        for kind, said in zip(ALL, merge_fields.fill(cast.alice, gadget, text, language="en").split("|"), strict=True):
            assert said, kind
            shown(kind, said)
        assert merge_fields.fill(cast.alice, gadget, "{{ custom.x_reference.name }}", language="en") == "参照"
    for kind in set(ALL) - set(READ_ONLY) - {"image", "file"}:
        condition = held(kind)
        step = {"do": "set", "values": {f"custom.x_{kind}": shaped["given"][f"custom.x_{kind}"]}}
        rule_save(
            cast.root, None,
            RuleDraft(name_zh=kind, name_en=kind, entity=GADGET, trigger={"on": "changed", "fields": ["note"]}, condition=condition,
                      steps=(step, {"do": "set", "values": {"story": kind}}), active=True),
        )  # fmt: skip
    records.update(cast.alice, gadget, {"note": "改"})
    outbox.deliver_all()
    for number in RuleRun.objects.filter(state="running").values_list("pk", flat=True):
        running.go(number)
    states = dict(RuleRun.objects.values_list("rule__name_en", "state"))
    assert states == dict.fromkeys(set(ALL) - set(READ_ONLY) - {"image", "file"}, "done")
