"""Sentences the scripts of every page show."""

from __future__ import annotations

import json

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from guanxi.core.schema.registry import quick_forms


def shown() -> dict[str, str]:
    """The sentences by key; places to be filled stand in braces."""
    return {
        "open": _("Open"),
        "undo": _("Undo"),
        "close": _("Close"),
        "saved": _("Saved"),
        "is_meant": _("Is this meant? Nothing is saved yet."),
        "it_is_meant": _("It is meant so: save"),
        "not_meant": _("No, go back"),
        "signed_out": _("You are signed out. What you typed is still here."),
        "sign_in": _("Sign in"),
        "offline": _("The server cannot be reached. What you typed is still here; try again."),
        "server_error": _("Something went wrong. Request id: %(id)s") % {"id": "{id}"},
        "leave": _("Leave without saving?"),
        "nothing_found": _("Nothing found"),
        "not_listed": _("No such choice, left empty: %(names)s") % {"names": "{names}"},
        "too_long": _("At most %(limit)s characters; %(over)s too many.") % {"limit": "{limit}", "over": "{over}"},
        "news": _("Something new for you"),
        "rights_changed": _("Your rights have changed. This page follows them now."),
        "rights_reload": _("Your rights have changed. Load the page again when you have saved."),
        "reload": _("Load again"),
        "is_editing": _("%(name)s is changing this record") % {"name": "{name}"},
        "is_looking": _("%(name)s is looking at this record") % {"name": "{name}"},
        "and": pgettext("between names", ", "),
        "create_named": _("Create “%(name)s”") % {"name": "{name}"},
        "new_in_picker": _("+ New"),
        "signed_out_title": _("You are signed out"),
        "sign_in_elsewhere": _("Sign in on another page first, then save here again."),
        "edit_hint": _("Double-click or press Enter to change"),
        "choose_day": _("Choose a day"),
        "year_before": _("A year back"),
        "month_before": _("A month back"),
        "month_after": _("A month on"),
        "year_after": _("A year on"),
        "today": capfirst(_("today")),
        "tomorrow": capfirst(_("tomorrow")),
        "next_monday": _("Next Monday"),
        "clear": _("Clear"),
        "time": _("Time"),
        "day_off": _("Day off"),
        "day_works": _("Working day"),
        "bold": _("Bold"),
        "italic": _("Italic"),
        "list": _("List"),
        "numbers": _("Numbered list"),
        "shortcuts": _("Keyboard shortcuts"),
        "selected": _("%(count)s selected") % {"count": "{count}"},
        "selected_all": _("All %(count)s selected") % {"count": "{count}"},
        "push_failed": _("The service of this browser did not answer. Try again later."),
        "offline_now": _("Offline"),
        "queued_kept": _("Kept in this browser. It is sent when the server can be reached again."),
        "queued_waiting": _("%(count)s wait to be sent") % {"count": "{count}"},
        "queued_sent": _("%(count)s written offline were sent.") % {"count": "{count}"},
        "queued_refused": _("%(count)s written offline were refused. Look why.") % {"count": "{count}"},
        "queued_drop": _("Discard “%(name)s”? It was never sent.") % {"name": "{name}"},
        "lifted": _(
            "Picked up. Left and right choose the column, down the foot of the board, Space puts it down, Escape takes it back."
        ),
        "dropped": _("Put into %(lane)s") % {"lane": "{lane}"},
        "put_back": _("Not put into %(lane)s") % {"lane": "{lane}"},
        "keys": json.dumps(_keys(), ensure_ascii=False),
    }


def _keys() -> dict[str, str]:
    quick = {form.shortcut: str(form.label) for form in quick_forms() if form.shortcut}
    return {
        "Ctrl K": _("Search and commands"),
        "/": _("Search in this list"),
        "F": _("Filter"),
        "c": _("Create"),
        "e": _("Edit"),
        **quick,
        "j k": _("Next and previous row"),
        "x": _("Select the row"),
        "Space": _("Look at the row beside the list"),
        "Enter": _("Open, or edit the cell"),
        "g h": _("Go to Today"),
        "g …": _("Go to a list by the first letter of its address"),
        "Ctrl Enter": _("Save"),
        "Ctrl S": _("Save and stay"),
        "Esc": _("Close the top layer"),
        "?": _("This list"),
    }
