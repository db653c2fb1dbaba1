"""Asking for an invoice is a right of its own: who may change a contract or an order has it, and so has who keeps the books."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

_GIVE = """
INSERT INTO core_roleright (role_id, entity, action, scope, departments)
SELECT role_id, entity, 'invoice', scope, departments FROM core_roleright
WHERE entity IN ('billing.contract', 'billing.order') AND action = 'change'
ON CONFLICT DO NOTHING;
INSERT INTO core_roleright (role_id, entity, action, scope, departments)
SELECT v.role_id, v.entity, 'invoice', v.scope, v.departments FROM core_roleright v
JOIN core_role r ON r.id = v.role_id AND r.key = 'finance'
JOIN core_roleright c ON c.role_id = v.role_id AND c.entity = 'billing.invoice' AND c.action = 'create'
WHERE v.entity IN ('billing.contract', 'billing.order') AND v.action = 'view'
ON CONFLICT DO NOTHING;
"""
_TAKE = "DELETE FROM core_roleright WHERE entity IN ('billing.contract', 'billing.order') AND action = 'invoice'"


class Migration(migrations.Migration):
    """Every role keeps what it could do."""

    dependencies: ClassVar[list[Any]] = [("billing", "0006_lines_of_invoices"), ("core", "0044_doors_of_fields")]
    operations: ClassVar[list[Any]] = [migrations.RunSQL(_GIVE, _TAKE)]
