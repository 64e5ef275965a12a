"""Stays: each of the 256 cases of the table, compared with the oracle."""

import pytest

from headcount.kernel.events import Event, Inferred, Kind
from headcount.kernel.meetings import Stay
from headcount.kernel.stay_table import (  # fmt: skip
    BY_INFERENCE,
    BY_ROOM_END,
    CLOSES,
    END,
    IN,
    IN_UNCONFIRMED,
    INFERRED_END,
    INFERRED_JOIN,
    INFERRED_LEAVE,
    JOIN,
    LEAVE,
    NEXT_PHASE,
    OPENS,
    OUT,
    OUT_UNCONFIRMED,
    OVERRIDES,
    PHASES,
    SIGNS,
    TRANSITIONS,
    LeftBy,
)
from support.oracle import Presence, apply_instant

NOW = 9
EVENTS_OF_SIGNS = {
    JOIN: (Kind.JOIN, None), LEAVE: (Kind.LEAVE, None), END: (Kind.END, None),
    INFERRED_JOIN: (Kind.JOIN, Inferred.SNAPSHOT), INFERRED_LEAVE: (Kind.LEAVE, Inferred.SNAPSHOT),
    INFERRED_END: (Kind.END, Inferred.SNAPSHOT),
}  # fmt: skip
UNCONFIRMED_STAY = Stay("a", 0, 3, LeftBy.SNAPSHOT)
PRESENT = {IN: Stay("a", 1), IN_UNCONFIRMED: Stay("a", 4)}


def by_oracle(phase, signs):
    """Return the phase and the stays after one instant according to the oracle."""
    seen = Presence("a")
    seen.unconfirmed = [UNCONFIRMED_STAY] if phase in (OUT_UNCONFIRMED, IN_UNCONFIRMED) else []
    seen.open = PRESENT.get(phase)
    events = [
        Event(kind, "r", NOW, None if kind is Kind.END else "a", inferred=inferred)
        for sign, (kind, inferred) in EVENTS_OF_SIGNS.items()
        if signs & sign
    ]
    own = [event for event in events if event.kind is not Kind.END]
    ends = [
        event for event in events if event.kind is Kind.END and phase != OUT
    ]  # an end of an empty room concerns nobody
    apply_instant(NOW, seen, own, ends)
    unconfirmed, present = bool(seen.unconfirmed), seen.open is not None
    after = {
        (False, False): OUT,
        (False, True): IN,
        (True, False): OUT_UNCONFIRMED,
        (True, True): IN_UNCONFIRMED,
    }
    return after[unconfirmed, present], sorted(seen.stays)


def by_table(phase, signs):
    """Return the same according to the table."""
    transition = TRANSITIONS[phase * SIGNS + signs]
    unconfirmed = [UNCONFIRMED_STAY] if phase in (OUT_UNCONFIRMED, IN_UNCONFIRMED) else []
    present = [PRESENT[phase]] if phase in PRESENT else []
    if transition & OVERRIDES:
        unconfirmed, present = [UNCONFIRMED_STAY._replace(leave=NOW, left_by=LeftBy.REPORTED)], []
    if transition & CLOSES:
        left_by = LeftBy.SNAPSHOT if transition & BY_INFERENCE else LeftBy.REPORTED
        left_by = LeftBy.ROOM_ENDED if transition & BY_ROOM_END else left_by
        present = [present[0]._replace(leave=NOW, left_by=left_by)]
    opened = [Stay("a", NOW)] if transition & OPENS else []
    return transition & NEXT_PHASE, sorted([*unconfirmed, *present, *opened])


@pytest.mark.parametrize("phase", range(PHASES))
def test_every_case_of_the_table_agrees_with_the_oracle(phase):
    for signs in range(2 ** len(EVENTS_OF_SIGNS)):
        assert by_table(phase, signs) == by_oracle(phase, signs), f"phase {phase}, signs {signs:06b}"


def test_the_values_of_left_by_are_stable():
    assert [left_by.value for left_by in LeftBy] == [
        "reported",
        "room_ended",
        "snapshot",
        "timeout",
        "room_restarted",
    ]
