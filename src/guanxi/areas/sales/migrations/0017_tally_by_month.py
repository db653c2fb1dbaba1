"""The months of the opportunities' sums are found by an index: a forecast reads one month of them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Two indexes."""

    dependencies = [("sales", "0016_hot_opportunities")]

    operations = [
        migrations.AddIndex(
            model_name="opportunitytally",
            index=models.Index(fields=["category", "close_on"], name="opportunity_tally_close"),
        ),
        migrations.AddIndex(
            model_name="opportunitytally",
            index=models.Index(
                condition=models.Q(("closed_at__isnull", False)), fields=["closed_at"], name="opportunity_tally_closed"
            ),
        ),
    ]
