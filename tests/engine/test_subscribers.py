"""Joins and leaves are messages only where somebody subscribes, and a subscriber misses none from then on."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headcount.kernel.events import Event, Kind
from headcount.kernel.rules import NEVER, Rules
from headcount.store.webhooks import Endpoint, RetryType
from support.engines import NEW_YEAR
from support.message_receiver import Receiver, inside
from support.stored import DOMAIN, StoredEngine, shifted
from support.strategies import SCALED, histories

T = NEW_YEAR
FAR = T + 10_000
JOINED, LEFT = "participant.joined", "participant.left"


@pytest.fixture
def engine(folder):
    stored = StoredEngine(folder, Rules())
    stored.store.messages.forget_streams(NEVER)
    yield stored
    stored.close()


def visit(who, at):
    return Event(Kind.JOIN, "r", T + at, who), Event(Kind.LEAVE, "r", T + at + 60_000, who)


def published(stored, *events, until):
    stored.append(*events)
    stored.show(T + until)
    return [message.type for message in stored.store.messages.after(0)]


def endpoint(*types):
    return Endpoint("e", DOMAIN, "https://example.com", ("",), None, RetryType.CIRCUIT_BREAKER, types)


def test_without_a_subscriber_only_meetings_are_published(engine):
    assert published(engine, *visit("a", 0), *visit("b", 0), until=100_000) == [
        "meeting.started",
        "meeting.ended",
    ]


def test_an_endpoint_for_joins_subscribes_its_domain(engine):
    engine.store.endpoints.add(endpoint(JOINED))
    assert published(engine, *visit("a", 0), until=61_000) == [JOINED, LEFT, "meeting.started"]


def test_an_endpoint_for_meetings_does_not_subscribe_its_domain_until_it_is_changed(engine):
    engine.store.endpoints.add(endpoint("meeting.started"))
    assert published(engine, *visit("a", 0), until=59_000) == ["meeting.started"]
    engine.store.endpoints.change(endpoint(LEFT))
    assert published(engine, until=61_000) == ["meeting.started", LEFT]


def test_a_deleted_endpoint_subscribes_no_domain(engine):
    engine.store.endpoints.add(endpoint(JOINED))
    engine.store.endpoints.remove("e")
    assert published(engine, *visit("a", 0), until=10_000) == []


def test_a_stream_subscribes_its_domain_alone(engine):
    engine.store.messages.stream_opened("another", T)
    assert published(engine, *visit("a", 0), until=10_000) == []
    engine.store.messages.stream_opened(DOMAIN, T)
    assert published(engine, until=61_000) == [LEFT, "meeting.started"]


def test_a_stream_that_opens_during_a_batch_gets_all_of_that_batch(folder):
    stored = StoredEngine(folder, Rules())
    stored.store.messages.forget_streams(NEVER)
    stored.append(*visit("a", 0))

    def opened_meanwhile():
        stored.store.messages.stream_opened(DOMAIN, T)
        return 0.0

    stored.options["stopwatch"] = opened_meanwhile
    stored.start()
    stored.show(T + 61_000)
    assert [message.type for message in stored.store.messages.after(0)][:2] == [JOINED, LEFT]
    stored.close()


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_presence_and_later_messages_show_who_is_in_a_room(folder, data):
    events = [shifted(event) for event in data.draw(histories())]
    order = data.draw(st.permutations(events))
    ticks = sorted(data.draw(st.lists(st.integers(T - 100, T + 3_000), min_size=1, max_size=len(order))))
    subscribes_at = data.draw(st.integers(0, len(order) - 1))
    stored = StoredEngine(folder, SCALED)
    stored.store.messages.forget_streams(NEVER)
    try:
        for number, event in enumerate(order):
            if number < len(ticks):
                stored.show(ticks[number])
            if number == subscribes_at:
                since = stored.store.messages.stream_opened(DOMAIN, T)
                present = {(room, who) for room, _, who, *_ in stored.store.meetings.presence(DOMAIN)[0]}
            stored.append(event)
        stored.show(FAR)
        seen = [message for message in stored.store.messages.after(since) if message.type in (JOINED, LEFT)]
    finally:
        stored.close()
    receiver = Receiver([])
    receiver.inside = present
    for message in seen:
        receiver.receive(message)
    assert receiver.inside == inside(events, SCALED, FAR)


def test_a_join_that_several_corrections_of_one_turn_repeat_is_published_each_time(folder):
    """The id of each is its own: the outbox would take the second for a duplicate."""
    stored = StoredEngine(folder, SCALED)
    stored.store.messages.stream_opened(DOMAIN, T)
    stored.append(Event(Kind.LEAVE, "r", T + 600, "a", joined_at=T + 1))
    stored.show(T)
    stored.append(
        Event(Kind.JOIN, "r", T + 600, "a"), Event(Kind.JOIN, "r", T, "a"), Event(Kind.LEAVE, "r", T + 1, "a")
    )
    stored.show(FAR)
    doors = [message for message in stored.store.messages.after(0) if message.type in (JOINED, LEFT)]
    assert [message.type for message in doors] == [JOINED, LEFT, JOINED]
    assert len({message.id for message in doors}) == len(doors)
    stored.close()
