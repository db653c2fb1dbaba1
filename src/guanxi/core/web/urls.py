"""All addresses of the web face. Fixed words stand before the paths of entities; the first that fits answers."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from guanxi.core.web import contributions, days
from guanxi.core.web.approvals import urls as approvals
from guanxi.core.web.exchange import urls as exchange
from guanxi.core.web.health import urls as health
from guanxi.core.web.lists import urls as lists
from guanxi.core.web.merging import urls as merging
from guanxi.core.web.messages import urls as messages
from guanxi.core.web.offline import urls as offline
from guanxi.core.web.outside import urls as outside
from guanxi.core.web.people import urls as people
from guanxi.core.web.privacy import urls as privacy
from guanxi.core.web.record import urls as record
from guanxi.core.web.reports import urls as reports
from guanxi.core.web.rules import urls as rules
from guanxi.core.web.settingsfile import urls as settingsfile
from guanxi.core.web.shaping import urls as shaping
from guanxi.core.web.views import notifications, pages, preferences, search
from guanxi.core.web.workflows import urls as workflows
from guanxi.core.web.worktime import urls as worktime

Patterns = list[URLPattern | URLResolver]

fixed: Patterns = [
    path("", pages.home, name="home"),
    path("search/", search.show_search, name="search"),
    path("search/palette/results/", search.palette_results, name="palette-results"),
    path("notifications/", notifications.index, name="notifications"),
    path("notifications/mark/", notifications.mark, name="notifications-mark"),
    path("notifications/live/", notifications.live, name="notifications-live"),
    path("notifications/<int:pk>/", notifications.follow, name="notification"),
    path("favicon.ico", pages.favicon, name="favicon"),
    path("preferences/", preferences.save, name="preferences"),
    path("days/read/", days.read, name="days-read"),
    path("days/special/", days.special, name="days-special"),
    path("dev/gallery/", pages.show_gallery, name="gallery"),
    *lists.fixed,
    *record.fixed,
    *merging.fixed,
    *exchange.fixed,
    *worktime.urlpatterns,
    *reports.urlpatterns,
    *approvals.urlpatterns,
    *health.urlpatterns,
    *privacy.urlpatterns,
    *rules.urlpatterns,
    *messages.urlpatterns,
    *settingsfile.urlpatterns,
    *offline.urlpatterns,
    *outside.urlpatterns,
    *workflows.urlpatterns,
]

#: Addresses under an entity's path: ``/customers/…``.
entity_patterns: Patterns = [*exchange.records, *lists.urlpatterns, *merging.records, *record.records]

urlpatterns: Patterns = [*fixed, *shaping.urlpatterns, *people.urlpatterns, *contributions.pages(), *entity_patterns]
