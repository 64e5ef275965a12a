"""Applying: what the signs of one instant mean for one participant, done.

The compiled twin of `kernel/people.py` below the walk itself: stays open and close, names are
learnt, guesses are overturned, and what was said in vain is counted. What it means comes from
the table of `kernel/stay_table.py`; what stands here is where things are kept.
"""

from typing import Any

import numpy as np

from headcount.batch.passes.jit import TRANSITIONS, compiled, inlined
from headcount.batch.passes.layout import (
    CANCELLED,
    DELIVERED_TWICE,
    DROPPED,
    FIRST_INFERRED,
    NAME_TIES,
    NO_ROW,
    ORPHAN_LEAVES,
    OUTRANKED,
    OVERTURNED,
    REPEATED_JOINS,
    REPORTED,
    ROOM_ENDED,
    STILL_IN,
)
from headcount.kernel.rules import NEVER
from headcount.kernel.stay_table import (
    BY_INFERENCE,
    BY_ROOM_END,
    CLOSES,
    IN,
    IN_UNCONFIRMED,
    INFERRED_JOIN,
    INFERRED_LEAVE,
    JOIN,
    LEAVE,
    NEXT_PHASE,
    OPENS,
    OUT,
    OVERRIDES,
    SIGNS,
)

# Positions in `cursor`, the counters that grow as a room is walked.
STAYS, CLOSINGS, ACTIVE, SAID = range(4)
CURSORS = 4

# Columns of `Said.names`.
USER_ID, USER_NAME, SESSION = range(3)
FROM_LEAVES = 3


@inlined
def new_stay(t: Any, place: Any, row: Any, people: Any, stays: Any, cursor: Any) -> Any:
    stay = cursor[STAYS]
    cursor[STAYS] = stay + 1
    stays.join[stay] = t
    stays.leave[stay] = NEVER
    stays.left_by[stay] = STILL_IN
    stays.row[stay] = row
    stays.session[stay] = NO_ROW
    stays.follows[stay] = NO_ROW
    people.stay[place] = stay
    return stay


@inlined
def close(
    t: Any, left_by: Any, place: Any, people: Any, stays: Any, closings: Any, closed: Any, cursor: Any
) -> None:
    stay = people.stay[place]
    stays.leave[stay] = t
    stays.left_by[stay] = left_by
    people.stay[place] = NO_ROW
    closings[cursor[CLOSINGS]] = t
    closed[cursor[CLOSINGS]] = stay
    cursor[CLOSINGS] += 1


@compiled
def first_of(row: Any, other: Any, codes: Any, rank: Any, tallies: Any) -> Any:
    """Of two rows that both know a name the one with the first name by alphabet."""
    if row == NO_ROW:
        return other
    if other == NO_ROW:
        return row
    code = smaller(codes[row], codes[other], rank, tallies)
    return row if codes[row] == code else other


@compiled
def smaller(code: Any, other: Any, rank: Any, tallies: Any) -> Any:
    if code == NO_ROW or code == other:
        return other
    if other == NO_ROW:
        return code
    if rank.shape[0] == 0:
        # Two names for one connection at one instant: so rare that the order of all names
        # is only worked out when this says that it is needed.
        tallies[NAME_TIES] += 1
        return code
    return code if rank[code] < rank[other] else other


@compiled
def learn(
    stay: Any, k: Any, joins: Any, leaves: Any, stays: Any, said: Any, names: Any, tallies: Any
) -> None:
    """Fill in what was not known of a stay from what its joins or leaves say at one instant (R1)."""
    if stays.user_id_row[stay] == NO_ROW:
        stays.user_id_row[stay] = heard_row(
            k, USER_ID, joins, leaves, said, names.user_id, names.user_id_rank, tallies
        )
    if stays.user_name_row[stay] == NO_ROW:
        stays.user_name_row[stay] = heard_row(
            k, USER_NAME, joins, leaves, said, names.user_name, names.user_name_rank, tallies
        )
    if stays.session[stay] == NO_ROW:
        a = said.names[k, SESSION] if joins else NO_ROW
        b = said.names[k, FROM_LEAVES + SESSION] if leaves else NO_ROW
        stays.session[stay] = smaller(a, b, names.session_rank, tallies)


@compiled
def heard_row(
    k: Any, what: Any, joins: Any, leaves: Any, said: Any, codes: Any, rank: Any, tallies: Any
) -> Any:
    a = said.names[k, what] if joins else np.int32(NO_ROW)
    b = said.names[k, FROM_LEAVES + what] if leaves else np.int32(NO_ROW)
    return first_of(a, b, codes, rank, tallies)


@compiled
def apply(
    t: Any,
    k: Any,
    place: Any,
    people: Any,
    said: Any,
    stays: Any,
    closings: Any,
    closed: Any,
    names: Any,
    cursor: Any,
    tallies: Any,
) -> None:
    """What the signs of one instant mean for one participant, done."""
    signs = said.signs[k]
    meaning = TRANSITIONS[people.phase[place] * SIGNS + signs]
    if people.doubted[place] != NO_ROW:
        learn_whole(k, place, people, said, names, tallies)
    if not said.implied[k]:
        tally(signs, said.times[k], meaning, tallies)
    if not meaning & (OPENS | CLOSES | OVERRIDES) and people.stay[place] != NO_ROW:
        learn(people.stay[place], k, True, True, stays, said, names, tallies)
    if meaning & OVERRIDES:
        overturn(t, place, people, stays, closings, closed, cursor)
        tallies[OVERTURNED] += 1
    reopens = meaning & CLOSES and meaning & OPENS
    after = meaning & NEXT_PHASE
    if meaning & CLOSES:
        stay = people.stay[place]
        learn(stay, k, not reopens, True, stays, said, names, tallies)
        close(t, way_out(meaning, signs, said.reason[k]), place, people, stays, closings, closed, cursor)
        if meaning & BY_INFERENCE:
            if people.doubted[place] == NO_ROW:
                people.doubted[place] = stay
                people.whole_user_id_row[place] = stays.user_id_row[stay]
                people.whole_user_name_row[place] = stays.user_name_row[stay]
                learn_whole(k, place, people, said, names, tallies)
            people.doubted_last[place] = stay
    if after in (IN, OUT):
        people.doubted[place] = NO_ROW
    if meaning & OPENS:
        stay = new_stay(t, place, people.row[place], people, stays, cursor)
        stays.user_id_row[stay] = NO_ROW
        stays.user_name_row[stay] = NO_ROW
        learn(stay, k, True, not reopens, stays, said, names, tallies)
        if after == IN_UNCONFIRMED:
            stays.follows[stay] = people.doubted_last[place]
    people.phase[place] = after


@compiled
def learn_whole(k: Any, place: Any, people: Any, said: Any, names: Any, tallies: Any) -> None:
    if people.whole_user_id_row[place] == NO_ROW:
        people.whole_user_id_row[place] = heard_row(
            k, USER_ID, True, True, said, names.user_id, names.user_id_rank, tallies
        )
    if people.whole_user_name_row[place] == NO_ROW:
        people.whole_user_name_row[place] = heard_row(
            k, USER_NAME, True, True, said, names.user_name, names.user_name_rank, tallies
        )


@compiled
def overturn(t: Any, place: Any, people: Any, stays: Any, closings: Any, closed: Any, cursor: Any) -> None:
    """The doubted stay had not ended: it lasted until now, and what followed was part of it (R3a)."""
    whole = people.doubted[place]
    part = people.stay[place] if people.stay[place] != NO_ROW else people.doubted_last[place]
    while part != whole:
        stays.left_by[part] = DROPPED
        part = stays.follows[part]
    stays.user_id_row[whole] = people.whole_user_id_row[place]
    stays.user_name_row[whole] = people.whole_user_name_row[place]
    people.stay[place] = whole
    close(t, REPORTED, place, people, stays, closings, closed, cursor)


@inlined
def way_out(meaning: Any, signs: Any, reason: Any) -> Any:
    if meaning & BY_ROOM_END:
        return ROOM_ENDED
    if not meaning & BY_INFERENCE:
        return REPORTED
    by_own = signs & INFERRED_LEAVE and not signs & (JOIN | LEAVE | INFERRED_JOIN)
    return FIRST_INFERRED + ((reason & 15) if by_own else (reason >> 4))


@compiled
def tally(signs: Any, times: Any, meaning: Any, tallies: Any) -> None:
    """Count what was said in vain, and why."""
    reported = (signs & JOIN != 0) + (signs & LEAVE != 0)
    inferred = (signs & INFERRED_JOIN != 0) + (signs & INFERRED_LEAVE != 0)
    tallies[DELIVERED_TWICE] += times - reported - inferred
    if reported and inferred:
        tallies[OUTRANKED] += inferred
    if reported == 2 or (inferred == 2 and not reported):
        tallies[CANCELLED] += 2
    elif reported + inferred and not meaning & (OPENS | CLOSES | OVERRIDES):
        came = signs & JOIN or (signs & INFERRED_JOIN and not reported)
        tallies[REPEATED_JOINS if came else ORPHAN_LEAVES] += 1
