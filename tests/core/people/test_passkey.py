"""A passkey in a real browser with a virtual authenticator: add it, sign in with it alone, use it as second step."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.people.conftest import PASSWORD, password_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
]
KEY = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.mark.django_db(transaction=True)
def test_passkey(browser: Any, live_server: Any, settings: Any, cast: Any) -> None:
    base = live_server.url.replace("127.0.0.1", "localhost")
    settings.MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True
    password_of(cast.alice_user)
    context = browser.new_context(locale="en-US")
    page, faults = context.new_page(), []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    key = context.new_cdp_session(page)
    key.send("WebAuthn.enable")
    key.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})
    security = f"{base}/account/security/"

    def with_password() -> None:
        page.goto(f"{base}/account/login/?next=/account/security/")
        page.fill("#id_login", "alice")
        page.fill("#id_password", PASSWORD)
        page.click("form button.btn-primary")

    with_password()
    page.wait_for_url(security)
    page.goto(f"{base}/account/2fa/webauthn/add/")
    page.fill("#id_password", PASSWORD)
    page.click("button.btn-primary")
    page.wait_for_url(f"{base}/account/2fa/webauthn/add/")
    page.click("[data-passkey-start]")
    page.wait_for_url(f"{base}/account/2fa/recovery-codes/")

    page.goto("about:blank")  # what the page still asks would bring cookies of its own
    context.clear_cookies()
    page.goto(f"{base}/account/login/?next=/account/security/")
    page.click("[data-passkey-start]")
    page.wait_for_url(security)

    page.goto("about:blank")  # what the page still asks would bring cookies of its own
    context.clear_cookies()
    with_password()
    page.wait_for_url(f"{base}/account/2fa/authenticate/")
    page.click("[data-passkey-start]")
    page.wait_for_url(security)
    # No process for live events runs beside the test server; the page goes on asking without it.
    assert [fault for fault in faults if "ERR_CONNECTION_REFUSED" not in fault] == []
