"""Results of `sessionize`: meetings and participants as tables, and a summary.

Responsible for the schemas of the tables. Must not know how they are filled.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa

from headcount.kernel.events import Ms

TIME = pa.timestamp("ms", "UTC")
WORD = pa.dictionary(pa.int32(), pa.string())

MEETINGS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("domain", WORD, nullable=False),
        pa.field("room", WORD, nullable=False),
        pa.field("start", TIME, nullable=False),
        pa.field("end", TIME),
        pa.field("ongoing", pa.bool_(), nullable=False),
        pa.field("max_participants", pa.int32(), nullable=False),
        pa.field("participants", pa.int32(), nullable=False),
        pa.field("participant_ms", pa.int64(), nullable=False),
    ]
)

PARTICIPANTS = pa.schema(
    [
        pa.field("meeting_id", WORD, nullable=False),
        pa.field("room", WORD, nullable=False),
        pa.field("participant_id", pa.string(), nullable=False),
        pa.field("user_id", WORD),
        pa.field("user_name", WORD),
        pa.field("join", TIME, nullable=False),
        pa.field("leave", TIME),
        pa.field("left_by", WORD),
        pa.field("attributes", WORD),
    ]
)


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts of the meetings found and of the events ignored. Times are ms; `participants` counts the entries of all meetings."""

    events: int = 0
    rooms: int = 0
    first_at: Ms | None = None
    last_at: Ms | None = None
    meetings: int = 0
    ongoing: int = 0
    participants: int = 0
    participant_ms: int = 0
    busiest_room: str | None = None
    busiest_room_ms: int = 0
    short_stays: int = 0
    pending_stays: int = 0
    leaves_without_join: int = 0
    duplicate_joins: int = 0
    duplicate_events: int = 0
    cancelled_out: int = 0
    inferred_events_outranked: int = 0
    inferred_leaves_overridden: int = 0
    ends_of_empty_rooms: int = 0
    after_as_of: int = 0
    rejected: int = 0


@dataclass(frozen=True)
class Sessions:
    """The meeting sessions of a file of events (R9-R11), as of `as_of` ms.

    `meetings` has one row for each meeting, ordered by start, then room: id, domain, room,
    start and end (timestamp[ms, UTC]; end is null while ongoing), ongoing, max_participants,
    participants (the number of entries), participant_ms (the sum of their durations).

    `participants` has one row for each entry, the meetings in the order of the first
    table and the entries by join, then participant_id: meeting_id, room, participant_id,
    user_id, user_name, join and leave (clipped to the meeting; leave is null while present),
    left_by (how the stay ended; null while present, and where a reset clipped the entry), attributes (of the stay,
    as the JSON of an object with its keys in order; null if there are none).
    `participant_pieces` returns the same in pieces, for results larger than memory.
    """

    meetings: pa.Table
    participant_pieces: Callable[[], Iterator[pa.Table]] = field(repr=False)
    as_of: Ms
    summary: Summary
    rejects: Any = field(default=None, repr=False)

    @cached_property
    def participants(self) -> pa.Table:
        """The participants of all meetings as one table."""
        pieces = list(self.participant_pieces())
        return pa.concat_tables(pieces) if pieces else PARTICIPANTS.empty_table()

    def to_daily(self, granularity_s: int = 1, *, include_attributes: bool = False) -> list[dict[str, Any]]:
        """Return the meeting objects of Daily's `GET /meetings`, newest first, in whole seconds (R9, R12).

        With `include_attributes`, participants have `attributes`, an object, which Daily's do not.
        """
        from headcount.batch.daily import to_daily  # noqa: PLC0415 - loaded only if used

        return to_daily(
            self.meetings, self.participants, self.as_of, granularity_s, include_attributes=include_attributes
        )
