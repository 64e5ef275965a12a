"""Lists, and what is known, in few words."""

from headcount.ingest.polling.reconcile import KnownPresence, PollMemory, reconcile
from headcount.kernel.events import Inferred, Kind
from headcount.sources.polls.api import PresentParticipant

ROOM = "blue"


def there(name, joined=None, **more):
    return PresentParticipant(ROOM, name, joined_at=joined, **more)


def came(found):
    return [(event.participant_id, event.at) for event in found.joins]


def went(found):
    return [(event.participant_id, event.at) for event in found.leaves]


def who(name):
    return (ROOM, name)


__all__ = [
    "ROOM",
    "Inferred",
    "Kind",
    "KnownPresence",
    "PollMemory",
    "came",
    "reconcile",
    "there",
    "went",
    "who",
]
