"""Index of meetings by attributes: which meetings have an entry with a value, and their number by day.

A meeting has a value if one of its entries has it. What is often combined in one question is indexed in combination,
too: a host of a customer is one entry with both values. The tables follow from those of meetings and stays. A commit reads
back only the meetings that it starts or corrects, so that a join costs the same in a large meeting. A domain without
attributes has no rows, and its commits do nothing here.

Responsible for updating the index with each commit of the engine. Must not know how lists of meetings are filtered.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from itertools import combinations
from json import dumps
from typing import Any, Final, NamedTuple

from headcount.kernel.attributes import CACHED_LENGTH, AttributeFilter, Attributes, texts_of
from headcount.kernel.events import Ms
from headcount.kernel.rules import NEVER
from headcount.limits import index_text
from headcount.store.database import Connection
from headcount.store.records import DAY_MS, BatchChanges, RoomKey, StayRow
from headcount.store.statements import with_lists

_LIST_SIZE: Final = 500
_CACHED: Final = 4_096
_COMBINED: Final = ("customer", "kind", "role")
"""Keys with few values, each of which many meetings have. All their combinations in one entry are indexed."""
_DAY_S: Final = DAY_MS // 1_000
_MEETINGS_OF_ROOMS: Final = """
with touched (domain, room, first_ms, last_ms) as ({keys})
select m.domain, m.room, m.id, m.start_ms, m.end_ms
from touched as t
cross join meetings as m
where m.domain = t.domain
  and m.room = t.room
  and m.start_ms / 1000 <= t.last_ms / 1000
  and m.start_ms / 1000 >= coalesce((
    select max(k.start_ms / 1000) from meetings as k
    where k.domain = t.domain and k.room = t.room and k.start_ms / 1000 < t.first_ms / 1000
  ), 0)
"""
"""The meetings that started within a time of their room, and the last one before it. Served by `meetings_by_room`."""
_ADD: Final = """
insert into meeting_attributes (domain, key, value, start_s, id)
{keys}
on conflict (domain, key, value, start_s, id) do nothing
returning domain, key, value, start_s, id
"""
"""Returns the rows that are new: most are not, because a stay is written when it begins and when it ends."""

_Row = tuple[str, str, str, int, str]
"""A row of `meeting_attributes`: domain, key, value, whole second of the start, id."""
_Meeting = tuple[str, str, str, Ms, Ms | None]
"""A meeting: domain, room, id, start, end."""
_Day = tuple[str, str, str, int]
"""The key of a row of `meeting_attribute_counts`: domain, key, value, day."""


class Term(NamedTuple):
    """A key and a value of the index, which may stand for a combination of several."""

    key: str
    value: str


def terms_of_filters(filters: Iterable[AttributeFilter]) -> list[Term]:
    """Return the terms that the index has for these conditions. One term alone is exact: one entry fulfills all of them."""
    filters = sorted(filters)
    combined = [one for one in filters if one.key in _COMBINED]
    if len(combined) < 2:
        return [_term(one) for one in filters]
    return [_term(*combined), *(_term(one) for one in filters if one.key not in _COMBINED)]


def _terms_of_entry(attributes: Attributes | None) -> tuple[Term, ...]:
    if attributes is None:
        return ()
    return (_cached_terms if len(attributes) <= CACHED_LENGTH else _cached_terms.__wrapped__)(attributes)


@lru_cache(_CACHED)
def _cached_terms(attributes: Attributes) -> tuple[Term, ...]:
    known = [AttributeFilter(*pair) for pair in texts_of(attributes).items()]
    combined = [one for one in known if one.key in _COMBINED]
    pairs = (some for size in range(2, len(combined) + 1) for some in combinations(combined, size))
    return (*(_term(one) for one in known), *(_term(*some) for some in pairs))


def _term(*conditions: AttributeFilter) -> Term:
    """Return the term of these conditions, which are in the order of their keys. A combination is a list in JSON."""
    if len(conditions) == 1 and not conditions[0].key.startswith("["):
        return Term(conditions[0].key, index_text(conditions[0].value))
    keys, values = zip(*conditions, strict=True)
    return Term(dumps(keys, ensure_ascii=False), index_text(dumps(values, ensure_ascii=False)))


def write_attribute_keys(connection: Connection, batches: Iterable[BatchChanges]) -> None:
    """Write the keys of the attributes of stays. Call it before `AttributeIndexUpdate` is created for the batches."""
    distinct = {(row.domain, row.attributes) for batch in batches for row in _with_attributes(batch)}
    keys = {(domain, key) for domain, attributes in distinct for key in texts_of(attributes)}
    if keys:
        connection.write("insert_attribute_key", sorted(keys))


def _with_attributes(batch: BatchChanges) -> list[StayRow]:
    return [row for row in batch.stays.values() if row is not None and row.attributes is not None]


class AttributeIndexUpdate:
    """The update of the index for one batch. Create it before the batch is written, and call `finish` after that."""

    def __init__(self, connection: Connection, batch: BatchChanges) -> None:
        self._connection = connection
        self._batch = batch
        self._stays = _with_attributes(batch)
        self._domains = self._indexed({key[0] for key in (*batch.meetings, *batch.reindexed)})
        self._known = self._changed()
        self._before = self._rows(self._known)

    def finish(self) -> Counter[_Day]:
        """Write the differences, and return those of the numbers of meetings by day."""
        changed = self._changed(self._known)
        after = self._rows(changed)
        removed, added = self._before - after, after - self._before
        if removed:
            self._connection.write("delete_meeting_attribute", sorted(removed))
        added |= self._rows_of_stays({meeting[2] for meeting in changed})
        changes = _by_day(self._connection.lookup(_ADD, sorted(added)))
        changes.subtract(_by_day(removed))
        return changes

    def _indexed(self, domains: set[str]) -> set[str]:
        found: set[str] = set()
        for some in _parts(sorted(domains), _LIST_SIZE):
            text, values = with_lists("select_domains_with_attributes", {"domains": some})
            found |= {domain for (domain,) in self._connection.query(text, values)}
        return found

    def _changed(self, known: Iterable[_Meeting] = ()) -> list[_Meeting]:
        """Return the meetings, as stored now, that the batch writes as a whole, those of corrected times, and known ones.

        The last meeting before a corrected time is another one if the batch has inserted one in between.
        """
        batch, domains = self._batch, self._domains
        if not domains:
            return []
        found: dict[str, _Meeting] = {}
        ids: dict[str, list[str]] = {}
        for domain, name in {
            **batch.meetings,
            **dict.fromkeys((domain, name) for domain, _, name, *_ in known),
        }:
            if domain in domains:
                ids.setdefault(domain, []).append(name)
        for domain, names in ids.items():
            for some in _parts(names, _LIST_SIZE):
                text, values = with_lists("select_meetings_by_id", {"domain": domain, "ids": some})
                found |= {row[2]: row for row in self._connection.query(text, values)}
        spans = {key: span for key, span in batch.reindexed.items() if key[0] in domains}
        found |= {meeting[2]: meeting for meeting in self._meetings_of_rooms(spans)}
        return list(found.values())

    def _meetings_of_rooms(self, spans: dict[RoomKey, tuple[Ms, Ms]]) -> Iterable[_Meeting]:
        rows = [(*key, *span) for key, span in spans.items()]
        return self._connection.lookup(_MEETINGS_OF_ROOMS, rows)

    def _rows(self, meetings: Collection[_Meeting]) -> set[_Row]:
        """Return the rows that follow from the stays of these meetings, as stored now."""
        by_domain: dict[str, dict[str, Ms]] = {}
        for domain, _, name, start, _ in meetings:
            by_domain.setdefault(domain, {})[name] = start
        found: set[_Row] = set()
        for domain, starts in by_domain.items():
            for some in _parts(list(starts), _LIST_SIZE):
                values = {"domain": domain, "ids": some, "never": NEVER}
                for name, attributes in self._connection.query(
                    *with_lists("select_attributes_of_meetings", values)
                ):
                    found.update(_index_rows(domain, attributes, starts[name], name))
        return found

    def _rows_of_stays(self, done: set[str]) -> set[_Row]:
        """Return the rows that follow from the stays of the batch in meetings other than these."""
        stays: dict[RoomKey, list[StayRow]] = {}
        for row in self._stays:
            stays.setdefault((row.domain, row.room), []).append(row)
        spans = {
            key: (min(row.join for row in rows), max(_end(row.leave) for row in rows))
            for key, rows in stays.items()
        }
        found: set[_Row] = set()
        for domain, room, name, start, end in self._meetings_of_rooms(spans):
            if name not in done:
                for row in stays[domain, room]:
                    if start < _end(row.leave) and row.join < _end(end):
                        found.update(_index_rows(domain, row.attributes, start, name))
        return found


def _index_rows(domain: str, attributes: Attributes | None, start: Ms, name: str) -> Iterable[_Row]:
    for term in _terms_of_entry(attributes):
        yield domain, *term, start // 1_000, name


def _by_day(rows: Iterable[_Row]) -> Counter[_Day]:
    return Counter((domain, key, value, start // _DAY_S) for domain, key, value, start, _ in rows)


def _end(at: Ms | None) -> Ms:
    return NEVER if at is None else at


def _parts(items: Sequence[Any], size: int) -> Iterable[list[Any]]:
    return (list(items[start : start + size]) for start in range(0, len(items), size))
