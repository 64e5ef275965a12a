"""Values that a room returns about its present state.

Responsible for their fields. Must not know how a room computes them.
"""

from typing import NamedTuple

from headcount.kernel.changes import Change
from headcount.kernel.events import Ms
from headcount.kernel.meetings import Stay


class View(NamedTuple):
    """A room at `at` by the events up to it (R14). Reading it changes nothing.

    `changes` are those that the room will publish if nothing else arrives: applied to
    the published ones, they yield the meetings as of `at`. `max_participants` is the largest head count
    of the ongoing meeting, `meeting_start` its start, or None. `present` are the open
    stays that count, `pending` those that are too young to count.
    """

    at: Ms
    changes: tuple[Change, ...]
    meeting_start: Ms | None
    meeting_id: str | None
    max_participants: int
    present: tuple[Stay, ...]
    pending: tuple[Stay, ...]


class OngoingMeeting(NamedTuple):
    """The ongoing meeting of a room: its id, its start in ms, its largest head count so far."""

    id: str
    start: Ms
    max_participants: int
