"""Reading the sent editor of a rule into a draft, and the buttons that add, move and remove steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import QueryDict

from guanxi.core.automation.rules.hearing import MOVES
from guanxi.core.automation.rules.steps import KINDS
from guanxi.core.automation.rules.store import RuleDraft
from guanxi.core.web import editors
from guanxi.core.web.approvals.flows import numbers_of, whom_from

#: Rows of the condition builder that belong to branches are numbered from here, so that they do not mix with the rule's own.
BRANCH = 1000
DEEPEST = 4


def draft_from(data: QueryDict) -> RuleDraft:
    """The draft a sent editor stands for."""
    key = data.get("entity", "")
    own = data.copy()
    for name in list(own):
        if (
            name.startswith("c.")
            and name[2:].partition(".")[0].isdecimal()
            and int(name[2:].partition(".")[0]) >= BRANCH
        ):
            del own[name]
    per_hour = data.get("per_hour", "")
    return RuleDraft(
        name_zh=data.get("name_zh", ""),
        name_en=data.get("name_en", ""),
        entity=key,
        trigger=trigger_from(data),
        condition=editors.condition_from(own, key),
        formula=data.get("formula", "").strip(),
        steps=steps_from(data, "s.", key),
        run_as=data.get("run_as", "system"),
        person=data.get("person", ""),
        muted_in_imports=bool(data.get("muted_in_imports")),
        per_hour=int(per_hour) if per_hour.isdecimal() and len(per_hour) < 9 else -1,
        position=editors.position_from(data),
        active=bool(data.get("active")),
    )


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return 0


def trigger_from(data: QueryDict) -> dict[str, Any]:
    """When the rule runs, as the form says."""
    on = data.get("on", "")
    found: dict[str, Any] = {"on": on}
    if on == "changed":
        found["fields"] = data.getlist("t.fields")
        for name in ("from", "to"):
            sent = [one for one in data.getlist(f"t.{name}") if one]
            if sent:
                found[name] = sent
    elif on == "date":
        number = abs(_whole(data.get("t.offset", "0")))
        found |= {
            "field": data.get("t.field", ""),
            "offset": -number if data.get("t.side") == "before" else number,
            "unit": data.get("t.unit", "days"),
            "at": data.get("t.at", "09:00") or "09:00",
        }
    elif on == "schedule":
        found["cron"] = data.get("t.cron", "").strip()
    elif on == "approval":
        found |= {"action": data.get("t.action", ""), "states": data.getlist("t.states")}
    elif on in MOVES:
        found["segment"] = data.get("t.segment", "")
    elif on == "message":
        found["channels"] = data.getlist("t.channels")
        found |= {name: data.get(f"t.{name}", "").strip() for name in ("from", "subject", "text")}
    elif on == "event":
        found["event"] = data.get("t.event", "")
    return found


def steps_from(data: QueryDict, prefix: str, entity: str, depth: int = 0) -> list[dict[str, Any]]:
    """The steps below a prefix of names, branches included."""
    return (
        [_step(data, f"{prefix}{number}.", entity, depth) for number in numbers_of(data, prefix)]
        if depth <= DEEPEST
        else []
    )


def _step(data: QueryDict, at: str, entity: str, depth: int) -> dict[str, Any]:
    sort = data.get(f"{at}do", "")
    step: dict[str, Any] = {"do": sort}
    if sort == "if":
        step["when"] = _branch(data, data.get(f"{at}row", ""), entity)
        step["formula"] = data.get(f"{at}formula", "").strip()
        step["then"] = steps_from(data, f"{at}t.", entity, depth + 1)
        step["else"] = steps_from(data, f"{at}e.", entity, depth + 1)
        return step
    if sort == "wait":
        try:
            step["hours"] = float(data.get(f"{at}hours", "") or 0)
        except ValueError:
            step["hours"] = 0
        step["working"] = bool(data.get(f"{at}working"))
        return step
    if sort == "run":
        return {**step, "rule": data.get(f"{at}rule", "")}
    kind = KINDS.get(sort)
    for part in kind.parts if kind else ():
        if part == "values":
            step["values"] = _values(data, f"{at}v.")
        elif part == "whom":
            step["whom"] = whom_from(data, f"{at}who.")
        elif part == "fields":
            step["fields"] = data.getlist(f"{at}fields")
        else:
            step[part] = data.get(f"{at}{part}", "").strip() if "text" not in part else data.get(f"{at}{part}", "")
    for ask in kind.asks if kind else ():
        step[ask.name] = data.get(f"{at}{ask.name}", "")
    for part in ("text_en", "marketing"):
        if not step.get(part, "").strip():
            step.pop(part, None)
    return step


def _branch(data: QueryDict, row: str, entity: str) -> dict[str, Any]:
    """The one condition of a branch, from its row of the builder."""
    if not row.isdecimal():
        return {}
    mine = QueryDict(mutable=True)
    for name in data:
        if name.startswith(f"c.{row}."):
            mine.setlist(name, data.getlist(name))
    return editors.condition_from(mine, entity)


def _values(data: QueryDict, prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number in numbers_of(data, prefix):
        name = data.get(f"{prefix}{number}.field", "")
        if name:
            sent = data.getlist(f"{prefix}{number}.value")
            found[name] = sent[0] if sent else ""
    return found


def changed(draft: RuleDraft, what: str) -> RuleDraft:
    """The draft after a button: ``add:<path>:<kind>``, ``drop:<path>``, ``up:<path>``, ``who:<path>``, ``value:<path>`` …

    A path is like ``0.t.1``: step 1 of the first branch of step 0.
    """
    verb, _colon, rest = what.partition(":")
    place, _colon, extra = rest.partition(":")
    steps = _copied(draft.steps)
    listed, number = _at(steps, place)
    if verb == "add" and listed is not None:
        listed.append(_fresh(extra))
    elif listed is not None and number is not None and number < len(listed):
        _work(verb, listed, number, extra)
    values = {name: getattr(draft, name) for name in RuleDraft.__dataclass_fields__}
    return RuleDraft(**{**values, "steps": steps})


def _copied(steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**one, **{name: _copied(one[name]) for name in ("then", "else") if name in one}, **({"whom": list(one["whom"])} if "whom" in one else {})}
        for one in steps
    ]  # fmt: skip


def _at(steps: list[dict[str, Any]], place: str) -> tuple[list[dict[str, Any]] | None, int | None]:
    """The list a path leads to and the number in it (``None`` for the list itself)."""
    listed, parts = steps, [one for one in place.split(".") if one]
    while len(parts) >= 2:
        number, branch = parts[0], {"t": "then", "e": "else"}.get(parts[1])
        if not number.isdecimal() or int(number) >= len(listed) or branch is None:
            return None, None
        listed = listed[int(number)].setdefault(branch, [])
        parts = parts[2:]
    if not parts:
        return listed, None
    return listed, int(parts[0]) if parts[0].isdecimal() else None


def _fresh(sort: str) -> dict[str, Any]:
    step: dict[str, Any] = {"do": sort or "set"}
    kind = KINDS.get(sort)
    if kind and "whom" in kind.parts:
        step["whom"] = [{"kind": "applicant"}]
    if sort == "if":
        step |= {"then": [], "else": []}
    return step


def _work(verb: str, listed: list[dict[str, Any]], number: int, extra: str) -> None:
    if verb == "drop":
        del listed[number]
    elif verb == "up" and number:
        listed[number - 1], listed[number] = listed[number], listed[number - 1]
    elif verb == "who":
        listed[number].setdefault("whom", []).append({"kind": "superior", "level": 1})
    elif verb == "drop-who" and extra.isdecimal():
        del listed[number].setdefault("whom", [])[int(extra) : int(extra) + 1]
    elif verb == "value":
        listed[number]["values"] = {**listed[number].get("values", {}), "": ""}
    elif verb == "drop-value":
        listed[number]["values"] = {
            name: one for name, one in listed[number].get("values", {}).items() if name != extra
        }
