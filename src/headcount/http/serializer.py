"""Serializer: rows of the store as answers of the API at a moment.

Times are whole unix seconds. Times and durations are rounded down to the granularity, so that no duration is
overstated (R12); what is ongoing lasts until now. The end of a meeting that an answer shows is `start_time +
duration`, and nothing within the meeting is shown beyond it. Responsible for rounding and for JSON, whole or in chunks. It must
not know which rows a request asks for.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from operator import attrgetter

import msgspec
from msgspec import UNSET, Raw, UnsetType

from headcount.http.schemas import (
    Attended,
    Meeting,
    MeetingWithParticipants,
    Participant,
    PresentParticipant,
    RoomStay,
    UserMeeting,
)
from headcount.kernel.attributes import Attributes
from headcount.kernel.events import Ms
from headcount.kernel.meetings import Entry
from headcount.reporting.attendance import Person, person_of
from headcount.store.meetings import PresenceRow
from headcount.store.records import MeetingRow, StayRow

encode = msgspec.json.Encoder().encode
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Serializer:
    """Makes answers of rows as of `now` (ms), in units of the granularity, with attributes or without."""

    now: Ms
    granularity_s: int
    includes_attributes: bool = False

    def meeting(self, row: MeetingRow) -> Meeting:
        return Meeting(
            row.id,
            row.room,
            self.second(row.start),
            self.duration(row.start, row.end),
            row.end is None,
            row.max_participants,
        )

    def meeting_with_participants(
        self, row: MeetingRow, entries: Iterable[Entry] | None
    ) -> MeetingWithParticipants:
        """Return a meeting, with its participants if there are `entries`."""
        start, duration = self.second(row.start), self.duration(row.start, row.end)
        return MeetingWithParticipants(
            row.id,
            row.room,
            start,
            duration,
            row.end is None,
            row.max_participants,
            UNSET if entries is None else self._participants(start + duration, entries),
        )

    def user_meeting(
        self, row: MeetingRow, entries: Iterable[Entry] | None, own: Sequence[Entry]
    ) -> UserMeeting:
        """Return a meeting with the part of the user whose entries are `own`."""
        meeting = self.meeting_with_participants(row, entries)
        attended = self.attended(person_of(own, self.now), row)
        fields = (getattr(meeting, name) for name in MeetingWithParticipants.__struct_fields__)
        return UserMeeting(*fields, attended=attended)

    def attended(self, person: Person, row: MeetingRow) -> Attended:
        """Return the part of a person in a meeting."""
        meeting_ms = (self.now if row.end is None else row.end) - row.start
        end = self.shown_end(row)
        join = min(self.second(person.first_join), end)
        return Attended(
            join,
            None if person.last_leave is None else min(self.second(person.last_leave), end),
            min(self.rounded(person.attended_ms), end - join),
            ratio(person.attended_ms, meeting_ms),
        )

    def participants(self, row: MeetingRow, entries: Iterable[Entry]) -> list[Participant]:
        """Return the participants of a meeting. `join_time + duration` is at most the end of the meeting as shown."""
        return self._participants(self.shown_end(row), entries)

    def _participants(self, end: int, entries: Iterable[Entry]) -> list[Participant]:
        """Return the participants until `end`. This is one loop without calls: a list has very many participants."""
        now, size = self.now, self.granularity_s
        unit = 1_000 * size
        shows_attributes = self.includes_attributes
        attributes: msgspec.Raw | UnsetType = UNSET
        participants: list[Participant] = []
        append = participants.append
        for participant_id, user_id, user_name, join, leave, _, known in entries:
            second = join // unit * size
            if second > end:  # noqa: PLR1730 - without a call
                second = end
            until = now if leave is None else leave
            duration = (until - join) // unit * size if until > join else 0
            if duration > end - second:  # noqa: PLR1730
                duration = end - second
            if shows_attributes:
                attributes = attributes_in_json(known)
            append(
                Participant(user_id or None, participant_id, user_name or None, second, duration, attributes)
            )
        return participants

    def present(self, people: Iterable[PresenceRow], ids: Mapping[str, str]) -> list[PresentParticipant]:
        """Return those who are in rooms now; `ids` are the ongoing meetings by room.

        Rows have attributes if the answer has them. If not, this is one loop without calls: a request can ask for the
        participants of all rooms.
        """
        if self.includes_attributes:
            return self._present_with_attributes(people, ids)
        now, size = self.now, self.granularity_s
        unit = 1_000 * size
        times: dict[int, str] = {}
        present: list[PresentParticipant] = []
        append = present.append
        for room, join, participant_id, user_id, user_name in people:
            second = join // unit * size
            time = times.get(second)
            if time is None:
                time = times[second] = _rfc3339_second(second)
            duration = (now - join) // unit * size if now > join else 0
            append(
                PresentParticipant(
                    room,
                    participant_id,
                    user_id or None,
                    user_name or None,
                    time,
                    duration,
                    ids.get(room, UNSET),
                )
            )
        return present

    def _present_with_attributes(
        self, people: Iterable[PresenceRow], ids: Mapping[str, str]
    ) -> list[PresentParticipant]:
        people = list(people)
        plain = (row[:5] for row in people)
        present = replace(self, includes_attributes=False).present(plain, ids)
        for participant, row in zip(present, people, strict=True):
            participant.attributes = attributes_in_json(row[-1])
        return present

    def stays(self, rows: Iterable[StayRow]) -> list[RoomStay]:
        return [
            RoomStay(
                row.user_id or None,
                row.participant_id,
                row.user_name or None,
                self.second(row.join),
                None if row.leave is None else self.second(row.leave),
                self.duration(row.join, row.leave),
                row.left_by,
                attributes_in_json(row.attributes) if self.includes_attributes else UNSET,
            )
            for row in rows
        ]

    def shown_end(self, row: MeetingRow) -> int:
        """Return `start_time + duration` of a meeting, its end as a client computes it."""
        return self.second(row.start) + self.duration(row.start, row.end)

    def second(self, at: Ms) -> int:
        """Return the unix second of a moment, rounded down."""
        return at // (1_000 * self.granularity_s) * self.granularity_s

    def duration(self, start: Ms, end: Ms | None) -> int:
        """Return the seconds from `start` to `end`, or to now; rounded down, at least 0."""
        return self.rounded((self.now if end is None else end) - start)

    def rounded(self, duration: Ms) -> int:
        """Return a duration in seconds, rounded down, at least 0."""
        return max(0, duration) // (1_000 * self.granularity_s) * self.granularity_s

    def first_ms(self, second: int) -> Ms:
        """Return the earliest moment that is shown as `second` or later."""
        return -(-second // self.granularity_s) * self.granularity_s * 1_000


def attributes_in_json(attributes: Attributes | None) -> Raw | UnsetType:
    """Return attributes as the JSON object that they are, `{}` if there are none."""
    return Raw((attributes or "{}").encode())


def ratio(part: Ms, total: Ms) -> float:
    """Return which part of the total that is, from 0 to 1, rounded down to four digits."""
    return part * 10_000 // total / 10_000 if total > 0 else 0.0


def rfc3339(at: Ms) -> str:
    """Return a moment in UTC, with milliseconds."""
    second, ms = divmod(at, 1_000)
    return f"{_rfc3339_second(second)[:-4]}{ms:03}Z"


def meetings_in_chunks(
    total: int, meetings: Iterable[tuple[MeetingWithParticipants, Iterable[list[Participant]]]]
) -> Iterator[bytes]:
    """Yield the JSON of `Meetings` or `UserMeetings`, a page of participants at a time.

    Each meeting comes with an empty list of participants, and with the pages of them.
    """
    yield b'{"total_count":%d,"data":[' % total
    for number, (meeting, pages) in enumerate(meetings):
        # Quotes in names are escaped, so this occurs nowhere else.
        before, _, after = encode(meeting).rpartition(b'"participants":[]')
        yield (b"," if number else b"") + before + b'"participants":['
        separator = b""
        for page in pages:
            yield separator + encode(page)[1:-1]
            separator = b","
        yield b"]" + after
    yield b"]}"


def presence_in_chunks(pages: Iterable[list[PresentParticipant]]) -> Iterator[bytes]:
    """Yield the JSON of the participants of all rooms, by room; pages are in the order of rooms."""
    current: str | None = None
    yield b"{"
    for page in pages:
        for room, participants in groupby(page, key=attrgetter("room")):
            if room == current:
                yield b","
            else:
                yield (b"" if current is None else b"],") + encode(room) + b":["
                current = room
            yield encode(list(participants))[1:-1]
    yield b"}" if current is None else b"]}"


def _rfc3339_second(second: int) -> str:
    day, rest = divmod(second, _DAY_S)
    hours, rest = divmod(rest, 3_600)
    minutes, seconds = divmod(rest, 60)
    return f"{_date(day)}T{hours:02}:{minutes:02}:{seconds:02}.000Z"


@lru_cache(1_024)
def _date(day: int) -> str:
    return datetime.fromtimestamp(day * _DAY_S, UTC).date().isoformat()
