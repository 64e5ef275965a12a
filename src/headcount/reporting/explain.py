"""Why: why a meeting is as it is, each step with its rule, its moment and a sentence.

Nothing is decided here. The kernel works the stretch of time out once more from its events and gives
the reasons; they are put into words.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

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
from headcount.kernel.rules import NEVER, Rules
from headcount.kernel.stay_table import LeftBy
from headcount.store.meetings import Meetings
from headcount.store.records import KINDS, Correction, MeetingRow
from headcount.store.sources import ExcludedParticipant
from headcount.timestamps import spoken

MOST_EVENTS: Final = 20_000
"""Of more events than that no story is told while somebody waits."""

MOST_BYSTANDERS: Final = 1_000

_WENT: Final = {
    LeftBy.REPORTED: "left (rule 1)",
    LeftBy.ROOM_ENDED: "left because the room was ended (rule 1)",
    LeftBy.SNAPSHOT: "is inferred to have left, being missing from a list of those present (rule 3a)",
    LeftBy.TIMEOUT: "is inferred to have left, since nobody ever closed the stay (rule 3a)",
    LeftBy.SUPERSEDED: "is inferred to have left, since the room or its server began anew (rule 3a)",
}
_IGNORED: Final = {
    Because.REPEATED_JOIN: "was said to join, but was in already: ignored (rule 1)",
    Because.ORPHAN_LEAVE: "was said to leave, but was not in: ignored (rule 1)",
    Because.CANCELLED: "was said to join and to leave at one instant, which changes nothing (rule 2)",
    Because.DUPLICATE_EVENT: "was said to {kind}, which was said already: ignored (rule 3)",
    Because.INFERRED_EVENT_OUTRANKED: "was inferred to {kind}, which gives way to what was reported: ignored (rule 3a)",
}


class Step(NamedTuple):
    """One thing that happened: what, when, by which rule, to whom, and in a sentence."""

    what: str
    at: Ms
    because: Because
    participant_id: str | None
    sentence: str


class Corrected(NamedTuple):
    """What was told before, and what holds in its place: `before` and `after` as JSON has them, moments in ms."""

    at: Ms
    because: Because
    late: Ms
    sentence: str
    before_and_after: dict[str, Any]


class NotCounted(NamedTuple):
    """Somebody who came or went and does not count, and why not."""

    who: ExcludedParticipant
    kind: Kind
    sentence: str


class Why(NamedTuple):
    """Why a meeting is as it is, and the events that it follows from.

    `began` and `ended` are None where the events at hand do not tell; `ended` also while it goes on.
    """

    began: Step | None
    ended: Step | None
    steps: list[Step]
    corrections: list[Corrected]
    not_counted: list[NotCounted]
    events: list[Event]
    superseded_ids: list[str]
    void: list[Stay]


def why(
    answers: Meetings,
    bystanders: Callable[[str, str, Ms, Ms, int], list[ExcludedParticipant]],
    row: MeetingRow,
    now: Ms,
    rules: Rules,
    written: Callable[[Ms], str] = spoken,
) -> Why | None:
    """Why the meeting is as it is; None if more than `MOST_EVENTS` are behind it.

    `written` is how a moment stands in a sentence.
    """
    until = NEVER if row.end is None else row.end
    events = answers.source_events(row, MOST_EVENTS)
    if events is None:
        return None
    story = _Story(row, events, now, rules, written)
    return Why(
        story.began(),
        story.ended(),
        story.steps(),
        [_correction(one) for one in answers.corrections(row.domain, row.room, row.start, until)],
        [_not_counted(one) for one in bystanders(row.domain, row.room, row.start, until, MOST_BYSTANDERS)],
        events,
        answers.superseded_ids(row),
        story.void(),
    )


class _Story:
    """What the kernel tells of one meeting."""

    def __init__(
        self, row: MeetingRow, events: Sequence[Event], now: Ms, rules: Rules, written: Callable[[Ms], str]
    ) -> None:
        self._row = row
        self._written = written
        self._rules = rules
        self._until = NEVER if row.end is None else row.end
        told = changes_of(events, as_of=now, domain=row.domain, rules=rules)
        self._changes = list(_without_confirmations(told, events))
        self._names = {
            change.stay.participant_id: f"{change.stay.user_name} ({change.stay.participant_id})"
            for change in told
            if isinstance(change, ParticipantJoined | ParticipantNamed | ParticipantLeft | StayIgnored)
            and change.stay.user_name is not None
        }

    def began(self) -> Step | None:
        """Why the meeting began when it did; None where the events at hand do not tell."""
        for change in self._changes:
            if isinstance(change, MeetingStarted) and change.start == self._row.start:
                return _step("began", change.start, change.because, None, self._start(change))
        return None

    def ended(self) -> Step | None:
        """Why it ended; None while it is ongoing."""
        for change in self._changes:
            if isinstance(change, MeetingEnded) and change.start == self._row.start:
                return _step("ended", change.at, change.because, None, self._end(change))
        return None

    def steps(self) -> list[Step]:
        """All else that happened in it, in order of time."""
        return [step for change in self._changes if self._is_of_it(change) for step in self._told(change)]

    def void(self) -> list[Stay]:
        """The stays within it that were too short to count."""
        return [
            change.stay
            for change in self._changes
            if isinstance(change, StayIgnored) and self._is_of_it(change)
        ]

    def _is_of_it(self, change: Change) -> bool:
        if isinstance(change, StayIgnored):
            return change.stay.join < self._until and change.at >= self._row.start
        return self._row.start <= change.at <= self._until

    def _told(self, change: Change) -> Iterator[Step]:
        match change:
            case ParticipantJoined(at, stay, because):
                yield _step("joined", at, because, stay.participant_id, f"{self._name(stay)} joined (rule 4)")
            case ParticipantNamed(at, stay, because):
                known = f"{stay.participant_id} is known as {stay.user_name or stay.user_id} from here on (rule 1)"
                yield _step("named", at, because, stay.participant_id, known)
            case ParticipantLeft(at, stay, because) if stay.left_by is not None:
                yield _step(
                    "left", at, because, stay.participant_id, f"{self._name(stay)} {_WENT[stay.left_by]}"
                )
            case StayIgnored(at, stay, because):
                yield _step("void", at, because, stay.participant_id, self._void(stay))
            case EventIgnored(at, participant_id, _, because):
                yield _step("ignored", at, because, participant_id, self._in_vain(change))

    def _start(self, change: MeetingStarted) -> str:
        if change.because is Because.LEFT_ALONE:
            return (
                f"One had been left alone in the room for {_span(self._rules.reset_alone_ms)}: the meeting before"
                " ended, and this one began, with the one who stayed (rule 7)"
            )
        began = "The meeting began when the first one joined"
        if change.at == change.start:
            return f"{began}: there were two at once (rule 6)"
        sure = f"{began}, though that was only sure at {self._written(change.at)}"
        if change.because is Because.TWO_TOGETHER:
            return f"{sure}, when there were two at once (rule 6)"
        return f"{sure}, after {_span(change.at - change.start)} with somebody in the room (rule 6)"

    def _end(self, change: MeetingEnded) -> str:
        lasted = f"after {_span(change.at - change.start)}, with {change.max_participants} at most at once"
        if change.because is Because.LEFT_ALONE:
            alone = _span(self._rules.reset_alone_ms)
            return f"One had been left alone for {alone}: the meeting was reset, and ended {lasted} (rule 7)"
        return f"Nobody was left: the meeting ended {lasted} (rule 8)"

    def _void(self, stay: Stay) -> str:
        assert stay.leave is not None
        return (
            f"{self._name(stay)} left after {_span(stay.leave - stay.join)}, less than"
            f" {_span(self._rules.min_stay_ms)}: void, and in no list and no count (rule 4)"
        )

    def _in_vain(self, change: EventIgnored) -> str:
        if change.kind is Kind.END or change.participant_id is None:
            return "The room was said to end, but nobody was in it: ignored (rule 1)"
        name = self._names.get(change.participant_id, change.participant_id)
        return f"{name} {_IGNORED[change.because].format(kind=change.kind)}"

    def _name(self, stay: Stay) -> str:
        return self._names.get(stay.participant_id, stay.participant_id)


def _step(what: str, at: Ms, because: Because, participant_id: str | None, sentence: str) -> Step:
    return Step(what, at, because, participant_id, f"{sentence}.")


def _correction(row: Correction) -> Corrected:
    because = Because(row.because)
    if because is Because.INFERRED_LEAVE_OVERRIDDEN:
        sentence = "A stay was inferred to have ended, but a leave was reported later: it went on until then (rule 3a)."
    else:
        late = _span(row.late)
        sentence = f"An event came {late} late, and what it touches was worked out anew (rule 15)."
    return Corrected(row.corrected, because, row.late, sentence, msgspec.json.decode(row.before_and_after))


def _not_counted(one: ExcludedParticipant) -> NotCounted:
    kind = KINDS[one.kind]
    name = one.user_name or one.participant_id
    return NotCounted(one, kind, f"{name} was said to {kind}, but does not count: a {one.role}.")


def _without_confirmations(changes: Iterable[Change], events: Iterable[Event]) -> Iterator[Change]:
    """Leaves out that a leave's `joined_at` repeats its join: it is there for that, and no news."""
    joins = Counter((event.participant_id, event.at) for event in events if event.kind is Kind.JOIN)
    for change in changes:
        if isinstance(change, MeetingsCorrected):
            continue
        if (
            isinstance(change, EventIgnored)
            and change.because is Because.DUPLICATE_EVENT
            and change.kind is Kind.JOIN
        ):
            who = change.participant_id, change.at
            joins[who] -= 1
            if joins[who] < 1:
                continue
        yield change


def _span(ms: Ms) -> str:
    """A length of time in words."""
    minutes, rest = divmod(ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    parts = [(f"{hours:,}", "hour"), (str(minutes), "minute"), (f"{rest / 1_000:g}", "second")]
    said = [f"{number} {unit}{'' if number == '1' else 's'}" for number, unit in parts if number != "0"]
    return " ".join(said) or "0 seconds"
