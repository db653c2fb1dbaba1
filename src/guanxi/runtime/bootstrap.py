"""Make the environment of a checkout: ``python -m guanxi.runtime.bootstrap VENV CHECKOUT LOCK…``.

Runs on a bare CPython, before any package is there. Every package comes from the committed lock files, with hashes.
A finished lock is recorded as a copy, ``VENV/LOCK.done``; an environment without one is half made and made anew.
Two starts at the same time wait for each other.
"""

import contextlib
import fcntl
import filecmp
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

_NEEDED_MB = 700


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def done(environment: Path, lock: Path) -> bool:
    """Whether ``environment`` holds what ``lock`` names."""
    mark = environment / f"{lock.stem}.done"
    return (environment / "bin" / "python").exists() and mark.is_file() and filecmp.cmp(lock, mark, shallow=False)


def make(environment: Path, locks: list[Path]) -> None:
    """Bring ``environment`` to the state of ``locks``. Raises ``Trouble`` with the way out."""
    with _locked(environment):
        missing = [lock for lock in locks if not done(environment, lock)]
        if not missing:
            return
        if not any(environment.glob("*.done")) or not (environment / "bin" / "python").exists():
            _create(environment)
        for lock in missing:
            mark = environment / f"{lock.stem}.done"
            mark.unlink(missing_ok=True)
            _install(environment, lock)
            draft = mark.with_suffix(".new")
            shutil.copyfile(lock, draft)
            draft.replace(mark)
        _tell(_("The environment is ready."))


@contextlib.contextmanager
def _locked(environment: Path) -> Iterator[None]:
    try:
        environment.parent.mkdir(parents=True, exist_ok=True)
        lock = environment.with_name(environment.name + ".lock").open("w")
    except OSError as error:
        raise Trouble(
            _(
                "The environment cannot be made in %(folder)s: %(reason)s. "
                "Make the folder writable, or name another place in GUANXI_VENV."
            )
            % {"folder": environment, "reason": error.strerror}
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            _tell(_("Another start is making the environment; waiting for it …"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _uv() -> str | None:
    uv = shutil.which("uv")
    if uv and subprocess.run([uv, "--version"], capture_output=True, check=False).returncode == 0:
        return uv
    return None


def _create(environment: Path) -> None:
    free = shutil.disk_usage(environment.parent).free // (1024 * 1024)
    if free < _NEEDED_MB:
        raise Trouble(
            _("There are only %(free)s MB free at %(folder)s; Guanxi needs %(needed)s MB. Make room and start again.")
            % {"free": free, "folder": environment.parent, "needed": _NEEDED_MB}
        )
    _tell(
        _("Making the environment in %(folder)s with Python %(version)s …")
        % {"folder": environment, "version": ".".join(map(str, sys.version_info[:3]))}
    )
    shutil.rmtree(environment, ignore_errors=True)
    with_pip = _uv() is None
    try:
        venv.create(environment, with_pip=with_pip, symlinks=True)
    except (subprocess.CalledProcessError, OSError) as error:
        raise Trouble(
            _(
                "Python's venv did not work (%(reason)s). On Debian and Ubuntu install the package python3-venv, "
                "or install uv, and start again."
            )
            % {"reason": str(error).splitlines()[0]}
        ) from None


def _install(environment: Path, lock: Path) -> None:
    python = str(environment / "bin" / "python")
    uv = _uv()
    if uv:
        command = [uv, "pip", "install", "--quiet", "--python", python, "--compile-bytecode"]
        _tell(_("Installing the packages of %(lock)s with uv …") % {"lock": lock.name})
    else:
        _ensure_pip(python)
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
        _tell(_("Installing the packages of %(lock)s with pip; this takes about a minute …") % {"lock": lock.name})
    variables = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    if subprocess.run([*command, "--require-hashes", "-r", str(lock)], env=variables, check=False).returncode != 0:
        raise Trouble(
            _(
                "The packages could not be installed; the reason is printed above. "
                "When it is the network, start again once it works: what is there already is kept."
            )
        )


def _ensure_pip(python: str) -> None:
    """An environment made with uv has no pip; uv may have gone since."""
    if subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode != 0:
        subprocess.run([python, "-m", "ensurepip"], capture_output=True, check=False)


def main() -> int:
    """Entry point. Returns 0, or 1 after printing what is in the way."""
    environment, checkout = Path(sys.argv[1]), Path(sys.argv[2])
    try:
        make(environment, [checkout / f"{name}.lock" for name in sys.argv[3:]])
    except Trouble as trouble:
        _tell(str(trouble))
        return 1
    except KeyboardInterrupt:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
