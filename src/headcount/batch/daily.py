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
    grain_ms = 1_000 * granularity_s
    entries = _entries(participants, as_of, grain_ms)
    order = pc.sort_indices(meetings, sort_keys=_NEWEST_FIRST)
    rows = _rows(meetings.take(order), "id", "room", "start", "end", "ongoing", "max_participants")
    return [
        {
            "id": meeting,
            "room": room,
            "start_time": _seconds(start, grain_ms),
            "duration": _seconds((as_of if end is None else end) - start, grain_ms),
            "ongoing": ongoing,
            "max_participants": most,
            "participants": entries[meeting],
        }
        for meeting, room, start, end, ongoing, most in rows
    ]


def _entries(participants: pa.Table, as_of: Ms, grain_ms: Ms) -> dict[str, list[dict[str, Any]]]:
    """The participants of each meeting by its id, in the order in which they come."""
    entries: dict[str, list[dict[str, Any]]] = defaultdict(list)
    rows = _rows(participants, "meeting_id", "user_id", "participant_id", "user_name", "join", "leave")
    for meeting, user_id, participant, user_name, join, leave in rows:
        entries[meeting].append(
            {
                "user_id": user_id,
                "participant_id": participant,
                "user_name": user_name,
                "join_time": _seconds(join, grain_ms),
                "duration": _seconds((as_of if leave is None else leave) - join, grain_ms),
            }
        )
    return entries


def _seconds(ms: Ms, grain_ms: Ms) -> int:
    """Whole seconds, rounded down to the granularity."""
    return ms // grain_ms * grain_ms // 1_000


def _rows(table: pa.Table, *names: str) -> Iterator[tuple[Any, ...]]:
    columns = (table[name] for name in names)
    return zip(*(_values(column) for column in columns), strict=True)


def _values(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    return column.to_pylist()  # type: ignore[no-any-return]
