"""Erasures, the digests that stand for what they took out of the audit, and seals over digests instead of texts."""

import hashlib
from typing import Any, ClassVar

import django.db.models.deletion
import guanxi.core.kernel.clock
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


_DIGESTS = """
SELECT encode(sha256(convert_to(json_build_array(id, (extract(epoch FROM at) * 1000000)::bigint, entity, record_id, action, changes,
       actor_id, actor_name, via, request_id, address, operation_id)::text, 'UTF8')), 'hex')
FROM core_auditentry WHERE id > %s AND id <= %s ORDER BY id
"""


def seal_again(_apps: Any, editor: Any) -> None:
    """Make the chain anew: a seal stands on the digests of its entries now, so that one can outlive its values."""
    before, last = "", 0
    with editor.connection.cursor() as cursor:
        cursor.execute("SELECT id, last_entry FROM core_auditseal WHERE entries IS NOT NULL ORDER BY id")
        for number, until in cursor.fetchall():
            made = hashlib.sha256(before.encode())
            cursor.execute(_DIGESTS, [last, until])
            for (digest,) in cursor:
                made.update(b"\n" + digest.encode())
            before, last = made.hexdigest(), until
            cursor.execute("UPDATE core_auditseal SET digest = %s WHERE id = %s", [before, number])


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("core", "0016_push_devices")]

    operations: ClassVar[list[Any]] = [
        migrations.CreateModel(
            name='Erasure',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=32, unique=True)),
                ('entity', models.CharField(max_length=100)),
                ('record_id', models.BigIntegerField()),
                ('born_at', models.DateTimeField()),
                ('reason', models.CharField(max_length=300, verbose_name='reason')),
                ('at', models.DateTimeField(default=guanxi.core.kernel.clock.now)),
                ('actor_id', models.BigIntegerField(null=True)),
                ('actor_name', models.CharField(blank=True, default='', max_length=150)),
                ('counts', models.JSONField(default=dict)),
            ],
        ),
        migrations.CreateModel(
            name='AuditRedaction',
            fields=[
                ('entry_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('digest', models.CharField(max_length=64)),
                ('erasure', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='redactions', to='core.erasure')),
            ],
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='erasure',
            trigger=pgtrigger.compiler.Trigger(name='audit_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n        \nINSERT INTO core_auditentry (at, entity, record_id, action, changes, actor_id, actor_name, via, request_id, address, operation_id)\nSELECT clock_timestamp(), TG_TABLE_NAME, n.id, \'create\', d.changes,\n       (c.context->>\'actor\')::bigint, coalesce(c.context->>\'name\', \'\'), coalesce(c.context->>\'via\', \'database\'),\n       coalesce(c.context->>\'request\', \'\'), coalesce(c.context->>\'address\', \'\'), (c.context->>\'operation\')::bigint\n\n        FROM new_rows n \nCROSS JOIN (SELECT coalesce(nullif(current_setting(\'guanxi.context\', true), \'\'), \'{}\')::jsonb AS context) c\n\n        CROSS JOIN LATERAL (SELECT json_object_agg(k.key, json_build_array(NULL, k.value))::jsonb AS changes\n            FROM json_each(row_to_json(n)) k\n            WHERE k.key NOT IN (\'id\', \'version\', \'created_at\', \'updated_at\', \'created_by_id\', \'updated_by_id\', \'carrier_owner_id\', \'sort_key\', \'password\', \'last_login\') AND k.value::text NOT IN (\'null\', \'""\', \'[]\', \'{}\')) d;\n        RETURN NULL;\n    ', hash='851db721133e503d1b174596241d485869998632', level='STATEMENT', operation='INSERT', pgid='pgtrigger_audit_insert_453c5', referencing='REFERENCING NEW TABLE AS new_rows ', table='core_erasure', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='erasure',
            trigger=pgtrigger.compiler.Trigger(name='audit_update', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        \nINSERT INTO core_auditentry (at, entity, record_id, action, changes, actor_id, actor_name, via, request_id, address, operation_id)\nSELECT clock_timestamp(), TG_TABLE_NAME, n.id, 'update', d.changes,\n       (c.context->>'actor')::bigint, coalesce(c.context->>'name', ''), coalesce(c.context->>'via', 'database'),\n       coalesce(c.context->>'request', ''), coalesce(c.context->>'address', ''), (c.context->>'operation')::bigint\n\n        FROM new_rows n JOIN old_rows o ON o.id = n.id \nCROSS JOIN (SELECT coalesce(nullif(current_setting('guanxi.context', true), ''), '{}')::jsonb AS context) c\n\n        CROSS JOIN LATERAL (SELECT to_jsonb(o) AS before OFFSET 0) b\n        CROSS JOIN LATERAL (SELECT jsonb_object_agg(k.key, jsonb_build_array(b.before->k.key, k.value)) AS changes\n            FROM jsonb_each(to_jsonb(n)) k\n            WHERE k.key NOT IN ('id', 'version', 'created_at', 'updated_at', 'created_by_id', 'updated_by_id', 'carrier_owner_id', 'sort_key', 'password', 'last_login') AND b.before->k.key IS DISTINCT FROM k.value) d\n        WHERE d.changes IS NOT NULL;\n        RETURN NULL;\n    ", hash='7ddb756af2d88624e2a907e8d0e6d687bca29b28', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_audit_update_97328', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='core_erasure', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='erasure',
            trigger=pgtrigger.compiler.Trigger(name='audit_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n        \nINSERT INTO core_auditentry (at, entity, record_id, action, changes, actor_id, actor_name, via, request_id, address, operation_id)\nSELECT clock_timestamp(), TG_TABLE_NAME, o.id, \'destroy\', d.changes,\n       (c.context->>\'actor\')::bigint, coalesce(c.context->>\'name\', \'\'), coalesce(c.context->>\'via\', \'database\'),\n       coalesce(c.context->>\'request\', \'\'), coalesce(c.context->>\'address\', \'\'), (c.context->>\'operation\')::bigint\n\n        FROM old_rows o \nCROSS JOIN (SELECT coalesce(nullif(current_setting(\'guanxi.context\', true), \'\'), \'{}\')::jsonb AS context) c\n\n        CROSS JOIN LATERAL (SELECT jsonb_object_agg(k.key, jsonb_build_array(k.value, NULL)) AS changes\n            FROM jsonb_each(to_jsonb(o)) k WHERE k.key NOT IN (\'id\', \'version\', \'created_at\', \'updated_at\', \'created_by_id\', \'updated_by_id\', \'carrier_owner_id\', \'sort_key\', \'password\', \'last_login\') AND k.value NOT IN (\'null\', \'""\', \'[]\', \'{}\')) d;\n        RETURN NULL;\n    ', hash='334a5b66810295e5224d9f4ec100b380a924e502', level='STATEMENT', operation='DELETE', pgid='pgtrigger_audit_delete_f1b97', referencing='REFERENCING OLD TABLE AS old_rows ', table='core_erasure', when='AFTER')),
        ),
        migrations.RunPython(seal_again, migrations.RunPython.noop),
    ]
