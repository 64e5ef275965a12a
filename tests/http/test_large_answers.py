"""Large answers have the same bytes as small ones, and their number is limited for each domain."""

import asyncio
import threading
from dataclasses import replace
from urllib.parse import quote

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from headcount.http.errors import HANDLERS, ApiError
from headcount.http.large_answers import LARGE_BYTES, QueryLimiter, spool
from headcount.http.routes.queries import routes
from headcount.store.database import consistent_read
from headcount.store.meeting_lists import MeetingFilter, Page
from headcount.store.paging import entries_in_pages

NAMES = ['"participants":[]', '\\"participants\\":[]', "\u2028 é 😀", "]}", "blue"]


@pytest.fixture
def met(world):
    """Meetings of rooms with odd names, one that lasts, one that a reset carried somebody into, and an empty one."""
    for n, name in enumerate(NAMES):
        for who in range(n * 3):
            world.stay(
                f"p{who}",
                n * 100 + who % 4,
                n * 100 + 60 + who,
                room=name,
                user_id=f"u{who}" if who % 2 else None,
            )
        world.stay("p0", n * 100 + 70, n * 100 + 80, room=name, user_name=name)
        world.meeting(n * 100, n * 100 + 90, room=name, most=3)
    world.stay("a", 1_000, room="carried", user_id="u1", a='"participants":[]')
    world.stay("0", 2_000, room="carried")
    world.stay("b", 2_000, room="carried", user_name="Bob")
    world.meeting(2_000, room="carried", carried=(1_000, "a"))
    world.meeting(5_000, 5_100, room="nobody")
    return world


def in_chunks(world, few=1):
    """The same routes, with a low limit for lists that are encoded in chunks."""
    app = Starlette(routes=routes(replace(world.query_context, few_entries=few)), exception_handlers=HANDLERS)

    async def inside(scope, receive, send):
        scope.setdefault("state", {})["domain"] = "acme"
        await app(scope, receive, send)

    return TestClient(inside)


@pytest.mark.parametrize(
    "path",
    [
        "/meetings",
        "/meetings?limit=2",
        "/meetings?no_participants=1",
        "/meetings?room=none",
        "/users/u1/meetings",
        "/meetings?include=attributes",
        "/users/u1/meetings?include=attributes",
        "/presence?include=attributes",
    ],
)
def test_a_list_in_chunks_has_the_same_bytes(met, path):
    whole, pieces = met.client.get(path), in_chunks(met).get(path)
    assert whole.status_code == pieces.status_code == 200
    assert pieces.content == whole.content
    assert pieces.headers["content-length"] == whole.headers["content-length"]
    assert pieces.headers["content-type"] == whole.headers["content-type"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_pages_of_entries_are_complete_and_in_order(met, size):
    answers = met.store.meetings
    _, meetings = answers.page_with_total("acme", MeetingFilter(), Page(), 0)
    known = answers.entries(meetings)
    with consistent_read(met.store.database) as connection:
        for meeting in meetings:
            pages = list(entries_in_pages(connection, meeting, size))
            assert all(pages)
            assert [entry for page in pages for entry in page] == known[meeting.id]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1_000])
def test_presence_in_chunks_has_the_same_bytes(met, size):
    for n, name in enumerate(NAMES):
        for who in range(n):
            met.stay(f"now {who}", 90_000 + who % 2, room=name, user_name=name)
    everywhere = met.client.get("/presence")
    assert in_chunks(met, size).get("/presence").content == everywhere.content
    rooms = [*NAMES[1:], "carried"]
    expected = {
        room: met.client.get(f"/rooms/{quote(room, safe='')}/presence").json()["data"] for room in rooms
    }
    assert everywhere.json() == expected
    assert everywhere.content == msgspec.json.encode({room: expected[room] for room in sorted(rooms)})


async def sent(response):
    """The body of a response, as a server would send it."""
    body = b""

    async def send(message):
        nonlocal body
        body += message.get("body", b"")

    await response({"type": "http"}, None, send)
    return body


def test_the_queries_of_a_domain_that_run_are_limited_and_other_domains_do_not_wait():
    limiter, going, most, release = QueryLimiter(max_concurrent=2), [], [], threading.Event()
    started = threading.Semaphore(0)

    def ask():
        going.append(1)
        most.append(len(going))
        started.release()
        release.wait(30)
        going.pop()
        return b"{}", {}

    async def work():
        asked = [asyncio.create_task(limiter.answer("acme", ask)) for _ in range(6)]
        other = await limiter.answer("other", lambda: (b"[]", {}))
        assert other.body == b"[]"
        for _ in range(2):
            await asyncio.to_thread(started.acquire)
        release.set()
        await asyncio.gather(*asked)

    asyncio.run(work())
    assert (max(most), len(most)) == (2, 6)


def test_large_answers_are_files_and_those_being_sent_are_limited():
    limiter, body = QueryLimiter(max_sending=2), b"x" * (LARGE_BYTES + 1)

    async def work():
        one, other = [await limiter.answer("acme", lambda: (body, {})) for _ in range(2)]
        with pytest.raises(ApiError) as refused:
            await limiter.answer("acme", lambda: (body, {}))
        assert refused.value.status == 429
        assert (await limiter.answer("acme", lambda: (b"small", {}))).body == b"small"
        assert await sent(await limiter.answer("elsewhere", lambda: (body, {}))) == body
        assert await sent(one) == body
        assert await sent(await limiter.answer("acme", lambda: (spool([body, b"b"]), {}))) == body + b"b"
        assert await sent(other) == body

    asyncio.run(work())


def test_a_query_that_fails_makes_room_for_the_next():
    limiter = QueryLimiter(max_concurrent=1)

    def fails():
        raise ValueError("none")

    async def work():
        for _ in range(3):
            with pytest.raises(ValueError, match="none"):
                await limiter.answer("acme", fails)
        assert (await limiter.answer("acme", lambda: (b"{}", {}))).body == b"{}"

    asyncio.run(work())
