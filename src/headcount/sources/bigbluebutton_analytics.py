"""BigBlueButton: the payload that it posts to `meta_analytics-callback-url` when a meeting has ended.

It is made of the recording's events, in whole seconds.

* Newer versions have the joins and leaves of each connection, in a list or by its id; a leave is missing where a participant
  was still present at the end.
* Older versions only have those of each person, without which leave belongs to which join. Each leave is assigned to the
  earliest join that has none yet, and the stay is identified by the person and the join.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

import msgspec

from headcount.kernel.events import Ms
from headcount.sources import fields
from headcount.sources.bigbluebutton_meeting import Meeting, MeetingStay
from headcount.timestamps import format_timestamp


class ConnectionEvent(msgspec.Struct):
    """A join or a leave of a connection."""

    timestamp: str
    userid: str


class Session(msgspec.Struct):
    """The joins and leaves of a connection."""

    joins: list[ConnectionEvent] = []
    lefts: list[ConnectionEvent] = []


class Attendee(msgspec.Struct):
    """A person with all of their connections."""

    ext_user_id: str = ""
    name: str = ""
    sessions: list[Session] | dict[str, Session] = []
    joins: list[str] = []
    leaves: list[str] = []


class Data(msgspec.Struct):
    """The attendees and the end of a meeting."""

    attendees: list[Attendee]
    finish: str


class Analytics(msgspec.Struct):
    """A meeting that has ended."""

    internal_meeting_id: str
    data: Data
    meeting_id: str = ""


def to_meeting(analytics: Analytics) -> Meeting:
    """Return the meeting. Raise `BadInput` for an invalid time."""
    stays = [stay for attendee in analytics.data.attendees for stay in _stays(attendee)]
    ended_at = fields.ms_from_rfc3339(analytics.data.finish, "data.finish")
    return Meeting(analytics.meeting_id, analytics.internal_meeting_id, stays, ended_at)


def _stays(attendee: Attendee) -> Iterator[MeetingStay]:
    sessions = attendee.sessions if isinstance(attendee.sessions, list) else attendee.sessions.values()
    for session in sessions:
        joins = _times([join.timestamp for join in session.joins], "joins")
        leaves = _times([leave.timestamp for leave in session.lefts], "lefts")
        for joined_at, left_at in _pair_by_connection(joins, leaves):
            connection = session.joins[0].userid
            yield MeetingStay(connection, attendee.ext_user_id, attendee.name, joined_at, left_at)
    if sessions:
        return
    joins, leaves = _times(attendee.joins, "joins"), _times(attendee.leaves, "leaves")
    for joined_at, left_at in _pair_by_person(joins, leaves):
        connection = f"{attendee.ext_user_id or attendee.name}/{format_timestamp(joined_at)}"
        yield MeetingStay(connection, attendee.ext_user_id, attendee.name, joined_at, left_at)


def _times(texts: Sequence[str], field: str) -> list[Ms]:
    return sorted(fields.ms_from_rfc3339(text, field) for text in texts)


def _pair_by_connection(joins: Sequence[Ms], leaves: Sequence[Ms]) -> Iterator[tuple[Ms, Ms | None]]:
    """Return each join with the next leave; another join in between changes nothing, nor does a leave without a join."""
    joined_at = None
    for at, is_join in sorted([*((leave, False) for leave in leaves), *((join, True) for join in joins)]):
        if is_join:
            joined_at = at if joined_at is None else joined_at
        elif joined_at is not None:
            yield joined_at, at
            joined_at = None
    if joined_at is not None:
        yield joined_at, None


def _pair_by_person(joins: Sequence[Ms], leaves: Sequence[Ms]) -> Iterator[tuple[Ms, Ms | None]]:
    """Return each join with its leave, if any. A surplus leave belongs to a join that was not recorded."""
    for joined_at, left_at in zip_longest(joins, leaves):
        if joined_at is not None:
            yield joined_at, left_at
