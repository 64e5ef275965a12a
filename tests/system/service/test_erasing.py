"""The how-to about exports and erasures, followed with its own commands beside a running service."""

import json
import re
import shlex
from zipfile import ZipFile

import pytest

from support import ROOT
from support.running_service import Running, headcount
from support.waiting import wait_until

PAGE = (ROOT / "docs/how-to/export-and-erase-a-person.md").read_text()
COMMANDS = re.findall(r"^ *headcount (privacy [\w-]+ .*?|privacy vacuum)$", PAGE, re.MULTILINE)
SECRETS = (b"anna", b"Anna Arendt", b"anna@example.com", b"connection-1", b"connection-2")
START = 1_767_225_600


def command(beginning, **replaced):
    """The arguments of the shortest command on the page that begins like this."""
    text = min((one for one in COMMANDS if one.startswith(beginning)), key=len)
    for old, new in replaced.items():
        text = text.replace(old, str(new))
    return shlex.split(text)


def join(second, participant_id, kind="join", **person):
    return {"room": "blue", "kind": kind, "participant_id": participant_id, "at": START + second, **person}


ANNA = {"user_id": "anna", "user_name": "Anna Arendt", "attributes": {"email": "anna@example.com"}}
EVENTS = [
    join(0, "connection-1", **ANNA),
    join(10, "other", user_id="bob", user_name="Bob"),
    join(600, "connection-1", "leave"),
    join(700, "other", "leave"),
]


@pytest.fixture
def service(tmp_path):
    running = Running(tmp_path)
    running.start()
    yield running
    running.stop()


def found_in(folder):
    """The secrets in the files of the store."""
    return {
        (path.name, secret)
        for path in folder.glob("headcount.db*")
        for secret in SECRETS
        if secret in path.read_bytes()
    }


def test_a_person_is_exported_erased_and_stays_erased(service, tmp_path):
    options = ("--database", service.database)
    key = service.make_key("acme", "admin")
    with service.client(key) as client:
        assert client.post("/events", json=EVENTS, params={"wait": "true"}).status_code == 200
        (before,) = wait_until(lambda: client.get("/meetings").json()["data"])

        headcount(*command("privacy export", **{"anna.zip": tmp_path / "anna.zip"}), *options)
        with ZipFile(tmp_path / "anna.zip") as archive:
            exported = json.loads(archive.read("data.json"))
        assert [one["user_name"] for one in exported["stays"]] == ["Anna Arendt"]
        backup = tmp_path / "before.backup"
        headcount("backup", "-o", backup, *options)

        preview = headcount(*command("privacy erase --user anna --domain acme --dry-run"), *options).stdout
        assert re.search(r"\b1 +stays\n", preview)
        assert "Nothing was changed." in preview
        headcount(*command("privacy erase --user anna --domain acme"), "--yes", *options)
        assert "done" in headcount(*command("privacy erasures --domain"), *options).stdout
        assert "done" in headcount(*command("privacy erasures --user anna"), *options).stdout
        other = headcount("privacy", "erasures", "--user", "bob", "--domain", "acme", *options).stdout
        assert "has no erasure of the user id 'bob'" in other

        late = [join(5, "connection-2", **ANNA), join(500, "connection-2", "leave"), EVENTS[0]]
        assert client.post("/events", json=late, params={"wait": "true"}).status_code == 200
        assert client.post("/privacy/export", json={"user_id": "anna"}).status_code == 404
        (after,) = client.get("/meetings").json()["data"]
        assert (after["id"], after["start_time"], after["duration"]) == (
            before["id"],
            before["start_time"],
            before["duration"],
        )
        wait_until(
            lambda: all(one["state"] == "done" for one in client.get("/privacy/erasures").json()["data"])
        )
    service.stop()
    headcount(*command("privacy vacuum"), *options)
    assert found_in(tmp_path) == set()
    assert headcount("rebuild", "--check", *options).returncode == 0

    restored = tmp_path / "restored"
    restored.mkdir()
    for path in tmp_path.glob("headcount.db*"):
        if not path.name.endswith(".erasures"):
            path.unlink()
    headcount("restore", backup, *options)
    assert found_in(tmp_path) == set()
    assert headcount("rebuild", "--check", *options).returncode == 0
    answer = headcount(
        *command("privacy export", **{"anna.zip": tmp_path / "again.zip"}), *options, check=False
    )
    assert "has nothing about the user id 'anna'" in answer.stderr
