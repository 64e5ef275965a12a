"""Explanations for agents: the steps of a meeting, without names unless they are shown.

Responsible for masking. The API's messages contain names and ids in free text, so that masked explanations have sentences of
their own, made from the type and the reason of each step. Must not know tools.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from headcount.client.models import Meeting, RoomStay
from headcount.client.reports import Correction, Explanation, ExplanationStep
from headcount.mcp_server import answers
from headcount.mcp_server.certainty import INFERRED, certainty, examined, time_text
from headcount.mcp_server.forms import meeting_summary, person_fields
from headcount.mcp_server.masking import Names, shorten

_MAX_MESSAGE: Final = 300
_SENTENCES: Final = {
    ("joined", "min_duration_reached"): "{who} joined.",
    ("named", "name_learned"): "A later event named {who}.",
    ("left", "left"): "{who} left.",
    ("too_short", "too_short"): "{who} left so soon that the stay does not count.",
    ("ignored", "duplicate_join"): "A join event of {who} was ignored: already in the room.",
    ("ignored", "leave_without_join"): "A leave event of {who} was ignored: not in the room.",
    ("ignored", "room_already_empty"): "An end event was ignored: the room was empty.",
    ("ignored", "cancelled_out"): "A join and a leave event of {who} at one instant cancel each other out.",
    ("ignored", "duplicate_event"): "A duplicate event of {who} was ignored.",
    (
        "ignored",
        "inferred_event_outranked",
    ): "An inferred event of {who} was ignored: another one was reported.",
    ("start", "two_participants"): "The meeting was confirmed when a second participant joined.",
    (
        "start",
        "solo_duration_reached",
    ): "The meeting was confirmed because one participant stayed long enough.",
    ("start", "left_alone"): "One participant had been alone for long, so a new meeting started.",
    ("end", "left_alone"): "One participant had been alone for long, so the meeting ended.",
    ("end", "room_empty"): "The last participant left.",
}
_INFERRED_LEAVES: Final = {
    "snapshot": "{who} left (inferred): missing from a list of participants.",
    "timeout": "{who} left (inferred): no leave event arrived in time.",
    "room_restarted": "{who} left (inferred): the room or its server restarted.",
    "room_ended": "{who} left because the room ended.",
}
_CORRECTIONS: Final = {
    "inferred_leave_overridden": "A leave was inferred, but a later leave was reported.",
    "late_event": "An event arrived late.",
}


def end_of(meeting: Meeting) -> datetime | None:
    """Return the end of a meeting, None while it lasts."""
    return None if meeting.ongoing else datetime.fromtimestamp(meeting.start_time + meeting.duration, UTC)


def explanation_of(
    found: Explanation, stays: Sequence[RoomStay], names: Names, limit: int
) -> answers.MeetingExplanation:
    """Return an explanation. `stays` are those in the room during the meeting."""
    people = _People(found, stays, names)
    steps, corrections = found.steps[:limit], found.corrections[:limit]
    is_cut = len(found.steps) > limit or len(found.corrections) > limit
    return answers.MeetingExplanation(
        meeting=meeting_summary(found),
        previous_ids=found.previous_ids[:limit],
        started_because=None if found.start is None else people.sentence(found.start),
        ended_because=None if found.end is None else people.sentence(found.end),
        steps=[
            answers.ExplainedStep(
                at=time_text(step.at),
                type=step.type,
                person=people.label(step.participant_id),
                rule=step.rule,
                reason=step.reason,
                message=people.sentence(step),
            )
            for step in steps
        ],
        people=people.named,
        total_steps=len(found.steps),
        corrections=[_correction(one, names) for one in corrections],
        truncated=is_cut,
        events_expired=found.events_expired,
        log_is_complete=found.complete,
        certainty=certainty(
            found.meta,
            end_of(found),
            int(found.ongoing),
            examined(found.meta, stays),
            len(found.corrections),
        ),
    )


class _People:
    """The people of an explanation, by their connection."""

    def __init__(self, found: Explanation, stays: Sequence[RoomStay], names: Names) -> None:
        self._names = names
        self._known = {
            one.participant_id: (one.user_id, one.user_name) for one in found.events if one.participant_id
        } | {one.participant_id: (one.user_id, one.user_name) for one in stays}
        self._ends = {(one.participant_id, one.leave_time): one.left_by for one in stays}
        self._listed: dict[str, answers.Person] = {}

    @property
    def named(self) -> list[answers.Person]:
        """Those whose label was asked for."""
        return list(self._listed.values())

    def label(self, participant_id: str | None) -> str | None:
        if participant_id is None:
            return None
        user_id, name = self._known.get(participant_id, (None, None))
        label = self._names.label(user_id, participant_id)
        if label not in self._listed:
            fields = person_fields(self._names, user_id, participant_id, name or None)
            self._listed[label] = answers.Person(**fields)
        return label

    def sentence(self, step: ExplanationStep) -> str:
        """Return what happened: the API's message, or one without names."""
        who = self.label(step.participant_id) or "A participant"
        if self._names.shown:
            return shorten(step.message, _MAX_MESSAGE)
        left_by = self._ends.get((step.participant_id or "", int(step.at.timestamp())))
        if step.type == "left" and left_by in (*INFERRED, "room_ended"):
            return _INFERRED_LEAVES[left_by].format(who=who)
        return _SENTENCES.get((step.type, step.reason), "{who}: see the reason.").format(who=who)


def _correction(one: Correction, names: Names) -> answers.ExplainedCorrection:
    changed = max(len(one.stays_before), len(one.stays_after))
    message = one.message if names.shown else _CORRECTIONS.get(one.reason, "An earlier result was corrected.")
    return answers.ExplainedCorrection(
        at=time_text(one.at),
        late_by_seconds=one.late_by_seconds,
        message=shorten(message, _MAX_MESSAGE),
        stays_changed=changed,
        meetings_before=len(one.meetings_before),
        meetings_after=len(one.meetings_after),
    )
