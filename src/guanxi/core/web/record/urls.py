"""Addresses of single records. ``fixed`` stand before those of entities; ``records`` after the list's own."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from guanxi.core.web.forms import drafts, pick, similar
from guanxi.core.web.record import (
    conditions,
    details,
    doing,
    editing,
    entries,
    gate,
    lining,
    moments,
    operations,
    page,
    present,
    quick,
)

Patterns = list[URLPattern | URLResolver]
#: Imported for what it enters.
ENTERED = entries

fixed: Patterns = [
    path("pick/regions/", pick.pick_regions, name="pick-regions"),
    path("pick/tags/", pick.pick_tags, name="pick-tags"),
    path("pick/tags/new/", pick.new_tag, name="pick-tag-new"),
    path("pick/snippets/", pick.pick_snippets, name="pick-snippets"),
    path("pick/<slug:path>/", pick.pick_records, name="pick"),
    path("drafts/", drafts.draft, name="draft"),
    path("quick/<slug:key>/", quick.quick, name="quick"),
    path("operations/", operations.index, name="operations"),
    path("operations/<int:pk>/", operations.one, name="operation"),
    path("operations/<int:pk>/undo/", operations.undo, name="operation-undo"),
    path("operations/<int:pk>/meant/", operations.meant, name="operation-meant"),
    path("operations/<int:pk>/problems.csv", operations.problems_file, name="operation-problems"),
    path("trash/", operations.trash, name="trash"),
    path("files/<int:pk>/", moments.file, name="file"),
    path("files/<int:pk>/delete/", moments.file_delete, name="file-delete"),
    path("comments/<int:pk>/", moments.comment_edit, name="comment-edit"),
    path("comments/<int:pk>/delete/", moments.comment_delete, name="comment-delete"),
]

records: Patterns = [
    path("<slug:path>/new/", editing.create, name="record-new"),
    path("<slug:path>/lines/<slug:key>/", lining.check, name="record-lines"),
    path("<slug:path>/similar/", similar.similar, name="record-similar"),
    path("<slug:path>/<int:pk>/", page.page, name="record"),
    path("<slug:path>/<int:pk>/peek/", page.peek, name="record-peek"),
    path("<slug:path>/<int:pk>/presence/", present.present, name="record-presence"),
    path("<slug:path>/<int:pk>/edit/", editing.edit, name="record-edit"),
    path("<slug:path>/<int:pk>/field/<str:name>/", details.one_field, name="record-field"),
    path("<slug:path>/<int:pk>/reveal/<str:name>/", details.reveal, name="record-reveal"),
    path("<slug:path>/<int:pk>/stage/<str:key>/", details.stage, name="record-stage"),
    path("<slug:path>/conditions/", conditions.conditions, name="record-conditions"),
    path("<slug:path>/<int:pk>/gate/<str:name>/<str:key>/", gate.gate, name="record-gate"),
    path("<slug:path>/<int:pk>/do/<slug:key>/", doing.act, name="record-do"),
    path("<slug:path>/<int:pk>/mark/<slug:sort>/", doing.mark, name="record-mark"),
    path("<slug:path>/<int:pk>/share/", doing.share, name="record-share"),
    path("<slug:path>/<int:pk>/why/", doing.why, name="record-why"),
    path("<slug:path>/<int:pk>/delete/", doing.delete, name="record-delete"),
    path("<slug:path>/<int:pk>/restore/", doing.restore, name="record-restore"),
    path("<slug:path>/<int:pk>/history/", page.history, name="record-history"),
    path("<slug:path>/<int:pk>/timeline/", moments.timeline, name="record-timeline"),
    path("<slug:path>/<int:pk>/timeline/pin/<str:kind>/<int:number>/", moments.pin, name="record-pin"),
    path("<slug:path>/<int:pk>/comments/", moments.comment, name="record-comment"),
    path("<slug:path>/<int:pk>/files/", moments.upload, name="record-files"),
    path("<slug:path>/<int:pk>/related/<str:key>/", page.related_all, name="record-related"),
]
