"""The table of transitions of one participant at one instant (R1-R3a).

Responsible for what the events of one participant at one instant mean: whether a stay opens, closes, or goes on. Must
not know rooms, other participants or meetings.

A source reports joins and leaves, possibly twice, not at all, or in the wrong order. The state of one participant
depends only on the *times* of events, so instants are processed one after the other, from the participant's phase
and the signs of the instant.

There are four **phases**:

    OUT              Not present.
    IN               Present since the stay's join.
    OUT_UNCONFIRMED  Not present, but nobody reported the leave: it was inferred (missing from a
                     list, timed out, room_restarted). If a reported leave arrives for a time before the
                     participant's next reported join, the inference was wrong, and the stay
                     lasted until then (R3a).
    IN_UNCONFIRMED   Present, by an *inferred* join after such an unconfirmed leave. The inference
                     may still turn out wrong; then all of it was one stay.

The events of an instant are a set of **signs**, so that a duplicate event counts once (R3) and the order of
arrival cannot matter (R2): a join or a leave, each reported or inferred; the end of the room, reported or inferred.

`transition` maps phase and signs to the next phase and to what happens to the stays:

    OPENS      A stay begins at this instant.
    CLOSES     The open stay ends at this instant.
    OVERRIDES  The unconfirmed leave is withdrawn: its stay lasted until this instant.

It applies these laws, in this order:

* An inferred event yields to a report of the same participant and instant (R3a).
* A leave and a join at one instant cancel: a participant who was in stays in, one who was out stays out (R2).
* An end is a leave for everybody who joined before it and is still in; it comes before joins (R1). A leave reported
  at the same instant is better evidence for its participant, so that stay was left by report.
* A join while in, and a leave while out, change nothing (R1).
* An inferred leave is confirmed once the participant is reported to join again, or the room is reported to
  end: from then on no leave can belong to its stay.

There are only 4 x 64 cases, so `transition` is called for each of them once, and the results are the table
`TRANSITIONS`, indexed by `phase * SIGNS + signs`. The live room reads it as it is, the compiled pass as an array.
"""

from enum import StrEnum
from typing import Final

# Phases. Plain integers, because the compiled pass indexes a table with them.
OUT: Final = 0
IN: Final = 1
OUT_UNCONFIRMED: Final = 2
IN_UNCONFIRMED: Final = 3
PHASES: Final = 4

# Signs: the events of one participant at one instant.
JOIN: Final = 1
LEAVE: Final = 2
INFERRED_JOIN: Final = 4
INFERRED_LEAVE: Final = 8
END: Final = 16
INFERRED_END: Final = 32
SIGNS: Final = 64

# What happens to the stays. The next phase is in the lowest two bits of a transition.
NEXT_PHASE: Final = 3
OPENS: Final = 4
CLOSES: Final = 8
OVERRIDES: Final = 16
# Why the stay closes, in the bits above: by report if none is set.
BY_ROOM_END: Final = 32
BY_INFERENCE: Final = 64


class LeftBy(StrEnum):
    """The way in which a stay ended (R3a)."""

    REPORTED = "reported"
    ROOM_ENDED = "room_ended"
    SNAPSHOT = "snapshot"
    TIMEOUT = "timeout"
    ROOM_RESTARTED = "room_restarted"


def transition(phase: int, signs: int) -> int:
    """Return the next phase of a participant in `phase` after `signs`, and what happens to the stays."""
    own = _own_signs(signs)
    ended = 0
    if signs & (END | INFERRED_END):
        phase, ended = _end_room(phase, signs, own)
    phase, happens = _join_or_leave(phase, own)
    return phase | ended | happens


def _own_signs(signs: int) -> int:
    """Return the join and leave that remain after reports outrank inferred events and opposites cancel."""
    reported = signs & (JOIN | LEAVE)
    inferred = signs & (INFERRED_JOIN | INFERRED_LEAVE)
    own = reported or inferred
    return 0 if own in (JOIN | LEAVE, INFERRED_JOIN | INFERRED_LEAVE) else own


def _end_room(phase: int, signs: int, own: int) -> tuple[int, int]:
    """Apply the end of the room, which comes before joins and yields to a leave of the participant."""
    if own == LEAVE or (own == INFERRED_LEAVE and not signs & END):
        return phase, 0
    if phase in (IN, IN_UNCONFIRMED):
        return (OUT, CLOSES | BY_ROOM_END) if signs & END else (OUT_UNCONFIRMED, CLOSES | BY_INFERENCE)
    return (OUT, 0) if signs & END else (phase, 0)


def _join_or_leave(phase: int, own: int) -> tuple[int, int]:
    """Apply the remaining join or leave."""
    if own == JOIN:
        return IN, 0 if phase in (IN, IN_UNCONFIRMED) else OPENS
    if own == INFERRED_JOIN:
        return _infer_join(phase)
    if own == LEAVE:
        return OUT, {OUT: 0, IN: CLOSES}.get(phase, OVERRIDES)
    if own == INFERRED_LEAVE and phase in (IN, IN_UNCONFIRMED):
        return OUT_UNCONFIRMED, CLOSES | BY_INFERENCE
    return phase, 0


def _infer_join(phase: int) -> tuple[int, int]:
    """Apply an inferred join."""
    if phase in (IN, IN_UNCONFIRMED):
        return phase, 0
    return (IN_UNCONFIRMED if phase == OUT_UNCONFIRMED else IN), OPENS


TRANSITIONS: Final = tuple(transition(phase, signs) for phase in range(PHASES) for signs in range(SIGNS))
