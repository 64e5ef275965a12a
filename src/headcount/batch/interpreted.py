"""Sessions of few events, by the kernel itself: nothing is compiled, and neither Numba nor Arrow is loaded.

Responsible for the same rows and the same summary as the compiled passes, which properties hold equal to it. Must not know
files.
"""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Sequence
from typing import Any, Final, NamedTuple

from headcount.batch.rows import Rows
from headcount.batch.sessions import MEETINGS, PARTICIPANTS, ROOMS, STAYS, Sessions, StayPiece, Summary
from headcount.kernel.changes import Change, EventIgnored, Reason
from headcount.kernel.events import Event, Ms
from headcount.kernel.meetings import Meeting, Stay, carries_into
from headcount.kernel.replay import Derived, derive
from headcount.kernel.rules import Rules, is_too_short

_COUNTER_OF: Final = {
    Reason.LEAVE_WITHOUT_JOIN: "leaves_without_join",
    Reason.DUPLICATE_JOIN: "duplicate_joins",
    Reason.DUPLICATE_EVENT: "duplicate_events",
    Reason.CANCELLED_OUT: "cancelled_out",
    Reason.INFERRED_EVENT_OUTRANKED: "inferred_events_outranked",
    Reason.ROOM_ALREADY_EMPTY: "ends_of_empty_rooms",
}


class RoomEvents(NamedTuple):
    """The events of one room."""

    room: str
    domain: str
    events: list[Event]


def by_room(events: Iterable[tuple[str | None, Event]], domain: str) -> list[RoomEvents]:
    """Return the events of each room, the rooms by name, then domain. `domain` is that of events without one."""
    rooms: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for own, event in events:
        rooms[event.room, own or domain].append(event)
    return [RoomEvents(*key, rooms[key]) for key in sorted(rooms)]


def derive_sessions(
    rooms: Sequence[RoomEvents],
    rules: Rules,
    as_of: Ms | None,
    rejects: Any = None,
    empty_before: Ms = 0,
) -> Sessions:
    """Return the sessions of these rooms. `as_of` is by default the time of the latest event."""
    times = [event.at for room in rooms for event in room.events]
    now = max(times, default=0) if as_of is None else as_of
    counts: Counter[str] = Counter(after_as_of=sum(at > now for at in times))
    found: list[tuple[Meeting, int]] = []
    stays: list[tuple[RoomEvents, list[Stay]]] = []
    states: list[tuple[Any, ...]] = []
    busiest, busiest_ms = None, 0
    for room in rooms:
        derived = derive(room.events, as_of=now, domain=room.domain, rules=rules)
        own = [(meeting, _participant_ms(meeting, now)) for meeting in derived.meetings]
        found += own
        stays.append((room, derived.counted))
        own_times = [at for event in room.events if event.at <= now for at in (event.at, event.joined_at)]
        known = [at for at in own_times if at is not None]
        if known:
            empty_at = max((at for at in derived.empty if at < empty_before), default=None)
            states.append((room.domain, room.room, min(known), max(known), derived.is_closed, empty_at))
        _count(counts, room.events, derived, rules, now)
        room_ms = sum(ms for _, ms in own)
        counts["participant_ms"] += room_ms
        if room_ms > busiest_ms:
            busiest, busiest_ms = room.room, room_ms
    found.sort(key=lambda row: row[0].start)
    meetings = Rows(MEETINGS, [_meeting_row(meeting, ms) for meeting, ms in found])
    entries = [(meeting.id, meeting.room, *entry) for meeting, _ in found for entry in meeting.participants]
    summary = Summary(
        **counts,
        events=len(times),
        rooms=len(rooms),
        first_at=min(times, default=None),
        last_at=max(times, default=None),
        meetings=len(found),
        ongoing=sum(meeting.ongoing for meeting, _ in found),
        participants=len(entries),
        busiest_room=busiest,
        busiest_room_ms=busiest_ms,
        rejected=0 if rejects is None else rejects.count,
    )
    return Sessions(
        meetings,
        lambda: iter([Rows(PARTICIPANTS, entries)]),
        now,
        summary,
        rejects,
        lambda: iter([_stay_piece(stays, [meeting for meeting, _ in found])]),
        lambda: iter([Rows(ROOMS, states)]),
    )


def _stay_piece(stays: Sequence[tuple[RoomEvents, list[Stay]]], meetings: Sequence[Meeting]) -> StayPiece:
    rows: list[tuple[Any, ...]] = []
    begins: dict[tuple[str, str], tuple[int, list[Stay]]] = {}
    for (room, domain, _), counted in stays:
        own = sorted(counted, key=lambda stay: (stay.join, stay.participant_id))
        begins[domain, room] = len(rows), own
        for participant_id, join, leave, left_by, user_id, user_name, attributes in own:
            rows.append((domain, room, participant_id, user_id, user_name, join, leave, left_by, attributes))
    resets = {(meeting.domain, meeting.room, meeting.end) for meeting in meetings}
    carried: list[tuple[int, int]] = []
    for number, meeting in enumerate(meetings):
        if (meeting.domain, meeting.room, meeting.start) in resets:
            first, own = begins[meeting.domain, meeting.room]
            carried += [
                (number, first + i) for i, stay in enumerate(own) if carries_into(stay, meeting.start)
            ]
    return StayPiece(Rows(STAYS, rows), [number for number, _ in carried], [stay for _, stay in carried])


def _meeting_row(meeting: Meeting, participant_ms: Ms) -> tuple[Any, ...]:
    return (
        meeting.id,
        meeting.domain,
        meeting.room,
        meeting.start,
        meeting.end,
        meeting.ongoing,
        meeting.max_participants,
        len(meeting.participants),
        participant_ms,
    )


def _participant_ms(meeting: Meeting, now: Ms) -> Ms:
    return sum((now if entry.leave is None else entry.leave) - entry.join for entry in meeting.participants)


def _count(counts: Counter[str], events: Sequence[Event], derived: Derived, rules: Rules, now: Ms) -> None:
    """Add what a room ignored, by reason."""
    implied = {
        (event.participant_id, event.joined_at)
        for event in events
        if event.joined_at is not None and event.at <= now
    }
    counts.update(_COUNTER_OF[reason] for reason in _ignored(derived.changes, implied))
    counts.update(_too_short(derived.stays, rules, now))
    counts["inferred_leaves_overridden"] += derived.overrides


def _ignored(changes: Iterable[Change], implied: Container[tuple[str | None, Ms | None]]) -> Iterable[Reason]:
    """Return why events were ignored. A join that a leave implies is no event, so nothing at its instant is counted."""
    return (
        change.reason
        for change in changes
        if isinstance(change, EventIgnored) and (change.participant_id, change.at) not in implied
    )


def _too_short(stays: Iterable[Stay], rules: Rules, now: Ms) -> Iterable[str]:
    return (
        "pending_stays" if stay.leave is None else "short_stays"
        for stay in stays
        if is_too_short(stay.join, now if stay.leave is None else stay.leave, rules)
    )
