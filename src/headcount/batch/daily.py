"""Daily: meetings as the objects that Daily's `GET /meetings` answers with.

Daily speaks in whole seconds, so times are rounded down, and durations are worked out exactly
and then rounded down (rules 9, 11, 12): nobody is ever told of a second that was not there.
What is ongoing lasts until now. It is told newest first, as integrators expect.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headcount.kernel.events import Ms

_NEWEST_FIRST = [("start", "descending"), ("id", "ascending")]


def to_daily(
    meetings: pa.Table, participants: pa.Table, as_of: Ms, granularity_s: int = 1
) -> list[dict[str, Any]]:
    """The list of meeting objects, newest first, of one moment by id; times in seconds.

    `as_of` (ms) is now. Times and durations are multiples of `granularity_s`.
    """
    entries = _entries(participants, as_of, granularity_s)
    order = pc.sort_indices(meetings, sort_keys=_NEWEST_FIRST)
    newest_first = meetings.take(order)
    start, duration = _times(newest_first, "start", "end", as_of, granularity_s)
    rows = zip(
        *_values(newest_first, "id", "room", "ongoing", "max_participants"), start, duration, strict=True
    )
    return [
        {
            "id": meeting,
            "room": room,
            "start_time": start_time,
            "duration": seconds,
            "ongoing": ongoing,
            "max_participants": most,
            "participants": entries.get(meeting, []),
        }
        for meeting, room, ongoing, most, start_time, seconds in rows
    ]


def _entries(participants: pa.Table, as_of: Ms, granularity_s: int) -> dict[str, list[dict[str, Any]]]:
    """The participants of each meeting by its id, in the order in which they come."""
    entries: dict[str, list[dict[str, Any]]] = defaultdict(list)
    join, duration = _times(participants, "join", "leave", as_of, granularity_s)
    words = _values(participants, "meeting_id", "user_id", "participant_id", "user_name")
    for meeting, user_id, participant, user_name, join_time, seconds in zip(
        *words, join, duration, strict=True
    ):
        entries[meeting].append(
            {
                "user_id": user_id,
                "participant_id": participant,
                "user_name": user_name,
                "join_time": join_time,
                "duration": seconds,
            }
        )
    return entries


def _times(
    table: pa.Table, begin: str, end: str, as_of: Ms, granularity_s: int
) -> tuple[list[int], list[int]]:
    """When each row begins and how long it lasts, exactly and then rounded down to the granularity."""
    began = table[begin].cast(pa.int64()).to_numpy()
    ended = pc.fill_null(table[end].cast(pa.int64()), as_of).to_numpy()
    grain_ms = 1_000 * granularity_s
    return (
        (began // grain_ms * granularity_s).tolist(),
        ((ended - began) // grain_ms * granularity_s).tolist(),
    )


def _values(table: pa.Table, *names: str) -> Iterator[list[Any]]:
    """Columns as lists; codes become words together, which is much faster than one by one."""
    for name in names:
        column = table[name]
        words = column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
        yield words.to_pylist()
