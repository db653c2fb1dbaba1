"""Finding records that may be the same (撞单): keys, candidates with scores and reasons.

An entity declares ``match_keys``; each field's value becomes one or more keys of some kind:

============== ===================================================== ==========================================
kind           value                                                 weight
============== ===================================================== ==========================================
name           normalised name (``kernel.text.normalize_name``)      as declared
name_pinyin    its pinyin, if Chinese; meets Latin names too         0.8 of the declared
name_words     its words in order of the alphabet                    0.9 of the declared
name_sound     consonants of its words in order of the alphabet      0.6 of the declared; Latin names only
phone          E.164                                                 as declared
email          address without +tag                                  as declared
email_domain   registered domain, none for free mail                 as declared
identity       letters and digits, upper case                        as declared
exact:FIELD    folded text                                           as declared
============== ===================================================== ==========================================

A candidate's score is 100·(1 − Π(1 − w/100)) over the kinds it agrees in, the name kinds counting once with the
heaviest: agreements in independent things add up, and none takes away. 100 is certain.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from django.db import models, transaction

from guanxi.core.access import field_level
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.identifiers import email_domain, email_key
from guanxi.core.kernel.text import fold, has_han, name_keys, name_words
from guanxi.core.models.fixed import ask
from guanxi.core.models.search import MatchValue
from guanxi.core.records.search.tokens import entries, number_plain, value_of
from guanxi.core.schema.entity import Entity, MatchKey

Key = tuple[str, str, int]

#: Weights of the name kinds as parts of the declared weight.
NAME_PARTS = {"name": 1.0, "name_words": 0.9, "name_pinyin": 0.8, "name_sound": 0.6}
#: A short name says little: it stands under a kind of its own, so that two firms called so join no group of a scan.
SHORT = "short_name"
VALUE_LENGTH = 120
#: Records looked at per key: a value that more records share says little.
PER_KEY = 100
BATCH = 1000
_VOWELS = re.compile(r"(?<=.)[aeiouyhw]")
_TWICE = re.compile(r"(.)\1+")
_SEVERAL = re.compile(r"[;；\n|]+")


class Match(NamedTuple):
    """A record that may be the same: its id, score 0 to 100, and the kinds it agrees in, heaviest first."""

    record_id: int
    score: int
    reasons: tuple[str, ...]


def _sound(words: Sequence[str]) -> str:
    """Consonants of a name's words, in order of the alphabet: Jon Smith, Smyth John → jnsmt. '' if too short."""
    bare = [_TWICE.sub(r"\1", _VOWELS.sub("", word)) for word in words if word.isascii()]
    found = "".join(sorted(bare))
    return found if len(bare) > 1 and len(found) > 3 else ""


def _name(text: str, weight: int, *, person: bool) -> list[Key]:
    keys = name_keys(text, person=person)
    if not keys:
        return []
    han = has_han(keys[0])
    kind = "name_pinyin" if han else "name_words"
    found: list[Key] = [("name", keys[0], weight)]
    # A Latin name also stands under the other kinds, so that it meets its pinyin and its words in another order.
    others = [(kind, key) for key in keys[1:]]
    if not han:
        others += [("name_pinyin", keys[0])]
        others += [("name_words", keys[0])] if len(keys) == 1 else []
        sound = _sound(name_words(text, person=person))
        others += [("name_sound", sound)] if sound else []
    return found + [(other, key, round(weight * NAME_PARTS[other])) for other, key in others]


def _identity(text: str) -> str:
    return number_plain(text).upper()


def _short_name(text: str) -> str:
    return next(iter(name_keys(text)), "")


HOW: Mapping[str, Callable[[str], str]] = {
    "short_name": _short_name,
    "phone": lambda text: text if text.startswith("+") else "",
    "email": email_key,
    "email_domain": email_domain,
    "identity": _identity,
    "exact": fold,
}


def is_person(entity: Entity, values: Any) -> bool:
    """Whether the record is a person: an entity without ``kind`` is asked by its declaration's icon of a person."""
    kind = value_of(values, "kind")
    return kind == "person" if kind else entity.icon.startswith(("user", "address-book", "id-badge"))


def _of_field(entity: Entity, key: MatchKey, values: Any) -> list[Key]:
    found: list[Key] = []
    for written in entries(value_of(values, key.field)):
        if key.how == "name":
            person = is_person(entity, values)
            for name in (written,) if written.isalnum() else _SEVERAL.split(written):
                found += _name(name.strip(), key.weight, person=person)
            continue
        if made := HOW[key.how](written):
            found.append((f"exact:{key.field}" if key.how == "exact" else key.how, made, key.weight))
    return found


def keys_for(entity: Entity, values: Any, without: Container[str] = ()) -> list[Key]:
    """The match keys of a record or of values about to be saved: (kind, value, weight), each once, heaviest first.

    ``values`` is a record or a mapping from field name to value (phones and e-mails as lists of entries); the fields
    ``without`` say nothing.
    """
    best: dict[tuple[str, str], int] = {}
    for declared in entity.match_keys:
        if declared.field in without:
            continue
        for kind, value, weight in _of_field(entity, declared, values):
            short = value[:VALUE_LENGTH]
            best[kind, short] = max(best.get((kind, short), 0), weight)
    return sorted(((kind, value, weight) for (kind, value), weight in best.items()), key=lambda key: (-key[2], key[:2]))


def key_values(entity: Entity, values: Any) -> dict[tuple[str, str], None]:
    """The (kind, value) of :func:`keys_for`, in no order that matters."""
    return {
        (kind, value[:VALUE_LENGTH]): None
        for declared in entity.match_keys
        for kind, value, _weight in _of_field(entity, declared, values)
    }


def key_rows_for(entity: Entity, rows: Iterable[tuple[int, Any]]) -> Iterator[tuple[str, str, str, int]]:
    """(entity, kind, value, record id) rows for ``COPY core_match_key (entity, kind, value, record_id)``."""
    for record_id, values in rows:
        for kind, value in key_values(entity, values):
            yield entity.key, kind, value, record_id


def unseen(actor: Actor, entity: Entity) -> set[str]:
    """The fields by which records are compared and which are hidden from the actor."""
    compared = {*(key.field for key in entity.match_keys), *entity.alike}
    return {name for name in compared if field_level(actor, entity, name) == "hidden"}


def own_keys(entity: Entity, ids: Iterable[int], without: Container[str]) -> dict[int, set[tuple[str, str]]]:
    """The (kind, value) living records stand under, by id, when the fields ``without`` say nothing.

    The stored keys do not tell: they name a kind, which several fields may write.
    """
    rows = entity.model._default_manager.filter(pk__in=list(ids))
    return {row.pk: {(kind, value) for kind, value, _weight in keys_for(entity, row, without)} for row in rows}


def index_keys(entity: Entity, records: Iterable[models.Model]) -> None:
    """Bring the keys of records just saved up to date, in the caller's transaction; trashed records lose theirs."""
    if not entity.match_keys:
        return
    batch = list(records)
    for at in range(0, len(batch), BATCH):
        _index_batch(entity, batch[at : at + BATCH])


def _index_batch(entity: Entity, records: Sequence[models.Model]) -> None:
    wanted: set[tuple[str, str, int]] = set()
    for record in records:
        if getattr(record, "deleted_at", None) is None:
            wanted.update((kind, value, record.pk) for kind, value, _weight in keys_for(entity, record))
    ids = [record.pk for record in records]
    stored = "SELECT kind, value, record_id FROM core_match_key WHERE entity = %s AND record_id = ANY(%s)"
    present = set(ask(stored, [entity.key, ids]))
    _change(
        entity,
        "DELETE FROM core_match_key m USING {rows} WHERE m.entity = %s AND m.kind = r.kind"
        " AND m.value = r.value AND m.record_id = r.id",
        present - wanted,
    )
    _change(
        entity,
        "INSERT INTO core_match_key (kind, value, record_id, entity) SELECT r.kind, r.value, r.id, %s::text"
        " FROM {rows} ON CONFLICT DO NOTHING",
        wanted - present,
    )


def _change(entity: Entity, statement: str, rows: set[tuple[str, str, int]]) -> None:
    if not rows:
        return
    kinds, values, ids = (list(column) for column in zip(*sorted(rows), strict=True))
    source = "unnest(%s::text[], %s::text[], %s::bigint[]) AS r(kind, value, id)"
    arrays: list[Any] = [kinds, values, ids]
    params: list[Any] = [*arrays, entity.key] if statement.startswith("DELETE") else [entity.key, *arrays]
    ask(statement.format(rows=source), params)


def remove_keys(entity: Entity, ids: Iterable[int]) -> None:
    """Forget the keys of records; they are no candidates any more."""
    MatchValue.objects.filter(entity=entity.key, record_id__in=list(ids)).delete()


def rebuild(entity: Entity, *, batch: int = BATCH, progress: Callable[[int], None] | None = None) -> int:
    """Make the keys of all living records anew, batch by batch; returns how many records have been done."""
    living = getattr(entity.model, "objects", entity.model._default_manager)
    done, last = 0, 0
    while True:
        with transaction.atomic():
            records = list(
                living.filter(pk__gt=last).order_by("pk").select_for_update(of=("self",), no_key=True)[:batch]
            )
            index_keys(entity, records)
            upto = {"record_id__lte": records[-1].pk} if records else {}
            stale = MatchValue.objects.filter(entity=entity.key, record_id__gt=last, **upto)
            stale.exclude(record_id__in=[record.pk for record in records]).delete()
        if not records:
            return done
        done, last = done + len(records), records[-1].pk
        if progress:
            progress(done)


def score_of(weights: Mapping[str, int]) -> int:
    """The score of agreements {kind: weight}: independent ones add up, kinds of the name count once."""
    names = [weight for kind, weight in weights.items() if kind in NAME_PARTS or kind == SHORT]
    others = [weight for kind, weight in weights.items() if kind not in NAME_PARTS and kind != SHORT]
    missing = math.prod(1 - weight / 100 for weight in ([max(names)] if names else []) + others)
    return round(100 * (1 - missing))


def candidates(
    entity: Entity,
    values: Any,
    *,
    exclude: int | Iterable[int] | None = None,
    limit: int = 20,
    unsaid: Collection[str] = (),
) -> list[Match]:
    """Records that may be the same as ``values``, the surest first; not limited by rights.

    Who shows them must ask ``access.visible`` which of them the actor may see, and mask the others. ``exclude`` is the
    record itself, or several; ``unsaid`` are fields that are compared on neither side.
    """
    keys = _with_short(entity, keys_for(entity, values, unsaid), unsaid)
    if not keys:
        return []
    without = set([exclude] if isinstance(exclude, int) else exclude or ())
    rows = ask(
        "SELECT k.at, m.record_id FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS k(kind, value, at)"
        " CROSS JOIN LATERAL (SELECT record_id FROM core_match_key WHERE entity = %s AND kind = k.kind"
        " AND value = k.value ORDER BY record_id DESC LIMIT %s) m",
        [[key[0] for key in keys], [key[1] for key in keys], entity.key, PER_KEY],
    )
    agreed: dict[int, dict[str, int]] = defaultdict(dict)
    for at, record_id in rows:
        kind, _value, weight = keys[at - 1]
        agreed[record_id][kind] = max(agreed[record_id].get(kind, 0), weight)
    matches = (_match(record_id, weights) for record_id, weights in agreed.items() if record_id not in without)
    found = sorted(matches, key=_surest)
    if unsaid and not kinds_of(entity, unsaid).isdisjoint(kind for kind, _value, _weight in keys):
        found = _sayable(entity, found, keys, unsaid, limit)
    return found[:limit]


def _surest(match: Match) -> tuple[int, int]:
    return -match.score, -match.record_id


def _sayable(
    entity: Entity, found: Sequence[Match], keys: Sequence[Key], unsaid: Container[str], limit: int
) -> list[Match]:
    """What was found as it agrees without the fields ``unsaid`` of either side; of the surest ``limit`` at least."""
    asked = {(kind, value): weight for kind, value, weight in keys}
    kept: list[Match] = []
    for at in range(0, len(found), PER_KEY):
        batch = found[at : at + PER_KEY]
        if len(kept) >= limit and _surest(kept[limit - 1]) < _surest(batch[0]):
            break  # leaving something out makes nothing surer
        for record_id, own in own_keys(entity, [one.record_id for one in batch], unsaid).items():
            agreed: dict[str, int] = {}
            for kind, value in own & asked.keys():
                agreed[kind] = max(agreed.get(kind, 0), asked[kind, value])
            if agreed:
                kept.append(_match(record_id, agreed))
        kept.sort(key=_surest)
    return kept


def _with_short(entity: Entity, keys: list[Key], unsaid: Container[str] = ()) -> list[Key]:
    """The keys to look up: a whole name may be another's short name, and the other way round."""
    shorts = (key.weight for key in entity.match_keys if key.how == "short_name" and key.field not in unsaid)
    light = next(shorts, 0)
    if not light:
        return keys
    known = {(kind, value) for kind, value, _weight in keys}
    turned = {"name": SHORT, SHORT: "name"}
    crossed = {(turned[kind], value) for kind, value, _weight in keys if kind in turned} - known
    return keys + [(kind, value, light) for kind, value in sorted(crossed)]


def _match(record_id: int, weights: Mapping[str, int]) -> Match:
    """A match with its reasons; of the name kinds only the heaviest is named."""
    names = [kind for kind in weights if kind in NAME_PARTS or kind == SHORT]
    telling = max(names, key=lambda kind: weights[kind]) if names else ""
    reasons = [kind for kind in weights if kind == telling or kind not in names]
    return Match(record_id, score_of(weights), tuple(sorted(reasons, key=lambda kind: (-weights[kind], kind))))


def weights_of(keys: Iterable[MatchKey]) -> dict[str, int]:
    """The heaviest weight of each kind that keys declared so can have."""
    found: dict[str, int] = {}
    for key in keys:
        kinds = NAME_PARTS if key.how == "name" else {f"exact:{key.field}" if key.how == "exact" else key.how: 1.0}
        for kind, part in kinds.items():
            found[kind] = max(found.get(kind, 0), round(key.weight * part))
    return found


def kinds_of(entity: Entity, fields: Container[str]) -> set[str]:
    """The kinds of the keys that these fields write."""
    return set(weights_of(key for key in entity.match_keys if key.field in fields))
