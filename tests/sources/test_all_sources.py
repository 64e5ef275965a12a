"""Properties of every vendor: only verified requests are parsed, and any request is parsed or rejected."""

import ast
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount import BadInput, Kind
from headcount.ingest.normalize import connect, normalize, policy_from_options
from headcount.kernel.attributes import values_of
from headcount.kernel.names import NUL
from headcount.kernel.replay import meetings_of
from headcount.limits import Limits
from headcount.sources.api import (
    TEST_ROOM,
    InboundRequest,
    VerificationFailed,
    parse_trusted,
    verify_and_parse,
)
from headcount.sources.registry import SOURCES
from headcount.timestamps import EARLIEST, TOO_LATE
from support import ROOT
from support.golden_payloads import FILES, request_of
from support.source_secrets import other_secret_for, secret_for

NOW = 1_772_442_000_000
LATEST = 4_000_000_000_000
URL = "https://headcount.example/v1/ingest/x/t?src=1"

every_source = pytest.mark.parametrize("source", SOURCES.values(), ids=list(SOURCES))


def signed(source):
    return [source.sign(one._replace(url=URL), secret_for(source)) for one in source.samples(NOW)]


@every_source
def test_a_signed_sample_is_parsed(source):
    events = [
        one for request in signed(source) for one in verify_and_parse(source, request, [secret_for(source)])
    ]
    assert {one.event.kind for one in events} >= {Kind.JOIN, Kind.LEAVE}
    assert {one.event.room for one in events} == {TEST_ROOM}
    assert meetings_of([one.event for one in events], as_of=NOW + 3_600_000) == []


@every_source
def test_during_a_rotation_both_secrets_are_valid(source):
    for request in signed(source):
        verify_and_parse(source, request, [other_secret_for(source), secret_for(source)])


@every_source
def test_another_secret_is_rejected(source):
    for request in signed(source):
        with pytest.raises(VerificationFailed):
            verify_and_parse(source, request, [other_secret_for(source)])
        with pytest.raises(VerificationFailed):
            verify_and_parse(source, request, [])


@every_source
def test_a_request_without_a_signature_is_rejected(source):
    for request in source.samples(NOW):
        with pytest.raises(VerificationFailed):
            verify_and_parse(source, request._replace(url=URL), [secret_for(source)])


@every_source
@given(st.data())
def test_a_changed_header_is_rejected_or_makes_no_difference(source, data):
    """Other errors never occur."""
    request = data.draw(st.sampled_from(signed(source)))
    name = data.draw(st.sampled_from(sorted(request.headers)))
    value = data.draw(st.text(max_size=80))
    with suppress(VerificationFailed, BadInput):
        verify_and_parse(
            source, request._replace(headers={**request.headers, name: value}), [secret_for(source)]
        )


@every_source
@given(body=st.binary(max_size=200))
def test_any_bytes_are_parsed_or_rejected(source, body):
    assert_parsed_or_rejected(source, InboundRequest({"content-type": "application/json"}, body, URL, NOW))


@every_source
@given(st.data())
def test_a_damaged_body_is_parsed_or_rejected(source, data):
    goldens = [golden_request(file) for file in FILES if file.parent.name == source.kind]
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
    assert_parsed_or_rejected(source, request._replace(body=body))


@every_source
def test_a_request_without_a_room_is_rejected_or_has_its_session_as_the_room(source):
    for request in source.samples(NOW):
        try:
            events = parse_trusted(
                source, request._replace(body=request.body.replace(TEST_ROOM.encode(), b""))
            )
        except BadInput:
            continue
        assert source.is_partial
        assert events
        assert all(one.event.room == one.event.source_session for one in events)


HOSTILE_VALUES = (
    '""', '"\\u0000"', '"\\ud800"', '"9999-12-31T23:59:59-23:59"', '"0001-01-01T00:00:00+23:59"', "9" * 400, "-" + "9" * 30,
    "1e308", "1e400", "NaN", "0", "true", "null", "[{}]", '{"a": []}', "[" * 2_000 + "]" * 2_000,
)  # fmt: skip


def places_of(value, path=()):
    """Yield the path of each value in JSON."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from places_of(inner, (*path, key))


def with_value(body, path, text):
    """Return the JSON of a body with another value at a path, given as JSON."""
    body = json.loads(json.dumps(body))
    found = body
    for key in path[:-1]:
        found = found[key]
    found[path[-1]] = "HERE"
    return json.dumps(body).replace('"HERE"', text).encode()


@every_source
def test_a_hostile_value_anywhere_is_rejected_or_gives_events_that_can_be_stored(source):
    policy = policy_from_options(source.kind, "default", "token", {})
    for file in FILES:
        golden = json.loads(file.read_text())
        if file.parent.name != source.kind or not golden.get("events") or isinstance(golden["body"], str):
            continue
        for path in places_of(golden["body"]):
            for value in HOSTILE_VALUES:
                request = request_of(golden)._replace(body=with_value(golden["body"], path, value))
                with suppress(BadInput):
                    events = connect(parse_trusted(source, request, lambda _: None))
                    single = [one for one in events if not one.server_wide]
                    for entry in normalize(single, policy, LATEST, LATEST, Limits()).entries:
                        assert_storable(entry)


def assert_storable(entry):
    texts = (entry.room, entry.participant_id, entry.user_id, entry.user_name, entry.source_session)
    texts += tuple(str(part) for pair in values_of(entry.attributes).items() for part in pair)
    assert not any(NUL in text.encode().decode() for text in texts if text is not None)
    assert entry.room
    assert EARLIEST <= (entry.at if entry.joined_at is None else entry.joined_at) <= entry.at < TOO_LATE


def assert_parsed_or_rejected(source, request):
    try:
        events = parse_trusted(source, request)
    except BadInput:
        return
    assert isinstance(events, list)


def golden_request(file):
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
