"""What the application's role may not do with the audit, done for it by functions of the owner.

A month's partition is made, and personal values are taken out of entries for an erasure that is in the register; nothing else
changes an entry. A finished seal and a noted look stay as they are as well.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

from guanxi.core.migrations import _audit

FORWARDS = """
DROP FUNCTION guanxi_audit_partition(date);
CREATE FUNCTION guanxi_audit_partition(month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first date := date_trunc('month', month)::date;
    name text := 'core_auditentry_' || to_char(first, 'YYYYMM');
    opens timestamptz := first::timestamp AT TIME ZONE 'UTC';
    closes timestamptz := (first + interval '1 month')::timestamp AT TIME ZONE 'UTC';
    reader record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('guanxi_audit_partition'));
    IF to_regclass('public.' || name) IS NOT NULL THEN
        RETURN false;
    END IF;
    IF EXISTS (SELECT 1 FROM public.core_auditentry_other WHERE at >= opens AND at < closes) THEN
        -- Entries of that month lie in the default partition already: move them, or the new one would be refused.
        LOCK TABLE public.core_auditentry IN ACCESS EXCLUSIVE MODE;
        PERFORM set_config('guanxi.audit_upkeep', 'on', true);
        EXECUTE format('CREATE TABLE public.%I (LIKE public.core_auditentry INCLUDING DEFAULTS INCLUDING IDENTITY)', name);
        EXECUTE format('WITH moved AS (DELETE FROM public.core_auditentry_other WHERE at >= %L AND at < %L RETURNING *)'
                       ' INSERT INTO public.%I OVERRIDING SYSTEM VALUE SELECT * FROM moved', opens, closes, name);
        EXECUTE format('ALTER TABLE public.%I ALTER COLUMN id DROP IDENTITY IF EXISTS', name);
        EXECUTE format('ALTER TABLE public.core_auditentry ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)', name, opens, closes);
        PERFORM set_config('guanxi.audit_upkeep', 'off', true);
    ELSE
        EXECUTE format('CREATE TABLE public.%I PARTITION OF public.core_auditentry FOR VALUES FROM (%L) TO (%L)', name, opens, closes);
    END IF;
    FOR reader IN SELECT pg_get_userbyid(a.grantee) AS role FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.oid = 'public.core_auditentry'::regclass AND a.privilege_type = 'SELECT' AND a.grantee NOT IN (0, c.relowner)
    LOOP
        EXECUTE format('GRANT SELECT ON public.%I TO %I', name, reader.role);
    END LOOP;
    RETURN true;
END $$;

CREATE FUNCTION guanxi_audit_redact(erasure bigint, called text, ids bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('guanxi.audit_upkeep', 'on', true);
    INSERT INTO public.core_auditredaction (entry_id, digest, erasure_id)
    SELECT a.id, encode(sha256(convert_to(json_build_array(a.id, (extract(epoch FROM a.at) * 1000000)::bigint, a.entity,
           a.record_id, a.action, a.changes, a.actor_id, a.actor_name, a.via, a.request_id, a.address, a.operation_id)::text, 'UTF8')), 'hex'),
           erasure
    FROM public.core_auditentry a WHERE a.entity = called AND a.record_id = ANY(ids) ON CONFLICT DO NOTHING;
    UPDATE public.core_auditentry a SET changes = '{}' WHERE a.entity = called AND a.record_id = ANY(ids);
    PERFORM set_config('guanxi.audit_upkeep', 'off', true);
END $$;

-- Upkeep is the owner's: the setting alone opens nothing to a role that may not delete.
CREATE OR REPLACE FUNCTION guanxi_audit_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('guanxi.audit_upkeep', true), '') = 'on' AND has_table_privilege(TG_RELID, 'DELETE') THEN
        IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'TRUNCATE' AND coalesce(current_setting('guanxi.throw_away', true), '') = 'on' THEN RETURN NULL; END IF;
    RAISE EXCEPTION 'entries of the audit cannot be changed or removed' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER seal_keep_finished BEFORE UPDATE ON core_auditseal FOR EACH ROW
    WHEN (OLD.entries IS NOT NULL) EXECUTE FUNCTION guanxi_audit_keep();
CREATE TRIGGER seal_keep_all BEFORE TRUNCATE ON core_auditseal FOR EACH STATEMENT EXECUTE FUNCTION guanxi_audit_keep();
CREATE TRIGGER redaction_keep BEFORE UPDATE OR DELETE ON core_auditredaction FOR EACH ROW EXECUTE FUNCTION guanxi_audit_keep();
CREATE TRIGGER redaction_keep_all BEFORE TRUNCATE ON core_auditredaction FOR EACH STATEMENT EXECUTE FUNCTION guanxi_audit_keep();
CREATE TRIGGER access_keep BEFORE UPDATE OR DELETE ON core_accessentry FOR EACH ROW EXECUTE FUNCTION guanxi_audit_keep();
CREATE TRIGGER access_keep_all BEFORE TRUNCATE ON core_accessentry FOR EACH STATEMENT EXECUTE FUNCTION guanxi_audit_keep();
"""
BACKWARDS = f"""
DROP TRIGGER access_keep_all ON core_accessentry;
DROP TRIGGER access_keep ON core_accessentry;
DROP TRIGGER redaction_keep_all ON core_auditredaction;
DROP TRIGGER redaction_keep ON core_auditredaction;
DROP TRIGGER seal_keep_all ON core_auditseal;
DROP TRIGGER seal_keep_finished ON core_auditseal;
{_audit.KEEP}DROP FUNCTION guanxi_audit_redact(bigint, text, bigint[]);
DROP FUNCTION guanxi_audit_partition(date);
{_audit.PARTITION}"""


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("core", "0033_workspace_days")]

    operations: ClassVar[list[Any]] = [migrations.RunSQL(FORWARDS, BACKWARDS)]
