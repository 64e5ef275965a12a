"""Entries of several meetings, read together.

Responsible for the stays of a list of meetings, clipped to them (R11). Must not know which meetings are listed.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import Final

import msgspec

from headcount.kernel.events import Ms
from headcount.kernel.meetings import Entry, Stay, clip_stay
from headcount.kernel.rules import NEVER
from headcount.kernel.stay_table import LeftBy
from headcount.store.database import Connection
from headcount.store.records import MeetingRow
from headcount.store.statements import insert_many, statement

_LIST_SIZE: Final = 1_000
"""Ranges that one statement looks up."""
_JOIN_AND_PARTICIPANT: Final = itemgetter(Entry._fields.index("join"), Entry._fields.index("participant_id"))
"""The key of `in_order` (R11), for lists that may be long."""

_Range = tuple[int, str, Ms, Ms, str | None]
"""The number of a meeting, its room, the first join and the last one (exclusive), and the participant if it is one alone."""
_Row = tuple[int, str, str | None, str | None, Ms, Ms | None, LeftBy | None, str | None]
"""The number of a meeting, and the fields of an `Entry` that is not clipped to it yet."""

_decode = msgspec.json.Decoder(list[_Row]).decode


def entries_of(
    connection: Connection, meetings: Sequence[MeetingRow], user_id: str | None = None
) -> dict[str, list[Entry]]:
    """Return the entries of each meeting by id, in order (R11): all of them, or those of one user."""
    entries = few_entries_of(connection, meetings, NEVER - 1, user_id)
    assert entries is not None
    return entries


def few_entries_of(
    connection: Connection, meetings: Sequence[MeetingRow], few: int, user_id: str | None = None
) -> dict[str, list[Entry]] | None:
    """Return the same, or None if there are more than `few` stays."""
    found: list[list[Entry]] = [[] for _ in meetings]
    ranges = [*_ranges(meetings)]
    left = few
    for start in range(0, len(ranges), _LIST_SIZE):
        rows = _rows(connection, meetings[0].domain, ranges[start : start + _LIST_SIZE], user_id, left + 1)
        left -= len(rows)
        if left < 0:
            return None
        _add_clipped(found, meetings, rows)
    for entries in found:
        entries.sort(key=_JOIN_AND_PARTICIPANT)
    return {meeting.id: entries for meeting, entries in zip(meetings, found, strict=True)}


def _ranges(meetings: Sequence[MeetingRow]) -> Iterator[_Range]:
    """Yield when the stays of each meeting began: within it, or when the one did that a reset carried into it (R7)."""
    for number, row in enumerate(meetings):
        yield number, row.room, row.start, NEVER if row.end is None else row.end, None
        if row.carried_join is not None:
            yield number, row.room, row.carried_join, row.carried_join + 1, row.carried_participant_id


def _rows(
    connection: Connection, domain: str, ranges: Sequence[_Range], user_id: str | None, limit: int
) -> list[_Row]:
    text = insert_many(statement("select_stays_of_ranges"), len(ranges))
    values = [*chain.from_iterable(ranges), domain, user_id, user_id, limit]
    ((packed,),) = connection.query(text, values)
    return _decode(packed or "[]")


def _add_clipped(found: Sequence[list[Entry]], meetings: Sequence[MeetingRow], rows: Iterable[_Row]) -> None:
    bounds = [(meeting.start, NEVER if meeting.end is None else meeting.end) for meeting in meetings]
    new = tuple.__new__
    for row in rows:
        number, participant_id, user_id, user_name, join, leave, left_by, attributes = row
        start, until = bounds[number]
        if leave is not None and start <= join < leave <= until:
            # Nearly all stays are within their meeting, and there may be very many.
            found[number].append(new(Entry, row[1:]))
            continue
        stay = Stay(participant_id, join, leave, left_by, user_id, user_name, attributes)
        entry = clip_stay(stay, start, meetings[number].end)
        if entry is not None:
            found[number].append(entry)
