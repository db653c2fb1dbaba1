

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.manager
import guanxi.core.kernel.clock
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('activities', '0002_cheaper_audit'),
        ('customers', '0003_derived_dates'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Participant',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=guanxi.core.kernel.clock.now, editable=False, verbose_name='created')),
                ('updated_at', models.DateTimeField(default=guanxi.core.kernel.clock.now, editable=False, verbose_name='changed')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('deleted_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('custom', models.JSONField(blank=True, default=dict)),
                ('tags', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), blank=True, default=list, size=None, verbose_name='tags')),
                ('note', models.CharField(blank=True, default='', max_length=200, verbose_name='note')),
                ('position', models.PositiveIntegerField(default=0, editable=False, verbose_name='position')),
                ('activity', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='participants', to='activities.activity', verbose_name='follow-up')),
                ('carrier_owner', models.ForeignKey(blank=True, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('contact', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='participations', to='customers.contact', verbose_name='contact')),
                ('created_by', models.ForeignKey(blank=True, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='created by')),
                ('deleted_by', models.ForeignKey(blank=True, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('owner', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='owner')),
                ('updated_by', models.ForeignKey(blank=True, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='changed by')),
            ],
            options={
                'verbose_name': 'participant',
                'verbose_name_plural': 'participants',
                'abstract': False,
                'base_manager_name': 'everything',
                'default_manager_name': 'objects',
                'indexes': [models.Index(condition=models.Q(('deleted_at__isnull', True)), fields=['-updated_at', '-id'], name='participant_recent'), models.Index(condition=models.Q(('deleted_at__isnull', False)), fields=['deleted_at'], name='participant_trash'), models.Index(condition=models.Q(('deleted_at__isnull', True)), fields=['owner', '-updated_at', '-id'], name='participant_owner'), models.Index(condition=models.Q(('deleted_at__isnull', True)), fields=['carrier_owner', '-updated_at', '-id'], name='participant_carrier'), models.Index(fields=['activity', 'position'], name='participant_of_activity')],
            },
            managers=[
                ('objects', django.db.models.manager.Manager()),
                ('everything', django.db.models.manager.Manager()),
            ],
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='participant',
            trigger=pgtrigger.compiler.Trigger(name='audit_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n        \nINSERT INTO core_auditentry (at, entity, record_id, action, changes, actor_id, actor_name, via, request_id, address, operation_id)\nSELECT clock_timestamp(), TG_TABLE_NAME, n.id, \'create\', d.changes,\n       (c.context->>\'actor\')::bigint, coalesce(c.context->>\'name\', \'\'), coalesce(c.context->>\'via\', \'database\'),\n       coalesce(c.context->>\'request\', \'\'), coalesce(c.context->>\'address\', \'\'), (c.context->>\'operation\')::bigint\n\n        FROM new_rows n \nCROSS JOIN (SELECT coalesce(nullif(current_setting(\'guanxi.context\', true), \'\'), \'{}\')::jsonb AS context) c\n\n        CROSS JOIN LATERAL (SELECT json_object_agg(k.key, json_build_array(NULL, k.value))::jsonb AS changes\n            FROM json_each(row_to_json(n)) k\n            WHERE k.key NOT IN (\'id\', \'version\', \'created_at\', \'updated_at\', \'created_by_id\', \'updated_by_id\', \'carrier_owner_id\', \'sort_key\', \'password\', \'last_login\') AND k.value::text NOT IN (\'null\', \'""\', \'[]\', \'{}\')) d;\n        RETURN NULL;\n    ', hash='26e1ad12904b837e402d1e28f203854ae062d39c', level='STATEMENT', operation='INSERT', pgid='pgtrigger_audit_insert_0e73c', referencing='REFERENCING NEW TABLE AS new_rows ', table='activities_participant', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='participant',
            trigger=pgtrigger.compiler.Trigger(name='audit_update', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        \nINSERT INTO core_auditentry (at, entity, record_id, action, changes, actor_id, actor_name, via, request_id, address, operation_id)\nSELECT clock_timestamp(), TG_TABLE_NAME, n.id, 'update', d.changes,\n       (c.context->>'actor')::bigint, coalesce(c.context->>'name', ''), coalesce(c.context->>'via', 'database'),\n       coalesce(c.context->>'request', ''), coalesce(c.context->>'address', ''), (c.context->>'operation')::bigint\n\n        FROM new_rows n JOIN old_rows o ON o.id = n.id \nCROSS JOIN (SELECT coalesce(nullif(current_setting('guanxi.context', true), ''), '{}')::jsonb AS context) c\n\n        CROSS JOIN LATERAL (SELECT to_jsonb(o) AS before OFFSET 0) b\n        CROSS JOIN LATERAL (SELECT jsonb_object_agg(k.key, jsonb_build_array(b.before->k.key, k.value)) AS changes\n            FROM jsonb_each(to_jsonb(n)) k\n            WHERE k.key NOT IN ('id', 'version', 'created_at', 'updated_at', 'created_by_id', 'updated_by_id', 'carrier_owner_id', 'sort_key', 'password', 'last_login') AND b.before->k.key IS DISTINCT FROM k.value) d\n        WHERE d.changes IS NOT NULL;\n        RETURN NULL;\n    ", hash='c4b7f4afc1ac50cabf7a21db48c46a5137d8d43f', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_audit_update_f78a7', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='activities_participant', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='participant',
            trigger=pgtrigger.compiler.Trigger(name='audit_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n        \nINSERT INTO core_auditentry (at, entity, record_id, action, changes, actor_id, actor_name, via, request_id, address, operation_id)\nSELECT clock_timestamp(), TG_TABLE_NAME, o.id, \'destroy\', d.changes,\n       (c.context->>\'actor\')::bigint, coalesce(c.context->>\'name\', \'\'), coalesce(c.context->>\'via\', \'database\'),\n       coalesce(c.context->>\'request\', \'\'), coalesce(c.context->>\'address\', \'\'), (c.context->>\'operation\')::bigint\n\n        FROM old_rows o \nCROSS JOIN (SELECT coalesce(nullif(current_setting(\'guanxi.context\', true), \'\'), \'{}\')::jsonb AS context) c\n\n        CROSS JOIN LATERAL (SELECT jsonb_object_agg(k.key, jsonb_build_array(k.value, NULL)) AS changes\n            FROM jsonb_each(to_jsonb(o)) k WHERE k.key NOT IN (\'id\', \'version\', \'created_at\', \'updated_at\', \'created_by_id\', \'updated_by_id\', \'carrier_owner_id\', \'sort_key\', \'password\', \'last_login\') AND k.value NOT IN (\'null\', \'""\', \'[]\', \'{}\')) d;\n        RETURN NULL;\n    ', hash='1c6a88c3f9009994cb9e1b4642fffc4343195d07', level='STATEMENT', operation='DELETE', pgid='pgtrigger_audit_delete_f4b28', referencing='REFERENCING OLD TABLE AS old_rows ', table='activities_participant', when='AFTER')),
        ),
    ]
