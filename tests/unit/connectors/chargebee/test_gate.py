"""Who may post for a site."""

import base64

import pytest

from connectors.chargebee.gate import Gate

GATE = Gate({"acme-test": ["old:pass:word", "new:secret"], "empty": []})


def basic(credentials: str) -> str:
    return "Basic " + base64.b64encode(credentials.encode()).decode()


@pytest.mark.parametrize("credentials", ["old:pass:word", "new:secret"])
def test_both_live_credentials_are_admitted(credentials: str) -> None:
    assert GATE.admits("acme-test", basic(credentials))
    assert GATE.admits("acme-test", basic(credentials).replace("Basic", "bAsIc"))


@pytest.mark.parametrize(
    ("site", "authorization"),
    [
        ("acme-test", ""),
        ("acme-test", basic("")),
        ("acme-test", basic("new:wrong")),
        ("acme-test", basic("new:secret2")),
        ("acme-test", "Bearer " + basic("new:secret").split()[1]),
        ("acme-test", "Basic ***"),
        ("acme-test", "Basic é"),
        ("acme-test", "Basic " + "A" * 10_000),
        ("other", basic("new:secret")),
        ("empty", basic("")),
        ("empty", ""),
    ],
)
def test_anything_else_is_not(site: str, authorization: str) -> None:
    assert not GATE.admits(site, authorization)


def test_only_the_gate_tells_an_unknown_site_from_a_wrong_password() -> None:
    assert GATE.knows("acme-test")
    assert GATE.knows("empty")
    assert not GATE.knows("other")
