"""Phrases for reasons of the kernel, shared by all explanations.

Responsible for wording each reason once. Must not know stays or meetings, nor how a time is written.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from headcount.kernel.changes import Change, EventIgnored, Reason
from headcount.kernel.events import Event, Kind, Ms
from headcount.kernel.stay_table import LeftBy

REPORTED_LEAVES: Final = {
    LeftBy.REPORTED: "left (rule 1)",
    LeftBy.ROOM_ENDED: "left because the room was ended (rule 1)",
}
INFERRED_LEAVES: Final = {
    LeftBy.SNAPSHOT: ("being", "missing from a list of those present"),
    LeftBy.TIMEOUT: ("since", "nobody ever closed the stay"),
    LeftBy.ROOM_RESTARTED: ("since", "the room or its server began anew"),
}
"""Reasons for an inferred leave (rule 3a), and the words that join them to 'is inferred to have left'."""
_IGNORED: Final = {
    Reason.DUPLICATE_JOIN: "was said to join, but was in already: ignored (rule 1)",
    Reason.LEAVE_WITHOUT_JOIN: "was said to leave, but was not in: ignored (rule 1)",
    Reason.CANCELLED_OUT: "was said to join and to leave at one instant, which changes nothing (rule 2)",
    Reason.DUPLICATE_EVENT: "was said to {kind}, which was said already: ignored (rule 3)",
    Reason.INFERRED_EVENT_OUTRANKED: "was inferred to {kind}, which gives way to what was reported: ignored (rule 3a)",
}


def leave_reason(left_by: str) -> str:
    """Return how a stay ended, without a subject and a rule, as a chart shows it."""
    if left_by in INFERRED_LEAVES:
        return f"inferred to have left: {INFERRED_LEAVES[LeftBy(left_by)][1]}"
    return "the room was ended" if left_by == LeftBy.ROOM_ENDED else "left"


def ignored(change: EventIgnored, name: str) -> str:
    """Return why an event changed nothing. `name` is that of its participant."""
    if change.kind is Kind.END or change.participant_id is None:
        return "The room was said to end, but nobody was in it: ignored (rule 1)"
    return f"{name} {_IGNORED[change.reason].format(kind=change.kind)}"


def decided_later(reason: Reason, at: str, waited_ms: Ms) -> str:
    """Return how a meeting was decided after its start (R6), at a time as text and `waited_ms` after its start."""
    decided = f"though that was only sure at {at}"
    if reason is Reason.TWO_PARTICIPANTS:
        return f"{decided}, when there were two at once (rule 6)"
    return f"{decided}, after {duration(waited_ms)} with somebody in the room (rule 6)"


def late_event(late_ms: Ms) -> str:
    """Return why a meeting was corrected after a late event (R15)."""
    return f"An event came {duration(late_ms)} late, and what it touches was worked out anew (rule 15)"


def duration(ms: Ms) -> str:
    """Return a duration in words: 1 hour 2 minutes 3.5 seconds."""
    minutes, rest_ms = divmod(ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    parts = [(f"{hours:,}", "hour"), (str(minutes), "minute"), (f"{rest_ms / 1_000:g}", "second")]
    words = [f"{number} {unit}{'' if number == '1' else 's'}" for number, unit in parts if number != "0"]
    return " ".join(words) or "0 seconds"


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
