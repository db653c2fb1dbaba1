"""What somebody sees of opportunities is his own and his customers': both parts of their sums are found by an index."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("sales", "0014_forecast_and_fact")]

    operations = [
        AddIndexConcurrently(
            "opportunitytally", models.Index(fields=["carrier_owner"], name="opportunity_tally_carrier")
        ),
    ]
