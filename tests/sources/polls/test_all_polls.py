"""Properties of every poll: any response gives a result or fails with `PollFailed`."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount.sources.polls.api import PollFailed, PollResponse, PollResult, PresentParticipant
from headcount.sources.polls.registry import POLLS
from support.poll_requests import poll_result

ROOMS = ["eu-1/12", "eu-1/audiobridge/x", "blue@conference.example/b", "\x00", ""]
# Names from the responses of all vendors, so that random JSON is parsed deeply.
NAMES = st.sampled_from(
    ["janus", "response", "list", "participants", "room", "id", "server-name", "error", "error_code", "code", "rooms", "name", "sid",
     "clients", "room_census", "room_name", "joined_at", "joinTime", "blue"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
every_poll = pytest.mark.parametrize("poll", POLLS.values(), ids=list(POLLS))


def assert_result_or_failed(poll, answer):
    try:
        found = poll_result(poll, answer, active_rooms=ROOMS)
    except PollFailed:
        return
    assert isinstance(found, PollResult)
    assert all(isinstance(one, PresentParticipant) for one in found.participants)
    assert all(isinstance(room, str) for room in found.unclear_rooms)


@every_poll
@given(data=st.data(), status=st.sampled_from([200, 200, 200, 401, 404, 500]))
def test_any_bytes_give_a_result_or_fail(poll, data, status):
    assert_result_or_failed(poll, lambda _: PollResponse(status, data.draw(st.binary(max_size=100))))


@every_poll
@given(data=st.data())
def test_any_json_gives_a_result_or_fails(poll, data):
    assert_result_or_failed(poll, lambda _: PollResponse(200, json.dumps(data.draw(JSON)).encode()))


@every_poll
@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b"{" * 100_000, b"<a>" * 100_000, b"\xff\xfe", b"9" * 5_000]
)
def test_hostile_bodies_fail(poll, body):
    with pytest.raises(PollFailed):
        poll_result(poll, lambda _: PollResponse(200, body))
