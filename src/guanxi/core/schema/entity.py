"""The declaration of an entity: a noun. Every face is a verb that reads it.

An area declares its entities in ``entities.py`` and registers them; from that follow menu, list, search, record page,
forms, board, import, export, API, MCP tools, rights, audit, trash and tests, with no further line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from guanxi.core.kernel.errors import Text
from guanxi.core.schema.standing import Standing
from guanxi.core.schema.vocabulary import ACTIONS

if TYPE_CHECKING:
    from django.db import models


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which fields the global search reads.

    ``names`` are found by characters, pinyin, initials and words; ``numbers`` by any part; ``phones`` and ``emails``
    are fields of those kinds; ``text`` is found by whole words only.
    """

    names: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    subtitle: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchKey:
    """One way in which two records may be the same.

    ``how`` names the normalisation (``name``, ``short_name``, ``phone``, ``email``, ``email_domain``, ``exact``, ``identity``),
    ``weight`` how much an agreement says (0 to 100; 100 is certain).
    """

    field: str
    how: Literal["name", "short_name", "phone", "email", "email_domain", "exact", "identity"]
    weight: int


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab of a form or record page; ``key`` stands in addresses that lead to it (``#tab-KEY``)."""

    key: str
    label: Text


@dataclass(frozen=True, slots=True)
class Section:
    """A titled group of fields in forms and on the record page. ``when`` shows it only if a field has a value; ``columns``
    (0: as many as fit) and ``folded`` say how it stands; ``tab`` in which tab (``None``: before all of them).
    """

    label: Text
    fields: tuple[str, ...]
    when: tuple[str, str] | None = None
    key: str = ""
    columns: int = 0
    folded: bool = False
    tab: Tab | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Fields by section for editing, and the few asked when creating."""

    sections: tuple[Section, ...]
    create: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A board: columns by a choice, or by a reference to few records (stages).

    ``total`` names a number or money field summed per column, ``weighted`` a second one. ``within`` names a reference
    both the record and the column's record have: one board shows the columns of one of them (stages of one pipeline).
    ``age`` names a date: cards whose date lies ``age_days[0]`` days back are marked, from ``age_days[1]`` on in red.
    ``exits`` are values beside the way (declined, cancelled): the path of a record shows one only when it stands there.
    Where the columns are no steps (competitors, sorts) ``path`` is false, and records show none.
    """

    field: str
    card: tuple[str, ...] = ()
    total: str = ""
    weighted: str = ""
    within: str = ""
    age: str = ""
    age_days: tuple[int, int] = (14, 30)
    exits: tuple[str, ...] = ()
    path: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What is expected month by month: ``total`` summed by the month of the date ``on``.

    ``parts`` are its columns: key, name, and the filter tree of the records that count there. ``weighted`` names a second
    sum over all records.
    """

    on: str
    total: str
    parts: tuple[tuple[str, Text, Mapping[str, Any]], ...]
    weighted: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A block on the record page beyond those derived from foreign keys.

    ``template`` is a Jinja template, ``context`` a function ``(actor, record) -> dict`` (a selector; it never writes).
    ``right`` names the action needed to see it; ``where`` is the column it stands in. Fields it ``shows`` the details beside
    it do not repeat.
    """

    key: str
    label: Text
    template: str
    context: Callable[..., Mapping[str, Any]]
    right: str = "view"
    where: Literal["left", "main", "right"] = "right"
    order: int = 50
    shows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Flag:
    """What a badge says of one record: a few words, the sentence behind them, and where that can be looked at."""

    text: Text
    title: Text = ""
    color: Literal["amber", "red"] = "amber"
    icon: str = "alert-triangle"
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """A warning at the head of a record: stale, money overdue, duplicate found.

    ``find(actor, record)`` is a selector and answers ``None`` when all is well; it tells nothing the actor may not see.
    ``fields`` are those it stands on: without the right to read them there is no badge.
    """

    key: str
    find: Callable[..., Flag | None]
    fields: tuple[str, ...] = ()
    order: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """How the entity appears as a panel on the record its foreign key ``field`` points to."""

    field: str
    label: Text = ""
    columns: tuple[str, ...] = ()
    sort: tuple[str, ...] = ()
    order: int = 50
    shown: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion:
    """Records of another entity that files name in the same row, such as the contact beside a customer.

    ``entity`` is their key, ``field`` their reference to this record, ``words`` what headers of their columns begin with.
    """

    entity: str
    field: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something a person does to a record besides changing fields.

    ``run(actor, record, **values)`` is a service; ``fields`` are asked before (a dialog); ``right`` is the action that
    must be allowed; ``applies(record)`` says whether it makes sense now, a text explains why not. ``lead`` says whether it
    is a step people take next: while it is possible it stands as a button beside the menu of the others.
    ``begin(actor, record)`` gives values its form starts with; ``panel`` is a block above the fields (its template is given
    ``values``, what the form holds now): what is worth knowing before.
    """

    key: str
    label: Text
    run: Callable[..., Any]
    right: str = "change"
    fields: tuple[Any, ...] = ()
    icon: str = ""
    applies: Callable[[Any], bool | Text] | None = None
    bulk: bool = False
    danger: bool = False
    lead: bool | Callable[[Any], bool] = False
    description: Text = ""
    begin: Callable[[Any, Any], Mapping[str, Any]] | None = None
    panel: Panel | None = None

    def do(self, actor: Any, record: Any, given: Mapping[str, Any]) -> Any:
        """Run it with what was given; what was left blank is not, so that the service's own default holds."""
        return self.run(actor, record, **{name: value for name, value in given.items() if value is not None})


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Whose a record is. ``owner`` names the field of its owner ('' for records without one: seen by right alone).

    ``carried_by`` names a reference: who owns, or is given, that record sees this one too; ``deep``: so does who owns the
    record that carries that one.
    ``pool`` names a reference to a pool: while nobody owns the record, members of its pool see it and may claim it, its
    administrators may also change and assign it.
    ``about`` names further references to the person it tells of: it is forgotten with each of them.
    ``public`` entities may be viewed by everyone signed in (departments, colleagues' names, tags).
    ``extra_actions`` are rights one may have on it beside the usual ones; those that are ``shared`` go with
    changing it: with a share to write, and in the roles of the base data.
    """

    owner: str = "owner"
    carried_by: str = ""
    deep: bool = False
    pool: str = ""
    about: tuple[str, ...] = ()
    public: bool = False
    extra_actions: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """How records of this entity appear on the timeline of the record their reference ``on`` points to.

    ``at`` is the moment (records without one do not appear), ``body`` the text, ``icon_by`` a choice field that picks
    the icon out of ``icons``, ``pinned`` a boolean field: records with it stand first.
    """

    on: tuple[str, ...]
    at: str
    title: str = ""
    body: str = ""
    icon_by: str = ""
    icons: Mapping[str, str] = field(default_factory=dict)
    pinned: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """Where the entity stands in the navigation; ``group`` is a key of ``GROUPS``; hidden when empty."""

    group: str = ""
    order: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Who writes: services with the signatures of ``records.create/update/delete``; ``None`` means those."""

    create: Callable[..., Any] | None = None
    update: Callable[..., Any] | None = None
    delete: Callable[..., Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Rows that belong to a record and are written with it: the lines of a document.

    ``key`` is their name in forms and in the API, ``entity`` what a line is, ``field`` its reference to the record,
    ``columns`` its fields in the grid. The line's ``position`` keeps the order. ``sort`` names a choice field of which
    the first value is an ordinary line; lines of other sorts are only the text in ``text`` (headings, notes).

    ``follow(actor, record, line, changed)`` fills in what follows from a choice (a price from a product) before the line
    is checked; ``changed`` are the names given. ``settle(actor, record, lines)`` works out the amounts of lines and
    record whenever either changes; it stores nothing. Both may raise Invalid. ``totals`` are fields of the record shown
    below, ``note`` the rule by which they are reckoned (or a function of the record that says it). ``source`` is a read-only text that says where the value of
    ``sourced`` came from; it is empty when a person wrote that value (``line.written`` then is true in ``follow``). ``line.carried`` is true there for a line a service took over from another record.
    ``follows`` are columns emptied in the grid when another record is chosen in the first column.
    """

    key: str
    label: Text
    entity: str
    field: str
    columns: tuple[str, ...]
    sort: str = ""
    text: str = ""
    follow: Callable[..., None] | None = None
    settle: Callable[..., None] | None = None
    totals: tuple[str, ...] = ()
    sourced: str = ""
    source: str = ""
    follows: tuple[str, ...] = ()
    note: Text | Callable[[Any], Text] = ""
    most: int = 500

    def note_of(self, record: Any) -> Text:
        """The rule as it holds for a record (``None``: for a new one)."""
        return self.note(record) if callable(self.note) else self.note


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """Everything the faces know of one sort of record.

    ``key`` is ``<app label>.<model name>``, ``path`` the word in addresses (``/customers/``), ``title`` the field that
    names a record; where it is empty, those of ``named_by`` do, references among them only to what everybody sees.
    ``columns`` and ``filters`` are field paths (``customer.name`` reaches over a reference).
    ``stamp`` is made new with each change (see ``models.stamps``).
    ``fields`` overrides what is derived from the model: name → attributes of :class:`Field`.
    ``brought`` are read-only fields that an administrator who brings in another system's records may fill.
    ``part_of`` names the references to records this one is a part of: it goes to the trash with any of them, and comes back
    when none of them lies there. ``standing`` says which of its records others rely on; ``retire`` names the choice field and
    the value by which one that cannot go to the trash is put aside.
    ``sort`` is the default order, ``facts`` are shown in the header of the record page. ``pickable`` is the query tree
    of records that pickers offer (all, if there is none). ``alike`` names fields that are warned of when all of them agree
    with another record's while one is entered (none of them need be telling alone, as those of ``match_keys`` are). ``tally`` is a model of sums kept beside (see ``records.tallies``).
    """

    key: str
    model: type[models.Model]
    label: Text
    plural: Text
    path: str
    icon: str = "file"
    title: str = "name"
    named_by: tuple[str, ...] = ()
    stamp: str = ""
    color: str = "blue"
    columns: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    sort: tuple[str, ...] = ("-updated_at",)
    facts: tuple[str, ...] = ()
    fields: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    brought: tuple[str, ...] = ()
    part_of: tuple[str, ...] = ()
    standing: Standing | None = None
    retire: tuple[str, str] | None = None
    search: Search | None = None
    form: Form | None = None
    board: Board | None = None
    outlook: Outlook | None = None
    tally: type[models.Model] | None = None
    panels: tuple[Panel, ...] = ()
    badges: tuple[Badge, ...] = ()
    related: tuple[Related, ...] = ()
    lines: tuple[Lines, ...] = ()
    actions: tuple[Action, ...] = ()
    match_keys: tuple[MatchKey, ...] = ()
    alike: tuple[str, ...] = ()
    companions: tuple[Companion, ...] = ()
    access: Access = Access()
    timeline: Timeline | None = None
    menu: Menu = Menu()
    writer: Writer = Writer()
    clean: Callable[..., None] | None = None
    form_page: str = ""
    description: Text = ""
    pickable: Mapping[str, Any] | None = None
    creatable: bool = True
    importable: bool = True
    api: bool = True

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def app(self) -> str:
        """The app label, for instance ``customers``."""
        return self.key.partition(".")[0]

    @property
    def table(self) -> str:
        """The database table."""
        return self.model._meta.db_table

    @property
    def all_actions(self) -> dict[str, Text]:
        """Every action a right can be granted for, with its label."""
        own = {action.right: action.label for action in self.actions if action.right not in ACTIONS}
        return {**ACTIONS, **own, **{name: name for name in self.access.extra_actions if name not in own}}


def sections_fields(sections: Sequence[Section]) -> tuple[str, ...]:
    """All field names of the sections, in order, each once."""
    return tuple(dict.fromkeys(name for section in sections for name in section.fields))
