"""Stays in a file, from a join to a leave, converted to events.

A complete stay is one event, a leave with its join (R1). Where the file has no leave, the participant was present until the
last time in the file: that leave is inferred (R3a), and a leave that another file or the live source reports overrides it.
A leave is strictly after its join, inferred (R3a) or not (R2).
Must not know the formats.
"""

from collections.abc import Iterator
from typing import NamedTuple

from headcount.kernel.attributes import Attributes
from headcount.kernel.events import Event, Inferred, Kind, Ms
from headcount.sources import fields
from headcount.sources.api import ParsedEvent, Role, after_join


class ExportedStay(NamedTuple):
    """One stay of a participant in a room. `is_inferred`: nobody reported the leave."""

    room: str
    participant_id: str
    join: Ms
    leave: Ms
    user_id: str | None = None
    user_name: str | None = None
    source_session: str | None = None
    role: Role = Role.PERSON
    is_inferred: bool = False
    attributes: Attributes | None = None


def stay_events(stay: ExportedStay) -> Iterator[ParsedEvent]:
    """Return the events of a stay. Raise `InvalidEvent` for a leave before the join."""
    leave = after_join(stay.leave, stay.join)
    if not stay.is_inferred:
        yield _participant_event(stay, Kind.LEAVE, leave, joined_at=stay.join)
        return
    assert leave > stay.join, "an inferred leave is strictly after its join (R3a)"
    yield _participant_event(stay, Kind.JOIN, stay.join)
    yield _participant_event(stay, Kind.LEAVE, leave, inferred=Inferred.TIMEOUT)


def _participant_event(
    stay: ExportedStay, kind: Kind, at: Ms, joined_at: Ms | None = None, inferred: Inferred | None = None
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
        attributes=stay.attributes,
    )
    return ParsedEvent(event, stay.role)
