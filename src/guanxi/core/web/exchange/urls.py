"""Addresses of the import wizard."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from guanxi.core.web.exchange import preparing, recipes, runs

fixed: list[URLPattern | URLResolver] = [
    path("import/", preparing.upload, name="import"),
    path("import/recipe/", recipes.begin, name="import-recipe"),
    path("import/recipe/<int:pk>/", recipes.work, name="import-recipe-work"),
    path("import/recipe/<int:pk>/files/", recipes.add, name="import-recipe-files"),
    path("import/recipe/<int:pk>/<slug:how>/", recipes.change, name="import-recipe-change"),
    path("import/<int:pk>/", runs.resume, name="import-run"),
    path("import/<int:pk>/map/", preparing.map_columns, name="import-map"),
    path("import/<int:pk>/rule/", preparing.rule, name="import-rule"),
    path("import/<int:pk>/preview/", preparing.preview, name="import-preview"),
    path("import/<int:pk>/cell/<int:position>/<int:column>/", preparing.edit_cell, name="import-cell"),
    path("import/<int:pk>/start/", runs.start, name="import-start"),
    path("import/<int:pk>/run/", runs.running, name="import-running"),
    path("import/<int:pk>/halt/<slug:how>/", runs.halt, name="import-halt"),
    path("import/<int:pk>/result/", runs.result, name="import-result"),
    path("import/<int:pk>/undo/", runs.undo, name="import-undo"),
    path("import/<int:pk>/failed/", runs.failed_file, name="import-failed"),
]
records: list[URLPattern | URLResolver] = [
    path("<slug:path>/import/", preparing.upload, name="import-into"),
    path("<slug:path>/import/template/", runs.template, name="import-template"),
]
