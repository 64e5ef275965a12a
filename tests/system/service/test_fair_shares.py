"""The quota of a domain, which leaves resources for others."""

import pytest

from support.running_service import Running
from support.waiting import wait_until


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    running = Running(tmp_path_factory.mktemp("shares"), max_open_rooms=5, min_stay_s=1).start()
    yield running
    running.stop()


@pytest.fixture
def client(service, request):
    with service.client(service.make_key(request.node.name[:40], "ingest", "read")) as client:
        yield client


def join(room, who="ann"):
    return {"room": room, "kind": "join", "participant_id": who}


def leave(room, who="ann"):
    return {"room": room, "kind": "leave", "participant_id": who}


def opened(client, number):
    answer = client.post("/events?wait=1", json=[join(f"r{n}") for n in range(number)])
    assert answer.status_code == 200, answer.text


def test_a_domain_opens_no_more_rooms_than_its_quota(client, service):
    opened(client, 5)
    for refused in (
        client.post("/events", json=join("one more")),
        client.post("/events", json=[join("r1", "bob"), join("one more")]),
        client.post("/rooms/one%20more/snapshot", json={"participants": [{"participant_id": "ann"}]}),
    ):
        assert refused.status_code == 429, refused.text
        assert "max_open_rooms" in refused.json()["info"]
        assert refused.headers["retry-after"] == "5"
    wait_until(lambda: set(client.get("/presence").json()) == {f"r{n}" for n in range(5)})
    with service.client(service.make_key("another domain", "ingest", "read")) as other:
        opened(other, 5)


def test_open_rooms_continue_and_a_closed_one_makes_way_for_another(client):
    opened(client, 5)
    for event in (join("r1", "bob"), leave("r2", "nobody"), [join("r3", "cid"), leave("r3", "cid")]):
        assert client.post("/events?wait=1", json=event).status_code == 200
    assert client.post("/events", json=join("new")).status_code == 429
    assert client.post("/events?wait=1", json=leave("r4")).status_code == 200
    wait_until(lambda: client.post("/events", json=join("new")).status_code == 200)
    wait_until(lambda: "new" in client.get("/presence").json())


def test_joins_to_open_rooms_do_not_count_as_rooms(client):
    opened(client, 2)
    for n in range(30):
        assert client.post("/events", json=join(f"r{n % 2}", f"p{n}")).status_code == 200
    wait_until(lambda: client.post("/events", json=join("third")).status_code == 200)


def test_too_many_rooms_in_one_request_are_refused(client):
    refused = client.post("/events", json=[join(f"r{n}") for n in range(6)])
    assert refused.status_code == 429
    assert client.get("/presence").json() == {}
