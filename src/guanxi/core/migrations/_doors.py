"""The doors: what the application's role may change of the shape of the database, each by a function of the owner.

A door takes keys and names, never a statement, builds the one statement it is for, and refuses everything about the audit.
Tables are named with their schema and ``search_path`` is fixed, so that no temporary table of the caller takes their place.
"""

#: Helpers; they run with the rights of who calls them.
HELPERS = r"""
CREATE FUNCTION guanxi_door_refuse(what text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'not through this door: %', what USING ERRCODE = 'insufficient_privilege';
END $$;

-- A table of ours that is none of the audit's.
CREATE FUNCTION guanxi_door_table(called text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF called ~ '^core_(audit|accessentry)' OR NOT EXISTS (
        SELECT FROM pg_class c WHERE c.relname = called AND c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')) THEN
        PERFORM public.guanxi_door_refuse(called);
    END IF;
END $$;

-- Who may add to custom objects may work with what a door made.
CREATE FUNCTION guanxi_door_grant(rights text, sort text, called text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    reader record;
BEGIN
    FOR reader IN SELECT pg_get_userbyid(a.grantee) AS role FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.oid = 'public.core_customobject'::regclass AND a.privilege_type = 'INSERT' AND a.grantee NOT IN (0, c.relowner)
    LOOP
        EXECUTE format('GRANT %s ON %s public.%I TO %I', rights, sort, called, reader.role);
    END LOOP;
END $$;

-- A field of the row called so: {"column": name} or {"custom": key}; as it is stored, and as the number of a record.
CREATE FUNCTION guanxi_door_value(field jsonb, row_name text) RETURNS text LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(row_name || '.', '') || CASE WHEN field ? 'custom' THEN format('custom->%L', field->>'custom') ELSE format('%I', field->>'column') END
$$;
CREATE FUNCTION guanxi_door_number(field jsonb, row_name text) RETURNS text LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN field ? 'custom' THEN format('(%s.custom->>%L)::bigint', row_name, field->>'custom')
                ELSE format('%s.%I', row_name, field->>'column') END
$$;
"""

#: The audit of custom objects, one function for all of their tables; then making and dropping such a table.
OBJECTS = r"""
CREATE OR REPLACE FUNCTION guanxi_audit_object() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    context jsonb := coalesce(nullif(current_setting('guanxi.context', true), ''), '{}')::jsonb;
    quiet text[] := ARRAY['id', 'version', 'created_at', 'updated_at', 'created_by_id', 'updated_by_id', 'carrier_owner_id',
                          'sort_key', 'password', 'last_login'];
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.core_auditentry (at, entity, record_id, action, changes, actor_id, actor_name, via, request_id, address, operation_id)
        SELECT clock_timestamp(), TG_TABLE_NAME, n.id, 'create',
               (SELECT json_object_agg(k.key, json_build_array(NULL, k.value))::jsonb FROM json_each(row_to_json(n)) k
                WHERE k.key <> ALL(quiet) AND k.value::text NOT IN ('null', '""', '[]', '{}')),
               (context->>'actor')::bigint, coalesce(context->>'name', ''), coalesce(context->>'via', 'database'),
               coalesce(context->>'request', ''), coalesce(context->>'address', ''), (context->>'operation')::bigint
        FROM new_rows n;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO public.core_auditentry (at, entity, record_id, action, changes, actor_id, actor_name, via, request_id, address, operation_id)
        SELECT clock_timestamp(), TG_TABLE_NAME, n.id, 'update', d.changes,
               (context->>'actor')::bigint, coalesce(context->>'name', ''), coalesce(context->>'via', 'database'),
               coalesce(context->>'request', ''), coalesce(context->>'address', ''), (context->>'operation')::bigint
        FROM new_rows n JOIN old_rows o ON o.id = n.id
        CROSS JOIN LATERAL (SELECT to_jsonb(o) AS before OFFSET 0) b
        CROSS JOIN LATERAL (SELECT jsonb_object_agg(k.key, jsonb_build_array(b.before->k.key, k.value)) AS changes
            FROM jsonb_each(to_jsonb(n)) k WHERE k.key <> ALL(quiet) AND b.before->k.key IS DISTINCT FROM k.value) d
        WHERE d.changes IS NOT NULL;
    ELSE
        INSERT INTO public.core_auditentry (at, entity, record_id, action, changes, actor_id, actor_name, via, request_id, address, operation_id)
        SELECT clock_timestamp(), TG_TABLE_NAME, o.id, 'destroy',
               (SELECT jsonb_object_agg(k.key, jsonb_build_array(k.value, NULL)) FROM jsonb_each(to_jsonb(o)) k
                WHERE k.key <> ALL(quiet) AND k.value NOT IN ('null', '""', '[]', '{}')),
               (context->>'actor')::bigint, coalesce(context->>'name', ''), coalesce(context->>'via', 'database'),
               coalesce(context->>'request', ''), coalesce(context->>'address', ''), (context->>'operation')::bigint
        FROM old_rows o;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION guanxi_door_object_make(key text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    called text := 'core_object_' || key;
    counter text := called || '_id_seq';
BEGIN
    IF key !~ '^[a-zA-Z0-9_-]{1,40}$' THEN
        PERFORM public.guanxi_door_refuse(key);
    END IF;
    EXECUTE format('CREATE SEQUENCE public.%I', counter);
    EXECUTE format('CREATE TABLE public.%I PARTITION OF public.core_objectrecord FOR VALUES IN (%L)', called, key);
    EXECUTE format('ALTER TABLE public.%I ALTER COLUMN id SET DEFAULT nextval(%L), ALTER COLUMN object SET DEFAULT %L',
                   called, format('public.%I', counter), key);
    EXECUTE format('ALTER SEQUENCE public.%I OWNED BY public.%I.id', counter, called);
    EXECUTE format('CREATE UNIQUE INDEX ON public.%I (id)', called);
    EXECUTE format('CREATE TRIGGER pgtrigger_audit_insert AFTER INSERT ON public.%I REFERENCING NEW TABLE AS new_rows'
                   ' FOR EACH STATEMENT EXECUTE FUNCTION public.guanxi_audit_object()', called);
    EXECUTE format('CREATE TRIGGER pgtrigger_audit_update AFTER UPDATE ON public.%I REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows'
                   ' FOR EACH STATEMENT EXECUTE FUNCTION public.guanxi_audit_object()', called);
    EXECUTE format('CREATE TRIGGER pgtrigger_audit_delete AFTER DELETE ON public.%I REFERENCING OLD TABLE AS old_rows'
                   ' FOR EACH STATEMENT EXECUTE FUNCTION public.guanxi_audit_object()', called);
    PERFORM public.guanxi_door_grant('SELECT, INSERT, UPDATE, DELETE', 'TABLE', called);
    PERFORM public.guanxi_door_grant('USAGE, SELECT', 'SEQUENCE', counter);
END $$;

-- Only an empty table goes: records are deleted first, which the audit notes.
CREATE FUNCTION guanxi_door_object_drop(key text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    called text := 'core_object_' || key;
    filled boolean;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                   WHERE i.inhparent = 'public.core_objectrecord'::regclass AND c.relname = called) THEN
        RETURN;
    END IF;
    EXECUTE format('LOCK TABLE public.%I IN ACCESS EXCLUSIVE MODE', called);
    EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', called) INTO filled;
    IF filled THEN
        PERFORM public.guanxi_door_refuse(called || ' holds records');
    END IF;
    EXECUTE format('DROP TABLE public.%I CASCADE', called);
END $$;
"""

#: What was made of a custom field goes: an index, its values apart with what keeps them, what the planner was told of them.
UNINDEX = r"""
CREATE OR REPLACE FUNCTION guanxi_door_unindex(index text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF index !~ '^gx_' THEN
        PERFORM public.guanxi_door_refuse(index);
    ELSIF index ~ '^gx_at_' THEN
        EXECUTE format('DROP FUNCTION IF EXISTS public.%I() CASCADE', index);
        EXECUTE format('DROP TABLE IF EXISTS public.%I', index);
    ELSIF index ~ '^gx_st_' THEN
        EXECUTE format('DROP STATISTICS IF EXISTS public.%I', index);
    ELSE
        EXECUTE format('DROP INDEX IF EXISTS public.%I', index);
    END IF;
END $$;
"""

#: Unique indexes of custom fields, numbers, the zone of days, figures about an import's rows.
FIELDS = r"""
-- ``fields``: the custom field that is to hold each value once, then those it does so together with.
CREATE FUNCTION guanxi_door_unique(called text, index text, fields jsonb) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM public.guanxi_door_table(called);
    IF index !~ '^gx_uq_' THEN
        PERFORM public.guanxi_door_refuse(index);
    END IF;
    EXECUTE format('CREATE UNIQUE INDEX %I ON public.%I (%s) WHERE deleted_at IS NULL AND custom ? %L', index, called,
        (SELECT string_agg('(' || public.guanxi_door_value(f.value, NULL) || ')', ', ' ORDER BY f.ordinality)
         FROM jsonb_array_elements(fields) WITH ORDINALITY f), fields->0->>'custom');
END $$;

CREATE FUNCTION guanxi_door_number_make(counter text, first bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF counter !~ '^guanxi_number_[0-9]+_[a-z0-9]+$' THEN
        PERFORM public.guanxi_door_refuse(counter);
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext(counter));
    IF to_regclass(format('public.%I', counter)) IS NULL THEN
        EXECUTE format('CREATE SEQUENCE public.%I START %s', counter, first);
        PERFORM public.guanxi_door_grant('USAGE, SELECT, UPDATE', 'SEQUENCE', counter);
    END IF;
END $$;

CREATE FUNCTION guanxi_door_zone(zone text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM now() AT TIME ZONE zone;
    EXECUTE format('CREATE OR REPLACE FUNCTION public.core_zone() RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN %L', zone);
END $$;

CREATE FUNCTION guanxi_door_analyze_import() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    ANALYZE public.core_importrow;
END $$;
"""

#: Sets the time zone of the workspace's days. What PostgreSQL has planned and keeps holds the zone as it was; it is planned anew
#: where the function it was written with, that of the day, is made again.
ZONE = r"""
CREATE OR REPLACE FUNCTION guanxi_door_zone(zone text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM now() AT TIME ZONE zone;
    EXECUTE format('CREATE OR REPLACE FUNCTION public.core_zone() RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN %L', zone);
    CREATE OR REPLACE FUNCTION public.core_day(at timestamptz) RETURNS date LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (at AT TIME ZONE public.core_zone())::date;
END $$;
"""

#: Triggers that note which records' derived values are due.
DUE = r"""
-- The numbers of records that are due from the rows called so.
CREATE FUNCTION guanxi_door_due_select(watch jsonb, given text) RETURNS text LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    step record;
    joins text := '';
    last text := 'e';
BEGIN
    IF watch ? 'watched' THEN
        FOR step IN SELECT value, ordinality AS n FROM jsonb_array_elements(watch->'steps') WITH ORDINALITY ORDER BY 2 LOOP
            joins := joins || format(' JOIN public.%I t%s ON t%s.id = %s', step.value->>'table', step.n, step.n,
                                     public.guanxi_door_number(step.value, last));
            last := 't' || step.n;
        END LOOP;
        RETURN format('SELECT e.id FROM public.%I e%s JOIN %s n ON n.id = %s JOIN old_rows o ON o.id = n.id WHERE %s IS DISTINCT FROM %s',
                      watch->>'table', joins, given, public.guanxi_door_number(watch->'reference', last),
                      public.guanxi_door_value(watch->'watched', 'n'), public.guanxi_door_value(watch->'watched', 'o'));
    ELSIF (watch->>'many')::boolean THEN
        RETURN format('SELECT v.value::bigint FROM %s r CROSS JOIN LATERAL jsonb_array_elements_text(coalesce(r.custom->%L, ''[]'')) v',
                      given, watch->'reference'->>'custom');
    END IF;
    RETURN format('SELECT %s FROM %s r', public.guanxi_door_number(watch->'reference', 'r'), given);
END $$;
"""
INSTALL = r"""
-- All triggers there are to be: [{"table", "verb", "watches": [{"entity", "reference", "many" | "table", "steps", "watched"}]}].
CREATE OR REPLACE FUNCTION guanxi_door_due(wanted jsonb) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one record;
    body text;
    called text;
    referencing text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('guanxi_due'));
    FOR one IN SELECT c.relname AS tab, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE t.tgname IN ('guanxi_due_insert', 'guanxi_due_update', 'guanxi_due_delete') AND NOT EXISTS (
            SELECT FROM jsonb_array_elements(wanted) w WHERE w->>'table' = c.relname AND 'guanxi_due_' || (w->>'verb') = t.tgname)
    LOOP
        EXECUTE format('DROP TRIGGER %I ON public.%I', one.tgname, one.tab);
    END LOOP;
    FOR one IN SELECT w->>'table' AS tab, w->>'verb' AS verb, w->'watches' AS watches FROM jsonb_array_elements(wanted) w LOOP
        PERFORM public.guanxi_door_table(one.tab);
        referencing := CASE one.verb WHEN 'insert' THEN 'NEW TABLE AS new_rows' WHEN 'delete' THEN 'OLD TABLE AS old_rows'
                                     WHEN 'update' THEN 'OLD TABLE AS old_rows NEW TABLE AS new_rows' END;
        IF referencing IS NULL THEN
            PERFORM public.guanxi_door_refuse(one.verb);
        END IF;
        SELECT string_agg(format('INSERT INTO public.core_due (entity, record_id, transaction)'
                   ' SELECT DISTINCT %L, d.id, pg_current_xact_id()::text::bigint FROM (%s) AS d (id) WHERE d.id IS NOT NULL;',
                   x.watch->>'entity', x.selects), ' ' ORDER BY x.n) INTO body
        FROM (SELECT w.value AS watch, w.ordinality AS n,
                     (SELECT string_agg(public.guanxi_door_due_select(w.value, g.given), ' UNION ' ORDER BY g.given DESC)
                      FROM unnest(ARRAY['new_rows', 'old_rows']) g (given)
                      WHERE CASE WHEN w.value ? 'watched' THEN g.given = 'new_rows' ELSE position(g.given IN referencing) > 0 END) AS selects
              FROM jsonb_array_elements(one.watches) WITH ORDINALITY w) x;
        -- A name longer than 63 would lose the verb, and the last one of a table take the place of the others.
        called := format('guanxi_due_%s_%s', CASE WHEN length(one.tab) > 45 THEN left(one.tab, 36) || '_' || left(md5(one.tab), 8)
                                                  ELSE one.tab END, one.verb);
        EXECUTE format('CREATE OR REPLACE FUNCTION public.%I() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS %L',
                       called, 'BEGIN ' || body || ' RETURN NULL; END');
        EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER %s ON public.%I REFERENCING %s FOR EACH STATEMENT EXECUTE FUNCTION public.%I()',
                       'guanxi_due_' || one.verb, upper(one.verb), one.tab, referencing, called);
    END LOOP;
END $$;
"""

FORWARDS = HELPERS + OBJECTS + UNINDEX + FIELDS + DUE + INSTALL
#: What records of custom objects are audited by stays where it is in use.
BACKWARDS = """
DROP FUNCTION guanxi_door_due(jsonb);
DROP FUNCTION guanxi_door_due_select(jsonb, text);
DROP FUNCTION guanxi_door_analyze_import();
DROP FUNCTION guanxi_door_zone(text);
DROP FUNCTION guanxi_door_number_make(text, bigint);
DROP FUNCTION guanxi_door_unique(text, text, jsonb);
DROP FUNCTION guanxi_door_unindex(text);
DROP FUNCTION guanxi_door_object_drop(text);
DROP FUNCTION guanxi_door_object_make(text);
DROP FUNCTION guanxi_door_number(jsonb, text);
DROP FUNCTION guanxi_door_value(jsonb, text);
DROP FUNCTION guanxi_door_grant(text, text, text);
DROP FUNCTION guanxi_door_table(text);
DROP FUNCTION guanxi_door_refuse(text);
"""
