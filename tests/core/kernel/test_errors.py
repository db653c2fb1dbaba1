"""Errors let go of what they came through."""

import contextlib
import gc
import weakref

from guanxi.core.kernel.errors import Invalid
from guanxi.core.records import cleaning
from guanxi.core.schema.fields import Field


class Held:
    """Something large a frame was at work with."""


def refused() -> "weakref.ref[Held]":
    held = Held()
    with contextlib.suppress(Invalid):
        raise Invalid("No.", code="no", field="name")
    return weakref.ref(held)


def cleaned() -> "weakref.ref[Held]":
    held = Held()
    with contextlib.suppress(Invalid):
        cleaning.clean_given({"email": Field(name="email", kind="email", label="E-mail")}, {"email": "no address"})
        raise AssertionError("It was taken.")
    return weakref.ref(held)


def test_a_refused_value_does_not_hold_what_was_at_work() -> None:
    gc.disable()
    try:
        assert refused()() is None
        assert cleaned()() is None
    finally:
        gc.enable()


def test_one_error_of_several_fields() -> None:
    first, second = Invalid("One.", field="a"), Invalid("Two.", field="b")
    assert first.errors == {"a": [first]}
    both = Invalid.collect({"a": [first], "b": [second]})
    assert both.errors == {"a": [first], "b": [second]}
    assert Invalid("All.").errors == {}
