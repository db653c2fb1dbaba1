"""Sums beside opportunities go by forecast and month of the close too."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0033_workspace_days'),
        ('sales', '0009_segment_of_rule'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='opportunity',
            name='tally_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='opportunity',
            name='tally_update',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='opportunity',
            name='tally_delete',
        ),
        migrations.AddField(
            model_name='opportunitytally',
            name='closed_at',
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name='opportunitytally',
            name='forecast',
            field=models.CharField(default='', max_length=20),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='opportunity',
            trigger=pgtrigger.compiler.Trigger(name='tally_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func="INSERT INTO sales_opportunitytally (pipeline_id, stage_id, category, forecast, owner_id, carrier_owner_id, close_on, closed_at, number, value, weighted) SELECT pipeline_id, stage_id, category, forecast, owner_id, carrier_owner_id, date_trunc('month', close_on::timestamp)::date, date_trunc('month', core_day(closed_at)::timestamp)::date, sum(sign), sum(coalesce(value, 0) * sign), sum(coalesce(weighted, 0) * sign) FROM (SELECT pipeline_id, stage_id, category, forecast, owner_id, carrier_owner_id, close_on, closed_at, value, weighted, 1 AS sign FROM new_rows WHERE deleted_at IS NULL) x GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 HAVING sum(sign) <> 0 OR sum(coalesce(value, 0) * sign) <> 0 OR sum(coalesce(weighted, 0) * sign) <> 0; RETURN NULL;", hash='7aa84bb667f7c77eedee2ffb244dd71ad53a762d', level='STATEMENT', operation='INSERT', pgid='pgtrigger_tally_insert_887f9', referencing='REFERENCING NEW TABLE AS new_rows ', table='sales_opportunity', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='opportunity',
            trigger=pgtrigger.compiler.Trigger(name='tally_update', sql=pgtrigger.compiler.UpsertTriggerSql(func="INSERT INTO sales_opportunitytally (pipeline_id, stage_id, category, forecast, owner_id, carrier_owner_id, close_on, closed_at, number, value, weighted) SELECT pipeline_id, stage_id, category, forecast, owner_id, carrier_owner_id, date_trunc('month', close_on::timestamp)::date, date_trunc('month', core_day(closed_at)::timestamp)::date, sum(sign), sum(coalesce(value, 0) * sign), sum(coalesce(weighted, 0) * sign) FROM (SELECT pipeline_id, stage_id, category, forecast, owner_id, carrier_owner_id, close_on, closed_at, value, weighted, 1 AS sign FROM new_rows WHERE deleted_at IS NULL UNION ALL SELECT pipeline_id, stage_id, category, forecast, owner_id, carrier_owner_id, close_on, closed_at, value, weighted, -1 AS sign FROM old_rows WHERE deleted_at IS NULL) x GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 HAVING sum(sign) <> 0 OR sum(coalesce(value, 0) * sign) <> 0 OR sum(coalesce(weighted, 0) * sign) <> 0; RETURN NULL;", hash='93a75e2e85fa7517c5e895afef06d0cfb21ec570', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_tally_update_fa79a', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='sales_opportunity', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='opportunity',
            trigger=pgtrigger.compiler.Trigger(name='tally_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="INSERT INTO sales_opportunitytally (pipeline_id, stage_id, category, forecast, owner_id, carrier_owner_id, close_on, closed_at, number, value, weighted) SELECT pipeline_id, stage_id, category, forecast, owner_id, carrier_owner_id, date_trunc('month', close_on::timestamp)::date, date_trunc('month', core_day(closed_at)::timestamp)::date, sum(sign), sum(coalesce(value, 0) * sign), sum(coalesce(weighted, 0) * sign) FROM (SELECT pipeline_id, stage_id, category, forecast, owner_id, carrier_owner_id, close_on, closed_at, value, weighted, -1 AS sign FROM old_rows WHERE deleted_at IS NULL) x GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 HAVING sum(sign) <> 0 OR sum(coalesce(value, 0) * sign) <> 0 OR sum(coalesce(weighted, 0) * sign) <> 0; RETURN NULL;", hash='e919c11c1fca0a2edc778dc3b1bf11dd6f227af0', level='STATEMENT', operation='DELETE', pgid='pgtrigger_tally_delete_d521f', referencing='REFERENCING OLD TABLE AS old_rows ', table='sales_opportunity', when='AFTER')),
        ),
        migrations.AddIndex(
            model_name="opportunitytally",
            index=models.Index(fields=["owner"], name="opportunity_tally_owner"),
        ),
        # The triggers hold writers back until the sums of what is there are in.
        migrations.RunSQL(
            "TRUNCATE sales_opportunitytally;"
            " INSERT INTO sales_opportunitytally (pipeline_id, stage_id, category, forecast, owner_id, carrier_owner_id, close_on, closed_at, number, value, weighted)"
            " SELECT pipeline_id, stage_id, category, forecast, owner_id, carrier_owner_id, date_trunc('month', close_on::timestamp)::date, date_trunc('month', core_day(closed_at)::timestamp)::date,"
            " count(*), sum(coalesce(value, 0)), sum(coalesce(weighted, 0)) FROM sales_opportunity WHERE deleted_at IS NULL GROUP BY 1, 2, 3, 4, 5, 6, 7, 8",
            migrations.RunSQL.noop,
        ),
    ]
