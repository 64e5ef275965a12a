"""Refolding: a stretch of a room's past, folded again with all events that are known of it now (R15).

The stretch begins at a mark, where nobody was in the room, and ends at the first later mark where again nobody is in
it and the same inferred leaves are unconfirmed: from there on the past is unchanged. If there is none, it ends
now. Inside a sitting it begins at a checkpoint and ends now.

Responsible for folding a stretch and for the difference between two folds. Must not know where events are stored, or
the state that a room continues from.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from headcount.kernel import checkpoints
from headcount.kernel.changes import Change, MeetingsCorrected, MeetingStarted, Reason
from headcount.kernel.checkpoints import Checkpoints, Start
from headcount.kernel.events import Event, Ms
from headcount.kernel.journal import JournalProtocol, Mark
from headcount.kernel.materialize import Projection
from headcount.kernel.meetings import Meeting, Stay, carries_into
from headcount.kernel.people import People
from headcount.kernel.presence import Move
from headcount.kernel.rules import NEVER, Rules

_at = attrgetter("at")


class Stretch:
    """One room from `start` to `to`: its participants, stays and meetings.

    `never_left` are participants whose inferred leave is overridden by a report after `to`. Checkpoints are added
    after `checkpoints_after`; see `fold`.
    """

    def __init__(
        self,
        domain: str,
        room: str,
        rules: Rules,
        start: Start,
        events: Sequence[Event],
        to: Ms,
        never_left: Sequence[str] = (),
        checkpoints_after: Ms = NEVER,
    ) -> None:
        self.changes: list[Change] = []
        self.marks: list[Mark] = []
        self.checkpoints = Checkpoints()
        self.instants = 0
        self.people = People()
        self.sittings = start.restore(domain, room, rules, self.people)
        self.open_meeting_id = start.meeting_id if start.state.is_meeting else None
        self.projection = Projection(domain, room)
        open_stays = self.people.open_stays.values()
        self.projection.start_from(
            (stay.to_stay() for stay in open_stays if stay.counted), self.sittings.meeting_id, start.state
        )
        self._stays = list(open_stays)
        self._fold(events, checkpoints_after)
        for participant_id in never_left:
            self.people.reopen(participant_id)
        self._drop_marks()
        if self.people.earliest_override != NEVER:
            _reorder(self.people.moves)
        self.sittings.finalize(to, self.changes)
        self.projection.apply(self.changes)

    def _fold(self, events: Sequence[Event], checkpoints_after: Ms) -> None:
        people, sittings = self.people, self.sittings
        since = 0
        adds_checkpoints = False
        for at, instant in groupby(events, key=_at):
            if not adds_checkpoints and at > checkpoints_after:
                _reorder(people.moves)
                adds_checkpoints = True
            known = len(people.moves)
            people.apply(at, list(instant), self.changes)
            self._stays += [stay for _, stay, is_join in people.moves[known:] if is_join]
            self._drop_marks()
            since += 1
            self.instants += not self.checkpoints
            if people.is_empty():
                self.marks.append(Mark(at, people.pack_unconfirmed()))
                self.checkpoints.clear(people)
                since = self.instants = 0
            elif adds_checkpoints and since >= checkpoints.SPACING:
                sittings.finalize(at, self.changes)
                self.checkpoints.add(at, people, sittings, since)
                since = 0
        self.since_checkpoint = since

    def _drop_marks(self) -> None:
        """Drop the marks within stays whose inferred leave was overridden: the room was not empty there."""
        while self.marks and self.marks[-1].at >= self.people.overridden_since:
            self.marks.pop()
        self.people.overridden_since = NEVER

    def ends_as(self, mark: Mark) -> bool:
        """Return whether everything from `mark` on is unchanged."""
        return self.people.is_empty() and self.people.pack_unconfirmed() == mark.unconfirmed

    def meetings(self) -> dict[str, Meeting]:
        """Return the meetings by id."""
        found = self.projection.meetings(self.sittings.state.max_participants)
        return {meeting.id: meeting for meeting in found}

    def carried(self) -> Iterator[tuple[str, Stay]]:
        """Yield the stays that continued into a meeting that a reset began (R7), each with the meeting's id."""
        resets = [
            change
            for change in self.changes
            if isinstance(change, MeetingStarted) and change.reason is Reason.LEFT_ALONE
        ]
        instants = [(reset.start, reset.start + 1) for reset in resets]
        for reset, stays in zip(resets, self.projection.overlapping(instants), strict=True):
            yield from ((reset.id, stay) for stay in stays if carries_into(stay, reset.start))

    def all_stays(self) -> list[Stay]:
        """Return all stays in order of time, too short and pending ones included."""
        return [stay.to_stay() for stay in self._stays if not stay.dropped]

    def stays(self) -> set[Stay]:
        """Return the stays that count."""
        return set(self.projection.stays.values())


def fold(
    domain: str,
    room: str,
    rules: Rules,
    start: Start,
    events: Sequence[Event],
    to: Ms,
    never_left: Sequence[str] = (),
) -> Stretch:
    """Fold a stretch, with checkpoints from which part of it can be folded again.

    A checkpoint is valid only if no later event overrides a leave before it. Which event does is known once all are
    folded; then the stretch is folded a second time, with checkpoints after the last of these events only.
    """
    checkpoints_after = to if never_left else start.at
    stretch = Stretch(domain, room, rules, start, events, to, never_left, checkpoints_after)
    overridden_at = stretch.people.overridden_at
    if checkpoints_after < overridden_at and not never_left:
        return Stretch(domain, room, rules, start, events, to, never_left, overridden_at)
    return stretch


def _reorder(moves: list[Move]) -> None:
    """Update the moves after overrides: every stay opens at its join and closes at its final leave."""
    joined = {id(stay) for _, stay, is_join in moves if is_join}
    kept = [move for move in moves if not move[1].dropped and (move[2] or id(move[1]) not in joined)]
    leaves = [
        (stay.leave, stay, False)
        for _, stay, is_join in moves
        if is_join and not stay.dropped and stay.leave is not None
    ]
    moves[:] = sorted([*kept, *leaves], key=lambda move: move[0])


def stretches(
    journal: JournalProtocol, since: Ms, until: Ms, to: Ms
) -> Iterator[tuple[Start, Mark | None, Ms]]:
    """Yield ever longer stretches that contain [since, until]: (start at a mark, last mark, end of stretch).

    The number of sittings in them doubles, so trying them all costs twice the last one, which ends at `to`, with no
    last mark.
    """
    first = Start.at_mark(journal.mark_before(since))
    later = journal.marks_after(until - 1)
    reach = 0
    while reach < len(later) and later[reach].at < to:
        yield first, later[reach], later[reach].at
        reach = 2 * reach + 1
    yield first, None, to


def difference(
    old: Stretch, new: Stretch, at: Ms, event: Event | None, late_ms: Ms, reason: Reason
) -> MeetingsCorrected | None:
    """Return the correction that turns the published stretch `old` into `new`; None if they are equal."""
    stays_before, stays_after = old.stays(), new.stays()
    before, after = old.meetings(), new.meetings()
    meetings_after = tuple(meeting for name, meeting in after.items() if before.get(name) != meeting)
    correction = MeetingsCorrected(
        at,
        event,
        late_ms,
        tuple(sorted(stays_before - stays_after, key=_by_join)),
        tuple(sorted(stays_after - stays_before, key=_by_join)),
        tuple(meeting for name, meeting in before.items() if after.get(name) != meeting),
        meetings_after,
        reason,
        tuple(_carried(old, new, meetings_after)),
        new.open_meeting_id,
    )
    return correction if any(correction[3:7]) else None


def _carried(old: Stretch, new: Stretch, corrected: Sequence[Meeting]) -> Iterator[tuple[str, Stay]]:
    """Yield the stays that continued into the corrected meetings, and into those for which only that changed."""
    before = dict(old.carried())
    for meeting_id, stay in new.carried():
        if before.get(meeting_id) != stay or any(meeting.id == meeting_id for meeting in corrected):
            yield meeting_id, stay


def _by_join(stay: Stay) -> tuple[Ms, str]:
    return stay.join, stay.participant_id
