"""Outcome of an import: which of its events lead to nothing, and which stays it leaves open.

Responsible for these numbers, and for closing open stays on request. Must not know formats. A stay counts as open only if no
other event in the log ends it.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from headcount.kernel.changes import EventIgnored, Reason
from headcount.kernel.events import Event, Inferred, Kind, Ms
from headcount.kernel.meetings import Meeting, Stay
from headcount.kernel.replay import Replay, replay
from headcount.kernel.rules import Rules, is_too_short
from headcount.store.open import Store

_SHOWN: Final = 5
"""Number of facts of a kind that are named."""


class OpenStay(NamedTuple):
    """A stay without a leave. `last` is the time of the last event of the file that has it."""

    room: str
    participant_id: str
    join: Ms
    last: Ms


@dataclass(slots=True)
class Tally:
    """A number of facts, and the first of them: the room of each, and its participant's name or id."""

    number: int = 0
    first: list[tuple[str, str]] = field(default_factory=list)

    def add(self, room: str, participant: str) -> None:
        """Count a fact."""
        self.number += 1
        if len(self.first) < _SHOWN:
            self.first.append((room, participant))


@dataclass(frozen=True, slots=True)
class Unused:
    """Facts that lead to nothing.

    `too_short`: stays that are ignored (R4). `without_meeting`: stays that count, in no meeting (R6). `lone_leaves`: leaves
    of participants who were not in the room (R1).
    """

    too_short: Tally = field(default_factory=Tally)
    without_meeting: Tally = field(default_factory=Tally)
    lone_leaves: Tally = field(default_factory=Tally)


class Outcome(NamedTuple):
    """What the events of an import lead to on their own."""

    unused: Unused
    open_stays: list[OpenStay]


def outcome(events: Iterable[Event], last: Mapping[str, Ms], rules: Rules) -> Outcome:
    """Return what events lead to. `last` has the time at which the events of each room end."""
    rooms: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        rooms[event.room].append(event)
    unused = Unused()
    open_stays: list[OpenStay] = []
    for room, of_room in sorted(rooms.items()):
        result = _replay(of_room, rules)
        _add_unused(unused, room, result, of_room, rules)
        open_stays += (
            OpenStay(room, stay.participant_id, stay.join, last[room])
            for stay in result.stays
            if stay.leave is None
        )
    return Outcome(unused, open_stays)


def _replay(events: Sequence[Event], rules: Rules) -> Replay:
    latest = max(event.at for event in events)
    return replay(events, as_of=latest + rules.min_stay_ms + rules.start_alone_ms, rules=rules)


def _add_unused(unused: Unused, room: str, result: Replay, events: Sequence[Event], rules: Rules) -> None:
    """Count what leads to nothing in one room."""
    reported = {
        (event.at, event.participant_id): event.user_name or event.participant_id or ""
        for event in events
        if event.kind is Kind.LEAVE and event.inferred is None
    }
    stays: defaultdict[str | None, list[Stay]] = defaultdict(list)
    for stay in result.stays:
        stays[stay.participant_id].append(stay)
    # A stay whose join and leave are at one instant is not even a stay.
    by_reason = {
        Reason.CANCELLED_OUT: unused.too_short,
        Reason.LEAVE_WITHOUT_JOIN: unused.lone_leaves,
    }
    for change in result.changes:
        if isinstance(change, EventIgnored) and change.kind is Kind.LEAVE and change.reason in by_reason:
            name = reported.get((change.at, change.participant_id))
            if name is not None and not _is_present(stays[change.participant_id], change.at):
                by_reason[change.reason].add(room, name)
    for stay in result.stays:
        if stay.leave is None:
            continue
        name = stay.user_name or stay.participant_id
        if is_too_short(stay.join, stay.leave, rules):
            unused.too_short.add(room, name)
        elif not _has_meeting(stay, stay.leave, result.meetings):
            unused.without_meeting.add(room, name)


def _is_present(own_stays: Iterable[Stay], at: Ms) -> bool:
    """Return whether a participant is in the room at a moment, so that what was ignored there cost nothing."""
    return any(stay.join <= at and (stay.leave is None or at < stay.leave) for stay in own_stays)


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
        stored_id = store.minimal.participant
        found += (stay for stay in of_room if stored_id(domain, room, stay.participant_id) in present)
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
