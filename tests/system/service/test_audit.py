"""Security events in the log: sign-ins, refusals and changes of permissions, as JSON if set, and never with a secret."""

import json
import subprocess
import sys

import httpx2 as httpx
import pytest
import structlog

from headcount.store.credentials import new_secret
from headcount.store.open import open_store
from headcount.telemetry.logging import RefusalLog
from support.browser import BASE, csrf_token_of, sign_in
from support.raw_requests import answer_to
from support.running_service import Running, headcount, new_store
from support.waiting import wait_until

HOOK = "http://127.0.0.1:9/x"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    running = Running(
        tmp_path_factory.mktemp("audit"), log_format="json", webhook_allowed_networks="127.0.0.0/8"
    )
    running.start()
    yield running
    running.stop()


def logged(service):
    return [json.loads(line) for line in service.log.read_text().splitlines()]


def seen(service, name, **what):
    """Return the events of that name with these fields."""
    return [
        line
        for line in logged(service)
        if line["event"] == f"security.{name}" and all(line.get(key) == value for key, value in what.items())
    ]


def test_signing_in_and_out_is_logged(service):
    client = sign_in(service)
    (event,) = seen(service, "sign_in")
    assert event["level"] == "info"
    assert (event["domain"], event["key_id"], event["role"]) == ("default", service.key[3:11], "admin")
    assert (event["client"], event["method"]) == ("127.0.0.1", "key")
    client.post(f"{BASE}/sign-out", data={"csrf": csrf_token_of(client)})
    assert len(seen(service, "sign_out", domain="default", client="127.0.0.1")) == 1
    link = (
        headcount("login-link", "--database", service.database, "--viewer").stdout.strip().rpartition("=")[2]
    )
    with httpx.Client(base_url=service.url, timeout=30) as browser:
        assert browser.post(f"{BASE}/sign-in", data={"link": link}).status_code == 303
        assert browser.post(f"{BASE}/sign-in", data={"link": link}).status_code == 403
        assert browser.post(f"{BASE}/sign-in", data={"key": "hc_of-nobody"}).status_code == 403
    assert len(seen(service, "sign_in", method="link", role="viewer", key_id=None)) == 1
    assert len(seen(service, "sign_in_failed", client="127.0.0.1")) == 2
    assert link not in service.log.read_text()


def test_keys_links_and_shares_are_logged(service):
    client = sign_in(service)
    csrf = csrf_token_of(client)
    made = client.post(f"{BASE}/settings/keys", data={"csrf": csrf, "name": "bot", "scope.read": "on"}).text
    (event,) = seen(service, "key_created", via="dashboard")
    assert (event["key_id"], event["scopes"]) == (service.key[3:11], ["read"])
    assert event["created_key_id"] in made
    client.post(f"{BASE}/settings/keys/revoke", data={"csrf": csrf, "id": event["created_key_id"]})
    assert len(seen(service, "key_revoked", revoked_key_id=event["created_key_id"], domain="default")) == 1
    client.post(f"{BASE}/settings/links", data={"csrf": csrf, "name": "Ann", "role": "viewer"})
    assert len(seen(service, "sign_in_link_created", via="dashboard", role="viewer")) == 1


def test_webhooks_are_logged(service):
    with service.client() as client:
        refused = client.post("/webhooks", json={"url": HOOK})
        assert refused.status_code == 400
        made = headcount("webhook", "create", HOOK, "--no-ping", "--database", service.database)
        uuid = client.get("/webhooks").json()[0]["uuid"]
        assert seen(service, "webhook_created") == []
        client.delete(f"/webhooks/{uuid}").raise_for_status()
    (event,) = seen(service, "webhook_deleted", webhook=uuid)
    assert (event["domain"], event["key_id"], event["client"]) == ("default", service.key[3:11], "127.0.0.1")
    assert "security.webhook_created" in made.stderr


def test_refused_keys_are_logged_without_their_secret(service):
    key = service.make_key("acme", "read")
    headcount("key", "revoke", "--database", service.database, key[3:11])
    for shown in (key, "hc_not-a-key-of-anybody"):
        wait_until(lambda shown=shown: status_with(service, shown) == 401)
    (revoked,) = seen(service, "authentication_failed", key_id=key[3:11])
    assert (revoked["domain"], revoked["route"], revoked["client"]) == ("acme", "/v1/presence", "127.0.0.1")
    assert key not in service.log.read_text()
    assert "not-a-key-of-anybody" not in service.log.read_text()


def status_with(service, key):
    return httpx.get(
        f"{service.url}/v1/presence", headers={"Authorization": f"Bearer {key}"}, timeout=30
    ).status_code


def test_commands_log_what_they_change(tmp_path):
    database = new_store(tmp_path / "x.db")
    made = headcount("key", "create", "--database", database, "--domain", "acme", "--scope", "read")
    assert "security.key_created" in made.stderr
    assert "via=cli" in made.stderr
    key = made.stdout.strip()
    assert key not in made.stderr
    logged = headcount("key", "revoke", "--database", database, key[3:11]).stderr
    assert f"revoked_key_id={key[3:11]}" in logged
    added = headcount(
        "source",
        "create",
        "generic",
        "--database",
        database,
        "--secret",
        "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ=",
    )
    assert "security.source_created" in added.stderr
    assert "whsec_" not in added.stderr
    warnings = {"HEADCOUNT_LOG_LEVEL": "warning"}
    assert (
        headcount("key", "create", "--database", database, environment=warnings).stderr
        == f"Database: {database}\n"
    )
    assert headcount("key", "create", "--quiet", "--database", database).stderr == ""


def test_every_line_is_json(service):
    answer_to(service, b"no request\r\n\r\n")
    answer_to(service, b"GET / HTTP/1.1\r\nupgrade: h2c\r\nconnection: upgrade, close\r\n\r\n")
    assert all(line["level"] and line["timestamp"] for line in logged(service))


def test_no_token_in_a_path_is_logged(tmp_path):
    running = Running(tmp_path, log_level="debug").start()
    with httpx.Client(base_url=running.url, timeout=30) as client:
        client.get("/dashboard/shared/let-me-in")
        client.get("/dashboard/shared/let-me-in/further")
        client.get("/v1/ingest/jitsi/let-me-in")
        client.post("/v1/ingest/jitsi/let-me-in")
        client.get("/dashboard/sign-in?link=let-me-in")
        client.get("/v1/stream?token=let-me-in")
    running.stop()
    assert "path=/dashboard/shared/{token}" in running.log.read_text()
    assert "let-me-in" not in running.log.read_text()


LIBRARIES = """
import asyncio, logging, threading, warnings
from headcount.telemetry.logging import set_up_logging
set_up_logging("info", "json")
logging.getLogger("uvicorn.error").error("of uvicorn\\nin two lines", exc_info=ValueError("inner"))
warnings.warn("of Python")

async def main():
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    await asyncio.sleep(0)

asyncio.run(main())
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
raise SystemError("of the whole")
"""


def test_messages_of_libraries_and_crashes_are_json_too():
    done = subprocess.run(
        [sys.executable, "-c", LIBRARIES], check=False, capture_output=True, text=True, timeout=60
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert len(lines) == 5
    assert lines[0]["logger"] == "uvicorn.error"
    assert "ValueError: inner" in lines[0]["exception"]
    assert ["ZeroDivisionError" in line.get("exception", "") for line in lines[2:4]] == [True, True]
    assert "SystemError: of the whole" in lines[4]["exception"]
    assert done.returncode == 1


def test_a_failed_start_is_logged_as_json(tmp_path):
    refused = headcount(
        "serve", "--database", tmp_path / "nowhere" / "x.db", "--log-format", "json", check=False
    )
    assert refused.returncode == 2
    assert "no such file or directory" in json.loads(refused.stderr)["event"]


def test_the_password_of_a_database_is_not_shown(tmp_path):
    shown = headcount("config", "--database", "postgresql://me:letmein@db.example/x?password=letmein").stdout
    assert "letmein" not in shown
    assert "postgresql://me:***@db.example/x?password=***" in shown


def test_many_refusals_are_counted_and_a_few_are_logged(capsys):
    structlog.reset_defaults()  # another test may have set up the log of a command
    refusals = RefusalLog(limit=3, interval_s=10.0)
    for now in (0.0, 1.0, 2.0, 3.0, 4.0, 11.0, 12.0):
        refusals.log("authentication_failed", {"route": f"/{now:g}"}, now)
    written = capsys.readouterr()
    lines = [line for line in (written.out + written.err).splitlines() if "authentication_failed" in line]
    assert len(lines) == 5
    assert "suppressed=2" in lines[3]
    assert "suppressed" not in lines[4]


def test_no_id_of_a_key_looks_like_an_option():
    assert not any(new_secret().startswith("-") for _ in range(2_000))


@pytest.mark.parametrize(
    "secret",
    [
        "-abcdefghijklmnopqrstuvwxyz12345",
        "-hello-hello-hello-hello-hello-12",
        "--database-hello-hello-hello-1234",
    ],
)
def test_a_key_whose_id_looks_like_an_option_can_be_revoked(tmp_path, secret):
    store = open_store(str(tmp_path / "x.db"))
    key, _ = store.keys.create("default", "", ["read"], 1, secret)
    store.close()
    headcount("key", "revoke", key.id, "--database", tmp_path / "x.db")
    store = open_store(str(tmp_path / "x.db"))
    assert store.keys.by_id(key.id).revoked is not None
    store.close()
