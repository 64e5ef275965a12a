"""The attribute `kind` of a participant with a technical role, the same for all sources and entrances."""

import json

import pytest

from headcount import Event, Kind
from headcount.ingest.normalize import normalize, policy_from_options, with_kind
from headcount.kernel.attributes import canonical, values_of
from headcount.limits import Limits
from headcount.sources.api import ParsedEvent, Role

AT = 1_772_442_000_000

KINDS = {
    Role.PERSON: None,
    Role.HIDDEN: None,
    Role.PHONE: "phone",
    Role.UNANSWERED: "phone",
    Role.AGENT: "bot",
    Role.RECORDER: "recorder",
    Role.STREAM: "stream",
    Role.SCREEN: "screen",
    Role.TEST: "test",
}


def entries(parsed, options=None, limits=None):
    options = {"include_roles": list(Role)} | (options or {})
    policy = policy_from_options("livekit", "acme", "token", options)
    return [
        values_of(entry.attributes) for entry in normalize(parsed, policy, AT, AT, limits or Limits()).entries
    ]


def join(role, attributes=None):
    return ParsedEvent(Event(Kind.JOIN, "r", AT, "ann", attributes=canonical(attributes or {})), role)


@pytest.mark.parametrize("role", Role)
def test_a_role_states_the_kind(role):
    expected = {} if KINDS[role] is None else {"kind": KINDS[role]}
    assert entries([join(role)]) == [expected]
    assert entries([join(role, {"customer": "acme"})]) == [expected | {"customer": "acme"}]


def test_the_role_precedes_metadata_and_a_mapped_kind_precedes_the_role():
    assert entries([join(Role.AGENT, {"kind": "sales"})]) == [{"kind": "bot"}]
    assert entries([join(Role.PERSON, {"kind": "sales"})]) == [{"kind": "sales"}]
    assert entries([join(Role.AGENT, {"kind": "sales"})], {"attributes": {"kind": "/k"}}) == [
        {"kind": "sales"}
    ]
    assert values_of(with_kind(None, Role.AGENT, ("kind",))) == {"kind": "bot"}


def test_an_end_has_no_kind():
    end = ParsedEvent(Event(Kind.END, "r", AT), Role.AGENT)
    assert entries([end]) == [{}]


def test_of_too_many_attributes_the_mapped_and_the_reserved_ones_remain():
    many = {f"a{n:02}": n for n in range(40)} | {"role": "host", "zone": "eu", "email": "a@b.example"}
    (found,) = entries([join(Role.AGENT, many)], {"attributes": {"zone": "/zone"}}, Limits(attributes=5))
    assert found == {"zone": "eu", "role": "host", "email": "a@b.example", "kind": "bot", "a00": 0}


@pytest.mark.parametrize("value", ["x" * 513, "é" * 1_025])
def test_an_attribute_above_a_limit_is_skipped_and_the_event_counts(value):
    (found,) = entries([join(Role.PERSON, {"long": value, "short": "x", "k" * 65: 1})])
    assert json.dumps(found) == '{"short": "x"}'
