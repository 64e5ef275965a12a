"""Stays: from what was said about one participant to when they were there.

A source says that somebody joined and that somebody left. It says it twice, or not at
all, or in the wrong order. What is true of one participant in one room depends only on
*when* things were said to happen, so we look at one instant after the other and ask at
each: what was said of this moment, and was the participant in?

Was the participant in? There are four answers, the **phases**:

    OUT       not here.
    IN        here, since the stay's join.
    DOUBTED   not here, but nobody reported the leave: it was inferred (missing from a
              list, timed out, superseded). If a reported leave turns up before the
              participant's next reported join, the guess was wrong and the stay lasted
              until then (R3a).
    AGAIN     here, by an *inferred* join after such a doubted leave. The guess may
              still turn out wrong; then all of it was one stay.

What was said of this moment? A set of **signs**, so that an event delivered twice is
the same as once (R3) and the order of arrival cannot matter (R2): a join or a leave,
each reported or inferred; the end of the room, reported or inferred.

`meaning` turns phase and signs into the next phase and what happens to the stays:

    OPENS      a stay begins at this instant.
    CLOSES     the open stay ends at this instant.
    OVERTURNS  the doubted stay had not ended: it lasted until this instant.

The laws that it follows, in the order in which they apply:

* What is inferred gives way to what is reported of the same participant and instant (R3a).
* A leave and a join at one instant together change nothing: who was in stays in, who was
  out stays out (R2).
* An end is a leave for everybody who joined before it and is still in; it comes before
  joins (R1). A leave reported at the same instant is the better evidence for the person,
  so the stay was left by report.
* A join while in, and a leave while out, change nothing (R1).
* An inferred leave stands for good once the participant is reported to join again, or the
  room is reported to end: from then on no leave can belong to the doubted stay.

There are only 4 x 64 cases, so `meaning` is asked for each of them once and the answers
are the table `MEANINGS`, indexed by `phase * SIGNS + signs`. The live room reads it as it
is, the compiled pass as an array; neither has a second opinion.
"""

from enum import StrEnum
from typing import Final

# Phases. Plain integers, because the compiled pass indexes a table with them.
OUT: Final = 0
IN: Final = 1
OUT_UNCONFIRMED: Final = 2
IN_UNCONFIRMED: Final = 3
PHASES: Final = 4

# Signs: what was said of one participant at one instant.
JOIN: Final = 1
LEAVE: Final = 2
INFERRED_JOIN: Final = 4
INFERRED_LEAVE: Final = 8
END: Final = 16
INFERRED_END: Final = 32
SIGNS: Final = 64

# What happens to the stays. The next phase is in the lowest two bits of a meaning.
NEXT_PHASE: Final = 3
OPENS: Final = 4
CLOSES: Final = 8
OVERRIDES: Final = 16
# Why the stay closes, in the bits above: reported if none is set.
BY_ROOM_END: Final = 32
BY_INFERENCE: Final = 64


class LeftBy(StrEnum):
    """How a stay ended (rule 3a)."""

    REPORTED = "reported"
    ROOM_ENDED = "room_ended"
    SNAPSHOT = "snapshot"
    TIMEOUT = "timeout"
    SUPERSEDED = "superseded"


def transition(phase: int, signs: int) -> int:
    """What `signs` mean for a participant in `phase`: the next phase and what happens."""
    own = _own_signs(signs)
    ended = 0
    if signs & (END | INFERRED_END):
        phase, ended = _room_ends(phase, signs, own)
    phase, happens = _comes_or_goes(phase, own)
    return phase | ended | happens


def _own_signs(signs: int) -> int:
    """The join and leave that remain when reports outrank guesses and opposites cancel."""
    reported = signs & (JOIN | LEAVE)
    inferred = signs & (INFERRED_JOIN | INFERRED_LEAVE)
    own = reported or inferred
    return 0 if own in (JOIN | LEAVE, INFERRED_JOIN | INFERRED_LEAVE) else own


def _room_ends(phase: int, signs: int, own: int) -> tuple[int, int]:
    """The end of the room comes before joins, and yields to a leave of the participant's own."""
    if own == LEAVE or (own == INFERRED_LEAVE and not signs & END):
        return phase, 0
    if phase in (IN, IN_UNCONFIRMED):
        return (OUT, CLOSES | BY_ROOM_END) if signs & END else (OUT_UNCONFIRMED, CLOSES | BY_INFERENCE)
    return (OUT, 0) if signs & END else (phase, 0)


def _comes_or_goes(phase: int, own: int) -> tuple[int, int]:
    if own == JOIN:
        return IN, 0 if phase in (IN, IN_UNCONFIRMED) else OPENS
    if own == INFERRED_JOIN:
        return _inferred_to_be_in(phase)
    if own == LEAVE:
        return OUT, {OUT: 0, IN: CLOSES}.get(phase, OVERRIDES)
    if own == INFERRED_LEAVE and phase in (IN, IN_UNCONFIRMED):
        return OUT_UNCONFIRMED, CLOSES | BY_INFERENCE
    return phase, 0


def _inferred_to_be_in(phase: int) -> tuple[int, int]:
    if phase in (IN, IN_UNCONFIRMED):
        return phase, 0
    return (IN_UNCONFIRMED if phase == OUT_UNCONFIRMED else IN), OPENS


TRANSITIONS: Final = tuple(transition(phase, signs) for phase in range(PHASES) for signs in range(SIGNS))
