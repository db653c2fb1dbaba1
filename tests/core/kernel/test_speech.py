"""Sentences of the active language, found in one step."""

from __future__ import annotations

from django.utils import translation
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, gettext_lazy, trans_real

from guanxi.core.kernel import speech


def test_each_language_says_its_own_also_when_switched_to_and_back() -> None:
    lazy = gettext_lazy("Search")
    with translation.override("zh-hans"):
        assert (gettext("Search"), str(lazy), str(speech.marked("Search"))) == ("搜索", "搜索", "搜索")
        with translation.override("en"):
            assert (gettext("Search"), str(lazy), translation.get_language()) == ("Search", "Search", "en")
        assert (gettext("Search"), translation.get_language()) == ("搜索", "zh-hans")


def test_what_is_said_a_second_time_is_not_looked_up() -> None:
    with translation.override("zh-hans"):
        said = gettext("Search")
        held = speech._present.get()
        assert held is not None
        held.said["Search"] = "as it was said"
        try:
            assert gettext("Search") == "as it was said"
        finally:
            held.said["Search"] = said


def test_markup_stays_markup_and_no_language_is_no_error() -> None:
    with translation.override("zh-hans"):
        assert isinstance(gettext(mark_safe("Search")), SafeString)
        assert gettext("") == ""
        assert gettext("no sentence of ours") == "no sentence of ours"
    with translation.override(None):
        assert (gettext("Search"), translation.get_language()) == ("Search", None)


def test_sentences_are_forgotten_when_something_asks_for_too_many() -> None:
    with translation.override("en"):
        held = speech._present.get()
        assert held is not None
        for number in range(speech.MOST + 5):
            speech.gettext("text " + str(number))
        assert len(held.said) <= speech.MOST
        assert trans_real._active is speech._active
