"""Addresses of the duplicate check, scans and merging."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from guanxi.core.web.merging import views

fixed: list[URLPattern | URLResolver] = [
    path("duplicates/", views.check, name="duplicates"),
    path("duplicates/<slug:path>/", views.scan, name="duplicates-scan"),
]
records: list[URLPattern | URLResolver] = [path("<slug:path>/merge/", views.merge, name="record-merge")]
