"""BigBlueButton: the data of its learning dashboard, the JSON file of one meeting.

What is peculiar:

* It keeps a person, their connections, and for each when they were in. In older ones a connection had one such span and
  not a list of them, and in the oldest a person was a connection.
* A `leftOn` of 0 is of somebody who is still in, an `endedOn` of 0 of a meeting that goes on.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.sources import bbb_analytics, fields
from headcount.sources.api import ParsedEvent, Role
from headcount.sources.bbb_meetings import Meeting, Span
from headcount.sources.exports.api import ErrorCallback, ExportFile, ExportFormat, ExportOptions
from headcount.sources.exports.bbb_meetings import meeting_events
from headcount.sources.exports.text import decode_text


class Session(msgspec.Struct, rename="camel"):
    """How long a connection was in; 0 stands for what has not been yet."""

    registered_on: int
    left_on: int = 0


class Connection(msgspec.Struct, rename="camel"):
    """One connection of somebody: its sessions, or the only one."""

    sessions: list[Session] | None = None
    registered_on: int = 0
    left_on: int = 0


class User(msgspec.Struct, rename="camel"):
    """Somebody, with their connections; or the only one."""

    name: str = ""
    ext_id: str = ""
    int_ids: dict[str, Connection] | None = None
    int_id: str = ""
    registered_on: int = 0
    left_on: int = 0
    is_dial_in: bool = False


class Dashboard(msgspec.Struct, rename="camel"):
    """A meeting."""

    int_id: str
    users: dict[str, User]
    ext_id: str = ""
    ended_on: int = 0


_NEITHER: Final = (
    "is neither the data of a learning dashboard (users) nor what is posted for analytics (data.attendees)"
)


def parse(file: ExportFile, options: ExportOptions, on_error: ErrorCallback) -> Iterator[ParsedEvent]:
    """Who came and went in a meeting."""
    return meeting_events(_meeting(decode_text(file.content)), file, options, on_error)


def _meeting(text: str) -> Meeting:
    try:
        told = msgspec.json.decode(text)
        if isinstance(told, dict) and "users" in told:
            return _of_dashboard(msgspec.convert(told, Dashboard))
        if isinstance(told, dict) and "data" in told:
            return bbb_analytics.meeting_of(msgspec.convert(told, bbb_analytics.Analytics))
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadInput(f"{_NEITHER}: {error}") from error
    raise BadInput(_NEITHER)


def _of_dashboard(told: Dashboard) -> Meeting:
    spans = [span for user in told.users.values() for span in _spans(user)]
    return Meeting(told.ext_id, told.int_id, spans, _ms(told.ended_on, "endedOn"))


def _spans(user: User) -> Iterator[Span]:
    role = Role.PHONE if user.is_dial_in else Role.PERSON
    only = {user.int_id: Connection(None, user.registered_on, user.left_on)}
    for connection, about in (only if user.int_ids is None else user.int_ids).items():
        for session in about.sessions or [Session(about.registered_on, about.left_on)]:
            joined = fields.valid_ms(session.registered_on, "registeredOn")
            yield Span(connection, user.ext_id, user.name, joined, _ms(session.left_on, "leftOn"), role)


def _ms(value: int, field: str) -> Ms | None:
    return fields.valid_ms(value, field) if value else None


FORMAT: Final = ExportFormat("bbb-dashboard", parse, is_one_meeting=True)
