"""Trees: a column ``path`` that holds the ids of all records above one, from the top down ("/12/45/"), right however a row changes."""

from __future__ import annotations

from typing import Any

import pgtrigger


def path_triggers(table: str, called: str, condition: pgtrigger.Condition | None = None) -> tuple[Any, ...]:
    """The triggers that keep ``path`` of a table with ``parent_id``; ``called`` is what a row is, in the words of the refusal.

    ``condition`` says which rows written are looked at at all.
    """
    return (
        pgtrigger.Trigger(
            name="path_set",
            level=pgtrigger.Row,
            when=pgtrigger.Before,
            operation=pgtrigger.Insert | pgtrigger.Update,
            condition=condition,
            func=_SET.format(table=table, called=called),
        ),
        pgtrigger.Trigger(
            name="path_spread",
            level=pgtrigger.Row,
            when=pgtrigger.After,
            operation=pgtrigger.Update,
            condition=pgtrigger.Q(old__path__df=pgtrigger.F("new__path")),
            func=_SPREAD.format(table=table),
        ),
    )


_SET = """
            IF NEW.parent_id IS NULL THEN
                NEW.path := '/';
            ELSE
                SELECT c.path || c.id || '/' INTO NEW.path FROM {table} c WHERE c.id = NEW.parent_id;
                NEW.path := coalesce(NEW.path, '/' || NEW.parent_id || '/');
                IF NEW.path LIKE '%/' || NEW.id || '/%' THEN
                    RAISE check_violation USING MESSAGE = '{called} cannot be above itself';
                END IF;
            END IF;
            RETURN NEW;
        """
_SPREAD = """
            UPDATE {table} SET path = NEW.path WHERE parent_id = NEW.id;
            RETURN NULL;
        """
