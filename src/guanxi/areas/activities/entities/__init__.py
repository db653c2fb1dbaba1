"""The area's declarations: follow-ups, plans and tasks, and the small forms for them."""

from guanxi.areas.activities.entities import quick, work

__all__ = ["quick", "work"]
