"""Mapped attributes: the values at JSON Pointers into the payload of any source."""

import gzip
import json
from urllib.parse import urlencode

import pytest

from headcount import BadInput, Kind
from headcount.ingest.normalize import normalize, policy_from_options
from headcount.kernel.attributes import values_of
from headcount.kernel.names import NUL
from headcount.limits import Limits
from headcount.sources.api import InboundRequest, parse_trusted
from headcount.sources.attribute_map import parse_attribute_map, payload_of, values_in
from headcount.sources.registry import SOURCES, get_source
from support.golden_payloads import FILES, request_of

LATEST = 4_000_000_000_000

PAYLOAD = {
    "room": {"metadata": '{"customer": "acme", "plan": {"name": "pro", "seats": 7}}', "trial": False},
    "tags": ["first", {"second": 2.5}],
    "a/b": {"m~n": "escaped"},
    "": {"": "empty keys"},
    "nothing": None,
    "blank": "",
}
PLACES = [
    ("/room/metadata/customer", "acme"),
    ("/room/metadata/plan/name", "pro"),
    ("/room/metadata/plan/seats", 7),
    ("/room/trial", False),
    ("/tags/0", "first"),
    ("/tags/1/second", 2.5),
    ("/a~1b/m~0n", "escaped"),
    ("//", "empty keys"),
    ("/tags/01", None),
    ("/tags/-", None),
    ("/tags/2", None),
    ("/tags/9999999999999999999999", None),
    ("/tags", None),
    ("/room/metadata/plan", None),
    ("/room/trial/deeper", None),
    ("/nothing", None),
    ("/nothing/deeper", None),
    ("/blank", None),
    ("/elsewhere", None),
]


@pytest.mark.parametrize(("pointer", "expected"), PLACES)
def test_a_pointer_leads_to_a_value_through_objects_lists_and_json_in_texts(pointer, expected):
    found = values_in(PAYLOAD, parse_attribute_map({"key": pointer}))
    assert found == ({} if expected is None else {"key": expected})


REFUSED = [
    ({"customer": "room"}, "attribute 'customer': expected a JSON Pointer, which starts with a slash"),
    ({"customer": ""}, "attribute 'customer': expected a JSON Pointer"),
    ({"customer": 7}, "attribute 'customer': expected a JSON Pointer"),
    (
        {"customer": "/a~b"},
        "attribute 'customer': in a JSON Pointer, write ~0 for a tilde and ~1 for a slash",
    ),
    ({"": "/a"}, "a key must not be empty"),
    ({"a\0": "/a"}, "a key must not be empty or contain U\\+0000"),
    ({"x" * 600: "/a"}, "the key 'x.*must be at most"),
    (["/a"], "expected a JSON Pointer for each key, such as customer=/room/metadata/customer"),
]


@pytest.mark.parametrize(("option", "message"), REFUSED)
def test_a_malformed_map_is_refused_with_the_fix(option, message):
    with pytest.raises(BadInput, match=message):
        get_source("livekit", {"attributes": option})


@pytest.mark.parametrize(
    "body",
    [b'{"a": "x"}', gzip.compress(b'{"a": "x"}', mtime=0), b"a=x&b=y"],
    ids=["json", "gzip", "form"],
)
def test_a_payload_is_json_or_a_form(body):
    assert values_in(payload_of(body), parse_attribute_map({"key": "/a"})) == {"key": "x"}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[" * 100_000, b"\xff\xfe", gzip.compress(b"{}", mtime=0)[:-4], b"7"], ids=range(6)
)
def test_a_payload_that_cannot_be_read_has_no_values(body):
    assert values_in(payload_of(body), parse_attribute_map({"key": "/a"})) == {}


def attributes_of(kind, body, attributes):
    source = get_source(kind, {"attributes": attributes})
    events = parse_trusted(source, InboundRequest({}, json.dumps(body).encode(), received_at=LATEST))
    assert all(one.item is None for one in events)
    return [values_of(one.event.attributes) for one in events]


def test_a_mapped_value_precedes_what_the_source_found():
    golden = json.loads((FILES[0].parents[1] / "livekit/joined-with-attributes.json").read_text())
    mapped = {"customer": "/room/metadata/customer", "role": "/participant/metadata/role", "seat": "/nowhere"}
    (found,) = attributes_of("livekit", golden["body"], mapped)
    assert found == {
        "customer": "acme",
        "role": "student",
        "email": "ann@example.com",
        "seat": 7,
        "vip": True,
    }


def test_a_pointer_starts_at_the_entry_of_a_list_or_else_at_the_payload():
    occupants = [
        {"occupant_jid": "a@x/1", "joined_at": 1772442000, "left_at": 1772442100, "plan": "free"},
        {"occupant_jid": "b@x/2", "joined_at": 1772442000, "left_at": 1772442100},
    ]
    body = {
        "event_name": "muc-room-destroyed", "room_jid": "r@x", "destroyed_at": 1772442300, "plan": "pro",
        "all_occupants": occupants,
    }  # fmt: skip
    ann, bob, end = attributes_of("jitsi", body, {"plan": "/plan", "first": "/all_occupants/0/occupant_jid"})
    assert ann == {"plan": "free", "first": "a@x/1"}
    assert bob == {"plan": "pro", "first": "a@x/1"}
    assert end == {}


def test_events_of_generic_sources_and_people_of_analytics_are_entries_of_lists():
    event = {"room": "blue", "kind": "join", "participant_id": "ann", "at": 1772442000}
    assert attributes_of("generic", [event], {"who": "/participant_id"}) == [{"who": "ann"}]
    golden = json.loads((FILES[0].parents[1] / "bigbluebutton/analytics.json").read_text())
    mapped = {"talks": "/engagement/talks", "title": "/data/metadata/meeting_name"}
    ann, bob, _ = attributes_of("bigbluebutton", golden["body"], mapped)
    assert ann == {"role": "moderator", "talks": 1, "title": "Standup"}
    assert bob == {"role": "viewer", "title": "Standup"}


GOLDENS = [
    pytest.param(file.parent.name, golden, id=f"{file.parent.name}/{file.stem}")
    for file in FILES
    if (golden := json.loads(file.read_text())).get("events")
]


def with_extra(request, value):
    """Return a request with `extra` in its payload, beside everything else or in each entry; None if it has another form."""
    text = request.body.decode()
    if text.startswith("{"):
        return request._replace(body=f'{{"extra": {value}, {text[1:]}'.encode())
    if text.startswith("["):
        return request._replace(body=text.replace('[{"', f'[{{"extra": {value}, "', 1).encode())
    return request._replace(body=text.encode() + b"&" + urlencode({"extra": value}).encode())


@pytest.mark.parametrize(("kind", "golden"), GOLDENS)
def test_every_source_maps_any_field_and_loses_no_event_for_it(kind, golden):
    request, source = request_of(golden), get_source(kind, {"attributes": {"mapped": "/extra/deep"}})
    if kind == "generic":
        return  # its own format has attributes, and no other fields
    plain = parse_trusted(SOURCES[kind], request)
    found = parse_trusted(source, with_extra(request, '{"deep": "yes"}'))
    assert [one._replace(event=None) for one in found] == [one._replace(event=None) for one in plain]
    mapped = [one for one in found if values_of(one.event.attributes).get("mapped") == "yes"]
    assert mapped == [one for one in found if one.event.kind is not Kind.END] or request.body[:1] == b"["


HOSTILE = (
    "0", "-1e308", "1e400", "true", "null", '""', "[]", "{}", '{"deep": {}}', '{"deep": [1]}', '{"deep": "a\\u0000b"}',
    '{"deep": "\\ud800"}', '{"deep": 1, "deep": 2}', '{"deep": ' + "9" * 400 + "}", '{"deep": NaN}', '"not JSON"',
    '"{\\"deep\\": \\"a\\\\u0000b\\"}"', '"{\\"deep\\": \\"\\\\ud800\\"}"', json.dumps('{"deep": ' * 50_000),
    json.dumps({"deep": "x" * 100_000}), json.dumps(json.dumps({f"k{n}": n for n in range(2_000)})),
    json.dumps({"\0": "x", "": "y", "deep": "z", "k" * 600: 1}),
)  # fmt: skip


@pytest.mark.parametrize(("kind", "golden"), GOLDENS)
def test_no_hostile_value_costs_an_event(kind, golden):
    options = {"attributes": {"mapped": "/extra/deep", "whole": "/extra"}}
    source, policy = get_source(kind, options), policy_from_options(kind, "acme", "token", options)
    request = request_of(golden)
    plain = parse_trusted(SOURCES[kind], request)
    for value in HOSTILE:
        changed = with_extra(request, value)
        try:
            found = parse_trusted(source, changed)
        except BadInput:
            # Some values are no JSON at all.
            with pytest.raises(BadInput):
                parse_trusted(SOURCES[kind], changed)
            continue
        assert [one._replace(event=None) for one in found] == [one._replace(event=None) for one in plain]
        ordinary = [one for one in found if not one.server_wide]
        entries = normalize(ordinary, policy, LATEST, LATEST, Limits()).entries
        assert len(entries) == len([one for one in ordinary if one.role in policy.counted_roles])
        for entry in entries:
            values = values_of(entry.attributes)
            assert NUL not in json.dumps(values, ensure_ascii=False).encode().decode()
            assert len(values) <= Limits().attributes
