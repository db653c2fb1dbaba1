"""Numbering and rules of keeping know how often they were saved, so that nobody overwrites another's change unseen."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0022_field_index_again")]

    operations = [
        migrations.AddField("numbering", "version", models.PositiveIntegerField(default=1)),
        migrations.AddField("retentionrule", "version", models.PositiveIntegerField(default=1)),
    ]
