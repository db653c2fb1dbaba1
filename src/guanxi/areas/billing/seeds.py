"""What every workspace starts with: types of contracts, means of payment, numbers, and who may see margins and books money."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.areas.billing.models import CommissionPlan, CommissionRule, DiscountLimit, PrintTemplate
from guanxi.core.automation.approvals import seeding
from guanxi.core.models import Role
from guanxi.core.records import seeds
from guanxi.core.records.seeds import WORK, RoleSeed, Value
from guanxi.core.records.settings_registry import Reference, SettingsModel, register_settings

seeds.dictionary(
    "contract_kind",
    "合同类型",
    "Contract type",
    [
        Value("sale", "销售合同", "Sale", "blue", default=True),
        Value("service", "服务合同", "Service", "teal"),
        Value("framework", "框架合同", "Framework", "purple"),
        Value("agency", "代理合同", "Agency", "indigo"),
        Value("lease", "租赁合同", "Lease", "orange"),
        Value("other", "其他合同", "Other", "gray"),
    ],
)
seeds.dictionary(
    "payment_method",
    "收款方式",
    "Means of payment",
    [
        Value("transfer", "银行转账", "Bank transfer", default=True),
        Value("cheque", "支票", "Cheque"),
        Value("acceptance", "承兑汇票", "Acceptance bill"),
        Value("cash", "现金", "Cash"),
        Value("wechat", "微信支付", "WeChat Pay"),
        Value("alipay", "支付宝", "Alipay"),
        Value("card", "银行卡", "Card"),
        Value("offset", "冲抵", "Offset"),
    ],
)
for _name, _pattern in (
    ("quote", "QT{yyyy}{mm}{seq:4}"),
    ("contract", "HT{yyyy}{seq:5}"),
    ("order", "SO{yyyy}{mm}{seq:4}"),
    ("delivery", "DN{yyyy}{mm}{seq:4}"),
    ("receipt", "RC{yyyy}{mm}{seq:4}"),
    ("invoice", "FP{yyyy}{mm}{seq:4}"),
):
    seeds.numbering(f"billing.{_name}", "number", _pattern, reset="month" if "{mm}" in _pattern else "year")

seeds.role(
    RoleSeed(
        "finance",
        "财务",
        "Finance",
        "Books receipts, issues invoices, sees all records and all margins.",
        usual={"view": "all", "export": "all"},
    )
)
_ALL = dict.fromkeys(WORK, "all")
MONEY = (
    "instalment",
    "receipt",
    "allocation",
    "invoice",
    "invoiceline",
    "bankentry",
    "creditlimit",
    "commissionstatement",
)
SETTINGS = ("discountlimit", "closedperiod", "printtemplate", "commissionplan", "commissionrule")
DOCUMENTS = ("quote", "contract", "order", "delivery")
LINES = ("quoteline", "contractline", "orderline", "deliveryline")
MARGIN = {"margin": "hidden", "margin_percent": "hidden"}
COST = {"cost": "hidden"}
for _name in MONEY:
    seeds.grant(
        "finance", f"billing.{_name}", {**_ALL, "write_off": "all", "receive": "all", "issue": "all", "approve": "all"}
    )
for _name in SETTINGS:
    seeds.grant("finance", f"billing.{_name}", _ALL)
    seeds.grant("director", f"billing.{_name}", _ALL)
#: Invoices may be asked for by those who keep the books too, though they change no contract and no order.
for _name in ("contract", "order"):
    seeds.grant("finance", f"billing.{_name}", {"view": "all", "export": "all", "invoice": "all"})
_OWN = {
    "view": "own",
    "create": "own",
    "change": "own",
    "delete": "own",
    "export": "own",
    "import": "own",
    "share": "own",
}
for _role in ("member", "trainee"):
    for _name in ("quote", "contract", "order"):
        seeds.grant(_role, f"billing.{_name}", _OWN, MARGIN)
    for _name in ("quoteline", "contractline", "orderline"):
        seeds.grant(_role, f"billing.{_name}", _OWN, COST)
#: Salespeople plan instalments and ask for invoices; money is booked and written off by those who keep the books.
for _name in ("receipt", "allocation", "bankentry", "creditlimit", "commissionstatement"):
    seeds.grant("member", f"billing.{_name}", {"view": "own", "export": "own"})
#: By which plan a statement is reckoned; the rates of all plans, those of managers among them, are not for everybody.
seeds.grant("member", "billing.commissionplan", {"view": "all"})

#: A discount beyond one's limit: the superior decides, beyond a fifth of the price a director too.
seeding.flow(
    "discount",
    "billing.quote",
    "discount",
    ("折扣审批", "Discount beyond the limit"),
    (
        {
            "key": "manager", "name_zh": "上级审批", "name_en": "Superior", "mode": "any", "nobody": "admin",
            "who": [{"kind": "superior"}, {"kind": "department_head"}],
        },
        {
            "key": "director", "name_zh": "总监审批", "name_en": "Director", "mode": "any", "nobody": "skip",
            "who": [{"kind": "role", "role": "director"}], "when": {"field": "off", "op": "gt", "value": 20},
        },
    ),
)  # fmt: skip

LIVING = {"deleted_at__isnull": True}
register_settings(
    SettingsModel(
        key="discount_limits", label=_("Discount limits"), model=DiscountLimit, identity=("role",), fields=("percent", "note"),
        references={"role": Reference(Role)}, where=LIVING | {"role__key__gt": ""}, order=60,
    ),
    SettingsModel(
        key="print_templates", label=_("Print templates"), model=PrintTemplate, identity=("document", "language", "name"),
        fields=("source", "active"), where=LIVING, order=61,
    ),
    #: Rates for one product or category stay here: they name records of the business.
    SettingsModel(
        key="commission_plans", label=_("Commission plans"), model=CommissionPlan, identity=("name",),
        fields=("base", "role", "target", "valid_from", "valid_until", "active"), references={"role": Reference(Role)}, where=LIVING, order=62,
        children=(
            SettingsModel(
                key="rates", label=_("Rates"), model=CommissionRule, identity=("from_achievement",), parent="plan",
                fields=("rate", "note", "position"), where=LIVING | {"category__isnull": True, "product__isnull": True},
            ),
        ),
    ),
)  # fmt: skip
