"""TLS of the SDK's calls: verified, and with certificates that were loaded once."""

import ssl

from chargebee import Chargebee, http_request

from connectors.chargebee.certificates import share_tls_context, tls_context


def test_hosts_and_certificates_are_verified() -> None:
    assert tls_context().verify_mode is ssl.CERT_REQUIRED
    assert tls_context().check_hostname
    assert tls_context().cert_store_stats()["x509_ca"] > 0


def test_every_call_gets_the_one_context_however_often_it_is_asked_for() -> None:
    share_tls_context()
    shared = http_request._make_request_async

    share_tls_context()

    assert http_request._make_request_async is shared
    assert shared.__name__ == "make_request_with_context"
    assert Chargebee.verify_ca_certs is False
    assert tls_context() is tls_context()
