"""Daily: `GET /presence`, all rooms in one response, with an API key.

* An empty room is not in the response; with nobody anywhere it is `{}`.
* The list may lag by up to 15 seconds. It gives each join time, so that a participant does not join again
  after a webhook reported their leave.
* It does not show which participants are hidden.
"""

from functools import partial
from typing import Final

import msgspec

from headcount.errors import BadInput
from headcount.kernel.events import Ms
from headcount.sources import fields
from headcount.sources.fields import Value
from headcount.sources.polls.api import (
    Listing,
    Poll,
    PollContext,
    PollRequest,
    PollSteps,
    PresentParticipant,
    decode_response,
)


class Participant(msgspec.Struct, rename="camel"):
    """One connection; `id` is the `session_id` of the webhooks."""

    id: Value = None
    user_id: Value = None
    user_name: Value = None
    join_time: Value = None


_DECODER: Final = msgspec.json.Decoder(dict[str, Value])


def poll(context: PollContext) -> PollSteps:
    """Yield one request; return the participants of all rooms."""
    (response,) = yield [PollRequest("GET", "/presence", {"authorization": f"Bearer {context.secret}"})]
    listing = Listing(context.active_rooms)
    for room, participants in decode_response(_DECODER, response, "Daily").items():
        listing.read(participants, partial(_present, room), room)
    return listing.result()


def _present(room: str, entry: Value) -> list[PresentParticipant]:
    participant = fields.item(entry, Participant)
    participant_id = fields.text(participant.id)
    user_id, name = fields.optional_id(participant.user_id), fields.user_name(participant.user_name)
    fields.required(participant_id, "id", "participant", "Daily")
    return [PresentParticipant(room, participant_id, user_id, name, _joined_at(participant))]


def _joined_at(participant: Participant) -> Ms | None:
    try:
        return fields.ms_from_rfc3339(participant.join_time, "joinTime")
    except BadInput:
        return None


POLL: Final = Poll(
    "daily", "Daily's API, https://api.daily.co/v1", poll, key_description="an API key of the Daily domain"
)
