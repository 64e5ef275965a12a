"""Outcome of an import: which of its events lead to nothing, and which stays it leaves open.

Responsible for these numbers, and for closing open stays on request. Must not know formats. A stay counts as open only if no
other event in the log ends it.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from headcount.kernel.changes import EventIgnored, Reason
from headcount.kernel.events import Event, Inferred, Kind, Ms
from headcount.kernel.meetings import Meeting, Stay
from headcount.kernel.replay import Replay, replay
from headcount.kernel.rules import Rules, is_too_short
from headcount.store.open import Store


class OpenStay(NamedTuple):
    """A stay without a leave. `last` is the time of the last event of the file that has it."""

    room: str
    participant_id: str
    join: Ms
    last: Ms


class Unused(NamedTuple):
    """Numbers of facts that lead to nothing.

    `too_short`: stays that are ignored (R4). `without_meeting`: stays that count, in no meeting (R6). `lone_leaves`: leaves
    of participants who were not in the room (R1).
    """

    too_short: int = 0
    without_meeting: int = 0
    lone_leaves: int = 0


class Outcome(NamedTuple):
    """What the events of an import lead to on their own."""

    unused: Unused
    open_stays: list[OpenStay]


def outcome(events: Iterable[Event], last: Mapping[str, Ms], rules: Rules) -> Outcome:
    """Return what events lead to. `last` has the time at which the events of each room end."""
    rooms: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        rooms[event.room].append(event)
    numbers: Counter[str] = Counter()
    open_stays: list[OpenStay] = []
    for room, of_room in sorted(rooms.items()):
        result = _replay(of_room, rules)
        numbers.update(_unused(result, of_room, rules)._asdict())
        open_stays += (
            OpenStay(room, stay.participant_id, stay.join, last[room])
            for stay in result.stays
            if stay.leave is None
        )
    return Outcome(Unused(**numbers), open_stays)


def _replay(events: Sequence[Event], rules: Rules) -> Replay:
    latest = max(event.at for event in events)
    return replay(events, as_of=latest + rules.min_stay_ms + rules.start_alone_ms, rules=rules)


def _unused(result: Replay, events: Sequence[Event], rules: Rules) -> Unused:
    reported = {
        (event.at, event.participant_id)
        for event in events
        if event.kind is Kind.LEAVE and event.inferred is None
    }
    stays: defaultdict[str | None, list[Stay]] = defaultdict(list)
    for stay in result.stays:
        stays[stay.participant_id].append(stay)
    ignored = Counter(
        change.reason
        for change in result.changes
        if isinstance(change, EventIgnored)
        and change.kind is Kind.LEAVE
        and (change.at, change.participant_id) in reported
        and not (
            change.reason is Reason.CANCELLED_OUT and _is_present(change.at, stays[change.participant_id])
        )
    )
    ended = [(stay, stay.leave) for stay in result.stays if stay.leave is not None]
    counted = [(stay, leave) for stay, leave in ended if not is_too_short(stay.join, leave, rules)]
    return Unused(
        # A stay whose join and leave are at one instant is not even a stay.
        len(ended) - len(counted) + ignored[Reason.CANCELLED_OUT],
        sum(not _has_meeting(stay, leave, result.meetings) for stay, leave in counted),
        ignored[Reason.LEAVE_WITHOUT_JOIN],
    )


def _is_present(at: Ms, stays: Iterable[Stay]) -> bool:
    """Return whether a participant with these stays was in before `at`, and stays in: a join cancels their leave (R2)."""
    return any(stay.join < at and (stay.leave is None or stay.leave > at) for stay in stays)


def _has_meeting(stay: Stay, leave: Ms, meetings: Sequence[Meeting]) -> bool:
    """Return whether a stay overlaps one of the meetings, which are in order of time."""
    following = bisect_left(meetings, leave, key=lambda meeting: meeting.start)
    if not following:
        return False
    end = meetings[following - 1].end
    return end is None or end > stay.join


def still_open(store: Store, domain: str, stays: Iterable[OpenStay]) -> list[OpenStay]:
    """Return the stays that no event in the log ends, of any source."""
    rooms: defaultdict[str, list[OpenStay]] = defaultdict(list)
    for stay in stays:
        rooms[stay.room].append(stay)
    found: list[OpenStay] = []
    for room, of_room in rooms.items():
        recent = store.presence.events_since(domain, room, min(stay.join for stay in of_room))
        events = [
            Event(
                one.kind,
                room,
                one.at,
                one.participant_id,
                source_session=one.source_session,
                inferred=None if one.inferred is None else Inferred(one.inferred),
            )
            for one in recent
        ]
        present = {stay.participant_id for stay in _replay(events, Rules()).stays if stay.leave is None}
        found += (stay for stay in of_room if stay.participant_id in present)
    return found


def closing_leaves(stays: Iterable[OpenStay]) -> list[Event]:
    """Return a leave for each open stay, inferred at the end of its file, and strictly after its join (R3a)."""
    return [
        Event(
            Kind.LEAVE,
            stay.room,
            max(stay.last, stay.join + 1),
            stay.participant_id,
            inferred=Inferred.TIMEOUT,
        )
        for stay in stays
    ]
