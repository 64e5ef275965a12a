"""Results of `sessionize`: meetings and participants as tables, and a summary.

Responsible for the columns of the tables. Must not know how they are filled.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from headcount.batch.extra import batch_extra
from headcount.batch.rows import Column, Schema, Table, Type
from headcount.kernel.events import Ms

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

MEETINGS: Final[Schema] = (
    Column("id", Type.TEXT),
    Column("domain", Type.WORD),
    Column("room", Type.WORD),
    Column("start", Type.TIME),
    Column("end", Type.TIME, is_optional=True),
    Column("ongoing", Type.FLAG),
    Column("max_participants", Type.COUNT),
    Column("participants", Type.COUNT),
    Column("participant_ms", Type.LARGE),
)

PARTICIPANTS: Final[Schema] = (
    Column("meeting_id", Type.WORD),
    Column("room", Type.WORD),
    Column("participant_id", Type.TEXT),
    Column("user_id", Type.WORD, is_optional=True),
    Column("user_name", Type.WORD, is_optional=True),
    Column("join", Type.TIME),
    Column("leave", Type.TIME, is_optional=True),
    Column("left_by", Type.WORD, is_optional=True),
    Column("attributes", Type.WORD, is_optional=True),
)


STAYS: Final[Schema] = (
    Column("domain", Type.WORD),
    Column("room", Type.WORD),
    Column("participant_id", Type.TEXT),
    Column("user_id", Type.WORD, is_optional=True),
    Column("user_name", Type.WORD, is_optional=True),
    Column("join", Type.TIME),
    Column("leave", Type.TIME, is_optional=True),
    Column("left_by", Type.WORD, is_optional=True),
    Column("attributes", Type.WORD, is_optional=True),
)


ROOMS: Final[Schema] = (
    Column("domain", Type.WORD),
    Column("room", Type.WORD),
    Column("first_at", Type.TIME),
    Column("last_at", Type.TIME),
    Column("is_closed", Type.FLAG),
    Column("empty_at", Type.TIME, is_optional=True),
)
"""Times of the first and the last event of a room, whether nobody is in it and every inferred leave is confirmed, and when that was
so before a given time."""


class StayPiece(NamedTuple):
    """Some stays, and those that continued into a meeting that a reset began (R7).

    Row carried[i] of `stays` continued into the meeting in row meetings[i] of all meetings.
    """

    stays: Table
    meetings: "Sequence[int] | NDArray[np.int64]"
    carried: "Sequence[int] | NDArray[np.int64]"


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

    `stays` has one row for each stay that counts (R4), as long as it lasted, in a meeting or not, room by room and by join, then
    participant_id: domain, room, participant_id, user_id, user_name, join, leave (null while present), left_by, attributes.

    `found`, `participant_pieces` and `found_stays` are the same as plain rows or as Arrow tables, as they were computed; the last two
    in pieces, for results larger than memory. `meetings`, `participants` and `stays` are Arrow tables in any case.
    """

    found: Table = field(repr=False)
    participant_pieces: Callable[[], Iterator[Table]] = field(repr=False)
    as_of: Ms
    summary: Summary
    rejects: Any = field(default=None, repr=False)
    found_stays: Callable[[], Iterator[StayPiece]] = field(default=lambda: iter(()), repr=False)
    found_rooms: Callable[[], Iterator[Table]] = field(default=lambda: iter(()), repr=False)
    """The rooms in pieces."""
    threads: int = field(default=2, repr=False)
    """At most this many threads write the tables to files."""

    @cached_property
    def meetings(self) -> "pa.Table":
        """The meetings as a table."""
        with batch_extra():
            from headcount.batch.arrow_tables import table_of  # noqa: PLC0415 - loaded only if used

            return table_of(self.found)

    @cached_property
    def participants(self) -> "pa.Table":
        """The participants of all meetings as one table."""
        with batch_extra():
            from headcount.batch.arrow_tables import joined  # noqa: PLC0415 - loaded only if used

            return joined(self.participant_pieces(), PARTICIPANTS)

    @cached_property
    def stays(self) -> "pa.Table":
        """The stays that count as one table."""
        with batch_extra():
            from headcount.batch.arrow_tables import joined  # noqa: PLC0415 - loaded only if used

            return joined(self.stay_pieces(), STAYS)

    def stay_pieces(self) -> Iterator[Table]:
        """Yield the stays in pieces."""
        return (piece.stays for piece in self.found_stays())

    def to_daily(self, granularity_s: int = 1, *, include_attributes: bool = False) -> list[dict[str, Any]]:
        """Return the meeting objects of Daily's `GET /meetings`, newest first, in whole seconds (R9, R12).

        With `include_attributes`, participants have `attributes`, an object, which Daily's do not.
        """
        from headcount.batch.daily import to_daily  # noqa: PLC0415 - loaded only if used

        return to_daily(
            self.found,
            self.participant_pieces(),
            self.as_of,
            granularity_s,
            include_attributes=include_attributes,
        )
