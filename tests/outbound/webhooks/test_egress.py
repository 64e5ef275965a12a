"""Addresses that the egress policy permits and refuses."""

import pytest

from headcount.errors import BadInput
from headcount.outbound.webhooks.egress import AddressRefused, check_url, permitted
from headcount.setting_types import networks

PUBLIC = ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"]
INNER = [
    "10.0.0.1", "172.16.5.5", "192.168.1.1", "100.64.0.1", "169.254.169.254", "0.0.0.0", "224.0.0.1", "255.255.255.255",
    "168.63.129.16", "192.0.0.192", "240.0.0.1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1",
    "::ffff:10.0.0.1", "::ffff:169.254.169.254", "2002:0a00:0001::1", "64:ff9b::a00:1", "2001:db8::1",
    "127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "2002:7f00:1::1", "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1", "fec0::1", "fecf::1", "feff::1", "0.1.2.3", "100.127.255.255", "192.0.2.1", "192.88.99.1",
    "198.18.0.1", "198.51.100.7", "203.0.113.9", "2001::1", "2001:10::1", "2001:20::1", "3fff::1", "5f00::1", "100::1",
    "100:0:0:1::1", "4000::1", "::ffff:0:10.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_permitted_only_with_tls(address):
    assert permitted("hooks.example", [address], (), secure=True) == [address]
    with pytest.raises(AddressRefused, match="use https"):
        permitted("hooks.example", [address], (), secure=False)


@pytest.mark.parametrize("address", INNER)
def test_an_internal_address_is_refused(address):
    with pytest.raises(AddressRefused, match="webhook_allowed_networks"):
        permitted("hooks.example", [address], (), secure=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "2002:7f00:1::1"])
def test_this_machine_is_permitted_only_if_the_operator_allows_it(address):
    for host in (address, "localhost", "hooks.example"):
        with pytest.raises(AddressRefused, match="webhook_allowed_networks"):
            permitted(host, [address], (), secure=False)
        assert permitted(host, [address], networks("127.0.0.0/8,::1/128"), secure=False) == [address]


def test_a_name_with_both_kinds_of_addresses_keeps_the_permitted_ones():
    assert permitted("hooks.example", ["10.0.0.1", *PUBLIC], (), secure=True) == PUBLIC


def test_an_allowed_network_is_permitted():
    named = networks("10.1.0.0/16, fd00:1::/32")
    for address in ("10.1.2.3", "fd00:1::5", "::ffff:10.1.2.3"):
        assert permitted("inner.example", [address], named, secure=False) == [address]
    with pytest.raises(AddressRefused):
        permitted("inner.example", ["10.2.0.1"], named, secure=True)


@pytest.mark.parametrize(
    "url", ["https://hooks.example/x?y=1", "http://127.0.0.1:8000/", "https://[2606::1]:8443/a"]
)
def test_a_valid_url_is_accepted(url):
    check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "", "hooks.example", "//hooks.example", "https://", "https:///x", "file:///x", "https://h:99999/",
        "https://h:0/", "https://[::1", "https://h/\n", "https://h /", "https://h\u00e9/", "https://u:p@h/",
        "https://" + "h" * 3_000,
    ],
)  # fmt: skip
def test_an_invalid_url_is_refused(url):
    with pytest.raises(BadInput, match='"url" must'):
        check_url(url)
