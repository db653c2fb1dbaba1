"""The pages say what is true: links lead somewhere, commands exist, generated parts are up to date."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import click
import pytest

from guanxi.core.cli import COMMANDS, guanxi
from tests.plugin_postgres import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"""!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)|<img[^>]*\ssrc="([^"]+)\"""")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(?:^|[`\s$])(?:\./)?guanxi ([a-z][^`\n]*)")
_WORKSHOP = re.compile(r"/work/|/tmp/brief|issues? #\d|\bissue \d", re.IGNORECASE)


def _anchors(text: str) -> set[str]:
    """The anchors of a page's headings, made the way the usual readers make them."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6}[ \t]+(.+?)[ \t]*#*$", _FENCE.sub("", text), re.MULTILINE):
        plain = re.sub(r"[`*]|\[|\]\([^)]*\)", "", heading).strip().lower()
        found.add(re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", plain)))
    return found


def _links(text: str) -> list[str]:
    return [one or other for one, other in _LINK.findall(_FENCE.sub("", text))]


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_internal_link_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    broken = []
    for link in _links(text):
        if re.match(r"[a-z]+:", link):
            continue
        place, _hash, anchor = unquote(link).partition("#")
        target = (page.parent / place).resolve() if place else page
        inside = target.exists() and target.is_relative_to(ROOT)
        if not inside or (anchor and anchor.lower() not in _anchors(target.read_text(encoding="utf-8"))):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_pictures_come_from_here(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    pictures = re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)|<img[^>]*\ssrc=\"([^\"]+)\"", text)
    assert [one or other for one, other in pictures if "://" in (one or other)] == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_nothing_of_the_workshop_is_told(page: Path) -> None:
    assert _WORKSHOP.findall(page.read_text(encoding="utf-8")) == []


def test_no_page_of_the_documentation_is_an_orphan() -> None:
    reached, waiting = set[Path](), [ROOT / "README.md", ROOT / "README.zh-CN.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        for link in _links(page.read_text(encoding="utf-8")):
            target = (page.parent / link.partition("#")[0]).resolve()
            if target.suffix == ".md" and target.is_file():
                waiting.append(target)
    assert [_name(page) for page in PAGES if page not in reached] == []


@pytest.mark.parametrize(("folder", "most"), [("images", 150_000), ("guide/images", 60_000)])
def test_pictures_are_small_and_shown(folder: str, most: int) -> None:
    places = sorted((ROOT / "docs" / folder).iterdir())
    assert [place.name for place in places if place.suffix != ".png" or place.stat().st_size > most] == []
    told = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [place.name for place in places if place.name not in told] == []


def _commands(page: Path) -> list[str]:
    """What stands after ``guanxi`` in code: blocks and spans, not running text."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`([^`\n]+)`", _FENCE.sub("", text))
    return [found for code in [*blocks, *spans] for found in _COMMAND.findall(code)]


def _unknown(written: str) -> str:
    """What of a command line does not exist: the command, the subcommand or an option; empty when all does."""
    words = shlex.split(re.split(r"#|\s[|>]\s", written, maxsplit=1)[0])
    context = click.Context(guanxi)
    command = guanxi.get_command(context, words[0])
    if words[0] not in COMMANDS or command is None:
        return words[0]
    rest = words[1:]
    if isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        command = command.get_command(context, rest[0])
        if command is None:
            return f"{words[0]} {rest[0]}"
        rest = rest[1:]
    if words[0] == "test":  # its arguments go to pytest
        return ""
    known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-"}
    return " ".join(word for word in rest if word.startswith("-") and word.partition("=")[0] not in known)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_command_named_exists(page: Path) -> None:
    assert [written for written in _commands(page) if _unknown(written)] == []


def test_the_readmes_name_the_two_commands() -> None:
    for page in (ROOT / "README.md", ROOT / "README.zh-CN.md"):
        assert {"demo", "test"} <= {written.split()[0] for written in _commands(page)}


def test_an_invented_command_or_option_would_be_noticed() -> None:
    assert _unknown("demo --port 8000") == ""
    assert _unknown("token create zhangwei --name x --scopes read,write --json") == ""
    assert _unknown("fly") == "fly"
    assert _unknown("token burn 1") == "token burn"
    assert _unknown("demo --turbo") == "--turbo"
    assert _unknown("import leads.csv --owner -") == ""


def test_entities_and_settings_are_as_in_the_code(tmp_path: Path) -> None:
    """``tools/reference.py --check``: the reference of entities, and the table of settings against ``Environment``."""
    variables = {**os.environ, "GUANXI_DATA": str(tmp_path), "DJANGO_SETTINGS_MODULE": "guanxi.config.settings"}
    command = [sys.executable, str(ROOT / "tools" / "reference.py"), "--check"]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_every_glossary_term_of_an_entity_is_the_one_on_the_screen() -> None:
    """The Chinese of the glossary's models is what the reference shows for them."""
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    reference = (ROOT / "docs" / "reference" / "entities.md").read_text(encoding="utf-8")
    for english, plural in (
        ("Customer", "Customers"),
        ("Contact", "Contacts"),
        ("Follow-up", "Follow-ups"),
        ("Task", "Tasks"),
    ):
        chinese = re.search(rf"^\| {english}(?:, [^|]*)? \| ([^|,]+?)(?:,[^|]*)? \|", glossary, re.MULTILINE)
        assert chinese is not None, english
        assert f"## {plural} {chinese[1]}" in reference


@pytest.mark.parametrize("page", sorted((ROOT / "docs/guide/zh").glob("*.md")), ids=_name)
def test_a_chinese_page_has_the_parts_of_its_english_twin(page: Path) -> None:
    """The same headings in the same order; what only developers need is left out."""
    twin = page.parent.parent / page.name
    english = re.findall(r"^## (?!For developers).+$", twin.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(re.findall(r"^## .+$", page.read_text(encoding="utf-8"), re.MULTILINE)) == len(english)
    assert re.search(r"[\u4e00-\u9fff]{100}", re.sub(r"[^\u4e00-\u9fff]", "", page.read_text(encoding="utf-8")))
