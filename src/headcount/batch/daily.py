"""Meeting objects of Daily's `GET /meetings`, from the tables of a file.

Responsible for Daily's fields, order (newest first) and whole seconds: times are rounded down, and durations are
computed in ms and then rounded down (R9, R11, R12). An ongoing meeting lasts until now. No participant is shown beyond
`start_time + duration` of the meeting. Must not know how meetings are
found.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headcount.kernel.attributes import values_of
from headcount.kernel.events import Ms

_NEWEST_FIRST = [("start", "descending"), ("id", "ascending")]


def to_daily(
    meetings: pa.Table,
    participants: pa.Table,
    as_of: Ms,
    granularity_s: int = 1,
    *,
    include_attributes: bool = False,
) -> list[dict[str, Any]]:
    """Return the meeting objects, newest first, those of equal start by id; times in seconds.

    `as_of` (ms) is now. Times and durations are multiples of `granularity_s`. Participants have their attributes as an object
    only with `include_attributes`.
    """
    order = pc.sort_indices(meetings, sort_keys=_NEWEST_FIRST)
    newest_first = meetings.take(order)
    start, duration = _times(newest_first, "start", "end", as_of, granularity_s)
    names, *others = _values(newest_first, "id", "room", "ongoing", "max_participants")
    ends = {name: first + length for name, first, length in zip(names, start, duration, strict=True)}
    entries = _entries(participants, ends, as_of, granularity_s)
    if include_attributes:
        _add_attributes(entries, participants)
    rows = zip(names, *others, start, duration, strict=True)
    return [
        {
            "id": meeting,
            "room": room,
            "start_time": start_time,
            "duration": seconds,
            "ongoing": ongoing,
            "max_participants": max_participants,
            "participants": entries.get(meeting, []),
        }
        for meeting, room, ongoing, max_participants, start_time, seconds in rows
    ]


def _entries(
    participants: pa.Table, ends: Mapping[str, int], as_of: Ms, granularity_s: int
) -> dict[str, list[dict[str, Any]]]:
    """Return the participants of each meeting by its id, in the order of the table; `ends` are the meetings' as shown."""
    entries: dict[str, list[dict[str, Any]]] = defaultdict(list)
    join, duration = _times(participants, "join", "leave", as_of, granularity_s)
    texts = _values(participants, "meeting_id", "user_id", "participant_id", "user_name")
    for meeting, user_id, participant, user_name, join_time, seconds in zip(
        *texts, join, duration, strict=True
    ):
        end = ends[meeting]
        shown_join = min(join_time, end)
        entries[meeting].append(
            {
                "user_id": user_id,
                "participant_id": participant,
                "user_name": user_name,
                "join_time": shown_join,
                "duration": min(seconds, end - shown_join),
            }
        )
    return entries


def _add_attributes(entries: Mapping[str, list[dict[str, Any]]], participants: pa.Table) -> None:
    """Add the attributes to the participants of each meeting, which are in the order of the table."""
    rows = {meeting: iter(own) for meeting, own in entries.items()}
    for meeting, attributes in zip(*_values(participants, "meeting_id", "attributes"), strict=True):
        next(rows[meeting])["attributes"] = values_of(attributes)


def _times(
    table: pa.Table, begin: str, end: str, as_of: Ms, granularity_s: int
) -> tuple[list[int], list[int]]:
    """Return the start and the duration of each row, rounded down to the granularity, in seconds."""
    starts = table[begin].cast(pa.int64()).to_numpy()
    ends = pc.fill_null(table[end].cast(pa.int64()), as_of).to_numpy()
    grain_ms = 1_000 * granularity_s
    return (
        (starts // grain_ms * granularity_s).tolist(),
        ((ends - starts) // grain_ms * granularity_s).tolist(),
    )


def _values(table: pa.Table, *names: str) -> Iterator[list[Any]]:
    """Return columns as lists; codes are decoded together, which is much faster than one by one."""
    for name in names:
        column = table[name]
        texts = column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
        yield texts.to_pylist()
