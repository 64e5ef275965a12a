"""Pairing: the events of one room, in order of time, to its stays.

Walks the instants of a room and asks the kernel's table at each what was meant. It is the
compiled twin of `kernel/people.py` and shares its one source of rules, the table of
`kernel/stays.py`; what stands here is where things are kept, not what they mean.
"""

from typing import Any

import numpy as np

from headcount.batch.compiled import MEANINGS, compiled, inlined
from headcount.batch.keys import HASHED, SIZE_SHIFT, is_same
from headcount.batch.layout import (
    ALPHABETICAL,
    CANCELLED,
    DELIVERED_TWICE,
    DROPPED,
    ENDS_OF_NOBODY,
    FIRST_INFERRED,
    IMPLIED,
    INFERRED_BITS,
    INFERRED_SHIFT,
    KEY_HIGH,
    KEY_LOW,
    KIND_BITS,
    KIND_END,
    KIND_JOIN,
    MOMENT_SHIFT,
    NAME_TIES,
    NAMES_KNOWN,
    NO_ROW,
    ORPHAN_LEAVES,
    OUTRANKED,
    OVERTURNED,
    REPEATED_JOINS,
    REPORTED,
    ROOM_ENDED,
    ROW,
    STILL_IN,
    USER_ID_KNOWN,
    USER_NAME_KNOWN,
    WORD,
)
from headcount.kernel.rules import NEVER
from headcount.kernel.stays import (
    AGAIN,
    BY_INFERENCE,
    BY_ROOM_END,
    CLOSES,
    END,
    IN,
    INFERRED_END,
    INFERRED_JOIN,
    INFERRED_LEAVE,
    JOIN,
    LEAVE,
    NEXT_PHASE,
    OPENS,
    OUT,
    OVERTURNS,
    SIGNS,
)

_PLAIN = KIND_END | INFERRED_BITS
"""The marks of which a plain report, a join or a leave, has none."""

# Positions in `cursor`, the counters that grow as a room is walked.
STAYS, CLOSINGS, ACTIVE, SAID = range(4)
CURSORS = 4

# Columns of `Said.names`.
_USER_ID, _USER_NAME, _SESSION = range(3)
_FROM_LEAVES = 3

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
        meaning = MEANINGS[phase * SIGNS + (JOIN if (marks & KIND_BITS) == KIND_JOIN else LEAVE)]
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
def said_of(place: Any, people: Any, said: Any, cursor: Any) -> Any:
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
    k = said_of(place, people, said, cursor)
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
    side = 0 if is_join else _FROM_LEAVES
    if marks & NAMES_KNOWN:
        if marks & USER_ID_KNOWN:
            said.names[k, side + _USER_ID] = first_of(
                said.names[k, side + _USER_ID], row, names.user_id, names.user_id_rank, tallies
            )
        if marks & USER_NAME_KNOWN:
            said.names[k, side + _USER_NAME] = first_of(
                said.names[k, side + _USER_NAME], row, names.user_name, names.user_name_rank, tallies
            )
    if names.session.shape[0] and names.session[row] != NO_ROW:
        known = said.names[k, side + _SESSION]
        said.names[k, side + _SESSION] = smaller(known, names.session[row], names.session_rank, tallies)


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
            k = said_of(place, people, said, cursor)
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


@compiled
def learn(
    stay: Any, k: Any, joins: Any, leaves: Any, stays: Any, said: Any, names: Any, tallies: Any
) -> None:
    """Fill in what was not known of a stay from what its joins or leaves say at one instant (R1)."""
    if stays.user_id_row[stay] == NO_ROW:
        stays.user_id_row[stay] = heard_row(
            k, _USER_ID, joins, leaves, said, names.user_id, names.user_id_rank, tallies
        )
    if stays.user_name_row[stay] == NO_ROW:
        stays.user_name_row[stay] = heard_row(
            k, _USER_NAME, joins, leaves, said, names.user_name, names.user_name_rank, tallies
        )
    if stays.session[stay] == NO_ROW:
        a = said.names[k, _SESSION] if joins else NO_ROW
        b = said.names[k, _FROM_LEAVES + _SESSION] if leaves else NO_ROW
        stays.session[stay] = smaller(a, b, names.session_rank, tallies)


@compiled
def heard_row(
    k: Any, what: Any, joins: Any, leaves: Any, said: Any, codes: Any, rank: Any, tallies: Any
) -> Any:
    a = said.names[k, what] if joins else np.int32(NO_ROW)
    b = said.names[k, _FROM_LEAVES + what] if leaves else np.int32(NO_ROW)
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
    meaning = MEANINGS[people.phase[place] * SIGNS + signs]
    if people.doubted[place] != NO_ROW:
        learn_whole(k, place, people, said, names, tallies)
    if not said.implied[k]:
        tally(signs, said.times[k], meaning, tallies)
    if not meaning & (OPENS | CLOSES | OVERTURNS) and people.stay[place] != NO_ROW:
        learn(people.stay[place], k, True, True, stays, said, names, tallies)
    if meaning & OVERTURNS:
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
        if after == AGAIN:
            stays.follows[stay] = people.doubted_last[place]
    people.phase[place] = after


@compiled
def learn_whole(k: Any, place: Any, people: Any, said: Any, names: Any, tallies: Any) -> None:
    if people.whole_user_id_row[place] == NO_ROW:
        people.whole_user_id_row[place] = heard_row(
            k, _USER_ID, True, True, said, names.user_id, names.user_id_rank, tallies
        )
    if people.whole_user_name_row[place] == NO_ROW:
        people.whole_user_name_row[place] = heard_row(
            k, _USER_NAME, True, True, said, names.user_name, names.user_name_rank, tallies
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
    elif reported + inferred and not meaning & (OPENS | CLOSES | OVERTURNS):
        came = signs & JOIN or (signs & INFERRED_JOIN and not reported)
        tallies[REPEATED_JOINS if came else ORPHAN_LEAVES] += 1
