"""Verification of received webhooks, against Daily's form and the Standard Webhooks library; `headcount webhook listen`."""

import json
import re
import subprocess
import sys
from base64 import b64encode
from datetime import UTC, datetime

import httpx2 as httpx
import pytest
from standardwebhooks import Webhook

from headcount.client.signatures import DAILY, STANDARD, parse_secret, verify
from headcount.errors import BadInput

SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
KEY = bytes(range(32))
NOW = 1_767_225_711_500
BODY = (
    b'{"version":"1.0.0","type":"meeting.ended","id":"met-end-5d0a-1767225700","payload":{"start_ts":1767225600,'
    b'"end_ts":1767225690.25,"meeting_id":"0f9f4c1e-1111-4222-8333-444455556666","room":"blue-room"},"event_ts":1767225711.5}'
)
DAILYS = [
    (BODY, "1767225711500", "oIVMZrpOMKOsSowkZHGlPbWAsRQht51iz0WCVSSGmN4="),
    (BODY, "1767225711", "lvfpVs0pjn1IbZE9sq4Bo+/D14LhzqDXkOL42VcxEHA="),
    (b'{"test":"test"}', "1767225711500", "kUUmtaJgkD6ojCgByoCuyLfv9uk3nknOZnkjTyFQkqc="),
]


def daily(timestamp, signature):
    return {"x-webhook-timestamp": timestamp, "x-webhook-signature": signature}


def standard(body=BODY, at=NOW, secret=SECRET):
    moment = datetime.fromtimestamp(at // 1_000, UTC)
    signature = Webhook(secret).sign("m-1", moment, body.decode())
    return {"webhook-id": "m-1", "webhook-timestamp": str(at // 1_000), "webhook-signature": signature}


def problems(headers, body=BODY, key=KEY, now=NOW):
    return {one.form: one.problem for one in verify(headers, body, key, now)}


@pytest.mark.parametrize(("body", "timestamp", "signature"), DAILYS)
def test_dailys_form_is_valid_in_seconds_and_in_milliseconds(body, timestamp, signature):
    assert problems(daily(timestamp, signature), body)[DAILY] is None


@pytest.mark.parametrize("body", [BODY, b"{}", '{"name":"\u2028 שלום 👩\u200d🚀"}'.encode()])
def test_a_signature_of_the_standard_webhooks_library_is_valid(body):
    assert problems(standard(body), body)[STANDARD] is None


def test_one_valid_signature_among_others_is_enough():
    headers = standard()
    headers["webhook-signature"] = f"v1,AAAA {headers['webhook-signature']} v2,x"
    assert problems(headers)[STANDARD] is None


def test_the_forms_are_verified_independently():
    found = problems(daily(*DAILYS[0][1:]))
    assert found == {DAILY: None, STANDARD: "webhook-id is not there"}
    assert problems(standard())[DAILY] == "X-Webhook-Signature or X-Webhook-Timestamp is not there"


def test_another_body_key_time_or_id_is_invalid():
    headers = standard() | daily(*DAILYS[0][1:])
    for others in (
        problems(headers, BODY + b" "),
        problems(headers, key=KEY[1:]),
        problems(headers | {"x-webhook-timestamp": "1767225711501", "webhook-timestamp": "1767225712"}),
        problems(headers | {"x-webhook-signature": "é", "webhook-signature": "v1,é"}),
    ):
        assert all("is not that of this body" in one for one in others.values())
    assert "is not that of this body" in problems(headers | {"webhook-id": "m-2"})[STANDARD]


@pytest.mark.parametrize(
    ("late", "problem"), [(301_000, "301 s old"), (-301_000, "301 s ahead"), (299_000, None)]
)
def test_an_old_signature_is_invalid(late, problem):
    for found in problems(
        standard(at=1_767_225_711_000) | daily(*DAILYS[1][1:]), now=1_767_225_711_000 + late
    ).values():
        assert found is None if problem is None else problem in found


@pytest.mark.parametrize("text", ["", "whsec_", "x", "é", "a b c d"])
def test_a_malformed_secret_is_refused(text):
    with pytest.raises(BadInput, match="the secret must"):
        parse_secret(text)


def test_a_secret_may_be_written_as_standard_webhooks_writes_it():
    assert parse_secret(SECRET) == parse_secret(f"whsec_{SECRET}") == KEY


# The command


@pytest.fixture
def listening():
    """A function that starts `headcount webhook listen` on a free port and returns its process and address."""
    started = []

    def start(*options):
        command = [sys.executable, "-m", "headcount", "webhook", "listen", "--port", "0", *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process, re.search(r"http://\S+\d", process.stderr.readline())[0]

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=10)


@pytest.mark.process
def test_a_webhook_is_printed_with_its_signatures_verified(listening):
    process, url = listening("--hmac", SECRET, "--json")
    now = round(datetime.now(UTC).timestamp() * 1_000)
    assert httpx.post(f"{url}/hook", content=BODY, headers=standard(at=now)).status_code == 200
    printed = json.loads(process.stdout.readline())
    assert printed["path"] == "/hook"
    assert printed["body"] == json.loads(BODY)
    assert printed["signatures"][STANDARD] is None
    assert printed["signatures"][DAILY] == "X-Webhook-Signature or X-Webhook-Timestamp is not there"


@pytest.mark.process
def test_a_webhook_is_printed_for_people_without_json(listening):
    process, url = listening("--hmac", b64encode(b"another").decode())
    httpx.post(url, content=BODY, headers=standard())
    lines = [process.stdout.readline().rstrip() for _ in range(4)]
    assert lines[0] == "meeting.ended  met-end-5d0a-1767225700"
    assert (
        lines[2]
        == "  Standard Webhooks: webhook-signature is not that of this body, this id, this time and this key"
    )
    assert lines[3] == "  {"


@pytest.mark.process
def test_failures_can_be_simulated(listening):
    _, url = listening("--status", "503", "--delay", "0.2s")
    answer = httpx.post(url, content=b"no json \xff")
    assert answer.status_code == 503
    assert answer.elapsed.total_seconds() >= 0.2
