"""Bring the database to the state of the code: one at a time, said when it was interrupted half-way."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
from django.db import connection
from django.db.migrations.exceptions import InconsistentMigrationHistory
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from guanxi.core.management.commands import migrate as quick_migrate
from guanxi.core.models import FieldIndex
from guanxi.core.records import seeds, tallies
from guanxi.core.shaping import indexes
from guanxi.runtime import external, roles
from guanxi.runtime.environment import Environment
from guanxi.runtime.failpoints import reach
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

_LOCK = 0x67756E7869
_NAMED = 12
_HALF_DONE = (
    psycopg.errors.DuplicateTable,
    psycopg.errors.DuplicateColumn,
    psycopg.errors.DuplicateObject,
    psycopg.errors.DuplicateFunction,
    psycopg.errors.DuplicateSchema,
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedObject,
)


class _Command(quick_migrate.Command):
    """Django's command, telling each step and noting in the database which one is being applied."""

    requires_system_checks: list[Any] = []  # noqa: RUF012 - Django's own form

    def __init__(self, settings: Environment, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._settings = settings
        self._tell = tell
        self.current = ""
        self.expected = 0
        self.applied = 0

    def migration_progress_callback(self, action: str, migration: Any = None, fake: bool = False) -> None:  # noqa: ARG002
        """Called by Django before and after each migration."""
        if action == "apply_start":
            self.current = f"{migration.app_label}.{migration.name}"
            external.record(self._settings, "migrating", self.current)
            if self.expected <= _NAMED:
                self._tell(f"  {self.current}")
        elif action == "apply_success":
            self.applied += 1
            external.record(self._settings, "migrating", "")
            self.current = ""
            reach("migrate.after_one")


@contextlib.contextmanager
def _alone(settings: Environment, tell: Callable[[str], None]) -> Iterator[None]:
    """Hold the advisory lock of migrations, waiting for another process that holds it."""
    with psycopg.connect(settings.owner_url, autocommit=True) as own:
        row = own.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
        if row is None or not row[0]:
            tell(_("Another process is changing the database; waiting for it …"))
            own.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        yield


def missing() -> list[str]:
    """Names of the migrations that are not applied, in the order they would be."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]


def known() -> set[str]:
    """Names of all migrations of this release, those they replace included; no database is asked."""
    loader = MigrationLoader(None)
    replaced = {old for migration in loader.disk_migrations.values() for old in migration.replaces}
    return {f"{app}.{name}" for app, name in set(loader.disk_migrations) | replaced}


def apply(settings: Environment, tell: Callable[[str], None]) -> int:
    """Apply all missing migrations and enter the base data they bring; returns the number of migrations.

    Raises ``Trouble`` when one fails, was applied half-way before, or when the database belongs to a newer release. What was applied
    before the one that failed is taken back too, so the release that worked on the database goes on with it.
    """
    with _alone(settings, tell):
        code = external.fingerprint()  # of what is applied now, even if the code is replaced meanwhile
        interrupted = external.recorded(settings, "migrating")
        try:
            _refuse_newer()
            expected = missing()
        except InconsistentMigrationHistory as error:
            raise Trouble(
                _("The record of migrations contradicts itself: %(reason)s Restore the last backup.")
                % {"reason": error}
            ) from None
        changing = external.may_change(settings)
        if expected and not changing:
            raise Trouble(
                _(
                    "The database is not up to date, and the application's role may not change it. Run first, with the "
                    "owner's address: GUANXI_OWNER_DATABASE_URL=… guanxi migrate"
                )
            )
        if expected:
            tell(_("Bringing the database up to date (%(number)s migrations)") % {"number": len(expected)})
        command = _Command(settings, tell)
        command.expected = len(expected)
        before = set(MigrationRecorder(connection).applied_migrations())
        try:
            if changing:
                command.handle(**_options())
        except Exception as error:
            told = _explained(command.current, error, interrupted)
            raise Trouble(f"{told}{_taken_back(settings, before, tell)}") from error
        external.record(settings, "migrating", "")
        seeds.load()
        tallies.keep_zone()
        external.record(settings, "zone", settings.time_zone)
        external.record(settings, "migrations", code)
        if changing:
            _indexes(tell)
        return command.applied


def _taken_back(settings: Environment, before: set[tuple[str, str]], tell: Callable[[str], None]) -> str:
    """Take back what this upgrade applied to a database that was in use; a sentence about it, empty when there is nothing to say."""
    executor = MigrationExecutor(connection)
    new = set(executor.loader.applied_migrations) - before
    if not before or not new:
        return ""
    tell(_("Taking back %(number)s migrations …") % {"number": len(new)})
    try:
        executor.migrate(
            [target for app in sorted({app for app, _name in new}) for target in _left(executor, app, before)]
        )
        external.record(settings, "migrating", "")
        roles.divide(settings)
    except Exception as error:  # noqa: BLE001 - the first fault is the one to tell; this says only where the database stands
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        return " " + _("%(number)s applied before it could not be taken back: %(reason)s. Restore the last backup.") % {
            "number": len(new), "reason": reason,
        }  # fmt: skip
    return " " + _(
        "%(number)s applied before it were taken back too: the former release goes on with the database."
    ) % {"number": len(new)}


def _left(executor: MigrationExecutor, app: str, before: set[tuple[str, str]]) -> list[tuple[str, str | None]]:
    """The newest migrations of an app that were applied before; ``None`` for an app that is new."""
    graph, kept = executor.loader.graph, {key for key in before if key[0] == app}
    last = [
        key for key in kept if key in graph.nodes and not any(one.key in kept for one in graph.node_map[key].children)
    ]
    return sorted(last) if last else [(app, None)]


def _indexes(tell: Callable[[str], None]) -> None:
    """Make the indexes of custom fields that wait for who may: workers need not know the owner's address."""
    for found in FieldIndex.objects.exclude(state="ready"):
        try:
            indexes.build(found)
        except psycopg.Error as error:
            reason = str(error).strip().partition("\n")[0]
            tell(_("The index of %(field)s could not be made: %(reason)s") % {"field": found.field, "reason": reason})


def mark_done(name: str) -> None:
    """Record ``app.name`` as applied without running it. Raises ``Trouble`` when there is no such migration."""
    app, _dot, migration = name.partition(".")
    if (app, migration) not in MigrationLoader(connection).disk_migrations:
        raise Trouble(_("There is no migration called %(name)s.") % {"name": name})
    MigrationRecorder(connection).record_applied(app, migration)


def _options() -> dict[str, Any]:
    return {
        "app_label": None,
        "migration_name": None,
        "database": "default",
        "interactive": False,
        "fake": False,
        "fake_initial": False,
        "plan": False,
        "check_unapplied": False,
        "run_syncdb": False,
        "prune": False,
        "skip_checks": True,
        "verbosity": 0,
    }


def _refuse_newer() -> None:
    loader = MigrationLoader(connection)
    loader.check_consistent_history(connection)
    known = set(loader.disk_migrations)
    replaced = {old for migration in loader.disk_migrations.values() for old in migration.replaces}
    unknown = [
        key for key in loader.applied_migrations if key[0] in loader.migrated_apps and key not in known | replaced
    ]
    if unknown:
        raise Trouble(
            _(
                "The database was used by a newer release (migration %(name)s). "
                "Start that release, or restore a backup made before it."
            )
            % {"name": ".".join(sorted(unknown)[0])}
        )


def _explained(current: str, error: Exception, interrupted: str) -> Trouble:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    if isinstance(error.__cause__, psycopg.errors.DiskFull):
        return Trouble(_("The disk of the database is full. Make room and start again."))
    if interrupted == current or isinstance(error.__cause__, _HALF_DONE):
        return Trouble(
            _(
                "The migration %(name)s was applied half-way before: %(reason)s. Restore the last backup; or, when you "
                "have made sure that all its steps are done, run: guanxi migrate --done %(name)s"
            )
            % {"name": current or "?", "reason": reason}
        )
    return Trouble(
        _("The migration %(name)s failed and was taken back: %(reason)s. The database is as it was before it.")
        % {"name": current or "?", "reason": reason}
    )
