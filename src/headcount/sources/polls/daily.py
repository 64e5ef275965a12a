"""Daily: `GET /presence`, all rooms in one response, with an API key.

* An empty room is not in the response; with nobody anywhere it is `{}`.
* The list may lag by up to 15 seconds. It gives each join time, so that a participant does not join again
  after a webhook reported their leave.
* It does not show which participants are hidden.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.sources import fields
from headcount.sources.polls.api import (
    Poll,
    PollContext,
    PollRequest,
    PollResult,
    PollSteps,
    PresentParticipant,
    decode_response,
)


class Participant(msgspec.Struct, rename="camel"):
    """One connection; `id` is the `session_id` of the webhooks."""

    id: str
    user_id: str | None = None
    user_name: str | None = None
    join_time: str | None = None


_DECODER: Final = msgspec.json.Decoder(Mapping[str, list[Participant]])


def poll(context: PollContext) -> PollSteps:
    """Yield one request; return the participants of all rooms."""
    (response,) = yield [PollRequest("GET", "/presence", {"authorization": f"Bearer {context.secret}"})]
    return PollResult(
        [
            PresentParticipant(
                room,
                participant.id,
                participant.user_id,
                fields.user_name(participant.user_name),
                _joined_at(participant),
            )
            for room, participants in decode_response(_DECODER, response, "Daily").items()
            for participant in participants
        ]
    )


def _joined_at(participant: Participant) -> Ms | None:
    try:
        return fields.ms_from_rfc3339(participant.join_time or "", "joinTime")
    except BadInput:
        return None


POLL: Final = Poll(
    "daily", "Daily's API, https://api.daily.co/v1", poll, key_description="an API key of the Daily domain"
)
