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

from bisect import insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from headcount.kernel import checkpoints
from headcount.kernel.attributes import differ
from headcount.kernel.changes import Change, ParticipantLeft, Reason
from headcount.kernel.checkpoints import Checkpoints, Start
from headcount.kernel.events import Event, Kind, Ms, implied_join, with_implied_join
from headcount.kernel.journal import Journal, JournalProtocol, Mark, Overlay
from headcount.kernel.meetings import Stay
from headcount.kernel.names import require_names
from headcount.kernel.open_stay import OpenStay
from headcount.kernel.past import Past
from headcount.kernel.people import People
from headcount.kernel.presence import Move, PresenceChange, presence_corrections
from headcount.kernel.refold import Stretch, difference
from headcount.kernel.rules import NEVER, Rules
from headcount.kernel.sittings import Sittings
from headcount.kernel.snapshot import as_finalized, decode_event, encode_event, encode_state, restore_state
from headcount.kernel.views import OngoingMeeting, View

_at = attrgetter("at")
_ALWAYS: Ms = -NEVER
_RULES = Rules()
_END = Kind.END


class Room:
    """One room of one domain.

    `handle(event, received_at)` accepts one event; `advance(to)` moves the clock on. Both
    return the changes that follow, in the order of the facts. `deadline` is the clock time
    by which `advance` will have something to do, or NEVER. `finalized` is the time up to
    which events are final. All times are ms.

    Raises `InvalidName` if domain or name contains U+0000.
    """

    __slots__ = (
        "_checkpoints",
        "_instants",
        "_late_grace_ms",
        "_people",
        "_presence_changes",
        "_sittings",
        "_tail",
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
        self._late_grace_ms = self.rules.late_grace_ms
        self._people = People()
        self._sittings = Sittings(domain, name, self.rules, self._people.moves)
        self._tail: list[Event] = []
        """The events that are not final yet, in order of time, those of one instant in order of arrival."""
        self._presence_changes: list[Move | PresenceChange] | None = None
        self._checkpoints: Checkpoints | None = None
        self._instants = 0
        """Number of instants since the last checkpoint."""
        self.refolded = False
        """Whether the state was folded again since the caller last set this to False."""

    def watch_presence(self) -> None:
        """Collect presence changes from now on, for `take_presence_changes`."""
        self._presence_changes = self._people.presence_changes = []

    def take_presence_changes(self) -> list[Move | PresenceChange]:
        """Return the presence changes that were finalized since the last call, for `presence.resolved`."""
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
        if not tail or tail[-1].at <= at:
            tail.append(event)
        else:
            insort(tail, event, key=_at)
        return []

    def handle_all(self, events: Sequence[Event], received_at: Ms) -> list[Change]:
        """Accept several events, as `handle` does. Those that are late are handled together, before the others."""
        finalized, tail = self.finalized, self._tail
        late = [event for event in events if event.at <= finalized]
        changes = self.handle_late(late, received_at) if late else []
        tail.extend([event for event in events if event.at > finalized] if late else events)
        if len(tail) > 1:
            tail.sort(key=_at)
        return changes

    def handle_late(self, events: Sequence[Event], received_at: Ms) -> list[Change]:
        """Accept events that are all late, at or before `finalized`, and return what they change.

        The stretch that they change is folded once: several events cost no more than the earliest.
        """
        first = min(events, key=_at)
        late = [fact for event in events for fact in with_implied_join(event)]
        changes: list[Change] = []
        self._refold(changes, late, Reason.LATE_EVENT, first, received_at - first.at)
        return changes

    def advance(self, to: Ms) -> list[Change]:
        """Finalize what is older than the late grace period at the clock time `to`."""
        changes: list[Change] = []
        horizon = to - self._late_grace_ms
        if horizon <= self.finalized:
            return changes
        if self._tail:
            self._finalize_tail(horizon, to, changes)
        self.finalized = horizon
        if self._sittings.moves or self._sittings.due_at <= horizon:
            self._sittings.finalize(horizon, changes)
        return changes

    @property
    def deadline(self) -> Ms:
        """The clock time by which `advance` will have something to do, or NEVER."""
        first = self._sittings.next_decision()
        if self._tail and self._tail[0].at < first:
            first = self._tail[0].at
        return first if first == NEVER else first + self._late_grace_ms

    # The state.

    @property
    def meeting(self) -> OngoingMeeting | None:
        """The ongoing meeting, as far as decided."""
        state = self._sittings.state
        if not state.is_meeting:
            return None
        return OngoingMeeting(self._sittings.meeting_id, state.start, state.max_participants)

    def undecided_leaves(self) -> list[ParticipantLeft]:
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

    def is_undecided(self) -> bool:
        """Return whether stays have opened or closed that are not decided yet."""
        return bool(self._people.moves)

    def open_stay_count(self) -> int:
        """Return the number of open stays, pending ones included."""
        return len(self._people.open_stays)

    def stay_count(self) -> int:
        """Return the number of stays in a snapshot, which is what it costs."""
        return len(self._people.open_stays) + len(self._people.moves)

    def earliest_join(self) -> Ms | None:
        """Return the earliest join of all open stays, pending ones included; None if there are none."""
        return min([stay.join for stay in self._people.open_stays.values()], default=None)

    def checkpoints(self) -> list[Ms]:
        """Return the times inside this sitting from which its past can be folded again."""
        return [] if self._checkpoints is None else self._checkpoints.times()

    def is_idle(self) -> bool:
        """Return whether nobody is in the room and nothing is due: its whole state is `finalized`."""
        return not self._people.open_stays and self.deadline == NEVER

    def participants_at(self, at: Ms, others: Iterable[Event] = ()) -> dict[str, str | None]:
        """Return who was in the room at `at` by all events so far, pending ones included: names by `participant_id`.

        `others` are events that the room will receive later, and that are known already.
        """
        tail = [*self._tail_until(at), *(event for event in others if event.at <= at)]
        since = min([at + 1, *(fact.at for fact in tail)])
        to = min(at, self.finalized)
        start, known = self._past().start_before(since, to, tail)
        if start is None:
            start = Start.at_mark(self.journal.mark_before(since))
            known = self.journal.between(start.at, to)
        people = People()
        start.restore(self.domain, self.name, self.rules, people)
        for instant, events in groupby(sorted([*known, *tail], key=_at), key=_at):
            people.apply(instant, list(events), [])
        stays = list(people.open_stays.values())
        if start.other_count:
            mine = self._people.open_stays.items()
            stays = [stay for participant_id, stay in mine if participant_id not in start.people] + stays
        return {stay.participant_id: stay.user_name for stay in stays}

    def _tail_until(self, at: Ms) -> list[Event]:
        """Return the events of the tail up to `at`, with the joins that later leaves imply."""
        return [fact for event in self._tail for fact in with_implied_join(event) if fact.at <= at]

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

    def _finalize_tail(self, horizon: Ms, now: Ms, changes: list[Change]) -> None:
        """Finalize the events of the tail up to `horizon`, one instant after the other."""
        tail = self._tail
        done, size = 0, len(tail)
        while done < size:
            event = tail[done]
            at = event.at
            if at > horizon:
                break
            first = done
            done += 1
            if (
                (done < size and tail[done].at == at)
                or event.inferred is not None
                or event.joined_at is not None
                or event.kind is _END
                or self._people.unconfirmed
            ):
                while done < size and tail[done].at == at:
                    done += 1
                self._finalize_instant(at, tail[first:done], now, changes)
            else:
                self.journal.record(event)
                closed = self._people.apply_report(at, event, changes)
                if closed is not None:
                    self._sittings.leave(at, closed, changes)
            self._instants += 1
            if not self._people.open_stays:
                self._add_mark(at)
            elif self._instants >= checkpoints.SPACING:
                self._add_checkpoint(at, changes)
        del tail[:done]

    def _finalize_instant(self, at: Ms, events: list[Event], now: Ms, changes: list[Change]) -> None:
        for event in events[:]:
            if event.joined_at == at:
                events.append(implied_join(event))
            elif event.joined_at is not None:
                self._finalize_before(at, changes)
                self._correct_join(event, now, changes)
        if self._people.unconfirmed:
            self._override_inferred_leaves(at, events, now, changes)
        self._people.apply(at, events, changes)
        for event in events:
            self.journal.record(event)

    def _finalize_before(self, at: Ms, changes: list[Change]) -> None:
        """Decide everything before the instant `at`, so that a correction has a past to correct."""
        if at - 1 > self.finalized:
            self.finalized = at - 1
            self._sittings.finalize(at - 1, changes)

    # Corrections.

    def _correct_join(self, leave: Event, now: Ms, changes: list[Change]) -> None:
        """Apply the join that a leave implies (R1), unless it is the known one."""
        join = implied_join(leave)
        stay = self._people.open_stays.get(join.participant_id)  # type: ignore[arg-type]
        known = stay is not None and stay.join == join.at and stay.reported and join.inferred is None
        if stay is None or not known or _contradicts(join, stay):
            self._refold(changes, [join], Reason.LATE_EVENT, leave, now - join.at)
        elif join.user_id or join.user_name or join.source_session or join.attributes:
            before = stay.names, stay.source_session
            self._people.learn_names(leave.at, stay, (join,), changes)
            self.journal.insert(join)
            after = stay.names, stay.source_session
            if self._checkpoints is not None and before != after:
                self._checkpoints.drop_from(join.at, self._people)

    def _override_inferred_leaves(
        self, at: Ms, events: Sequence[Event], now: Ms, changes: list[Change]
    ) -> None:
        """Correct the inferred leaves that the reports of this instant override (R3a)."""
        never_left = self._people.overridden_by(events)
        if never_left:
            self._finalize_before(at, changes)
            unconfirmed = self._people.unconfirmed
            since = min(unconfirmed[participant_id].stay.join for participant_id in never_left)
            self._refold(changes, [], Reason.INFERRED_LEAVE_OVERRIDDEN, None, now - at, since, never_left)

    def _refold(
        self,
        changes: list[Change],
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
            changes.append(correction)

    def _past(self) -> Past:
        people, sittings = self._people, self._sittings
        room = self.domain, self.name, self.rules
        return Past(*room, self.journal, people, sittings, self._checkpoints, self.finalized)

    def _continue_from(self, start: Start, new: Stretch) -> None:
        """Continue from what was folded again; participants who were no part of it are unchanged."""
        self.refolded = True
        if start.other_count:
            people, folded = self._people, new.people
            for participant_id in {*start.people, *folded.open_stays, *folded.unconfirmed}:
                stay, inferred_leave = (
                    folded.open_stays.get(participant_id),
                    folded.unconfirmed.get(participant_id),
                )
                people.set_state(participant_id, stay, inferred_leave)
            people.moves = new.people.moves
        else:
            people = self._people = new.people
            people.earliest_override = people.overridden_since = NEVER
            people.presence_changes = self._presence_changes
        self._sittings = new.sittings
        self._instants = new.since_checkpoint
        if self._checkpoints is not None or new.checkpoints:
            self._checkpoints = self._checkpoints or Checkpoints()
            self._checkpoints.replace_after(
                start, new.instants, new.checkpoints, people, emptied=bool(new.marks)
            )

    # Marks and checkpoints.

    def _add_checkpoint(self, at: Ms, changes: list[Change]) -> None:
        """Save the state at `at`, the latest instant applied."""
        self._sittings.finalize(at, changes)
        if self._checkpoints is None:
            self._checkpoints = Checkpoints()
        self._checkpoints.add(at, self._people, self._sittings, self._instants)
        self._instants = 0

    def _add_mark(self, at: Ms) -> None:
        """Mark that nobody is in the room after `at`: from here the past can be folded."""
        self.journal.mark(Mark(at, self._people.pack_unconfirmed()))
        if self._checkpoints is not None:
            self._checkpoints.clear(self._people)
            self._checkpoints = None
        self._instants = 0

    def snapshot(self) -> dict[str, Any]:
        """Return the whole state as values that JSON can represent, for `resume`."""
        return {
            "version": 1,
            "domain": self.domain,
            "room": self.name,
            "rules": list(self.rules),
            "finalized": self.finalized,
            **encode_state(self._people, self._sittings),
            "tail": [encode_event(event) for event in self._tail],
        }

    @classmethod
    def resume(cls, snapshot: Mapping[str, Any], journal: JournalProtocol) -> "Room":
        """Return the room of a snapshot, with the journal that it had."""
        room = cls(snapshot["domain"], snapshot["room"], Rules(*snapshot["rules"]), journal)
        room.finalized = snapshot["finalized"]
        restore_state(snapshot, room._people, room._sittings)
        for event in map(decode_event, snapshot["tail"]):
            room.handle(event, event.at)
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
                room._add_checkpoint(room.finalized, [])  # noqa: SLF001 - of the same class
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
