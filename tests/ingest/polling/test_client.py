"""Polls of a real server over HTTP that answers, sends garbage, or is slow."""

import asyncio
import threading
import time

import pytest

from headcount.ingest.polling.client import PollClient
from headcount.sources.api import Role
from headcount.sources.polls.api import CredentialsRejected, PollContext, PollFailed
from headcount.sources.polls.livekit import POLL
from support.poll_vendor import KEY, SECRET, LiveKit, json_response
from support.waiting import PATIENCE_S


@pytest.fixture
def livekit():
    server = LiveKit()
    yield server
    server.close()


def poll(server, **limits):
    async def once():
        async with PollClient(**limits) as client:
            context = PollContext(f"{KEY}:{SECRET}", time.time_ns() // 1_000_000, "chance")
            return (await client.poll(POLL, server.url, context)).participants

    return asyncio.run(once())


def test_all_rooms_are_polled(livekit):
    for number in range(20):
        livekit.join(f"room-{number}", "ann")
    assert {one.room for one in poll(livekit)} == {f"room-{number}" for number in range(20)}
    assert livekit.requests == 21


def test_participants_have_the_fields_of_the_vendor(livekit):
    livekit.join("blue", "ann", joined_at_ms="1772442000123")
    livekit.join("blue", "bob", state="JOINED", joined_at_ms="0", joined_at="1772442000")
    livekit.join("blue", "rec", kind="EGRESS", joined_at_ms="0")
    livekit.join("blue", "left", state="DISCONNECTED")
    ann, bob, rec = poll(livekit)
    assert ann[:6] == ("blue", "PA_ann", "ann", "Ann", 1772442000123, "RM_blue")
    assert (bob.joined_at, bob.has_joined) == (1772442000000, False)
    assert (rec.joined_at, rec.role) == (None, Role.RECORDER)


def test_an_empty_list_is_not_an_error(livekit):
    assert poll(livekit) == []


def test_a_room_that_ends_meanwhile_is_empty(livekit):
    livekit.join("blue", "ann")
    livekit.answer = lambda path, *more: (
        livekit.lists(path, *more)
        if path.endswith("ListRooms")
        else json_response({"code": "not_found"}, 404)
    )
    assert poll(livekit) == []


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((200, b"<html>It works!</html>", {}), "is not what LiveKit answers"),
        ((200, b"{}", {}), "is not what LiveKit answers"),
        ((200, b"", {}), "is not what LiveKit answers"),
        ((200, b'{"rooms": null}', {}), "is not what LiveKit answers"),
        ((500, b"oh no", {}), "answered 500: 'oh no'"),
        ((404, b"", {}), "answered 404"),
        ((204, b"", {}), "answered 204"),
        ((302, b"", {"location": "http://127.0.0.1:9/"}), "answered 302"),
        ((200, b"x" * 100_001, {}), "more than 100,000 bytes"),
    ],
)
def test_an_invalid_response_fails_the_poll(livekit, answer, why):
    livekit.answer = lambda *_: answer
    with pytest.raises(PollFailed, match=why):
        poll(livekit, max_response_bytes=100_000)


def test_a_rejected_key_is_reported(livekit):
    livekit.answer = lambda *_: json_response({"code": "unauthenticated"}, 401)
    with pytest.raises(CredentialsRejected, match="refused the key"):
        poll(livekit)


def test_a_slow_server_fails_the_poll_after_the_timeout(livekit):
    released = threading.Event()
    livekit.answer = lambda *_: released.wait(PATIENCE_S) and json_response({"rooms": []})
    with pytest.raises(PollFailed):
        poll(livekit, timeout_s=0.3)
    released.set()


def test_a_server_that_does_not_listen_is_reported(livekit):
    livekit.close()
    with pytest.raises(PollFailed, match="does not answer"):
        poll(livekit)
