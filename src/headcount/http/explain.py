"""Explain: why a meeting is as it is, each step with its rule, its time and a sentence.

Nothing is decided here. The kernel works the stretch of time out once more from its events and gives
the reasons; they are put into words.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from headcount.http.context import Reading
from headcount.http.errors import invalid
from headcount.http.wire import Wire, written
from headcount.kernel.changes import (
    Because,
    Change,
    EventIgnored,
    MeetingEnded,
    MeetingStarted,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantNamed,
    Revised,
    StayVoided,
)
from headcount.kernel.events import Event, Kind, Ms
from headcount.kernel.history import changes_of
from headcount.kernel.meetings import Stay
from headcount.kernel.rules import NEVER, Rules
from headcount.kernel.stays import LeftBy
from headcount.store.rows import KINDS, Correction, MeetingRow
from headcount.store.sources import Bystander

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
    Because.DELIVERED_TWICE: "was said to {kind}, which was said already: ignored (rule 3)",
    Because.GUESS_OUTRANKED: "was inferred to {kind}, which gives way to what was reported: ignored (rule 3a)",
}
_MOMENTS: Final = frozenset({"at", "join", "leave", "start", "end"})


def explanation(reading: Reading, row: MeetingRow) -> dict[str, Any]:
    """The meeting, why it began and ended, what was void, ignored and corrected, and the events behind it.

    Raises `ApiError` 400 if there are too many events to tell of.
    """
    answers, now = reading.answers, reading.now()
    until = NEVER if row.end is None else row.end
    events = answers.events_behind(row, MOST_EVENTS)
    if events is None:
        raise invalid(
            f"more than {MOST_EVENTS:,} events are behind this meeting: 'headcount export' and"
            " 'headcount explain' tell of them all"
        )
    story = _Story(row, events, now, reading.rules)
    heading = msgspec.to_builtins(Wire(now, reading.granularity_s).meeting(row))
    return {
        **heading,
        "superseded_ids": answers.superseded_ids(row),
        "began": story.began(),
        "ended": story.ended(),
        "steps": story.steps(),
        "corrections": [
            _correction(one) for one in answers.corrections(row.domain, row.room, row.start, until)
        ],
        "not_counted": [
            _bystander(one)
            for one in reading.bystanders(row.domain, row.room, row.start, until, MOST_BYSTANDERS)
        ],
        "events": [_event(event) for event in events],
    }


class _Story:
    """What the kernel tells of one meeting."""

    def __init__(self, row: MeetingRow, events: Sequence[Event], now: Ms, rules: Rules) -> None:
        self._row = row
        self._rules = rules
        self._until = NEVER if row.end is None else row.end
        told = changes_of(events, as_of=now, domain=row.domain, rules=rules)
        self._changes = list(_without_confirmations(told, events))
        self._names = {
            change.stay.participant_id: f"{change.stay.user_name} ({change.stay.participant_id})"
            for change in told
            if isinstance(change, ParticipantJoined | ParticipantNamed | ParticipantLeft | StayVoided)
            and change.stay.user_name is not None
        }

    def began(self) -> dict[str, Any] | None:
        """Why the meeting began when it did; None where the events at hand do not tell."""
        for change in self._changes:
            if isinstance(change, MeetingStarted) and change.start == self._row.start:
                return _step("began", change.start, change.because, None, self._start(change))
        return None

    def ended(self) -> dict[str, Any] | None:
        """Why it ended; None while it is ongoing."""
        for change in self._changes:
            if isinstance(change, MeetingEnded) and change.start == self._row.start:
                return _step("ended", change.at, change.because, None, self._end(change))
        return None

    def steps(self) -> list[dict[str, Any]]:
        """All else that happened in it, in order of time."""
        return [step for change in self._changes if self._is_of_it(change) for step in self._told(change)]

    def _is_of_it(self, change: Change) -> bool:
        if isinstance(change, StayVoided):
            return change.stay.join < self._until and change.at >= self._row.start
        return self._row.start <= change.at <= self._until

    def _told(self, change: Change) -> Iterator[dict[str, Any]]:
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
            case StayVoided(at, stay, because):
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
        sure = f"{began}, though that was only sure at {written(change.at)}"
        if change.because is Because.COMPANY:
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


def _step(what: str, at: Ms, because: Because, participant_id: str | None, sentence: str) -> dict[str, Any]:
    return {
        "what": what,
        "time": written(at),
        "rule": because.rule.removeprefix("R"),
        "because": because.value.partition(" ")[2],
        "participant_id": participant_id,
        "sentence": f"{sentence}.",
    }


def _correction(row: Correction) -> dict[str, Any]:
    because = Because(row.because)
    if because is Because.GUESS_OVERTURNED:
        sentence = "A stay was inferred to have ended, but a leave was reported later: it went on until then (rule 3a)."
    else:
        late = _span(row.late)
        sentence = f"An event came {late} late, and what it touches was worked out anew (rule 15)."
    told: dict[str, Any] = _with_times(msgspec.json.decode(row.before_and_after))
    return {
        "time": written(row.corrected),
        "rule": because.rule.removeprefix("R"),
        "because": because.value.partition(" ")[2],
        "late_s": row.late / 1_000,
        "sentence": sentence,
        **told,
    }


def _with_times(told: Any) -> Any:
    """The same with moments as they are written here."""
    if isinstance(told, list):
        return [_with_times(one) for one in told]
    if isinstance(told, dict):
        return {
            key: written(value) if key in _MOMENTS and isinstance(value, int) else _with_times(value)
            for key, value in told.items()
        }
    return told


def _event(event: Event) -> dict[str, Any]:
    return {
        "kind": event.kind.value,
        "time": written(event.at),
        "participant_id": event.participant_id,
        "user_id": event.user_id,
        "user_name": event.user_name,
        "source_session": event.source_session,
        "joined_at": None if event.joined_at is None else written(event.joined_at),
        "inferred": None if event.inferred is None else event.inferred.value,
    }


def _bystander(one: Bystander) -> dict[str, Any]:
    kind = KINDS[one.kind]
    return {
        "kind": kind.value,
        "time": written(one.at),
        "participant_id": one.participant_id,
        "user_id": one.user_id,
        "user_name": one.user_name,
        "role": one.role,
        "sentence": f"{one.user_name or one.participant_id} was said to {kind}, but does not count: a {one.role}.",
    }


def _without_confirmations(changes: Iterable[Change], events: Iterable[Event]) -> Iterator[Change]:
    """Leaves out that a leave's `joined_at` repeats its join: it is there for that, and no news."""
    joins = Counter((event.participant_id, event.at) for event in events if event.kind is Kind.JOIN)
    for change in changes:
        if isinstance(change, Revised):
            continue
        if (
            isinstance(change, EventIgnored)
            and change.because is Because.DELIVERED_TWICE
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
