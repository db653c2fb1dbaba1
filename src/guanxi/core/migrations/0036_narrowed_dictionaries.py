"""Dictionaries that narrow each other: which dictionary narrows one, and what each value belongs to."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0035_outbound_confirming")]

    operations = [
        migrations.AddField("dictionary", "narrowed_by", models.CharField(blank=True, default="", max_length=60)),
        migrations.AddField(
            "dictionaryvalue",
            "belongs_to",
            django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), blank=True, default=list, size=None),
        ),
    ]
