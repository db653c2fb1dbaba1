"""Passwords: how they are hashed, which are refused, and setting one.

A password may hold any sign of any script and be as long as a sentence; it is compared in Unicode form NFKC, so that
the same keys pressed on another machine give the same password.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.hashers import Argon2PasswordHasher
from django.contrib.auth.password_validation import CommonPasswordValidator, validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel.errors import Invalid, Unavailable
from guanxi.core.models import User

#: Hashes computed at the same time in one process; each takes ``Hasher.memory_cost`` KiB and one core.
CONCURRENT = 2
#: Seconds a sign-in waits for its turn before it is refused.
PATIENCE = 20
LONGEST = 1000

_turns = threading.BoundedSemaphore(CONCURRENT)


def normal(password: str) -> str:
    """The password as it is hashed: Unicode form NFKC."""
    return unicodedata.normalize("NFKC", password)


@contextmanager
def _turn() -> Iterator[None]:
    if not _turns.acquire(timeout=PATIENCE):
        raise Unavailable(_("Too many people are signing in at this moment. Please try again."), code="signin.busy")
    try:
        yield
    finally:
        _turns.release()


class Hasher(Argon2PasswordHasher):
    """Argon2id at about 150 ms on one core of a 2024 server, at most :data:`CONCURRENT` at a time in a process.

    Raises ``Unavailable`` when no turn comes within :data:`PATIENCE` seconds.
    """

    time_cost = 3
    memory_cost = 56 * 1024
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        """The stored form of a password."""
        with _turn():
            return str(super().encode(normal(password), salt))

    def verify(self, password: str, encoded: str) -> bool:
        """Whether the password is the one that was stored."""
        with _turn():
            return bool(super().verify(normal(password), encoded))


#: Common in China, or at home in this product; those of ten signs and more, and the stems people lengthen.
_COMMON = frozenset(
    [
        "woaini1314",
        "woaini520",
        "woaini5201314",
        "5201314520",
        "1314520520",
        "5201314woaini",
        "woaini123",
        "woaini521",
        "woaini1234",
        "woaiwojia",
        "iloveyou1314",
        "iloveyou520",
        "wodemima",
        "wodemima123",
        "mima123456",
        "mimamima",
        "zhangwei123",
        "wangwei123",
        "wangyut2",
        "qq123456",
        "qq123456789",
        "qq5201314",
        "aini1314520",
        "aini5201314",
        "aisini1314",
        "nihao123456",
        "nihaoma123",
        "xiaoming123",
        "admin123456",
        "admin888888",
        "root123456",
        "a123456789",
        "a1234567890",
        "aa123456789",
        "abc123456789",
        "abcd123456",
        "asd123456789",
        "zxc123456789",
        "qwe123456789",
        "q1w2e3r4t5",
        "q1w2e3r4t5y6",
        "1q2w3e4r5t",
        "1q2w3e4r5t6y",
        "1qaz2wsx3edc",
        "1qaz2wsx3edc4rfv",
        "qazwsxedcrfv",
        "zaq12wsxcde3",
        "qwertyuiop",
        "asdfghjkl;",
        "zxcvbnm123",
        "qwerty123456",
        "caonima123",
        "wocaonima",
        "fuckyou123",
        "dearbook123",
        "123456789a",
        "1234567890a",
        "1234567890q",
        "0123456789",
        "147258369",
        "1472583690",
        "7894561230",
        "changeme123",
        "welcome123",
        "password12",
        "password123",
        "password1234",
        "passw0rd123",
        "p@ssw0rd123",
        "p@ssword123",
        "letmein123",
        "administrator",
        "我爱你一生一世",
        "我的密码是密码",
        "我的密码我的密码",
    ]
)
_STEMS = frozenset(
    [
        "password",
        "passw0rd",
        "p@ssword",
        "p@ssw0rd",
        "admin",
        "administrator",
        "root",
        "guanxi",
        "guanxicrm",
        "crm",
        "welcome",
        "letmein",
        "changeme",
        "qwerty",
        "qwertyuiop",
        "asdfgh",
        "asdfghjkl",
        "zxcvbn",
        "zxcvbnm",
        "iloveyou",
        "abc",
        "abcd",
        "abcdef",
        "qazwsx",
        "woaini",
        "woaini1314",
        "mima",
        "wodemima",
        "nihao",
        "aini",
        "zhongguo",
        "china",
        "beijing",
        "shanghai",
        "qq",
        "aa",
        "a",
        "test",
        "demo",
        "user",
        "login",
        "sunshine",
        "princess",
        "dragon",
        "monkey",
        "football",
        "baseball",
        "superman",
        "密码",
        "我的密码",
        "我爱你",
        "关系",
        "中国",
        "北京",
        "上海",
    ]
)
_SEQUENCES = (
    "01234567890123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn",
)
_TAIL = re.compile(r"(?:(?:19|20)\d\d|520|521|1314|5201314|(\d)\1*|[\W_])+\Z")


def _is_walk(text: str) -> bool:
    """One sign repeated, or a piece of a well-known row, in either direction."""
    return len(set(text)) <= 2 or any(text in row or text[::-1] in row for row in _SEQUENCES)


def _is_common(text: str) -> bool:
    if text in _COMMON or _is_walk(text):
        return True
    stem = _TAIL.sub("", text)
    while stem and _is_walk(stem[-3:]) and len(stem) > 3 and stem[-3:].isdigit():
        stem = stem[:-1].rstrip("0123456789")
    return stem in _STEMS or (len(stem) <= 2 and stem.isascii())


class CommonValidator(CommonPasswordValidator):
    """Refuses passwords everybody tries first, in Chinese and in English, also with a year or ``1314`` behind."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raises ``ValidationError`` (code ``password_too_common``)."""
        text = normal(password).casefold().strip()
        if _is_common(text):
            raise ValidationError(_("This password is too easy to guess."), code="password_too_common")
        super().validate(text, user)

    def get_help_text(self) -> str:
        """What a form says about it."""
        return str(_("A password many people use is refused."))


class LengthValidator:
    """At least ``min_length`` signs after normalising, at most :data:`LONGEST`."""

    def __init__(self, min_length: int = 10) -> None:
        self.min_length = min_length

    def validate(self, password: str, user: Any = None) -> None:  # noqa: ARG002 - Django passes it
        """Raises ``ValidationError`` (code ``password_too_short`` or ``password_too_long``)."""
        length = len(normal(password))
        if length < self.min_length:
            text = _("Use at least %(count)d characters; a short sentence is easy to remember.")
            raise ValidationError(text, code="password_too_short", params={"count": self.min_length})
        if length > LONGEST:
            raise ValidationError(
                _("Use at most %(count)d characters."), code="password_too_long", params={"count": LONGEST}
            )

    def get_help_text(self) -> str:
        """What a form says about it."""
        return str(
            _("Use at least %(count)d characters; a short sentence is easy to remember.") % {"count": self.min_length}
        )


def password_check(password: str, user: User | None = None) -> None:
    """Raises ``Invalid`` on field ``password`` with every reason why this password is refused for this user."""
    try:
        validate_password(normal(password), user)
    except ValidationError as error:
        reasons = [
            Invalid(
                single.message % single.params if single.params else single.message,
                code=f"password.{(single.code or 'refused').removeprefix('password_')}",
                field="password",
            )
            for single in error.error_list
        ]
        raise Invalid.collect({"password": reasons}) from None
