"""Who comes in: a bearer token or a signed-in page; how often; and requests that may be sent twice."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.translation import gettext as _
from ninja.utils import check_csrf

from guanxi.core.api import problems
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, GuanxiError, Invalid, RuleBroken, TooMany, Unavailable
from guanxi.core.models import KeptAnswer, User
from guanxi.core.models.fixed import LIGHTLY, Fixed, ask
from guanxi.core.people import factors, signin
from guanxi.core.people.tokens import token_authenticate
from guanxi.core.records.doubts import Doubtful

#: Requests a person or token may send per window of that many seconds.
RATE = 1200
WINDOW = 60
SAFE = ("GET", "HEAD", "OPTIONS")
_KEY = re.compile(r"[\x21-\x7e]{1,255}\Z")


def authenticate(request: HttpRequest) -> Actor | None:
    """The actor of a request, ``None`` for strangers; also sets ``request.actor``.

    Sentences are in the language the request asks for, else in the person's own.
    """
    header = request.headers.get("Authorization", "")
    if header:
        scheme, _space, secret = header.partition(" ")
        if scheme.casefold() != "bearer":
            return None
        actor = token_authenticate(
            secret.strip(), address=signin.address_of(request), request_id=str(getattr(request, "request_id", ""))
        )
        if actor is not None:
            request.actor = actor  # type: ignore[attr-defined]
            if "Accept-Language" not in request.headers:
                translation.activate(actor.language)  # until the middleware's own language returns
        return actor
    actor = getattr(request, "actor", None)
    if actor is None or actor.kind != "user":
        return None
    if isinstance(request.user, User) and factors.standing(actor, request.user) == "due":
        raise Denied(factors.DUE, code="account.factor_due")
    if request.method not in SAFE and check_csrf(request, authenticate) is not None:
        raise Denied(_("The page's secret is missing."), code="auth.csrf")
    request.actor = actor.acting_via("api")  # type: ignore[attr-defined]
    return request.actor  # type: ignore[attr-defined, no-any-return]


_TAKE = (
    'INSERT INTO core_ratewindow AS r (key, "window", used)'  # noqa: S608 - own SQL
    f" SELECT %s::text, %s::bigint, 1 FROM {LIGHTLY}"
    ' ON CONFLICT (key) DO UPDATE SET used = CASE WHEN r."window" = excluded."window" THEN r.used + 1 ELSE 1 END,'
    ' "window" = excluded."window" RETURNING used'
)


def take(actor: Actor) -> tuple[int, int]:
    """Count one request; returns how many are left and in how many seconds the window ends. Raises TooMany."""
    now = int(clock.now().timestamp())
    window = now // WINDOW
    used = ask(_TAKE, [f"api:{actor.user_id}", window])[0][0]
    wait = (window + 1) * WINDOW - now
    if used > RATE:
        raise TooMany(retry_after=wait)
    return max(RATE - used, 0), wait


def once(request: HttpRequest, actor: Actor, answer: Callable[[], HttpResponse]) -> HttpResponse:
    """Answer, or repeat the answer already given to the same ``Idempotency-Key``.

    The key is kept in the transaction of the work itself: either both are there or neither. The same key with another
    request is refused; while the first is still at work, a second one waits for it.
    """
    key = request.headers.get("Idempotency-Key", "")
    if not key or request.method in SAFE:
        return answer()
    if not _KEY.match(key):
        raise Invalid(
            _("An Idempotency-Key has 1 to 255 visible characters."), code="idempotency.key", field="Idempotency-Key"
        )
    mark = hashlib.sha256(
        b"\0".join([(request.method or "").encode(), request.get_full_path().encode(), request.body])
    ).hexdigest()
    user_id = actor.user_id or 0
    known = _KNOWN.rows(user_id, key)
    if known:
        return _repeated(known[0], mark)
    try:
        with transaction.atomic():
            kept = KeptAnswer.objects.create(user_id=user_id, key=key, fingerprint=mark)
            response = _answered(request, answer)
            kept.status, kept.body = response.status_code, response.content
            kept.headers = {
                name: value for name, value in response.items() if name in ("Content-Type", "ETag", "Location")
            }
            kept.save(update_fields=["status", "body", "headers"])
    except IntegrityError as error:
        if "kept_answer_once" not in str(error):
            raise
        return _repeated(KeptAnswer.objects.get(user_id=user_id, key=key), mark)
    return response


_KNOWN = Fixed(lambda user_id, key: KeptAnswer.objects.filter(user_id=user_id, key=key), [-7001, "a key"])


def _answered(request: HttpRequest, answer: Callable[[], HttpResponse]) -> HttpResponse:
    """The answer, an expected error included, its work undone but its answer kept; not that somebody is asked back or
    must wait, for the same is sent again when it is meant, or when the trouble has passed.
    """
    try:
        with transaction.atomic():
            return answer()
    except (Doubtful, TooMany, Unavailable):
        raise
    except GuanxiError as error:
        return problems.from_error(request, error)


def _repeated(known: KeptAnswer, mark: str) -> HttpResponse:
    if known.fingerprint != mark:
        raise Invalid(
            _("This Idempotency-Key was used for another request."),
            code="idempotency.mismatch",
            field="Idempotency-Key",
        )
    if known.status is None:
        raise RuleBroken(_("The first request with this key is still at work."), code="idempotency.running")
    response = HttpResponse(bytes(known.body or b""), status=known.status)
    for name, value in known.headers.items():
        response[name] = value
    response["Idempotency-Replayed"] = "true"
    return response
