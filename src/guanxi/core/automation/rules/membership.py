"""Who entered a segment or left it since it was last looked at, for the rules that wait for that."""

from __future__ import annotations

import datetime as dt
import logging

from guanxi.core.kernel.actor import system_actor
from guanxi.core.kernel.errors import GuanxiError
from guanxi.core.models import Segment, SegmentMember
from guanxi.core.records.query import compile_tree
from guanxi.core.schema.registry import entity_of, is_registered

logger = logging.getLogger(__name__)

#: How often a watched segment is looked at as a whole; a record that is written is looked at at once.
EVERY = dt.timedelta(minutes=10)
#: So many enter or leave at one look; the others do at the next.
MOST = 2000


def moved(key: str, now: dt.datetime, only: int | None = None) -> tuple[list[int], list[int]]:
    """Ids that entered and left the segment since the last look, now noted as such; of one record alone with ``only``.

    The first look of a segment notes who is in it and tells of nobody. Within a transaction.
    """
    segment = Segment.objects.select_for_update().filter(key=key).first()
    if segment is None or not is_registered(segment.entity):
        return [], []
    last = segment.watched_at
    first = last is None
    # One record is looked at once all were; all are when it is time again.
    if (first and only is not None) or (last is not None and only is None and now - last < EVERY):
        return [], []
    rows = entity_of(segment.entity).model._default_manager
    try:
        inside = rows.filter(compile_tree(system_actor("segments"), entity_of(segment.entity), segment.condition))
    except GuanxiError as error:
        logger.warning("the condition of a watched segment fails", extra={"segment": key, "reason": str(error)})
        return [], []
    known = SegmentMember.objects.filter(segment=segment)
    if only is not None:
        inside, known = inside.filter(pk=only), known.filter(record_id=only)
    else:
        Segment.objects.filter(pk=segment.pk).update(watched_at=now)
    entered = inside.exclude(pk__in=known.order_by().values("record_id")).order_by("pk")
    left = known.exclude(record_id__in=inside.order_by().values("pk")).order_by("pk")
    came = list((entered if first else entered[:MOST]).values_list("pk", flat=True))
    went = list(left[:MOST].values_list("record_id", flat=True))
    SegmentMember.objects.bulk_create(
        (SegmentMember(segment=segment, record_id=one, since=now) for one in came),
        batch_size=5000,
        ignore_conflicts=True,
    )
    known.filter(record_id__in=went).delete()
    return ([], []) if first else (came, went)


def forget(keys: set[str]) -> None:
    """Stop remembering members of segments no rule waits for, so that a later rule begins with those who are in then."""
    for segment in Segment.objects.exclude(watched_at=None).exclude(key__in=keys):
        SegmentMember.objects.filter(segment=segment).delete()
        Segment.objects.filter(pk=segment.pk).update(watched_at=None)
