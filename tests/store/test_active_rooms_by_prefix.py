"""Active rooms by prefix, on both databases, including unprocessed entries."""

from headcount.engine.engine import Engine
from headcount.kernel.events import Event, Kind
from headcount.kernel.rules import Rules
from support.engines import NEW_YEAR
from support.stored import entry_of


def said(store, kind, room, seconds, who="ann"):
    at = NEW_YEAR + seconds * 1_000
    event = Event(Kind(kind), room, at, None if kind == "end" else who)
    store.log.append([[entry_of(event, at)]])


def worked_in(store, seconds):
    engine = Engine(store, Rules(), store.projections.take_over())
    while engine.step(NEW_YEAR + seconds * 1_000):
        pass


def in_use(store, beginning="eu-1/"):
    return store.sources.rooms_in_use("default", beginning)


def test_a_room_is_active_from_the_join_to_the_leave(store):
    said(store, "join", "eu-1/7", 0)
    assert in_use(store) == ["eu-1/7"], "the engine has not seen it"
    worked_in(store, 1)
    assert in_use(store) == ["eu-1/7"], "the stay does not count yet"
    worked_in(store, 16)
    assert in_use(store) == ["eu-1/7"], "it is settled, and counts"
    said(store, "leave", "eu-1/7", 60)
    worked_in(store, 3_600)
    assert in_use(store) == []


def test_only_rooms_with_the_prefix_are_returned(store):
    for room in ("eu-1/7", "eu-10/7", "eu-1", "eu%1/7", "EU-1/7", "other"):
        said(store, "join", room, 0)
    worked_in(store, 60)
    said(store, "join", "eu-1/8", 61)
    said(store, "join", "eu-2/8", 61)
    assert in_use(store) == ["eu-1/7", "eu-1/8"]
    assert store.sources.rooms_in_use("another", "eu-1/") == []
