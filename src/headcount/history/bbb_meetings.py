"""BigBlueButton: one meeting of it, as the dashboard and the analytics both tell of it.

Whoever has no account is known by their connection: then the external id is the internal one, and no user.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from headcount.errors import BadInput
from headcount.history.forms import Asked, Complain, File
from headcount.history.stays import ended
from headcount.kernel.events import Event, InvalidEvent, Kind, Ms
from headcount.sources import said
from headcount.sources.deliveries import Heard, Role


class Span(NamedTuple):
    """How long somebody was in; `left` is None while they are."""

    connection: str
    external: str
    name: str
    joined: Ms
    left: Ms | None
    role: Role = Role.PERSON


class Meeting(NamedTuple):
    """`session` is the internal id, `room` the external one; `ended` is None while it goes on."""

    room: str
    session: str
    spans: Sequence[Span]
    ended: Ms | None


def heard_of(meeting: Meeting, file: File, asked: Asked, complain: Complain) -> Iterator[Heard]:
    """Who came and went. Of a meeting that goes on, the end is a guess: the last moment that is told."""
    room = asked.room or meeting.room
    if not room:
        raise BadInput("does not say which room it was: say it with --room NAME")
    last = meeting.ended or 0
    for span in meeting.spans:
        last = max(last, span.joined, span.left or 0)
        try:
            yield _heard(room, meeting.session, span)
        except InvalidEvent as error:
            complain(BadInput(str(error), where=file.where, place=f"connection '{span.connection}'"))
    if last:
        yield ended(room, meeting.session, last, is_guess=meeting.ended is None)


def _heard(room: str, session: str, span: Span) -> Heard:
    """A join, or a whole stay."""
    user = span.external if span.external != span.connection else None
    name = said.name(span.name)
    if span.left is None:
        event = Event(Kind.JOIN, room, span.joined, span.connection, user, name, session)
    else:
        event = Event(Kind.LEAVE, room, span.left, span.connection, user, name, session, span.joined)
    return Heard(event, span.role)
