"""Transitions of one participant at one instant, compiled.

Responsible for applying the table of `kernel/stay_table.py`: stays open and close, names are added, inferred leaves
are overridden, and ignored events are counted. The compiled counterpart of `kernel/people.py`, which properties hold
equal to it. Must not know how events are read, or meetings.
"""

from typing import Any

from headcount.batch.passes.attributes import INSTANT, LATER, merged
from headcount.batch.passes.jit import TRANSITIONS, compiled
from headcount.batch.passes.layout import (
    ATTRIBUTES,
    CANCELLED,
    CLOSINGS,
    DROPPED,
    DUPLICATE_JOINS,
    DUPLICATES,
    FIRST_INFERRED,
    FROM_LEAVES,
    NAME_TIES,
    NO_ROW,
    ORPHAN_LEAVES,
    OUTRANKED,
    OVERRIDDEN,
    REPORTED,
    ROOM_ENDED,
    SESSION,
    STAYS,
    STILL_IN,
    USER_ID,
    USER_NAME,
    InstantSigns,
    Int32s,
    Int64s,
    PairingState,
)
from headcount.kernel.events import Ms
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


@compiled
def open_stay(t: Ms, place: int, row: int, room: PairingState) -> Any:
    """Open a stay of the participant at `place`, and return its number."""
    stays, cursor = room.stays, room.cursor
    stay = cursor[STAYS]
    cursor[STAYS] = stay + 1
    stays.join[stay] = t
    stays.leave[stay] = NEVER
    stays.left_by[stay] = STILL_IN
    stays.row[stay] = row
    stays.session[stay] = NO_ROW
    stays.follows[stay] = NO_ROW
    room.participants.stay[place] = stay
    return stay


@compiled
def close_stay(t: Ms, left_by: int, place: int, room: PairingState) -> None:
    """Close the open stay of the participant at `place`."""
    stays, closings, cursor = room.stays, room.closings, room.cursor
    stay = room.participants.stay[place]
    stays.leave[stay] = t
    stays.left_by[stay] = left_by
    room.participants.stay[place] = NO_ROW
    closings.at[cursor[CLOSINGS]] = t
    closings.stay[cursor[CLOSINGS]] = stay
    cursor[CLOSINGS] += 1


@compiled
def first_by_name(row: int, other: int, codes: Int32s, rank: Int32s, counters: Int64s) -> Any:
    """Return the row with the first name by alphabet; NO_ROW only if neither has a name."""
    if row == NO_ROW:
        return other
    if other == NO_ROW:
        return row
    code = first_by_rank(codes[row], codes[other], rank, counters)
    return row if codes[row] == code else other


@compiled
def first_by_rank(code: int, other: int, rank: Int32s, counters: Int64s) -> Any:
    """Return the code of the first name by alphabet; -1 only if both are."""
    if code == NO_ROW or code == other:
        return other
    if other == NO_ROW:
        return code
    if rank.shape[0] == 0:
        # Two names of one connection at one instant are so rare that the ranks of all names are
        # computed only if this counter asks for them.
        counters[NAME_TIES] += 1
        return code
    return code if rank[code] < rank[other] else other


@compiled
def add_names(stay: int, k: int, joins: bool, leaves: bool, room: PairingState) -> None:
    """Add missing names and session to a stay from its joins or leaves of one instant (R1)."""
    stays, signs, names, counters = room.stays, room.signs, room.names, room.counters
    if stays.user_id_row[stay] == NO_ROW:
        stays.user_id_row[stay] = name_row(
            k, USER_ID, joins, leaves, signs, names.user_id, names.user_id_rank, counters
        )
    if stays.user_name_row[stay] == NO_ROW:
        stays.user_name_row[stay] = name_row(
            k, USER_NAME, joins, leaves, signs, names.user_name, names.user_name_rank, counters
        )
    if stays.session[stay] == NO_ROW:
        a = signs.names[k, SESSION] if joins else NO_ROW
        b = signs.names[k, FROM_LEAVES + SESSION] if leaves else NO_ROW
        stays.session[stay] = first_by_rank(a, b, names.session_rank, counters)
    stays.attributes[stay] = with_attributes(stays.attributes[stay], k, joins, leaves, room)


@compiled
def with_attributes(known: int, k: int, joins: bool, leaves: bool, room: PairingState) -> Any:
    """Return known attributes with those of this instant, from joins, leaves or both (R1)."""
    names = room.signs.names
    a = names[k, ATTRIBUTES] if joins else NO_ROW
    b = names[k, FROM_LEAVES + ATTRIBUTES] if leaves else NO_ROW
    if a != NO_ROW or b != NO_ROW:
        known = merged(known, merged(a, b, INSTANT, room.merges), LATER, room.merges)
    return known


@compiled
def name_row(
    k: int,
    column: int,
    joins: bool,
    leaves: bool,
    signs: InstantSigns,
    codes: Int32s,
    rank: Int32s,
    counters: Int64s,
) -> Any:
    """Return the row that names a participant at this instant, from joins, leaves or both."""
    a = signs.names[k, column] if joins else NO_ROW
    b = signs.names[k, FROM_LEAVES + column] if leaves else NO_ROW
    return first_by_name(a, b, codes, rank, counters)


@compiled
def apply_signs(t: Ms, k: int, place: int, room: PairingState) -> None:
    """Apply row `k` of the signs of an instant to the participant at `place`."""
    participants, stays = room.participants, room.stays
    signs = room.signs.signs[k]
    transition = TRANSITIONS[participants.phase[place] * SIGNS + signs]
    if participants.unconfirmed[place] != NO_ROW:
        add_merged_names(k, place, room)
    if not room.signs.implied[k]:
        count_ignored(signs, room.signs.events[k], transition, room.counters)
    if not transition & (OPENS | CLOSES | OVERRIDES) and participants.stay[place] != NO_ROW:
        add_names(participants.stay[place], k, True, True, room)
    if transition & OVERRIDES:
        override(t, place, room)
        room.counters[OVERRIDDEN] += 1
    reopens = transition & CLOSES != 0 and transition & OPENS != 0
    after = transition & NEXT_PHASE
    if transition & CLOSES:
        stay = participants.stay[place]
        add_names(stay, k, not reopens, True, room)
        close_stay(t, left_by_of(transition, signs, room.signs.reason[k]), place, room)
        if transition & BY_INFERENCE:
            stays.confirmed[stay] = NEVER
            if participants.unconfirmed[place] == NO_ROW:
                participants.unconfirmed[place] = stay
                participants.merged_user_id_row[place] = stays.user_id_row[stay]
                participants.merged_user_name_row[place] = stays.user_name_row[stay]
                participants.merged_attributes[place] = stays.attributes[stay]
                add_merged_names(k, place, room)
            participants.unconfirmed_last[place] = stay
    if after in (IN, OUT):
        if participants.unconfirmed[place] != NO_ROW:
            confirm(t, place, room)
        participants.unconfirmed[place] = NO_ROW
    if transition & OPENS:
        stay = open_stay(t, place, participants.row[place], room)
        stays.user_id_row[stay] = NO_ROW
        stays.user_name_row[stay] = NO_ROW
        stays.attributes[stay] = NO_ROW
        add_names(stay, k, True, not reopens, room)
        if after == IN_UNCONFIRMED:
            stays.follows[stay] = participants.unconfirmed_last[place]
    participants.phase[place] = after


@compiled
def add_merged_names(k: int, place: int, room: PairingState) -> None:
    """Add missing names to the stay that results if the unconfirmed leave is overridden."""
    participants, signs, names, counters = room.participants, room.signs, room.names, room.counters
    if participants.merged_user_id_row[place] == NO_ROW:
        participants.merged_user_id_row[place] = name_row(
            k, USER_ID, True, True, signs, names.user_id, names.user_id_rank, counters
        )
    if participants.merged_user_name_row[place] == NO_ROW:
        participants.merged_user_name_row[place] = name_row(
            k, USER_NAME, True, True, signs, names.user_name, names.user_name_rank, counters
        )
    participants.merged_attributes[place] = with_attributes(
        participants.merged_attributes[place], k, True, True, room
    )


@compiled
def confirm(t: Ms, place: int, room: PairingState) -> None:
    """Record that no leave can belong to the stays of the participant with inferred leaves from `t` on."""
    participants, stays = room.participants, room.stays
    part = participants.unconfirmed_last[place]
    while part != participants.unconfirmed[place]:
        stays.confirmed[part] = t
        part = stays.follows[part]
    stays.confirmed[part] = t


@compiled
def override(t: Ms, place: int, room: PairingState) -> None:
    """Override an unconfirmed leave: the stay lasted until now, and the later stays are part of it (R3a)."""
    participants, stays = room.participants, room.stays
    whole = participants.unconfirmed[place]
    part = (
        participants.stay[place]
        if participants.stay[place] != NO_ROW
        else participants.unconfirmed_last[place]
    )
    while part != whole:
        stays.left_by[part] = DROPPED
        part = stays.follows[part]
    stays.user_id_row[whole] = participants.merged_user_id_row[place]
    stays.user_name_row[whole] = participants.merged_user_name_row[place]
    stays.attributes[whole] = participants.merged_attributes[place]
    participants.stay[place] = whole
    close_stay(t, REPORTED, place, room)


@compiled
def left_by_of(transition: int, signs: int, reason: int) -> Any:
    """Return the way in which a transition ends a stay."""
    if transition & BY_ROOM_END:
        return ROOM_ENDED
    if not transition & BY_INFERENCE:
        return REPORTED
    by_own = signs & INFERRED_LEAVE and not signs & (JOIN | LEAVE | INFERRED_JOIN)
    return FIRST_INFERRED + ((reason & 15) if by_own else (reason >> 4))


@compiled
def count_ignored(signs: int, events: int, transition: int, counters: Int64s) -> None:
    """Count the events of a participant that changed nothing, by reason."""
    reported = (signs & JOIN != 0) + (signs & LEAVE != 0)
    inferred = (signs & INFERRED_JOIN != 0) + (signs & INFERRED_LEAVE != 0)
    counters[DUPLICATES] += events - reported - inferred
    if reported and inferred:
        counters[OUTRANKED] += inferred
    if reported == 2 or (inferred == 2 and not reported):
        counters[CANCELLED] += 2
    elif reported + inferred and not transition & (OPENS | CLOSES | OVERRIDES):
        joined = signs & JOIN or (signs & INFERRED_JOIN and not reported)
        counters[DUPLICATE_JOINS if joined else ORPHAN_LEAVES] += 1
