from django.db import migrations, models


class Migration(migrations.Migration):
    """When a change of owner was first looked at, so that time goes by until it is again."""

    dependencies = [("core", "0049_carry_lag")]

    operations = [
        migrations.AddField(model_name="carrylag", name="noted_at", field=models.DateTimeField(null=True)),
    ]
