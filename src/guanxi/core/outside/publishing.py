"""What is shown outside: pages and clients' views made, changed, opened and closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core.access.features import SETTINGS, require_feature
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, NotFound
from guanxi.core.models import PortalView, PublicPage
from guanxi.core.models.outside import LOOKUP
from guanxi.core.models.stamps import bump
from guanxi.core.outside import lookups, portal, questions
from guanxi.core.records import shape
from guanxi.core.records.writing import writing
from guanxi.core.schema.registry import entities, is_registered
from guanxi.core.shaping.common import check_version, key_from


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


def page_save(
    actor: Actor, row: PublicPage | None, given: Mapping[str, Any], *, version: int | None = None
) -> PublicPage:
    """Make or change a public page. Raises Denied, Invalid (names the field), Conflict when somebody saved first."""
    require_feature(actor, SETTINGS)
    _named(given)
    with writing(actor):
        if row is None:
            taken = set(PublicPage.objects.values_list("key", flat=True))
            name = str(given.get("name_en") or given["name_zh"])
            key = key_from("", name, {one.replace("-", "_") for one in taken}).replace("_", "-")
            row = PublicPage(key=key, version=0)
        else:
            row = PublicPage.objects.select_for_update().get(pk=row.pk)
            check_version(row, version, given, {})
        for name, value in given.items():
            setattr(row, name, value)
        check(row)
        row.version += 1
        row.save()
        bump("portal")
    return row


def view_save(actor: Actor, row: PortalView | None, given: Mapping[str, Any]) -> PortalView:
    """Make or change what clients see of one sort of records. Raises Denied, Invalid (names the field)."""
    require_feature(actor, SETTINGS)
    with writing(actor):
        made = PortalView.objects.select_for_update().get(pk=row.pk) if row else PortalView()
        for name, value in given.items():
            setattr(made, name, value)
        check(made)
        if row is None and PortalView.objects.filter(entity=made.entity, subject=made.subject).exists():
            raise Invalid(_("Clients see these records already."), code="portal.twice", field="way")
        made.save()
        bump("portal")
    return made


def remove(actor: Actor, row: PublicPage | PortalView) -> None:
    """Take a page or view away; what clients did through it stays."""
    require_feature(actor, SETTINGS)
    with writing(actor):
        row.delete()
        bump("portal")


def _named(given: Mapping[str, Any]) -> None:
    if not str(given.get("name_zh") or "").strip():
        raise Invalid(_("This must be filled."), code="value.required", field="name_zh")


def ways(subject: str, *, deep: int = 2) -> dict[str, str]:
    """From which records references lead to those of ``subject``: the entity and the path, at most ``deep`` steps."""
    found: dict[str, str] = {}
    reached: dict[str, list[str]] = {subject: [""]}
    for _step in range(deep):
        further: dict[str, list[str]] = {}
        for entity in entities():
            for name, field in shape.fields_of(entity).items():
                if (
                    field.kind == "reference"
                    and not field.custom
                    and field.target in reached
                    and entity.key != field.target
                ):
                    further.setdefault(entity.key, []).extend(
                        f"{name}.{rest}".rstrip(".") for rest in reached[field.target]
                    )
        for key, paths in further.items():
            for path in paths:
                found.setdefault(f"{key}|{path}", key)
        reached = further
    return found


def labels(entity: str, names: Iterable[str]) -> list[str]:
    """Fields as people call them."""
    fields = shape.fields_of(entity) if is_registered(entity) else {}
    return [str(fields[name].label) if name in fields else name for name in names]
