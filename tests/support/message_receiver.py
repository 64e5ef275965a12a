"""Somebody who was told all messages of the outbox, and knows nothing else."""

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
            said = json.loads(message.payload)
            getattr(self, message.type.replace(".", "_"))(message.room, said)

    def meeting_started(self, room, said):
        assert said["id"] not in self.meetings
        self.meetings[said["id"]] = (room, said["start"], None, None, None)

    def meeting_ended(self, room, said):
        assert self.meetings[said["id"]][:3] == (room, said["start"], None)
        self.meetings[said["id"]] = (room, *map(said.get, ("start", "end", "max", "people")))

    def meeting_revised(self, room, said):
        before, after = said["before"], said["after"]
        assert self.meetings.pop(said["id"])[1:3] == (before["start"], before["end"])
        if after is not None and after["id"] == said["id"]:
            ended = after["end"] is not None
            measured = (after["max"], after["people"]) if ended else (None, None)
            self.meetings[said["id"]] = (room, after["start"], after["end"], *measured)

    def participant_joined(self, room, said):
        self.inside.add((room, said["participant_id"]))

    def participant_left(self, room, said):
        self.inside.discard((room, said["participant_id"]))


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
        said = sorted((fact for fact in own if fact.at <= until), key=lambda fact: fact.at)
        stays = Stretch("d", room, rules, Start.at_mark(Mark(DAWN, ())), said, until).all_stays()
        found |= {(room, stay.participant_id) for stay in stays if stay.leave is None}
    return found
