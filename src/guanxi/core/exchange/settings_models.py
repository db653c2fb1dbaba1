"""The core's own tables of settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from guanxi.core.exchange import settings_checks
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, RuleBroken
from guanxi.core.models import (
    ApprovalFlow,
    AutomationRule,
    CalendarDay,
    CustomField,
    Dashboard,
    Department,
    Dictionary,
    DictionaryValue,
    FieldSetup,
    MessageTemplate,
    Numbering,
    PortalView,
    Preference,
    PublicPage,
    Report,
    RetentionRule,
    Role,
    RoleField,
    RoleRight,
    SavedView,
    Segment,
    Snippet,
    User,
    WorkCalendar,
    Workflow,
)
from guanxi.core.models.custom import CustomObject, Layout, ObjectRecord, Process
from guanxi.core.models.objects import APP, object_model, table_drop, table_make
from guanxi.core.records import objects, seeds, watching
from guanxi.core.records.settings_registry import Coded, Reference, SettingsModel, register_settings
from guanxi.core.schema.kinds import KINDS
from guanxi.core.schema.registry import entity_of, is_registered
from guanxi.core.shaping import segments


def _codes(ids: Any) -> list[str]:
    if not ids:
        return []
    rows = Department.objects.filter(pk__in=list(ids or ())).exclude(code="")
    return sorted(rows.values_list("code", flat=True))


def _ids(codes: Any) -> list[int]:
    if not codes:
        return []
    return sorted(Department.objects.filter(code__in=list(codes or ())).values_list("pk", flat=True))


def _owner(actor: Actor) -> Mapping[str, Any]:
    """Public views belong to whoever brings them in; the system's to an administrator."""
    if actor.user_id is not None:
        return {"user_id": actor.user_id}
    first = (
        User.objects.filter(is_active=True, roles__all_rights=True, roles__deleted_at__isnull=True)
        .order_by("pk")
        .first()
    )
    if first is None:
        raise RuleBroken(_("There is no administrator yet. Create one first."), code="settings.no_administrator")
    return {"user_id": first.pk}


def _model_of(row: CustomObject) -> type[ObjectRecord]:
    """The model of an object, also while the one it belongs to is not registered yet."""
    above: type[models.Model] | None = None
    if row.parent.startswith(f"{APP}."):
        other = CustomObject.objects.filter(key=row.parent.removeprefix(f"{APP}.")).first()
        above = _model_of(other) if other is not None else None
    elif is_registered(row.parent):
        above = entity_of(row.parent).model
    return object_model(row.key, above)


def _object_stored(row: CustomObject, created: bool) -> None:
    """A new object gets its table."""
    if created:
        table_make(row.key)


def _object_goes(row: CustomObject) -> None:
    """An object goes only without records; its table goes with it."""
    if _model_of(row).everything.exists():
        raise RuleBroken(_("It has records. Retire it, or empty it and its trash first."), code="object.filled")
    table_drop(row.key)


def _field_stored(row: CustomField, _created: bool) -> None:
    """A field of a kind nobody knows would break every page that shows it, also before its check is asked."""
    if row.kind not in KINDS:
        raise Invalid(_("There is no kind “%(kind)s”.") % {"kind": row.kind}, code="field.kind", field="kind")


def _options_out(options: Any) -> dict[str, Any]:
    """Options without what is worked out from them when a field is stored."""
    given = dict(options or {})
    worked_out = {"reads", "relations", "paths", "volatile"}
    if "rollup" in given or given.get("result") == "decimal":
        worked_out.add("result")
    return {name: value for name, value in given.items() if name not in worked_out}


def _segment_stored(row: Segment, created: bool) -> None:
    """What a file changed brings nobody in, as in the editor."""
    if not created:
        segments.begin_anew(row.key)


def _segment_goes(row: Segment) -> None:
    """A segment goes only where nothing that stays asks for it."""
    if segments.used_above(row.key):
        raise RuleBroken(code="segment.used")


def _objects_written() -> None:
    objects.sync()
    seeds.grant_new()


def _fields_written() -> None:
    objects.sync()
    watching.install()


DEPARTMENTS = Coded(_codes, _ids)

register_settings(
    SettingsModel(
        key="workspace", label=_("Workspace"), model=Preference, identity=("key",), fields=("value",),
        where={"key__in": ["workspace", "logo", "currency", "fiscal_start", "discretion", "marketing", "second_factor"]}, stamps=("preferences",), order=5,
    ),
    SettingsModel(
        key="departments", label=_("Departments"), model=Department, identity=("code",), fields=("name", "parent", "position"),
        where={"code__gt": "", "deleted_at__isnull": True}, references={"parent": Reference(Department, by="code")}, stays=True, order=3,
    ),
    SettingsModel(
        key="dictionaries", label=_("Dictionaries"), model=Dictionary, identity=("key",), fields=("name_zh", "name_en", "narrowed_by"),
        check=settings_checks.dictionary_check, stamps=("dictionaries", "fields"), order=10,
        children=(
            SettingsModel(
                key="values", label=_("Values"), model=DictionaryValue, identity=("key",), parent="dictionary", retire="active",
                fields=("name_zh", "name_en", "color", "position", "parent_key", "belongs_to", "active", "is_default"),
            ),
        ),
    ),
    SettingsModel(
        key="objects", label=_("Custom objects"), check=settings_checks.object_check, model=CustomObject, identity=("key",), retire="active", stamps=("objects",), order=15,
        after=_object_stored, before_remove=_object_goes, done=_objects_written,
        fields=("path", "name_zh", "name_en", "plural_en", "description_zh", "description_en", "icon", "color", "group", "owned", "parent",
                "options", "position", "active"),
    ),
    SettingsModel(
        key="fields", label=_("Custom fields"), check=settings_checks.field_check, model=CustomField, identity=("entity", "key"), retire="active", stamps=("fields",), order=20, done=_fields_written, after=_field_stored,
        coded={"options": Coded(_options_out, dict, _options_out)},
        fields=("kind", "label_zh", "label_en", "help_zh", "help_en", "required", "dictionary", "target", "personal", "options", "rules",
                "position", "active"),
    ),
    SettingsModel(
        key="field_setups", label=_("Built-in fields"), model=FieldSetup, check=settings_checks.setup_check, identity=("entity", "field"),
        stamps=("fields",), order=22, fields=("label_zh", "label_en", "help_zh", "help_en", "required", "rules"),
    ),
    SettingsModel(
        key="processes", label=_("Processes"), check=settings_checks.process_check, model=Process, identity=("entity", "field"), fields=("definition", "active"),
        stamps=("processes",), order=25,
    ),
    SettingsModel(
        key="numberings", label=_("Numbering"), check=settings_checks.numbering_check, model=Numbering, identity=("entity", "field"),
        fields=("format", "reset", "gap_free", "start"), stamps=("numbering",), order=30,
    ),
    SettingsModel(
        key="roles", label=_("Roles"), check=settings_checks.role_check, model=Role, identity=("key",), stamps=("rights",), order=35,
        fields=("name", "name_en", "description", "all_rights", "features"),
        children=(
            SettingsModel(
                key="rights", label=_("Rights"), model=RoleRight, identity=("entity", "action"), parent="role",
                fields=("scope", "departments"), coded={"departments": DEPARTMENTS},
            ),
            SettingsModel(
                key="levels", label=_("Fields"), model=RoleField, identity=("entity", "field"), parent="role", fields=("level",)
            ),
        ),
    ),
    SettingsModel(
        key="calendars", label=_("Working time"), check=settings_checks.calendar_check, model=WorkCalendar, identity=("key",), stamps=("worktime",), order=40,
        fields=("name_zh", "name_en", "timezone", "pattern", "cycle_start", "based_on", "is_default", "departments"),
        references={"based_on": Reference(WorkCalendar)}, coded={"departments": DEPARTMENTS},
        children=(
            SettingsModel(
                key="days", label=_("Special days"), model=CalendarDay, identity=("day",), parent="calendar",
                fields=("works", "hours", "name_zh", "name_en"),
            ),
        ),
    ),
    SettingsModel(
        key="layouts", label=_("Layouts"), check=settings_checks.layout_check, model=Layout, identity=("entity", "face", "role", "kind"), fields=("definition",),
        stamps=("layouts",), order=45,
    ),
    SettingsModel(
        key="views", label=_("Public views"), check=settings_checks.view_check, model=SavedView, identity=("entity", "name"), fields=("visibility", "definition", "position"),
        where={"visibility": "public"}, defaults=_owner, order=50,
    ),
    SettingsModel(
        key="flows", label=_("Approval flows"), check=settings_checks.flow_check, model=ApprovalFlow, identity=("key",), stamps=("approvals",), retire="active", order=60,
        fields=("name_zh", "name_en", "entity", "action", "condition", "fields", "steps", "free_fields", "options", "position", "active"),
    ),
    SettingsModel(
        key="templates", label=_("Message templates"), check=settings_checks.template_check, model=MessageTemplate, identity=("key",), order=65,
        fields=("name_zh", "name_en", "entity", "channel", "subject_zh", "subject_en", "body_zh", "body_en", "marketing", "position", "active"),
    ),
    SettingsModel(
        key="segments", label=_("Segments"), check=settings_checks.segment_check, model=Segment, identity=("key",),
        stamps=("dictionaries",), order=24, after=_segment_stored, before_remove=_segment_goes, fields=("name_zh", "name_en", "description", "entity", "condition", "position"),
    ),
    SettingsModel(
        key="snippets", label=_("Snippets"), model=Snippet, identity=("key",), order=66, where={"owner": None},
        fields=("name_zh", "name_en", "text_zh", "text_en", "position"),
    ),
    SettingsModel(
        key="rules", label=_("Automation"), check=settings_checks.rule_check, model=AutomationRule, identity=("key",), stamps=("rules",), order=70,
        fields=("name_zh", "name_en", "entity", "trigger", "condition", "formula", "steps", "run_as", "person", "muted_in_imports",
                "per_hour", "position", "active"),
    ),
    SettingsModel(
        key="public_pages", label=_("Public pages"), check=settings_checks.outside_check, model=PublicPage, identity=("key",), order=75, retire="active",
        stamps=("portal",), fields=("kind", "name_zh", "name_en", "about_zh", "about_en", "entity", "definition", "position", "active"),
    ),
    SettingsModel(
        key="portal_views", label=_("Clients’ own pages"), check=settings_checks.outside_check, model=PortalView, identity=("entity", "subject"), order=76, retire="active",
        stamps=("portal",), fields=("path", "name_zh", "name_en", "fields", "create", "preset", "position", "active"),
    ),
    SettingsModel(
        key="retention", label=_("How long records are kept"), model=RetentionRule, check=settings_checks.retention_check, identity=("key",),
        order=77, fields=("name_zh", "name_en", "entity", "condition", "action", "position", "active"),
    ),
    SettingsModel(
        key="workflows", label=_("Workflows"), model=Workflow, check=settings_checks.workflow_check, identity=("key",),
        stamps=("workflows",), retire="active", order=78, fields=("name_zh", "name_en", "entity", "xml", "start", "position", "active"),
    ),
    SettingsModel(
        key="reports", label=_("Reports"), check=settings_checks.report_check, model=Report, identity=("key",), where={"visibility": "public"}, order=80,
        fields=("name_zh", "name_en", "about_zh", "about_en", "visibility", "definition", "position", "group"),
    ),
    SettingsModel(
        key="dashboards", label=_("Dashboards"), check=settings_checks.report_check, model=Dashboard, identity=("key",), where={"visibility": "public"}, order=85,
        fields=("name_zh", "name_en", "about_zh", "about_en", "visibility", "definition", "position", "roles"),
    ),
)  # fmt: skip
