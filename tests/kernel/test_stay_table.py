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
from support.oracle import Whereabouts, live_through

NOW = 9
SAID = {
    JOIN: (Kind.JOIN, None), LEAVE: (Kind.LEAVE, None), END: (Kind.END, None),
    INFERRED_JOIN: (Kind.JOIN, Inferred.SNAPSHOT), INFERRED_LEAVE: (Kind.LEAVE, Inferred.SNAPSHOT),
    INFERRED_END: (Kind.END, Inferred.SNAPSHOT),
}  # fmt: skip
DOUBTED_STAY = Stay("a", 0, 3, LeftBy.SNAPSHOT)
PRESENT = {IN: Stay("a", 1), IN_UNCONFIRMED: Stay("a", 4)}


def walked(phase, signs):
    """Return the phase and the stays after one instant according to the oracle."""
    seen = Whereabouts("a")
    seen.doubted = [DOUBTED_STAY] if phase in (OUT_UNCONFIRMED, IN_UNCONFIRMED) else []
    seen.present = PRESENT.get(phase)
    said = [
        Event(kind, "r", NOW, None if kind is Kind.END else "a", inferred=inferred)
        for sign, (kind, inferred) in SAID.items()
        if signs & sign
    ]
    own = [event for event in said if event.kind is not Kind.END]
    ends = [
        event for event in said if event.kind is Kind.END and phase != OUT
    ]  # an end of nobody is of nobody
    live_through(NOW, seen, own, ends)
    doubted, present = bool(seen.doubted), seen.present is not None
    after = {
        (False, False): OUT,
        (False, True): IN,
        (True, False): OUT_UNCONFIRMED,
        (True, True): IN_UNCONFIRMED,
    }
    return after[doubted, present], sorted(seen.stays)


def meant(phase, signs):
    """Return the same according to the table."""
    meaning = TRANSITIONS[phase * SIGNS + signs]
    doubted = [DOUBTED_STAY] if phase in (OUT_UNCONFIRMED, IN_UNCONFIRMED) else []
    present = [PRESENT[phase]] if phase in PRESENT else []
    if meaning & OVERRIDES:
        doubted, present = [DOUBTED_STAY._replace(leave=NOW, left_by=LeftBy.REPORTED)], []
    if meaning & CLOSES:
        how = LeftBy.SNAPSHOT if meaning & BY_INFERENCE else LeftBy.REPORTED
        how = LeftBy.ROOM_ENDED if meaning & BY_ROOM_END else how
        present = [present[0]._replace(leave=NOW, left_by=how)]
    opened = [Stay("a", NOW)] if meaning & OPENS else []
    return meaning & NEXT_PHASE, sorted([*doubted, *present, *opened])


@pytest.mark.parametrize("phase", range(PHASES))
def test_every_case_of_the_table_is_what_the_oracle_makes_of_it(phase):
    for signs in range(2 ** len(SAID)):
        assert meant(phase, signs) == walked(phase, signs), f"phase {phase}, signs {signs:06b}"


def test_the_values_of_left_by_are_stable():
    assert [how.value for how in LeftBy] == ["reported", "room_ended", "snapshot", "timeout", "superseded"]
