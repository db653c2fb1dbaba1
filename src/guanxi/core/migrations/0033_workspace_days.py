"""The day of a moment in the workspace's time zone, for sums that are kept by days and months."""

from django.conf import settings
from django.db import migrations

from guanxi.core.models.tally import ZONE

DAY = (
    "CREATE FUNCTION core_day(at timestamptz) RETURNS date LANGUAGE sql IMMUTABLE PARALLEL SAFE"
    " RETURN (at AT TIME ZONE core_zone())::date"
)


class Migration(migrations.Migration):
    dependencies = [("core", "0031_segments")]

    operations = [
        migrations.RunSQL([(ZONE, [settings.TIME_ZONE]), DAY], "DROP FUNCTION core_day; DROP FUNCTION core_zone"),
    ]
