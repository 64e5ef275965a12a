"""Explain: why a meeting is as it is, as the API tells it."""

from typing import Any, Final

import msgspec

from headcount.http.context import Reading
from headcount.http.errors import invalid
from headcount.http.schemas import Wire, written
from headcount.kernel.changes import Because
from headcount.kernel.events import Event
from headcount.reporting.explain.meeting import (
    MAX_EVENTS,
    CorrectionStep,
    ExcludedEvent,
    Step,
    explain_meeting,
)
from headcount.store.records import MeetingRow

_STEP_TYPES: Final = {"start": "began", "end": "ended"}
_MOMENTS: Final = frozenset({"at", "join", "leave", "start", "end"})


def explanation(reading: Reading, row: MeetingRow) -> dict[str, Any]:
    """The meeting, why it began and ended, what was void, ignored and corrected, and the events behind it.

    Raises `ApiError` 400 if there are too many events to tell of.
    """
    now = reading.now()
    found = explain_meeting(reading.answers, reading.bystanders, row, now, reading.rules)
    if found is None:
        raise invalid(
            f"more than {MAX_EVENTS:,} events are behind this meeting: 'headcount export' and"
            " 'headcount explain' tell of them all"
        )
    heading = msgspec.to_builtins(Wire(now, reading.granularity_s).meeting(row))
    return {
        **heading,
        "superseded_ids": found.previous_ids,
        "began": None if found.start is None else _step(found.start),
        "ended": None if found.end is None else _step(found.end),
        "steps": [_step(one) for one in found.steps],
        "corrections": [_correction(one) for one in found.corrections],
        "not_counted": [_bystander(one) for one in found.excluded],
        "events": [_event(event) for event in found.events],
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "what": _STEP_TYPES.get(step.type, step.type),
        "time": written(step.at),
        **_reason(step.reason),
        "participant_id": step.participant_id,
        "sentence": step.message,
    }


def _reason(because: Because) -> dict[str, str]:
    return {"rule": because.rule.removeprefix("R"), "because": because.value.partition(" ")[2]}


def _correction(one: CorrectionStep) -> dict[str, Any]:
    told: dict[str, Any] = _with_times(one.before_and_after)
    return {
        "time": written(one.at),
        **_reason(one.reason),
        "late_s": one.late_ms / 1_000,
        "sentence": one.message,
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


def _bystander(one: ExcludedEvent) -> dict[str, Any]:
    who = one.participant
    return {
        "kind": one.kind.value,
        "time": written(who.at),
        "participant_id": who.participant_id,
        "user_id": who.user_id,
        "user_name": who.user_name,
        "role": who.role,
        "sentence": one.message,
    }
