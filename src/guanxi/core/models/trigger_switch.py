"""Triggers that nobody who merely works here can talk out of their work.

``pgtrigger.ignore``, a setting of the session, tells triggers to keep silent. Those of the audit listen to it only where
who signed in to the database may change the audit anyway (the owner, who loads and tells the demo's story), and where a
calculation is audited as one (``reckoned`` on a model). Each trigger's function looks for tables in our schema first, for a
temporary one of the same name would otherwise take what is meant for the real one.

django-pgtrigger's own question catches the error of a setting that does not exist, and so opens a subtransaction for each
row of each trigger: 11 µs instead of 4.5. Each of its migrations puts its functions back, hence the signal.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import connections

_QUICK = r"""
CREATE OR REPLACE FUNCTION "public"._pgtrigger_should_ignore(trigger_name NAME) RETURNS BOOLEAN AS $$
    SELECT coalesce(trigger_name = ANY(nullif(current_setting('pgtrigger.ignore', true), '')::text[]), false)
       AND (trigger_name NOT LIKE 'pgtrigger\_audit\_%%' OR trigger_name = ANY({reckoned}::text[])
            OR has_table_privilege(session_user, 'public.core_auditentry', 'DELETE'))
$$ LANGUAGE sql STABLE
"""
_LOOSE = """
SELECT oid::regprocedure::text FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND prorettype = 'trigger'::regtype AND NOT prosecdef
  AND NOT EXISTS (SELECT FROM unnest(proconfig) c WHERE c LIKE 'search\\_path=%')
"""


def quicken(using: str, **_given: Any) -> None:
    """Put our function in the place of the library's, and fix where those of triggers look (a receiver of ``post_migrate``)."""
    connection = connections[using]
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regproc('public._pgtrigger_should_ignore') IS NOT NULL")
        if cursor.fetchone()[0]:
            names = "{" + ",".join(_reckoned()) + "}"
            cursor.execute(_QUICK.replace("{reckoned}", "%s"), [names])
        cursor.execute(_LOOSE)
        for (function,) in cursor.fetchall():
            cursor.execute(f"ALTER FUNCTION {function} SET search_path = public, pg_temp")


def _reckoned() -> Iterator[str]:
    for model in apps.get_models():
        if getattr(model, "reckoned", False):
            triggers: list[Any] = getattr(model._meta, "triggers", [])
            yield from (one.get_pgid(model) for one in triggers if one.name.startswith("audit_"))
