"""Explaining: the story of a room in sentences, each with the rule that made it so.

Whoever asks why a meeting began when it did, or why somebody is in no list, finds the answer here.
Nothing is decided in this module: the kernel tells changes, each with its reason, and they are put
into words, one instant after the other. Times are UTC.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter

from headcount.kernel.changes import (
    Because,
    Change,
    EventIgnored,
    MeetingEnded,
    MeetingsCorrected,
    MeetingStarted,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantNamed,
    StayIgnored,
)
from headcount.kernel.events import Event, Kind, Ms
from headcount.kernel.meetings import Stay
from headcount.kernel.replay import changes_of
from headcount.kernel.room import Room
from headcount.kernel.rules import NEVER, Rules
from headcount.kernel.stay_table import LeftBy

_RULES = Rules()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_at = attrgetter("at")

_WENT = {
    LeftBy.REPORTED: "left (rule 1)",
    LeftBy.ROOM_ENDED: "left because the room was ended (rule 1)",
    LeftBy.SNAPSHOT: "left, or so it is inferred: missing from a list of those present (rule 3a)",
    LeftBy.TIMEOUT: "left, or so it is inferred: nobody ever closed the stay (rule 3a)",
    LeftBy.SUPERSEDED: "left, or so it is inferred: the room or its server began anew (rule 3a)",
}
_IGNORED = {
    Because.REPEATED_JOIN: "was said to join, but was in already: ignored (rule 1)",
    Because.ORPHAN_LEAVE: "was said to leave, but was not in: ignored (rule 1)",
    Because.CANCELLED: "was said to join and to leave at one instant, which changes nothing (rule 2)",
    Because.DUPLICATE_EVENT: "was said to {kind}, which was said already: ignored (rule 3)",
    Because.INFERRED_EVENT_OUTRANKED: "was inferred to {kind}, which gives way to what was reported: ignored (rule 3a)",
}


def story_of(
    events: Iterable[Event], room: str, as_of: Ms, *, domain: str = "default", rules: Rules = _RULES
) -> Iterator[str]:
    """The story of `room` by its events up to `as_of` ms, in any order; a sentence a line."""
    known = sorted((event for event in events if event.at <= as_of), key=_at)
    live = Room(domain, room, rules)
    for event in known:
        live.handle(event, event.at)
    told = live.advance(as_of + rules.settling_ms)
    overturned = [change for change in told if change.because is Because.INFERRED_LEAVE_OVERRIDDEN]
    # The room takes a guess back just before the instant of the report that overturns it.
    overturned = [change._replace(at=change.at + 1) for change in overturned]
    changes = _without_confirmations(changes_of(known, as_of=as_of, domain=domain, rules=rules), known)
    pending = live.view(as_of).pending
    return explain([*changes, *overturned], room, as_of, rules=rules, pending=pending)


def _without_confirmations(changes: Iterable[Change], events: Iterable[Event]) -> Iterator[Change]:
    """Leaves out that a leave's `joined_at` repeats its join: it is there for that, and no news."""
    joins = Counter((event.participant_id, event.at) for event in events if event.kind is Kind.JOIN)
    for change in changes:
        if isinstance(change, EventIgnored) and change.because is Because.DUPLICATE_EVENT:
            who = change.participant_id, change.at
            joins[who] -= change.kind is Kind.JOIN
            if change.kind is Kind.JOIN and joins[who] < 1:
                continue
        yield change


def explain(
    changes: Iterable[Change], room: str, as_of: Ms, *, rules: Rules = _RULES, pending: Sequence[Stay] = ()
) -> Iterator[str]:
    """The story that `changes` of `room` tell, a sentence a line, with a heading for each day.

    `pending` are those who have joined too recently to count at `as_of` ms (R14); no change is
    told of them.
    """
    known = sorted(changes, key=_at)
    story = _Story(_names(known, pending), rules, min((stay.join for stay in pending), default=NEVER))
    yield f"The room '{_printable(room)}' as of {_date(as_of)} {_clock(as_of)} UTC"
    day = ""
    for at, sentence in story.told(known, as_of, pending):
        if _date(at) != day:
            day = _date(at)
            yield f"\n{day}"
        yield f"  {_clock(at):<12}  {sentence}."


_Sentences = Iterator[tuple[Ms, str]]


class _Story:
    """What must be remembered of a room while its story is told."""

    def __init__(self, names: dict[str, str], rules: Rules, undecided_from: Ms) -> None:
        self.names = names
        self.rules = rules
        self.undecided_from = undecided_from
        self.present: dict[str, Ms] = {}
        self.in_use_since: Ms = NEVER
        self.began_with: list[str] = []
        self.meeting: Ms | None = None
        self.alone_since: Ms = NEVER
        self.alone: list[str] = []

    def told(self, changes: Sequence[Change], as_of: Ms, pending: Sequence[Stay]) -> _Sentences:
        for at, together in groupby(changes, key=_at):
            for sentence in self._instant(at, list(together)):
                yield at, sentence
        for sentence in self._now(as_of, pending):
            yield as_of, sentence

    def _instant(self, at: Ms, changes: list[Change]) -> Iterator[str]:
        """All that happened at one instant happened together (R5)."""
        yield from self._ignored([change for change in changes if isinstance(change, EventIgnored)])
        for change in changes:
            if isinstance(change, MeetingsCorrected):
                yield from self._revised(change)
            elif isinstance(change, StayIgnored):
                yield self._void(change.stay)
        was_alone = self.alone_since, self.alone
        yield from self._moves(at, changes)
        began = [change for change in changes if isinstance(change, MeetingStarted)]
        ended = [change for change in changes if isinstance(change, MeetingEnded)]
        yield from self._meetings(at, began, ended, *was_alone)
        if not self.present and self.in_use_since != NEVER:
            if self.meeting is None and not ended and at < self.undecided_from:
                yield self._no_meeting(at)
            self.in_use_since = NEVER

    def _ignored(self, changes: Iterable[EventIgnored]) -> Iterator[str]:
        for sentence, times in Counter(map(self._in_vain, changes)).items():
            # One instant's join and leave are two changes, and one sentence speaks of both.
            once = times == 1 or sentence.endswith("(rule 2)")
            yield sentence if once else sentence.replace(" (rule", f", {times} times (rule")

    def _in_vain(self, change: EventIgnored) -> str:
        if change.kind is Kind.END or change.participant_id is None:
            return "The room was said to end, but nobody was in it: ignored (rule 1)"
        return f"{self._name(change.participant_id)} {_IGNORED[change.because].format(kind=change.kind)}"

    def _revised(self, change: MeetingsCorrected) -> Iterator[str]:
        if change.because is not Because.INFERRED_LEAVE_OVERRIDDEN:
            late = _span(change.late_ms)
            yield f"An event came {late} late, and what it touches was worked out anew (rule 15)"
            return
        guesses = {(stay.participant_id, stay.join): stay.leave for stay in change.stays_before}
        for stay in change.stays_after:
            guess = guesses.get((stay.participant_id, stay.join))
            when = "" if guess is None else f" at {_clock(guess, change.at)}"
            yield (
                f"{self._name(stay.participant_id)} was inferred to have left{when}, but a leave is"
                f" reported now: that was wrong, and the stay went on (rule 3a)"
            )

    def _void(self, stay: Stay) -> str:
        assert stay.leave is not None
        return (
            f"{self._name(stay.participant_id)} is gone after {_span(stay.leave - stay.join)}, having joined"
            f" at {_clock(stay.join, stay.leave)}: less than {_span(self.rules.min_stay_ms)}, so void, and in no list"
            f" and no count (rule 4)"
        )

    def _moves(self, at: Ms, changes: Iterable[Change]) -> Iterator[str]:
        """Who came, who went, and how many are in then."""
        before = dict(self.present)
        came = [change.stay.participant_id for change in changes if isinstance(change, ParticipantJoined)]
        went = [change.stay for change in changes if isinstance(change, ParticipantLeft)]
        self.present.update(dict.fromkeys(came, at))
        for stay in went:
            if self.present.get(stay.participant_id) == stay.join:
                del self.present[stay.participant_id]
        sentences = [*self._going(went), *self._coming(came)]
        if sentences:
            sentences[-1] += f"; {len(self.present)} in the room"
        yield from sentences
        if before and came and not before.keys() & self.present.keys() and self.present:
            yield "The last one left as another came: never empty, and never together (rule 5)"
        self._remember(at, len(before), came)

    def _going(self, went: Sequence[Stay]) -> Iterator[str]:
        for left_by, how in _WENT.items():
            who = [stay.participant_id for stay in went if stay.left_by is left_by]
            if who:
                yield f"{self._all(who)} {how}"

    def _coming(self, came: Sequence[str]) -> Iterator[str]:
        if came:
            yield f"{self._all(came)} joined (rule 4)"

    def _remember(self, at: Ms, before: int, came: list[str]) -> None:
        now = len(self.present)
        if now and not before:
            self.in_use_since, self.began_with = at, came
        if now == 1 and before >= 2:
            self.alone_since, self.alone = at, list(self.present)
        elif now == 1 and self.alone_since != NEVER:
            self.alone = [*self.alone, *came]
        elif now != 1:
            self.alone_since, self.alone = NEVER, []

    def _meetings(
        self,
        at: Ms,
        began: Sequence[MeetingStarted],
        ended: Sequence[MeetingEnded],
        since: Ms,
        alone: list[str],
    ) -> Iterator[str]:
        for start in began:
            if start.because is Because.LEFT_ALONE:
                yield self._reset(
                    at, next(end for end in ended if end.because is Because.LEFT_ALONE), since, alone
                )
                self.alone_since, self.alone = NEVER, []
            else:
                yield self._start(start)
            self.meeting = start.start
        for end in ended:
            if end.because is Because.EMPTY:
                yield f"Nobody is left: {_over(end)} (rule 8)"
                self.meeting = None

    def _reset(self, at: Ms, end: MeetingEnded, since: Ms, alone: Sequence[str]) -> str:
        who = f"{', then '.join(map(self._name, alone))}, " if len(alone) <= 3 else ""
        return (
            f"Only one, {who}had been left in the room for {_span(at - since)}, since {_clock(since, at)}:"
            f" {_over(end)}, and the next one began (rule 7)"
        )

    def _start(self, change: MeetingStarted) -> str:
        began = (
            f"A meeting began at {_clock(change.start, change.at)}, when {self._all(self.began_with)} joined"
        )
        if change.at == change.start:
            return f"{began}: {'two' if len(self.present) == 2 else len(self.present)} at once (rule 6)"
        sure = f"{began}, though that was only sure at {_clock(change.at)}"
        if change.because is Because.TWO_TOGETHER:
            return f"{sure}, when there were two at once (rule 6)"
        return f"{sure}, after {_span(change.at - change.start)} with somebody in the room (rule 6)"

    def _no_meeting(self, at: Ms) -> str:
        return (
            f"Nobody is left. The room was in use for {_span(at - self.in_use_since)}, less than"
            f" {_span(self.rules.start_alone_ms)}, and never by two at once: no meeting (rule 6)"
        )

    def _now(self, as_of: Ms, pending: Sequence[Stay]) -> Iterator[str]:
        """How things stand at the moment asked about."""
        if self.meeting is not None:
            yield f"The meeting of {_clock(self.meeting, as_of)} is ongoing, with {self._those_in()} in it (rule 10)"
            if self.alone_since != NEVER and not pending:
                reset = _clock(self.alone_since + self.rules.reset_alone_ms, as_of)
                yield f"Should nobody come, the next meeting begins at {reset} (rule 7)"
        elif self.present:
            yield (
                f"{self._those_in()} in the room, in use for {_span(as_of - self.in_use_since)} and never by two"
                f" at once: no meeting yet (rule 6)"
            )
        elif not pending:
            yield "The room is empty (rule 8)"
        for stay in pending:
            yield (
                f"{self._name(stay.participant_id)} joined at {_clock(stay.join, as_of)}, less than"
                f" {_span(self.rules.min_stay_ms)} ago: pending, and nothing is decided from then on (rule 14)"
            )

    def _those_in(self) -> str:
        return self._all(list(self.present)) or "nobody who counts yet"

    def _name(self, participant_id: str) -> str:
        return self.names.get(participant_id) or _printable(participant_id)

    def _all(self, participants: Sequence[str]) -> str:
        """A, B and C; of many only the first."""
        names = [self._name(participant) for participant in participants]
        if len(names) > 6:
            names = [*names[:5], f"{len(names) - 5} others"]
        return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def _names(changes: Iterable[Change], pending: Iterable[Stay]) -> dict[str, str]:
    """What everybody is called: 'Ann (PA_x)' where the name is known."""
    told = (ParticipantJoined, ParticipantNamed, ParticipantLeft, StayIgnored)
    stays = [*(change.stay for change in changes if isinstance(change, told)), *pending]
    return {
        stay.participant_id: f"{_printable(stay.user_name)} ({_printable(stay.participant_id)})"
        for stay in stays
        if stay.user_name is not None
    }


def _over(end: MeetingEnded) -> str:
    most = "never two" if end.max_participants == 1 else f"{end.max_participants} at most"
    return (
        f"the meeting of {_clock(end.start, end.at)} ended after {_span(end.at - end.start)}, {most} at once"
    )


def _printable(text: str) -> str:
    """Names come from anywhere, and must not steer the terminal."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _moment(ms: Ms) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)


def _date(ms: Ms) -> str:
    return _moment(ms).date().isoformat()


def _clock(ms: Ms, seen_from: Ms | None = None) -> str:
    """The time of day, with milliseconds where there are any; and the day, seen from another one."""
    told = _moment(ms).time().isoformat("milliseconds" if ms % 1_000 else "seconds")
    return told if seen_from is None or _date(seen_from) == _date(ms) else f"{_date(ms)} {told}"


def _span(ms: Ms) -> str:
    """A length of time in words."""
    minutes, rest = divmod(ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest / 1_000:g}"
    parts = [(f"{hours:,}", "hour"), (str(minutes), "minute"), (seconds, "second")]
    said = [f"{number} {unit}{'' if number == '1' else 's'}" for number, unit in parts if number != "0"]
    return " ".join(said) or "0 seconds"
