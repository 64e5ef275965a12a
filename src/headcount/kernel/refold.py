"""Refold: a stretch of a room's past, folded again with all that is known of it now.

Rule 15: a late event reopens the sittings it touches, and they are worked out anew,
exactly as if it had come in time. The stretch begins at a mark, where nobody was in, and
ends at the first later mark where again nobody is in and the same guesses are in doubt:
from there on the past is what it was. If there is none, it ends now. Inside a sitting it
begins at a checkpoint and ends now.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from headcount.kernel import checkpoints
from headcount.kernel.changes import Because, Change, MeetingStarted, Revised
from headcount.kernel.checkpoints import Checkpoints, Start
from headcount.kernel.events import Event, Ms
from headcount.kernel.journal import Journals, Mark
from headcount.kernel.materialize import Record
from headcount.kernel.meetings import Meeting, Stay, carries_into
from headcount.kernel.people import Move, People
from headcount.kernel.rules import NEVER, Rules

_at = attrgetter("at")


class Stretch:
    """One room from `start` to a moment: who was in, which meetings there were.

    `never_left` are those whose guessed leave is known to be wrong by what was said after `to`. With
    `keeps_after`, checkpoints are made after that moment; see `folded`.
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
        keeps_after: Ms = NEVER,
    ) -> None:
        self.changes: list[Change] = []
        self.marks: list[Mark] = []
        self.checkpoints = Checkpoints()
        self.instants = 0
        self.people = People(self.changes)
        self.sittings = start.begin(domain, room, rules, self.people)
        self.standing = start.meeting if start.state.stands else None
        self.record = Record(domain, room)
        present = self.people.present.values()
        self.record.begin((stay.frozen() for stay in present if stay.counted), self.sittings.id, start.state)
        self._visits = list(present)
        self._fold(events, keeps_after)
        for who in never_left:
            self.people.reopen(who)
        self._drop_marks()
        if self.people.reaches_back != NEVER:
            self.people.moves[:] = _in_order(self.people.moves)
        self.sittings.settle(to)
        self.record.apply(self.changes)

    def _fold(self, events: Sequence[Event], keeps_after: Ms) -> None:
        people, sittings = self.people, self.sittings
        since = 0
        in_order = False
        for at, heard in groupby(events, key=_at):
            if not in_order and at > keeps_after:
                people.moves[:] = _in_order(people.moves)
                in_order = True
            known = len(people.moves)
            people.take(at, list(heard))
            self._visits += [stay for _, stay, coming in people.moves[known:] if coming]
            self._drop_marks()
            since += 1
            self.instants += not self.checkpoints
            if people.is_empty():
                self.marks.append(Mark(at, people.packed_doubts()))
                self.checkpoints.clear(people)
                since = self.instants = 0
            elif in_order and since >= checkpoints.SPACING:
                sittings.settle(at)
                self.checkpoints.add(at, people, sittings, since)
                since = 0
        self.since_checkpoint = since

    def _drop_marks(self) -> None:
        """Where a guess was overturned, somebody was in after all."""
        while self.marks and self.marks[-1].at >= self.people.mended_since:
            self.marks.pop()
        self.people.mended_since = NEVER

    def ends_like(self, mark: Mark) -> bool:
        """Whether from `mark` on everything is as it was before."""
        return self.people.is_empty() and self.people.packed_doubts() == mark.doubts

    def meetings(self) -> dict[str, Meeting]:
        return {meeting.id: meeting for meeting in self.record.meetings(self.sittings.state.most)}

    def carried(self) -> Iterator[tuple[str, Stay]]:
        """The stays that went on into a meeting that a reset began (R7), each with the meeting's id."""
        resets = [
            change
            for change in self.changes
            if isinstance(change, MeetingStarted) and change.because is Because.LEFT_ALONE
        ]
        moments = [(reset.start, reset.start + 1) for reset in resets]
        for reset, stays in zip(resets, self.record.overlapping(moments), strict=True):
            yield from ((reset.id, stay) for stay in stays if carries_into(stay, reset.start))

    def visits(self) -> list[Stay]:
        """All stays in order of time, void and pending ones too."""
        return [stay.frozen() for stay in self._visits if not stay.dropped]

    def stays(self) -> set[Stay]:
        return set(self.record.stays.values())


def folded(
    domain: str,
    room: str,
    rules: Rules,
    start: Start,
    events: Sequence[Event],
    to: Ms,
    never_left: Sequence[str] = (),
) -> Stretch:
    """The stretch, with checkpoints for whoever folds part of it again.

    A checkpoint is true only if no later event mends a stay from before it. Which event does is known once all are
    folded; then the stretch is folded a second time, with checkpoints after the last of these events only.
    """
    keeps_after = to if never_left else start.at
    stretch = Stretch(domain, room, rules, start, events, to, never_left, keeps_after)
    mended_at = stretch.people.mended_at
    if keeps_after < mended_at and not never_left:
        return Stretch(domain, room, rules, start, events, to, never_left, mended_at)
    return stretch


def _in_order(moves: Sequence[Move]) -> list[Move]:
    """The moves as they are when overturned guesses are mended: every stay from join to leave."""
    began = {id(stay) for _, stay, coming in moves if coming}
    kept = [move for move in moves if not move[1].dropped and (move[2] or id(move[1]) not in began)]
    goings = [
        (stay.leave, stay, False)
        for _, stay, coming in moves
        if coming and not stay.dropped and stay.leave is not None
    ]
    return sorted([*kept, *goings], key=lambda move: move[0])


def stretches(journal: Journals, since: Ms, until: Ms, to: Ms) -> Iterator[tuple[Start, Mark | None, Ms]]:
    """Ever longer stretches that hold [since, until]: (start at a mark, last mark, end of stretch).

    The number of sittings in them doubles, so that to try them all costs twice the last
    one, which ends at `to`, with no last mark.
    """
    first = Start.at_mark(journal.mark_before(since))
    later = journal.marks_after(until - 1)
    reach = 0
    while reach < len(later) and later[reach].at < to:
        yield first, later[reach], later[reach].at
        reach = 2 * reach + 1
    yield first, None, to


def difference(
    old: Stretch, new: Stretch, at: Ms, event: Event | None, late_ms: Ms, because: Because
) -> Revised | None:
    """What is to be told where a stretch was told as `old` and is as `new`; None if they say the same."""
    stays_before, stays_after = old.stays(), new.stays()
    before, after = old.meetings(), new.meetings()
    meetings_after = tuple(meeting for name, meeting in after.items() if before.get(name) != meeting)
    revised = Revised(
        at,
        event,
        late_ms,
        tuple(sorted(stays_before - stays_after, key=_by_join)),
        tuple(sorted(stays_after - stays_before, key=_by_join)),
        tuple(meeting for name, meeting in before.items() if after.get(name) != meeting),
        meetings_after,
        because,
        tuple(_carried(old, new, meetings_after)),
        new.standing,
    )
    return revised if any(revised[3:7]) else None


def _carried(old: Stretch, new: Stretch, revised: Sequence[Meeting]) -> Iterator[tuple[str, Stay]]:
    """Which stays went on into the meetings that were revised, and into those for which that alone changed."""
    before = dict(old.carried())
    for name, stay in new.carried():
        if before.get(name) != stay or any(meeting.id == name for meeting in revised):
            yield name, stay


def _by_join(stay: Stay) -> tuple[Ms, str]:
    return stay.join, stay.participant_id
