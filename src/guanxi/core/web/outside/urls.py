"""Addresses of the pages outside the house, and their entries in the shell."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path
from django.utils.translation import gettext_lazy as _

from guanxi.core.access.features import may_settings
from guanxi.core.kernel.actor import Actor
from guanxi.core.web.contributions import Entry, add_entries
from guanxi.core.web.outside import editor, invite, overview, portal, public, stopping

urlpatterns: list[URLPattern | URLResolver] = [
    path("public/", overview.index, name="public_pages"),
    path("public/<slug:key>/", public.page, name="public_page"),
    path("confirm/<str:token>/", stopping.confirm, name="marketing_confirm"),
    path("stop/<str:token>/", stopping.page, name="marketing_stop"),
    path("settings/outside/", overview.settings, name="outside_settings"),
    path("settings/outside/views/new/", editor.view_new, name="portal_view_new"),
    path("settings/outside/views/<int:pk>/", editor.view_edit, name="portal_view"),
    path("settings/outside/pages/new/", editor.page_new, name="public_page_new"),
    path("settings/outside/pages/<int:pk>/", editor.page_edit, name="public_page_edit"),
    path("client-login/<slug:path>/<int:pk>/", invite.dialog, name="client_login"),
    path("my/", portal.home, name="my"),
    path("my/in/", portal.sign_in, name="my_in"),
    path("my/out/", portal.sign_out, name="my_out"),
    path("my/enter/<str:secret>/", portal.enter, name="my_enter"),
    path("my/password/", portal.password, name="my_password"),
    path("my/marketing/", portal.marketing_word, name="my_marketing"),
    path("my/<slug:path>/", portal.shelf_list, name="my_list"),
    path("my/<slug:path>/new/", portal.shelf_new, name="my_new"),
    path("my/<slug:path>/<int:pk>/", portal.shelf_record, name="my_record"),
]


def _some(actor: Actor) -> bool:
    return bool(overview.pages_for(actor))


add_entries(
    Entry(key="public_pages", label=_("Look-ups and questionnaires"), url="/public/", icon="forms", place="work", order=90, shown=_some),
    Entry(
        key="outside", label=_("Public pages and clients’ own pages"), url="/settings/outside/", icon="world", place="settings", order=180,
        shown=may_settings, hint=_("What people outside the house may look up, answer and see."),
    ),
)  # fmt: skip
