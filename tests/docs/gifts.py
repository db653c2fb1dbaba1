"""What the page about adding an entity promises, tried on the copy; run by ``test_add_an_entity``."""

from __future__ import annotations

import django

django.setup()

from django.http import HttpRequest  # noqa: E402 - Django is set up first
from django.test import Client, override_settings  # noqa: E402 - Django is set up first

from guanxi.core import records  # noqa: E402
from guanxi.core.kernel.actor import system_actor  # noqa: E402
from guanxi.core.models import AuditEntry, Role, User  # noqa: E402
from guanxi.core.people import tokens  # noqa: E402
from guanxi.core.people.signin import session_begin  # noqa: E402
from guanxi.core.records import seeds  # noqa: E402
from guanxi.core.records.search.query import search  # noqa: E402


def main() -> None:
    """Create by API, read by API and page, be invisible to a stranger, be audited and found."""
    seeds.load()
    system = system_actor("tests", via="test")
    root = User.objects.create(username="root", name="Root", email="root@guanxi.example")
    root.roles.add(Role.objects.get(key="administrator"))
    stranger = User.objects.create(username="stranger", name="Stranger", email="stranger@guanxi.example")
    customer = records.create(
        system, "customers.customer", {"name": "深圳市礼品科技有限公司", "owner": root.pk}, trusted=True
    )

    def client(user: User) -> Client:
        _token, secret = tokens.token_create(system, user, name="gifts", scopes=["read", "write"])
        return Client(headers={"Authorization": f"Bearer {secret}"})

    made = client(root).post(
        "/api/v1/gifts", {"name": "龙井茶", "customer": customer.pk}, content_type="application/json"
    )
    print(made.status_code)
    print(client(root).get("/api/v1/gifts").status_code)
    pages = Client()
    pages.force_login(root, backend="guanxi.core.people.signin.Backend")
    request = HttpRequest()
    request.session = pages.session
    session_begin(request, root)
    request.session.save()
    print(pages.get("/gifts/").status_code)
    print(pages.get(f"/gifts/{made.json()['id']}/").status_code)
    print(client(stranger).get(f"/api/v1/gifts/{made.json()['id']}").status_code)
    print(AuditEntry.objects.filter(entity="activities_gift").count())
    print(len(search(system, "longjing", entities=["activities.gift"])))


with override_settings(ALLOWED_HOSTS=["testserver"]):
    main()
