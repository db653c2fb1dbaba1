"""Which passwords are taken, and how they are kept."""

from __future__ import annotations

import threading
import time

import pytest
from django.contrib.auth.hashers import check_password, make_password

from guanxi.core.kernel.errors import Invalid, Unavailable
from guanxi.core.models import User
from guanxi.core.people import passwords
from guanxi.core.people.passwords import Hasher, password_check


@pytest.mark.parametrize(
    ("password", "codes"),
    [
        ("short", ["password.too_short"]),
        ("九个字的密码不够长", ["password.too_short"]),
        ("x" * 1001, ["password.too_long", "password.too_common"]),
        ("password12", ["password.too_common"]),
        ("Password2024!", ["password.too_common"]),
        ("woaini1314520", ["password.too_common"]),
        ("WoAiNi5201314", ["password.too_common"]),
        ("qq123456789", ["password.too_common"]),
        ("guanxi2026!", ["password.too_common"]),
        ("1234567890", ["password.too_common"]),
        ("0987654321", ["password.too_common"]),
        ("aaaaaaaaaaaa", ["password.too_common"]),
        ("qwertyuiop", ["password.too_common"]),
        ("1qaz2wsx3edc", ["password.too_common"]),
        ("ｐａｓｓｗｏｒｄ２０２４", ["password.too_common"]),
        ("mynameisalice", ["password.too_similar"]),
    ],
)
def test_refused(db: None, password: str, codes: list[str]) -> None:
    user = User(username="mynameisalice", name="林爱丽", email="a@firma.example")
    with pytest.raises(Invalid) as caught:
        password_check(password, user)
    assert [error.code for error in caught.value.errors["password"]] == codes


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "白日依山尽黄河入海流",
        "9f2c71ab0e",
        "Ein Käse für 3 €, bitte",
        "🐉🐉🐉 三条龙在天上飞",
        "p" + "q7 " * 300,
    ],
)
def test_taken_and_known_again(db: None, password: str) -> None:
    password_check(password, User(username="alice", name="林爱丽"))
    stored = make_password(password)
    assert check_password(password, stored)
    assert not check_password(password + " ", stored)
    assert not check_password(password[:-1], stored)


def test_unicode_forms_are_one_password() -> None:
    composed, apart = "caf\u00e9 au lait", "cafe\u0301 au lait"
    assert composed != apart
    assert check_password(apart, make_password(composed))
    assert check_password("ABC123 wide enough", make_password("ＡＢＣ１２３ wide enough"))


def test_the_whole_of_a_long_password_counts() -> None:
    stored = make_password("a" * 100 + "b")
    assert not check_password("a" * 100 + "c", stored)


def test_real_hash_is_argon2id_of_full_cost() -> None:
    encoded = Hasher().encode("some password", "saltsaltsaltsalt")
    assert encoded.startswith("argon2$argon2id$v=19$m=57344,t=3,p=1$")


def test_at_most_two_hashes_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    running, most = [], []

    def slow(self: Hasher, password: str, salt: str) -> str:
        running.append(1)
        most.append(len(running))
        time.sleep(0.05)
        running.pop()
        return "x"

    monkeypatch.setattr("django.contrib.auth.hashers.Argon2PasswordHasher.encode", slow)
    threads = [threading.Thread(target=Hasher().encode, args=("p", "s")) for _n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 8
    assert max(most) == 2


def test_no_turn_within_patience_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "PATIENCE", 0.01)
    for _n in range(passwords.CONCURRENT):
        passwords._turns.acquire()
    try:
        with pytest.raises(Unavailable):
            Hasher().encode("p", "saltsalt")
    finally:
        for _n in range(passwords.CONCURRENT):
            passwords._turns.release()
