"""Addresses of the app and of what works offline."""

from __future__ import annotations

from django.urls import path

from guanxi.core.web.offline import views

urlpatterns = [
    path("manifest.webmanifest", views.manifest, name="manifest"),
    path("worker.js", views.worker, name="worker"),
    path("offline/", views.page, name="offline"),
    path("offline/state/", views.state, name="offline-state"),
]
