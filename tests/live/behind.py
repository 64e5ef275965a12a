"""What is behind the gate: it hears each delivery, and can be asked for the meetings of a room."""

import time
from typing import NamedTuple

from headcount import BadInput
from headcount.kernel.history import meetings_of
from headcount.sources.deliveries import COUNTED, Delivery, NotGenuine, hear
from headcount.sources.livekit import SOURCE


class Met(NamedTuple):
    """A meeting; times are whole seconds, `end` is None while it goes on."""

    start: int
    end: int | None
    most: int
    people: list["Was"]


class Was(NamedTuple):
    """Somebody's unbroken time in a meeting. `left_by` is None while it lasts."""

    user: str
    join: int
    leave: int | None
    left_by: str | None


class Folded:
    """Hears deliveries with the secrets, and folds the events of those who count."""

    def __init__(self, *secrets):
        self.secrets = secrets
        self.heard = []

    def __call__(self, at, path, headers, body):
        names = {name.lower(): value for name, value in headers.items()}
        try:
            self.heard += hear(SOURCE, Delivery(names, body, path, round(at * 1_000)), self.secrets)
        except NotGenuine:
            return 401
        except BadInput:
            return 400
        return 200

    def meetings(self, room):
        """Its meetings as of now, the oldest first."""
        events = [one.event for one in self.heard if one.event.room == room and one.role in COUNTED]
        return [
            Met(
                whole(met.start),
                whole(met.end),
                met.max_participants,
                [
                    Was(who.user_id, whole(who.join), whole(who.leave), who.left_by)
                    for who in met.participants
                ],
            )
            for met in meetings_of(events, as_of=round(time.time() * 1_000))
        ]


def whole(ms):
    return None if ms is None else ms // 1_000
