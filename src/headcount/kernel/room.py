"""One live room: events and the time in, changes out.

A room keeps the state of everything that is **finalized**, and a short **tail** of events younger than the late
grace period of the rules. Events of the tail may arrive in any order. `advance` finalizes them in order of their
times as the clock moves on, and returns what the rules decide. An event that is not later than what is finalized
is **late**: the stretch of the past that it changes is folded again, and the difference is published as one
`MeetingsCorrected`.

Responsible for the order in which events are finalized, and for corrections, views and
snapshots of one room. Must not know a clock or a store: `received_at` and `to` are the
caller's time, and the journal is an argument.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import groupby
from operator import attrgetter
from typing import Any

from headcount.kernel import checkpoints
from headcount.kernel.attributes import differ
from headcount.kernel.changes import Change, Reason
from headcount.kernel.checkpoints import Checkpoints, Start
from headcount.kernel.events import Event, Kind, Ms, implied_join, with_implied_join
from headcount.kernel.journal import Journal, JournalProtocol, Mark, Overlay
from headcount.kernel.meetings import Stay
from headcount.kernel.names import require_names
from headcount.kernel.open_stay import OpenStay
from headcount.kernel.past import Past
from headcount.kernel.people import People
from headcount.kernel.presence import PresenceChange, presence_corrections
from headcount.kernel.refold import Stretch, difference
from headcount.kernel.rules import NEVER, Rules
from headcount.kernel.sittings import Sittings
from headcount.kernel.snapshot import as_finalized, decode_event, encode_event, encode_state, restore_state
from headcount.kernel.views import OngoingMeeting, View

_at = attrgetter("at")
_ALWAYS: Ms = -NEVER
_RULES = Rules()
_END = Kind.END
_NO_CHANGES: list[Change] = []


class Room:
    """One room of one domain.

    `handle(event, received_at)` accepts one event; `advance(to)` moves the clock on. Both
    return the changes that follow, in the order of the facts. `deadline` is the clock time
    by which `advance` will have something to do, or NEVER. `finalized` is the time up to
    which events are final. All times are ms.

    Raises `InvalidName` if domain or name contains U+0000.
    """

    __slots__ = (
        "_changes",
        "_checkpoints",
        "_has_special_events",
        "_instants",
        "_out_of_order",
        "_people",
        "_presence_changes",
        "_sequence",
        "_sittings",
        "_tail",
        "deadline",
        "domain",
        "finalized",
        "journal",
        "name",
        "refolded",
        "rules",
    )

    def __init__(
        self, domain: str, name: str, rules: Rules | None = None, journal: JournalProtocol | None = None
    ) -> None:
        require_names(domain, name)
        self.domain = domain
        self.name = name
        self.rules = rules or _RULES
        self.journal: JournalProtocol = Journal() if journal is None else journal
        self.finalized: Ms = _ALWAYS
        self.deadline: Ms = NEVER
        self._changes: list[Change] = []
        self._people = People(self._changes)
        self._sittings = Sittings(domain, name, self.rules, self._changes)
        self._tail: deque[Event] = deque()
        self._out_of_order: list[tuple[Ms, int, Event]] = []
        self._sequence = 0
        """Number of events that arrived out of order, which keeps those of one instant in their order."""
        self._has_special_events = False
        """The tail has events other than reported joins and leaves in order of time."""
        self._presence_changes: list[PresenceChange] | None = None
        self._checkpoints: Checkpoints | None = None
        self._instants = 0
        """Number of instants since the last checkpoint."""
        self.refolded = False
        """Whether the state was folded again since the caller last set this to False."""

    def watch_presence(self) -> None:
        """Collect presence changes from now on, for `take_presence_changes`."""
        self._presence_changes = self._people.presence_changes = []

    def take_presence_changes(self) -> list[PresenceChange]:
        """Return the presence changes that were finalized since the last call."""
        if not self._presence_changes:
            return []
        changes = self._presence_changes
        self.watch_presence()
        return changes

    def handle(self, event: Event, received_at: Ms) -> list[Change]:
        """Accept one event, in any order. Its changes are published when it is finalized.

        The changes of an event that is late already, at or before `finalized`, are returned at once.
        """
        at = event.at
        if at <= self.finalized:
            return self.handle_late((event,), received_at)
        tail = self._tail
        if not tail or at >= tail[-1].at:
            tail.append(event)
        else:
            self._sequence += 1
            heappush(self._out_of_order, (at, self._sequence, event))
            self._has_special_events = True
        if event.inferred is not None or event.joined_at is not None or event.kind is _END:
            self._has_special_events = True
        deadline = at + self.rules.late_grace_ms
        if deadline < self.deadline:  # noqa: PLR1730 - `min` takes longer, and every event comes by here
            self.deadline = deadline
        return _NO_CHANGES

    def handle_late(self, events: Sequence[Event], received_at: Ms) -> list[Change]:
        """Accept events that are all late, at or before `finalized`, and return what they change.

        The stretch that they change is folded once: several events cost no more than the earliest.
        """
        first = min(events, key=_at)
        late = [fact for event in events for fact in with_implied_join(event)]
        self._refold(late, Reason.LATE_EVENT, first, received_at - first.at)
        self._set_deadline()
        return self._take_changes()

    def advance(self, to: Ms) -> list[Change]:
        """Finalize what is older than the late grace period at the clock time `to`."""
        horizon = to - self.rules.late_grace_ms
        if horizon <= self.finalized:
            return _NO_CHANGES
        if self._has_special_events or self._people.unconfirmed:
            self._finalize_any(horizon, to)
        else:
            self._finalize_reports(horizon)
        self.finalized = horizon
        self._sittings.finalize(horizon, self._people.take_moves())
        self._set_deadline()
        return self._take_changes()

    def _set_deadline(self) -> None:
        first = self._sittings.next_decision()
        if self._tail and self._tail[0].at < first:
            first = self._tail[0].at
        if self._has_special_events and self._out_of_order and self._out_of_order[0][0] < first:
            first = self._out_of_order[0][0]
        self.deadline = first if first == NEVER else first + self.rules.late_grace_ms

    def _take_changes(self) -> list[Change]:
        changes = self._changes
        if not changes:
            return _NO_CHANGES
        taken = changes[:]
        changes.clear()
        return taken

    # The state.

    @property
    def meeting(self) -> OngoingMeeting | None:
        """The ongoing meeting, as far as decided."""
        state = self._sittings.state
        if not state.is_meeting:
            return None
        return OngoingMeeting(self._sittings.meeting_id, state.start, state.max_participants)

    def undecided_leaves(self) -> list[Change]:
        """Return the leaves that are not decided yet and appear in their entries all the same (R14)."""
        return self._sittings.undecided_leaves()

    def counted_stays(self) -> Iterator[Stay]:
        """Return the open stays that count, as far as decided, the earliest first."""
        return (stay.to_stay() for stay in self._people.open_stays.values() if stay.counted)

    def open_stays(self) -> Iterator[Stay]:
        """Return all open stays, pending ones included."""
        return (stay.to_stay() for stay in self._people.open_stays.values())

    def pending_stays(self) -> Iterator[Stay]:
        """Return the open stays that are too young to count, as far as decided, the earliest first (R14)."""
        return self._sittings.pending_stays()

    def open_stay_count(self) -> int:
        """Return the number of open stays, pending ones included."""
        return len(self._people.open_stays)

    def stay_count(self) -> int:
        """Return the number of stays in a snapshot, which is what it costs."""
        return len(self._people.open_stays) + sum(1 for _ in self._sittings.undecided())

    def earliest_join(self) -> Ms | None:
        """Return the earliest join of all open stays, pending ones included; None if there are none."""
        return min([stay.join for stay in self._people.open_stays.values()], default=None)

    def checkpoints(self) -> list[Ms]:
        """Return the times inside this sitting from which its past can be folded again."""
        return [] if self._checkpoints is None else self._checkpoints.times()

    def is_idle(self) -> bool:
        """Return whether nobody is in the room and nothing is due: its whole state is `finalized`."""
        return self.deadline == NEVER and not self._people.open_stays

    def participants_at(self, at: Ms) -> dict[str, str | None]:
        """Return who was in the room at `at` by all events so far, pending ones included: names by `participant_id`."""
        tail = self._tail_until(at)
        since = min([at + 1, *(fact.at for fact in tail)])
        to = min(at, self.finalized)
        start, known = self._past().start_before(since, to, tail)
        if start is None:
            start = Start.at_mark(self.journal.mark_before(since))
            known = self.journal.between(start.at, to)
        people = People([])
        start.restore(self.domain, self.name, self.rules, people)
        for instant, events in groupby(sorted([*known, *tail], key=_at), key=_at):
            people.apply(instant, list(events))
        stays = list(people.open_stays.values())
        if start.other_count:
            mine = self._people.open_stays.items()
            stays = [stay for participant_id, stay in mine if participant_id not in start.people] + stays
        return {stay.participant_id: stay.user_name for stay in stays}

    def _tail_until(self, at: Ms) -> list[Event]:
        """Return the events of the tail up to `at`, with the joins that later leaves imply."""
        tail = [*self._tail, *(event for _, _, event in self._out_of_order)]
        return [fact for event in tail for fact in with_implied_join(event) if fact.at <= at]

    def view(self, now: Ms) -> View:
        """Return the room at `now`: the finalized state, with the tail replayed on a copy (R14)."""
        room = Room.resume(self.snapshot(), Overlay(self.journal, self.finalized))
        changes = room.advance(max(now, self.finalized) + self.rules.late_grace_ms)
        return room._view(now, changes)  # noqa: SLF001 - of the same class

    def _view(self, now: Ms, changes: Sequence[Change]) -> View:
        sittings, state = self._sittings, self._sittings.state
        stays = self._people.open_stays.values()
        return View(
            at=now,
            changes=(*changes, *sittings.undecided_leaves()),
            meeting_start=state.start if state.is_meeting else None,
            meeting_id=sittings.meeting_id if state.is_meeting else None,
            max_participants=state.max_participants if state.is_meeting else 0,
            present=tuple(stay.to_stay() for stay in stays if stay.counted),
            pending=tuple(stay.to_stay() for stay in stays if not stay.counted),
        )

    # Finalizing.

    def _finalize_reports(self, horizon: Ms) -> None:
        """Finalize a tail of nothing but reported joins and leaves in order of time."""
        tail, people, journal = self._tail, self._people, self.journal
        instants = self._instants
        while tail and tail[0].at <= horizon:
            event = tail.popleft()
            at = event.at
            if tail and tail[0].at == at:
                events = [event]
                while tail and tail[0].at == at:
                    events.append(tail.popleft())
                people.apply(at, events)
                journal.record(events)
            else:
                people.apply_report(at, event)
                journal.record((event,))
            instants += 1
            if not people.open_stays:
                self._add_mark(at)
                instants = 0
            elif instants >= checkpoints.SPACING:
                self._add_checkpoint(at, instants)
                instants = 0
        self._instants = instants

    def _finalize_any(self, horizon: Ms, now: Ms) -> None:
        """Finalize a tail of any events."""
        while (events := self._next_instant(horizon)) is not None:
            self._finalize_instant(events, now)
        self._has_special_events = bool(self._tail or self._out_of_order)

    def _next_instant(self, horizon: Ms) -> list[Event] | None:
        """Remove and return all events of the earliest instant of the tail up to `horizon`, or None."""
        tail, out_of_order = self._tail, self._out_of_order
        at = tail[0].at if tail else NEVER
        if out_of_order and out_of_order[0][0] < at:
            at = out_of_order[0][0]
        if at > horizon:
            return None
        events = []
        while tail and tail[0].at == at:
            events.append(tail.popleft())
        while out_of_order and out_of_order[0][0] == at:
            events.append(heappop(out_of_order)[2])
        return events

    def _finalize_instant(self, events: list[Event], now: Ms) -> None:
        at = events[0].at
        for event in events[:]:
            if event.joined_at == at:
                events.append(implied_join(event))
            elif event.joined_at is not None:
                self._finalize_before(at)
                self._correct_join(event, now)
        if self._people.unconfirmed:
            self._override_inferred_leaves(at, events, now)
        people = self._people
        people.apply(at, events)
        self.journal.record(events)
        if not people.open_stays:
            self._add_mark(at)
            self._instants = 0
            return
        self._instants += 1
        if self._instants >= checkpoints.SPACING:
            self._add_checkpoint(at, self._instants)
            self._instants = 0

    def _finalize_before(self, at: Ms) -> None:
        """Decide everything before the instant `at`, so that a correction has a past to correct."""
        if at - 1 > self.finalized:
            self.finalized = at - 1
            self._sittings.finalize(at - 1, self._people.take_moves())

    # Corrections.

    def _correct_join(self, leave: Event, now: Ms) -> None:
        """Apply the join that a leave implies (R1), unless it is the known one."""
        join = implied_join(leave)
        stay = self._people.open_stays.get(join.participant_id)  # type: ignore[arg-type]
        known = stay is not None and stay.join == join.at and stay.reported and join.inferred is None
        if stay is None or not known or _contradicts(join, stay):
            self._refold([join], Reason.LATE_EVENT, leave, now - join.at)
        elif join.user_id or join.user_name or join.source_session or join.attributes:
            before = stay.names, stay.source_session
            self._people.learn_names(leave.at, stay, (join,))
            self.journal.insert(join)
            after = stay.names, stay.source_session
            if self._checkpoints is not None and before != after:
                self._checkpoints.drop_from(join.at, self._people)

    def _override_inferred_leaves(self, at: Ms, events: Sequence[Event], now: Ms) -> None:
        """Correct the inferred leaves that the reports of this instant override (R3a)."""
        never_left = self._people.overridden_by(events)
        if never_left:
            self._finalize_before(at)
            unconfirmed = self._people.unconfirmed
            since = min(unconfirmed[participant_id].stay.join for participant_id in never_left)
            self._refold([], Reason.INFERRED_LEAVE_OVERRIDDEN, None, now - at, since, never_left)

    def _refold(
        self,
        late: list[Event],
        reason: Reason,
        event: Event | None,
        late_ms: Ms,
        since: Ms = NEVER,
        never_left: Sequence[str] = (),
    ) -> None:
        """Fold again what the late events change, continue from it, and publish the difference."""
        since = min([since, *(e.at for e in late)])
        until = max([since, *(e.at for e in late)])
        start, last, to, old, new = self._past().refold(late, since, until, never_left)
        for e in late:
            self.journal.insert(e)
        self.journal.replace_marks(start.at, to, new.marks)
        if last is None:
            self._continue_from(start, new)
        if self._presence_changes is not None:
            open_now = () if last is None else self.open_stays()
            self._presence_changes.extend(presence_corrections(old.all_stays(), new.all_stays(), open_now))
        correction = difference(old, new, self.finalized, event, late_ms, reason)
        if correction is not None:
            self._changes.append(correction)

    def _past(self) -> Past:
        people, sittings = self._people, self._sittings
        room = self.domain, self.name, self.rules
        return Past(*room, self.journal, people, sittings, self._checkpoints, self.finalized)

    def _continue_from(self, start: Start, new: Stretch) -> None:
        """Continue from what was folded again; participants who were no part of it are unchanged."""
        assert not self._people.moves, "the past is corrected between two instants"
        self.refolded = True
        if start.other_count:
            people, folded = self._people, new.people
            for participant_id in {*start.people, *folded.open_stays, *folded.unconfirmed}:
                stay, inferred_leave = (
                    folded.open_stays.get(participant_id),
                    folded.unconfirmed.get(participant_id),
                )
                people.set_state(participant_id, stay, inferred_leave)
        else:
            people = self._people = new.people
            people.earliest_override = people.overridden_since = NEVER
            people.presence_changes = self._presence_changes
        self._sittings = new.sittings
        people.changes = self._sittings.changes = self._changes
        self._instants = new.since_checkpoint
        if self._checkpoints is not None or new.checkpoints:
            self._checkpoints = self._checkpoints or Checkpoints()
            self._checkpoints.replace_after(
                start, new.instants, new.checkpoints, people, emptied=bool(new.marks)
            )

    # Marks and checkpoints.

    def _add_checkpoint(self, at: Ms, instants: int = 0) -> None:
        """Save the state at `at`, the latest instant applied, `instants` after the last checkpoint."""
        self._sittings.finalize(at, self._people.take_moves())
        if self._checkpoints is None:
            self._checkpoints = Checkpoints()
        self._checkpoints.add(at, self._people, self._sittings, instants)

    def _add_mark(self, at: Ms) -> None:
        """Mark that nobody is in the room after `at`: from here the past can be folded."""
        self.journal.mark(Mark(at, self._people.pack_unconfirmed()))
        if self._checkpoints is not None:
            self._checkpoints.clear(self._people)
            self._checkpoints = None

    def snapshot(self) -> dict[str, Any]:
        """Return the whole state as values that JSON can represent, for `resume`."""
        return {
            "version": 1,
            "domain": self.domain,
            "room": self.name,
            "rules": list(self.rules),
            "finalized": self.finalized,
            **encode_state(self._people, self._sittings),
            "tail": [encode_event(event) for event in (*self._tail, *(e for _, _, e in self._out_of_order))],
        }

    @classmethod
    def resume(cls, snapshot: Mapping[str, Any], journal: JournalProtocol) -> "Room":
        """Return the room of a snapshot, with the journal that it had."""
        room = cls(snapshot["domain"], snapshot["room"], Rules(*snapshot["rules"]), journal)
        room.finalized = snapshot["finalized"]
        restore_state(snapshot, room._people, room._sittings)
        for event in map(decode_event, snapshot["tail"]):
            room.handle(event, event.at)
        room._set_deadline()
        return room

    @classmethod
    def replay(
        cls,
        domain: str,
        name: str,
        rules: Rules,
        journal: JournalProtocol,
        since: Mark | Mapping[str, Any],
        finalized: Ms,
        events: Iterable[Event],
    ) -> "Room":
        """Return the room as it was when all up to `finalized` was final, from its log.

        `since` is a mark or a snapshot to start from, at or before `finalized`; `events` are all that are known
        after it, in order of time. `journal` is only read: it has the same events already.
        """
        if isinstance(since, Mark):
            room = cls(domain, name, rules, Journal((), (since,)))
            room._people.restore_unconfirmed(since.unconfirmed)
            room.finalized = since.at
        else:
            room = cls.resume({**since, "tail": []}, journal)
            if room.open_stay_count():
                room._add_checkpoint(room.finalized)  # noqa: SLF001 - of the same class
        for event in sorted(as_finalized(events, room.finalized, finalized), key=_at):
            room.handle(event, event.at)
        room.advance(finalized + rules.late_grace_ms)
        room.journal = journal
        room.refolded = False
        return room


def _contradicts(join: Event, stay: OpenStay) -> bool:
    """Return whether the join names another user or session than the stay, or has another value of an attribute."""
    stated = (join.user_id, join.user_name, join.source_session)
    known = (stay.user_id, stay.user_name, stay.source_session)
    pairs = [*zip(stated, known, strict=True)]
    return differ(join.attributes, stay.attributes) or any(s and k and s != k for s, k in pairs)
