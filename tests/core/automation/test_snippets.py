"""Snippets: those of everybody belong to the settings, one's own to oneself alone."""

from __future__ import annotations

from typing import Any

import pytest

from guanxi.core.automation import templates
from guanxi.core.exchange.settings_document import document, text_of
from guanxi.core.kernel.errors import Denied, Invalid, NotFound
from tests.signing import browser

pytestmark = pytest.mark.django_db
ONE = {"name_zh": "谢谢", "text_zh": "谢谢来访"}


def test_mine_are_seen_and_changed_by_me_alone(cast: Any) -> None:
    mine = templates.snippet_save(cast.alice, None, ONE, own=True)
    shared = templates.snippet_save(cast.root, None, {**ONE, "name_zh": "公用"})
    assert [name for _row, name, _text in templates.snippets(cast.alice)] == ["谢谢", "公用"]
    assert [name for _row, name, _text in templates.snippets(cast.bob)] == ["公用"]
    assert [one["text"] for one in browser(cast.alice_user).get("/pick/snippets/?q=来访").json()["items"]] == [
        "谢谢",
        "公用",
    ]
    told = text_of(document())
    assert "公用" in told
    assert mine.key not in told, "what is one's own does not travel with the settings"
    for work in (lambda: templates.snippet_save(cast.bob, mine, ONE), lambda: templates.removed(cast.bob, mine)):
        with pytest.raises(NotFound):
            work()
    with pytest.raises(Denied):
        templates.snippet_save(cast.alice, shared, ONE)
    with pytest.raises(Denied):
        templates.snippet_save(cast.alice, None, ONE)
    with pytest.raises(Invalid) as empty:
        templates.snippet_save(cast.alice, None, {"name_zh": "x", "text_zh": " "}, own=True)
    assert empty.value.field == "text_zh"
    templates.snippet_save(cast.alice, mine, {**ONE, "text_zh": "改了"})
    templates.removed(cast.alice, mine)
    assert [name for _row, name, _text in templates.snippets(cast.alice)] == ["公用"]
