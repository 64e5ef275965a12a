"""What holds for every vendor: only what is genuine is read, and anything is read or refused."""

import ast
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount import BadInput, Kind
from headcount.kernel.replay import meetings_of
from headcount.sources.api import (
    TEST_ROOM,
    InboundRequest,
    VerificationFailed,
    parse_trusted,
    verify_and_parse,
)
from headcount.sources.registry import SOURCES
from support import ROOT
from support.golden_payloads import FILES, request_of
from support.key_pairs import pair

NOW = 1_772_442_000_000
SECRETS = {
    "daily": "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw",
    "janus": "janus:a-password",
    "livekit": "devkey:secret-that-is-long-enough-for-hs256",
    "realtimekit": pair("one")[0],
    "videosdk": pair("one")[0],
}
OTHERS = {
    "daily": "MTExMTExMTExMTExMTExMTExMTExMTEx",
    "janus": "janus:another-password",
    "livekit": "devkey:another-secret-that-is-long-enough",
    "realtimekit": pair("other")[0],
    "videosdk": pair("other")[0],
}
URL = "https://headcount.example/v1/ingest/x/t?src=1"

every_source = pytest.mark.parametrize("source", SOURCES.values(), ids=list(SOURCES))


def secret_of(source):
    return SECRETS.get(source.kind, "whsec_MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw")


def other_of(source):
    return OTHERS.get(source.kind, "whsec_MTExMTExMTExMTExMTExMTExMTExMTEx")


def signed(source):
    return [source.sign(one._replace(url=URL), secret_of(source)) for one in source.samples(NOW)]


@every_source
def test_a_signed_sample_is_heard(source):
    heard = [
        one for request in signed(source) for one in verify_and_parse(source, request, [secret_of(source)])
    ]
    assert {one.event.kind for one in heard} >= {Kind.JOIN, Kind.LEAVE}
    assert {one.event.room for one in heard} == {TEST_ROOM}
    assert meetings_of([one.event for one in heard], as_of=NOW + 3_600_000) == []


@every_source
def test_while_a_secret_is_changed_both_hold(source):
    for request in signed(source):
        verify_and_parse(source, request, [other_of(source), secret_of(source)])


@every_source
def test_another_secret_is_refused(source):
    for request in signed(source):
        with pytest.raises(VerificationFailed):
            verify_and_parse(source, request, [other_of(source)])
        with pytest.raises(VerificationFailed):
            verify_and_parse(source, request, [])


@every_source
def test_without_a_signature_nothing_is_read(source):
    for request in source.samples(NOW):
        with pytest.raises(VerificationFailed):
            verify_and_parse(source, request._replace(url=URL), [secret_of(source)])


@every_source
@given(st.data())
def test_a_changed_header_never_breaks_the_check(source, data):
    """It is refused, or the change made no difference; never another error."""
    request = data.draw(st.sampled_from(signed(source)))
    name = data.draw(st.sampled_from(sorted(request.headers)))
    value = data.draw(st.text(max_size=80))
    with suppress(VerificationFailed, BadInput):
        verify_and_parse(
            source, request._replace(headers={**request.headers, name: value}), [secret_of(source)]
        )


@every_source
@given(body=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(source, body):
    assert_read_or_refused(source, InboundRequest({"content-type": "application/json"}, body, URL, NOW))


@every_source
@given(st.data())
def test_a_damaged_body_is_read_or_refused(source, data):
    goldens = [request_of_file(file) for file in FILES if file.parent.name == source.kind]
    request = data.draw(st.sampled_from(goldens or source.samples(NOW)))
    at = data.draw(st.integers(0, max(0, len(request.body) - 1)))
    length = data.draw(st.integers(0, 12))
    put = data.draw(
        st.one_of(
            st.binary(max_size=4),
            st.sampled_from(
                [
                    b"null",
                    b'"',
                    b"1e308",
                    b"-1",
                    b"9" * 30,
                    b"9" * 400,
                    b"[]",
                    b"{}",
                    b'""',
                    b"\\u0000",
                    b"NaN",
                ]
            ),
        )
    )
    body = request.body[:at] + put + request.body[at + length :]
    assert_read_or_refused(source, request._replace(body=body))


def assert_read_or_refused(source, request):
    try:
        heard = parse_trusted(source, request)
    except BadInput:
        return
    assert isinstance(heard, list)


def request_of_file(file):
    return request_of(json.loads(file.read_text()))


def test_source_parse_is_called_only_after_verification():
    """`Source.parse` is called in one module, which verifies the request first or trusts it for the operator."""
    package = ROOT / "src/headcount"
    callers = set()
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(node, ast.Attribute)
                and node.attr == "parse"
                and ast.unparse(node.value).endswith("source")
            ):
                callers.add(file.relative_to(package).as_posix())
    assert callers == {"sources/api.py"}
