"""Until when answers are complete: the headers of reading operations, and GET /health/completeness."""

from headcount.http.routes.queries import OPERATIONS
from headcount.store.sources import COMPLETE_REQUESTS, SourceRow, SourceStat

PLAIN = ("/health/rooms", "/health/completeness")


def silent_since(world, second, name="eu 1/ä"):
    """A source whose last request was at a second."""
    world.store.sources.add(SourceRow("a-secret-token", "livekit", "acme", name, ("word",)))
    at = (world.t0 + second) * 1_000
    world.store.sources.add_stats(
        [
            SourceStat("a-secret-token", "requests", 1, at),
            SourceStat("a-secret-token", COMPLETE_REQUESTS, 0, at),
        ]
    )


def test_answers_name_until_when_they_are_complete_and_what_holds_that_back(world):
    world.now = 100
    headers = world.ask("/meetings").headers
    assert headers["headcount-complete-until"] == "2026-01-01T00:01:25.000Z"
    assert "headcount-held-back-by" not in headers
    silent_since(world, 60)
    answer = world.ask("/meetings")
    assert answer.json() == {"total_count": 0, "data": []}
    assert answer.headers["headcount-complete-until"] == "2026-01-01T00:00:45.000Z"
    assert answer.headers["headcount-held-back-by"] == "source/livekit/eu%201%2F%C3%A4"
    assert "headcount-held-back-by" not in world.ask("/meetings", domain="other").headers


def test_all_reading_operations_have_the_headers_except_those_of_health():
    for operation in OPERATIONS:
        has_header = "Headcount-Complete-Until" in operation.headers
        assert has_header == (operation.path not in PLAIN), operation.path


def test_a_replaced_meeting_has_its_path_and_completeness_in_headers(world):
    world.meeting(0, 100)
    old = world.replaced(10)
    headers = world.ask(f"/meetings/{old}").headers
    assert headers["content-location"].startswith("/meetings/")
    assert "headcount-complete-until" in headers


def test_completeness_lists_sources_and_keys_without_secrets(world):
    world.now = 100
    silent_since(world, 60)
    key, text = world.store.keys.create("acme", "The app", ("ingest",), 0, "k" * 32)
    world.store.keys.create("acme", "Reader", ("read",), 0, "r" * 32)
    stat = SourceStat(f"key:{key.id}", COMPLETE_REQUESTS, 0, (world.t0 + 90) * 1_000)
    world.store.sources.add_stats([stat])
    livekit = {"type": "source", "kind": "livekit", "name": "eu 1/ä", "removed": False}
    assert world.get("/health/completeness") == {
        "complete_until": "2026-01-01T00:00:45.000Z",
        "held_back_by": livekit,
        "processed_until": "2026-01-01T00:01:25.000Z",
        "total_count": 2,
        "data": [
            {
                "source": livekit,
                "complete_until": "2026-01-01T00:00:45.000Z",
                "last_request_at": "2026-01-01T00:01:00.000Z",
                "last_poll_at": None,
            },
            {
                "source": {"type": "api_key", "kind": None, "name": "The app", "removed": False},
                "complete_until": "2026-01-01T00:01:15.000Z",
                "last_request_at": "2026-01-01T00:01:30.000Z",
                "last_poll_at": None,
            },
        ],
    }
    answer = world.ask("/health/completeness").text
    assert "a-secret-token" not in answer
    assert text not in answer


def test_usage_and_concurrency_state_it_in_their_heading(world):
    world.now = 100
    silent_since(world, 60)
    for path in ("/usage", "/concurrency"):
        answer = world.get(path, **{"from": "2026-01-01"})
        assert answer["complete_until"] == "2026-01-01T00:00:45.000Z"
        assert answer["held_back_by"]["name"] == "eu 1/ä"
        assert (
            world.get(path, **{"from": "2025-12-31", "group_by": "day"})["held_back_by"]["kind"] == "livekit"
        )
