"""Indexes of custom fields are made anew when next wanted: there is one more, for filtering by one value."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("core", "0021_rows_under_their_run")]

    operations = [migrations.RunSQL("DELETE FROM core_fieldindex", migrations.RunSQL.noop)]
