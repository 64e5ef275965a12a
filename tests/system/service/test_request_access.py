"""Which requests are recorded, by their route and status."""

import asyncio

import pytest

from headcount.service.access_log import RequestAccess
from headcount.store.access_log import Action, Actor, ActorType, Subject, SubjectType
from headcount.telemetry.access_recorder import note_action, note_actor, note_subject

KEY = Actor(ActorType.KEY, "Xy12AbCd", "billing")


class Recorder:
    def __init__(self):
        self.recorded = []
        self.written = []
        self.record = self.recorded.append
        self.write = self.written.append


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def requests(recorder):
    return RequestAccess(recorder, "/api", 30)


def scope(route="/api/meetings/{id}", method="GET", query=b"", actor=KEY, **params):
    made = {"method": method, "headcount.route": route, "client": ("203.0.113.7", 5), "query_string": query}
    made["path_params"] = params or {"id": "m-1"}
    if actor is not None:
        note_actor(made, "acme", actor)
    return made


@pytest.mark.parametrize("status", [200, 206, 303, 304])
def test_a_read_that_succeeds_is_recorded_also_if_nothing_was_modified(requests, recorder, status):
    assert requests.on_answer(scope(), status) is None
    (access,) = recorder.recorded
    assert (access.domain, access.actor, access.action) == ("acme", KEY, Action.MEETING_READ)
    assert access.subject == Subject(SubjectType.MEETING, "m-1")
    assert (access.address, access.detail) == ("203.0.113.7", "GET /api/meetings/{id}")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_a_request_that_fails_is_not_recorded(requests, recorder, status):
    requests.on_answer(scope(), status)
    assert recorder.recorded == []


def test_a_request_without_an_actor_is_not_recorded(requests, recorder):
    requests.on_answer(scope(actor=None), 200)
    assert recorder.recorded == []


def test_a_head_request_is_recorded_as_a_read(requests, recorder):
    requests.on_answer(scope(method="HEAD"), 200)
    assert [access.detail for access in recorder.recorded] == ["GET /api/meetings/{id}"]


def test_a_route_that_no_table_has_is_recorded_as_other(requests, recorder):
    requests.on_answer(scope("/api/new/{id}"), 200)
    (access,) = recorder.recorded
    assert (access.action, access.subject, access.detail) == (Action.OTHER, None, "GET /api/new/{id}")


def test_a_change_is_written_before_its_answer(requests, recorder):
    pending = requests.on_answer(scope("/api/webhooks/{uuid}", "DELETE", uuid="w-1"), 200)
    assert recorder.written == []
    asyncio.run(wait_for(pending))
    assert [access.subject for access in recorder.written] == [Subject(SubjectType.WEBHOOK, "w-1")]


async def wait_for(pending):
    await pending


@pytest.mark.parametrize(
    ("query", "subject"),
    [
        (b"", None),
        (b"room=blue", Subject(SubjectType.ROOM, "blue")),
        (b"room=blue&user_id=ann+b%2Fc", Subject(SubjectType.USER, "ann b/c")),
        (b"limit=5&user_id=", None),
        (b"user_id=%00%ff", Subject(SubjectType.USER, "\ufffd")),
    ],
)
def test_a_filter_of_a_list_is_its_subject(requests, recorder, query, subject):
    requests.on_answer(scope("/api/meetings", query=query), 200)
    assert [access.subject for access in recorder.recorded] == [subject]


def test_a_handler_can_state_the_subject_and_the_action(requests, recorder):
    made = scope("/api/privacy/erasures", "POST")
    note_subject(made, Subject(SubjectType.USER, "ann"))
    note_action(made, Action.PRIVACY_READ)
    assert requests.on_answer(made, 200) is None
    (access,) = recorder.recorded
    assert (access.action, access.subject) == (Action.PRIVACY_READ, Subject(SubjectType.USER, "ann"))
