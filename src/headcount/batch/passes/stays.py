"""Pairing of the events of one room, in order of time, to its stays, compiled (R1-R3a).

Responsible for walking the instants of a room and for collecting the signs of each participant at each of them.
Must not know what the signs mean: that is in `transitions.py`.
"""

from typing import Any

import numpy as np

from headcount.batch.passes.attributes import INSTANT, merged
from headcount.batch.passes.hash_keys import HASHED, SIZE_SHIFT, is_same
from headcount.batch.passes.jit import TRANSITIONS, compiled
from headcount.batch.passes.layout import (
    ACTIVE,
    ATTRIBUTES,
    ATTRIBUTES_KNOWN,
    CLOSINGS,
    ENDS_OF_EMPTY_ROOMS,
    FROM_LEAVES,
    IMPLIED,
    INFERRED_BITS,
    INFERRED_SHIFT,
    KEY_HIGH,
    KEY_LOW,
    KIND_BITS,
    KIND_END,
    KIND_JOIN,
    NAME_COLUMNS,
    NAMES_KNOWN,
    NO_ROW,
    REASON_RANK,
    REPORTED,
    ROW,
    SESSION,
    SIGNS_USED,
    STAYS,
    STILL_IN,
    TIME_SHIFT,
    USER_ID,
    USER_ID_KNOWN,
    USER_NAME,
    USER_NAME_KNOWN,
    WORD,
    Int32s,
    Int64s,
    Names,
    PairingState,
    Participants,
    WordRows,
)
from headcount.batch.passes.transitions import apply_signs, first_by_name, first_by_rank
from headcount.kernel.events import Ms
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

_SPECIAL = KIND_END | INFERRED_BITS
"""The flags that a reported join or leave has none of."""

_MIX_HIGH = np.uint64(0x9E3779B97F4A7C15)
_MIX_LOW = np.uint64(0xD6E8FEB86659FD93)
_HALF = np.uint64(32)


@compiled
def find(
    participants: Participants, mask: np.uint64, low: np.uint64, high: np.uint64, row: int, names: Names
) -> Any:
    """Return the place of a participant in the table, and add one that is not in it."""
    place = (((low ^ (high * _MIX_HIGH)) * _MIX_LOW) >> _HALF) & mask
    while participants.used[place]:
        if (
            participants.low[place] == low
            and participants.high[place] == high
            and (
                high >> SIZE_SHIFT != HASHED
                or is_same(participants.row[place], row, names.offsets, names.text)
            )
        ):
            return np.int64(place)
        place = (place + np.uint64(1)) & mask
    add_participant(participants, place, low, high, row)
    return np.int64(place)


@compiled
def pair(events: WordRows, mask: np.uint64, room: PairingState, careful: bool) -> None:
    """Pair the events of one room to its stays and closings, with their numbers in `room.cursor`.

    `mask` is the size of the hash table less 1. `careful`: ends or sessions matter.

    One report alone at its instant, while no leave is unconfirmed, is nearly every event, and is handled here.
    """
    participants, stays, names, cursor = room.participants, room.stays, room.names, room.cursor
    used, key_low, key_high, first_row = (
        participants.used,
        participants.low,
        participants.high,
        participants.row,
    )
    phases, stay_of, offsets, text = participants.phase, participants.stay, names.offsets, names.text
    join, leave, left_by, stay_row = stays.join, stays.leave, stays.left_by, stays.row
    user_id_row, user_name_row = stays.user_id_row, stays.user_name_row
    attributes, attributes_of = stays.attributes, names.attributes
    closing_at, closing_stay = room.closings.at, room.closings.stay
    next_stay, next_closing = cursor[STAYS], cursor[CLOSINGS]
    shift = np.uint64(TIME_SHIFT)
    size = events.shape[0]
    i = 0
    while i < size:
        word = events[i, WORD]
        time = word >> shift
        j = i + 1
        while j < size and events[j, WORD] >> shift == time:
            j += 1
        t = np.int64(time)
        flags = np.int64(word & np.uint64(255))
        if j > i + 1 or flags & _SPECIAL or careful:
            cursor[STAYS], cursor[CLOSINGS] = next_stay, next_closing
            apply_instant(t, events, i, j, mask, room, careful)
            next_stay, next_closing = cursor[STAYS], cursor[CLOSINGS]
            i = j
            continue
        row = np.int64(events[i, ROW])
        low, high = events[i, KEY_LOW], events[i, KEY_HIGH]
        place = (((low ^ (high * _MIX_HIGH)) * _MIX_LOW) >> _HALF) & mask
        while used[place] and not (
            key_low[place] == low
            and key_high[place] == high
            and (high >> SIZE_SHIFT != HASHED or is_same(first_row[place], row, offsets, text))
        ):
            place = (place + np.uint64(1)) & mask
        known = used[place]
        phase = phases[place] if known else OUT
        transition = TRANSITIONS[phase * SIGNS + (JOIN if (flags & KIND_BITS) == KIND_JOIN else LEAVE)]
        if transition == OPENS | IN and phase == OUT:
            if not known:
                add_participant(participants, place, low, high, row)
            join[next_stay] = t
            leave[next_stay] = NEVER
            left_by[next_stay] = STILL_IN
            stay_row[next_stay] = row
            user_id_row[next_stay] = row if flags & USER_ID_KNOWN else NO_ROW
            user_name_row[next_stay] = row if flags & USER_NAME_KNOWN else NO_ROW
            attributes[next_stay] = attributes_of[row] if flags & ATTRIBUTES_KNOWN else NO_ROW
            stay_of[place] = next_stay
            phases[place] = IN
            next_stay += 1
        elif transition == CLOSES | OUT and not (
            flags & ATTRIBUTES_KNOWN
            and attributes[stay_of[place]] != NO_ROW
            and attributes[stay_of[place]] != attributes_of[row]
        ):
            stay = stay_of[place]
            if flags & ATTRIBUTES_KNOWN:
                attributes[stay] = attributes_of[row]
            if flags & USER_ID_KNOWN and user_id_row[stay] == NO_ROW:
                user_id_row[stay] = row
            if flags & USER_NAME_KNOWN and user_name_row[stay] == NO_ROW:
                user_name_row[stay] = row
            leave[stay] = t
            left_by[stay] = REPORTED
            phases[place] = OUT
            stay_of[place] = NO_ROW
            closing_at[next_closing] = t
            closing_stay[next_closing] = stay
            next_closing += 1
        else:
            cursor[STAYS], cursor[CLOSINGS] = next_stay, next_closing
            apply_instant(t, events, i, j, mask, room, careful)
            next_stay, next_closing = cursor[STAYS], cursor[CLOSINGS]
        i = j
    cursor[STAYS], cursor[CLOSINGS] = next_stay, next_closing


@compiled
def add_participant(
    participants: Participants, place: int, low: np.uint64, high: np.uint64, row: int
) -> None:
    """Add a participant to the table at a free place. The phase of a new one is OUT."""
    participants.used[place] = 1
    participants.low[place] = low
    participants.high[place] = high
    participants.row[place] = row
    participants.phase[place] = OUT
    participants.stay[place] = NO_ROW
    participants.unconfirmed[place] = NO_ROW
    participants.unconfirmed_last[place] = NO_ROW
    participants.active_at[place] = NO_ROW
    participants.signs_at[place] = NO_ROW


@compiled
def activate(place: int, participants: Participants, active: Int32s, cursor: Int64s) -> None:
    """Add a participant to the list of those that an end of the room may affect."""
    if participants.active_at[place] == NO_ROW:
        participants.active_at[place] = cursor[ACTIVE]
        active[cursor[ACTIVE]] = place
        cursor[ACTIVE] += 1


@compiled
def deactivate(place: int, participants: Participants, active: Int32s, cursor: Int64s) -> None:
    """Remove a participant from that list; the last one takes the position."""
    at = participants.active_at[place]
    if at != NO_ROW:
        cursor[ACTIVE] -= 1
        last = active[cursor[ACTIVE]]
        active[at] = last
        participants.active_at[last] = at
        participants.active_at[place] = NO_ROW


@compiled
def apply_instant(
    t: Ms, events: WordRows, first: int, last: int, mask: np.uint64, room: PairingState, careful: bool
) -> None:
    """Apply events first..last-1, which are all of one instant, participant by participant."""
    participants, cursor = room.participants, room.cursor
    cursor[SIGNS_USED] = 0
    ends = 0
    for i in range(first, last):
        flags = np.int64(events[i, WORD] & np.uint64(255))
        if (flags & KIND_BITS) == KIND_END:
            ends += 1
            continue
        row = np.int64(events[i, ROW])
        place = find(participants, mask, events[i, KEY_LOW], events[i, KEY_HIGH], row, room.names)
        add_signs(flags, row, place, room)
    if ends:
        add_end_signs(events, first, last, room, ends)
    for k in range(cursor[SIGNS_USED]):
        place = room.signs.place[k]
        participants.signs_at[place] = NO_ROW
        apply_signs(t, k, place, room)
        if careful:
            if participants.phase[place] == OUT:
                deactivate(place, participants, room.active, cursor)
            else:
                activate(place, participants, room.active, cursor)


@compiled
def signs_row(place: int, room: PairingState) -> Any:
    """Return the row of the signs of a participant, and add one that is missing."""
    signs = room.signs
    k = room.participants.signs_at[place]
    if k == NO_ROW:
        k = room.cursor[SIGNS_USED]
        room.cursor[SIGNS_USED] += 1
        room.participants.signs_at[place] = k
        signs.place[k] = place
        signs.signs[k] = 0
        signs.events[k] = 0
        signs.reason[k] = 0
        signs.implied[k] = 0
        for column in range(NAME_COLUMNS):
            signs.names[k, column] = NO_ROW
    return k


@compiled
def add_signs(flags: int, row: int, place: int, room: PairingState) -> None:
    """Add the sign and the names of one join or leave to those of its participant."""
    signs, names, counters = room.signs, room.names, room.counters
    k = signs_row(place, room)
    is_join = (flags & KIND_BITS) == KIND_JOIN
    inferred = (flags & INFERRED_BITS) >> INFERRED_SHIFT
    if inferred:
        signs.signs[k] |= INFERRED_JOIN if is_join else INFERRED_LEAVE
        if not is_join and REASON_RANK[inferred] < REASON_RANK[signs.reason[k]]:
            signs.reason[k] = inferred  # the first by alphabet
    else:
        signs.signs[k] |= JOIN if is_join else LEAVE
    signs.events[k] += 1
    if flags & IMPLIED:
        signs.implied[k] = 1
    side = 0 if is_join else FROM_LEAVES
    if flags & NAMES_KNOWN:
        if flags & USER_ID_KNOWN:
            signs.names[k, side + USER_ID] = first_by_name(
                signs.names[k, side + USER_ID], row, names.user_id, names.user_id_rank, counters
            )
        if flags & USER_NAME_KNOWN:
            signs.names[k, side + USER_NAME] = first_by_name(
                signs.names[k, side + USER_NAME], row, names.user_name, names.user_name_rank, counters
            )
    if flags & ATTRIBUTES_KNOWN:
        signs.names[k, side + ATTRIBUTES] = merged(
            signs.names[k, side + ATTRIBUTES], names.attributes[row], INSTANT, room.merges
        )
    if names.session.shape[0] and names.session[row] != NO_ROW:
        known = signs.names[k, side + SESSION]
        signs.names[k, side + SESSION] = first_by_rank(
            known, names.session[row], names.session_rank, counters
        )


@compiled
def add_end_signs(events: WordRows, first: int, last: int, room: PairingState, ends: int) -> None:
    """Add the sign of each end to all participants of the same session who are in or unconfirmed (R1)."""
    participants, signs, names = room.participants, room.signs, room.names
    closes_stays = False
    for i in range(first, last):
        flags = np.int64(events[i, WORD] & np.uint64(255))
        if (flags & KIND_BITS) != KIND_END:
            continue
        row = np.int64(events[i, ROW])
        session = names.session[row] if names.session.shape[0] else NO_ROW
        inferred = (flags & INFERRED_BITS) >> INFERRED_SHIFT
        for a in range(room.cursor[ACTIVE]):
            place = room.active[a]
            stay = participants.stay[place]
            is_open = stay != NO_ROW
            known = room.stays.session[stay if is_open else participants.unconfirmed_last[place]]
            if known != NO_ROW and session != NO_ROW and known != session:
                continue
            closes_stays = closes_stays or is_open
            k = signs_row(place, room)
            if inferred:
                # The reason of an end is stored above that of an own leave, which has precedence.
                if not signs.signs[k] & INFERRED_END or (
                    REASON_RANK[inferred] < REASON_RANK[signs.reason[k] >> 4]
                ):
                    signs.reason[k] = (signs.reason[k] & 15) | (inferred << 4)
                signs.signs[k] |= INFERRED_END
            else:
                signs.signs[k] |= END
    if not closes_stays:
        room.counters[ENDS_OF_EMPTY_ROOMS] += ends
