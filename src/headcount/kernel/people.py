"""Participants of one room: who is in it and since when, one instant after the other (R1-R3a).

Responsible for applying the table of `stay_table.py` to every participant and for the stays that open and close.
Must not know meetings, and never looks ahead: the state after an instant depends on the events up to that instant
only.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from headcount.kernel.changes import Change, EventIgnored, ParticipantNamed, Reason
from headcount.kernel.events import Event, Kind, Ms
from headcount.kernel.open_stay import OpenStay, UnconfirmedLeave
from headcount.kernel.presence import Move, PresenceChange, joined, left
from headcount.kernel.rules import NEVER
from headcount.kernel.stay_table import (
    BY_INFERENCE,
    BY_ROOM_END,
    CLOSES,
    END,
    IN,
    IN_UNCONFIRMED,
    INFERRED_END,
    INFERRED_JOIN,
    INFERRED_LEAVE,
    JOIN,
    LEAVE,
    NEXT_PHASE,
    OPENS,
    OUT,
    OUT_UNCONFIRMED,
    OVERRIDES,
    SIGNS,
    TRANSITIONS,
    LeftBy,
)

_REPORTED_SIGN = {Kind.JOIN: JOIN, Kind.LEAVE: LEAVE, Kind.END: END}
_INFERRED_SIGN = {Kind.JOIN: INFERRED_JOIN, Kind.LEAVE: INFERRED_LEAVE, Kind.END: INFERRED_END}
_JOIN_KIND = Kind.JOIN
_LEAVE_KIND = Kind.LEAVE
_END_KIND = Kind.END
_REPORTED = LeftBy.REPORTED

ParticipantState = tuple[OpenStay | None, UnconfirmedLeave | None]
"""One participant at some time: the open stay, and the leave that is inferred but not confirmed."""

_NO_UNCONFIRMED: dict[str, UnconfirmedLeave] = {}
"""Shared by all rooms without an inferred leave, to save memory and a look-up in each."""


class People:
    """All participants of one room.

    `moves` are the stays that opened and closed and are not decided yet: `Sittings` removes those that it decides.
    `presence_changes` receives the same at once, if it is a list: see `presence.resolved`. `before_images`, if given, receives the state of each participant before
    their first change. `other_count` counts participants who are present but not in `open_stays`, because no
    event concerns them: a stretch of the past of a large room is folded without them.
    """

    __slots__ = (
        "before_images",
        "earliest_override",
        "moves",
        "open_stays",
        "other_count",
        "overridden_at",
        "overridden_since",
        "overrides",
        "presence_changes",
        "unconfirmed",
    )

    def __init__(self) -> None:
        self.presence_changes: list[Move | PresenceChange] | None = None
        self.open_stays: dict[str, OpenStay] = {}
        self.unconfirmed: dict[str, UnconfirmedLeave] = _NO_UNCONFIRMED
        self.moves: list[Move] = []
        self.other_count = 0
        self.before_images: dict[str, ParticipantState] | None = None
        self.earliest_override: Ms = NEVER
        """The earliest join of a stay whose inferred leave was overridden."""
        self.overridden_at: Ms = -NEVER
        """When an inferred leave was last overridden: moves before it may have changed."""
        self.overridden_since: Ms = NEVER
        """The earliest join of an overridden stay, until the caller has dropped the marks within it."""
        self.overrides = 0
        """Number of inferred leaves that were overridden."""

    def is_empty(self) -> bool:
        """Return whether nobody is in the room."""
        return not self.open_stays and not self.other_count

    def set_state(
        self, participant_id: str, stay: OpenStay | None, inferred_leave: UnconfirmedLeave | None
    ) -> None:
        """Set the state of one participant."""
        if stay is None:
            self.open_stays.pop(participant_id, None)
        else:
            self.open_stays[participant_id] = stay
        if inferred_leave is not None:
            self._add_unconfirmed(participant_id, inferred_leave)
        elif self.unconfirmed:
            self.unconfirmed.pop(participant_id, None)

    def state_of(self, participant_id: str) -> ParticipantState:
        """Return a copy of the state of one participant."""
        stay, inferred_leave = self.open_stays.get(participant_id), self.unconfirmed.get(participant_id)
        return (
            None if stay is None else stay.copy(),
            None if inferred_leave is None else inferred_leave.copy(),
        )

    def save_before_image(self, participant_id: str) -> None:
        """Save the state of a participant who is about to change."""
        if self.before_images is not None and participant_id not in self.before_images:
            self.before_images[participant_id] = self.state_of(participant_id)

    def apply(self, at: Ms, events: Sequence[Event], changes: list[Change]) -> None:
        """Apply all events of the instant `at`, which is later than every instant before, and add to `changes`."""
        event = events[0]
        if (
            len(events) == 1
            and event.inferred is None
            and event.kind is not _END_KIND
            and not self.unconfirmed
        ):
            closed = self.apply_report(at, event, changes)
            if closed is not None:
                self.moves.append((at, closed, False))
        else:
            self._apply_together(at, events, changes)

    def apply_report(self, at: Ms, event: Event, changes: list[Change]) -> OpenStay | None:
        """Apply an instant of one reported join or leave while no leave is unconfirmed.

        Return the stay that it closes: its move is the caller's. Otherwise, this does the same as `_apply_signs`.
        Nearly all events take this path, and a room must process hundreds of thousands of them per second.
        """
        participant_id: str = event.participant_id  # type: ignore[assignment]
        if self.before_images is not None:
            self.save_before_image(participant_id)
        if event.kind is _JOIN_KIND:
            if participant_id in self.open_stays:
                self._apply_without_effect(participant_id, at, JOIN, event, changes)
                return None
            self.open_stays[participant_id] = stay = OpenStay(
                participant_id,
                at,
                event.user_id,
                event.user_name,
                event.source_session,
                True,
                event.attributes,
            )
            move = (at, stay, True)
            self.moves.append(move)
            if self.presence_changes is not None:
                self.presence_changes.append(move)
            return None
        closed = self.open_stays.pop(participant_id, None)
        if closed is None:
            self._apply_without_effect(participant_id, at, LEAVE, event, changes)
            return None
        if closed.user_name is None or closed.user_id is None or event.attributes is not None:
            closed.names_before_leave = closed.names
            closed.learn((event,))
        closed.leave = at
        closed.left_by = _REPORTED
        if self.presence_changes is not None:
            self.presence_changes.append((at, closed, False))
        return closed

    def _apply_together(self, at: Ms, events: Sequence[Event], changes: list[Change]) -> None:
        by_participant: dict[str, list[Event]] = {}
        ends: list[Event] = []
        for event in events:
            if event.participant_id is None:
                ends.append(event)
            else:
                by_participant.setdefault(event.participant_id, []).append(event)
        assert not (ends and self.other_count), "an end concerns everybody"
        concerned = sorted({*by_participant, *self.open_stays, *self.unconfirmed} if ends else by_participant)
        closes_nobody = True
        for participant_id in concerned:
            own = by_participant.get(participant_id, [])
            ending = self._ends_for(participant_id, ends)
            closes_nobody = closes_nobody and not (ending and participant_id in self.open_stays)
            self._apply_signs(participant_id, at, own, ending, changes)
        if closes_nobody:
            changes.extend(EventIgnored(at, None, e.kind, Reason.ROOM_ALREADY_EMPTY) for e in ends)

    def _ends_for(self, participant_id: str, ends: Iterable[Event]) -> list[Event]:
        """Return the ends that concern a participant: of the same source session where both are known (R1)."""
        stay = self.open_stays.get(participant_id)
        if stay is None:
            inferred_leave = self.unconfirmed.get(participant_id)
            if inferred_leave is None:
                return []
            stay = inferred_leave.latest
        session = stay.source_session
        return [end for end in ends if session is None or end.source_session in (None, session)]

    def phase(self, participant_id: str) -> int:
        """Return the phase of a participant, as `stay_table.py` numbers it."""
        if participant_id in self.open_stays:
            return IN_UNCONFIRMED if participant_id in self.unconfirmed else IN
        return OUT_UNCONFIRMED if participant_id in self.unconfirmed else OUT

    def _apply_signs(
        self,
        participant_id: str,
        at: Ms,
        own: Sequence[Event],
        ending: Sequence[Event],
        changes: list[Change],
    ) -> None:
        signs = 0
        for event in (*own, *ending):
            signs |= (_REPORTED_SIGN if event.inferred is None else _INFERRED_SIGN)[event.kind]
        self.save_before_image(participant_id)
        transition = TRANSITIONS[self.phase(participant_id) * SIGNS + signs]
        inferred_leave = self.unconfirmed.get(participant_id)
        if inferred_leave is not None:
            inferred_leave.names_before_leave = inferred_leave.merged.names
            inferred_leave.merged.learn(own)
        moved = transition & (OPENS | CLOSES | OVERRIDES)
        changes.extend(_ignored(participant_id, at, signs, own, bool(moved)))
        if not moved and participant_id in self.open_stays:
            self.learn_names(at, self.open_stays[participant_id], own, changes)
        if transition & OVERRIDES and inferred_leave is not None:
            self._override(participant_id, at, inferred_leave)
        reopens = transition & CLOSES and transition & OPENS
        if transition & CLOSES:
            events = [e for e in own if e.kind is not _JOIN_KIND] if reopens else own
            self._close(participant_id, at, events, _left_by(transition, signs, own, ending))
        self._drop_confirmed(participant_id, transition & NEXT_PHASE)
        if transition & OPENS:
            self._open(
                participant_id, at, [e for e in own if e.kind is _JOIN_KIND] if reopens else own, signs
            )
        if reopens and participant_id in self.unconfirmed:
            # The inferred leave is of this instant, and the names of its join belong to the merged stay, too.
            self.unconfirmed[participant_id].merged.learn(own)

    def _open(self, participant_id: str, at: Ms, events: Sequence[Event], signs: int) -> None:
        stay = OpenStay(participant_id, at, None, None, None, bool(signs & JOIN))
        stay.learn(events)
        self.open_stays[participant_id] = stay
        self.moves.append((at, stay, True))
        if self.presence_changes is not None:
            self.presence_changes.append(joined(stay.to_stay()))
        if participant_id in self.unconfirmed:
            self.unconfirmed[participant_id].rejoined.append(stay)

    def _close(self, participant_id: str, at: Ms, events: Sequence[Event], left_by: LeftBy) -> None:
        stay = self.open_stays.pop(participant_id)
        stay.names_before_leave = stay.names
        stay.learn(events)
        stay.leave = at
        stay.left_by = left_by
        self.moves.append((at, stay, False))
        if self.presence_changes is not None:
            self.presence_changes.append(left(stay.to_stay(), at))
        if left_by not in (LeftBy.REPORTED, LeftBy.ROOM_ENDED):
            self._add_unconfirmed(participant_id, UnconfirmedLeave(stay)).latest = stay

    def _override(self, participant_id: str, at: Ms, inferred_leave: UnconfirmedLeave) -> None:
        self.open_stays.pop(participant_id, None)
        inferred_leave.override()
        inferred_leave.stay.leave, inferred_leave.stay.left_by = at, _REPORTED
        self._record_override(inferred_leave.stay, at)

    def _drop_confirmed(self, participant_id: str, phase: int) -> None:
        if phase in (IN, OUT):
            self.unconfirmed.pop(participant_id, None)

    def _apply_without_effect(
        self, participant_id: str, at: Ms, sign: int, event: Event, changes: list[Change]
    ) -> None:
        """Apply a report that changes nothing, but may name the participant (R1)."""
        changes.extend(_ignored(participant_id, at, sign, (event,), moved=False))
        if participant_id in self.open_stays:
            self.learn_names(at, self.open_stays[participant_id], (event,), changes)

    def learn_names(self, at: Ms, stay: OpenStay, events: Sequence[Event], changes: list[Change]) -> None:
        """Add missing names and attributes to an open stay, and to `changes` if the stay is published."""
        self.save_before_image(stay.participant_id)
        before = stay.names
        stay.learn(events)
        if stay.counted and before != stay.names:
            changes.append(ParticipantNamed(at, stay.to_stay()))

    def overridden_by(self, events: Iterable[Event]) -> list[str]:
        """Return the participants whose inferred leave the reports of one instant override."""
        leaving: set[str] = set()
        joining: set[str] = set()
        for event in events:
            participant_id = event.participant_id
            if participant_id is not None and participant_id in self.unconfirmed and event.inferred is None:
                (joining if event.kind is _JOIN_KIND else leaving).add(participant_id)
        return sorted(leaving - joining)

    def reopen(self, participant_id: str) -> None:
        """Withdraw an inferred leave: the participant has been present since the join of that stay."""
        self.save_before_image(participant_id)
        inferred_leave = self.unconfirmed.pop(participant_id)
        inferred_leave.override()
        stay = inferred_leave.stay
        stay.leave = stay.left_by = stay.names_before_leave = None
        self.open_stays[participant_id] = stay
        self._record_override(stay, NEVER)

    def _record_override(self, stay: OpenStay, at: Ms) -> None:
        self.overrides += 1
        self.overridden_at = at
        self.earliest_override = min(self.earliest_override, stay.join)
        self.overridden_since = min(self.overridden_since, stay.join)

    def pack_unconfirmed(self) -> tuple[tuple[Any, ...], ...]:
        """Return the unconfirmed leaves as plain values, for `restore_unconfirmed`."""
        return tuple(self.unconfirmed[participant_id].pack() for participant_id in sorted(self.unconfirmed))

    def restore_unconfirmed(self, packed: Iterable[Sequence[Any]]) -> None:
        """Restore what `pack_unconfirmed` returned."""
        for values in packed:
            self._add_unconfirmed(values[0][0], UnconfirmedLeave(*map(OpenStay.unpack, values)))

    def _add_unconfirmed(self, participant_id: str, inferred_leave: UnconfirmedLeave) -> UnconfirmedLeave:
        if self.unconfirmed is _NO_UNCONFIRMED:
            self.unconfirmed = {}
        return self.unconfirmed.setdefault(participant_id, inferred_leave)


def _left_by(transition: int, signs: int, own: Iterable[Event], ending: Iterable[Event]) -> LeftBy:
    if transition & BY_ROOM_END:
        return LeftBy.ROOM_ENDED
    if not transition & BY_INFERENCE:
        return LeftBy.REPORTED
    by_own = signs & INFERRED_LEAVE and not signs & (JOIN | LEAVE | INFERRED_JOIN)
    inferred = [e for e in own if e.kind is _LEAVE_KIND] if by_own else ending
    return LeftBy(min(e.inferred for e in inferred if e.inferred is not None))


def _ignored(
    participant_id: str,
    at: Ms,
    signs: int,
    own: Sequence[Event],
    moved: bool,  # noqa: FBT001 - a fact, not a switch
) -> Iterator[EventIgnored]:
    """Yield which events changed nothing, and why, for explanations."""
    if moved and len(own) == 1:
        return
    seen: set[tuple[Kind, bool]] = set()
    for event in own:
        signature = (event.kind, event.inferred is None)
        reason = Reason.DUPLICATE_EVENT if signature in seen else _why_ignored(event, signs, moved)
        seen.add(signature)
        if reason is not None:
            yield EventIgnored(at, participant_id, event.kind, reason)


def _why_ignored(event: Event, signs: int, moved: bool) -> Reason | None:  # noqa: FBT001 - a fact, not a switch
    if event.inferred is not None and signs & (JOIN | LEAVE):
        return Reason.INFERRED_EVENT_OUTRANKED
    own = signs & (JOIN | LEAVE) or signs & (INFERRED_JOIN | INFERRED_LEAVE)
    if own in (JOIN | LEAVE, INFERRED_JOIN | INFERRED_LEAVE):
        return Reason.CANCELLED_OUT
    if moved:
        return None
    return Reason.DUPLICATE_JOIN if event.kind is _JOIN_KIND else Reason.LEAVE_WITHOUT_JOIN
