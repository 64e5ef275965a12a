"""A receiver of all messages of the outbox that has no other information."""

import json

from headcount.kernel.checkpoints import Start
from headcount.kernel.events import with_implied_join
from headcount.kernel.journal import Mark
from headcount.kernel.refold import Stretch

DAWN = -(10**6)


class Receiver:
    """What a receiver of all messages, each once and in order, believes."""

    def __init__(self, messages):
        self.meetings = {}
        self.inside = set()
        self.ids = [message.id for message in messages]
        for message in messages:
            self.receive(message)

    def receive(self, message):
        payload = json.loads(message.payload)
        getattr(self, message.type.replace(".", "_"))(message.room, payload)

    def meeting_started(self, room, payload):
        assert payload["id"] not in self.meetings
        self.meetings[payload["id"]] = (room, payload["start"], None, None, None)

    def meeting_ended(self, room, payload):
        assert self.meetings[payload["id"]][:3] == (room, payload["start"], None)
        self.meetings[payload["id"]] = (room, *map(payload.get, ("start", "end", "max", "people")))

    def meeting_updated(self, room, payload):
        before, after = payload["before"], payload["after"]
        assert self.meetings.pop(payload["id"])[1:3] == (before["start"], before["end"])
        if after is not None and after["id"] == payload["id"]:
            ended = after["end"] is not None
            measured = (after["max"], after["people"]) if ended else (None, None)
            self.meetings[payload["id"]] = (room, after["start"], after["end"], *measured)

    def participant_joined(self, room, payload):
        self.inside.add((room, payload["participant_id"]))

    def participant_left(self, room, payload):
        self.inside.discard((room, payload["participant_id"]))


def as_received(meetings):
    """The kernel's meetings as a receiver knows them."""
    return {
        m.id: (m.room, m.start, m.end, *(() if m.end is not None else (None, None)))
        + ((m.max_participants, len(m.participants)) if m.end is not None else ())
        for m in meetings
    }


def inside(events, rules, until):
    """Who is in which room at a moment, from everything in the order of its time."""
    found = set()
    for room in {event.room for event in events}:
        own = {fact for event in events if event.room == room for fact in with_implied_join(event)}
        reported = sorted((event for event in own if event.at <= until), key=lambda event: event.at)
        stays = Stretch("d", room, rules, Start.at_mark(Mark(DAWN, ())), reported, until).all_stays()
        found |= {(room, stay.participant_id) for stay in stays if stay.leave is None}
    return found
