"""Stays: what a file tells of somebody from their join to their leave, as events.

A stay that is whole is one event, a leave that knows its join (rule 1). Where the file does not say when
somebody left, they were there as long as it tells of anything: their leave is a guess (rule 3a), and
whoever reports the true one, another file or the live source, is believed.
"""

from collections.abc import Iterator
from typing import NamedTuple

from headcount.kernel.events import Event, Inferred, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import ParsedEvent, Role


class Stay(NamedTuple):
    """One participant's time in a room. `is_inferred`: nobody reported that they left then."""

    room: str
    participant_id: str
    join: Ms
    leave: Ms
    user_id: str | None = None
    user_name: str | None = None
    source_session: str | None = None
    role: Role = Role.PERSON
    is_inferred: bool = False


def stay_events(stay: Stay) -> Iterator[ParsedEvent]:
    """The events that a stay stands for."""
    if not stay.is_inferred:
        yield _heard(stay, Kind.LEAVE, stay.leave, joined_at=stay.join)
        return
    yield _heard(stay, Kind.JOIN, stay.join)
    yield _heard(stay, Kind.LEAVE, stay.leave, inferred=Inferred.TIMEOUT)


def _heard(
    stay: Stay, kind: Kind, at: Ms, joined_at: Ms | None = None, inferred: Inferred | None = None
) -> ParsedEvent:
    event = Event(
        kind,
        stay.room,
        at,
        stay.participant_id,
        stay.user_id,
        fields.user_name(stay.user_name),
        stay.source_session,
        joined_at,
        inferred,
    )
    return ParsedEvent(event, stay.role)


def room_end(room: str, session: str, at: Ms, *, is_inferred: bool) -> ParsedEvent:
    """The end of one run of a room: whoever is still in leaves. A guess, if it only is where the file ends."""
    inferred = Inferred.TIMEOUT if is_inferred else None
    return ParsedEvent(Event(Kind.END, room, at, source_session=session, inferred=inferred))
