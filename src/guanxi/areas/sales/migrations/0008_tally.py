"""How many opportunities there are, and of what value, is kept beside them."""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sales', '0007_counted_by_index'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='OpportunityTally',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('category', models.CharField(max_length=10)),
                ('close_on', models.DateField(null=True)),
                ('number', models.BigIntegerField()),
                ('value', models.DecimalField(decimal_places=2, max_digits=24)),
                ('weighted', models.DecimalField(decimal_places=2, max_digits=24)),
            ],
        ),
        migrations.AddField(
            model_name='opportunitytally',
            name='carrier_owner',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='opportunitytally',
            name='owner',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='opportunitytally',
            name='pipeline',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='sales.pipeline'),
        ),
        migrations.AddField(
            model_name='opportunitytally',
            name='stage',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='sales.stage'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='opportunity',
            trigger=pgtrigger.compiler.Trigger(name='tally_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func="INSERT INTO sales_opportunitytally (pipeline_id, stage_id, category, owner_id, carrier_owner_id, close_on, number, value, weighted) SELECT pipeline_id, stage_id, category, owner_id, carrier_owner_id, date_trunc('month', close_on::timestamp)::date, sum(sign), sum(coalesce(value, 0) * sign), sum(coalesce(weighted, 0) * sign) FROM (SELECT pipeline_id, stage_id, category, owner_id, carrier_owner_id, close_on, value, weighted, 1 AS sign FROM new_rows WHERE deleted_at IS NULL) x GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(sign) <> 0 OR sum(coalesce(value, 0) * sign) <> 0 OR sum(coalesce(weighted, 0) * sign) <> 0; RETURN NULL;", hash='4fd4ea03cfb9942fb26cb4dd75e38c942cc808a6', level='STATEMENT', operation='INSERT', pgid='pgtrigger_tally_insert_887f9', referencing='REFERENCING NEW TABLE AS new_rows ', table='sales_opportunity', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='opportunity',
            trigger=pgtrigger.compiler.Trigger(name='tally_update', sql=pgtrigger.compiler.UpsertTriggerSql(func="INSERT INTO sales_opportunitytally (pipeline_id, stage_id, category, owner_id, carrier_owner_id, close_on, number, value, weighted) SELECT pipeline_id, stage_id, category, owner_id, carrier_owner_id, date_trunc('month', close_on::timestamp)::date, sum(sign), sum(coalesce(value, 0) * sign), sum(coalesce(weighted, 0) * sign) FROM (SELECT pipeline_id, stage_id, category, owner_id, carrier_owner_id, close_on, value, weighted, 1 AS sign FROM new_rows WHERE deleted_at IS NULL UNION ALL SELECT pipeline_id, stage_id, category, owner_id, carrier_owner_id, close_on, value, weighted, -1 AS sign FROM old_rows WHERE deleted_at IS NULL) x GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(sign) <> 0 OR sum(coalesce(value, 0) * sign) <> 0 OR sum(coalesce(weighted, 0) * sign) <> 0; RETURN NULL;", hash='06c39dacbfd89fcc83d5627ef7089db8b26024b6', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_tally_update_fa79a', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='sales_opportunity', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='opportunity',
            trigger=pgtrigger.compiler.Trigger(name='tally_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="INSERT INTO sales_opportunitytally (pipeline_id, stage_id, category, owner_id, carrier_owner_id, close_on, number, value, weighted) SELECT pipeline_id, stage_id, category, owner_id, carrier_owner_id, date_trunc('month', close_on::timestamp)::date, sum(sign), sum(coalesce(value, 0) * sign), sum(coalesce(weighted, 0) * sign) FROM (SELECT pipeline_id, stage_id, category, owner_id, carrier_owner_id, close_on, value, weighted, -1 AS sign FROM old_rows WHERE deleted_at IS NULL) x GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(sign) <> 0 OR sum(coalesce(value, 0) * sign) <> 0 OR sum(coalesce(weighted, 0) * sign) <> 0; RETURN NULL;", hash='214a8c8155d538034fbe93f2e049cc383fd28575', level='STATEMENT', operation='DELETE', pgid='pgtrigger_tally_delete_d521f', referencing='REFERENCING OLD TABLE AS old_rows ', table='sales_opportunity', when='AFTER')),
        ),
        # The triggers hold writers back until the sums of what is there are in.
        migrations.RunSQL(
            "INSERT INTO sales_opportunitytally (pipeline_id, stage_id, category, owner_id, carrier_owner_id, close_on, number, value, weighted)"
            " SELECT pipeline_id, stage_id, category, owner_id, carrier_owner_id, date_trunc('month', close_on::timestamp)::date, count(*),"
            " sum(coalesce(value, 0)), sum(coalesce(weighted, 0)) FROM sales_opportunity WHERE deleted_at IS NULL GROUP BY 1, 2, 3, 4, 5, 6",
            migrations.RunSQL.noop,
        ),
    ]
