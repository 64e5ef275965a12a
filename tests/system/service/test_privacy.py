"""Privacy over the REST API: who may export a person, and what the answer has."""

import json

import pytest

from support.waiting import wait_until


@pytest.fixture(scope="module")
def anna(service):
    """Two people in a room of the domain `default`, and somebody with the same user id in another domain."""
    people = [
        {
            "participant_id": "a1",
            "user_id": "anna",
            "user_name": "Anna",
            "attributes": {"email": "a@x.example"},
        },
        {"participant_id": "b1", "user_id": "bob", "user_name": "Bob"},
    ]
    with service.client() as client:
        events = [{"room": "blue", "kind": "join", **person} for person in people]
        assert client.post("/events", json=events, params={"wait": "true"}).status_code == 200
    with service.client(service.make_key("other", "ingest")) as client:
        event = {
            "room": "red",
            "kind": "join",
            "participant_id": "x1",
            "user_id": "anna",
            "user_name": "Another",
        }
        assert client.post("/events", json=event, params={"wait": "true"}).status_code == 200


@pytest.mark.parametrize(
    "selector", [{"user_id": "anna"}, {"participant_id": "a1"}, {"attribute": {"email": "a@x.example"}}]
)
def test_an_admin_exports_a_person_of_the_own_domain(service, anna, selector):
    with service.client(service.make_key("default", "admin")) as client:
        answer = client.post("/privacy/export", json=selector)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["selector"] == selector
    assert found["participants"] == [{"room": "blue", "participant_id": "a1"}]
    assert [one["user_name"] for one in found["log_entries"]] == ["Anna"]
    assert "bob" not in answer.text.lower()
    assert "Another" not in answer.text


def test_another_domain_and_other_scopes_cannot_export(service, anna):
    for domain, scopes, status in (
        ("default", ("read", "ingest"), 403),
        ("other", ("read",), 403),
        ("third", ("admin",), 404),
    ):
        with service.client(service.make_key(domain, *scopes)) as client:
            answer = client.post("/privacy/export", json={"user_id": "anna"})
        assert answer.status_code == status, answer.text
        assert "a1" not in answer.text
    with service.client(service.make_key("other", "admin")) as client:
        found = client.post("/privacy/export", json={"user_id": "anna"}).json()
    assert found["participants"] == [{"room": "red", "participant_id": "x1"}]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{",
        "{}",
        '{"user_id":"a","participant_id":"b"}',
        '{"user_id":""}',
        '{"user_id":"a\\u0000"}',
        '{"attribute":{}}',
        '{"attribute":{"a":"1","b":"2"}}',
        '{"attribute":{"a":null}}',
        '{"name":"Anna"}',
    ],
)
def test_a_body_that_selects_nobody_is_400(service, body):
    with service.client(service.make_key("default", "admin")) as client:
        answer = client.post("/privacy/export", content=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["info"]


def test_a_large_person_is_exported_while_events_arrive(service):
    """10,000 stays in one room and in many, with a client that sends more of them meanwhile."""
    start = 1_767_225_600
    events = [
        {
            "room": f"large-{n % 200}",
            "kind": kind,
            "participant_id": f"p{n}",
            "user_id": "busy",
            "at": start + n * 60 + second,
        }
        for n in range(10_000)
        for kind, second in (("join", 0), ("leave", 50))
    ]
    admin = service.make_key("default", "admin")
    with service.client() as client, service.client(admin) as asking:
        for first in range(0, len(events), 5_000):
            answer = client.post("/events", json=events[first : first + 5_000])
            assert answer.status_code == 200, answer.text
        wait_until(
            lambda: (
                len(json.loads(asking.post("/privacy/export", json={"user_id": "busy"}).content)["stays"])
                == 10_000
            )
        )
        found = asking.post("/privacy/export", json={"user_id": "busy"}).json()
    assert len(found["log_entries"]) == 20_000
    assert len(found["meetings"]) == 10_000
