"""Addresses of approvals, and what they add to the shell."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path
from django.utils.translation import gettext_lazy as _

from guanxi.core.access.features import may_settings
from guanxi.core.automation.approvals.gate import ApprovalNeeded
from guanxi.core.web import errors
from guanxi.core.web.approvals import acting, flows, link, views
from guanxi.core.web.contributions import Card, Entry, add_cards, add_due, add_entries

urlpatterns: list[URLPattern | URLResolver] = [
    path("approvals/", views.index, name="approvals"),
    path("approvals/batch/", acting.batch, name="approvals_batch"),
    path("approvals/send/", acting.send, name="approval_send"),
    path("approvals/durations/", views.durations, name="approval_durations"),
    path("approvals/link/<str:secret>/", link.page, name="approval_link"),
    path("approvals/<int:pk>/", views.page, name="approval"),
    path("approvals/<int:pk>/<slug:verb>/", acting.act, name="approval_act"),
    path("settings/approvals/", flows.index, name="flows"),
    path("settings/approvals/new/", flows.create, name="flow_new"),
    path("settings/approvals/<slug:key>/", flows.edit, name="flow"),
]

errors.OWN_ANSWERS[ApprovalNeeded] = acting.needed

add_entries(
    Entry(
        key="approvals", label=_("Approvals"), url="/approvals/", icon="rubber-stamp", place="work", order=15, color="orange",
        badge=views.waiting_count,
    ),
    Entry(
        key="flows", label=_("Approval flows"), url="/settings/approvals/", icon="rubber-stamp", place="settings", order=110,
        shown=may_settings, hint=_("Who decides about what, in which steps"),
    ),
)  # fmt: skip
add_cards(
    Card(
        key="approvals", label=_("To approve"), template="approvals/card.jinja", context=views.card, icon="rubber-stamp",
        url="/approvals/", order=25,
    )
)  # fmt: skip
add_due("approvals", views.waiting_count)
