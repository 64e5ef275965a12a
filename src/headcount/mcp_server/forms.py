"""Forms: people, stays and meetings as answers show them.

Responsible for what is shown of a person. Must not know tools.
"""

from typing import Any

from headcount.client.models import Attributes, Meeting, PresentParticipant, RoomStay
from headcount.mcp_server import answers
from headcount.mcp_server.certainty import time_text
from headcount.mcp_server.masking import Names, shorten


def person_fields(
    names: Names, user_id: str | None, participant_id: str | None, name: str | None
) -> dict[str, Any]:
    label = names.label(user_id, participant_id)
    if not names.shown:
        return {"label": label}
    return {"label": label, "name": None if name is None else shorten(name), "user_id": user_id}


def _attributes(names: Names, values: Attributes | None) -> Attributes | None:
    if values is None or not names.shown:
        return None
    return {key: shorten(value) if isinstance(value, str) else value for key, value in values.items()}


def present_stay(names: Names, one: PresentParticipant) -> answers.Stay:
    return answers.Stay(
        **person_fields(names, one.user_id, one.id, one.user_name),
        attributes=_attributes(names, one.attributes),
        joined=time_text(one.join_time),
        left=None,
        duration_seconds=one.duration,
    )


def past_stay(names: Names, one: RoomStay) -> answers.Stay:
    return answers.Stay(
        **person_fields(names, one.user_id, one.participant_id, one.user_name),
        attributes=_attributes(names, one.attributes),
        joined=time_text(one.join_time),
        left=optional_time(one.leave_time),
        duration_seconds=one.duration,
        left_by=one.left_by,
    )


def meeting_summary(one: Meeting) -> answers.MeetingSummary:
    return answers.MeetingSummary(
        id=one.id,
        room=one.room,
        start=time_text(one.start_time),
        end=None if one.ongoing else time_text(one.start_time + one.duration),
        duration_seconds=one.duration,
        ongoing=one.ongoing,
        max_participants=one.max_participants,
    )


def optional_time(at: int | None) -> str | None:
    return None if at is None else time_text(at)
