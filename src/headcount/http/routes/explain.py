"""Explain: why a meeting is as it is, as the API tells it."""

from typing import Any, Final

import msgspec

from headcount.http.context import Reading
from headcount.http.errors import invalid
from headcount.http.schemas import Wire, written
from headcount.kernel.changes import Because
from headcount.kernel.events import Event
from headcount.reporting.explain import MOST_EVENTS, Corrected, NotCounted, Step, why
from headcount.store.records import MeetingRow

_MOMENTS: Final = frozenset({"at", "join", "leave", "start", "end"})


def explanation(reading: Reading, row: MeetingRow) -> dict[str, Any]:
    """The meeting, why it began and ended, what was void, ignored and corrected, and the events behind it.

    Raises `ApiError` 400 if there are too many events to tell of.
    """
    now = reading.now()
    told = why(reading.answers, reading.bystanders, row, now, reading.rules)
    if told is None:
        raise invalid(
            f"more than {MOST_EVENTS:,} events are behind this meeting: 'headcount export' and"
            " 'headcount explain' tell of them all"
        )
    heading = msgspec.to_builtins(Wire(now, reading.granularity_s).meeting(row))
    return {
        **heading,
        "superseded_ids": told.superseded_ids,
        "began": None if told.began is None else _step(told.began),
        "ended": None if told.ended is None else _step(told.ended),
        "steps": [_step(one) for one in told.steps],
        "corrections": [_correction(one) for one in told.corrections],
        "not_counted": [_bystander(one) for one in told.not_counted],
        "events": [_event(event) for event in told.events],
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "what": step.what,
        "time": written(step.at),
        **_reason(step.because),
        "participant_id": step.participant_id,
        "sentence": step.sentence,
    }


def _reason(because: Because) -> dict[str, str]:
    return {"rule": because.rule.removeprefix("R"), "because": because.value.partition(" ")[2]}


def _correction(one: Corrected) -> dict[str, Any]:
    told: dict[str, Any] = _with_times(one.before_and_after)
    return {
        "time": written(one.at),
        **_reason(one.because),
        "late_s": one.late / 1_000,
        "sentence": one.sentence,
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


def _bystander(one: NotCounted) -> dict[str, Any]:
    who = one.who
    return {
        "kind": one.kind.value,
        "time": written(who.at),
        "participant_id": who.participant_id,
        "user_id": who.user_id,
        "user_name": who.user_name,
        "role": who.role,
        "sentence": one.sentence,
    }
