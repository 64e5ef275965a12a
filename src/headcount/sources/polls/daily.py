"""Daily: `GET /presence`, all rooms in one answer, by an API key.

* A room in which nobody is, is not in the answer; with nobody anywhere it is `{}`.
* The list may be up to 15 seconds behind. It tells when each joined, so that it lets nobody in again whom
  a webhook has reported to leave.
* Whether somebody is hidden it does not tell.
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


def ask(access: PollContext) -> PollSteps:
    """Who is in, in all rooms."""
    (answer,) = yield [PollRequest("GET", "/presence", {"authorization": f"Bearer {access.secret}"})]
    return PollResult(
        [
            PresentParticipant(room, who.id, who.user_id, fields.name(who.user_name), _joined(who))
            for room, people in decode_response(_DECODER, answer, "Daily").items()
            for who in people
        ]
    )


def _joined(who: Participant) -> Ms | None:
    try:
        return fields.rfc3339(who.join_time or "", "joinTime")
    except BadInput:
        return None


POLL: Final = Poll("daily", "Daily's API, https://api.daily.co/v1", ask, key="an API key of the Daily domain")
