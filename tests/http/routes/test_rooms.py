"""The operations about rooms: which exist, since when, and their pages."""

from dataclasses import replace

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from headcount.http.errors import HANDLERS
from headcount.http.routes.queries import routes
from headcount.kernel.events import Event, Kind
from support.engines import NEW_YEAR
from support.stored import DOMAIN, StoredEngine


def names(world, **query):
    answer = world.get("/rooms", **query)
    assert set(answer) == {"total_count", "data"}
    return [room["name"] for room in answer["data"]]


@pytest.fixture
def rooms(world):
    """Ten rooms, some of which were first used at the same moment, newest first."""
    for n in range(10):
        world.known(f"room-{n}", n // 3)
    world.known("foreign", 5, domain="other")
    return [f"room-{n}" for n in reversed(range(10))]


def test_a_room_is_known_by_name_and_first_event(world):
    world.known("blue", 1.5)
    room = {
        "id": "blue",
        "name": "blue",
        "created_at": "2026-01-01T00:00:01.500Z",
        "api_created": False,
        "privacy": "public",
        "config": {},
    }
    assert world.get("/rooms/blue") == room
    assert world.get("/rooms") == {"total_count": 1, "data": [room]}


def test_an_unknown_room_or_a_room_of_another_domain_is_not_found(world):
    world.known("blue", 0, domain="other")
    for path in ("/rooms/blue", "/rooms/nowhere"):
        assert world.refused(path)[:2] == (404, "not-found")
    assert world.get("/rooms") == {"total_count": 0, "data": []}
    assert world.refused("/rooms/a%00b")[0] == 400


def test_the_newest_room_is_first(world, rooms):
    assert names(world) == rooms


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 10, 11])
def test_pages_in_both_directions_have_every_room_once(world, rooms, limit):
    found, cursor = [], {}
    while page := names(world, limit=limit, **cursor):
        found += page
        cursor = {"starting_after": page[-1]}
        assert world.get("/rooms", limit=limit, **cursor)["total_count"] == 10
    assert found == rooms
    found, cursor = [], {"ending_before": "OLDEST"}
    while page := names(world, limit=limit, **cursor):
        found = page + found
        cursor = {"ending_before": page[0]}
    assert found == rooms


def test_an_empty_cursor_is_absent_and_an_unknown_one_is_refused(world, rooms):
    assert names(world, starting_after="", ending_before="", limit="2.0") == rooms[:2]
    for cursor in ("starting_after", "ending_before"):
        assert world.refused("/rooms", **{cursor: "foreign"})[0] == 400
    assert world.refused("/rooms", starting_after="room-1", ending_before="OLDEST")[0] == 400


@pytest.mark.parametrize("name", ["blue/green", "a b+c&d=e?f#g", "Käse 会議室 😀", "100%", "..", "'; --"])
def test_a_room_has_the_configured_url_whatever_its_name(world, name):
    world.known(name, 0)
    context = replace(world.query_context, room_url="https://meet.example/{room}?x=1")
    quoted = "".join(f"%{byte:02X}" for byte in name.encode())

    async def app(scope, receive, send):
        scope.setdefault("state", {})["domain"] = "acme"
        await Starlette(routes=routes(context), exception_handlers=HANDLERS)(scope, receive, send)

    room = TestClient(app).get(f"/rooms/{quoted}").json()
    assert room["name"] == room["id"] == name
    start, _, rest = room["url"].partition("/meet.example/")
    assert (start, rest.endswith("?x=1")) == ("https:/", True)
    assert not set(rest.removesuffix("?x=1")) & set("/?#& ")


def test_the_first_event_of_a_room_is_the_earliest_in_whatever_order_they_arrive(tmp_path):
    stored = StoredEngine(tmp_path)
    late = Event(Kind.LEAVE, "r", NEW_YEAR + 9_000, "b", joined_at=NEW_YEAR + 1_000)
    for event in (
        Event(Kind.JOIN, "r", NEW_YEAR + 5_000, "a"),
        Event(Kind.LEAVE, "r", NEW_YEAR + 90_000, "a"),
        late,
    ):
        stored.append(event)
        stored.show(NEW_YEAR + 100_000)
    assert stored.store.meetings.room(DOMAIN, "r") == ("r", NEW_YEAR + 1_000)
    assert stored.store.meetings.rooms(DOMAIN, 10) == (1, [("r", NEW_YEAR + 1_000)])
    stored.start()
    stored.show(NEW_YEAR + 200_000)
    assert stored.store.meetings.room(DOMAIN, "r").created == NEW_YEAR + 1_000
    stored.close()
