"""BigBlueButton: one meeting of it, as the dashboard and the analytics both tell of it.

Whoever has no account is known by their connection: then the external id is the internal one, and no user.
"""

from collections.abc import Sequence
from typing import NamedTuple

from headcount.kernel.events import Event, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import ParsedEvent, Role


class Span(NamedTuple):
    """How long somebody was in; `left` is None while they are."""

    connection: str
    external: str
    name: str
    joined: Ms
    left: Ms | None
    role: Role = Role.PERSON


class Meeting(NamedTuple):
    """`session` is the internal id, `room` the external one; `ended_at` is None while it goes on."""

    room: str
    session: str
    spans: Sequence[Span]
    ended_at: Ms | None


def span_event(room: str, session: str, span: Span) -> ParsedEvent:
    """A join, or a whole stay. Raises `InvalidEvent` for one that makes no sense."""
    user = span.external if span.external != span.connection else None
    name = fields.user_name(span.name)
    if span.left is None:
        event = Event(Kind.JOIN, room, span.joined, span.connection, user, name, session)
    else:
        event = Event(Kind.LEAVE, room, span.left, span.connection, user, name, session, span.joined)
    return ParsedEvent(event, span.role)
