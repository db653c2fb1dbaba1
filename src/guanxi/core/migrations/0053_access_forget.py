"""Addresses of clients leave the access log for an erasure in the register: a door of the owner, who alone may change the log."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

FORGET = r"""
CREATE FUNCTION guanxi_access_forget(erasure bigint, addresses text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.core_erasure WHERE id = erasure) THEN
        PERFORM public.guanxi_door_refuse('erasure ' || coalesce(erasure::text, 'unknown'));
    END IF;
    PERFORM set_config('guanxi.audit_upkeep', 'on', true);
    UPDATE public.core_accessentry SET actor_name = '', details = details - 'email',
           address = CASE WHEN actor_name = ANY(addresses) THEN '' ELSE address END
    WHERE sort IN ('sign_in', 'sign_in_failed') AND details->>'realm' = 'client'
      AND (actor_name = ANY(addresses) OR details->>'email' = ANY(addresses));
    PERFORM set_config('guanxi.audit_upkeep', 'off', true);
END $$;
"""


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("core", "0052_messages_to_colleagues")]

    operations: ClassVar[list[Any]] = [
        migrations.RunSQL(FORGET, "DROP FUNCTION guanxi_access_forget(bigint, text[])"),
    ]
