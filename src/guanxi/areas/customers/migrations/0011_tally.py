"""How many customers there are by what they are chosen by, owner and month is kept beside them."""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0033_workspace_days'),
        ('customers', '0010_moves_by_rule'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='CustomerTally',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=12)),
                ('level', models.CharField(max_length=20)),
                ('status', models.CharField(max_length=30)),
                ('lifecycle', models.CharField(max_length=30)),
                ('created_at', models.DateField()),
                ('number', models.BigIntegerField()),
            ],
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='customer',
            trigger=pgtrigger.compiler.Trigger(name='tally_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func="INSERT INTO customers_customertally (kind, level, status, lifecycle, owner_id, created_at, number) SELECT kind, level, status, lifecycle, owner_id, date_trunc('month', core_day(created_at)::timestamp)::date, sum(sign) FROM (SELECT kind, level, status, lifecycle, owner_id, created_at, 1 AS sign FROM new_rows WHERE deleted_at IS NULL) x GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(sign) <> 0; RETURN NULL;", hash='243b1166b02ebff645d10abe6e49ee676b0a4952', level='STATEMENT', operation='INSERT', pgid='pgtrigger_tally_insert_06db6', referencing='REFERENCING NEW TABLE AS new_rows ', table='customers_customer', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='customer',
            trigger=pgtrigger.compiler.Trigger(name='tally_update', sql=pgtrigger.compiler.UpsertTriggerSql(func="INSERT INTO customers_customertally (kind, level, status, lifecycle, owner_id, created_at, number) SELECT kind, level, status, lifecycle, owner_id, date_trunc('month', core_day(created_at)::timestamp)::date, sum(sign) FROM (SELECT kind, level, status, lifecycle, owner_id, created_at, 1 AS sign FROM new_rows WHERE deleted_at IS NULL UNION ALL SELECT kind, level, status, lifecycle, owner_id, created_at, -1 AS sign FROM old_rows WHERE deleted_at IS NULL) x GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(sign) <> 0; RETURN NULL;", hash='33802bee7ca65bfc572ed88dbca3b55dbe03f5e1', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_tally_update_8f2cc', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='customers_customer', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='customer',
            trigger=pgtrigger.compiler.Trigger(name='tally_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="INSERT INTO customers_customertally (kind, level, status, lifecycle, owner_id, created_at, number) SELECT kind, level, status, lifecycle, owner_id, date_trunc('month', core_day(created_at)::timestamp)::date, sum(sign) FROM (SELECT kind, level, status, lifecycle, owner_id, created_at, -1 AS sign FROM old_rows WHERE deleted_at IS NULL) x GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(sign) <> 0; RETURN NULL;", hash='701a0245b5428cc979cc90eb6df83c164ecaa3a2', level='STATEMENT', operation='DELETE', pgid='pgtrigger_tally_delete_ab23f', referencing='REFERENCING OLD TABLE AS old_rows ', table='customers_customer', when='AFTER')),
        ),
        migrations.AddField(
            model_name='customertally',
            name='owner',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='customertally',
            index=models.Index(fields=['owner'], name='customer_tally_owner'),
        ),
        # The triggers hold writers back until the sums of what is there are in.
        migrations.RunSQL(
            "INSERT INTO customers_customertally (kind, level, status, lifecycle, owner_id, created_at, number)"
            " SELECT kind, level, status, lifecycle, owner_id, date_trunc('month', core_day(created_at)::timestamp)::date,"
            " count(*) FROM customers_customer WHERE deleted_at IS NULL GROUP BY 1, 2, 3, 4, 5, 6",
            migrations.RunSQL.noop,
        ),
    ]
