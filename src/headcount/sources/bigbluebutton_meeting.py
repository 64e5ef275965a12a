"""One BigBlueButton meeting with its stays, as the learning dashboard and the analytics both report it.

A participant without an account is identified by their connection: then the external id equals the internal one, and there is
no user. Must not know the formats in which a meeting is reported.
"""

from collections.abc import Sequence
from typing import NamedTuple

from headcount.errors import BadInput
from headcount.kernel.attributes import Attributes
from headcount.kernel.events import Event, Inferred, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import ParsedEvent, Role, after_join, room_end
from headcount.sources.fields import Value


class MeetingStay(NamedTuple):
    """Stay of one connection; `left_at` is None while it is open. `user` is the external id.

    `item` is the entry of the list of people, from which attributes are mapped.
    """

    connection: str
    user: Value
    name: Value
    joined_at: Ms
    left_at: Ms | None
    role: Role = Role.PERSON
    attributes: Attributes | None = None
    item: Value = None


class Meeting(NamedTuple):
    """A meeting. `room` is its external id, `session` its internal id; `ended_at` is None while it is open.

    `problems` has an error for each person that cannot be read.
    """

    room: str
    session: str
    stays: Sequence[MeetingStay]
    ended_at: Ms | None
    problems: Sequence[BadInput] = ()


def stay_event(room: str, session: str, stay: MeetingStay) -> ParsedEvent:
    """Return the join of an open stay, or a leave with its join. Raise `InvalidEvent` for an impossible stay."""
    user = fields.optional_id(stay.user)
    user = None if user == stay.connection else user
    name = fields.user_name(stay.name)
    if stay.left_at is None:
        kind, at, joined_at = Kind.JOIN, stay.joined_at, None
    else:
        kind, at, joined_at = Kind.LEAVE, after_join(stay.left_at, stay.joined_at), stay.joined_at
    event = Event(kind, room, at, stay.connection, user, name, session, joined_at, attributes=stay.attributes)
    return ParsedEvent(event, stay.role)


def moderator_role(is_moderator: Value) -> str | None:
    """Return the role of a participant, as BigBlueButton names both; None if it is not stated."""
    if is_moderator is None:
        return None
    return "moderator" if fields.flag(is_moderator) else "viewer"


def meeting_end(room: str, meeting: Meeting) -> ParsedEvent:
    """Return the end of a meeting: at the last time that is known, and strictly after the last join, so that nobody stays in.

    The end of an open meeting is inferred (R3a).
    """
    known = [meeting.ended_at or 0, *(stay.left_at or 0 for stay in meeting.stays)]
    last = max([*known, *(stay.joined_at + 1 for stay in meeting.stays)])
    inferred = Inferred.TIMEOUT if meeting.ended_at is None else None
    return room_end(room, last, meeting.session, inferred=inferred)
