"""Generated clients read the real answers of every operation: what the document describes is what is sent."""

import json
import re
import time
from contextlib import ExitStack
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import pytest

from support.generated_clients import (
    DATE_TIME,
    GoClient,
    PythonClient,
    TypeScriptClients,
    to_json,
    with_instants,
    without_nulls,
)
from support.running_service import Running, headcount
from support.webhook_receivers import receiving

MAPPING = {
    "kind": {"at": "/type", "join": ["in"], "leave": ["out"]},
    "room": "/room",
    "participant_id": "/id",
    "at": {"at": "/at", "unit": "s"},
    "role": {"at": "/role", "words": {"rec": "recorder"}},
    "signature": {"scheme": "token", "header": "X-Token"},
}
SECRET = "a secret of the source"
ROOM = "green/1 ä?"


class Answer(NamedTuple):
    """An answer of the service, with the request."""

    operation_id: str
    path: str
    method: str
    tag: str
    values: dict[str, str]
    params: dict[str, Any]
    response: httpx.Response

    @property
    def body(self):
        return self.response.text if self.operation_id == "streamEvents" else self.response.json()


class Recorder:
    """Sends requests to a service, and keeps each answer with its operation."""

    def __init__(self, service, document):
        self._operations = {
            operation["operationId"]: (path, method, operation["tags"][0])
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
        }
        self.client = service.client()
        self.answers = []

    def send(self, operation_id, *, status=200, client=None, params=None, **request):
        """The JSON of an answer. `request` has what httpx takes, and values for the path."""
        path, method, tag = self._operations[operation_id]
        values = {name: request.pop(name) for name in re.findall(r"{(\w+)}", path)}
        url = path.format(**{name: quote(value, safe="") for name, value in values.items()})
        response = (client or self.client).request(method.upper(), url, params=params, timeout=30, **request)
        assert response.status_code == status, response.text
        self.answers.append(Answer(operation_id, path, method, tag, values, params or {}, response))
        return response.json()

    def stream(self, **params):
        """The beginning of a stream, up to its first event with data."""
        path, method, tag = self._operations["streamEvents"]
        with self.client.stream("GET", path, params=params, timeout=30) as response:
            text = ""
            for chunk in response.iter_text():
                text += chunk
                if "data:" in text:
                    break
        content = httpx.Response(200, headers={"content-type": response.headers["content-type"]}, text=text)
        self.answers.append(Answer("streamEvents", path, method, tag, {}, params, content))

    def close(self):
        self.client.close()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A running service, its document, as JSON and as a file, and answers of all its operations."""
    folder = tmp_path_factory.mktemp("service")
    service = Running(folder, events_per_5s=0, webhook_allowed_networks="127.0.0.0/8").start()
    document = httpx.get(f"{service.url}/openapi.json", timeout=30)
    recorder = Recorder(service, document.json())
    file = folder / "openapi.json"
    file.write_bytes(document.content)
    with ExitStack() as stack:
        stack.callback(service.stop)
        stack.callback(recorder.close)
        receiver = stack.enter_context(receiving())
        uuid = create_webhook(recorder, receiver)
        ingest(recorder, service, folder)
        read_meetings(recorder)
        read_rooms(recorder)
        manage_webhooks(recorder, receiver, uuid)
        manage_privacy(recorder)
        yield service, document.json(), file, recorder.answers


def create_webhook(recorder, receiver):
    body = {"url": receiver.url, "retryType": "exponential", "basicAuth": "user:word"}
    recorder.send("createWebhook", status=400, json={})
    return recorder.send("createWebhook", json=body)["uuid"]


def event(kind, participant_id, at, room="blue", **fields):
    return {"room": room, "kind": kind, "participant_id": participant_id, "at": at, **fields}


def ingest(recorder, service, folder):
    """A meeting that ended, one that a late event corrected, an ongoing one, and an excluded participant."""
    now = int(time.time())
    send = recorder.send
    wait = {"wait": True}
    send("ingestEvents", status=400, json={"room": "blue"})
    send("ingestEvents", json=event("join", "c-1", now - 4_000, user_id="u-1", user_name="Ann"))
    ended = [
        event("join", "c-2", now - 3_990),
        event("leave", "c-2", now - 3_000),
        event("leave", "c-1", now - 3_000),
    ]
    send("ingestEvents", params=wait, json=[*ended, event("leave", "x", now - 3_500)])
    mapping = folder / "mapping.json"
    mapping.write_text(json.dumps(MAPPING))
    added = headcount(
        "source",
        "create",
        "generic",
        "--database",
        service.database,
        "--secret",
        SECRET,
        "--mapping",
        mapping,
    )
    kind, token = re.search(r"/ingest/(\w+)/([\w-]+)", added.stdout).groups()
    with httpx.Client(base_url=f"{service.url}/v1", headers={"X-Token": SECRET}) as source:
        for body in (
            {"type": "in", "room": "blue", "id": "r-1", "at": now - 3_900, "role": "rec"},
            {"type": "in", "room": ROOM, "id": "g-1", "at": now - 100},
            {"type": "in"},
        ):
            send("ingestWebhook", client=source, kind=kind, token=token, json=body)
        send("ingestWebhook", status=404, client=source, kind=kind, token="none", json={})
    # An earlier join corrects the first meeting.
    late = [event("join", "c-0", now - 4_050), event("leave", "c-0", now - 3_800)]
    send("ingestEvents", params=wait, json=late)
    participants = [{"participant_id": "g-1"}, {"participant_id": "g-2", "user_id": "u-2", "user_name": "Bo"}]
    send("ingestSnapshot", params=wait, room=ROOM, json={"at": now - 60, "participants": participants})


def read_meetings(recorder):
    send = recorder.send
    meetings = send("listMeetings")["data"]
    assert len(meetings) == 2
    send("listMeetings", params={"no_participants": True, "order": "asc", "limit": 5, "timeframe_start": 0})
    send("listMeetings", status=400, params={"limit": "none"})
    for meeting in meetings:
        send("getMeeting", id=meeting["id"])
        send("listMeetingParticipants", id=meeting["id"])
        send("getAttendance", id=meeting["id"])
        send(
            "getAttendance",
            id=meeting["id"],
            params={"expected": ["u-1", "u-9"], "starts_at": "2020-01-01T00:00:00Z"},
        )
        send("getTimeTogether", id=meeting["id"], params={"user_id": ["u-1"], "others": True})
    ended = meetings[-1]["id"]
    roster = {"expected": ["u-1", {"user_id": "u-9", "user_name": "Cy"}], "starts_at": "2020-01-01T00:00:00Z"}
    send("createAttendanceReport", id=ended, json=roster)
    explanation = send("explainMeeting", id=ended)
    for part in ("start", "end", "steps", "corrections", "excluded_participants", "events", "previous_ids"):
        assert explanation[part], part
    assert explanation["corrections"][0]["event"]
    send("explainMeeting", status=404, id="none")
    send("listUserMeetings", user="u-1")
    send("listUserMeetings", user="u-1", params={"no_participants": True})
    for group in ("day", "hour", "month", "room", "total"):
        send("getUsage", params={"from": "2026-01-01", "group_by": group, "timezone": "Europe/Berlin"})
    send("getUsage", params={"from": "2026-01-01", "group_by": "month"})
    send("getConcurrency", params={"from": time.time() - 7_200})
    send("getConcurrency", params={"from": time.time() - 7_200, "timezone": "Asia/Kathmandu"})
    send("getConcurrency", status=400)


def read_rooms(recorder):
    send = recorder.send
    now = time.time()
    assert send("getPresence")[ROOM]
    send("getRoomPresence", room=ROOM)
    send("getRoomPresence", room=ROOM, params={"at": now})
    assert send("getRoomPresence", room="never used", params={"at": now})["data"] == []
    assert send("getRoomPresence", room="never used")["data"] == []
    assert send("getRoomPresence", room="blue", params={"from": now - 7_200, "to": now})["data"]
    rooms = send("listRooms")["data"]
    assert ROOM in [room["name"] for room in rooms]
    send("listRooms", params={"limit": 1, "starting_after": rooms[0]["id"]})
    send("getRoom", room=ROOM)
    send("getRoom", status=404, room="never used")
    send("listQuarantinedRooms")
    send("getCompleteness")
    send("getKey")
    recorder.stream(last_event_id="0")


def manage_webhooks(recorder, receiver, uuid):
    send = recorder.send
    other = send("createWebhook", json={"url": receiver.url, "extensions": True})
    secrets = send("listWebhookSecrets", uuid=uuid)["secrets"]
    send("updateWebhookSecrets", uuid=uuid, json={"secrets": ["bmV3", *secrets]})
    send("updateWebhookSecrets", status=400, uuid=uuid, json={"secrets": []})
    send("listWebhooks")
    send("getWebhook", uuid=uuid)
    send("getWebhook", status=404, uuid="none")
    send("updateWebhook", uuid=uuid, json={"eventTypes": ["meeting.started", "meeting.ended"]})
    send("patchWebhook", uuid=uuid, json={"retryType": "circuit-breaker", "basicAuth": None})
    send("testWebhook", uuid=uuid)
    wait_for(lambda: any(message["attempts"] for message in messages(recorder, uuid)))
    send("listDeliveries", uuid=uuid)
    send("resendDeliveries", uuid=uuid, json={"room": "blue", "from": 0})
    assert "lastMomentPushed" in send("getWebhook", uuid=uuid)
    send("deleteWebhook", uuid=other["uuid"])


def manage_privacy(recorder):
    send = recorder.send
    person = send("exportPerson", json={"user_id": "u-1"})
    for table in ("participants", "log_entries", "stays", "meetings"):
        assert person[table], table
    assert send("exportPerson", json={"participant_id": "c-0"})["corrections"]
    assert send("exportPerson", json={"participant_id": "r-1"})["excluded_participants"]
    send("exportPerson", status=400, json={})
    send("exportPerson", status=404, json={"attribute": {"email": "nobody@example.com"}})
    person = {"attribute": {"email": "nobody@example.com"}}
    assert send("createErasure", json={**person, "dry_run": True})["number"] is None
    number = send("createErasure", json={**person, "mode": "pseudonymize"})["number"]
    send("createErasure", status=400, json={"user_id": "u-1", "mode": "forget"})
    send("listErasures")
    send("listErasures", params={"attribute": "email=nobody@example.com"})
    send("getErasure", number=str(number))
    send("getErasure", status=404, number="none")
    rule = {"pattern": "lecture-*", "names_days": 30}
    send("updateRetentionRule", json=rule)
    send("listRetentionRules")
    send("getRetentionPreview")
    send("deleteRetentionRule", params={"pattern": rule["pattern"]})
    number = send("createLegalHold", json={"kind": "room", "subject": "blue", "reason": "case 17"})["number"]
    send("listLegalHolds")
    send("deleteLegalHold", number=str(number))
    send("updateDataMinimal", json={"minimal": False})
    send("getDataMinimal")
    (entry,) = send("listAccessLog", params={"action": "hold.create"})["data"]
    assert entry["subject"] == {"type": "room", "id": "blue"}
    send("listAccessLog", status=400, params={"action": "look"})


def messages(recorder, uuid):
    return recorder.client.get(f"/webhooks/{uuid}/deliveries", timeout=30).json()["data"]


def wait_for(condition, timeout_s=60):
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_every_operation_has_a_recorded_answer(recorded):
    _, document, _, answers = recorded
    ids = {operation["operationId"] for path in document["paths"].values() for operation in path.values()}
    assert {answer.operation_id for answer in answers if answer.response.status_code == 200} == ids


def test_times_in_utc_end_with_z_and_others_with_their_offset(recorded):
    *_, answers = recorded
    found = [
        (answer.params.get("timezone"), time_[0])
        for answer in answers
        for time_ in DATE_TIME.finditer(answer.response.text)
    ]
    assert all(time_.endswith("Z") for zone, time_ in found if zone is None)
    local = {time_[-6:] for zone, time_ in found if zone is not None and not time_.endswith("Z")}
    assert local == {"+01:00", "+02:00", "+05:45"}


def test_a_generated_python_client_reads_every_answer(recorded, tmp_path):
    _, _, file, answers = recorded
    client = PythonClient(file, tmp_path)
    for answer in answers:
        parsed = client.parse(answer.tag, answer.operation_id, answer.response)
        assert parsed is not None, answer.operation_id
        assert with_instants(to_json(parsed)) == with_instants(answer.body), answer.operation_id


@pytest.fixture(scope="module")
def typescript(recorded, tmp_path_factory):
    return TypeScriptClients(recorded[2], tmp_path_factory.mktemp("typescript"))


def test_generated_typescript_types_fit_every_answer(recorded, typescript):
    literals = [
        (answer.path, answer.method, answer.response.status_code, answer.body) for answer in recorded[-1]
    ]
    assert typescript.check(literals) == ""
    path, method, status, answer = literals[-1]
    assert "error TS" in typescript.check([(path, method, status, {**answer, "undocumented": 1})])


def test_generated_schemas_of_zod_parse_every_answer(recorded, typescript):
    answers = [(answer.operation_id, answer.response.status_code, answer.body) for answer in recorded[-1]]
    assert typescript.parse(answers) == ""
    operation_id, status, answer = answers[-1]
    assert "undocumented" in typescript.parse([(operation_id, status, {**answer, "undocumented": 1})])
    assert typescript.parse([(operation_id, status, {})]) != ""


def test_generated_typescript_clients_read_from_the_service(recorded, typescript):
    service, _, _, answers = recorded
    requests = [
        (answer.operation_id, answer.path, answer.values, answer.params)
        for answer in answers
        if answer.method == "get"
        and answer.response.status_code == 200
        and answer.operation_id != "streamEvents"
    ]
    assert typescript.read(requests, f"{service.url}/v1", service.key) == ""
    assert "No meeting" in typescript.read(
        [("getMeeting", "/meetings/{id}", {"id": "none"}, {})], f"{service.url}/v1", service.key
    )


def test_a_generated_go_client_reads_every_answer(recorded, tmp_path):
    *_, file, answers = recorded
    client = GoClient(file, tmp_path)
    given = [
        (answer.operation_id, answer.response.status_code, answer.body)
        for answer in answers
        if answer.operation_id != "streamEvents"
    ]
    for (name, _, body), parsed in zip(given, client.parse(given), strict=True):
        assert with_instants(without_nulls(parsed)) == with_instants(without_nulls(body)), name
