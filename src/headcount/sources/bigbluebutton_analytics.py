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

from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.sources import fields
from headcount.sources.bigbluebutton_meeting import Meeting, MeetingStay, moderator_role
from headcount.sources.fields import Value
from headcount.timestamps import format_timestamp


class ConnectionEvent(msgspec.Struct):
    """A join or a leave of a connection."""

    timestamp: Value = None
    userid: Value = None


class Session(msgspec.Struct):
    """The joins and leaves of a connection."""

    joins: Value = None
    lefts: Value = None


class Attendee(msgspec.Struct):
    """A person with all of their connections."""

    ext_user_id: Value = None
    name: Value = None
    moderator: Value = None
    sessions: Value = None
    joins: Value = None
    leaves: Value = None


class Data(msgspec.Struct):
    """The attendees and the end of a meeting."""

    attendees: list[Value]
    finish: Value = None


class Analytics(msgspec.Struct):
    """A meeting that has ended."""

    internal_meeting_id: Value
    data: Data
    meeting_id: Value = None


def to_meeting(analytics: Analytics, received_at: Ms = 0) -> Meeting:
    """Return the meeting. Raise `BadInput` if its id or its end is invalid.

    A missing end is the time of receipt. Where that is not known either, the end is None.
    """
    stays: list[MeetingStay] = []
    problems = []
    for index, attendee in enumerate(analytics.data.attendees):
        try:
            found = _stays(fields.item(attendee, Attendee))
            stays += [stay._replace(item=attendee) for stay in found]
        except BadInput as error:
            problems.append(BadInput(str(error), place=f"data.attendees[{index}]"))
    finish = analytics.data.finish
    ended_at = None
    if finish or received_at:
        ended_at = fields.event_time(finish, fields.ms_from_rfc3339, "data.finish", received_at)
    session = fields.text(analytics.internal_meeting_id)
    if not session:
        raise BadInput("internal_meeting_id is neither text nor a whole number")
    return Meeting(fields.text(analytics.meeting_id), session, stays, ended_at, problems)


def _stays(attendee: Attendee) -> Iterator[MeetingStay]:
    user, name = attendee.ext_user_id, attendee.name
    attributes = fields.attributes(None, role=moderator_role(attendee.moderator))
    by_id = attendee.sessions
    sessions = _list([*by_id.values()] if isinstance(by_id, dict) else by_id, "sessions")
    for session in (fields.item(one, Session) for one in sessions):
        joins, leaves = _connection_events(session.joins, "joins"), _connection_events(session.lefts, "lefts")
        pairs = _pair_by_connection(_times(joins, "joins"), _times(leaves, "lefts"))
        for joined_at, left_at in pairs:
            connection = fields.text(joins[0].userid)
            if not connection:
                raise BadInput("a join without a userid")
            yield MeetingStay(connection, user, name, joined_at, left_at, attributes=attributes)
    if sessions:
        return
    joins, leaves = (
        [ConnectionEvent(at) for at in _list(times, field)]
        for times, field in ((attendee.joins, "joins"), (attendee.leaves, "leaves"))
    )
    for joined_at, left_at in _pair_by_person(_times(joins, "joins"), _times(leaves, "leaves")):
        person = fields.text(user) or fields.text(name)
        stay_id = f"{person}/{format_timestamp(joined_at)}"
        yield MeetingStay(stay_id, user, name, joined_at, left_at, attributes=attributes)


def _list(value: Value, field: str) -> Sequence[Value]:
    """Return a list, empty if the field is missing. Raise `BadInput` for anything else."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadInput(f"{field} is not a list")
    return value


def _connection_events(value: Value, field: str) -> Sequence[ConnectionEvent]:
    return [fields.item(one, ConnectionEvent) for one in _list(value, field)]


def _times(events: Sequence[ConnectionEvent], field: str) -> list[Ms]:
    return sorted(fields.ms_from_rfc3339(event.timestamp, field) for event in events)


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
