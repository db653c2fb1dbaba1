"""Opening and closing what is shown outside."""

from __future__ import annotations

from collections.abc import Iterable

from guanxi.core.access.features import SETTINGS, require_feature
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import NotFound
from guanxi.core.models import PortalView, PublicPage
from guanxi.core.models.outside import LOOKUP
from guanxi.core.models.stamps import bump
from guanxi.core.outside import lookups, portal, questions
from guanxi.core.records import shape
from guanxi.core.records.writing import writing
from guanxi.core.schema.registry import is_registered


def check(row: PublicPage | PortalView) -> None:
    """Raise Invalid for a row that cannot work."""
    if isinstance(row, PortalView):
        portal.check(row)
    elif row.kind == LOOKUP:
        lookups.check(row)
    else:
        questions.check(row)


def switch(actor: Actor, sort: str, number: int) -> None:
    """Open a closed one, close an open one; it is checked before it opens. Raises Denied, NotFound, Invalid."""
    require_feature(actor, SETTINGS)
    rows: type[PublicPage] | type[PortalView] = PublicPage if sort == "page" else PortalView
    with writing(actor):
        row = rows.objects.select_for_update().filter(pk=number).first()
        if row is None:
            raise NotFound
        if not row.active:
            check(row)
        row.active = not row.active
        row.save(update_fields=["active"])
        bump("portal")


def labels(entity: str, names: Iterable[str]) -> list[str]:
    """Fields as people call them."""
    fields = shape.fields_of(entity) if is_registered(entity) else {}
    return [str(fields[name].label) if name in fields else name for name in names]
