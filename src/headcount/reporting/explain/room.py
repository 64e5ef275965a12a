"""Explanation of a room as lines for the command line: what happened, instant by instant, and the situation at the end.

Responsible for the sentences and their order. Must not decide anything. Times are UTC.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Final

from headcount.kernel.changes import (
    Change,
    EventIgnored,
    MeetingEnded,
    MeetingsCorrected,
    MeetingStarted,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantNamed,
    Reason,
    StayIgnored,
)
from headcount.kernel.events import Event, Ms
from headcount.kernel.meetings import Stay
from headcount.kernel.replay import changes_of
from headcount.kernel.room import Room
from headcount.kernel.rules import NEVER, Rules
from headcount.reporting.explain import phrases

_RULES: Final = Rules()
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_NAMES: Final = 5
_at = attrgetter("at")


def explain_room(
    events: Iterable[Event], room: str, as_of: Ms, *, domain: str = "default", rules: Rules = _RULES
) -> Iterator[str]:
    """Yield the explanation of a room by its events up to `as_of` ms, in any order, a sentence a line."""
    return _lines(steps_of_room(events, room, as_of, domain=domain, rules=rules), room, as_of)


def steps_of_room(
    events: Iterable[Event], room: str, as_of: Ms, *, domain: str = "default", rules: Rules = _RULES
) -> Iterator[tuple[Ms, str]]:
    """Yield the time in ms and the message of each step of a room, by its events up to `as_of` ms, in any order."""
    known = sorted((event for event in events if event.at <= as_of), key=_at)
    live = Room(domain, room, rules)
    for event in known:
        live.handle(event, event.at)
    revisions = [
        # The room revises an inferred leave just before the instant of the report that overrides it.
        change._replace(at=change.at + 1)
        for change in live.advance(as_of + rules.late_grace_ms)
        if change.reason is Reason.INFERRED_LEAVE_OVERRIDDEN
    ]
    changes = phrases.without_confirmations(changes_of(known, as_of=as_of, domain=domain, rules=rules), known)
    pending = live.view(as_of).pending
    return _steps([*changes, *revisions], as_of, rules, pending)


def explain_changes(
    changes: Iterable[Change], room: str, as_of: Ms, *, rules: Rules = _RULES, pending: Sequence[Stay] = ()
) -> Iterator[str]:
    """Yield the explanation of a room by its changes, a sentence a line, with a heading for each day.

    `pending` are the stays that are too short to count at `as_of` ms (R14): there are no changes about them.
    """
    return _lines(_steps(changes, as_of, rules, pending), room, as_of)


def _steps(
    changes: Iterable[Change], as_of: Ms, rules: Rules, pending: Sequence[Stay]
) -> Iterator[tuple[Ms, str]]:
    ordered = sorted(changes, key=_at)
    undecided_from = min((stay.join for stay in pending), default=NEVER)
    narrator = _Narrator(_names(ordered, pending), rules, undecided_from)
    return ((at, f"{sentence}.") for at, sentence in narrator.sentences(ordered, as_of, pending))


def _lines(steps: Iterable[tuple[Ms, str]], room: str, as_of: Ms) -> Iterator[str]:
    yield f"Room '{_printable(room)}' as of {_date(as_of)} {_clock(as_of)} UTC"
    day, steps = "", list(steps)
    width = max((len(_clock(at)) for at, _ in steps), default=0)
    for at, sentence in steps:
        if _date(at) != day:
            day = _date(at)
            yield f"\n{day}"
        yield f"  {_clock(at):<{width}}  {sentence}"


class _Narrator:
    """Sentences about a room, and the state of the room that they need."""

    def __init__(self, names: dict[str, str], rules: Rules, undecided_from: Ms) -> None:
        self.names = names
        self.rules = rules
        self.undecided_from = undecided_from
        self.present: dict[str, Ms] = {}
        self.in_use_since: Ms = NEVER
        self.first_participants: list[str] = []
        self.meeting: Ms | None = None
        self.alone_since: Ms = NEVER
        self.alone: list[str] = []

    def sentences(
        self, changes: Sequence[Change], as_of: Ms, pending: Sequence[Stay]
    ) -> Iterator[tuple[Ms, str]]:
        """Yield times in ms and sentences, in order."""
        for at, together in groupby(changes, key=_at):
            for sentence in self._instant(at, list(together)):
                yield at, sentence
        for sentence in self._situation(as_of, pending):
            yield as_of, sentence

    def _instant(self, at: Ms, changes: list[Change]) -> Iterator[str]:
        """Everything that happens at one instant happens together (R5)."""
        yield from self._ignored([change for change in changes if isinstance(change, EventIgnored)])
        for change in changes:
            if isinstance(change, MeetingsCorrected):
                yield from self._revised(change)
            elif isinstance(change, StayIgnored):
                yield self._short_stay(change.stay)
        was_alone = self.alone_since, self.alone
        yield from self._moves(at, changes)
        started = [change for change in changes if isinstance(change, MeetingStarted)]
        ended = [change for change in changes if isinstance(change, MeetingEnded)]
        yield from self._meetings(at, started, ended, *was_alone)
        if not self.present and self.in_use_since != NEVER:
            if self.meeting is None and not ended and at < self.undecided_from:
                yield self._no_meeting(at)
            self.in_use_since = NEVER

    def _ignored(self, changes: Iterable[EventIgnored]) -> Iterator[str]:
        sentences = (phrases.ignored(change, self._name(change.participant_id or "")) for change in changes)
        for sentence, times in Counter(sentences).items():
            # A join and a leave at one instant are two changes, and one sentence is about both.
            once = times == 1 or sentence.endswith("(rule 2)")
            yield sentence if once else sentence.replace(" (rule", f", {times} times (rule")

    def _revised(self, change: MeetingsCorrected) -> Iterator[str]:
        if change.reason is not Reason.INFERRED_LEAVE_OVERRIDDEN:
            yield phrases.late_event(change.late_ms)
            return
        inferred = {(stay.participant_id, stay.join): stay.leave for stay in change.stays_before}
        for stay in change.stays_after:
            leave = inferred.get((stay.participant_id, stay.join))
            when = "" if leave is None else f" at {_clock(leave, change.at)}"
            yield (
                f"{self._name(stay.participant_id)} was inferred to have left{when}, but a later leave is reported."
                f" The stay lasted until now (rule 3a)"
            )

    def _short_stay(self, stay: Stay) -> str:
        assert stay.leave is not None
        return (
            f"{self._name(stay.participant_id)}, who joined at {_clock(stay.join, stay.leave)}, left after"
            f" {phrases.duration(stay.leave - stay.join)}. Stays shorter than"
            f" {phrases.duration(self.rules.min_stay_ms)} do not count (rule 4)"
        )

    def _moves(self, at: Ms, changes: Iterable[Change]) -> Iterator[str]:
        """Joins, leaves, and the number of participants after them."""
        before = dict(self.present)
        joined = [change.stay.participant_id for change in changes if isinstance(change, ParticipantJoined)]
        left = [change.stay for change in changes if isinstance(change, ParticipantLeft)]
        self.present.update(dict.fromkeys(joined, at))
        for stay in left:
            if self.present.get(stay.participant_id) == stay.join:
                del self.present[stay.participant_id]
        sentences = [*self._left(left), *([f"{self._all(joined)} joined (rule 4)"] if joined else [])]
        if sentences:
            sentences[-1] += f"; {len(self.present)} in the room"
        yield from sentences
        if before and joined and not before.keys() & self.present.keys() and self.present:
            yield "The last participant left at the instant when another joined: the room was not empty (rule 5)"
        self._update(at, len(before), joined)

    def _left(self, stays: Sequence[Stay]) -> Iterator[str]:
        for left_by, phrase in _LEFT.items():
            participants = [stay.participant_id for stay in stays if stay.left_by is left_by]
            if participants:
                yield f"{self._all(participants)} {phrase}"

    def _update(self, at: Ms, before: int, joined: list[str]) -> None:
        """Update since when the room is in use, and since when somebody is alone in it."""
        number = len(self.present)
        if number and not before:
            self.in_use_since, self.first_participants = at, joined
        if number == 1 and before >= 2:
            self.alone_since, self.alone = at, list(self.present)
        elif number == 1 and self.alone_since != NEVER:
            self.alone = [*self.alone, *joined]
        elif number != 1:
            self.alone_since, self.alone = NEVER, []

    def _meetings(
        self,
        at: Ms,
        started: Sequence[MeetingStarted],
        ended: Sequence[MeetingEnded],
        alone_since: Ms,
        alone: list[str],
    ) -> Iterator[str]:
        for start in started:
            if start.reason is Reason.LEFT_ALONE:
                reset = next(end for end in ended if end.reason is Reason.LEFT_ALONE)
                yield self._reset(at, reset, alone_since, alone)
                self.alone_since, self.alone = NEVER, []
            else:
                yield self._start(start)
            self.meeting = start.start
        for end in ended:
            if end.reason is Reason.ROOM_EMPTY:
                yield f"The room is empty. {_meeting_ended(end)} (rule 8)"
                self.meeting = None

    def _reset(self, at: Ms, end: MeetingEnded, alone_since: Ms, alone: Sequence[str]) -> str:
        names = f", {', then '.join(map(self._name, alone))}," if len(alone) <= 3 else ""
        return (
            f"Only one participant{names} had been in the room for {phrases.duration(at - alone_since)}, since"
            f" {_clock(alone_since, at)}. {_meeting_ended(end)}, and a new one started (rule 7)"
        )

    def _start(self, change: MeetingStarted) -> str:
        names = self._all(self.first_participants)
        started = f"A meeting started at {_clock(change.start, change.at)}, when {names} joined"
        if change.at == change.start:
            return f"{started} (rule 6)"
        confirmed = phrases.confirmation(change.reason, _clock(change.at), change.at - change.start)
        return f"{started}. {confirmed}"

    def _no_meeting(self, at: Ms) -> str:
        return (
            f"The room is empty. It was in use for {phrases.duration(at - self.in_use_since)}, less than"
            f" {phrases.duration(self.rules.start_alone_ms)}, by one participant at a time: no meeting (rule 6)"
        )

    def _situation(self, as_of: Ms, pending: Sequence[Stay]) -> Iterator[str]:
        """The situation at the end."""
        if self.meeting is not None:
            names = self._all_present()
            yield f"The meeting of {_clock(self.meeting, as_of)} is ongoing with {names} (rule 10)"
            if self.alone_since != NEVER and not pending:
                reset = _clock(self.alone_since + self.rules.reset_alone_ms, as_of)
                yield f"If nobody joins, a new meeting starts at {reset} (rule 7)"
        elif self.present:
            yield (
                f"{self._all_present()} in the room. It has been in use for"
                f" {phrases.duration(as_of - self.in_use_since)} by one participant at a time: no meeting yet (rule 6)"
            )
        elif not pending:
            yield "The room is empty (rule 8)"
        for stay in pending:
            yield (
                f"{self._name(stay.participant_id)} joined at {_clock(stay.join, as_of)}, less than"
                f" {phrases.duration(self.rules.min_stay_ms)} ago. The stay is pending (rule 14)"
            )

    def _all_present(self) -> str:
        return self._all(list(self.present)) or "pending stays only"

    def _name(self, participant_id: str) -> str:
        return self.names.get(participant_id) or _printable(participant_id)

    def _all(self, participants: Sequence[str]) -> str:
        """Names as A, B and C; of many only the first ones."""
        names = [self._name(participant) for participant in participants]
        if len(names) > _MAX_NAMES + 1:
            names = [*names[:_MAX_NAMES], f"{len(names) - _MAX_NAMES} others"]
        return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


_LEFT: Final = phrases.REPORTED_LEAVES | {
    left_by: phrases.inferred_leave(left_by) for left_by in phrases.INFERRED_LEAVES
}


def _names(changes: Iterable[Change], pending: Iterable[Stay]) -> dict[str, str]:
    """Names by participant id, as 'Ann (PA_x)', where the name is known."""
    about_stays = (ParticipantJoined, ParticipantNamed, ParticipantLeft, StayIgnored)
    stays = [*(change.stay for change in changes if isinstance(change, about_stays)), *pending]
    return {
        stay.participant_id: f"{_printable(stay.user_name)} ({_printable(stay.participant_id)})"
        for stay in stays
        if stay.user_name is not None
    }


def _meeting_ended(end: MeetingEnded) -> str:
    lasted = phrases.length_and_peak(end.at - end.start, end.max_participants)
    return f"The meeting of {_clock(end.start, end.at)} ended after {lasted}"


def _printable(text: str) -> str:
    """The text without control characters: names come from anywhere, and must not control the terminal."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )


def _time(ms: Ms) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)


def _date(ms: Ms) -> str:
    return _time(ms).date().isoformat()


def _clock(ms: Ms, seen_from: Ms | None = None) -> str:
    """The time of day, with milliseconds if there are any, and with the day if it is not that of `seen_from`."""
    clock = _time(ms).time().isoformat("milliseconds" if ms % 1_000 else "seconds")
    return clock if seen_from is None or _date(seen_from) == _date(ms) else f"{_date(ms)} {clock}"
