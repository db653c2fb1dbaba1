"""All addresses of the web face. Fixed words stand before the paths of entities; the first that fits answers."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from guanxi.core.web.lists import urls as lists
from guanxi.core.web.views import pages, preferences

Patterns = list[URLPattern | URLResolver]

fixed: Patterns = [
    path("", pages.home, name="home"),
    path("preferences/", preferences.save, name="preferences"),
    path("dev/gallery/", pages.show_gallery, name="gallery"),
]

urlpatterns: Patterns = [*fixed, *lists.urlpatterns]
