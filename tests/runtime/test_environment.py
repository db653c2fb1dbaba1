import stat
from pathlib import Path

import pytest

from guanxi.runtime.environment import read, socket_folder
from guanxi.runtime.trouble import Trouble


def test_defaults(tmp_path: Path) -> None:
    found = read({"GUANXI_DATA": str(tmp_path / "d")})
    assert (found.host, found.port, found.events_port, found.url) == ("127.0.0.1", 8000, 8001, "http://127.0.0.1:8000")
    assert (found.language, found.time_zone, found.debug, found.embedded) == ("zh-hans", "Asia/Shanghai", False, True)
    assert found.database_url == f"postgresql://guanxi_app@/guanxi?host={found.socket_folder}"
    assert found.owner_url == f"postgresql://guanxi@/guanxi?host={found.socket_folder}"
    assert found.email_url == f"file://{tmp_path}/d/mail"
    assert found.sources["GUANXI_DATA"] == "environment"
    assert found.sources["GUANXI_PORT"] == "default"
    assert found.sources["DATABASE_URL"] == "embedded"
    assert found.sources["GUANXI_SECRET_KEY"] == "generated"


def test_secret_is_made_once_and_private(tmp_path: Path) -> None:
    first = read({"GUANXI_DATA": str(tmp_path)}).secret_key
    assert read({"GUANXI_DATA": str(tmp_path)}).secret_key == first
    assert len(first) >= 60
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert sorted(place.name for place in tmp_path.iterdir()) == ["secret"]


def test_an_empty_secret_file_is_filled(tmp_path: Path) -> None:
    (tmp_path / "secret").touch()
    assert len(read({"GUANXI_DATA": str(tmp_path)}).secret_key) >= 60


def test_url_follows_host_and_port() -> None:
    assert read({"GUANXI_PORT": "81", "GUANXI_HOST": "::", "GUANXI_SECRET_KEY": "x"}).url == "http://localhost:81"
    assert read({"GUANXI_URL": "https://crm.example.com/", "GUANXI_SECRET_KEY": "x"}).url == "https://crm.example.com"
    assert read({"GUANXI_HOST": "::1", "GUANXI_SECRET_KEY": "x"}).url == "http://[::1]:8000"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("GUANXI_PORT", "abc", "GUANXI_PORT cannot be “abc”: write a whole number from 1 to 65535."),
        ("GUANXI_PORT", "70000", "GUANXI_PORT cannot be “70000”: write a whole number from 1 to 65535."),
        ("GUANXI_DEBUG", "maybe", "GUANXI_DEBUG cannot be “maybe”: write 1 or 0."),
        ("GUANXI_LANGUAGE", "fr", "GUANXI_LANGUAGE cannot be “fr”: choose one of: zh-hans, en."),
        ("GUANXI_TIME_ZONE", "Mars/X", "GUANXI_TIME_ZONE cannot be “Mars/X”: write a name such as Asia/Shanghai."),
        ("GUANXI_URL", "crm", "GUANXI_URL cannot be “crm”: write an address such as https://crm.example.com."),
        ("DATABASE_URL", "postgresql://h/", "the name of the database is missing at the end."),
        ("DATABASE_URL", "mysql://h/x", "write an address such as postgresql://user:password@host:5432/guanxi."),
        ("GUANXI_FRAMES", "javascript:alert(1)", "write origins such as https://intranet.example.com, with commas."),
        ("GUANXI_FRAMES", "https://a.example/path", "write origins such as https://intranet.example.com, with commas."),
        (
            "GUANXI_FRAMES",
            "https://a.example; script-src *",
            "write origins such as https://intranet.example.com, with commas.",
        ),
        ("EMAIL_URL", "pigeon://x", "write an address such as smtp+tls://user:password@mail.example.com:587."),
    ],
)
def test_wrong_values_are_refused_with_a_sentence(name: str, value: str, sentence: str) -> None:
    with pytest.raises(Trouble) as caught:
        read({name: value, "GUANXI_SECRET_KEY": "x"})
    assert str(caught.value).startswith(f"{name} cannot be")
    assert str(caught.value).endswith(sentence)


def test_passwords_are_never_printed() -> None:
    found = read(
        {"DATABASE_URL": "postgresql://u:hush@h/x", "GUANXI_SECRET_KEY": "hush", "GUANXI_DEMO_PASSWORD": "hush"}
    )
    assert "hush" not in str(found.table())
    shown = {row["name"]: row["value"] for row in found.table()}
    assert shown["DATABASE_URL"] == "postgresql://u:…@h/x"
    with pytest.raises(Trouble) as caught:
        read({"DATABASE_URL": "mysql://u:hush@h/x"})
    assert "hush" not in str(caught.value)


def test_every_setting_has_a_help_text() -> None:
    for row in read({"GUANXI_SECRET_KEY": "x"}).table():
        assert len(row["help"]) > 10, row["name"]


def test_the_socket_path_is_short_whatever_the_data_folder_is() -> None:
    folder = socket_folder(Path("/srv/" + "很长" * 100), Path("/tmp"))  # noqa: S108 - only named
    assert len(str(folder / ".s.PGSQL.5432")) == 38
    assert folder != socket_folder(Path("/srv/other"), Path("/tmp"))  # noqa: S108


def test_an_unwritable_data_folder_is_said() -> None:
    with pytest.raises(Trouble, match=r"The data folder /proc/nowhere cannot be used: .* GUANXI_DATA"):
        read({"GUANXI_DATA": "/proc/nowhere"})
