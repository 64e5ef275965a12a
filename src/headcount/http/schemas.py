"""Wire: what is answered, in Daily's words. Daily's field names are known here and nowhere else.

Times are whole unix seconds. Times and durations are rounded down to the granularity, so that nobody's
minutes are overstated (rule 12); what goes on has lasted until now. `null` where a name is not known.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from headcount.kernel.events import Ms
from headcount.kernel.meetings import Entry
from headcount.reporting.attendance import Person, person_of
from headcount.store.meetings import Present as PresentRow
from headcount.store.records import MeetingRow, StayRow

encode = msgspec.json.Encoder().encode
_DAY_S = 86_400


class Participant(msgspec.Struct, gc=False):
    """Somebody's time in a meeting."""

    user_id: str | None
    participant_id: str
    user_name: str | None
    join_time: int
    duration: int


class Meeting(msgspec.Struct):
    """A meeting session."""

    id: str
    room: str
    start_time: int
    duration: int
    ongoing: bool
    max_participants: int
    participants: list[Participant] | UnsetType = UNSET


class Meetings(msgspec.Struct):
    total_count: int
    data: list[Meeting]


class Attended(msgspec.Struct, gc=False):
    """One person's part in a meeting."""

    join_time: int
    leave_time: int | None
    duration: int
    share: float


class UserMeeting(Meeting, kw_only=True):
    """A meeting, and somebody's part in it."""

    attended: Attended


class UserMeetings(msgspec.Struct):
    total_count: int
    data: list[UserMeeting]


class Participants(msgspec.Struct):
    data: list[Participant]


class Present(msgspec.Struct, rename="camel", gc=False):
    """Somebody who is in a room now."""

    room: str
    id: str
    user_id: str | None
    user_name: str | None
    mtg_session_id: str | None
    join_time: str
    duration: int


class RoomPresence(msgspec.Struct):
    total_count: int
    data: list[Present]


class Visit(msgspec.Struct, gc=False):
    """Somebody's unbroken time in a room, whole, whatever meetings it was part of."""

    user_id: str | None
    participant_id: str
    user_name: str | None
    join_time: int
    leave_time: int | None
    duration: int
    left_by: str | None


class Attendance(msgspec.Struct, rename={"from_": "from"}, omit_defaults=True):
    """Who was in a room at a moment, or in a time."""

    room: str
    total_count: int
    data: list[Visit]
    time: str | None = None
    from_: str | None = None
    to: str | None = None


class QuarantinedRoom(msgspec.Struct):
    """A room whose events could not be processed. Times are RFC 3339."""

    room: str
    reason: str
    since: str
    attempts: int
    retry_at: str


class QuarantinedRooms(msgspec.Struct):
    total_count: int
    data: list[QuarantinedRoom]


@dataclass(frozen=True, slots=True)
class Wire:
    """How rows are told at `now`, in units of the granularity."""

    now: Ms
    granularity_s: int

    def meeting(self, row: MeetingRow, entries: Iterable[Entry] | None = None) -> Meeting:
        return Meeting(
            row.id,
            row.room,
            self.second(row.start),
            self.length(row.start, row.end),
            row.end is None,
            row.max_participants,
            UNSET if entries is None else self.participants(entries),
        )

    def user_meeting(
        self, row: MeetingRow, entries: Iterable[Entry] | None, own: Sequence[Entry]
    ) -> UserMeeting:
        """A meeting with the part that the person had in it whose entries are `own`."""
        told = self.meeting(row, entries)
        attended = self.attended(person_of(own, self.now), row)
        return UserMeeting(*(getattr(told, name) for name in Meeting.__struct_fields__), attended=attended)

    def attended(self, person: Person, row: MeetingRow) -> Attended:
        whole = (self.now if row.end is None else row.end) - row.start
        return Attended(
            self.second(person.first_join),
            None if person.last_leave is None else self.second(person.last_leave),
            self.rounded(person.attended_ms),
            share(person.attended_ms, whole),
        )

    def participants(self, entries: Iterable[Entry]) -> list[Participant]:
        second, length = self.second, self.length
        return [
            Participant(who.user_id or None, who.participant_id, who.user_name or None, second(who.join), length(who.join, who.leave))
            for who in entries
        ]  # fmt: skip

    def present(self, people: Iterable[PresentRow], ids: Mapping[str, str]) -> list[Present]:
        """Those who are in; `ids` are the ongoing meetings of the rooms that have one.

        One loop without calls, since everybody everywhere may be asked for.
        """
        now, size = self.now, self.granularity_s
        unit = 1_000 * size
        times: dict[int, str] = {}
        shown: list[Present] = []
        show = shown.append
        for room, join, participant_id, user_id, user_name in people:
            second = join // unit * size
            time = times.get(second)
            if time is None:
                time = times[second] = _written(second)
            lasted = (now - join) // unit * size if now > join else 0
            show(
                Present(room, participant_id, user_id or None, user_name or None, ids.get(room), time, lasted)
            )
        return shown

    def visits(self, stays: Iterable[StayRow]) -> list[Visit]:
        return [
            Visit(
                stay.user_id or None,
                stay.participant_id,
                stay.user_name or None,
                self.second(stay.join),
                None if stay.leave is None else self.second(stay.leave),
                self.length(stay.join, stay.leave),
                stay.left_by,
            )
            for stay in stays
        ]

    def second(self, at: Ms) -> int:
        """The unix second of a moment, rounded down."""
        return at // (1_000 * self.granularity_s) * self.granularity_s

    def length(self, start: Ms, end: Ms | None) -> int:
        """The seconds from `start` to `end`, or to now; rounded down, and never less than none."""
        return self.rounded((self.now if end is None else end) - start)

    def rounded(self, lasted: Ms) -> int:
        """So many ms in seconds, rounded down, and never less than none."""
        return max(0, lasted) // (1_000 * self.granularity_s) * self.granularity_s

    def first_second(self, second: int) -> Ms:
        """The earliest moment that is told as `second` or later."""
        return -(-second // self.granularity_s) * self.granularity_s * 1_000


def share(part: Ms, whole: Ms) -> float:
    """Which part of the whole that is, from 0 to 1, rounded down to four digits."""
    return part * 10_000 // whole / 10_000 if whole > 0 else 0.0


def written(at: Ms) -> str:
    """A moment as ISO 8601 in UTC, with milliseconds."""
    second, ms = divmod(at, 1_000)
    return f"{_written(second)[:-4]}{ms:03}Z"


def _written(second: int) -> str:
    day, rest = divmod(second, _DAY_S)
    hours, rest = divmod(rest, 3_600)
    minutes, seconds = divmod(rest, 60)
    return f"{_date(day)}T{hours:02}:{minutes:02}:{seconds:02}.000Z"


@lru_cache(1_024)
def _date(day: int) -> str:
    return datetime.fromtimestamp(day * _DAY_S, UTC).date().isoformat()


def in_pieces(total: int, meetings: Iterable[tuple[Meeting, Iterable[list[Participant]]]]) -> Iterator[bytes]:
    """A list of meetings as JSON, the same bytes as `told` gives, a page of participants at a time.

    Each meeting comes with nobody in it, and with the pages of those who were.
    """
    yield b'{"total_count":%d,"data":[' % total
    for number, (meeting, pages) in enumerate(meetings):
        # Quotes in names are escaped, so this stands nowhere else.
        before, _, behind = told(meeting).rpartition(b'"participants":[]')
        yield (b"," if number else b"") + before + b'"participants":['
        divided = b""
        for page in pages:
            yield divided + told(page)[1:-1]
            divided = b","
        yield b"]" + behind
    yield b"]}"


def presence_in_pieces(pages: Iterable[list[Present]]) -> Iterator[bytes]:
    """Everybody who is in, by room, as JSON; they come in the order of their rooms, a page at a time."""
    current: str | None = None
    yield b"{"
    for page in pages:
        for room, them in groupby(page, key=attrgetter("room")):
            if room == current:
                yield b","
            else:
                yield (b"" if current is None else b"],") + told(room) + b":["
                current = room
            yield told(list(them))[1:-1]
    yield b"}" if current is None else b"]}"


def told(answer: Any) -> bytes:
    """An answer as JSON."""
    return encode(answer)
