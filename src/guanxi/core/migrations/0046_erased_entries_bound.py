"""An entry emptied by an erasure is bound to the chain as it stands then: an entry of the audit's own holds the digest of all it emptied."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations, models

#: SQL of the digest of the entry ``a``, as in ``records.sealing``.
_DIGEST = """encode(sha256(convert_to(json_build_array(a.id, (extract(epoch FROM a.at) * 1000000)::bigint, a.entity,
           a.record_id, a.action, a.changes, a.actor_id, a.actor_name, a.via, a.request_id, a.address, a.operation_id)::text, 'UTF8')), 'hex')"""
_ALL = f"encode(sha256(convert_to(string_agg({_DIGEST}, E'\\n' ORDER BY a.id), 'UTF8')), 'hex')"

REDACT = f"""
CREATE OR REPLACE FUNCTION guanxi_audit_redact(erasure bigint, called text, ids bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    context jsonb := coalesce(nullif(current_setting('guanxi.context', true), ''), '{{}}')::jsonb;
    note bigint := nextval(pg_get_serial_sequence('public.core_auditentry', 'id'));
BEGIN
    PERFORM set_config('guanxi.audit_upkeep', 'on', true);
    INSERT INTO public.core_auditredaction (entry_id, digest, erasure_id, noted)
    SELECT a.id, {_DIGEST}, erasure, note
    FROM public.core_auditentry a WHERE a.entity = called AND a.record_id = ANY(ids) ON CONFLICT DO NOTHING;
    IF FOUND THEN
        UPDATE public.core_auditentry a SET changes = '{{}}'
        FROM public.core_auditredaction r WHERE r.entry_id = a.id AND r.noted = note AND a.entity = called AND a.record_id = ANY(ids);
        INSERT INTO public.core_auditentry (id, at, entity, record_id, action, changes, actor_id, actor_name, via, request_id, address, operation_id)
        SELECT note, clock_timestamp(), 'core_auditredaction', erasure, 'create', jsonb_build_object('erased', jsonb_build_array(NULL, {_ALL})),
               (context->>'actor')::bigint, coalesce(context->>'name', ''), coalesce(context->>'via', 'database'),
               coalesce(context->>'request', ''), coalesce(context->>'address', ''), (context->>'operation')::bigint
        FROM public.core_auditredaction r JOIN public.core_auditentry a ON a.id = r.entry_id WHERE r.noted = note;
    END IF;
    PERFORM set_config('guanxi.audit_upkeep', 'off', true);
END $$;
"""
#: What was emptied before is bound as it stands now.
BIND = f"""
DO $$
DECLARE
    note bigint;
BEGIN
    IF EXISTS (SELECT FROM core_auditredaction WHERE noted = 0) THEN
        note := nextval(pg_get_serial_sequence('core_auditentry', 'id'));
        PERFORM set_config('guanxi.audit_upkeep', 'on', true);
        UPDATE core_auditredaction SET noted = note WHERE noted = 0;
        INSERT INTO core_auditentry (id, at, entity, record_id, action, changes, actor_name, via, request_id, address)
        SELECT note, clock_timestamp(), 'core_auditredaction', 0, 'create', jsonb_build_object('erased', jsonb_build_array(NULL, {_ALL})),
               '', 'database', '', ''
        FROM core_auditredaction r JOIN core_auditentry a ON a.id = r.entry_id;
        PERFORM set_config('guanxi.audit_upkeep', 'off', true);
    END IF;
END $$;
"""
UNBOUND = (
    """
CREATE OR REPLACE FUNCTION guanxi_audit_redact(erasure bigint, called text, ids bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('guanxi.audit_upkeep', 'on', true);
    INSERT INTO public.core_auditredaction (entry_id, digest, erasure_id)
    SELECT a.id, """
    + _DIGEST
    + """, erasure
    FROM public.core_auditentry a WHERE a.entity = called AND a.record_id = ANY(ids) ON CONFLICT DO NOTHING;
    UPDATE public.core_auditentry a SET changes = '{}' WHERE a.entity = called AND a.record_id = ANY(ids);
    PERFORM set_config('guanxi.audit_upkeep', 'off', true);
END $$;
"""
)


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("core", "0045_search_pending_of_writers")]

    operations: ClassVar[list[Any]] = [
        migrations.AddField("auditredaction", "noted", models.BigIntegerField(default=0), preserve_default=False),
        migrations.RunSQL(BIND, migrations.RunSQL.noop),
        migrations.RunSQL(REDACT, UNBOUND),
    ]
