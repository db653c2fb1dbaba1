"""What every workspace starts with: units, tax classes, numbers of products, and who may see costs."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.areas.catalog.models import PriceBook, PriceEntry, Product
from guanxi.core.records import seeds
from guanxi.core.records.seeds import WORK, RoleSeed, Value
from guanxi.core.records.settings_registry import Reference, SettingsModel, register_settings

seeds.dictionary(
    "product_unit",
    "计量单位",
    "Unit",
    [
        Value("piece", "个", "piece", default=True),
        Value("set", "套", "set"),
        Value("unit", "台", "unit"),
        Value("item", "件", "item"),
        Value("box", "箱", "box"),
        Value("pack", "包", "pack"),
        Value("bottle", "瓶", "bottle"),
        Value("kg", "千克", "kg"),
        Value("tonne", "吨", "tonne"),
        Value("metre", "米", "metre"),
        Value("m2", "平方米", "m²"),
        Value("m3", "立方米", "m³"),
        Value("litre", "升", "litre"),
        Value("hour", "小时", "hour"),
        Value("day", "人天", "man-day"),
        Value("month", "月", "month"),
        Value("year", "年", "year"),
        Value("time", "次", "time"),
        Value("user", "用户", "user"),
        Value("licence", "许可", "licence"),
    ],
)
#: The key of a tax class is its rate in percent; classes whose key is no number bear no tax.
seeds.dictionary(
    "tax_class",
    "税率",
    "Tax class",
    [
        Value("13", "13%", "13%", default=True),
        Value("9", "9%", "9%"),
        Value("6", "6%", "6%"),
        Value("3", "3%", "3%"),
        Value("1", "1%", "1%"),
        Value("0", "0%", "0%"),
        Value("exempt", "免税", "exempt"),
    ],
)
seeds.numbering("catalog.product", "code", "P{seq:5}")
seeds.role(
    RoleSeed(
        "product_manager",
        "产品经理",
        "Product manager",
        "Keeps products, prices, stock and exchange rates; sees all records.",
        usual={"view": "all", "export": "all"},
    )
)
CATALOGUE = ("category", "product", "bundlepart", "pricebook", "priceentry", "stock")
_ALL = dict.fromkeys(WORK, "all")
for _key in (*(f"catalog.{name}" for name in CATALOGUE), "core.exchangerate"):
    for _role in ("director", "product_manager"):
        seeds.grant(_role, _key, _ALL)
    for _role in ("manager", "member", "trainee", "service", "marketing", "reader"):
        _hidden = {"cost": "hidden"} if _key == "catalog.product" and _role != "manager" else {}
        seeds.grant(_role, _key, {"view": "all", "export": "all"}, _hidden)

#: Books for everyone or a level travel with the settings; their entries and books for one customer name records of the business.
register_settings(
    SettingsModel(
        key="price_books", label=_("Price books"), model=PriceBook, identity=("name",),
        fields=("currency", "level", "valid_from", "valid_until", "discount", "active", "note"),
        where={"deleted_at__isnull": True, "customer__isnull": True}, order=58,
        children=(
            SettingsModel(
                key="entries", label=_("Prices"), model=PriceEntry, identity=("product", "from_quantity"), parent="book", lenient=True,
                fields=("price", "note"), references={"product": Reference(Product, by="code")},
                where={"deleted_at__isnull": True, "product__deleted_at__isnull": True, "product__code__gt": ""},
            ),
        ),
    )
)  # fmt: skip
