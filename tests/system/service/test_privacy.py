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


def test_a_preview_counts_and_changes_nothing(service, anna):
    with service.client(service.make_key("default", "admin")) as client:
        answer = client.post("/privacy/erasures", json={"user_id": "anna", "dry_run": True})
        assert answer.status_code == 200, answer.text
        preview = answer.json()
        assert client.get("/privacy/erasures").json() == {"data": []}
        assert client.post("/privacy/export", json={"user_id": "anna"}).json()["log_entries"]
    assert (preview["number"], preview["state"], preview["value"]) == (None, "preview", "anna")
    assert preview["counts"]["participants"] == preview["counts"]["entries"] == 1
    assert preview["legal_holds"] == []


def test_legal_holds_prevent_an_erasure_and_a_preview_names_them(service, anna):
    with service.client(service.make_key("default", "admin")) as client:
        holds = [
            client.post("/privacy/holds", json={"kind": kind, "subject": subject, "reason": "case 17"}).json()
            for kind, subject in (("user", "anna"), ("room", "blue"), ("user", "bob"), ("room", "red"))
        ]
        preview = client.post("/privacy/erasures", json={"user_id": "anna", "dry_run": True}).json()
        assert preview["legal_holds"] == [hold["number"] for hold in holds[:2]]
        refused = client.post("/privacy/erasures", json={"user_id": "anna"})
        assert refused.status_code == 400
        reasons = ", ".join(f"{hold['number']} (case 17)" for hold in holds[:2])
        assert f"{reasons}. Release them first" in refused.json()["info"]
        for hold in holds:
            client.delete(f"/privacy/holds/{hold['number']}")


def test_an_erasure_is_requested_once_and_listed_in_its_domain_only(service):
    admin = service.make_key("default", "admin")
    request = {"user_id": "nobody", "mode": "pseudonymize"}
    with service.client(admin) as client:
        erasure = client.post("/privacy/erasures", json=request).json()
        assert erasure["requested_by"] == f"key {admin[3:11]}"
        assert erasure["mode"] == "pseudonymize"
        number = erasure["number"]
        assert client.get(f"/privacy/erasures/{number}").json()["number"] == number
        assert number in [one["number"] for one in client.get("/privacy/erasures").json()["data"]]
        for query, numbers in (
            ({"user_id": "nobody"}, [number]),
            ({"user_id": "somebody"}, []),
            ({"participant_id": "nobody"}, []),
            ({"attribute": "email=nobody"}, []),
        ):
            found = client.get("/privacy/erasures", params=query).json()["data"]
            assert [one["number"] for one in found] == numbers
        for query in ({"user_id": "a", "participant_id": "b"}, {"attribute": "email"}):
            assert client.get("/privacy/erasures", params=query).status_code == 400
    with service.client(service.make_key("stranger", "admin")) as client:
        assert client.get("/privacy/erasures", params={"user_id": "nobody"}).json() == {"data": []}
        assert client.get(f"/privacy/erasures/{number}").status_code == 404
        assert client.get("/privacy/erasures").json() == {"data": []}
    with service.client(service.make_key("default", "read", "ingest")) as client:
        for answer in (
            client.get(f"/privacy/erasures/{number}"),
            client.get("/privacy/erasures"),
            client.post("/privacy/erasures", json=request),
            client.post("/privacy/erasures", json={**request, "dry_run": True}),
        ):
            assert answer.status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"user_id": "a", "mode": "forget"},
        {"user_id": "a", "dry_run": 1},
        {"user_id": "anon-user-0123"},
        {"user_id": "anon-user-0123", "dry_run": True},
        {"user_id": "a", "until": 5},
    ],
)
def test_a_request_for_an_erasure_that_is_not_valid_is_400(service, body):
    with service.client(service.make_key("default", "admin")) as client:
        answer = client.post("/privacy/erasures", json=body)
        assert answer.status_code == 400, answer.text
        assert client.get("/privacy/erasures/x").status_code == 404
        assert client.get("/privacy/erasures/99999999999999999999").status_code == 404


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
