"""The area's declarations: categories, products, parts of bundles, price books and their prices, stock."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.areas.catalog import panels, policies, services
from guanxi.areas.catalog.models import (
    SALEABLE,
    BundlePart,
    Category,
    PriceBook,
    PriceEntry,
    Product,
    Stock,
)
from guanxi.core.kernel.errors import Text
from guanxi.core.schema.entity import (
    Access,
    Action,
    Entity,
    Form,
    Lines,
    MatchKey,
    Menu,
    Panel,
    Related,
    Search,
    Section,
)
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import register

PERCENT = {"kind": "percent"}


def may_have_variants(product: Product) -> bool | Text:
    """A variant has none of its own."""
    return product.variant_of_id is None or _("This product is a variant itself.")


register(
    Entity(
        key="catalog.category",
        model=Category,
        label=_("Product category"),
        plural=_("Product categories"),
        path="product-categories",
        icon="hierarchy",
        color="teal",
        columns=("name", "parent", "code", "english_name"),
        hidden=("path",),
        filters=("parent",),
        sort=("name",),
        search=Search(names=("name", "english_name"), numbers=("code",), subtitle=("parent",)),
        form=Form(sections=(Section(_("Category"), ("name", "english_name", "parent", "code")),)),
        panels=(Panel(key="tree", label=_("Below"), template="catalog/tree.jinja", context=panels.tree),),
        related=(Related(field="parent", shown=False),),
        match_keys=(MatchKey(field="name", how="exact", weight=80), MatchKey(field="code", how="exact", weight=100)),
        access=Access(owner="", public=True),
        clean=policies.category_clean,
        description=_("The tree products are sorted into."),
    ),
    Entity(
        key="catalog.product",
        model=Product,
        label=_("Product"),
        plural=_("Products"),
        path="products",
        icon="box",
        color="teal",
        columns=(
            "picture",
            "code",
            "name",
            "specification",
            "category",
            "unit",
            "price",
            "cost",
            "tax_class",
            "status",
        ),
        filters=("category", "status", "brand", "tax_class", "is_bundle", "variant_of", "price", "tags"),
        sort=("name", "code"),
        facts=("code", "specification", "category", "price", "unit", "status"),
        search=Search(
            names=("name", "english_name", "specification", "brand"),
            numbers=("code", "barcode", "external_id"),
            subtitle=("code", "specification"),
        ),
        pickable={"field": "status", "op": "in", "value": list(SALEABLE)},
        form=Form(
            sections=(
                Section(_("Product"), ("name", "code", "specification", "category", "status", "picture", "tags")),
                Section(_("Price"), ("price", "currency", "unit", "tax_class", "cost")),
                Section(
                    _("Further"),
                    ("english_name", "brand", "barcode", "variant_of", "is_bundle", "description", "external_id"),
                ),
            ),
            create=("name", "specification", "category", "unit", "price", "tax_class", "cost"),
        ),
        panels=(
            Panel(key="stock", label=_("Stock"), template="catalog/stock.jinja", context=panels.stock, order=10),
            Panel(key="family", label=_("Variants"), template="catalog/family.jinja", context=panels.family, order=20),
        ),
        lines=(
            Lines(
                key="parts",
                label=_("Parts of the bundle"),
                entity="catalog.bundlepart",
                field="bundle",
                columns=("product", "quantity", "note"),
            ),
        ),
        related=(
            Related(field="category", columns=("code", "specification", "price"), sort=("name",)),
            Related(field="variant_of", shown=False),
        ),
        actions=(
            Action(
                key="variants",
                label=_("Make variants"),
                run=services.product_variants,
                fields=(
                    Field(
                        name="options",
                        kind="long_text",
                        label=_("Properties"),
                        required=True,
                        help=_("One a line: “Colour: red, blue”. Each combination becomes a product."),
                    ),
                ),
                icon="versions",
                applies=may_have_variants,
            ),
        ),
        match_keys=(
            MatchKey(field="code", how="exact", weight=100),
            MatchKey(field="barcode", how="exact", weight=100),
            MatchKey(field="external_id", how="exact", weight=100),
            MatchKey(field="name", how="exact", weight=40),
        ),
        access=Access(owner="", public=True),
        menu=Menu(group="catalog", order=10),
        clean=policies.product_clean,
        description=_("What we sell: goods and services, variants, bundles."),
    ),
    Entity(
        key="catalog.bundlepart",
        model=BundlePart,
        label=_("Part of a bundle"),
        plural=_("Parts of bundles"),
        path="bundle-parts",
        icon="packages",
        title="product.name",
        columns=("bundle", "product", "quantity"),
        filters=("bundle", "product"),
        sort=("bundle", "position"),
        form=Form(sections=(Section(_("Part"), ("bundle", "product", "quantity", "note")),)),
        related=(
            Related(field="bundle", shown=False),
            Related(field="product", label=_("In bundles"), columns=("bundle", "quantity")),
        ),
        access=Access(owner="", public=True),
        clean=policies.part_clean,
        description=_("What a bundle is made of."),
    ),
    Entity(
        key="catalog.pricebook",
        model=PriceBook,
        label=_("Price book"),
        plural=_("Price books"),
        path="price-books",
        icon="book",
        color="teal",
        columns=("name", "customer", "level", "currency", "discount", "valid_from", "valid_until", "active"),
        filters=("customer", "level", "currency", "active", "valid_until"),
        sort=("name",),
        facts=("customer", "level", "currency", "discount", "valid_from", "valid_until", "active"),
        fields={"discount": PERCENT},
        search=Search(names=("name",), subtitle=("currency", "customer")),
        form=Form(
            sections=(
                Section(_("Price book"), ("name", "currency", "customer", "level", "discount")),
                Section(_("Period"), ("valid_from", "valid_until", "active", "note")),
            ),
            create=("name", "currency", "customer", "level", "discount", "valid_from", "valid_until"),
        ),
        lines=(
            Lines(
                key="entries",
                label=_("Prices"),
                entity="catalog.priceentry",
                field="book",
                columns=("product", "from_quantity", "price", "note"),
                settle=policies.book_settle,
                most=5000,
            ),
        ),
        related=(Related(field="customer", columns=("currency", "valid_until")),),
        access=Access(owner=""),
        menu=Menu(group="catalog", order=20),
        clean=policies.book_clean,
        description=_("Prices by customer, level, currency and period, with quantity tiers."),
    ),
    Entity(
        key="catalog.priceentry",
        model=PriceEntry,
        label=_("Price"),
        plural=_("Prices"),
        path="prices",
        icon="tag",
        title="product.name",
        columns=("book", "product", "from_quantity", "price"),
        filters=("book", "product"),
        sort=("book", "position"),
        form=Form(sections=(Section(_("Price"), ("book", "product", "from_quantity", "price", "note")),)),
        related=(
            Related(field="book", shown=False),
            Related(field="product", label=_("In price books"), columns=("book", "from_quantity", "price")),
        ),
        access=Access(owner=""),
        clean=policies.entry_clean,
        description=_("What a product costs in a price book, from a quantity on."),
    ),
    Entity(
        key="catalog.stock",
        model=Stock,
        label=_("Stock"),
        plural=_("Stock"),
        path="stock",
        icon="building-store",
        color="teal",
        title="warehouse",
        columns=("product", "warehouse", "quantity", "reserved", "as_of"),
        filters=("product", "warehouse", "quantity"),
        form=Form(
            sections=(Section(_("Stock"), ("product", "warehouse", "quantity", "reserved", "as_of", "external_id")),)
        ),
        related=(Related(field="product", shown=False),),
        match_keys=(MatchKey(field="external_id", how="exact", weight=100),),
        access=Access(owner=""),
        menu=Menu(group="catalog", order=30),
        clean=policies.stock_clean,
        description=_("What lies where, as the last import or integration said."),
    ),
)
