"""Users, departments, positions, roles and what they may do; tokens; shares of single records."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel import clock
from guanxi.core.models.audit_triggers import SILENT, audit_triggers
from guanxi.core.models.fields import ChoiceField, TextKindField
from guanxi.core.models.record import LivingManager, Record

SCOPES = [
    ("own", _("own records")),
    ("department", _("the department's records")),
    ("department_below", _("the department's and those below")),
    ("chosen", _("chosen departments")),
    ("all", _("all records")),
]
FIELD_LEVELS = [
    ("hidden", _("hidden")),
    ("masked", _("masked")),
    ("read", _("read only")),
    ("write", _("read and write")),
]
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]


class Department(Record):
    """A node of the organisation tree. ``path`` holds the ids from the root down, for instance ``/1/4/9/``."""

    name = models.CharField(_("name"), max_length=100)
    code = models.CharField(_("code"), max_length=40, blank=True, default="")
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children", verbose_name=_("higher department")
    )
    head = models.ForeignKey(
        "core.User", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("head")
    )
    position = models.PositiveIntegerField(_("order"), default=0)
    path = models.CharField(max_length=400, blank=True, default="", editable=False)

    class Meta(Record.Meta):
        verbose_name = _("department")


class Position(Record):
    """A job title people hold."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    rank = models.PositiveIntegerField(_("rank"), default=0)

    class Meta(Record.Meta):
        verbose_name = _("position")


class Role(Record):
    """A bundle of rights. ``all_rights`` gives every right on every record (administrators)."""

    key = models.SlugField(_("key"), max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=100)
    name_en = models.CharField(_("English name"), max_length=100, blank=True, default="")
    description = models.TextField(_("description"), blank=True, default="")
    all_rights = models.BooleanField(_("all rights"), default=False)
    features = ArrayField(models.CharField(max_length=60), default=list, blank=True, verbose_name=_("features"))

    class Meta(Record.Meta):
        verbose_name = _("role")

    @property
    def spoken(self) -> str:
        """The name in the present language."""
        return self.name_en if self.name_en and not (get_language() or "").startswith("zh") else self.name


class RoleRight(models.Model):
    """One right of a role: an action on an entity, within a scope."""

    id = models.BigAutoField(primary_key=True)
    role = models.ForeignKey(Role, models.CASCADE, related_name="rights")
    entity = models.CharField(max_length=100)
    action = models.CharField(max_length=40)
    scope = models.CharField(max_length=20, choices=SCOPES)
    departments = ArrayField(models.BigIntegerField(), default=list, blank=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["role", "entity", "action"], name="role_right_once")
        ]
        triggers: ClassVar[list[Any]] = audit_triggers()

    def __str__(self) -> str:
        return f"{self.entity}.{self.action}: {self.scope}"


class RoleField(models.Model):
    """What a role may see of one field; several roles add up to the most generous."""

    id = models.BigAutoField(primary_key=True)
    role = models.ForeignKey(Role, models.CASCADE, related_name="fields")
    entity = models.CharField(max_length=100)
    field = models.CharField(max_length=100)
    level = models.CharField(max_length=10, choices=FIELD_LEVELS)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["role", "entity", "field"], name="role_field_once")
        ]
        triggers: ClassVar[list[Any]] = audit_triggers()

    def __str__(self) -> str:
        return f"{self.entity}.{self.field}: {self.level}"


class UserManager(BaseUserManager["User"], LivingManager["User"]):
    """Users that are not in the trash; signing in reads them by login name without regard to case."""

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(username__iexact=username)


class User(AbstractBaseUser, Record):
    """A person who signs in. ``security_stamp`` changes when sessions and tokens must end."""

    username = models.CharField(_("login name"), max_length=150, unique=True)
    email = TextKindField(_("e-mail"), kind="email", max_length=254)
    name = models.CharField(_("name"), max_length=100)
    sort_key = models.CharField(max_length=200, blank=True, default="", editable=False)
    staff_number = models.CharField(_("staff number"), max_length=40, blank=True, default="")
    phone = TextKindField(_("phone"), kind="phone", max_length=40)
    department = models.ForeignKey(
        Department, models.PROTECT, null=True, blank=True, related_name="users", verbose_name=_("department")
    )
    job = models.ForeignKey(
        Position, models.SET_NULL, null=True, blank=True, related_name="users", verbose_name=_("position")
    )
    superior = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="reports", verbose_name=_("superior")
    )
    roles = models.ManyToManyField(Role, blank=True, related_name="users", verbose_name=_("roles"))
    is_active = models.BooleanField(_("active"), default=True)
    language = ChoiceField(_("language"), choices=LANGUAGES, default="zh-hans")
    timezone = models.CharField(_("time zone"), max_length=60, default="Asia/Shanghai")
    theme = ChoiceField(
        _("appearance"),
        choices=[("auto", _("as the system")), ("light", _("light")), ("dark", _("dark"))],
        default="auto",
    )
    preferences = models.JSONField(default=dict, blank=True, editable=False)
    security_stamp = models.PositiveIntegerField(default=1, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["email", "name"]

    class Meta(Record.Meta):
        verbose_name = _("user")
        triggers: ClassVar[list[Any]] = audit_triggers((*SILENT, "preferences"))

    def __str__(self) -> str:
        return self.name or self.username

    @property
    def is_staff(self) -> bool:
        """Django's own admin is not used."""
        return False


class Collaborator(models.Model):
    """A user given read or write on one record, until a day if wanted."""

    id = models.BigAutoField(primary_key=True)
    entity = models.CharField(max_length=100)
    record_id = models.BigIntegerField()
    user = models.ForeignKey(User, models.CASCADE, related_name="shares")
    level = models.CharField(max_length=10, choices=[("read", _("read")), ("write", _("read and write"))])
    until = models.DateField(_("until"), null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["entity", "record_id", "user"], name="collaborator_once")
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["user", "entity"])]
        triggers: ClassVar[list[Any]] = audit_triggers()

    def __str__(self) -> str:
        return f"{self.user}: {self.level}"


class ApiToken(models.Model):
    """A token for programs: the secret is shown once and stored as a hash."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=20), default=list)
    created_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    security_stamp = models.PositiveIntegerField(default=1)

    class Meta:
        triggers: ClassVar[list[Any]] = audit_triggers((*SILENT, "digest", "last_used_at"))

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class OneTimeLink(models.Model):
    """An invitation or password reset: works once, until it expires. The secret is stored as a hash."""

    id = models.BigAutoField(primary_key=True)
    purpose = models.CharField(max_length=20)
    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="+")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.purpose} {self.created_at:%Y-%m-%d}"
