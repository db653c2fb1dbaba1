"""Floor 3: the core's tables, and the abstract record of everybody else's."""

from guanxi.core.models.exchange import ImportMapping, ImportOutcome, ImportRow, ImportRun
from guanxi.core.models.fields import ChoiceField, ListField, MoneyField, RegionField, RichTextField, TextKindField
from guanxi.core.models.journal import AccessEntry, AuditEntry, KeptAnswer, Operation, OutboxEvent, RateWindow
from guanxi.core.models.people import (
    ApiToken,
    Collaborator,
    Department,
    OneTimeLink,
    Position,
    Role,
    RoleField,
    RoleRight,
    User,
)
from guanxi.core.models.record import CarriedRecord, OwnedRecord, Record
from guanxi.core.models.search import MatchValue, SearchDoc
from guanxi.core.models.shape import (
    CustomField,
    Dictionary,
    DictionaryValue,
    NumberCounter,
    Numbering,
    Preference,
    Region,
    SavedView,
    Stamp,
)
from guanxi.core.models.together import Comment, Draft, File, Mark, Notification, Tag

__all__ = [
    "AccessEntry",
    "ApiToken",
    "AuditEntry",
    "CarriedRecord",
    "ChoiceField",
    "Collaborator",
    "Comment",
    "CustomField",
    "Department",
    "Dictionary",
    "DictionaryValue",
    "Draft",
    "File",
    "ImportMapping",
    "ImportOutcome",
    "ImportRow",
    "ImportRun",
    "KeptAnswer",
    "ListField",
    "Mark",
    "MatchValue",
    "MoneyField",
    "Notification",
    "NumberCounter",
    "Numbering",
    "OneTimeLink",
    "Operation",
    "OutboxEvent",
    "OwnedRecord",
    "Position",
    "Preference",
    "RateWindow",
    "Record",
    "Region",
    "RegionField",
    "RichTextField",
    "Role",
    "RoleField",
    "RoleRight",
    "SavedView",
    "SearchDoc",
    "Stamp",
    "Tag",
    "TextKindField",
    "User",
]
