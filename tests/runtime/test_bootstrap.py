"""The script ``./guanxi`` in a small checkout: the real script and bootstrap, lock files without packages."""

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.runtime.helpers import LONG, ROOT, variables

PRINTS = "import sys; print(sys.prefix); print(*sys.argv[1:], sep='|')"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    home = tmp_path / LONG
    runtime = home / "src" / "guanxi" / "runtime"
    runtime.mkdir(parents=True)
    for name in ("__init__", "bootstrap", "trouble", "words"):
        shutil.copy(ROOT / "src" / "guanxi" / "runtime" / f"{name}.py", runtime)
    (runtime.parent / "__init__.py").touch()
    (runtime.parent / "__main__.py").write_text(PRINTS)
    shutil.copy(ROOT / "guanxi", home / "guanxi")
    (home / "requirements.lock").write_text("# nothing\n")
    (home / "requirements-dev.lock").write_text("# nothing for developers\n")
    return home


def _run(script: Path, *arguments: str, **own: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in variables(**own).items() if k not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    return subprocess.run([script, *arguments], env=clean, cwd="/", capture_output=True, text=True, check=False)


def test_it_makes_the_environment_once_and_passes_arguments_on(checkout: Path) -> None:
    first = _run(checkout / "guanxi", "demo", "--port", "1 2")
    assert first.returncode == 0, first.stderr
    assert first.stdout == f"{checkout}/.venv\ndemo|--port|1 2\n"
    assert first.stderr.startswith(f"Making the environment in {checkout}/.venv with Python 3.")
    assert first.stderr.endswith("The environment is ready.\n")
    again = _run(checkout / "guanxi", "serve")
    assert (again.stdout, again.stderr) == (f"{checkout}/.venv\nserve\n", "")


def test_it_can_be_called_through_links_from_anywhere(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "crm").symlink_to(Path("..") / LONG / "guanxi")
    (tmp_path / "crm").symlink_to(tmp_path / "bin" / "crm")
    done = _run(tmp_path / "crm", "x")
    assert done.stdout == f"{checkout}/.venv\nx\n", done.stderr


def test_a_half_made_environment_is_made_anew(checkout: Path) -> None:
    _run(checkout / "guanxi")
    (checkout / ".venv" / "requirements.done").unlink()
    (checkout / ".venv" / "left-over").touch()
    done = _run(checkout / "guanxi", "x")
    assert "Making the environment" in done.stderr
    assert done.stdout == f"{checkout}/.venv\nx\n"
    assert not (checkout / ".venv" / "left-over").exists()


def test_a_changed_lock_is_installed_into_the_environment(checkout: Path) -> None:
    _run(checkout / "guanxi")
    (checkout / ".venv" / "kept").touch()
    (checkout / "requirements.lock").write_text("# still nothing\n")
    done = _run(checkout / "guanxi", "x")
    assert "Installing the packages of requirements.lock" in done.stderr
    assert "Making the environment" not in done.stderr
    assert (checkout / ".venv" / "kept").exists()


def test_tests_need_the_packages_of_developers_too(checkout: Path) -> None:
    assert "requirements-dev.lock" not in _run(checkout / "guanxi", "doctor").stderr
    assert "requirements-dev.lock" in _run(checkout / "guanxi", "test").stderr
    assert _run(checkout / "guanxi", "test").stderr == ""


def test_a_package_that_cannot_be_had_ends_with_a_sentence(checkout: Path) -> None:
    (checkout / "requirements.lock").write_text("there-is-no-such-package==1 --hash=sha256:" + "0" * 64 + "\n")
    done = _run(checkout / "guanxi", PIP_NO_INDEX="1", UV_NO_INDEX="1", UV_OFFLINE="1")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("The packages could not be installed; the reason is printed above.")
    assert not (checkout / ".venv" / "requirements.done").exists()


def test_a_package_without_its_hash_is_refused(checkout: Path, tmp_path: Path) -> None:
    about = {"METADATA": "Metadata-Version: 2.1\nName: nothing\nVersion: 1\n", "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n", "RECORD": ""}  # fmt: skip
    with zipfile.ZipFile(tmp_path / "nothing-1-py3-none-any.whl", "w") as wheel:
        for name, text in about.items():
            wheel.writestr(f"nothing-1.dist-info/{name}", text)
    (checkout / "requirements.lock").write_text("nothing==1\n")
    found = {"PIP_FIND_LINKS": str(tmp_path), "UV_FIND_LINKS": str(tmp_path)}
    done = _run(checkout / "guanxi", PIP_NO_INDEX="1", UV_NO_INDEX="1", UV_OFFLINE="1", **found)
    assert done.returncode == 1
    assert "hash" in done.stderr


def test_two_starts_at_once_make_it_once(checkout: Path) -> None:
    clean = {k: v for k, v in variables().items() if k not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    both = [
        subprocess.Popen(
            [checkout / "guanxi", "x"], env=clean, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _each in range(2)
    ]
    said = [each.communicate() for each in both]
    assert [out for out, _err in said] == [f"{checkout}/.venv\nx\n"] * 2
    assert sum("Making the environment" in err for _out, err in said) == 1


def test_an_old_python_is_refused_in_both_languages(checkout: Path) -> None:
    old = checkout / "python-old"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.1 || exit 1\n')
    old.chmod(0o755)
    english = _run(checkout / "guanxi", GUANXI_PYTHON=str(old))
    assert english.returncode == 1
    assert english.stderr == (
        "Guanxi needs CPython 3.11 or newer; found here: Python 3.9.1. Install one, or name it in GUANXI_PYTHON.\n"
    )
    chinese = _run(checkout / "guanxi", GUANXI_PYTHON=str(old), LANG="zh_CN.UTF-8")
    assert chinese.stderr.startswith("关系需要 CPython 3.11 或更新的版本；这里只找到 Python 3.9.1。")


@pytest.mark.slow
def test_without_uv_it_uses_venv_and_pip(checkout: Path, tmp_path: Path) -> None:
    """A PATH with Python and the shell's tools only."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("dirname", "readlink", "cmp", "sh"):
        found = shutil.which(name)
        assert found
        (tools / name).symlink_to(found)
    done = _run(checkout / "guanxi", "x", PATH=str(tools), GUANXI_PYTHON=os.path.realpath("/proc/self/exe"))
    assert "with pip" in done.stderr
    assert done.stdout == f"{checkout}/.venv\nx\n", done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="root may write everywhere but into a read-only place like /proc")
def test_a_place_that_cannot_be_written_ends_with_a_sentence(checkout: Path) -> None:
    done = _run(checkout / "guanxi", GUANXI_VENV="/proc/nowhere/venv")
    assert done.returncode == 1
    assert done.stderr.startswith("The environment cannot be made in /proc/nowhere/venv: No such file or directory.")
