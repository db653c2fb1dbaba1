"""Questions about several sorts of record, put to the database together: one statement a round instead of one for each sort."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from guanxi.core.models.fixed import ask

#: Number and mark: what each row of an answer holds.
Row = tuple[int, bool]
#: One way of looking: asks, is sent the answers, and may end with further ways to go.
Way = Generator["list[Question]", "list[list[Row]]", "Sequence[Way] | None"]

#: Nobody is helped by starting two processes for some milliseconds of work, and their rows come in any order: a statement
#: with a function that may not run beside another is worked off by one.
_ALONE = "SELECT -1, 0::bigint, set_config('guanxi.alone', 'yes', true) IS NULL"


@dataclass(frozen=True, slots=True)
class Question:
    """A statement of rows ``(bigint, boolean)`` with its values; not ``prepared`` where these decide which plan is good."""

    sql: str
    values: Sequence[Any]
    prepared: bool = True


def go(ways: Sequence[Way]) -> None:
    """Go all ways to their ends, side by side."""
    answers: dict[Way, list[list[Row]] | None] = dict.fromkeys(ways)
    while answers:
        asked: list[tuple[Way, list[Question]]] = []
        begun = list(answers.items())
        while begun:
            way, answer = begun.pop(0)
            try:
                asked.append((way, next(way) if answer is None else way.send(answer)))
            except StopIteration as end:
                begun += [(more, None) for more in end.value or ()]
        rows = iter(_answers([question for _way, questions in asked for question in questions]))
        answers = {way: [next(rows) for _question in questions] for way, questions in asked}


def _answers(questions: Sequence[Question]) -> list[list[Row]]:
    """The rows of each question."""
    if not questions:
        return []
    prepared = all(question.prepared for question in questions)
    if prepared and len(questions) == 1:
        return [ask(questions[0].sql, questions[0].values)]
    parts = [f"SELECT {number}, a.* FROM ({question.sql}) a" for number, question in enumerate(questions)]  # noqa: S608 - own SQL
    if not prepared:
        parts.insert(0, _ALONE)
    found: list[list[Row]] = [[] for _question in questions]
    values = [value for question in questions for value in question.values]
    for number, *row in ask(" UNION ALL ".join(parts), values, prepared=prepared):
        if number >= 0:
            found[number].append((row[0], row[1]))
    return found
