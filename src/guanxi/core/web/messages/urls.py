"""Addresses of messages, and their entries in the shell."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path
from django.utils.translation import gettext_lazy as _

from guanxi.core.access.features import may_settings
from guanxi.core.automation.incoming import correspondence
from guanxi.core.web.contributions import Entry, add_entries
from guanxi.core.web.messages import boxes, compose, inbox

urlpatterns: list[URLPattern | URLResolver] = [
    path("settings/mailboxes/", boxes.index, name="mailboxes"),
    path("settings/mailboxes/new/", boxes.edit, name="mailbox_new"),
    path("settings/mailboxes/<int:pk>/", boxes.edit, name="mailbox"),
    path("hooks/messages/<int:pk>/", boxes.hook, name="message_hook"),
    path("messages/", inbox.index, name="messages"),
    path("messages/<int:pk>/", inbox.page, name="message"),
    path("messages/<int:pk>/files/<int:file_id>/", inbox.file, name="message_file"),
    path("write/<slug:path>/<int:pk>/", compose.write, name="write"),
]

add_entries(
    Entry(
        key="mailboxes", label=_("Mailboxes"), url="/settings/mailboxes/", icon="inbox", place="settings", order=106,
        shown=may_settings, hint=_("Where mails and text messages of customers come in"),
    ),
    Entry(
        key="messages", label=_("Unknown senders"), url="/messages/", icon="inbox", place="customers", order=85, color="teal",
        shown=correspondence.sorts, badge=correspondence.waiting_count,
    ),
)  # fmt: skip
