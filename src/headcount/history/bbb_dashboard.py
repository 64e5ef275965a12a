"""BigBlueButton: the data of its learning dashboard, and what it posts for analytics when a meeting is over.

Both are JSON of one meeting. What is peculiar:

* The dashboard keeps a person, their connections, and for each when they were in. In older ones a connection had one
  such span and not a list of them, and in the oldest a person was a connection.
* A `leftOn` of 0 is of somebody who is still in, an `endedOn` of 0 of a meeting that goes on: whoever is in is taken
  to be so for as long as the file tells of anything, and a file of later knows better.
* Whoever has no account is known by their connection: then the external id is the internal one, and no user.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from headcount.errors import BadInput
from headcount.history.forms import Asked, Complain, File, Form
from headcount.history.stays import ended
from headcount.history.texts import text_of
from headcount.kernel.events import Event, InvalidEvent, Kind, Ms
from headcount.sources import said
from headcount.sources.deliveries import Heard, Role


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
    """A meeting, as the dashboard keeps it."""

    int_id: str
    users: dict[str, User]
    ext_id: str = ""
    ended_on: int = 0


class Happened(msgspec.Struct):
    """A join or a leave, as it was posted."""

    timestamp: str


class Spans(msgspec.Struct):
    """The joins and leaves of a connection."""

    joins: list[Happened | str] = []
    lefts: list[Happened | str] = []


class Attendee(msgspec.Struct):
    """Somebody, with their connections."""

    sessions: dict[str, Spans]
    ext_user_id: str = ""
    name: str = ""


class Data(msgspec.Struct):
    """What is posted of a meeting's people."""

    attendees: list[Attendee]
    finish: str = ""


class Posted(msgspec.Struct):
    """A meeting, as it is posted when it is over."""

    internal_meeting_id: str
    data: Data
    meeting_id: str = ""


class _Span(NamedTuple):
    """How long somebody was in; None while they are."""

    connection: str
    external: str
    name: str
    joined: Ms
    left: Ms | None
    role: Role = Role.PERSON


class _Meeting(NamedTuple):
    room: str
    session: str
    spans: list[_Span]
    ended: Ms | None


_EITHER: Final = (
    "is neither the data of a learning dashboard (users) nor what is posted for analytics (data.attendees)"
)


def read(file: File, asked: Asked, complain: Complain) -> Iterator[Heard]:
    """Who came and went in a meeting."""
    meeting = _meeting(text_of(file.raw))
    room = asked.room or meeting.room
    if not room:
        raise BadInput("does not say which room it was: say it with --room NAME")
    last = meeting.ended or 0
    for span in meeting.spans:
        last = max(last, span.joined, span.left or 0)
        try:
            yield _of_span(room, meeting.session, span)
        except InvalidEvent as error:
            complain(BadInput(str(error), where=file.where, place=f"connection '{span.connection}'"))
    if last:
        yield ended(room, meeting.session, last, is_guess=meeting.ended is None)


def _meeting(text: str) -> _Meeting:
    try:
        told = msgspec.json.decode(text)
        if isinstance(told, dict) and "users" in told:
            return _of_dashboard(msgspec.convert(told, Dashboard))
        if isinstance(told, dict) and "data" in told:
            return _of_posted(msgspec.convert(told, Posted))
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadInput(f"{_EITHER}: {error}") from error
    raise BadInput(_EITHER)


def _of_dashboard(told: Dashboard) -> _Meeting:
    spans = [span for user in told.users.values() for span in _of_user(user)]
    return _Meeting(told.ext_id, told.int_id, spans, _ms(told.ended_on, "endedOn"))


def _of_user(user: User) -> Iterator[_Span]:
    role = Role.PHONE if user.is_dial_in else Role.PERSON
    connections = user.int_ids
    if connections is None:
        connections = {user.int_id: Connection(None, user.registered_on, user.left_on)}
    for connection, about in connections.items():
        sessions = about.sessions
        if sessions is None:
            sessions = [Session(about.registered_on, about.left_on)]
        for session in sessions:
            joined = said.sensible(session.registered_on, "registeredOn")
            left = _ms(session.left_on, "leftOn")
            yield _Span(connection, user.ext_id, user.name, joined, left, role)


def _ms(value: int, field: str) -> Ms | None:
    return said.sensible(value, field) if value else None


def _of_posted(told: Posted) -> _Meeting:
    spans = [span for attendee in told.data.attendees for span in _of_attendee(attendee)]
    finish = _moment(told.data.finish, "finish") if told.data.finish else None
    return _Meeting(told.meeting_id, told.internal_meeting_id, spans, finish)


def _of_attendee(attendee: Attendee) -> Iterator[_Span]:
    for connection, spans in attendee.sessions.items():
        joins = sorted(_moment(join, "joins") for join in spans.joins)
        lefts = sorted(_moment(left, "lefts") for left in spans.lefts)
        for number, joined in enumerate(joins):
            left = lefts[number] if number < len(lefts) else None
            yield _Span(connection, attendee.ext_user_id, attendee.name, joined, left)


def _moment(happened: Happened | str, field: str) -> Ms:
    text = happened if isinstance(happened, str) else happened.timestamp
    date, _, rest = text.partition(" ")
    return said.rfc3339(f"{date}T{rest.replace(' ', '')}" if rest else text, field)


def _of_span(room: str, session: str, span: _Span) -> Heard:
    """A join, or a whole stay."""
    user = span.external if span.external != span.connection else None
    name = said.name(span.name)
    if span.left is None:
        event = Event(Kind.JOIN, room, span.joined, span.connection, user, name, session)
    else:
        event = Event(Kind.LEAVE, room, span.left, span.connection, user, name, session, span.joined)
    return Heard(event, span.role)


FORM: Final = Form(
    "bbb-dashboard", "the data of BigBlueButton's learning dashboard, or what it posts for analytics", read,
    tells_one_meeting=True,
)  # fmt: skip
