"""Addresses of lists: one set for every entity."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from guanxi.core.web.lists import board, bulk, calendar, cell, exporting, funnel, outlook, viewing, views

fixed: list[URLPattern | URLResolver] = [
    path("exports/<int:pk>/", exporting.export_file, name="export-file"),
    path("operations/<int:pk>/stop/", bulk.stop_operation, name="operation-stop"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("<slug:path>/", views.show_list, name="list"),
    path("<slug:path>/filter/", views.edit_filter, name="list-filter"),
    path("<slug:path>/filter/row/", views.filter_row, name="list-filter-row"),
    path("<slug:path>/columns/", views.edit_columns, name="list-columns"),
    path("<slug:path>/widths/", views.keep_widths, name="list-widths"),
    path("<slug:path>/size/", views.keep_size, name="list-size"),
    path("<slug:path>/totals/", views.show_totals, name="list-totals"),
    path("<slug:path>/views/new/", viewing.new_view, name="view-new"),
    path("<slug:path>/views/<int:view_id>/", viewing.edit_view, name="view"),
    path("<slug:path>/views/<int:view_id>/save/", viewing.save_view, name="view-save"),
    path("<slug:path>/views/<int:view_id>/copy/", viewing.copy_view, name="view-copy"),
    path("<slug:path>/views/<int:view_id>/delete/", viewing.delete_view, name="view-delete"),
    path("<slug:path>/board/", board.show_board, name="board"),
    path("<slug:path>/calendar/", calendar.show_calendar, name="calendar"),
    path("<slug:path>/funnel/", funnel.show_funnel, name="funnel"),
    path("<slug:path>/outlook/", outlook.show_outlook, name="outlook"),
    path("<slug:path>/board/look/", board.edit_look, name="board-look"),
    path("<slug:path>/board/lane/", board.show_lane, name="board-lane"),
    path("<slug:path>/board/totals/", board.lane_totals, name="board-totals"),
    path("<slug:path>/<int:pk>/move/", board.move_card, name="board-move"),
    path("<slug:path>/<int:pk>/day/", calendar.move_day, name="calendar-move"),
    path("<slug:path>/export/", exporting.export_list, name="list-export"),
    path("<slug:path>/bulk/field/", bulk.bulk_field, name="bulk-field"),
    path("<slug:path>/bulk/<slug:verb>/", bulk.bulk_dialog, name="bulk"),
    path("<slug:path>/<int:pk>/cell/<str:name>/", cell.edit_cell, name="cell"),
]
