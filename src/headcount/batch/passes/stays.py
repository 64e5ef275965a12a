"""Pairing: the events of one room, in order of time, to its stays.

Walks the instants of a room and hears what is said of each participant at each of them. What
becomes of it is in `applying.py`.
"""

from typing import Any

import numpy as np

from headcount.batch.passes.hash_keys import HASHED, SIZE_SHIFT, is_same
from headcount.batch.passes.jit import TRANSITIONS, compiled, inlined
from headcount.batch.passes.layout import (
    ALPHABETICAL,
    ENDS_OF_NOBODY,
    IMPLIED,
    INFERRED_BITS,
    INFERRED_SHIFT,
    KEY_HIGH,
    KEY_LOW,
    KIND_BITS,
    KIND_END,
    KIND_JOIN,
    MOMENT_SHIFT,
    NAMES_KNOWN,
    NO_ROW,
    REPORTED,
    ROW,
    STILL_IN,
    USER_ID_KNOWN,
    USER_NAME_KNOWN,
    WORD,
)
from headcount.batch.passes.transitions import (
    ACTIVE,
    CLOSINGS,
    FROM_LEAVES,
    SAID,
    SESSION,
    STAYS,
    USER_ID,
    USER_NAME,
    apply,
    first_of,
    smaller,
)
from headcount.kernel.rules import NEVER
from headcount.kernel.stay_table import (
    CLOSES,
    END,
    IN,
    INFERRED_END,
    INFERRED_JOIN,
    INFERRED_LEAVE,
    JOIN,
    LEAVE,
    OPENS,
    OUT,
    SIGNS,
)

_PLAIN = KIND_END | INFERRED_BITS
"""The marks of which a plain report, a join or a leave, has none."""

_MIX_HIGH = np.uint64(0x9E3779B97F4A7C15)
_MIX_LOW = np.uint64(0xD6E8FEB86659FD93)
_HALF = np.uint64(32)


@compiled
def find(people: Any, mask: Any, low: Any, high: Any, row: Any, names: Any) -> Any:
    """The place of a participant in the table, who is put into it if need be."""
    place = (((low ^ (high * _MIX_HIGH)) * _MIX_LOW) >> _HALF) & mask
    while people.taken[place]:
        if (
            people.low[place] == low
            and people.high[place] == high
            and (high >> SIZE_SHIFT != HASHED or is_same(people.row[place], row, names.offsets, names.text))
        ):
            return np.int64(place)
        place = (place + np.uint64(1)) & mask
    settle_in(people, place, low, high, row)
    return np.int64(place)


@compiled
def pair(
    events: Any,
    people: Any,
    mask: Any,
    said: Any,
    active: Any,
    stays: Any,
    closings: Any,
    closed: Any,
    names: Any,
    cursor: Any,
    tallies: Any,
    careful: Any,
) -> None:
    """Walk one room. Its stays go to `stays` from `cursor[STAYS]` on; (moment, stay) of each leave
    to `closings` and `closed`, in order of time. `careful`: ends or sessions must be kept in mind.

    One report alone at its instant, with nothing in doubt, is nearly every event, and is done here.
    Everything that this loop touches is a local name, and it calls nothing: an array that is
    reached through a tuple, or handed to a function, costs an atomic count of references, and these
    made the loop six times as slow.
    """
    taken, key_low, key_high, first_row = people.taken, people.low, people.high, people.row
    phases, stay_of, offsets, text = people.phase, people.stay, names.offsets, names.text
    join, leave, left_by, stay_row = stays.join, stays.leave, stays.left_by, stays.row
    user_id_row, user_name_row = stays.user_id_row, stays.user_name_row
    next_stay, next_closing = cursor[STAYS], cursor[CLOSINGS]
    shift = np.uint64(MOMENT_SHIFT)
    size = events.shape[0]
    i = 0
    while i < size:
        word = events[i, WORD]
        moment = word >> shift
        j = i + 1
        while j < size and events[j, WORD] >> shift == moment:
            j += 1
        t = np.int64(moment)
        marks = np.int64(word & np.uint64(255))
        if j > i + 1 or marks & _PLAIN or careful:
            cursor[STAYS], cursor[CLOSINGS] = next_stay, next_closing
            take_together(
                t,
                events,
                i,
                j,
                people,
                mask,
                said,
                active,
                stays,
                closings,
                closed,
                names,
                cursor,
                tallies,
                careful,
            )
            next_stay, next_closing = cursor[STAYS], cursor[CLOSINGS]
            i = j
            continue
        row = np.int64(events[i, ROW])
        low, high = events[i, KEY_LOW], events[i, KEY_HIGH]
        place = (((low ^ (high * _MIX_HIGH)) * _MIX_LOW) >> _HALF) & mask
        while taken[place] and not (
            key_low[place] == low
            and key_high[place] == high
            and (high >> SIZE_SHIFT != HASHED or is_same(first_row[place], row, offsets, text))
        ):
            place = (place + np.uint64(1)) & mask
        known = taken[place]
        phase = phases[place] if known else OUT
        meaning = TRANSITIONS[phase * SIGNS + (JOIN if (marks & KIND_BITS) == KIND_JOIN else LEAVE)]
        if meaning == OPENS | IN and phase == OUT:
            if not known:
                settle_in(people, place, low, high, row)
            join[next_stay] = t
            leave[next_stay] = NEVER
            left_by[next_stay] = STILL_IN
            stay_row[next_stay] = row
            user_id_row[next_stay] = row if marks & USER_ID_KNOWN else NO_ROW
            user_name_row[next_stay] = row if marks & USER_NAME_KNOWN else NO_ROW
            stay_of[place] = next_stay
            phases[place] = IN
            next_stay += 1
        elif meaning == CLOSES | OUT:
            stay = stay_of[place]
            if marks & USER_ID_KNOWN and user_id_row[stay] == NO_ROW:
                user_id_row[stay] = row
            if marks & USER_NAME_KNOWN and user_name_row[stay] == NO_ROW:
                user_name_row[stay] = row
            leave[stay] = t
            left_by[stay] = REPORTED
            phases[place] = OUT
            stay_of[place] = NO_ROW
            closings[next_closing] = t
            closed[next_closing] = stay
            next_closing += 1
        else:
            cursor[STAYS], cursor[CLOSINGS] = next_stay, next_closing
            take_together(
                t,
                events,
                i,
                j,
                people,
                mask,
                said,
                active,
                stays,
                closings,
                closed,
                names,
                cursor,
                tallies,
                careful,
            )
            next_stay, next_closing = cursor[STAYS], cursor[CLOSINGS]
        i = j
    cursor[STAYS], cursor[CLOSINGS] = next_stay, next_closing


@compiled
def settle_in(people: Any, place: Any, low: Any, high: Any, row: Any) -> None:
    """Give a participant a place in the table. A new one is out."""
    people.taken[place] = 1
    people.low[place] = low
    people.high[place] = high
    people.row[place] = row
    people.phase[place] = OUT
    people.stay[place] = NO_ROW
    people.doubted[place] = NO_ROW
    people.doubted_last[place] = NO_ROW
    people.active_at[place] = NO_ROW
    people.said_at[place] = NO_ROW


@inlined
def enter(place: Any, people: Any, active: Any, cursor: Any) -> None:
    """Put somebody on the list of those whom the end of the room may concern."""
    if people.active_at[place] == NO_ROW:
        people.active_at[place] = cursor[ACTIVE]
        active[cursor[ACTIVE]] = place
        cursor[ACTIVE] += 1


@inlined
def forget(place: Any, people: Any, active: Any, cursor: Any) -> None:
    at = people.active_at[place]
    if at != NO_ROW:
        cursor[ACTIVE] -= 1
        last = active[cursor[ACTIVE]]
        active[at] = last
        people.active_at[last] = at
        people.active_at[place] = NO_ROW


@compiled
def take_together(
    t: Any,
    events: Any,
    first: Any,
    last: Any,
    people: Any,
    mask: Any,
    said: Any,
    active: Any,
    stays: Any,
    closings: Any,
    closed: Any,
    names: Any,
    cursor: Any,
    tallies: Any,
    careful: Any,
) -> None:
    """All that was said of one instant, participant by participant."""
    cursor[SAID] = 0
    ends = 0
    for i in range(first, last):
        marks = np.int64(events[i, WORD] & np.uint64(255))
        if (marks & KIND_BITS) == KIND_END:
            ends += 1
            continue
        row = np.int64(events[i, ROW])
        place = find(people, mask, events[i, KEY_LOW], events[i, KEY_HIGH], row, names)
        hear(marks, row, place, people, said, names, cursor, tallies)
    if ends:
        concern_everybody(events, first, last, people, said, active, stays, names, cursor, tallies, ends)
    for k in range(cursor[SAID]):
        place = said.place[k]
        people.said_at[place] = NO_ROW
        apply(t, k, place, people, said, stays, closings, closed, names, cursor, tallies)
        if careful:
            if people.phase[place] == OUT:
                forget(place, people, active, cursor)
            else:
                enter(place, people, active, cursor)


@inlined
def row_in_said(place: Any, people: Any, said: Any, cursor: Any) -> Any:
    """The row in `said` of a participant."""
    k = people.said_at[place]
    if k == NO_ROW:
        k = cursor[SAID]
        cursor[SAID] += 1
        people.said_at[place] = k
        said.place[k] = place
        said.signs[k] = 0
        said.times[k] = 0
        said.reason[k] = 0
        said.implied[k] = 0
        for column in range(6):
            said.names[k, column] = NO_ROW
    return k


@compiled
def hear(
    marks: Any, row: Any, place: Any, people: Any, said: Any, names: Any, cursor: Any, tallies: Any
) -> None:
    k = row_in_said(place, people, said, cursor)
    is_join = (marks & KIND_BITS) == KIND_JOIN
    inferred = (marks & INFERRED_BITS) >> INFERRED_SHIFT
    if inferred:
        said.signs[k] |= INFERRED_JOIN if is_join else INFERRED_LEAVE
        if not is_join and ALPHABETICAL[inferred] < ALPHABETICAL[said.reason[k]]:
            said.reason[k] = inferred
    else:
        said.signs[k] |= JOIN if is_join else LEAVE
    said.times[k] += 1
    if marks & IMPLIED:
        said.implied[k] = 1
    side = 0 if is_join else FROM_LEAVES
    if marks & NAMES_KNOWN:
        if marks & USER_ID_KNOWN:
            said.names[k, side + USER_ID] = first_of(
                said.names[k, side + USER_ID], row, names.user_id, names.user_id_rank, tallies
            )
        if marks & USER_NAME_KNOWN:
            said.names[k, side + USER_NAME] = first_of(
                said.names[k, side + USER_NAME], row, names.user_name, names.user_name_rank, tallies
            )
    if names.session.shape[0] and names.session[row] != NO_ROW:
        known = said.names[k, side + SESSION]
        said.names[k, side + SESSION] = smaller(known, names.session[row], names.session_rank, tallies)


@compiled
def concern_everybody(
    events: Any,
    first: Any,
    last: Any,
    people: Any,
    said: Any,
    active: Any,
    stays: Any,
    names: Any,
    cursor: Any,
    tallies: Any,
    ends: Any,
) -> None:
    """Say the ends of an instant to everybody who is in or in doubt and of the same session (R1)."""
    anybody = False
    for i in range(first, last):
        marks = np.int64(events[i, WORD] & np.uint64(255))
        if (marks & KIND_BITS) != KIND_END:
            continue
        row = np.int64(events[i, ROW])
        session = names.session[row] if names.session.shape[0] else NO_ROW
        inferred = (marks & INFERRED_BITS) >> INFERRED_SHIFT
        for a in range(cursor[ACTIVE]):
            place = active[a]
            stay = people.stay[place]
            present = stay != NO_ROW
            known = stays.session[stay if present else people.doubted_last[place]]
            if known != NO_ROW and session != NO_ROW and known != session:
                continue
            anybody = anybody or present
            k = row_in_said(place, people, said, cursor)
            if inferred:
                # The reason of an end is kept above that of an own leave, which comes first.
                if not said.signs[k] & INFERRED_END or (
                    ALPHABETICAL[inferred] < ALPHABETICAL[said.reason[k] >> 4]
                ):
                    said.reason[k] = (said.reason[k] & 15) | (inferred << 4)
                said.signs[k] |= INFERRED_END
            else:
                said.signs[k] |= END
    if not anybody:
        tallies[ENDS_OF_NOBODY] += ends
