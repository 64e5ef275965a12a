"""Phrases for reasons of the kernel, shared by all explanations.

Responsible for wording each reason once. Must not know stays or meetings, nor how a time is written.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from headcount.kernel.changes import Change, EventIgnored, Reason
from headcount.kernel.events import Event, Kind, Ms
from headcount.kernel.stay_table import LeftBy
from headcount.units import exact_duration

REPORTED_LEAVES: Final = {
    LeftBy.REPORTED: "left (rule 1)",
    LeftBy.ROOM_ENDED: "left because the room ended (rule 1)",
}
INFERRED_LEAVES: Final = {
    LeftBy.SNAPSHOT: "missing from a list of participants",
    LeftBy.TIMEOUT: "no leave event arrived in time",
    LeftBy.ROOM_RESTARTED: "the room or its server restarted",
}
"""Reasons for an inferred leave (rule 3a)."""
_IGNORED: Final = {
    Reason.DUPLICATE_JOIN: "A join event of {name} was ignored: already in the room (rule 1)",
    Reason.LEAVE_WITHOUT_JOIN: "A leave event of {name} was ignored: not in the room (rule 1)",
    Reason.CANCELLED_OUT: "A join and a leave event of {name} at one instant cancel each other out (rule 2)",
    Reason.DUPLICATE_EVENT: "A duplicate {kind} event of {name} was ignored (rule 3)",
    Reason.INFERRED_EVENT_OUTRANKED: (
        "An inferred {kind} event of {name} was ignored: another event was reported for that instant (rule 3a)"
    ),
}


def inferred_leave(left_by: LeftBy) -> str:
    """Return that a participant left, by inference, and why."""
    return f"left (inferred): {INFERRED_LEAVES[left_by]} (rule 3a)"


def leave_reason(left_by: str) -> str:
    """Return how a stay ended, without a subject and a rule, as a chart shows it."""
    if left_by in INFERRED_LEAVES:
        return f"left (inferred): {INFERRED_LEAVES[LeftBy(left_by)]}"
    return "the room ended" if left_by == LeftBy.ROOM_ENDED else "left"


def ignored(change: EventIgnored, name: str) -> str:
    """Return why an event changed nothing. `name` is that of its participant."""
    if change.kind is Kind.END or change.participant_id is None:
        return "An end event was ignored: the room was empty (rule 1)"
    return _IGNORED[change.reason].format(kind=change.kind, name=name)


def confirmation(reason: Reason, at: str, waited_ms: Ms) -> str:
    """Return how a meeting was confirmed after its start (R6), at a time as text and `waited_ms` after its start."""
    if reason is Reason.TWO_PARTICIPANTS:
        return f"It was confirmed at {at}, when a second participant joined (rule 6)"
    return f"It was confirmed at {at}, after the room had been in use for {duration(waited_ms)} (rule 6)"


def length_and_peak(length_ms: Ms, max_participants: int) -> str:
    """Return the duration of a meeting and its peak of participants."""
    participants = "participant" if max_participants == 1 else "participants"
    return f"{duration(length_ms)} with a peak of {max_participants:,} {participants}"


def late_event(late_ms: Ms) -> str:
    """Return why a meeting was corrected after a late event (R15)."""
    return f"An event arrived {duration(late_ms)} late. The affected meetings were computed again (rule 15)"


def duration(ms: Ms) -> str:
    """Return an exact duration: 1h 2m 3.5s."""
    return exact_duration(ms)


def without_confirmations(changes: Iterable[Change], events: Iterable[Event]) -> Iterator[Change]:
    """Yield the changes without ignored joins that only repeat the `joined_at` of a leave: that is what it is for."""
    joins = Counter((event.participant_id, event.at) for event in events if event.kind is Kind.JOIN)
    for change in changes:
        if (
            isinstance(change, EventIgnored)
            and change.reason is Reason.DUPLICATE_EVENT
            and change.kind is Kind.JOIN
        ):
            joins[change.participant_id, change.at] -= 1
            if joins[change.participant_id, change.at] < 1:
                continue
        yield change
