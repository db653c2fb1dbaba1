

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('customers', '0002_cheaper_audit'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='contact',
            name='audit_delete',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='contact',
            name='audit_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='contact',
            name='audit_update',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='customer',
            name='audit_delete',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='customer',
            name='audit_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='customer',
            name='audit_update',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='contact',
            trigger=pgtrigger.compiler.Trigger(name='audit_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n        \nINSERT INTO core_auditentry (at, entity, record_id, action, changes, actor_id, actor_name, via, request_id, address, operation_id)\nSELECT clock_timestamp(), TG_TABLE_NAME, n.id, \'create\', d.changes,\n       (c.context->>\'actor\')::bigint, coalesce(c.context->>\'name\', \'\'), coalesce(c.context->>\'via\', \'database\'),\n       coalesce(c.context->>\'request\', \'\'), coalesce(c.context->>\'address\', \'\'), (c.context->>\'operation\')::bigint\n\n        FROM new_rows n \nCROSS JOIN (SELECT coalesce(nullif(current_setting(\'guanxi.context\', true), \'\'), \'{}\')::jsonb AS context) c\n\n        CROSS JOIN LATERAL (SELECT json_object_agg(k.key, json_build_array(NULL, k.value))::jsonb AS changes\n            FROM json_each(row_to_json(n)) k\n            WHERE k.key NOT IN (\'id\', \'version\', \'created_at\', \'updated_at\', \'created_by_id\', \'updated_by_id\', \'carrier_owner_id\', \'sort_key\', \'password\', \'last_login\', \'birthday_key\', \'first_contact_at\', \'last_contact_at\', \'next_plan_at\') AND k.value::text NOT IN (\'null\', \'""\', \'[]\', \'{}\')) d;\n        RETURN NULL;\n    ', hash='6d4b7d701cb0fffc93e2a90c60c6a6f80eeae98c', level='STATEMENT', operation='INSERT', pgid='pgtrigger_audit_insert_641c2', referencing='REFERENCING NEW TABLE AS new_rows ', table='customers_contact', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='contact',
            trigger=pgtrigger.compiler.Trigger(name='audit_update', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        \nINSERT INTO core_auditentry (at, entity, record_id, action, changes, actor_id, actor_name, via, request_id, address, operation_id)\nSELECT clock_timestamp(), TG_TABLE_NAME, n.id, 'update', d.changes,\n       (c.context->>'actor')::bigint, coalesce(c.context->>'name', ''), coalesce(c.context->>'via', 'database'),\n       coalesce(c.context->>'request', ''), coalesce(c.context->>'address', ''), (c.context->>'operation')::bigint\n\n        FROM new_rows n JOIN old_rows o ON o.id = n.id \nCROSS JOIN (SELECT coalesce(nullif(current_setting('guanxi.context', true), ''), '{}')::jsonb AS context) c\n\n        CROSS JOIN LATERAL (SELECT to_jsonb(o) AS before OFFSET 0) b\n        CROSS JOIN LATERAL (SELECT jsonb_object_agg(k.key, jsonb_build_array(b.before->k.key, k.value)) AS changes\n            FROM jsonb_each(to_jsonb(n)) k\n            WHERE k.key NOT IN ('id', 'version', 'created_at', 'updated_at', 'created_by_id', 'updated_by_id', 'carrier_owner_id', 'sort_key', 'password', 'last_login', 'birthday_key', 'first_contact_at', 'last_contact_at', 'next_plan_at') AND b.before->k.key IS DISTINCT FROM k.value) d\n        WHERE d.changes IS NOT NULL;\n        RETURN NULL;\n    ", hash='11beb6e4a6f709354ba6c9011da4a63769c92eb3', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_audit_update_4e42c', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='customers_contact', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='contact',
            trigger=pgtrigger.compiler.Trigger(name='audit_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n        \nINSERT INTO core_auditentry (at, entity, record_id, action, changes, actor_id, actor_name, via, request_id, address, operation_id)\nSELECT clock_timestamp(), TG_TABLE_NAME, o.id, \'destroy\', d.changes,\n       (c.context->>\'actor\')::bigint, coalesce(c.context->>\'name\', \'\'), coalesce(c.context->>\'via\', \'database\'),\n       coalesce(c.context->>\'request\', \'\'), coalesce(c.context->>\'address\', \'\'), (c.context->>\'operation\')::bigint\n\n        FROM old_rows o \nCROSS JOIN (SELECT coalesce(nullif(current_setting(\'guanxi.context\', true), \'\'), \'{}\')::jsonb AS context) c\n\n        CROSS JOIN LATERAL (SELECT jsonb_object_agg(k.key, jsonb_build_array(k.value, NULL)) AS changes\n            FROM jsonb_each(to_jsonb(o)) k WHERE k.key NOT IN (\'id\', \'version\', \'created_at\', \'updated_at\', \'created_by_id\', \'updated_by_id\', \'carrier_owner_id\', \'sort_key\', \'password\', \'last_login\', \'birthday_key\', \'first_contact_at\', \'last_contact_at\', \'next_plan_at\') AND k.value NOT IN (\'null\', \'""\', \'[]\', \'{}\')) d;\n        RETURN NULL;\n    ', hash='d7e1a95c7e33d8dc3a0560d8626ff7dea3763557', level='STATEMENT', operation='DELETE', pgid='pgtrigger_audit_delete_c8f06', referencing='REFERENCING OLD TABLE AS old_rows ', table='customers_contact', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='customer',
            trigger=pgtrigger.compiler.Trigger(name='audit_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n        \nINSERT INTO core_auditentry (at, entity, record_id, action, changes, actor_id, actor_name, via, request_id, address, operation_id)\nSELECT clock_timestamp(), TG_TABLE_NAME, n.id, \'create\', d.changes,\n       (c.context->>\'actor\')::bigint, coalesce(c.context->>\'name\', \'\'), coalesce(c.context->>\'via\', \'database\'),\n       coalesce(c.context->>\'request\', \'\'), coalesce(c.context->>\'address\', \'\'), (c.context->>\'operation\')::bigint\n\n        FROM new_rows n \nCROSS JOIN (SELECT coalesce(nullif(current_setting(\'guanxi.context\', true), \'\'), \'{}\')::jsonb AS context) c\n\n        CROSS JOIN LATERAL (SELECT json_object_agg(k.key, json_build_array(NULL, k.value))::jsonb AS changes\n            FROM json_each(row_to_json(n)) k\n            WHERE k.key NOT IN (\'id\', \'version\', \'created_at\', \'updated_at\', \'created_by_id\', \'updated_by_id\', \'carrier_owner_id\', \'sort_key\', \'password\', \'last_login\', \'path\', \'birthday_key\', \'first_contact_at\', \'last_contact_at\', \'next_plan_at\') AND k.value::text NOT IN (\'null\', \'""\', \'[]\', \'{}\')) d;\n        RETURN NULL;\n    ', hash='694ff649f291f9b5cb2ff614abdd4f456998b6f9', level='STATEMENT', operation='INSERT', pgid='pgtrigger_audit_insert_3b84b', referencing='REFERENCING NEW TABLE AS new_rows ', table='customers_customer', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='customer',
            trigger=pgtrigger.compiler.Trigger(name='audit_update', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        \nINSERT INTO core_auditentry (at, entity, record_id, action, changes, actor_id, actor_name, via, request_id, address, operation_id)\nSELECT clock_timestamp(), TG_TABLE_NAME, n.id, 'update', d.changes,\n       (c.context->>'actor')::bigint, coalesce(c.context->>'name', ''), coalesce(c.context->>'via', 'database'),\n       coalesce(c.context->>'request', ''), coalesce(c.context->>'address', ''), (c.context->>'operation')::bigint\n\n        FROM new_rows n JOIN old_rows o ON o.id = n.id \nCROSS JOIN (SELECT coalesce(nullif(current_setting('guanxi.context', true), ''), '{}')::jsonb AS context) c\n\n        CROSS JOIN LATERAL (SELECT to_jsonb(o) AS before OFFSET 0) b\n        CROSS JOIN LATERAL (SELECT jsonb_object_agg(k.key, jsonb_build_array(b.before->k.key, k.value)) AS changes\n            FROM jsonb_each(to_jsonb(n)) k\n            WHERE k.key NOT IN ('id', 'version', 'created_at', 'updated_at', 'created_by_id', 'updated_by_id', 'carrier_owner_id', 'sort_key', 'password', 'last_login', 'path', 'birthday_key', 'first_contact_at', 'last_contact_at', 'next_plan_at') AND b.before->k.key IS DISTINCT FROM k.value) d\n        WHERE d.changes IS NOT NULL;\n        RETURN NULL;\n    ", hash='5e7b0e12244c5b9d84767f631db39ca99f031930', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_audit_update_747e2', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='customers_customer', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='customer',
            trigger=pgtrigger.compiler.Trigger(name='audit_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n        \nINSERT INTO core_auditentry (at, entity, record_id, action, changes, actor_id, actor_name, via, request_id, address, operation_id)\nSELECT clock_timestamp(), TG_TABLE_NAME, o.id, \'destroy\', d.changes,\n       (c.context->>\'actor\')::bigint, coalesce(c.context->>\'name\', \'\'), coalesce(c.context->>\'via\', \'database\'),\n       coalesce(c.context->>\'request\', \'\'), coalesce(c.context->>\'address\', \'\'), (c.context->>\'operation\')::bigint\n\n        FROM old_rows o \nCROSS JOIN (SELECT coalesce(nullif(current_setting(\'guanxi.context\', true), \'\'), \'{}\')::jsonb AS context) c\n\n        CROSS JOIN LATERAL (SELECT jsonb_object_agg(k.key, jsonb_build_array(k.value, NULL)) AS changes\n            FROM jsonb_each(to_jsonb(o)) k WHERE k.key NOT IN (\'id\', \'version\', \'created_at\', \'updated_at\', \'created_by_id\', \'updated_by_id\', \'carrier_owner_id\', \'sort_key\', \'password\', \'last_login\', \'path\', \'birthday_key\', \'first_contact_at\', \'last_contact_at\', \'next_plan_at\') AND k.value NOT IN (\'null\', \'""\', \'[]\', \'{}\')) d;\n        RETURN NULL;\n    ', hash='d9cce669279ef895c84cd2b695ad38363d9ffef3', level='STATEMENT', operation='DELETE', pgid='pgtrigger_audit_delete_f7d71', referencing='REFERENCING OLD TABLE AS old_rows ', table='customers_customer', when='AFTER')),
        ),
    ]
