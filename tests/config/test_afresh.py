"""What a test with real commits leaves behind is gone before the next one: rows, and what it made of the database's shape."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from guanxi.core.models import Department, Numbering, User
from guanxi.core.records import numbering
from guanxi.core.shaping import objects
from tests import afresh
from tests.factories.cast import Cast


@pytest.mark.django_db(transaction=True)
def test_rows_counters_and_tables_of_objects_are_as_before(cast: Cast, make: Any) -> None:
    objects.object_save(cast.root, "leftover", {"name_zh": "遗留", "name_en": "Leftover"}, new=True)
    make("customers.customer")
    User.everything.filter(username="bob").delete()
    Department.objects.filter(pk=cast.south.pk).update(name="别的")
    rule = Numbering.objects.get(entity="customers.customer")
    assert numbering.upcoming(rule) > rule.start
    afresh.put_back()
    assert numbering.upcoming(Numbering.objects.get(pk=rule.pk)) == rule.start
    assert User.everything.get(pk=cast.bob_user.pk).username == "bob"
    assert Department.objects.get(pk=cast.south.pk).name == cast.south.name
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('core_object_leftover')")
        assert cursor.fetchone() == (None,)
    objects.object_save(cast.root, "leftover", {"name_zh": "遗留", "name_en": "Leftover"}, new=True)
