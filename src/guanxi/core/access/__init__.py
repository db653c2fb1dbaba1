"""Floor 4: the one permission path. Every face, count, search and message asks here and nowhere else."""

from guanxi.core.access.explain import Explanation, Reason, explain
from guanxi.core.access.levels import by_roles, field_level, readable_fields, reads, writable_fields
from guanxi.core.access.rules import allowed, at_home, owners_in_reach, require, sight, visible
from guanxi.core.access.taking import exporting

__all__ = [
    "Explanation",
    "Reason",
    "allowed",
    "at_home",
    "by_roles",
    "explain",
    "exporting",
    "field_level",
    "owners_in_reach",
    "readable_fields",
    "reads",
    "require",
    "sight",
    "visible",
    "writable_fields",
]
