"""Money planned in the grid of a document belongs to whoever owns the document."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_words_of_contracts")]

    operations = [
        migrations.RunSQL(
            """
            UPDATE billing_instalment i SET owner_id = coalesce(
                (SELECT c.owner_id FROM billing_contract c WHERE c.id = i.contract_id),
                (SELECT o.owner_id FROM billing_order o WHERE o.id = i.order_id))
            WHERE i.owner_id IS NULL
            """,
            migrations.RunSQL.noop,
        )
    ]
