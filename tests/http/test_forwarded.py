"""Forwarded requests: nobody but a trusted proxy changes the client, the scheme, the host or the prefix of a request."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount.http.forwarded import TrustedProxies

PROXIES = TrustedProxies([ip_network("127.0.0.0/8"), ip_network("10.0.0.0/8"), ip_network("fd00::/8")])
NAMES = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-prefix")
ADDRESSES = st.ip_addresses()
TRUSTED = st.one_of(
    st.ip_addresses(network="10.0.0.0/8"), st.ip_addresses(network="fd00::/8"), st.just("::ffff:127.0.0.1")
).map(str)
UNTRUSTED = ADDRESSES.filter(
    lambda address: (
        not any(
            (getattr(address, "ipv4_mapped", None) or address) in ip_network(network)
            for network in ("127.0.0.0/8", "10.0.0.0/8", "fd00::/8")
        )
    )
).map(str)
VALUES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [b"https", b"http", b"evil.example", b"evil.example:443", b"/evil", b"127.0.0.1", b"10.0.0.1, 192.0.2.1", b"::1"]
    ),
)  # fmt: skip
HEADERS = st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=6)


def scope_of(peer, headers):
    encoded = [
        (name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in headers
    ]
    client = None if peer is None else (peer, 4711)
    return {
        "client": client,
        "scheme": "http",
        "headers": [(b"host", b"headcount.example"), *encoded],
    }


def applied(peer, *headers):
    """Return client, scheme, host and prefix after the headers of a peer."""
    scope = scope_of(peer, headers)
    PROXIES.apply(scope)
    (host,) = [value.decode() for name, value in scope["headers"] if name == b"host"]
    return scope["client"] and scope["client"][0], scope["scheme"], host, scope.get("headcount.prefix")


@given(UNTRUSTED, HEADERS)
def test_an_untrusted_peer_changes_nothing(peer, headers):
    scope = scope_of(peer, headers)
    before = {**scope, "headers": [*scope["headers"]]}
    PROXIES.apply(scope)
    assert scope == before


@given(HEADERS)
def test_a_peer_without_an_address_changes_nothing(headers):
    assert applied(None, *headers) == (None, "http", "headcount.example", None)


@given(TRUSTED, HEADERS)
def test_what_a_trusted_proxy_sends_leads_to_valid_values_only(peer, headers):
    client, scheme, host, prefix = applied(peer, *headers)
    ip_address(client)
    assert scheme in ("http", "https")
    assert host
    assert not set(host) & set(" /@\\\"'<>\r\n,")
    assert prefix is None or prefix == "" or (prefix.startswith("/") and not prefix.startswith("//"))


@given(UNTRUSTED, st.lists(TRUSTED, max_size=4), st.lists(VALUES, max_size=4))
def test_a_client_cannot_choose_its_address_whatever_it_sends_through_the_proxies(client, proxies, sent):
    """Each proxy appends its peer: what the client sent itself stands to the left."""
    chain = b", ".join([*sent, *(one.encode() for one in (client, *proxies))])
    address, *_ = applied("127.0.0.1", ("x-forwarded-for", chain))
    expected = ip_address(client)
    assert address == str(getattr(expected, "ipv4_mapped", None) or expected)


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, 10.1.2.3", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7, 10.1.2.3", "203.0.113.7"),
        ("10.9.9.9", "10.9.9.9"),  # a client within the network of the proxies
        ("203.0.113.7:50123", "203.0.113.7"),
        ("[2001:db8::7]:50123", "2001:db8::7"),
        ("2001:DB8::7", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, nonsense, 10.1.2.3", "10.1.2.3"),
        ("203.0.113.7, , 10.1.2.3", "10.1.2.3"),
        ("unknown", "127.0.0.1"),
        ("fe80::1%eth0", "127.0.0.1"),
        ("", "127.0.0.1"),
        (", ".join(["203.0.113.7"] + 50 * ["10.1.2.3"]), "10.1.2.3"),
    ],
)  # fmt: skip
def test_the_chain_of_proxies_is_read_from_the_right(chain, expected):
    assert applied("127.0.0.1", ("x-forwarded-for", chain))[0] == expected


def test_a_header_that_is_repeated_is_one_list():
    repeated = (("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "203.0.113.7, 10.1.2.3"))
    assert applied("127.0.0.1", *repeated)[0] == "203.0.113.7"
    assert (
        applied("127.0.0.1", ("x-forwarded-proto", "ftp"), ("x-forwarded-proto", "http, HTTPS"))[1] == "https"
    )


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("meet.example", "meet.example"),
        ("meet.example:8443", "meet.example:8443"),
        ("[2001:db8::1]:443", "[2001:db8::1]:443"),
        ("evil.example, meet.example", "meet.example"),
        ("meet.example/path", "headcount.example"),
        ("user@meet.example", "headcount.example"),
        ("", "headcount.example"),
    ],
)
def test_a_host_is_a_name_or_an_address_with_a_port(host, expected):
    assert applied("127.0.0.1", ("x-forwarded-host", host))[2] == expected


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [("/counts", "/counts"), ("/a/b/", "/a/b"), ("", ""), ("/", ""), ("//evil.example", ""), ("/a/../b", ""), ("/a b", "")],
)  # fmt: skip
def test_a_prefix_is_a_path(prefix, expected):
    assert applied("127.0.0.1", ("x-forwarded-prefix", prefix))[3] == expected
