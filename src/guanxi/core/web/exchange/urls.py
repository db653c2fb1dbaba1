"""Addresses of the import wizard."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from guanxi.core.web.exchange import recipes, views

fixed: list[URLPattern | URLResolver] = [
    path("import/", views.upload, name="import"),
    path("import/recipe/", recipes.begin, name="import-recipe"),
    path("import/recipe/<int:pk>/", recipes.work, name="import-recipe-work"),
    path("import/recipe/<int:pk>/files/", recipes.add, name="import-recipe-files"),
    path("import/recipe/<int:pk>/<slug:how>/", recipes.change, name="import-recipe-change"),
    path("import/<int:pk>/", views.resume, name="import-run"),
    path("import/<int:pk>/map/", views.map_columns, name="import-map"),
    path("import/<int:pk>/rule/", views.rule, name="import-rule"),
    path("import/<int:pk>/preview/", views.preview, name="import-preview"),
    path("import/<int:pk>/cell/<int:position>/<int:column>/", views.edit_cell, name="import-cell"),
    path("import/<int:pk>/start/", views.start, name="import-start"),
    path("import/<int:pk>/run/", views.running, name="import-running"),
    path("import/<int:pk>/halt/<slug:how>/", views.halt, name="import-halt"),
    path("import/<int:pk>/result/", views.result, name="import-result"),
    path("import/<int:pk>/undo/", views.undo, name="import-undo"),
    path("import/<int:pk>/failed/", views.failed_file, name="import-failed"),
]
records: list[URLPattern | URLResolver] = [
    path("<slug:path>/import/", views.upload, name="import-into"),
    path("<slug:path>/import/template/", views.template, name="import-template"),
]
