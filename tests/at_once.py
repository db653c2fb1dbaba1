"""Several people at the same moment, each over a connection of his own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import connections

from guanxi.core.kernel.errors import GuanxiError


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Do all at the same moment; what each answered, in order. What one raises is raised here."""
    start, found, errors = threading.Barrier(len(works)), [None] * len(works), []

    def do(place: int, work: Callable[[], Any]) -> None:
        try:
            start.wait(20)
            found[place] = work()
        except BaseException as error:  # noqa: BLE001 - raised again where the test sees it
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=do, args=each) for each in enumerate(works)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(120)
    if errors:
        raise errors[0]
    assert not any(one.is_alive() for one in threads), "somebody waits for ever"
    return found


def ends(*works: Callable[[], Any]) -> list[str]:
    """Do all at the same moment; what became of them, sorted: ``done`` or the code of one of our errors."""
    return sorted(at_once(*(partial(_end, work) for work in works)))


def _end(work: Callable[[], Any]) -> str:
    try:
        work()
    except GuanxiError as error:
        return error.code
    return "done"
