"""People: who is in a room and since when, one instant after the other.

Applies the table of `stays.py` to everybody in one room and writes down the stays as
they open and close. Knows rules 1-3a. Knows nothing of meetings, and never looks ahead:
what it holds after an instant depends on the events up to that instant only.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from headcount.kernel.arrivals import Door, came, went
from headcount.kernel.changes import Because, Change, EventIgnored, ParticipantNamed
from headcount.kernel.events import Event, Kind, Ms
from headcount.kernel.meetings import Stay
from headcount.kernel.rules import NEVER
from headcount.kernel.stay_table import (
    AGAIN,
    BY_INFERENCE,
    BY_ROOM_END,
    CLOSES,
    DOUBTED,
    END,
    IN,
    INFERRED_END,
    INFERRED_JOIN,
    INFERRED_LEAVE,
    JOIN,
    LEAVE,
    MEANINGS,
    NEXT_PHASE,
    OPENS,
    OUT,
    OVERTURNS,
    SIGNS,
    LeftBy,
)

_REPORTED_SIGN = {Kind.JOIN: JOIN, Kind.LEAVE: LEAVE, Kind.END: END}
_INFERRED_SIGN = {Kind.JOIN: INFERRED_JOIN, Kind.LEAVE: INFERRED_LEAVE, Kind.END: INFERRED_END}
_JOIN_KIND = Kind.JOIN
_LEAVE_KIND = Kind.LEAVE
_END_KIND = Kind.END
_REPORTED = LeftBy.REPORTED
_new = tuple.__new__  # makes a `Stay` of its fields as `Stay(...)` does, in half the time


class OpenStay:
    """A stay while it is being written. `frozen` is what the world is told of it."""

    __slots__ = (
        "counted",
        "dropped",
        "join",
        "known_while_in",
        "leave",
        "left_by",
        "participant_id",
        "reported",
        "source_session",
        "user_id",
        "user_name",
    )

    def __init__(
        self,
        participant_id: str,
        join: Ms,
        user_id: str | None,
        user_name: str | None,
        source_session: str | None,
        reported: bool,  # noqa: FBT001 - a fact of the stay, not a switch
    ) -> None:
        self.participant_id = participant_id
        self.join = join
        self.user_id = user_id
        self.user_name = user_name
        self.source_session = source_session
        self.reported = reported
        self.leave: Ms | None = None
        self.left_by: LeftBy | None = None
        self.counted = False
        self.dropped = False
        self.known_while_in: tuple[str | None, str | None] | None = None
        """The names known before what was said at the leave; None before it, or if it could bring no others."""

    def as_joined(self) -> Stay:
        """What was told of it before its leave was: that must not depend on how far ahead we have heard."""
        if self.known_while_in is None:
            return _new(Stay, (self.participant_id, self.join, None, None, self.user_id, self.user_name))
        return Stay(self.participant_id, self.join, None, None, *self.known_while_in)

    def frozen(self) -> Stay:
        return _new(
            Stay, (self.participant_id, self.join, self.leave, self.left_by, self.user_id, self.user_name)
        )

    def learn(self, heard: Iterable[Event]) -> None:
        """Fill in what was not known from what is said at one instant (R1)."""
        if self.user_id is None:
            self.user_id = min((e.user_id for e in heard if e.user_id is not None), default=None)
        if self.user_name is None:
            self.user_name = min((e.user_name for e in heard if e.user_name is not None), default=None)
        if self.source_session is None:
            said = (e.source_session for e in heard if e.source_session is not None)
            self.source_session = min(said, default=None)

    def copy(self) -> "OpenStay":
        """Another one in the same state."""
        made = OpenStay(
            self.participant_id, self.join, self.user_id, self.user_name, self.source_session, self.reported
        )
        made.leave, made.left_by = self.leave, self.left_by
        made.counted, made.dropped, made.known_while_in = self.counted, self.dropped, self.known_while_in
        return made

    def packed(self) -> tuple[Any, ...]:
        """What was heard of it, as plain values; `unpacked` makes it again."""
        left_by = None if self.left_by is None else self.left_by.value
        known = (self.participant_id, self.join, self.user_id, self.user_name, self.source_session)
        return (*known, self.reported, self.leave, left_by)

    @staticmethod
    def unpacked(values: Sequence[Any]) -> "OpenStay":
        stay = OpenStay(*values[:6])
        stay.leave = values[6]
        stay.left_by = None if values[7] is None else LeftBy(values[7])
        return stay


class Doubt:
    """A leave that was only inferred, and what the stay is if it turns out wrong (R3a).

    `stay` is the doubted one, `latest` the one that was last closed by a guess since then,
    `whole` what the two and all between them are if nobody had left at all.
    """

    __slots__ = ("again", "known_while_in", "latest", "stay", "whole")

    def __init__(self, stay: OpenStay, whole: OpenStay | None = None, latest: OpenStay | None = None) -> None:
        self.stay = stay
        self.whole = whole or OpenStay.unpacked(stay.packed())
        self.latest = latest or stay
        self.again: list[OpenStay] = []
        self.known_while_in = self.whole.user_id, self.whole.user_name

    def copy(self) -> "Doubt":
        """Another one in the same state. It cannot be mended: that takes folding from before it began."""
        made = Doubt(self.stay.copy(), self.whole.copy(), self.latest.copy())
        made.known_while_in = self.known_while_in
        return made

    def packed(self) -> tuple[tuple[Any, ...], ...]:
        return self.stay.packed(), self.whole.packed(), self.latest.packed()

    def mend(self) -> None:
        """Nobody had left: the stay knows what was said since, and what followed was part of it."""
        stay, whole = self.stay, self.whole
        stay.user_id, stay.user_name = whole.user_id, whole.user_name
        stay.known_while_in = self.known_while_in
        for part in self.again:
            part.dropped = True


Move = tuple[Ms, OpenStay, bool]
"""A moment, somebody's stay, and whether it begins there."""

Before = tuple[OpenStay | None, Doubt | None]
"""A participant at some moment: the stay in which they were, and the doubt about them."""

_NO_DOUBTS: dict[str, Doubt] = {}
"""Shared by all rooms in which nobody is doubted: one thing less that each must hold and look up."""


class People:
    """Everybody in one room. `moves` are the comings and goings; `Sittings` takes them off at the left.

    `doors` are told of them at once, if somebody watches. `touched`, if given, receives the state of each
    participant before their first change. `others` counts people who are in but not in `present`, because
    nothing that follows concerns them: a stretch of the past in a large room is folded without them.
    """

    __slots__ = (
        "changes",
        "doors",
        "doubts",
        "mended_at",
        "mended_since",
        "moves",
        "others",
        "present",
        "reaches_back",
        "touched",
    )

    def __init__(self, changes: list[Change]) -> None:
        self.changes = changes
        self.doors: list[Door] | None = None
        self.present: dict[str, OpenStay] = {}
        self.doubts: dict[str, Doubt] = _NO_DOUBTS
        self.moves: list[Move] = []
        self.others = 0
        self.touched: dict[str, Before] | None = None
        self.reaches_back: Ms = NEVER
        """The earliest join of a stay whose guessed end was overturned."""
        self.mended_at: Ms = -NEVER
        """When a guess was last overturned: moves before it may have changed."""
        self.mended_since: Ms = NEVER
        """The earliest join of a stay that was mended, until somebody has dropped the marks within it."""

    def is_empty(self) -> bool:
        return not self.present and not self.others

    def put(self, who: str, stay: OpenStay | None, doubt: Doubt | None) -> None:
        """Set one participant's state."""
        if stay is None:
            self.present.pop(who, None)
        else:
            self.present[who] = stay
        if doubt is not None:
            self._doubt(who, doubt)
        elif self.doubts:
            self.doubts.pop(who, None)

    def before(self, who: str) -> Before:
        """A copy of one participant's state."""
        stay, doubt = self.present.get(who), self.doubts.get(who)
        return None if stay is None else stay.copy(), None if doubt is None else doubt.copy()

    def touch(self, who: str) -> None:
        """Keep the state of somebody who is about to change."""
        if self.touched is not None and who not in self.touched:
            self.touched[who] = self.before(who)

    def take(self, at: Ms, heard: Sequence[Event]) -> None:
        """Take in all that was said of the instant `at`, which is later than those before."""
        event = heard[0]
        if len(heard) == 1 and event.inferred is None and event.kind is not _END_KIND and not self.doubts:
            self.take_report(at, event)
        else:
            self._take_together(at, heard)

    def take_report(self, at: Ms, event: Event) -> None:
        """Take in an instant of which one join or leave was reported and nothing is in doubt.

        This is what `_apply` does in that case, cut short: nearly all events come this
        way, and a room must keep up with hundreds of thousands a second.
        """
        who: str = event.participant_id  # type: ignore[assignment]
        if self.touched is not None:
            self.touch(who)
        if event.kind is _JOIN_KIND:
            if who in self.present:
                self._unmoved(who, at, JOIN, event)
                return
            stay = OpenStay(who, at, event.user_id, event.user_name, event.source_session, True)
            self.present[who] = stay
            self.moves.append((at, stay, True))
            if self.doors is not None:
                self.doors.append(came(stay.frozen()))
            return
        closed = self.present.pop(who, None)
        if closed is None:
            self._unmoved(who, at, LEAVE, event)
            return
        if closed.user_name is None or closed.user_id is None:
            closed.known_while_in = closed.user_id, closed.user_name
            closed.learn((event,))
        closed.leave = at
        closed.left_by = _REPORTED
        self.moves.append((at, closed, False))
        if self.doors is not None:
            self.doors.append(went(closed.frozen(), at))

    def _take_together(self, at: Ms, heard: Sequence[Event]) -> None:
        said: dict[str, list[Event]] = {}
        ends: list[Event] = []
        for event in heard:
            if event.participant_id is None:
                ends.append(event)
            else:
                said.setdefault(event.participant_id, []).append(event)
        assert not (ends and self.others), "an end concerns everybody"
        concerned = sorted({*said, *self.present, *self.doubts} if ends else said)
        nobody = True
        for who in concerned:
            own = said.get(who, [])
            ending = self._ending(who, ends)
            nobody = nobody and not (ending and who in self.present)
            self._apply(who, at, own, ending)
        if nobody:
            self.changes.extend(EventIgnored(at, None, e.kind, Because.END_OF_NOBODY) for e in ends)

    def _ending(self, who: str, ends: Iterable[Event]) -> list[Event]:
        """The ends that concern `who`: of the same source session where both are known (R1)."""
        stay = self.present.get(who)
        if stay is None:
            doubt = self.doubts.get(who)
            if doubt is None:
                return []
            stay = doubt.latest
        known = stay.source_session
        return [end for end in ends if known is None or end.source_session in (None, known)]

    def phase(self, who: str) -> int:
        if who in self.present:
            return AGAIN if who in self.doubts else IN
        return DOUBTED if who in self.doubts else OUT

    def _apply(self, who: str, at: Ms, own: Sequence[Event], ending: Sequence[Event]) -> None:
        signs = 0
        for event in (*own, *ending):
            signs |= (_REPORTED_SIGN if event.inferred is None else _INFERRED_SIGN)[event.kind]
        self.touch(who)
        meaning = MEANINGS[self.phase(who) * SIGNS + signs]
        doubt = self.doubts.get(who)
        if doubt is not None:
            doubt.known_while_in = doubt.whole.user_id, doubt.whole.user_name
            doubt.whole.learn(own)
        moved = meaning & (OPENS | CLOSES | OVERTURNS)
        self._note_ignored(who, at, signs, own, bool(moved))
        if not moved and who in self.present:
            self.name(at, self.present[who], own)
        if meaning & OVERTURNS and doubt is not None:
            self._overturn(who, at, doubt)
        reopens = meaning & CLOSES and meaning & OPENS
        if meaning & CLOSES:
            heard = [e for e in own if e.kind is not _JOIN_KIND] if reopens else own
            self._close(who, at, heard, _left_by(meaning, signs, own, ending))
        self._keep_doubt(who, meaning & NEXT_PHASE)
        if meaning & OPENS:
            self._open(who, at, [e for e in own if e.kind is _JOIN_KIND] if reopens else own, signs)
        if reopens and who in self.doubts:
            # The doubt is of this instant, and what a join says of it belongs to the whole, too.
            self.doubts[who].whole.learn(own)

    def _open(self, who: str, at: Ms, heard: Sequence[Event], signs: int) -> None:
        stay = OpenStay(who, at, None, None, None, bool(signs & JOIN))
        stay.learn(heard)
        self.present[who] = stay
        self.moves.append((at, stay, True))
        if self.doors is not None:
            self.doors.append(came(stay.frozen()))
        if who in self.doubts:
            self.doubts[who].again.append(stay)

    def _close(self, who: str, at: Ms, heard: Sequence[Event], left_by: LeftBy) -> None:
        stay = self.present.pop(who)
        stay.known_while_in = stay.user_id, stay.user_name
        stay.learn(heard)
        stay.leave = at
        stay.left_by = left_by
        self.moves.append((at, stay, False))
        if self.doors is not None:
            self.doors.append(went(stay.frozen(), at))
        if left_by not in (LeftBy.REPORTED, LeftBy.ROOM_ENDED):
            self._doubt(who, Doubt(stay)).latest = stay

    def _overturn(self, who: str, at: Ms, doubt: Doubt) -> None:
        self.present.pop(who, None)
        doubt.mend()
        doubt.stay.leave, doubt.stay.left_by = at, _REPORTED
        self._mended(doubt.stay, at)

    def _keep_doubt(self, who: str, phase: int) -> None:
        if phase in (IN, OUT):
            self.doubts.pop(who, None)

    def _unmoved(self, who: str, at: Ms, sign: int, event: Event) -> None:
        """A report that changed nothing, but may have brought a name (R1)."""
        self._note_ignored(who, at, sign, (event,), moved=False)
        if who in self.present:
            self.name(at, self.present[who], (event,))

    def name(self, at: Ms, stay: OpenStay, heard: Sequence[Event]) -> None:
        """Let an open stay learn names, and tell of it if the world knows the stay already."""
        self.touch(stay.participant_id)
        before = stay.user_id, stay.user_name
        stay.learn(heard)
        if stay.counted and before != (stay.user_id, stay.user_name):
            self.changes.append(ParticipantNamed(at, stay.frozen()))

    def _note_ignored(self, who: str, at: Ms, signs: int, own: Sequence[Event], moved: bool) -> None:  # noqa: FBT001
        """Tell what was said in vain, for those who ask why."""
        if moved and len(own) == 1:
            return
        seen: set[tuple[Kind, bool]] = set()
        for event in own:
            said = (event.kind, event.inferred is None)
            because = Because.DELIVERED_TWICE if said in seen else _why_ignored(event, signs, moved)
            seen.add(said)
            if because is not None:
                self.changes.append(EventIgnored(at, who, event.kind, because))

    def overturned_by(self, heard: Iterable[Event]) -> list[str]:
        """Whose guessed leave the reports of one instant overturn."""
        left: set[str] = set()
        came: set[str] = set()
        for event in heard:
            who = event.participant_id
            if who is not None and who in self.doubts and event.inferred is None:
                (came if event.kind is _JOIN_KIND else left).add(who)
        return sorted(left - came)

    def reopen(self, who: str) -> None:
        """Take back that somebody left by a guess: they have been in since the doubted stay's join."""
        self.touch(who)
        doubt = self.doubts.pop(who)
        doubt.mend()
        stay = doubt.stay
        stay.leave = stay.left_by = stay.known_while_in = None
        self.present[who] = stay
        self._mended(stay, NEVER)

    def _mended(self, stay: OpenStay, at: Ms) -> None:
        self.mended_at = at
        self.reaches_back = min(self.reaches_back, stay.join)
        self.mended_since = min(self.mended_since, stay.join)

    def packed_doubts(self) -> tuple[tuple[Any, ...], ...]:
        """The guesses that may still be overturned, as plain values."""
        return tuple(self.doubts[who].packed() for who in sorted(self.doubts))

    def restore_doubts(self, packed: Iterable[Sequence[Any]]) -> None:
        for doubt in packed:
            self._doubt(doubt[0][0], Doubt(*map(OpenStay.unpacked, doubt)))

    def _doubt(self, who: str, doubt: Doubt) -> Doubt:
        if self.doubts is _NO_DOUBTS:
            self.doubts = {}
        return self.doubts.setdefault(who, doubt)


def _left_by(meaning: int, signs: int, own: Iterable[Event], ending: Iterable[Event]) -> LeftBy:
    if meaning & BY_ROOM_END:
        return LeftBy.ROOM_ENDED
    if not meaning & BY_INFERENCE:
        return LeftBy.REPORTED
    by_own = signs & INFERRED_LEAVE and not signs & (JOIN | LEAVE | INFERRED_JOIN)
    guesses = [e for e in own if e.kind is _LEAVE_KIND] if by_own else ending
    return LeftBy(min(e.inferred for e in guesses if e.inferred is not None))


def _why_ignored(event: Event, signs: int, moved: bool) -> Because | None:  # noqa: FBT001
    if event.inferred is not None and signs & (JOIN | LEAVE):
        return Because.GUESS_OUTRANKED
    own = signs & (JOIN | LEAVE) or signs & (INFERRED_JOIN | INFERRED_LEAVE)
    if own in (JOIN | LEAVE, INFERRED_JOIN | INFERRED_LEAVE):
        return Because.CANCELLED
    if moved:
        return None
    return Because.REPEATED_JOIN if event.kind is _JOIN_KIND else Because.ORPHAN_LEAVE
