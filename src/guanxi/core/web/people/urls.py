"""Addresses of administration of people, and of the page that explains every right on a record."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from guanxi.core.web.people import administration, admitting, departments, entries, log, roles, second, why

__all__ = ["entries", "urlpatterns"]

urlpatterns: list[URLPattern | URLResolver] = [
    path("people/users/new/", admitting.page, name="people_user_new"),
    path("users/new/", admitting.from_list, name="users_new"),
    path("people/users/<int:user_id>/", administration.user_page, name="people_user"),
    path("people/users/<int:user_id>/rights/", administration.user_rights, name="people_user_rights"),
    path("people/users/<int:user_id>/open/", administration.user_open, name="people_user_open"),
    path("people/users/<int:user_id>/sessions/end/", administration.user_sessions_end, name="people_user_sessions_end"),
    path("people/departments/", departments.tree, name="people_departments"),
    path("people/departments/<int:department_id>/move/", departments.move, name="people_department_move"),
    path("people/roles/", roles.index, name="people_roles"),
    path("people/roles/new/", roles.create, name="people_role_new"),
    path("people/roles/<int:role_id>/", roles.edit, name="people_role"),
    path("people/roles/<int:role_id>/preview/", roles.preview, name="people_role_preview"),
    path("people/roles/<int:role_id>/delete/", roles.delete, name="people_role_delete"),
    path("people/second-factor/", second.demanded, name="people_second_factor"),
    path("people/tokens/", administration.all_tokens, name="people_tokens"),
    path("people/log/", log.access_log, name="people_log"),
    path("<slug:path>/<int:record_id>/why/all/", why.why, name="record_why_all"),
]
