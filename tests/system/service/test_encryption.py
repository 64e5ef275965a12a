"""Secrets at rest, played through as an operator does: encrypt, back up, rotate while serving, lose the key."""

import json
import sqlite3
import subprocess
import threading
import time
from contextlib import closing
from pathlib import Path

import httpx2 as httpx
import pytest

from headcount.client.signatures import parse_secret, verify
from support.livekit_source import KEY, added, person, sent, webhook
from support.running_service import NotServingError, Running, headcount
from support.waiting import wait_until
from support.webhook_receivers import receiving

HMAC = "c2VjcmV0IG9mIGEgdGVzdA=="
SECRETS = (b"a-secret-that-is-long-enough", HMAC.encode(), b"dXNlcjpoaWRkZW4td29yZA==", b"poll-key-of-a-test")


@pytest.fixture(params=["sqlite", "postgres"])
def database(request, tmp_path):
    if request.param == "sqlite":
        return str(tmp_path / "headcount.db")
    return request.getfixturevalue("postgres").database()


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def keys(tmp_path):
    return tmp_path / "encryption.keys"


def start(tmp_path, database, **settings):
    return Running(tmp_path, database, webhook_allowed_networks="127.0.0.0/8", **settings).start()


def configure(service, receiver):
    """Create a source and an endpoint with all kinds of secrets, and return the path of the source."""
    path = added(service, "livekit", "--secret", KEY)
    added(service, "bigbluebutton", "--secret", "poll-key-of-a-test")
    fields = {"url": receiver.url, "hmac": HMAC, "basicAuth": "user:hidden-word"}
    assert service.client().post("/webhooks", json=fields).status_code == 200
    return path


def join(service, path, number):
    """Send a webhook of the source; it leads to a message to the receiver."""
    room = f"room-{number}"
    began = int(time.time()) - 60
    return sent(
        service,
        path,
        webhook("participant_joined", room, createdAt=str(began), participant=person("ann", began)),
    )


def is_genuine(one):
    """Return whether a request to the receiver has the signature and the password of its endpoint."""
    verdicts = verify(one.headers, one.body, parse_secret(HMAC), int(time.time() * 1_000))
    return (
        all(verdict.is_valid for verdict in verdicts)
        and one.headers["authorization"] == "Basic dXNlcjpoaWRkZW4td29yZA=="
    )


def joins(requests):
    return [one for one in requests if one.payload.get("type") == "participant.joined"]


def has_joins(receiver, number):
    """Wait for messages about joins, and return whether all are genuine."""
    return all(map(is_genuine, joins(receiver.wait(lambda requests: len(joins(requests)) >= number))))


def bytes_of(database):
    """All bytes of the files of a database, or of a dump of a server's."""
    if database.startswith("postgresql"):
        return subprocess.run(
            ["pg_dump", "--inserts", database], check=True, capture_output=True, timeout=60
        ).stdout
    return b"".join(
        file.read_bytes() for file in Path(database).parent.glob("headcount.db*") if "access" not in file.name
    )


def found_in(content):
    return [secret for secret in SECRETS if secret in content]


def test_a_key_encrypts_what_a_server_has_in_plain_text(tmp_path, database, receiver, keys):
    service = start(tmp_path, database)
    path = configure(service, receiver)
    assert join(service, path, 1).status_code == 200
    receiver.wait_for(1)
    service.stop()
    assert found_in(bytes_of(database)) == list(SECRETS)

    headcount("encryption", "generate-key", "--output", keys)
    assert keys.stat().st_mode & 0o777 == 0o600
    service = start(tmp_path, database, encryption_key_file=str(keys))
    try:
        assert found_in(bytes_of(database)) == []
        assert join(service, path, 2).status_code == 200
        assert has_joins(receiver, 2)
        if not database.startswith("postgresql"):
            headcount("backup", "--database", database, "--output", tmp_path / "a.backup")
            assert found_in((tmp_path / "a.backup").read_bytes()) == []
            restore = ("restore", tmp_path / "a.backup", "--database", tmp_path / "restored.db")
            refused = headcount(*restore, check=False)
            assert (refused.returncode, "no key is configured" in refused.stderr) == (2, True)
            headcount(*restore, "--encryption-key-file", keys)
    finally:
        service.stop()
    assert found_in(bytes_of(database)) == []


def test_a_rotation_while_serving_loses_nothing(tmp_path, database, receiver, keys):
    headcount("encryption", "generate-key", "--output", keys)
    service = start(tmp_path, database, encryption_key_file=str(keys))
    flags = ("--database", database, "--encryption-key-file", keys)
    path = "/v1" + _created(service, flags, receiver)
    stopping, statuses = threading.Event(), []

    def send():
        while not stopping.is_set():
            statuses.append(join(service, path, len(statuses)).status_code)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        for _ in range(3):
            sent_before = len(statuses)
            headcount("encryption", "generate-key", "--output", keys)
            done = json.loads(headcount("encryption", "rotate", "--json", *flags).stdout)
            assert (done["sources"], done["webhooks"], len(done["removable_key_ids"])) == (1, 1, 1)
            keys.write_text(keys.read_text().splitlines()[0])  # without the old key
            wait_until(lambda expected=sent_before + 30: len(statuses) >= expected)
    finally:
        stopping.set()
        sender.join()
    assert set(statuses) == {200}
    assert has_joins(receiver, len(statuses))
    created = service.client().post("/webhooks", json={"url": receiver.url + "/2", "hmac": HMAC})
    assert created.status_code == 200
    service.stop()
    listed = json.loads(headcount("webhook", "list", "--json", *flags).stdout)
    assert len(listed) == 2


def _created(service, flags, receiver):
    """Create a source by command and an endpoint by request; return the path of the source without the prefix."""
    made = headcount("source", "create", "livekit", "--secret", KEY, "--json", *flags)
    fields = {"url": receiver.url, "hmac": HMAC, "basicAuth": "user:hidden-word"}
    assert service.client().post("/webhooks", json=fields).status_code == 200
    return json.loads(made.stdout)["address"].partition("/v1")[2]


def test_a_server_that_lacks_the_new_key_says_so_and_continues_when_it_gets_it(
    tmp_path, database, receiver, keys
):
    headcount("encryption", "generate-key", "--output", keys)
    service = start(tmp_path, database, encryption_key_file=str(keys))
    path = "/v1" + _created(service, ("--database", database, "--encryption-key-file", keys), receiver)
    others = tmp_path / "others.keys"
    others.write_text(keys.read_text())
    headcount("encryption", "generate-key", "--output", others)
    headcount("encryption", "rotate", "--database", database, "--encryption-key-file", others)
    wait_until(lambda: join(service, path, 1).status_code == 503)
    ready = httpx.get(f"{service.url}/readyz", timeout=30)
    assert ready.status_code == 503
    assert "the secrets in the database cannot be read: its secrets are encrypted with the key" in ready.text
    assert "its secrets are encrypted with the key" in service.log.read_text()
    assert service.client().get("/meetings").status_code == 200
    keys.write_text(others.read_text())
    wait_until(lambda: join(service, path, 2).status_code == 200)
    assert httpx.get(f"{service.url}/readyz", timeout=30).status_code == 200
    assert has_joins(receiver, 1)
    service.stop()


def test_sources_of_the_settings_file_are_encrypted_in_the_database(tmp_path, keys):
    database = tmp_path / "headcount.db"
    headcount("encryption", "generate-key", "--output", keys)
    config = tmp_path / "headcount.toml"
    table = f'[sources.livekit]\nsecrets = ["{KEY}"]\npoll = "https://user:poll-key-of-a-test@sfu.invalid"\n'
    config.write_text(f'encryption_key_file = "{keys}"\n{table}')
    service = start(tmp_path, str(database))

    def restarted():
        service.stop()
        service.start("--config", config)
        with closing(sqlite3.connect(database)) as connection:
            return connection.execute("select token, secrets, options from sources").fetchall()

    ((token, secrets, options),) = stored = restarted()
    assert (secrets[:12], "aes-256-gcm:" in options) == ("aes-256-gcm:", True)
    assert found_in(bytes_of(str(database))) == []
    assert restarted() == stored
    assert sent(service, f"/v1/ingest/livekit/{token}", webhook("track_published")).status_code == 200
    service.stop()


def test_a_server_without_an_engine_encrypts_and_verifies(tmp_path, postgres, keys):
    database = postgres.database()
    service = start(tmp_path, database, engine="off")
    path = added(service, "livekit", "--secret", KEY)
    service.stop()
    headcount("encryption", "generate-key", "--output", keys)
    service = start(tmp_path, database, engine="off", encryption_key_file=str(keys))
    assert found_in(bytes_of(database)) == []
    assert sent(service, path, webhook("participant_joined"), secret=f"{KEY}-wrong").status_code == 401
    assert sent(service, path, webhook("track_published")).status_code == 200
    service.stop()


def test_without_the_key_nothing_starts_and_a_lost_key_can_be_replaced(tmp_path, database, receiver, keys):
    headcount("encryption", "generate-key", "--output", keys)
    service = start(tmp_path, database, encryption_key_file=str(keys))
    flags = ("--database", database, "--encryption-key-file", keys)
    _created(service, flags, receiver)
    service.stop()

    with pytest.raises(
        NotServingError, match="no key is configured: set encryption_key_file, or HEADCOUNT_ENCRYPTION_KEY"
    ):
        start(tmp_path, database)
    for command in (("source", "list"), ("webhook", "list"), ("doctor",), ("key", "create")):
        done = headcount(*command, "--database", database, check=False)
        assert done.returncode in (1, 2)
        assert "no key is configured" in done.stdout + done.stderr
    other = headcount("encryption", "generate-key").stdout.strip()
    environment = {"HEADCOUNT_ENCRYPTION_KEY": other}
    done = headcount("source", "list", "--database", database, environment=environment, check=False)
    assert "the configured keys are" in done.stderr
    done = headcount("source", "list", *flags, environment=environment, check=False)
    assert "HEADCOUNT_ENCRYPTION_KEY: is set in addition to --encryption-key-file" in done.stderr
    assert other not in done.stderr

    listed = headcount("encryption", "reset", "--database", database, environment=environment).stdout
    assert "source livekit of domain default" in listed
    running = start(tmp_path, database, encryption_key_file=str(keys))
    refused = headcount(
        "encryption", "reset", "--yes", "--database", database, environment=environment, check=False
    )
    assert (refused.returncode, "stop" in refused.stderr) == (2, True)
    running.stop()
    headcount("encryption", "reset", "--yes", "--database", database, environment=environment)
    shown = json.loads(
        headcount("source", "list", "--json", "--database", database, environment=environment).stdout
    )
    assert [one["name"] for one in shown] == ["livekit"]
    keys.write_text(other)
    service = start(tmp_path, database, encryption_key_file=str(keys))
    service.stop()


def test_doctor_reports_what_is_encrypted(tmp_path, keys):
    def encryption(*flags):
        done = headcount("doctor", "--json", "--database", tmp_path / "headcount.db", *flags, check=False)
        (line,) = [one for one in json.loads(done.stdout) if one["check"] == "encryption"]
        return line["ok"], line["message"]

    service = start(tmp_path, str(tmp_path / "headcount.db"))
    service.stop()
    ok, message = encryption()
    assert ok
    assert "in plain text" in message
    headcount("encryption", "generate-key", "--output", keys)
    flags = ("--encryption-key-file", keys)
    ok, message = encryption(*flags)
    assert not ok
    assert "headcount encryption rotate" in message
    headcount("encryption", "rotate", "--database", tmp_path / "headcount.db", *flags)
    assert encryption(*flags)[1].startswith("encrypted secrets: 1 with the key ")
    keys.chmod(0o644)
    ok, message = encryption(*flags)
    assert not ok
    assert f"chmod 600 {keys}" in message
