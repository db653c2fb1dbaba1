"""Addresses below ``/account/``: signing in, the second factor, and the pages about oneself.

Of allauth only the views we mean to offer are here; there is no sign-up and no e-mail address to manage.
"""

from __future__ import annotations

from allauth.mfa import urls as factors
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from guanxi.core.web.people import account, second, signing

urlpatterns: list[URLPattern | URLResolver] = [
    path("", account.profile, name="account"),
    path("login/", signing.sign_in, name="account_login"),
    path("logout/", signing.sign_out, name="account_logout"),
    path("inactive/", signing.inactive, name="account_inactive"),
    path("reauthenticate/", signing.password_again, name="account_reauthenticate"),
    path("password/change/", account.password, name="account_change_password"),
    path("password/reset/", signing.reset, name="account_reset_password"),
    path("link/<str:secret>/", signing.link, name="account_link"),
    path("2fa/", RedirectView.as_view(url="/account/security/"), name="mfa_index"),
    path("2fa/webauthn/", RedirectView.as_view(url="/account/security/"), name="mfa_list_webauthn"),
    path("2fa/authenticate/", signing.code, name="mfa_authenticate"),
    path("2fa/reauthenticate/", signing.code_again, name="mfa_reauthenticate"),
    path("2fa/webauthn/login/", signing.passkey_sign_in, name="mfa_login_webauthn"),
    path("2fa/webauthn/keys/<int:pk>/remove/", signing.key_remove, name="mfa_remove_webauthn"),
    path("2fa/", include(factors)),
    path("second-factor/", second.ask, name="account_second_factor"),
    path("security/", account.security, name="account_security"),
    path("sessions/", RedirectView.as_view(url="/account/security/"), name="usersessions_list"),
    path("sessions/end/", account.sessions_end, name="account_sessions_end"),
    path("sessions/<int:session_id>/end/", account.session_end, name="account_session_end"),
    path("tokens/", account.my_tokens, name="account_tokens"),
    path("tokens/<int:token_id>/revoke/", account.token_revoke, name="account_token_revoke"),
    path("notifications/", account.notifications, name="account_notifications"),
    path("notifications/device/", account.device, name="account_device"),
    path("rights/", account.my_rights, name="account_rights"),
]
