"""Where messages come in from outside, and the messages."""

import django.contrib.postgres.fields
import django.db.models.deletion
import guanxi.core.kernel.clock
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


def _as_message(apps, _schema):
    """Rules that waited for a client to write on his own pages wait for a message by that way."""
    rules = apps.get_model("core", "AutomationRule").objects
    for rule in rules.filter(trigger__on="event", trigger__event="message_received"):
        rules.filter(pk=rule.pk).update(trigger={"on": "message", "channels": ["portal"]})


def _as_event(apps, _schema):
    rules = apps.get_model("core", "AutomationRule").objects
    rules.filter(trigger__on="message").update(trigger={"on": "event", "event": "message_received"})


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0036_narrowed_dictionaries'),
    ]

    operations = [
        migrations.CreateModel(
            name='Mailbox',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('channel', models.CharField(default='mail', max_length=10)),
                ('address', models.CharField(blank=True, default='', max_length=254)),
                ('host', models.CharField(blank=True, default='', max_length=253)),
                ('port', models.PositiveIntegerField(default=993)),
                ('security', models.CharField(default='tls', max_length=10)),
                ('username', models.CharField(blank=True, default='', max_length=254)),
                ('secret', models.TextField(blank=True, default='')),
                ('folder', models.CharField(default='INBOX', max_length=200)),
                ('unknown', models.CharField(blank=True, default='', max_length=100)),
                ('replies', models.BooleanField(default=False)),
                ('plus', models.BooleanField(default=False)),
                ('active', models.BooleanField(default=True)),
                ('version', models.PositiveIntegerField(default=1)),
                ('uid_validity', models.BigIntegerField(default=0)),
                ('last_uid', models.BigIntegerField(default=0)),
                ('checked_at', models.DateTimeField(null=True)),
                ('next_at', models.DateTimeField(default=guanxi.core.kernel.clock.now)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('failing_since', models.DateTimeField(null=True)),
                ('error', models.TextField(blank=True, default='')),
            ],
            options={
                'verbose_name': 'mailbox',
                'ordering': ['channel', 'name', 'id'],
            },
        ),
        migrations.AddField(
            model_name='outboundmessage',
            name='automatic',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='outboundmessage',
            name='by',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='snippet',
            name='owner',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='snippets', to=settings.AUTH_USER_MODEL),
        ),
        migrations.CreateModel(
            name='InboundMessage',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('channel', models.CharField(default='mail', max_length=10)),
                ('external_id', models.CharField(max_length=255)),
                ('sender', models.CharField(max_length=254)),
                ('sender_name', models.CharField(blank=True, default='', max_length=200)),
                ('to', models.TextField(blank=True, default='')),
                ('subject', models.CharField(blank=True, default='', max_length=300)),
                ('body', models.TextField(blank=True, default='')),
                ('html', models.TextField(blank=True, default='')),
                ('automatic', models.BooleanField(default=False)),
                ('note', models.CharField(blank=True, default='', max_length=300)),
                ('files', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), blank=True, default=list, size=None)),
                ('at', models.DateTimeField()),
                ('created_at', models.DateTimeField(default=guanxi.core.kernel.clock.now)),
                ('state', models.CharField(default='new', max_length=10)),
                ('entity', models.CharField(blank=True, default='', max_length=100)),
                ('record_id', models.BigIntegerField(null=True)),
                ('person_entity', models.CharField(blank=True, default='', max_length=100)),
                ('person_id', models.BigIntegerField(null=True)),
                ('answered_at', models.DateTimeField(null=True)),
                ('answers', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='answers', to='core.outboundmessage')),
            ],
            options={
                'verbose_name': 'message',
            },
        ),
        migrations.AddField(
            model_name='outboundmessage',
            name='reply_to',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='replies', to='core.inboundmessage'),
        ),
        migrations.AddField(
            model_name='rulerun',
            name='heard',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='runs', to='core.inboundmessage'),
        ),
        migrations.AddField(
            model_name='mailbox',
            name='keeper',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='inboundmessage',
            name='mailbox',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='messages', to='core.mailbox'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='mailbox',
            trigger=pgtrigger.compiler.Trigger(name='audit_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n        \nINSERT INTO core_auditentry (at, entity, record_id, action, changes, actor_id, actor_name, via, request_id, address, operation_id)\nSELECT clock_timestamp(), TG_TABLE_NAME, n.id, \'create\', d.changes,\n       (c.context->>\'actor\')::bigint, coalesce(c.context->>\'name\', \'\'), coalesce(c.context->>\'via\', \'database\'),\n       coalesce(c.context->>\'request\', \'\'), coalesce(c.context->>\'address\', \'\'), (c.context->>\'operation\')::bigint\n\n        FROM new_rows n \nCROSS JOIN (SELECT coalesce(nullif(current_setting(\'guanxi.context\', true), \'\'), \'{}\')::jsonb AS context) c\n\n        CROSS JOIN LATERAL (SELECT json_object_agg(k.key, json_build_array(NULL, k.value))::jsonb AS changes\n            FROM json_each(row_to_json(n)) k\n            WHERE k.key NOT IN (\'id\', \'version\', \'created_at\', \'updated_at\', \'created_by_id\', \'updated_by_id\', \'carrier_owner_id\', \'sort_key\', \'password\', \'last_login\', \'secret\', \'uid_validity\', \'last_uid\', \'checked_at\', \'next_at\', \'failures\', \'failing_since\', \'error\') AND k.value::text NOT IN (\'null\', \'""\', \'[]\', \'{}\')) d;\n        RETURN NULL;\n    ', hash='62faf02c6f384691c89de63e4caf92b5f989ee1d', level='STATEMENT', operation='INSERT', pgid='pgtrigger_audit_insert_d0467', referencing='REFERENCING NEW TABLE AS new_rows ', table='core_mailbox', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='mailbox',
            trigger=pgtrigger.compiler.Trigger(name='audit_update', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        \nINSERT INTO core_auditentry (at, entity, record_id, action, changes, actor_id, actor_name, via, request_id, address, operation_id)\nSELECT clock_timestamp(), TG_TABLE_NAME, n.id, 'update', d.changes,\n       (c.context->>'actor')::bigint, coalesce(c.context->>'name', ''), coalesce(c.context->>'via', 'database'),\n       coalesce(c.context->>'request', ''), coalesce(c.context->>'address', ''), (c.context->>'operation')::bigint\n\n        FROM new_rows n JOIN old_rows o ON o.id = n.id \nCROSS JOIN (SELECT coalesce(nullif(current_setting('guanxi.context', true), ''), '{}')::jsonb AS context) c\n\n        CROSS JOIN LATERAL (SELECT to_jsonb(o) AS before OFFSET 0) b\n        CROSS JOIN LATERAL (SELECT jsonb_object_agg(k.key, jsonb_build_array(b.before->k.key, k.value)) AS changes\n            FROM jsonb_each(to_jsonb(n)) k\n            WHERE k.key NOT IN ('id', 'version', 'created_at', 'updated_at', 'created_by_id', 'updated_by_id', 'carrier_owner_id', 'sort_key', 'password', 'last_login', 'secret', 'uid_validity', 'last_uid', 'checked_at', 'next_at', 'failures', 'failing_since', 'error') AND b.before->k.key IS DISTINCT FROM k.value) d\n        WHERE d.changes IS NOT NULL;\n        RETURN NULL;\n    ", hash='4e028bdbd5521d07d0ff4a0f4393c5a1aa49d7fb', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_audit_update_da352', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='core_mailbox', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='mailbox',
            trigger=pgtrigger.compiler.Trigger(name='audit_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n        \nINSERT INTO core_auditentry (at, entity, record_id, action, changes, actor_id, actor_name, via, request_id, address, operation_id)\nSELECT clock_timestamp(), TG_TABLE_NAME, o.id, \'destroy\', d.changes,\n       (c.context->>\'actor\')::bigint, coalesce(c.context->>\'name\', \'\'), coalesce(c.context->>\'via\', \'database\'),\n       coalesce(c.context->>\'request\', \'\'), coalesce(c.context->>\'address\', \'\'), (c.context->>\'operation\')::bigint\n\n        FROM old_rows o \nCROSS JOIN (SELECT coalesce(nullif(current_setting(\'guanxi.context\', true), \'\'), \'{}\')::jsonb AS context) c\n\n        CROSS JOIN LATERAL (SELECT jsonb_object_agg(k.key, jsonb_build_array(k.value, NULL)) AS changes\n            FROM jsonb_each(to_jsonb(o)) k WHERE k.key NOT IN (\'id\', \'version\', \'created_at\', \'updated_at\', \'created_by_id\', \'updated_by_id\', \'carrier_owner_id\', \'sort_key\', \'password\', \'last_login\', \'secret\', \'uid_validity\', \'last_uid\', \'checked_at\', \'next_at\', \'failures\', \'failing_since\', \'error\') AND k.value NOT IN (\'null\', \'""\', \'[]\', \'{}\')) d;\n        RETURN NULL;\n    ', hash='749d014b1931711a802b6bbdf7cb929cf86ddb0a', level='STATEMENT', operation='DELETE', pgid='pgtrigger_audit_delete_c25f4', referencing='REFERENCING OLD TABLE AS old_rows ', table='core_mailbox', when='AFTER')),
        ),
        migrations.AddIndex(
            model_name='inboundmessage',
            index=models.Index(fields=['entity', 'record_id', '-at', '-id'], name='inbound_record'),
        ),
        migrations.AddIndex(
            model_name='inboundmessage',
            index=models.Index(fields=['person_entity', 'person_id', '-at', '-id'], name='inbound_person'),
        ),
        migrations.AddIndex(
            model_name='inboundmessage',
            index=models.Index(condition=models.Q(('state', 'new')), fields=['-at', '-id'], name='inbound_new'),
        ),
        migrations.AddConstraint(
            model_name='inboundmessage',
            constraint=models.UniqueConstraint(fields=('channel', 'external_id'), name='inbound_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='inboundmessage',
            trigger=pgtrigger.compiler.Trigger(name='audit_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n        \nINSERT INTO core_auditentry (at, entity, record_id, action, changes, actor_id, actor_name, via, request_id, address, operation_id)\nSELECT clock_timestamp(), TG_TABLE_NAME, n.id, \'create\', d.changes,\n       (c.context->>\'actor\')::bigint, coalesce(c.context->>\'name\', \'\'), coalesce(c.context->>\'via\', \'database\'),\n       coalesce(c.context->>\'request\', \'\'), coalesce(c.context->>\'address\', \'\'), (c.context->>\'operation\')::bigint\n\n        FROM new_rows n \nCROSS JOIN (SELECT coalesce(nullif(current_setting(\'guanxi.context\', true), \'\'), \'{}\')::jsonb AS context) c\n\n        CROSS JOIN LATERAL (SELECT json_object_agg(k.key, json_build_array(NULL, k.value))::jsonb AS changes\n            FROM json_each(row_to_json(n)) k\n            WHERE k.key NOT IN (\'id\', \'version\', \'created_at\', \'updated_at\', \'created_by_id\', \'updated_by_id\', \'carrier_owner_id\', \'sort_key\', \'password\', \'last_login\', \'body\', \'html\') AND k.value::text NOT IN (\'null\', \'""\', \'[]\', \'{}\')) d;\n        RETURN NULL;\n    ', hash='dbba5ebf397d25787b340f5e108040594be47a32', level='STATEMENT', operation='INSERT', pgid='pgtrigger_audit_insert_31ae3', referencing='REFERENCING NEW TABLE AS new_rows ', table='core_inboundmessage', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='inboundmessage',
            trigger=pgtrigger.compiler.Trigger(name='audit_update', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        \nINSERT INTO core_auditentry (at, entity, record_id, action, changes, actor_id, actor_name, via, request_id, address, operation_id)\nSELECT clock_timestamp(), TG_TABLE_NAME, n.id, 'update', d.changes,\n       (c.context->>'actor')::bigint, coalesce(c.context->>'name', ''), coalesce(c.context->>'via', 'database'),\n       coalesce(c.context->>'request', ''), coalesce(c.context->>'address', ''), (c.context->>'operation')::bigint\n\n        FROM new_rows n JOIN old_rows o ON o.id = n.id \nCROSS JOIN (SELECT coalesce(nullif(current_setting('guanxi.context', true), ''), '{}')::jsonb AS context) c\n\n        CROSS JOIN LATERAL (SELECT to_jsonb(o) AS before OFFSET 0) b\n        CROSS JOIN LATERAL (SELECT jsonb_object_agg(k.key, jsonb_build_array(b.before->k.key, k.value)) AS changes\n            FROM jsonb_each(to_jsonb(n)) k\n            WHERE k.key NOT IN ('id', 'version', 'created_at', 'updated_at', 'created_by_id', 'updated_by_id', 'carrier_owner_id', 'sort_key', 'password', 'last_login', 'body', 'html') AND b.before->k.key IS DISTINCT FROM k.value) d\n        WHERE d.changes IS NOT NULL;\n        RETURN NULL;\n    ", hash='f90aff9702f7d8d7fe12d168b2bf9f1f8dda1d73', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_audit_update_035e1', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='core_inboundmessage', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='inboundmessage',
            trigger=pgtrigger.compiler.Trigger(name='audit_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n        \nINSERT INTO core_auditentry (at, entity, record_id, action, changes, actor_id, actor_name, via, request_id, address, operation_id)\nSELECT clock_timestamp(), TG_TABLE_NAME, o.id, \'destroy\', d.changes,\n       (c.context->>\'actor\')::bigint, coalesce(c.context->>\'name\', \'\'), coalesce(c.context->>\'via\', \'database\'),\n       coalesce(c.context->>\'request\', \'\'), coalesce(c.context->>\'address\', \'\'), (c.context->>\'operation\')::bigint\n\n        FROM old_rows o \nCROSS JOIN (SELECT coalesce(nullif(current_setting(\'guanxi.context\', true), \'\'), \'{}\')::jsonb AS context) c\n\n        CROSS JOIN LATERAL (SELECT jsonb_object_agg(k.key, jsonb_build_array(k.value, NULL)) AS changes\n            FROM jsonb_each(to_jsonb(o)) k WHERE k.key NOT IN (\'id\', \'version\', \'created_at\', \'updated_at\', \'created_by_id\', \'updated_by_id\', \'carrier_owner_id\', \'sort_key\', \'password\', \'last_login\', \'body\', \'html\') AND k.value NOT IN (\'null\', \'""\', \'[]\', \'{}\')) d;\n        RETURN NULL;\n    ', hash='fbb08552ca5aebf79a2f888ca50d5517e5c580ba', level='STATEMENT', operation='DELETE', pgid='pgtrigger_audit_delete_adf6b', referencing='REFERENCING OLD TABLE AS old_rows ', table='core_inboundmessage', when='AFTER')),
        ),
        migrations.RunPython(_as_message, _as_event),
    ]
