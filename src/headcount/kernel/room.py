"""Room: one room, live. Give it events and the time; it tells what has become of them.

A room keeps a **checkpoint**, the fold of all that is settled, and a short **tail** of
events younger than the settling time. Events of the tail may come in any order. When the
clock has moved on, `advance` settles them in order of their times and tells what the
rules decide. An event older than what is settled is **late**: the sittings that it
touches are folded anew and the difference is told as one `Revised`.

The room knows no clock: `received_at` and `to` are whatever the caller's clock says. It
asks its journal for its past only to correct it.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from heapq import heappop, heappush
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from headcount.kernel import checkpoints
from headcount.kernel.arrivals import Door, otherwise
from headcount.kernel.changes import Because, Change
from headcount.kernel.checkpoints import Checkpoints, Start, start_now
from headcount.kernel.events import Event, Inferred, Kind, Ms, facts, join_of
from headcount.kernel.journal import Journal, Journals, Mark, Overlay
from headcount.kernel.meetings import Stay
from headcount.kernel.names import require_names
from headcount.kernel.people import OpenStay, People
from headcount.kernel.refold import Stretch, difference, folded, stretches
from headcount.kernel.rules import NEVER, Rules, State
from headcount.kernel.sittings import Sittings

_at = attrgetter("at")
_ALWAYS: Ms = -NEVER
_RULES = Rules()
_END = Kind.END
_NO_CHANGES: list[Change] = []
_FIELDS = tuple(field.name for field in fields(Event))


class View(NamedTuple):
    """What is true of a room at `at` by the events up to it (R14). Reading it changes nothing.

    `changes` are those that the room will tell if nothing else comes: apply them to what
    it has told and you have the meetings as of `at`. `most` is the largest head count of
    the ongoing meeting, `meeting_start` its start, or None. `present` are those in the
    room who count, `pending` those who have joined less than 10 s ago.
    """

    at: Ms
    changes: tuple[Change, ...]
    meeting_start: Ms | None
    meeting_id: str | None
    most: int
    present: tuple[Stay, ...]
    pending: tuple[Stay, ...]


class Ongoing(NamedTuple):
    """The meeting that stands in a room: its id, its start in ms, the largest head count so far."""

    id: str
    start: Ms
    most: int


class Room:
    """One room of one domain.

    `handle(event, received_at)` takes in one event; `advance(to)` lets the clock move on.
    Both return the changes that follow, in the order of the facts. `deadline` is the
    clock time by which `advance` will have something to do, or NEVER. All times are ms.

    Raises `InvalidName` if domain or name holds U+0000.
    """

    __slots__ = (
        "_careful",
        "_changes",
        "_checkpoints",
        "_disordered",
        "_doors",
        "_instants",
        "_numbers",
        "_people",
        "_sittings",
        "_tail",
        "deadline",
        "domain",
        "journal",
        "name",
        "refolded",
        "rules",
        "settled",
    )

    def __init__(
        self, domain: str, name: str, rules: Rules | None = None, journal: Journals | None = None
    ) -> None:
        require_names(domain, name)
        self.domain = domain
        self.name = name
        self.rules = rules or _RULES
        self.journal: Journals = Journal() if journal is None else journal
        self.settled: Ms = _ALWAYS
        self.deadline: Ms = NEVER
        self._changes: list[Change] = []
        self._people = People(self._changes)
        self._sittings = Sittings(domain, name, self.rules, self._people.moves, self._changes)
        self._tail: deque[Event] = deque()
        self._disordered: list[tuple[Ms, int, Event]] = []
        self._numbers = 0
        self._careful = False
        self._doors: list[Door] | None = None
        self._checkpoints: Checkpoints | None = None
        self._instants = 0
        self.refolded = False
        """Whether its state was folded again since the caller last set this to False."""

    def watch_doors(self) -> None:
        """From now on, keep who comes and goes for `take_doors`."""
        self._doors = self._people.doors = []

    def take_doors(self) -> list[Door]:
        """Who came and went, as far as settled, since this was asked the last time."""
        if not self._doors:
            return []
        doors = self._doors
        self.watch_doors()
        return doors

    def handle(self, event: Event, received_at: Ms) -> list[Change]:
        """Take in one event, in any order. What it changes is told when it settles.

        Only an event that is late already, at or before `settled`, is told of at once.
        """
        at = event.at
        if at <= self.settled:
            return self.handle_late((event,), received_at)
        tail = self._tail
        if not tail or at >= tail[-1].at:
            tail.append(event)
        else:
            self._numbers += 1
            heappush(self._disordered, (at, self._numbers, event))
            self._careful = True
        if event.inferred is not None or event.joined_at is not None or event.kind is _END:
            self._careful = True
        deadline = at + self.rules.settling_ms
        if deadline < self.deadline:  # noqa: PLR1730 - `min` takes longer, and every event comes by here
            self.deadline = deadline
        return _NO_CHANGES

    def handle_late(self, events: Sequence[Event], received_at: Ms) -> list[Change]:
        """Take in events that are all late, at or before `settled`, and tell what they change at once.

        What they touch is folded once, so many of them cost no more than the earliest.
        """
        first = min(events, key=_at)
        late = [fact for event in events for fact in facts(event)]
        self._refold(late, Because.LATE, first, received_at - first.at)
        self._set_deadline()
        return self._told()

    def advance(self, to: Ms) -> list[Change]:
        """Settle what is older than the settling time at the clock time `to`."""
        horizon = to - self.rules.settling_ms
        if horizon <= self.settled:
            return _NO_CHANGES
        if self._careful or self._people.doubts:
            self._settle_carefully(horizon, to)
        else:
            self._settle_reports(horizon)
        self.settled = horizon
        self._sittings.settle(horizon)
        self._set_deadline()
        return self._told()

    def _set_deadline(self) -> None:
        first = self._sittings.next_decision()
        if self._tail and self._tail[0].at < first:
            first = self._tail[0].at
        if self._careful and self._disordered and self._disordered[0][0] < first:
            first = self._disordered[0][0]
        self.deadline = first if first == NEVER else first + self.rules.settling_ms

    @property
    def meeting(self) -> Ongoing | None:
        """The meeting that stands, as far as decided."""
        state = self._sittings.state
        return Ongoing(self._sittings.id, state.began, state.most) if state.stands else None

    def known_leaves(self) -> list[Change]:
        """Leaves that are not decided yet and all the same show in their entries (R14)."""
        return self._sittings.known_leaves()

    def present(self) -> Iterator[Stay]:
        """Those who are in and count, as far as decided, the earliest first."""
        return (stay.frozen() for stay in self._people.present.values() if stay.counted)

    def checkpoints(self) -> list[Ms]:
        """The moments inside this sitting from which its past can be folded again."""
        return [] if self._checkpoints is None else self._checkpoints.moments()

    def is_idle(self) -> bool:
        """Whether nobody is in and nothing is to come: all that it remembers is `settled`."""
        return self.deadline == NEVER and not self._people.present

    def people(self) -> int:
        """How many stays last, pending ones too."""
        return len(self._people.present)

    def size(self) -> int:
        """How many stays it remembers: what a snapshot of it costs."""
        return len(self._people.present) + sum(1 for _ in self._sittings.waiting())

    def in_room_at(self, at: Ms) -> dict[str, str | None]:
        """Who was in at `at` by all that is known so far, pending ones too: names by `participant_id`."""
        tail = self._tail_until(at)
        since = min([at + 1, *(fact.at for fact in tail)])
        start, known = self._start_before(since, min(at, self.settled), tail)
        if start is None:
            start = Start.at_mark(self.journal.mark_before(since))
            known = self.journal.between(start.at, min(at, self.settled))
        people = People([])
        start.begin(self.domain, self.name, self.rules, people)
        for moment, heard in groupby(sorted([*known, *tail], key=_at), key=_at):
            people.take(moment, list(heard))
        others = (stay for who, stay in self._people.present.items() if who not in start.people)
        stays = [*others, *people.present.values()] if start.others else people.present.values()
        return {stay.participant_id: stay.user_name for stay in stays}

    def _tail_until(self, at: Ms) -> list[Event]:
        """What the tail says of moments up to `at`: a leave may be later, and the join that it brings earlier."""
        tail = [*self._tail, *(event for _, _, event in self._disordered)]
        return [fact for event in tail for fact in facts(event) if fact.at <= at]

    def stays_in(self) -> Iterator[Stay]:
        """The stays of all who are in, pending ones too."""
        return (stay.frozen() for stay in self._people.present.values())

    def first_join(self) -> Ms | None:
        """When the first of all who are in came, pending ones too; None if nobody is in."""
        return min([stay.join for stay in self._people.present.values()], default=None)

    def view(self, now: Ms) -> View:
        """What is true at `now`: the settled state replayed over the tail (R14)."""
        room = Room.resume(self.snapshot(), Overlay(self.journal, self.settled))
        changes = room.advance(max(now, self.settled) + self.rules.settling_ms)
        return room._seen(now, changes)  # noqa: SLF001 - another room of ours

    def _seen(self, now: Ms, changes: Sequence[Change]) -> View:
        sittings, state = self._sittings, self._sittings.state
        people = self._people.present.values()
        return View(
            at=now,
            changes=(*changes, *sittings.known_leaves()),
            meeting_start=state.began if state.stands else None,
            meeting_id=sittings.id if state.stands else None,
            most=state.most if state.stands else 0,
            present=tuple(stay.frozen() for stay in people if stay.counted),
            pending=tuple(stay.frozen() for stay in people if not stay.counted),
        )

    def _told(self) -> list[Change]:
        changes = self._changes
        if not changes:
            return _NO_CHANGES
        told = changes[:]
        changes.clear()
        return told

    def _settle_reports(self, horizon: Ms) -> None:
        """Settle a tail of nothing but reports of joins and leaves that came in order."""
        tail, people, journal = self._tail, self._people, self.journal
        instants = self._instants
        while tail and tail[0].at <= horizon:
            event = tail.popleft()
            at = event.at
            if tail and tail[0].at == at:
                heard = [event]
                while tail and tail[0].at == at:
                    heard.append(tail.popleft())
                people.take(at, heard)
                journal.record(heard)
            else:
                people.take_report(at, event)
                journal.record((event,))
            instants += 1
            if not people.present:
                self._mark(at)
                instants = 0
            elif instants >= checkpoints.SPACING:
                self._keep_checkpoint(at, instants)
                instants = 0
        self._instants = instants

    def _settle_carefully(self, horizon: Ms, now: Ms) -> None:
        """Settle a tail that holds anything else, too."""
        while (heard := self._next_instant(horizon)) is not None:
            self._settle_instant(heard, now)
        self._careful = bool(self._tail or self._disordered)

    def _next_instant(self, horizon: Ms) -> list[Event] | None:
        """Take all events of the earliest instant of the tail up to `horizon`, or None."""
        tail, disordered = self._tail, self._disordered
        at = tail[0].at if tail else NEVER
        if disordered and disordered[0][0] < at:
            at = disordered[0][0]
        if at > horizon:
            return None
        heard = []
        while tail and tail[0].at == at:
            heard.append(tail.popleft())
        while disordered and disordered[0][0] == at:
            heard.append(heappop(disordered)[2])
        return heard

    def _settle_instant(self, heard: list[Event], now: Ms) -> None:
        at = heard[0].at
        for event in heard[:]:
            if event.joined_at == at:
                heard.append(join_of(event))
            elif event.joined_at is not None:
                self._settle_before(at)
                self._correct_join(event, now)
        if self._people.doubts:
            self._overturn(at, heard, now)
        people = self._people
        people.take(at, heard)
        self.journal.record(heard)
        if not people.present:
            self._mark(at)
            self._instants = 0
            return
        self._instants += 1
        if self._instants >= checkpoints.SPACING:
            self._keep_checkpoint(at, self._instants)
            self._instants = 0

    def _settle_before(self, at: Ms) -> None:
        """Decide all that comes before the instant `at`, so that a correction has a past to correct."""
        if at - 1 > self.settled:
            self.settled = at - 1
            self._sittings.settle(at - 1)

    # Corrections.

    def _correct_join(self, leave: Event, now: Ms) -> None:
        """Take in the join that a leave stands for (R1), unless it is the one we know."""
        join = join_of(leave)
        stay = self._people.present.get(join.participant_id)  # type: ignore[arg-type]
        known = stay is not None and stay.join == join.at and stay.reported and join.inferred is None
        if stay is None or not known or _contradicts(join, stay):
            self._refold([join], Because.LATE, leave, now - join.at)
        elif join.user_id or join.user_name or join.source_session:
            before = stay.user_id, stay.user_name, stay.source_session
            self._people.name(leave.at, stay, (join,))
            self.journal.insert(join)
            if self._checkpoints is not None and before != (
                stay.user_id,
                stay.user_name,
                stay.source_session,
            ):
                self._checkpoints.drop_from(join.at, self._people)

    def _overturn(self, at: Ms, heard: Sequence[Event], now: Ms) -> None:
        """Take back the guesses that the reports of this instant show to be wrong (R3a)."""
        wrong = self._people.overturned_by(heard)
        if wrong:
            self._settle_before(at)
            since = min(self._people.doubts[who].stay.join for who in wrong)
            self._refold([], Because.GUESS_OVERTURNED, None, now - at, since, wrong)

    def _refold(
        self,
        late: list[Event],
        because: Because,
        event: Event | None,
        late_ms: Ms,
        since: Ms = NEVER,
        never_left: Sequence[str] = (),
    ) -> None:
        since = min([since, *(e.at for e in late)])
        until = max([since, *(e.at for e in late)])
        start, last, to, old, new = self._fold_both(late, since, until, never_left)
        for e in late:
            self.journal.insert(e)
        self.journal.replace_marks(start.at, to, new.marks)
        if last is None:
            self._continue_from(start, new)
        if self._doors is not None:
            inside = () if last is None else self.stays_in()
            self._doors.extend(otherwise(old.visits(), new.visits(), inside))
        revised = difference(old, new, self.settled, event, late_ms, because)
        if revised is not None:
            self._changes.append(revised)

    def _fold_both(
        self, late: list[Event], since: Ms, until: Ms, never_left: Sequence[str]
    ) -> tuple[Start, Mark | None, Ms, Stretch, Stretch]:
        """Fold the touched stretch as it was told and as it should have been told.

        If the fold shows that it began too late, it begins again further back.
        """
        room = self.domain, self.name, self.rules
        while True:
            reaches_back = since
            for start, last, to, known in self._stretches(since, until, late):
                assert start.at < since, "the past is folded from before what is late"
                new = folded(*room, start, sorted([*known, *late], key=_at), to, never_left)
                if new.people.reaches_back <= start.at:
                    reaches_back = new.people.reaches_back
                    break
                if last is None or new.ends_like(last):
                    return start, last, to, Stretch(*room, start, known, to), new
            assert reaches_back < since, "each attempt begins further back"
            since = reaches_back

    def _stretches(
        self, since: Ms, until: Ms, late: list[Event]
    ) -> Iterator[tuple[Start, Mark | None, Ms, Sequence[Event]]]:
        """Stretches that hold [since, until], the shortest first: start, mark at the end, end, known events."""
        start, known = self._start_before(since, self.settled, late)
        if start is not None:
            yield start, None, self.settled, known
        else:
            for first, last, to in stretches(self.journal, since, until, self.settled):
                yield first, last, to, self.journal.between(first.at, to)

    def _start_before(
        self, since: Ms, to: Ms, others: Sequence[Event]
    ) -> tuple[Start | None, Sequence[Event]]:
        """The state before `since`, from which to fold `others` and the known events up to `to`, and those.

        There is no start if the sitting began after `since`.
        """
        whom = {event.participant_id for event in others if event.participant_id is not None}
        everybody = len(self._people.present) <= checkpoints.FEW or any(
            event.kind is _END for event in others
        )
        while (start := self._start(since, whom, everybody=everybody)) is not None:
            known = self.journal.between(start.at, to)
            if not start.others or all(event.kind is not _END for event in known):
                return start, known
            everybody = True
        return None, ()

    def _start(self, since: Ms, whom: Iterable[str], *, everybody: bool) -> Start | None:
        if since > self.settled:
            return start_now(self.settled, self._people, self._sittings, whom, everybody=everybody)
        if self._checkpoints is None:
            return None
        return self._checkpoints.start_before(since, self._people, whom, everybody=everybody)

    def _continue_from(self, start: Start, new: Stretch) -> None:
        """Go on from what was folded again; those who were no part of it are as they were."""
        self.refolded = True
        if start.others:
            people = self._people
            for who in {*start.people, *new.people.present, *new.people.doubts}:
                people.put(who, new.people.present.get(who), new.people.doubts.get(who))
            people.moves = new.people.moves
        else:
            people = self._people = new.people
            people.reaches_back = people.mended_since = NEVER
            people.doors = self._doors
        self._sittings = new.sittings
        people.changes = self._sittings.changes = self._changes
        self._instants = new.since_checkpoint
        if self._checkpoints is not None or new.checkpoints:
            self._checkpoints = self._checkpoints or Checkpoints()
            self._checkpoints.replace_after(
                start, new.instants, new.checkpoints, people, emptied=bool(new.marks)
            )

    # Checkpoints.

    def _keep_checkpoint(self, at: Ms, instants: int = 0) -> None:
        """Keep the state at `at`, the latest instant that was taken in, `instants` after the last checkpoint."""
        self._sittings.settle(at)
        if self._checkpoints is None:
            self._checkpoints = Checkpoints()
        self._checkpoints.add(at, self._people, self._sittings, instants)

    def _mark(self, at: Ms) -> None:
        """Nobody is in after `at`: the past is folded from here, if at all."""
        self.journal.mark(Mark(at, self._people.packed_doubts()))
        if self._checkpoints is not None:
            self._checkpoints.clear(self._people)
            self._checkpoints = None

    # Snapshot and resume.

    def snapshot(self) -> dict[str, Any]:
        """All that the room remembers, as values that JSON can hold; `resume` goes on from it."""
        people, sittings = self._people, self._sittings
        stays = list(people.present.values())
        numbers = {id(stay): number for number, stay in enumerate(stays)}
        for _, stay, _ in sittings.waiting():
            if id(stay) not in numbers:
                numbers[id(stay)] = len(stays)
                stays.append(stay)
        return {
            "version": 1,
            "domain": self.domain,
            "room": self.name,
            "rules": list(self.rules),
            "settled": self.settled,
            "stays": [[*stay.packed(), stay.counted, stay.known_while_in] for stay in stays],
            "present": len(people.present),
            "doubts": [list(map(list, doubt)) for doubt in people.packed_doubts()],
            "waiting": [[t, numbers[id(stay)], coming] for t, stay, coming in sittings.waiting()],
            "state": list(sittings.state),
            "meeting": sittings.id,
            "tail": [_packed(event) for event in (*self._tail, *(e for _, _, e in self._disordered))],
        }

    @classmethod
    def resume(cls, snapshot: Mapping[str, Any], journal: Journals) -> "Room":
        """The room that `snapshot` was taken of, with the journal that it had."""
        room = cls(snapshot["domain"], snapshot["room"], Rules(*snapshot["rules"]), journal)
        room.settled = snapshot["settled"]
        stays = []
        for values in snapshot["stays"]:
            stays.append(OpenStay.unpacked(values))
            stays[-1].counted = values[-2]
            stays[-1].known_while_in = values[-1] and tuple(values[-1])
        room._people.present = {stay.participant_id: stay for stay in stays[: snapshot["present"]]}
        room._people.restore_doubts(snapshot["doubts"])
        room._people.moves.extend((t, stays[number], coming) for t, number, coming in snapshot["waiting"])
        room._sittings.restore(State(*snapshot["state"]), snapshot["meeting"])
        for event in map(_unpacked, snapshot["tail"]):
            room.handle(event, event.at)
        room._set_deadline()
        return room

    @classmethod
    def recall(
        cls,
        domain: str,
        name: str,
        rules: Rules,
        journal: Journals,
        since: Mark | Mapping[str, Any],
        settled: Ms,
        events: Iterable[Event],
    ) -> "Room":
        """The room as it was when it had settled all up to `settled`, worked out from its log.

        `since` is a mark or a snapshot from which to begin, at or before `settled`; `events`
        are all that are known after it, those younger than `settled` included, in order of
        time. `journal` is only read meanwhile; what it is told is what it knows.
        """
        if isinstance(since, Mark):
            room = cls(domain, name, rules, Journal((), (since,)))
            room._people.restore_doubts(since.doubts)
            room.settled = since.at
        else:
            room = cls.resume({**since, "tail": []}, journal)
            if room.people():
                room._keep_checkpoint(room.settled)  # noqa: SLF001 - a room of ours
        for event in sorted(_as_settled(events, room.settled, settled), key=_at):
            room.handle(event, event.at)
        room.advance(settled + rules.settling_ms)
        room.journal = journal
        room.refolded = False
        return room


def _as_settled(events: Iterable[Event], since: Ms, settled: Ms) -> Iterator[Event]:
    """The events of a room that is recalled, as they were when it had settled all up to `settled`.

    A leave that is settled has brought its join (R1): the two are two events. A join at or before `since` is
    part of what is remembered of that moment. What a leave in the tail says of its join is still to come.
    """
    for event in events:
        if event.at > settled or event.joined_at is None:
            yield event
        else:
            if event.joined_at > since:
                yield join_of(event)
            yield replace(event, joined_at=None)


def _contradicts(join: Event, stay: OpenStay) -> bool:
    """Whether the join says something else than what is known of the stay."""
    said = (join.user_id, join.user_name, join.source_session)
    known = (stay.user_id, stay.user_name, stay.source_session)
    return any(s is not None and k is not None and s != k for s, k in zip(said, known, strict=True))


def _packed(event: Event) -> list[Any]:
    return [getattr(event, name) for name in _FIELDS]


def _unpacked(values: Sequence[Any]) -> Event:
    event = dict(zip(_FIELDS, values, strict=True))
    event["kind"] = Kind(event["kind"])
    event["inferred"] = None if event["inferred"] is None else Inferred(event["inferred"])
    return Event(**event)
