"""Which addresses are called, and which never."""

import pytest

from connectors.outgoing.addresses import refusal
from connectors.outgoing.client import AddressRefusedError, Guard, check_url


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104 - refused, not bound
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_special_addresses_are_refused(address: str) -> None:
    assert refusal(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "172.32.0.1", "100.128.0.1", "93.184.216.34", "2606:4700::1111"]
)
def test_public_addresses_are_called(address: str) -> None:
    assert refusal(address) is None


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_the_development_switch_allows_loopback(address: str) -> None:
    assert refusal(address, allow_loopback=True) is None


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "fe80::1"])
def test_the_development_switch_allows_nothing_else(address: str) -> None:
    assert refusal(address, allow_loopback=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("http://example.com/hook", "only https"),
        ("ftp://example.com/", "only https"),
        ("//example.com/hook", "only https"),
        ("example.com/hook", "names no host"),
        ("https:///hook", "names no host|is no address"),
        ("https://user@example.com/", "user or password"),
        ("https://user:word@example.com/", "user or password"),
        ("https://example.com@127.0.0.1/", "user or password"),
        ("https://example.com:8443/", "port 8443 is refused; allowed are 443"),
        ("https://example.com:0/", "port 0"),
        ("https://example.com:22/", "port 22"),
        ("https://127.0.0.1/", "loopback"),
        ("https://[::1]/", "loopback"),
        ("https://[::ffff:169.254.169.254]/", "link-local"),
        ("https://169.254.169.254/latest/meta-data", "link-local"),
        ("https://10.0.0.1/", "private"),
    ],
)
def test_an_address_of_the_wrong_form_is_refused_before_any_call(text: str, said: str) -> None:
    with pytest.raises(AddressRefusedError, match=said):
        check_url(text, Guard())


def test_a_port_can_be_allowed() -> None:
    guard = Guard(ports=frozenset({443, 8443}))
    assert str(check_url("https://example.com:8443/hook", guard)) == "https://example.com:8443/hook"
