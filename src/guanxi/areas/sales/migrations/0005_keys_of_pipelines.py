"""Pipelines and stages made by hand get a stable key, by which the settings file and imports call them."""

from typing import Any

from django.db import migrations
from django.utils.text import slugify


def give_keys(apps: Any, _editor: Any) -> None:
    """The English name, or what kind of row it is, with its number; a number keeps it the only one."""
    for name in ("Pipeline", "Stage"):
        model = apps.get_model("sales", name)
        for row in model._base_manager.filter(key=""):
            stem = slugify(row.name_en)[:30] or name.lower()
            model._base_manager.filter(pk=row.pk).update(key=f"{stem}-{row.pk}")


class Migration(migrations.Migration):
    dependencies = [("sales", "0004_large_deals")]

    operations = [migrations.RunPython(give_keys, migrations.RunPython.noop)]
