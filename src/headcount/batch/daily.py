"""Meeting objects of Daily's `GET /meetings`, from the tables of a file.

Responsible for Daily's fields, order (newest first) and whole seconds: times are rounded down, and durations are
computed in ms and then rounded down (R9, R11, R12). An ongoing meeting lasts until now. No participant is shown beyond
`start_time + duration` of the meeting. Must not know how meetings are
found.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from headcount.batch.rows import Table, lists_of
from headcount.kernel.attributes import values_of
from headcount.kernel.events import Ms


def to_daily(
    meetings: Table,
    participants: Iterable[Table],
    as_of: Ms,
    granularity_s: int = 1,
    *,
    include_attributes: bool = False,
) -> list[dict[str, Any]]:
    """Return the meeting objects, newest first, those of equal start by id; times in seconds.

    `participants` are the pieces of their table. `as_of` (ms) is now. Times and durations are multiples of `granularity_s`.
    Participants have their attributes as an object only with `include_attributes`.
    """
    names, rooms, ongoing, peaks, starts, ends = lists_of(
        meetings, "id", "room", "ongoing", "max_participants", "start", "end"
    )
    starts_s, durations_s = _times(starts, ends, as_of, granularity_s)
    shown_ends = {
        name: first + length for name, first, length in zip(names, starts_s, durations_s, strict=True)
    }
    entries: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for piece in participants:
        added = _add_entries(entries, piece, shown_ends, as_of, granularity_s)
        if include_attributes:
            for entry, attributes in zip(added, *lists_of(piece, "attributes"), strict=True):
                entry["attributes"] = values_of(attributes)
    newest_first = sorted(range(len(names)), key=lambda row: (-starts[row], names[row]))
    return [
        {
            "id": names[row],
            "room": rooms[row],
            "start_time": starts_s[row],
            "duration": durations_s[row],
            "ongoing": ongoing[row],
            "max_participants": peaks[row],
            "participants": entries.get(names[row], []),
        }
        for row in newest_first
    ]


def _add_entries(
    entries: dict[str, list[dict[str, Any]]],
    participants: Table,
    ends: Mapping[str, int],
    as_of: Ms,
    granularity_s: int,
) -> list[dict[str, Any]]:
    """Add the participants to those of each meeting by its id, and return them in the order of the table.

    `ends` are the ends of meetings as shown.
    """
    added = []
    *texts, joins, leaves = lists_of(
        participants, "meeting_id", "user_id", "participant_id", "user_name", "join", "leave"
    )
    times = _times(joins, leaves, as_of, granularity_s)
    for meeting, user_id, participant, user_name, join_time, seconds in zip(*texts, *times, strict=True):
        end = ends[meeting]
        shown_join = min(join_time, end)
        entry = {
            "user_id": user_id,
            "participant_id": participant,
            "user_name": user_name,
            "join_time": shown_join,
            "duration": min(seconds, end - shown_join),
        }
        entries[meeting].append(entry)
        added.append(entry)
    return added


def _times(
    starts: Iterable[Ms], ends: Iterable[Ms | None], as_of: Ms, granularity_s: int
) -> tuple[list[int], list[int]]:
    """Return the start and the duration of each row, rounded down to the granularity, in seconds."""
    grain_ms = 1_000 * granularity_s
    durations = [
        ((as_of if end is None else end) - start) // grain_ms * granularity_s
        for start, end in zip(starts, ends, strict=True)
    ]
    return [start // grain_ms * granularity_s for start in starts], durations
