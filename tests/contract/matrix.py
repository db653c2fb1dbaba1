"""Who may go through which door: every address of the product belongs to exactly one group of this table.

An address that no line names fails the check, so nobody adds a page without saying who it is for. The groups:

``public``
    Answers anybody. What such an address shows is limited by a secret in it, or it shows nothing of anybody.
``person``
    Any person signed in; shows and changes only what is that person's own, or asks rights for each record it shows.
``office``
    Asks for a right of administration. Somebody without it is refused and nothing is changed.
``own``
    One thing that belongs to a person: an import, an export, a saved view, a notification. For others it is not there.
``record``
    One record. Who may not see it gets the same answer as if it did not exist.
``entity``
    The records of one sort. Who has no right to them gets the same answer as if there were no such sort.
``api``
    The API; asks for a token or a session. Its rights are proven over every entity.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from django.urls import URLPattern, get_resolver

#: Group → patterns of addresses, as Django writes them; ``*`` stands for any text within one line.
MATRIX: dict[str, tuple[str, ...]] = {
    "public": (
        "healthz",
        "readyz",
        "metrics",
        "favicon.ico",
        "manifest.webmanifest",
        "worker.js",
        "account/login/",
        "account/logout/",
        "account/inactive/",
        "account/password/reset/",
        "account/link/<str:secret>/",
        "account/2fa/authenticate/",
        "account/2fa/webauthn/login/",
        "approvals/link/<str:secret>/",
        "p/<str:secret>/",
        "shared/<str:secret>/",
        "p/<str:secret>/pdf/",
        "public/<slug:key>/",
        "confirm/<str:token>/",
        "stop/<str:token>/",
        "hooks/messages/<int:pk>/",
        "my/",
        "my/*",
    ),
    "api": ("api/v1/*", "^api/"),
    "person": (
        "",
        "account/",
        "account/reauthenticate/",
        "account/password/change/",
        "account/2fa/",
        "account/2fa/reauthenticate/",
        "account/2fa/totp/*",
        "account/2fa/recovery-codes/*",
        "account/2fa/webauthn/",
        "account/2fa/webauthn/add/",
        "account/2fa/webauthn/reauthenticate/",
        "account/2fa/webauthn/keys/*",
        "account/second-factor/",
        "account/security/",
        "account/sessions/",
        "account/sessions/end/",
        "account/tokens/",
        "account/notifications/",
        "account/snippets/",
        "account/notifications/device/",
        "account/rights/",
        "search/*",
        "notifications/",
        "notifications/mark/",
        "notifications/live/",
        "preferences/",
        "days/read/",
        "days/special/",
        "pick/*",
        "drafts/",
        "quick/<slug:key>/",
        "offline/",
        "offline/state/",
        "operations/",
        "trash/",
        "duplicates/",
        "import/",
        "import/recipe/",
        "leave/",
        "reports/",
        "reports/new/",
        "reports/past/",
        "reports/shared/",
        "dashboards/",
        "dashboards/new/",
        "approvals/",
        "approvals/batch/",
        "approvals/durations/",
        "settings/",
        "settings/layouts/own/<slug:face>/",
        "people/departments/",
        "diary/",
        "public/",
        "workflows/tasks/",
        "messages/",
    ),
    "office": (
        "diary/rules/",
        "settings/*/*",
        "settings/working-time/",
        "settings/approvals/",
        "settings/health/",
        "settings/segments/",
        "settings/segments/new/",
        "settings/segments/<slug:key>/",
        "settings/rules/",
        "settings/templates/",
        "settings/mailboxes/",
        "settings/workflows/",
        "settings/file/",
        "settings/packs/",
        "settings/outside/",
        "settings/firm/",
        "settings/objects/",
        "settings/processes/",
        "settings/layouts/",
        "settings/layouts/<slug:path>/whens/",
        "settings/dictionaries/",
        "settings/numbering/",
        "settings/fields/",
        "people/users/*",
        "users/new/",
        "people/roles/*",
        "people/departments/<int:department_id>/move/",
        "people/second-factor/",
        "people/tokens/",
        "people/log/",
        "dev/gallery/",
        "handover/",
        "pools/<int:pk>/simulate/",
        "insight/thresholds/<str:key>/",
        "insight/sources/",
    ),
    "own": (
        "account/sessions/<int:session_id>/end/",
        "account/tokens/<int:token_id>/revoke/",
        "notifications/<int:pk>/",
        "exports/<int:pk>/",
        "operations/<int:pk>/*",
        "import/<int:pk>/*",
        "import/recipe/<int:pk>/*",
        "leave/<int:pk>/end/",
        "reports/<slug:key>/*",
        "reports/shared/<int:link_id>/end/",
        "dashboards/<slug:key>/*",
        "approvals/<int:pk>/*",
        "approvals/send/",
        "workflows/tasks/<int:pk>/",
        "workflows/runs/<int:pk>/",
        "files/<int:pk>/*",
        "comments/<int:pk>/*",
        "messages/<int:pk>/*",
        "<slug:path>/views/<int:view_id>/*",
    ),
    "record": (
        "<slug:path>/<int:pk>/*",
        "<slug:path>/<int:record_id>/why/all/",
        "<slug:kind>/<int:pk>/*",
        "customers/<int:pk>/account/",
        "quotes/<int:pk>/versions/",
        "campaigns/<int:pk>/add-members/",
        "client-login/<slug:path>/<int:pk>/",
        "bank-entries/<int:pk>/match/",
        "rules/<slug:key>/press/<slug:path>/<int:pk>/",
        "write/<slug:path>/<int:pk>/",
        "workflows/<slug:key>/begin/<slug:path>/<int:pk>/",
    ),
    "entity": (
        "<slug:path>/*",
        "duplicates/<slug:path>/",
        "receivables/",
        "bank-statement/",
        "bank-statement/book/",
        "insight/",
        "insight/progress/",
        "insight/compute/",
        "insight/plan/",
        "insight/<str:key>/",
        "forecast/",
        "pipeline-course/",
    ),
}

#: Every verb a door is tried with.
VERBS = ("get", "post", "put", "patch", "delete")
#: Who is nobody here, by how he comes (``tests/contract/test_verbs.py`` makes him), and the groups he is kept out of.
NOBODY: dict[str, tuple[str, ...]] = {
    "without a sign-in": ("person", "office", "own", "record", "entity", "api"),
    "switched off, session left open": ("person", "office", "own", "record", "entity", "api"),
    "signed in before his password changed": ("person", "own", "api"),
    "a client signed in to his own pages": ("person", "office", "own", "record", "entity", "api"),
    "an API token that ran out": ("api",),
    "an API token that was revoked": ("api",),
    "an API token of somebody switched off": ("api",),
}
#: Who works here and may see neither record nor hint of it: of a foreign department, and without any role.
OUTSIDE = ("charlie", "dave")


@cache
def routes() -> list[str]:
    """Every address of the product, as Django writes it, without the fakes of the tests."""
    return sorted(set(_walk(get_resolver(), "")))


def _walk(resolver: Any, before: str) -> Iterator[str]:
    for one in resolver.url_patterns:
        text = before + str(one.pattern)
        if isinstance(one, URLPattern):
            yield text
        else:
            yield from _walk(one, text)


@cache
def group_of(route: str) -> str:
    """The group of an address; the longest pattern that fits it decides. Empty when none does."""
    found = [(len(line), group) for group, lines in MATRIX.items() for line in lines if fits(line, route)]
    return max(found)[1] if found else ""


def fits(line: str, route: str) -> bool:
    """Whether a pattern of the table names an address."""
    return re.fullmatch(re.escape(line).replace(r"\*", ".*"), route) is not None
