"""Asking a real server over HTTP, that is well, or lies, or is slow."""

import asyncio
import time

import pytest

from headcount.ingest.polling.client import PollClient
from headcount.sources.api import Role
from headcount.sources.polls.api import CredentialsRejected, PollContext, PollFailed
from headcount.sources.polls.livekit import POLL
from support.poll_vendor import KEY, SECRET, LiveKit, told


@pytest.fixture
def livekit():
    server = LiveKit()
    yield server
    server.close()


def ask(server, **limits):
    async def once():
        async with PollClient(**limits) as asker:
            access = PollContext(f"{KEY}:{SECRET}", time.time_ns() // 1_000_000, "chance")
            return (await asker.poll(POLL, server.url, access)).participants

    return asyncio.run(once())


def test_all_rooms_are_asked(livekit):
    for number in range(20):
        livekit.comes(f"room-{number}", "ann")
    assert {one.room for one in ask(livekit)} == {f"room-{number}" for number in range(20)}
    assert livekit.asked == 21


def test_who_they_are_and_what_is_told(livekit):
    livekit.comes("blue", "ann", joined_at_ms="1772442000123")
    livekit.comes("blue", "bob", state="JOINED", joined_at_ms="0", joined_at="1772442000")
    livekit.comes("blue", "rec", kind="EGRESS", joined_at_ms="0")
    livekit.comes("blue", "gone", state="DISCONNECTED")
    ann, bob, rec = ask(livekit)
    assert ann[:6] == ("blue", "PA_ann", "ann", "Ann", 1772442000123, "RM_blue")
    assert (bob.joined_at, bob.has_joined) == (1772442000000, False)
    assert (rec.joined_at, rec.role) == (None, Role.RECORDER)


def test_nobody_is_no_error(livekit):
    assert ask(livekit) == []


def test_a_room_that_ends_meanwhile_is_empty(livekit):
    livekit.comes("blue", "ann")
    livekit.answer = lambda path, *more: (
        livekit.lists(path, *more) if path.endswith("ListRooms") else told({"code": "not_found"}, 404)
    )
    assert ask(livekit) == []


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
def test_what_is_no_answer_is_none(livekit, answer, why):
    livekit.answer = lambda *_: answer
    with pytest.raises(PollFailed, match=why):
        ask(livekit, max_response_bytes=100_000)


def test_a_key_that_is_refused_says_so(livekit):
    livekit.answer = lambda *_: told({"code": "unauthenticated"}, 401)
    with pytest.raises(CredentialsRejected, match="refused the key"):
        ask(livekit)


def test_nobody_is_waited_for_endlessly(livekit):
    livekit.answer = lambda *_: time.sleep(2) or told({"rooms": []})
    began = time.monotonic()
    with pytest.raises(PollFailed):
        ask(livekit, timeout_s=0.3)
    assert time.monotonic() - began < 1.5


def test_who_does_not_listen_is_said(livekit):
    livekit.close()
    with pytest.raises(PollFailed, match="does not answer"):
        ask(livekit)
