"""Short forms of polled lists and known presence."""

from headcount.ingest.polling.reconcile import KnownPresence, PollMemory, reconcile
from headcount.kernel.events import Inferred, Kind
from headcount.sources.polls.api import PresentParticipant

ROOM = "blue"


def listed(name, joined=None, **more):
    return PresentParticipant(ROOM, name, joined_at=joined, **more)


def joins_of(found):
    return [(event.participant_id, event.at) for event in found.joins]


def leaves_of(found):
    return [(event.participant_id, event.at) for event in found.leaves]


def key(name):
    return (ROOM, name)


__all__ = [
    "ROOM",
    "Inferred",
    "Kind",
    "KnownPresence",
    "PollMemory",
    "joins_of",
    "key",
    "leaves_of",
    "listed",
    "reconcile",
]
