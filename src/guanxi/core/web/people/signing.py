"""Signing in and out, the second factor, links to set a password."""

from __future__ import annotations

from typing import Any, cast

from allauth.account.views import LoginView, LogoutView, ReauthenticateView
from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.base.views import ReauthenticateView as CodeReauthenticateView
from allauth.mfa.webauthn.views import LoginWebAuthnView, RemoveWebAuthnView
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from guanxi.core.automation import push
from guanxi.core.kernel.errors import GuanxiError, Invalid, TooMany
from guanxi.core.models import OneTimeLink, User
from guanxi.core.people import factors, links, signin, throttle
from guanxi.core.people.inviting import reset_request
from guanxi.core.web.middleware import guest_language
from guanxi.core.web.people.common import errors_of
from guanxi.core.web.views.common import actor_of
from guanxi.core.web.views.pages import redirect


class SignInView(LoginView):
    """The sign-in page. Wrong credentials answer 422, too many attempts 429 with ``Retry-After``."""

    def form_invalid(self, form: Any) -> HttpResponse:
        """The page again, with the reason."""
        response: HttpResponse = super().form_invalid(form)
        wait = getattr(self.request, "throttled", 0)
        response.status_code = 429 if wait else 422
        if wait:
            response.headers["Retry-After"] = str(wait)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Why the last session ended, if that is what brings him here."""
        reasons = {
            "idle": _("You were signed out because nothing happened for eight hours."),
            "absolute": _("You were signed out because two weeks are over."),
            "stamp": _("You were signed out because your account or password was changed."),
        }
        notes = {"password": _("The password is set. Sign in with it now.")}
        query = self.request.GET
        return {
            **super().get_context_data(**kwargs),
            "ended": reasons.get(query.get("ended", ""), ""),
            "done": notes.get(query.get("done", ""), ""),
            "empty": not User.everything.exists(),
        }


def _wait_page(request: HttpRequest, error: TooMany) -> HttpResponse:
    """Says how long to wait. The sent form is not drawn again: drawing it would check the code."""
    context = {"wait": str(error.message), "back": request.get_full_path()}
    response = render(request, "account/wait.html", context, status=429)
    response.headers["Retry-After"] = str(error.retry_after)
    return response


class GuessLimit:
    """Limits how often a code may be guessed; mixed into the views that ask for one."""

    request: HttpRequest

    def guesser(self) -> User:
        """Whose code is asked for."""
        raise AssertionError("the view says whose code it asks for")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Check the code unless too many were wrong."""
        user = self.guesser()
        key = f"signin:code:{user.pk}"
        try:
            throttle.attempt_take(key)
        except TooMany as error:
            signin.access_note("sign_in_throttled", request, user, step="code")
            return _wait_page(request, error)
        response: HttpResponseBase = super().post(request, *args, **kwargs)  # type: ignore[misc]
        if response.status_code in (301, 302, 303):
            throttle.attempt_forget(key)
        else:
            signin.access_note("sign_in_failed", request, user, step="code")
            response.status_code = 422
        return response


class CodeView(GuessLimit, AuthenticateView):  # type: ignore[misc]
    """The second step of signing in: a code of the app, a recovery code, or a key."""

    def guesser(self) -> User:
        """The user whose password was right."""
        return cast("User", self.stage.login.user)


class CodeAgainView(GuessLimit, CodeReauthenticateView):  # type: ignore[misc]
    """The code once more, before something that needs certainty."""

    def guesser(self) -> User:
        """The user signed in."""
        return cast("User", self.request.user)


class KeyRemoveView(RemoveWebAuthnView):
    """Removing a passkey, unless it is the last second factor of somebody who must have one."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Remove it, or say why not."""
        if not factors.may_give_away(self.get_object()):
            context = {"object": self.object, "refused": factors.LAST_ONE}
            return render(self.request, self.template_name, context, status=409)
        response: HttpResponse = super().form_valid(form)
        return response


class SignOutView(LogoutView):
    """Signing out; the browser forgets the pages it kept, those behind its back button too."""

    def post(self, *args: Any, **kwargs: Any) -> HttpResponse:
        """End the session, and send no more to this browser."""
        push.device_leave(actor_of(self.request), self.request.COOKIES.get(push.COOKIE, ""))
        answer: HttpResponse = super().post(*args, **kwargs)
        answer.headers["Clear-Site-Data"] = '"cache"'
        return answer


sign_in = SignInView.as_view()
sign_out = login_not_required(SignOutView.as_view())
code = CodeView.as_view()
code_again = CodeAgainView.as_view()
password_again = ReauthenticateView.as_view()
key_remove = KeyRemoveView.as_view()
passkey_sign_in = login_not_required(LoginWebAuthnView.as_view())


@login_not_required
def inactive(request: HttpRequest) -> HttpResponse:
    """For a user who may no longer sign in."""
    return render(request, "account/inactive.html", status=403)


@login_not_required
@never_cache
def reset(request: HttpRequest) -> HttpResponse:
    """Ask for a mail with a link to a new password; the answer is the same whether the name is known or not."""
    login = request.POST.get("login", "").strip()
    context: dict[str, Any] = {"sent": False, "login": login, "error": ""}
    status = 200
    if request.method == "POST":
        try:
            if not login:
                raise Invalid(_("Type your login name or e-mail."), field="login")
            reset_request(login, address=signin.address_of(request))
            context["sent"] = True
        except GuanxiError as error:
            context["error"], status = str(error.message), error.status
    return render(request, "account/password_reset.html", context, status=status)


@sensitive_post_parameters("password", "again")
@login_not_required
def link(request: HttpRequest, secret: str) -> HttpResponseBase:
    """Behind a one-use link: set a password, or create the first administrator. Looking at it does not use it up."""
    try:
        found = links.link_read(secret)
    except GuanxiError as error:
        return _link_page(request, {"gone": str(error.message)}, status=404)
    if request.method != "POST":
        return _link_page(request, {"link": found})
    try:
        _link_use(request, found, secret)
    except GuanxiError as error:
        return _link_page(request, {"link": found, "errors": errors_of(error)}, status=error.status)
    return redirect("/account/login/?done=password")


def _link_use(request: HttpRequest, found: OneTimeLink, secret: str) -> None:
    data = request.POST
    password = data.get("password", "")
    if password != data.get("again", ""):
        raise Invalid(_("The two passwords differ."), code="password.differ", field="again")
    if found.purpose == "admin":
        links.admin_link_use(
            secret,
            username=data.get("username", ""),
            name=data.get("name", ""),
            email=data.get("email", ""),
            password=password,
            language=guest_language(request),
        )
    else:
        request_id = str(getattr(request, "request_id", ""))
        links.link_use(secret, password, address=signin.address_of(request), request_id=request_id)


def _link_page(request: HttpRequest, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    filled = {name: request.POST.get(name, "") for name in ("username", "name", "email")}
    given = {"link": None, "gone": "", "errors": {}, "filled": filled, **context}
    response = render(request, "account/link.html", given, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response
