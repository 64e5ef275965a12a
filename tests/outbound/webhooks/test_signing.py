"""Signatures equal those that consumers of Daily and of Standard Webhooks compute."""

from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from headcount.outbound.webhooks.signing import is_secret, sign

SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
OTHER = "IB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgE="
BODY = (
    b'{"version":"1.0.0","type":"meeting.ended","id":"met-end-5d0a-1767225700","payload":{"start_ts":1767225600,'
    b'"end_ts":1767225690.25,"meeting_id":"0f9f4c1e-1111-4222-8333-444455556666","room":"blue-room"},'
    b'"event_ts":1767225711.5}'
)


def headers(secrets, body, now, name="msg-1"):
    return {key.decode(): value.decode() for key, value in sign(secrets, name, body, now)}


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        (BODY, "oIVMZrpOMKOsSowkZHGlPbWAsRQht51iz0WCVSSGmN4="),
        (b'{"test":"test"}', "kUUmtaJgkD6ojCgByoCuyLfv9uk3nknOZnkjTyFQkqc="),
    ],
)
def test_dailys_signature_equals_the_documented_one(body, signature):
    signed = headers([SECRET, OTHER], body, 1_767_225_711_500)
    assert (signed["x-webhook-timestamp"], signed["x-webhook-signature"]) == ("1767225711500", signature)


@pytest.mark.parametrize("valid", [SECRET, OTHER])
def test_the_published_package_verifies_each_valid_secret(valid):
    now = round(datetime.now(UTC).timestamp() * 1_000)
    signed = headers([SECRET, OTHER], BODY, now)
    assert Webhook(valid).verify(BODY, signed)["type"] == "meeting.ended"
    with pytest.raises(WebhookVerificationError):
        Webhook(valid).verify(BODY + b" ", signed)
    with pytest.raises(WebhookVerificationError):
        Webhook("c29tZXRoaW5nIGVsc2U=").verify(BODY, signed)


@pytest.mark.parametrize(("text", "is_one"), [(SECRET, True), ("AA==", True), ("", False), ("whsec_AAAA", False), ("AA", False), ("\u00e9", False)])  # fmt: skip
def test_a_secret_is_base64(text, is_one):
    assert is_secret(text) is is_one
