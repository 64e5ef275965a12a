"""The access log of a running service: who read what, signed in, exported and changed keys, when and from where."""

import csv
import getpass
import io
import itertools
import json
import re

import httpx2 as httpx
import pytest

from headcount.dashboard.app import routes as pages
from headcount.http.app import OPERATIONS
from headcount.service.access_log import API, OPEN, PAGES
from headcount.store.access_log import READS, AccessFilter, Action
from headcount.store.open import open_store
from support import ROOT
from support.browser import BASE, create_meeting, csrf_token_of, sign_in
from support.running_service import Running, headcount
from support.waiting import wait_until
from support.webhook_receivers import Receiver

ROOMS = itertools.count(1)
CONVERTOR = re.compile(r":\w+}")


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    running = Running(
        tmp_path_factory.mktemp("access"),
        min_stay_s=1,
        start_alone_s=3,
        webhook_allowed_networks="127.0.0.0/8",
    )
    running.start()
    yield running
    running.stop()


@pytest.fixture
def meeting(service):
    """A meeting in a room of this test only. Its user is `u-ana-ROOM`."""
    room = f"room-{next(ROOMS)}"
    return create_meeting(service, room), room


def entries(service, key=None, **wanted):
    with service.client(key) as client:
        answer = client.get("/access-log", params=wanted)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]


def seen(service, **wanted):
    """The entries with these values, once there are some: reads appear within a second."""
    return wait_until(lambda: entries(service, **wanted))


# Every route is recorded.


def test_every_operation_of_the_api_is_an_action_or_is_declared_not_to_be_one():
    operations = {f"{one.method} {CONVERTOR.sub('}', one.path)}" for one in OPERATIONS}
    assert operations == API.keys(), "add the operation to the table API in service/access_log.py"


def test_every_page_is_an_action_or_is_declared_not_to_be_one():
    found = {
        f"{method} {CONVERTOR.sub('}', route.path).removeprefix(BASE)}"
        for route in pages(None, None)
        for method in route.methods - {"HEAD"}
    }
    assert found == PAGES.keys(), "add the page to the table PAGES in service/access_log.py"


def test_what_reads_meetings_or_people_is_an_action():
    silent = {
        name.partition(" ")[2] for table in (API, PAGES) for name, rule in table.items() if rule is None
    }
    assert not [
        path for path in silent if re.search(r"meeting|person|presence|search|shared|user|usage", path)
    ]
    assert all(not path.startswith(("/v1", BASE)) for path in OPEN)


# Reads.


@pytest.mark.parametrize(
    ("path", "action", "kind"),
    [
        ("/meetings/ID", "meeting.read", "meeting"),
        ("/meetings/ID/participants", "meeting.read", "meeting"),
        ("/meetings/ID/explain", "meeting.read", "meeting"),
        ("/meetings/ID/attendance", "meeting.read", "meeting"),
        ("/meetings?room=ROOM", "meeting.list", "room"),
        ("/meetings?user_id=u-ana-ROOM", "meeting.list", "user"),
        ("/users/u-ana-ROOM/meetings", "person.read", "user"),
        ("/rooms/ROOM/presence", "presence.read", "room"),
        ("/rooms/ROOM", "room.read", "room"),
        ("/usage?room=ROOM&from=2026-01-01", "usage.read", "room"),
    ],
)
def test_a_read_by_an_api_key_is_recorded(service, meeting, path, action, kind):
    name, room = meeting
    key = service.make_key("default", "read")
    with service.client(key) as client:
        for _ in range(2):
            answer = client.get(path.replace("ID", name).replace("ROOM", room))
            assert answer.status_code == 200, answer.text
    found = seen(service, actor=key[3:11])
    subject = {"meeting": name, "room": room, "user": f"u-ana-{room}"}[kind]
    assert {one["action"] for one in found} == {action}
    assert {one["subject"]["id"] for one in found} == {subject}
    assert {one["subject"]["type"] for one in found} == {kind}
    assert {one["address"] for one in found} == {"127.0.0.1"}
    wait_until(lambda: sum(one["requests"] for one in entries(service, actor=key[3:11])) == 2)
    route = (
        path.partition("?")[0].replace("ID", "{id}").replace("u-ana-ROOM", "{user}").replace("ROOM", "{room}")
    )
    assert {one["detail"] for one in found} == {f"GET /v1{route}"}


def test_who_looked_at_a_meeting_on_the_dashboard_is_recorded(service, meeting):
    name, _ = meeting
    client = sign_in(service)
    assert client.get(f"{BASE}/meetings/{name}").status_code == 200
    (entry,) = seen(service, subject=name, action="meeting.read")
    assert entry["actor"]["type"] == "session"
    assert entry["actor"]["name"] == "First key"
    assert (entry["detail"], entry["requests"]) == (f"GET {BASE}/meetings/{{id}}", 1)
    actions = [one["action"] for one in entries(service, actor=entry["actor"]["id"])]
    assert actions == ["meeting.read", "sign_in"]


def test_a_shared_link_is_recorded_when_it_is_opened(service, meeting):
    name, _ = meeting
    client = sign_in(service)
    form = {"csrf": csrf_token_of(client), "about": "meeting", "name": name, "lasts": "1"}
    page = client.post(f"{BASE}/shares", data=form).text
    assert [one["action"] for one in entries(service, subject=name, action="share.create")] == [
        "share.create"
    ]
    address = re.search(r"/dashboard/shared/[\w-]+", page)[0]
    assert httpx.get(service.url + address, timeout=30).status_code == 200
    (opened,) = seen(service, subject=name, action="share.open")
    assert opened["actor"]["type"] == "share"
    assert address.rpartition("/")[2] not in json.dumps(entries(service))


def test_a_stream_is_recorded_when_it_opens(service):
    key = service.make_key("default", "read")
    with service.client(key).stream("GET", "/stream?room=blue") as stream:
        assert stream.status_code == 200
        (entry,) = seen(service, actor=key[3:11])
    assert (entry["action"], entry["subject"]) == ("stream.open", {"type": "room", "id": "blue"})


def test_what_reads_nothing_is_not_recorded(service):
    key = service.make_key("default", "read", "ingest")
    with service.client(key) as client:
        assert client.get("/meetings/of-nobody").status_code == 404
        assert client.get("/health/completeness").status_code == 200
        assert client.post("/events", json={"room": "r", "kind": "end"}).status_code == 200
        assert client.get("/webhooks").status_code == 403
        assert client.get("/rooms").status_code == 200
    assert [one["action"] for one in seen(service, actor=key[3:11])] == ["room.list"]


# Changes and exports are recorded before the answer.


def test_exports_are_recorded_before_they_are_sent(service, meeting):
    name, _ = meeting
    client = sign_in(service)
    for kind in ("csv", "xlsx", "ics"):
        assert client.get(f"{BASE}/meetings/{name}.{kind}").status_code == 200
        assert entries(service, subject=name, action="export")[0]["detail"].endswith(f".{kind}")


def test_changes_of_keys_are_recorded(service):
    client = sign_in(service)
    csrf = csrf_token_of(client)
    page = client.post(f"{BASE}/settings/keys", data={"csrf": csrf, "name": "bot", "scope.read": "on"}).text
    created = entries(service, action="key.create")[0]
    assert f"hc_{created['subject']['id']}" in page
    client.post(f"{BASE}/settings/keys/revoke", data={"csrf": csrf, "id": created["subject"]["id"]})
    assert entries(service, action="key.revoke")[0]["subject"] == created["subject"]
    client.post(f"{BASE}/settings/links", data={"csrf": csrf, "name": "Ann", "role": "viewer"})
    assert entries(service, action="sign_in_link.create")[0]["actor"] == created["actor"]


def test_changes_of_webhooks_are_recorded(service, hook):
    with service.client() as client:
        made = client.post("/webhooks", json={"url": hook}).json()
        client.delete(f"/webhooks/{made['uuid']}")
    actions = [one["action"] for one in entries(service, subject=made["uuid"])]
    assert actions == ["webhook.delete", "webhook.create"]


@pytest.fixture
def hook():
    receiver = Receiver()
    yield receiver.url
    receiver.end()


def test_commands_are_recorded_with_the_user_of_the_machine(service, tmp_path):
    key = service.make_key("default", "read")
    made = entries(service, subject=key[3:11])[0]
    assert made["actor"] == {"type": "command_line", "id": getpass.getuser(), "name": ""}
    assert (made["action"], made["detail"], made["address"]) == ("key.create", "headcount key create", "")
    database = ("--database", service.database)
    headcount("key", "revoke", *database, "--", key[3:11])
    headcount("login-link", *database)
    headcount("source", "create", "livekit", "--secret", "a:b", *database)
    headcount("source", "delete", "livekit", *database)
    headcount("export", "--output", tmp_path / "out", *database)
    commands = [one["detail"] for one in entries(service, actor=getpass.getuser())[:5]]
    assert commands == [
        "headcount export", "headcount source delete", "headcount source create", "headcount login-link",
        "headcount key revoke",
    ]  # fmt: skip
    assert entries(service, action="source.create")[0]["subject"] == {"type": "source", "id": "livekit"}


def test_commands_about_privacy_are_recorded(service, meeting, tmp_path):
    _, room = meeting
    user = f"u-ana-{room}"

    def privacy(*arguments):
        headcount("privacy", *arguments, "--database", service.database)

    privacy("retention", "set", "lecture-*", "--names", "30d")
    privacy("retention", "delete", "lecture-*")
    privacy("hold", "create", "--room", room, "--reason", "case 17")
    (hold,) = [one for one in service.client().get("/privacy/holds").json()["data"] if one["subject"] == room]
    privacy("hold", "release", str(hold["number"]))
    privacy("export", "--user", user, "-o", tmp_path / "person.zip")
    privacy("erase", "--user", user, "--dry-run")
    privacy("pseudonymize", "--user", user, "--yes")
    own = [one for one in entries(service, actor=getpass.getuser()) if "privacy" in one["detail"]][:6]
    assert [one["action"] for one in own] == [
        "privacy.pseudonymize", "privacy.export", "hold.delete", "hold.create", "retention.update", "retention.update",
    ]  # fmt: skip
    assert {one["subject"]["type"] for one in own[:2]} == {"user"}
    assert [one["subject"]["id"] for one in own[2:4]] == [room, room]
    assert user not in json.dumps(own)
    assert [one["action"] for one in entries(service, subject=user)][:2] == [
        "privacy.pseudonymize",
        "privacy.export",
    ]


# Who may read it.


def test_pages_of_the_log_have_all_entries_once(service):
    with service.client() as client:
        for number in range(5):
            client.get(f"/users/reader-{number}/meetings")
    wait_until(lambda: len(entries(service, action="person.read", limit=5)) == 5)
    page, found = entries(service, action="person.read", limit=2), []
    while page:
        found += page
        page = entries(service, action="person.read", limit=2, starting_after=page[-1]["id"])
    assert len({one["id"] for one in found}) == len(found) >= 5
    assert [one["at"] for one in found] == sorted((one["at"] for one in found), reverse=True)


def test_invalid_filters_are_refused(service):
    with service.client() as client:
        for query in ("action=look", "starting_after=0", f"starting_after={'a' * 22}", "subject=", "from=x"):
            answer = client.get(f"/access-log?{query}")
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid-request-error"), query


def test_only_admins_of_the_domain_read_the_log(service):
    viewer, other = service.make_key("default", "read"), service.make_key("acme", "admin")
    with service.client(viewer) as client:
        assert client.get("/access-log").status_code == 403
    with service.client() as client:
        client.get("/users/of-default/meetings")
    newest = seen(service, subject="of-default")[0]
    with service.client(other) as client:
        details = {one["detail"] for one in client.get("/access-log").json()["data"]}
        assert details <= {"headcount key create", "GET /v1/access-log"}
        assert client.get("/access-log", params={"starting_after": newest["id"]}).status_code == 400
    assert "access_log.read" in {one["action"] for one in seen(service, action="access_log.read")}


# It loses nothing, and can be turned off.


def test_the_last_reads_are_written_when_the_service_stops(tmp_path):
    service = Running(tmp_path).start()
    with service.client() as client:
        client.get("/users/the-last/meetings")
    service.stop()
    store = open_store(str(service.database), read_only=True)
    page = store.access_log.page("default", AccessFilter(subject="the-last"), 10)
    store.close()
    assert [entry.requests for entry in page] == [1]


def test_a_service_without_an_access_log_records_nothing(tmp_path):
    service = Running(tmp_path, access_log="off").start()
    with service.client() as client:
        client.get("/users/ann/meetings")
    sign_in(service)
    service.stop()
    store = open_store(str(service.database), read_only=True)
    assert store.access_log.page("default", AccessFilter(), 10) == []
    store.close()


# The command line and the dashboard show it.


def access_log(service, *arguments, **options):
    return headcount("privacy", "access-log", "--database", service.database, *arguments, **options)


def test_the_command_shows_who_looked_at_a_meeting_and_at_a_person(service, meeting, tmp_path):
    name, room = meeting
    with service.client() as client:
        client.get(f"/meetings/{name}")
        client.get(f"/users/u-ana-{room}/meetings")
    seen(service, subject=f"u-ana-{room}")
    (shown,) = json.loads(access_log(service, "--meeting", name, "--json").stdout)
    assert shown["actor"] == {"type": "key", "id": service.key[3:11], "name": "First key"}
    assert (shown["action"], shown["subject"]) == ("meeting.read", {"type": "meeting", "id": name})
    head, row = access_log(service, "--user", f"u-ana-{room}").stdout.splitlines()
    assert head.split()[:4] == ["TIME", "ACTOR", "ACTION", "SUBJECT"]
    assert f"key {service.key[3:11]} First key" in row
    assert "GET /v1/users/{user}/meetings" in row
    file = tmp_path / "access.csv"
    access_log(service, "--user", f"u-ana-{room}", "-o", file)
    (line,) = csv.DictReader(io.StringIO(file.read_text("utf-8-sig")))
    assert (line["Subject"], line["Action"], line["Actor"]) == (
        f"u-ana-{room}", "person.read", service.key[3:11],
    )  # fmt: skip
    assert access_log(service, "--user", "nobody").stdout == "No entries.\n"
    commands = entries(service, action="access_log.read", actor=getpass.getuser())
    assert {one["detail"] for one in commands} == {"headcount privacy access-log"}


def test_an_unknown_action_is_refused_with_the_closest_one(service):
    refused = access_log(service, "--action", "meeting.red", check=False)
    assert refused.returncode == 2
    assert "did you mean 'meeting.read'?" in refused.stderr


def test_the_page_shows_the_entries_and_leads_from_the_meeting(service, meeting):
    name, _ = meeting
    client = sign_in(service)
    page = client.get(f"{BASE}/meetings/{name}").text
    link = re.search(r'href="([^"]*/access-log[^"]*)"', page)[1].replace("&amp;", "&")
    seen(service, subject=name)
    found = client.get(link)
    assert found.status_code == 200
    assert name in found.text
    assert "meeting.read" in found.text
    assert "First key" in found.text
    lines = client.get(link.replace("/access-log", "/access-log.csv")).text.splitlines()
    assert len(lines) == 2
    assert client.get(f"{BASE}/access-log?after=nonsense").status_code == 400
    assert client.get(f"{BASE}/access-log?action=look").status_code == 400


def test_a_viewer_sees_neither_the_page_nor_the_link(service, meeting):
    name, _ = meeting
    client = sign_in(service, service.make_key("default", "read"))
    assert "access-log" not in client.get(f"{BASE}/meetings/{name}").text
    for path in ("/access-log", "/access-log.csv"):
        assert client.get(BASE + path).status_code == 403


def test_the_page_has_all_entries_in_pages(service):
    key = service.make_key("default", "read")
    with service.client(key) as client:
        for number in range(105):
            client.get(f"/users/paged-{number}/meetings")
    wait_until(lambda: len(entries(service, actor=key[3:11], subject="paged-104")) == 1)
    client = sign_in(service)
    first = client.get(f"{BASE}/access-log?actor={key[3:11]}").text
    older = re.search(r'rel="next" href="([^"]*)"', first)[1].replace("&amp;", "&")
    rest = client.get(older).text
    found = [set(re.findall(r">(anon-user-\w+)<", text)) for text in (first, rest)]
    assert [len(names) for names in found] == [100, 5]
    assert not found[0] & found[1]
    assert 'rel="next"' not in rest


# The docs are true.


def test_the_guide_lists_all_actions_and_when_they_are_written():
    text = (ROOT / "docs/how-to/access-log.md").read_text()
    rows = re.findall(
        r"^\| (`[\w., `]+) \| .* \| (within a second|before the answer) \|$", text, re.MULTILINE
    )
    listed = {action: written for names, written in rows for action in re.findall(r"`([\w.]+)`", names)}
    assert listed == {
        str(action): "within a second" if action in READS or action is Action.ACCESS_LOG_DROP else "before the answer"
        for action in Action
    }  # fmt: skip


# An erasure reaches the log, and a request about somebody who was erased does not bring them back.


def test_an_erased_user_is_in_no_entry_and_those_who_know_the_id_find_the_reads(tmp_path):
    user = "u-ana-secret-room"
    service = Running(tmp_path, min_stay_s=1, start_alone_s=3).start()
    create_meeting(service, "secret-room")
    with service.client() as client:
        assert client.get(f"/users/{user}/meetings").json()["data"]
        seen(service, subject=user)
        requested = client.post("/privacy/erasures", json={"user_id": user})
        assert requested.status_code == 200, requested.text
        number = requested.json()["number"]
        wait_until(lambda: client.get(f"/privacy/erasures/{number}").json()["state"] == "done")
        assert client.get(f"/users/{user}/meetings").json()["data"] == []
    wait_until(
        lambda: sum(one["requests"] for one in entries(service, subject=user, action="person.read")) == 2
    )
    found = entries(service, subject=user)
    assert {one["action"] for one in found} >= {"privacy.erase", "person.read"}
    assert user not in json.dumps(found)
    service.stop()
    headcount("privacy", "vacuum", "--database", service.database)
    files = [service.database, *service.database.parent.glob(f"{service.database.name}-*")]
    assert [file.name for file in files if user.encode() in file.read_bytes()] == []


def test_a_domain_in_the_data_minimal_mode_stores_no_user_that_was_asked_for(service):
    headcount("privacy", "minimal", "on", "--domain", "minimal", "--database", service.database)
    key = service.make_key("minimal", "admin")
    with service.client(key) as client:
        client.get("/users/somebody-minimal/meetings")
    (entry,) = wait_until(lambda: entries(service, key, subject="somebody-minimal"))
    assert entry["subject"]["id"].startswith("anon-user-")


def test_reads_of_several_servers_on_postgresql_are_one_log(tmp_path, postgres):
    url = postgres.database()
    services = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        services.append(Running(folder, url, min_stay_s=1, start_alone_s=3).start())
    first, second = services
    second.key = first.key
    create_meeting(first, "shared-room")
    for service in services:
        with service.client() as client:
            assert client.get("/users/u-ana-shared-room/meetings").json()["data"]
    wanted = {"subject": "u-ana-shared-room", "action": "person.read"}
    wait_until(lambda: sum(one["requests"] for one in entries(second, **wanted)) == 2)
    assert {one["subject"]["id"] for one in entries(first, **wanted)} == {"u-ana-shared-room"}
    client = sign_in(second)
    assert "u-ana-shared-room" in client.get(f"{BASE}/access-log?subject=u-ana-shared-room").text
    for service in services:
        service.stop()
