"""Who joins those who listen while others are told misses nothing and gets nothing twice."""

import asyncio
import json

import pytest

from headcount.outbound.broadcast import MOST_WAITING, SLOW, Broadcaster, Listener
from headcount.store.open import open_store


@pytest.fixture
def store(tmp_path):
    store = open_store(str(tmp_path / "store.db"), synchronous="off")
    yield store
    store.close()


def tell(store, *names, type_="meeting.started"):
    rows = [("acme", name, type_, "blue", 0, 0, json.dumps({})) for name in names]
    with store.database.writing() as connection:
        connection.write("insert_message", rows)


def form(message):
    if message.type == "unknown":
        raise KeyError(message.type)
    return message.id.encode()


def listener(position, rooms=()):
    return Listener("acme", b"Bearer x", rooms, (), position)


async def heard(listener, number):
    told = []
    async with asyncio.timeout(10):
        while len(told) < number:
            told += [one.decode() for one in await listener.wait() if one]
    return told


async def with_broadcaster(store, work):
    broadcaster = Broadcaster(store.messages, form, lambda _: True)
    running = asyncio.create_task(broadcaster.run())
    try:
        await work(broadcaster)
    finally:
        running.cancel()


def test_who_read_further_than_the_others_were_told_hears_only_what_is_new(store):
    async def work(broadcaster):
        tell(store, "a", "b")
        first = listener(0)
        assert broadcaster.join(first) == 0
        ahead = listener(2)
        assert broadcaster.join(ahead) == 0
        tell(store, "c")
        assert await heard(first, 3) == ["a", "b", "c"]
        assert await heard(ahead, 1) == ["c"]

    asyncio.run(with_broadcaster(store, work))


def test_who_is_behind_the_others_is_told_up_to_where_to_read(store):
    async def work(broadcaster):
        first = listener(0)
        broadcaster.join(first)
        tell(store, "a", "b", "c")
        await heard(first, 3)
        behind = listener(1)
        assert broadcaster.join(behind) == 3
        tell(store, "d")
        assert await heard(behind, 1) == ["d"]

    asyncio.run(with_broadcaster(store, work))


def test_a_message_that_cannot_be_put_into_words_stops_nobody(store):
    async def work(broadcaster):
        first = listener(0)
        broadcaster.join(first)
        tell(store, "a", type_="unknown")
        tell(store, "b")
        assert await heard(first, 1) == ["b"]

    asyncio.run(with_broadcaster(store, work))


def test_those_who_come_after_all_have_gone_begin_where_they_are(store):
    async def work(broadcaster):
        first = listener(0)
        broadcaster.join(first)
        tell(store, "a")
        await heard(first, 1)
        broadcaster.leave(first)
        tell(store, "b", "c")
        second = listener(2)
        assert broadcaster.join(second) == 2
        assert await heard(second, 1) == ["c"]

    asyncio.run(with_broadcaster(store, work))


def test_what_waits_for_one_is_bounded(store):
    async def work(_):
        slow = listener(0)
        for _ in range(MOST_WAITING + 1):
            slow.offer(b"x")
        assert slow.ended == SLOW
        assert await slow.wait() == []

    asyncio.run(with_broadcaster(store, work))
