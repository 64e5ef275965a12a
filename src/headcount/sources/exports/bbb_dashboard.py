"""BigBlueButton: the data of its learning dashboard, or of its analytics, a JSON file of one meeting.

* The dashboard has people, their connections, and the stays of each connection. In older versions a connection had one stay
  instead of a list, and in the oldest a person was a connection.
* A `leftOn` of 0 is a participant who is still present, an `endedOn` of 0 a meeting that is still open.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import InvalidEvent, Ms
from headcount.sources import bigbluebutton_analytics, fields
from headcount.sources.api import ParsedEvent, Role
from headcount.sources.bigbluebutton_meeting import (
    Meeting,
    MeetingStay,
    meeting_end,
    moderator_role,
    stay_event,
)
from headcount.sources.exports.api import ErrorCallback, ExportFile, ExportFormat, ExportOptions
from headcount.sources.exports.text import decode_text
from headcount.sources.fields import Value


class Session(msgspec.Struct, rename="camel"):
    """A stay of a connection; 0 stands for a time to come."""

    registered_on: Value = None
    left_on: Value = None


class Connection(msgspec.Struct, rename="camel"):
    """One connection of a person: its sessions, or the only one."""

    sessions: Value = None
    registered_on: Value = None
    left_on: Value = None


class User(msgspec.Struct, rename="camel"):
    """A person with their connections, or the only one."""

    name: Value = None
    ext_id: Value = None
    int_ids: Value = None
    int_id: Value = None
    registered_on: Value = None
    left_on: Value = None
    is_moderator: Value = None
    is_dial_in: Value = None


class Dashboard(msgspec.Struct, rename="camel"):
    """A meeting."""

    int_id: Value
    users: dict[str, Value]
    ext_id: Value = None
    ended_on: Value = None


_NEITHER: Final = (
    "is neither the data of a learning dashboard (users) nor what is posted for analytics (data.attendees)"
)


def parse(file: ExportFile, options: ExportOptions, on_error: ErrorCallback) -> Iterator[ParsedEvent]:
    """Return the stays and the end of a meeting."""
    meeting = _parse_meeting(decode_text(file.content))
    room = options.room or meeting.room
    if not room:
        raise BadInput("contains no room name: add --room NAME")
    for problem in meeting.problems:
        on_error(BadInput(problem.reason, where=file.name, place=problem.place))
    for stay in meeting.stays:
        try:
            yield stay_event(room, meeting.session, stay)
        except InvalidEvent as error:
            on_error(BadInput(str(error), where=file.name, place=f"connection '{stay.connection}'"))
    if meeting.stays or meeting.ended_at is not None:
        yield meeting_end(room, meeting)


def _parse_meeting(text: str) -> Meeting:
    try:
        decoded = msgspec.json.decode(text)
        if isinstance(decoded, dict) and "users" in decoded:
            return _to_meeting(msgspec.convert(decoded, Dashboard))
        if isinstance(decoded, dict) and "data" in decoded:
            analytics = msgspec.convert(decoded, bigbluebutton_analytics.Analytics)
            return bigbluebutton_analytics.to_meeting(analytics)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadInput(f"{_NEITHER}: {error}") from error
    raise BadInput(_NEITHER)


def _to_meeting(dashboard: Dashboard) -> Meeting:
    stays: list[MeetingStay] = []
    problems = []
    for key, user in dashboard.users.items():
        try:
            stays += _stays(fields.item(user, User))
        except BadInput as error:
            problems.append(BadInput(str(error), place=f"user '{key}'"))
    ended_at = _optional_ms(dashboard.ended_on, "endedOn")
    return Meeting(fields.text(dashboard.ext_id), fields.text(dashboard.int_id), stays, ended_at, problems)


def _stays(user: User) -> Iterator[MeetingStay]:
    role = Role.PHONE if fields.flag(user.is_dial_in) else Role.PERSON
    attributes = fields.attributes(role=moderator_role(user.is_moderator))
    only = {fields.text(user.int_id): {"registeredOn": user.registered_on, "leftOn": user.left_on}}
    for connection_id, value in (user.int_ids if isinstance(user.int_ids, dict) else only).items():
        connection = fields.item(value, Connection)
        sessions = connection.sessions if isinstance(connection.sessions, list) else []
        for session in sessions or [value]:
            times = fields.item(session, Session)
            joined_at = fields.valid_ms(times.registered_on, "registeredOn")
            left_at = _optional_ms(times.left_on, "leftOn")
            yield MeetingStay(connection_id, user.ext_id, user.name, joined_at, left_at, role, attributes)


def _optional_ms(value: Value, field: str) -> Ms | None:
    return fields.valid_ms(value, field) if value else None


FORMAT: Final = ExportFormat("bbb-dashboard", parse, is_one_meeting=True)
