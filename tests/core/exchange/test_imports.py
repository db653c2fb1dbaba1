"""Bringing files in: what comes of each row, under whose rights, and how it is taken back."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import translation

from guanxi.areas.customers.models import Contact, Customer
from guanxi.core.exchange import imports, mapping, results
from guanxi.core.exchange.options import Options
from guanxi.core.exchange.reading import open_table
from guanxi.core.exchange.reasons import texts
from guanxi.core.kernel.errors import Denied, Invalid, NotFound
from guanxi.core.models import AuditEntry, DictionaryValue, OutboxEvent, Role, RoleField, RoleRight, stamps
from guanxi.core.models.exchange import ImportOutcome, ImportRun
from guanxi.core.models.stamps import bump
from guanxi.core.records import reading
from guanxi.core.shaping import fields
from tests.core.exchange.bringing import CONTACT, CUSTOMER, bring, counts, reasons
from tests.factories.cast import Cast

CHINESE = (
    "客户名称,统一社会信用代码,手机,邮箱,省份,城市,地址,行业,级别,员工数,年营业额,备注\n"
    "北京甲科技有限公司,,13800138000,a@jia.cn,北京市,,海淀区中关村1号,F51,a,35,120万,老客户\n"
    '深圳乙贸易有限公司,,0755-23456789转801,b@yi.cn;c@yi.cn,广东省,深圳市,南山区科苑路2号,批发业,B 重点客户,"1,200",3.5亿,\n'
)


def test_a_chinese_list_with_everything(cast: Cast) -> None:
    run = bring(cast.root, CHINESE)
    assert counts(run) == (2, 0, 0, 0)
    first, second = Customer.objects.order_by("pk")
    assert (first.name, first.level, first.employees, first.revenue) == ("北京甲科技有限公司", "a", 35, 1_200_000)
    assert (first.industry, second.industry) == ("F51", "F51")
    assert (
        first.phones == [{"value": "+8613800138000", "written": "13800138000", "label": "手机", "primary": True}]
        or first.phones[0]["value"] == "+8613800138000"
    )
    assert second.phones[0]["value"] == "+8675523456789;ext=801"
    assert [entry["value"] for entry in second.emails] == ["b@yi.cn", "c@yi.cn"]
    assert second.addresses[0]["region"].startswith("CN44")
    assert second.addresses[0]["street"] == "南山区科苑路2号"
    assert second.revenue == 350_000_000
    assert second.level == "b"
    assert first.owner_id == cast.root.user_id
    assert first.number
    assert first.sort_key.startswith("bei")


def test_it_is_audited_announced_found_and_matched(cast: Cast) -> None:
    OutboxEvent.objects.all().delete()
    run = bring(cast.root, CHINESE)
    customer = Customer.objects.get(name="北京甲科技有限公司")
    entry = AuditEntry.objects.get(entity="customers_customer", record_id=customer.pk)
    assert (entry.action, entry.actor_id, entry.via, entry.operation_id) == (
        "create",
        cast.root.user_id,
        "import",
        run.operation_id,
    )
    assert entry.changes["name"] == [None, "北京甲科技有限公司"]
    events = OutboxEvent.objects.filter(name="customers.customer.created")
    assert sorted(events.values_list("record_id", flat=True)) == sorted(Customer.objects.values_list("pk", flat=True))
    assert [one.pk for one in reading.select(cast.root, CUSTOMER, text="jiakeji").items] == [customer.pk]
    again = bring(cast.root, CHINESE, mode="create")
    assert counts(again) == (0, 0, 2, 0)
    assert reasons(again) == ["row.exists", "row.exists"]


def test_modes_and_what_is_kept(cast: Cast, make: Callable[..., Any]) -> None:
    known = make(
        CUSTOMER, name="甲公司", by=cast.root_user, description="旧", employees=5, phones=[{"value": "13800138000"}]
    )
    text = "名称,备注,员工数,手机,外部编号\n甲公司,新,,13900139000,E1\n乙公司,x,7,,E2\n"
    only = bring(cast.root, text, mode="update")
    assert counts(only) == (0, 1, 1, 0)
    known.refresh_from_db()
    assert (known.description, known.employees, known.external_id) == ("新", 5, "E1")
    assert [entry["value"] for entry in known.phones] == ["+8613800138000", "+8613900139000"]
    assert known.version == 2
    kept = bring(cast.root, "名称,备注,员工数\n甲公司,更新,9\n", keep_filled=True)
    assert counts(kept) == (0, 0, 1, 0)
    cleared = bring(cast.root, "名称,备注\n甲公司,\n", clear_blank=True)
    known.refresh_from_db()
    assert counts(cleared) == (0, 1, 0, 0)
    assert known.description == ""


def test_rows_that_mean_the_same_within_the_file(cast: Cast) -> None:
    text = "名称,备注,外部编号\n甲公司,一,E1\n甲公司,二,E1\n乙公司,,E2\n"
    assert counts(bring(cast.root, text, mode="create")) == (2, 0, 1, 0)
    Customer.everything.all().delete()
    run = bring(cast.root, text, mode="both")
    assert counts(run) == (2, 1, 0, 0)
    assert Customer.objects.get(external_id="E1").description == "二"


def test_similar_names_are_made_and_mentioned(cast: Cast, make: Callable[..., Any]) -> None:
    make(CUSTOMER, name="上海丙网络有限公司", by=cast.root_user)
    run = bring(cast.root, "名称\n上海丙网络股份有限公司\n")
    assert counts(run) == (1, 0, 0, 0)
    assert reasons(run) == ["row.similar"]


def test_what_is_hidden_from_who_brings_them_answers_no_row(cast: Cast, make: Callable[..., Any]) -> None:
    make(CUSTOMER, name="上海丁网络有限公司", former_names="上海丙网络有限公司", credit_code="914403001922038216")

    def told() -> list[list[str]]:
        firms = bring(cast.actor(cast.alice_user), "名称\n上海丙网络股份有限公司\n")
        Customer.objects.filter(name__contains="丙").delete()
        people = bring(
            cast.actor(cast.alice_user), "姓名,客户\n张三,上海丙网络有限公司\n李四,914403001922038216\n", CONTACT
        )
        return [reasons(firms), reasons(people)]

    assert told() == [["row.similar"], []]
    for field in ("former_names", "credit_code"):
        RoleField.objects.create(role=cast.role, entity=CUSTOMER, field=field, level="hidden")
    bump("rights")
    assert told() == [[], ["reference.not_found"] * 2]


def test_a_different_number_means_a_different_record(cast: Cast, make: Callable[..., Any]) -> None:
    make(CUSTOMER, name="甲公司", external_id="A", by=cast.root_user)
    assert counts(bring(cast.root, "名称,外部编号\n甲公司,B\n")) == (1, 0, 0, 0)
    run = bring(cast.root, "名称,备注\n甲公司,x\n")
    assert counts(run) == (0, 0, 0, 1)
    assert reasons(run) == ["row.ambiguous"]


def test_bad_rows_are_refused_with_a_reason_and_come_back_as_a_file(cast: Cast) -> None:
    text = "名称,成立年份,邮箱\n甲公司,2999,\n,2001,\n乙公司,1999,nobody\n丙公司,2000\n=cmd(),2001,\n"
    run = bring(cast.root, text)
    assert counts(run) == (3, 0, 0, 2)
    second = Customer.objects.get(name="乙公司")
    assert "nobody" in second.description
    out = io.BytesIO()
    assert results.import_write_errors(cast.root, run=run, out=out) == 2
    table = open_table(out.getvalue(), name="errors.csv")
    rows = list(table.rows())
    assert [row.values[0] for row in rows] == ["甲公司", ""]
    assert [row.values[-2] for row in rows] == ["2", "3"]
    assert all(row.values[-1] for row in rows)
    corrected = out.getvalue().decode("utf-8-sig").replace("2999", "1998")
    again = bring(cast.root, corrected)
    assert counts(again) == (1, 0, 0, 1)
    assert "行号" not in again.mapping.get("columns", {})
    assert Customer.objects.get(name="甲公司").founded_year == 1998


def test_what_cannot_be_read_is_noted_whatever_its_kind(cast: Cast) -> None:
    text = "名称,成立年份,员工数,年营业额,行业,手机\n甲公司,1982 (1919),很多,约三亿,没有这个行业,12\n乙公司,,35,3亿,,\n"
    run = bring(cast.root, text)
    assert counts(run) == (2, 0, 0, 0)
    made = Customer.objects.get(name="甲公司")
    assert (made.founded_year, made.employees, made.revenue, made.industry, made.phones) == (None, None, None, "", [])
    lines = dict(line.split(": ", 1) for line in made.description.splitlines())
    assert lines == {
        "成立年份": "1982 (1919)", "员工人数": "很多", "年营收": "约三亿", "行业": "没有这个行业", "电话": "12",
    }  # fmt: skip
    assert set(reasons(run)) == {"value.unreadable"}
    assert counts(bring(cast.root, text, unreadable="refuse")) == (0, 0, 1, 1)


def test_a_day_gives_the_year_where_a_year_is_asked_for(cast: Cast) -> None:
    bring(cast.root, "名称,成立日期\n甲公司,1998-07-01\n乙公司,2003年5月6日\n丙公司,2011\n丁公司,2011-13-45\n")
    assert dict(Customer.objects.values_list("name", "founded_year")) == {
        "甲公司": 1998, "乙公司": 2003, "丙公司": 2011, "丁公司": None,
    }  # fmt: skip
    assert "2011-13-45" in Customer.objects.get(name="丁公司").description, "what is no day is kept, not guessed"


@pytest.mark.parametrize("written", ["2024-01-05", "20240105", "2024年1月5日"])
def test_a_day_is_no_number_where_no_year_is_asked_for(cast: Cast, written: str) -> None:
    mapping = {"columns": {"0": "name", "1": "company", "2": "score"}}
    text = f"姓名,公司,评分\n张三,甲公司,{written}\n"
    run = bring(cast.root, text, "sales.lead", mapping=mapping, unreadable="refuse")
    assert counts(run) == (0, 0, 0, 1)
    assert reasons(run)[0].startswith("number."), "it is refused for what is written, not for a year taken from it"


def test_an_own_field_is_a_year_where_it_says_so(cast: Cast) -> None:
    stamps.refresh()
    for key, year in (("built", True), ("place", False)):
        given = {"kind": "integer", "label_zh": key, "label_en": key, "options": {"plain": True, "year": year}}
        fields.field_save(cast.root, CUSTOMER, key, given, new=True)
    mapping = {"columns": {"0": "name", "1": "custom.built", "2": "custom.place"}}
    run = bring(
        cast.root, "名称,出厂,位置\n甲公司,2019-03-04,7\n乙公司,2019,20190304\n丙公司,,2019-03-04\n",
        mapping=mapping, unreadable="refuse",
    )  # fmt: skip
    assert counts(run) == (2, 0, 0, 1)
    assert dict(Customer.objects.values_list("name", "custom")) == {
        "甲公司": {"built": 2019, "place": 7}, "乙公司": {"built": 2019, "place": 20190304},
    }  # fmt: skip


def test_the_sentence_of_a_refused_row_is_spelled_as_its_language_spells(cast: Cast) -> None:
    with translation.override("zh-hans"):
        run = bring(cast.root, "名称,成立年份\n,2001\n")
    [failed] = ImportOutcome.objects.filter(run=run)
    assert texts(failed.reasons) == "名称：“名称”必须填写。"


def test_refusing_instead_of_noting(cast: Cast) -> None:
    run = bring(cast.root, "名称,行业,手机\n甲公司,没有这个行业,13800138000\n乙公司,,12\n", unreadable="refuse")
    assert counts(run) == (0, 0, 0, 2)
    assert not Customer.objects.exists()


def test_a_refused_row_says_all_that_is_wrong_with_it(cast: Cast) -> None:
    text = "名称,行业,成立年份,负责人,邮箱\n,没有这个行业,很久,没有此人,\n甲公司,,2001,没有此人,nobody\n,,2001,,\n乙公司,,,,\n"
    run = imports.import_stage(cast.root, content=text.encode(), name="x.csv", entity=CUSTOMER)
    imports.import_configure(cast.root, run=run, options=Options(unreadable="refuse"))
    seen = [row.reasons for row in imports.import_preview(cast.root, run=run)]
    assert "没有此人" in seen[0]
    run = imports.import_run(cast.root, run=imports.import_start(cast.root, run=run))
    assert counts(run) == (1, 0, 0, 3)
    found = ImportOutcome.objects.filter(run=run).order_by("position").values_list("reasons", flat=True)
    assert [[one["field"].split(".")[0] for one in row or ()] for row in found] == [
        ["owner", "industry", "founded_year", "name"], ["owner", "emails"], ["name"], [],
    ]  # fmt: skip
    assert seen[:3] == [texts(row) for row in found[:3]]


def test_what_is_known_already_is_not_asked_of_a_refused_row(cast: Cast, make: Callable[..., Any]) -> None:
    kept = make(CUSTOMER, name="甲公司", by=cast.root_user)
    text = f"名称,客户编号,成立年份\n,{kept.number},很久\n乙公司,,2001\n丙公司,,1999\n"
    run = bring(cast.root, text, unreadable="refuse", match=("number",))
    assert counts(run) == (2, 0, 0, 1)
    found = ImportOutcome.objects.filter(run=run).order_by("position").values_list("reasons", flat=True)
    assert [one["field"] for one in found[0] or ()] == ["founded_year"]


def test_unknown_choices_are_added_when_asked(cast: Cast) -> None:
    run = bring(cast.root, "名称,来源\n甲公司,抖音直播\n乙公司,抖音直播\n", create_choices=True)
    assert counts(run) == (2, 0, 0, 0)
    value = DictionaryValue.objects.get(dictionary__key="customer_source", name_zh="抖音直播")
    assert set(Customer.objects.values_list("source", flat=True)) == {value.key}
    with pytest.raises(Denied):
        bring(cast.alice, "名称,来源\n丙公司,快手\n", create_choices=True)


def test_owner_by_name_mail_or_login_needs_the_right_to_assign(cast: Cast) -> None:
    run = bring(cast.root, "名称,负责人\n甲,林爱丽\n乙,bob@guanxi.example\n丙,CHARLIE\n丁,没有此人\n")
    assert counts(run) == (4, 0, 0, 0)
    owners = dict(Customer.objects.values_list("name", "owner_id"))
    assert owners == {
        "甲": cast.alice_user.pk,
        "乙": cast.bob_user.pk,
        "丙": cast.charlie_user.pk,
        "丁": cast.root_user.pk,
    }
    assert reasons(run) == ["reference.not_found"]
    RoleRight.objects.filter(role=cast.role, action="assign").delete()
    bump("rights")
    alice = cast.actor(cast.alice_user)
    assert "owner" not in mapping.importable_fields(alice, CUSTOMER)
    assert counts(bring(alice, "名称,负责人\n戊,鲍勃\n")) == (1, 0, 0, 0)
    assert Customer.objects.get(name="戊").owner_id == cast.alice_user.pk


def test_rights_of_the_importer_decide(cast: Cast, make: Callable[..., Any]) -> None:
    make(CUSTOMER, name="鲍勃的公司", by=cast.bob_user)
    make(CUSTOMER, name="查理的公司", by=cast.charlie_user)
    mine = make(CUSTOMER, name="我的公司")
    run = bring(cast.alice, "名称,备注\n鲍勃的公司,x\n查理的公司,x\n我的公司,x\n新公司,x\n")
    assert counts(run) == (1, 1, 0, 2)
    assert reasons(run)[:2] == ["row.not_allowed", "row.exists_hidden"]
    mine.refresh_from_db()
    assert mine.description == "x"
    assert set(Customer.objects.filter(description="x").values_list("name", flat=True)) == {"我的公司", "新公司"}
    hidden = next(row for row in results.import_rows(run, (4,)) if row[2][0] == "查理的公司")
    assert hidden[4] is None
    assert "查理" not in str(hidden[3])


def test_without_the_right_nothing_begins(cast: Cast) -> None:
    with pytest.raises(Denied):
        imports.import_stage(cast.dave, content=b"name\nX\n", name="x.csv", entity=CUSTOMER)
    assert not ImportRun.objects.exists()
    run = imports.import_stage(cast.alice, content=b"name\nX\n", name="x.csv", entity=CUSTOMER)
    with pytest.raises(NotFound):
        imports.import_get(cast.bob, run_id=run.pk)
    Role.objects.filter(pk=cast.role.pk).update(name="x")
    with pytest.raises(Denied):
        imports.import_configure(
            cast.alice, run=run, mapping={"columns": {"0": "name"}, "defaults": {"created_at": "2020-01-01"}}
        )
    with pytest.raises(Invalid):
        imports.import_configure(cast.alice, run=run, mapping={"columns": {"0": "version"}})


def test_original_author_and_dates_for_administrators(cast: Cast) -> None:
    run = bring(cast.root, "名称,创建时间,创建人\n甲公司,2019-03-04 10:00,鲍勃\n")
    assert counts(run) == (1, 0, 0, 0)
    made = Customer.objects.get()
    assert made.created_by_id == cast.bob_user.pk
    assert made.created_at.isoformat() == "2019-03-04T02:00:00+00:00"


def test_contacts_find_and_make_their_companies(cast: Cast, make: Callable[..., Any]) -> None:
    company = make(CUSTOMER, name="甲公司", by=cast.root_user)
    text = "姓,名,公司,职位,手机,微信\n张,三,甲公司,经理,13800138000,zs\n李,四,乙公司,,13900139000,\n"
    run = bring(cast.root, text, CONTACT, create_references=True)
    assert counts(run) == (2, 0, 0, 0)
    first, second = Contact.objects.order_by("pk")
    assert (first.name, first.customer_id, first.position, first.wechat) == ("张三", company.pk, "经理", "zs")
    assert second.customer.name == "乙公司"
    assert first.carrier_owner_id == company.owner_id


def test_references_further_down_in_the_file(cast: Cast) -> None:
    run = bring(cast.root, "名称,母公司\n子公司,总公司\n总公司,\n孤公司,无此公司\n")
    assert counts(run) == (3, 0, 0, 0)
    child = Customer.objects.get(name="子公司")
    assert child.parent.name == "总公司"
    assert child.path == f"/{child.parent_id}/"
    assert reasons(run) == ["reference.not_found"]
    assert "无此公司" in Customer.objects.get(name="孤公司").description
