"""How many follow-ups there are by type, owners and day is kept beside them."""

import django.db.models.deletion
import guanxi.core.models.tally
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0033_workspace_days'),
        ('activities', '0004_counted_by_index'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ActivityTally',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=40)),
                ('occurred_at', guanxi.core.models.tally.DayField()),
                ('number', models.BigIntegerField()),
            ],
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='activity',
            trigger=pgtrigger.compiler.Trigger(name='tally_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO activities_activitytally (kind, owner_id, carrier_owner_id, occurred_at, number) SELECT kind, owner_id, carrier_owner_id, core_day(occurred_at), sum(sign) FROM (SELECT kind, owner_id, carrier_owner_id, occurred_at, 1 AS sign FROM new_rows WHERE deleted_at IS NULL) x GROUP BY 1, 2, 3, 4 HAVING sum(sign) <> 0; RETURN NULL;', hash='7415388fd334b4a9a1ed3a1185cf5a7eeec61701', level='STATEMENT', operation='INSERT', pgid='pgtrigger_tally_insert_f237f', referencing='REFERENCING NEW TABLE AS new_rows ', table='activities_activity', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='activity',
            trigger=pgtrigger.compiler.Trigger(name='tally_update', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO activities_activitytally (kind, owner_id, carrier_owner_id, occurred_at, number) SELECT kind, owner_id, carrier_owner_id, core_day(occurred_at), sum(sign) FROM (SELECT kind, owner_id, carrier_owner_id, occurred_at, 1 AS sign FROM new_rows WHERE deleted_at IS NULL UNION ALL SELECT kind, owner_id, carrier_owner_id, occurred_at, -1 AS sign FROM old_rows WHERE deleted_at IS NULL) x GROUP BY 1, 2, 3, 4 HAVING sum(sign) <> 0; RETURN NULL;', hash='7ac6ca3d7d3c918a7ee1050563a38f72367f07e8', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_tally_update_40e99', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='activities_activity', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='activity',
            trigger=pgtrigger.compiler.Trigger(name='tally_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO activities_activitytally (kind, owner_id, carrier_owner_id, occurred_at, number) SELECT kind, owner_id, carrier_owner_id, core_day(occurred_at), sum(sign) FROM (SELECT kind, owner_id, carrier_owner_id, occurred_at, -1 AS sign FROM old_rows WHERE deleted_at IS NULL) x GROUP BY 1, 2, 3, 4 HAVING sum(sign) <> 0; RETURN NULL;', hash='f17820393c9bf02a79fe4a5695432c6b13994fb4', level='STATEMENT', operation='DELETE', pgid='pgtrigger_tally_delete_4fe97', referencing='REFERENCING OLD TABLE AS old_rows ', table='activities_activity', when='AFTER')),
        ),
        migrations.AddField(
            model_name='activitytally',
            name='carrier_owner',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='activitytally',
            name='owner',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='activitytally',
            index=models.Index(fields=['occurred_at'], include=('kind', 'owner', 'carrier_owner', 'number'), name='activity_tally_day'),
        ),
        # The triggers hold writers back until the sums of what is there are in.
        migrations.RunSQL(
            "INSERT INTO activities_activitytally (kind, owner_id, carrier_owner_id, occurred_at, number)"
            " SELECT kind, owner_id, carrier_owner_id, core_day(occurred_at),"
            " count(*) FROM activities_activity WHERE deleted_at IS NULL GROUP BY 1, 2, 3, 4",
            migrations.RunSQL.noop,
        ),
    ]
