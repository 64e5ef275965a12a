"""Whether a delivery is genuine: asked of Daily's form and of the Standard Webhooks library."""

import json
import re
import subprocess
import sys
from base64 import b64encode
from datetime import UTC, datetime

import httpx2 as httpx
import pytest
from standardwebhooks import Webhook

from headcount.errors import BadInput
from headcount.outbound.webhooks.verify import DAILY, STANDARD, key_of, verdicts

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


def wrong(headers, body=BODY, key=KEY, now=NOW):
    return {one.form: one.wrong for one in verdicts(headers, body, key, now)}


@pytest.mark.parametrize(("body", "timestamp", "signature"), DAILYS)
def test_dailys_form_is_known_in_seconds_and_in_milliseconds(body, timestamp, signature):
    assert wrong(daily(timestamp, signature), body)[DAILY] is None


@pytest.mark.parametrize("body", [BODY, b"{}", '{"name":"\u2028 שלום 👩\u200d🚀"}'.encode()])
def test_what_the_library_of_standard_webhooks_signs_is_good(body):
    assert wrong(standard(body), body)[STANDARD] is None


def test_one_good_signature_among_others_is_enough():
    headers = standard()
    headers["webhook-signature"] = f"v1,AAAA {headers['webhook-signature']} v2,x"
    assert wrong(headers)[STANDARD] is None


def test_neither_form_says_anything_of_the_other():
    verdict = wrong(daily(*DAILYS[0][1:]))
    assert verdict == {DAILY: None, STANDARD: "webhook-id is not there"}
    assert wrong(standard())[DAILY] == "X-Webhook-Signature or X-Webhook-Timestamp is not there"


def test_another_body_key_time_or_id_is_not_what_was_signed():
    headers = standard() | daily(*DAILYS[0][1:])
    for others in (
        wrong(headers, BODY + b" "),
        wrong(headers, key=KEY[1:]),
        wrong(headers | {"x-webhook-timestamp": "1767225711501", "webhook-timestamp": "1767225712"}),
        wrong(headers | {"x-webhook-signature": "é", "webhook-signature": "v1,é"}),
    ):
        assert all("is not that of this body" in one for one in others.values())
    assert "is not that of this body" in wrong(headers | {"webhook-id": "m-2"})[STANDARD]


@pytest.mark.parametrize(
    ("late", "told"), [(301_000, "301 s old"), (-301_000, "301 s ahead"), (299_000, None)]
)
def test_what_was_signed_too_long_ago_may_be_a_copy(late, told):
    for verdict in wrong(
        standard(at=1_767_225_711_000) | daily(*DAILYS[1][1:]), now=1_767_225_711_000 + late
    ).values():
        assert verdict is None if told is None else told in verdict


@pytest.mark.parametrize("text", ["", "whsec_", "x", "é", "a b c d"])
def test_a_secret_that_is_none_is_refused(text):
    with pytest.raises(BadInput, match="--hmac"):
        key_of(text)


def test_a_secret_may_be_written_as_standard_webhooks_writes_it():
    assert key_of(SECRET) == key_of(f"whsec_{SECRET}") == KEY


# The command.


@pytest.fixture
def listening():
    """Starts `headcount listen` on a free port; gives its process and its address."""
    started = []

    def start(*options):
        command = [sys.executable, "-m", "headcount", "listen", "--port", "0", *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process, re.search(r"http://\S+\d", process.stderr.readline())[0]

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=10)


@pytest.mark.process
def test_a_delivery_is_shown_with_its_signatures_checked(listening):
    process, url = listening("--hmac", SECRET, "--json")
    now = round(datetime.now(UTC).timestamp() * 1_000)
    assert httpx.post(f"{url}/hook", content=BODY, headers=standard(at=now)).status_code == 200
    told = json.loads(process.stdout.readline())
    assert told["path"] == "/hook"
    assert told["body"] == json.loads(BODY)
    assert told["signatures"][STANDARD] is None
    assert told["signatures"][DAILY] == "X-Webhook-Signature or X-Webhook-Timestamp is not there"


@pytest.mark.process
def test_it_is_shown_to_people_as_well(listening):
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
def test_failures_can_be_tried(listening):
    _, url = listening("--status", "503", "--delay", "0.2")
    answer = httpx.post(url, content=b"no json \xff")
    assert answer.status_code == 503
    assert answer.elapsed.total_seconds() >= 0.2
