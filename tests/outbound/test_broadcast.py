"""A stream that goes live while others receive messages misses none and receives none twice."""

import asyncio
import json

import pytest

from headcount.outbound.broadcast import MAX_QUEUED, SLOW_CONSUMER, Broadcaster, Listener
from headcount.store.open import open_store


@pytest.fixture
def store(tmp_path):
    store = open_store(str(tmp_path / "store.db"), durability="off")
    yield store
    store.close()


def publish(store, *names, type_="meeting.started"):
    rows = [("acme", name, type_, "blue", 0, 0, json.dumps({})) for name in names]
    with store.database.writing() as connection:
        connection.write("insert_message", rows)


def encode(message):
    if message.type == "unknown":
        raise KeyError(message.type)
    return message.id.encode()


def listener(position, rooms=()):
    return Listener("acme", b"Bearer x", rooms, (), position)


async def received(listener, number):
    messages = []
    async with asyncio.timeout(10):
        while len(messages) < number:
            messages += [one.decode() for one in await listener.wait() if one]
    return messages


async def with_broadcaster(store, work):
    broadcaster = Broadcaster(store.messages, encode, lambda _: True, lambda: 0)
    running = asyncio.create_task(broadcaster.run())
    try:
        await work(broadcaster)
    finally:
        running.cancel()


def test_a_stream_that_is_ahead_of_the_others_receives_only_new_messages(store):
    async def work(broadcaster):
        publish(store, "a", "b")
        first = listener(0)
        assert broadcaster.go_live(first) == 0
        ahead = listener(2)
        assert broadcaster.go_live(ahead) == 0
        publish(store, "c")
        assert await received(first, 3) == ["a", "b", "c"]
        assert await received(ahead, 1) == ["c"]

    asyncio.run(with_broadcaster(store, work))


def test_a_stream_that_is_behind_reads_the_backlog_up_to_the_returned_position(store):
    async def work(broadcaster):
        first = listener(0)
        broadcaster.go_live(first)
        publish(store, "a", "b", "c")
        await received(first, 3)
        behind = listener(1)
        assert broadcaster.go_live(behind) == 3
        publish(store, "d")
        assert await received(behind, 1) == ["d"]

    asyncio.run(with_broadcaster(store, work))


def test_a_message_that_cannot_be_encoded_stops_no_stream(store):
    async def work(broadcaster):
        first = listener(0)
        broadcaster.go_live(first)
        publish(store, "a", type_="unknown")
        publish(store, "b")
        assert await received(first, 1) == ["b"]

    asyncio.run(with_broadcaster(store, work))


def test_a_stream_that_opens_after_all_others_closed_starts_at_its_position(store):
    async def work(broadcaster):
        first = listener(0)
        broadcaster.go_live(first)
        publish(store, "a")
        await received(first, 1)
        broadcaster.remove(first)
        publish(store, "b", "c")
        second = listener(2)
        assert broadcaster.go_live(second) == 2
        assert await received(second, 1) == ["c"]

    asyncio.run(with_broadcaster(store, work))


def test_the_queue_of_a_stream_is_bounded(store):
    async def work(_):
        slow = listener(0)
        for _ in range(MAX_QUEUED + 1):
            slow.enqueue(b"x")
        assert slow.end_reason == SLOW_CONSUMER
        assert await slow.wait() == []

    asyncio.run(with_broadcaster(store, work))
