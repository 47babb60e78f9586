"""Behind a proxy the portal knows people by their own addresses, and believes nobody else's word about them."""

import os
import subprocess
import sys

import pytest
from allauth.account.adapter import get_adapter
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from audits.models import AccessLog
from mlops_portal.foundation.web.client_address import ClientAddressMiddleware, client_of, networks
from tests.conftest import PASSWORD
from tests.unit.demonstration.test_production import production_environment

PROXIES = ["10.0.0.0/8", "fd00::/8"]
TRUSTED = networks(PROXIES)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        pytest.param("10.0.0.1", "203.0.113.9", "203.0.113.9", id="one proxy"),
        pytest.param("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9", id="two proxies"),
        pytest.param("10.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9", id="a client's own claim is left of it"),
        pytest.param("10.0.0.1", "10.9.9.9, 203.0.113.9", "203.0.113.9", id="a claim to be a proxy, too"),
        pytest.param("203.0.113.9", "198.51.100.1", "203.0.113.9", id="who is no proxy says nothing"),
        pytest.param("10.0.0.1", "", "10.0.0.1", id="a proxy that says nothing"),
        pytest.param("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3", id="a client inside"),
        pytest.param("10.0.0.1", "nonsense", "10.0.0.1", id="no address"),
        pytest.param("10.0.0.1", "203.0.113.9, nonsense, 10.0.0.2", "10.0.0.2", id="nothing left of nonsense counts"),
        pytest.param("10.0.0.1", "203.0.113.9:4711", "203.0.113.9", id="with a port"),
        pytest.param("fd00::1", "[2001:db8::7]:443", "2001:db8::7", id="IPv6 in brackets"),
        pytest.param("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9", id="IPv4 written as IPv6"),
        pytest.param("10.0.0.1", "," * 5000, "10.0.0.1", id="nothing but commas"),
        pytest.param("unix:", "203.0.113.9", "unix:", id="a socket has no address"),
    ],
)  # fmt: skip
def test_the_client_is_the_first_from_the_right_that_no_trusted_proxy_is(peer, forwarded, client):
    assert client_of(peer, forwarded, TRUSTED) == client


def seen(settings, proxies, **meta):
    """Return the request as the portal sees it."""
    settings.PORTAL_TRUSTED_PROXIES = proxies
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    request = RequestFactory().get("/", **meta)
    ClientAddressMiddleware(lambda request: HttpResponse())(request)
    return request


def test_only_a_trusted_proxy_says_that_a_request_came_by_tls(settings):
    said = {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_FOR": "203.0.113.9"}
    assert seen(settings, PROXIES, REMOTE_ADDR="10.0.0.1", **said).is_secure()
    assert not seen(settings, PROXIES, REMOTE_ADDR="203.0.113.1", **said).is_secure()
    assert not seen(settings, [], REMOTE_ADDR="127.0.0.1", **said).is_secure()


def test_the_sign_in_library_limits_the_client(settings):
    request = seen(settings, PROXIES, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="1.2.3.4, 203.0.113.9")
    assert get_adapter().get_client_ip(request) == "203.0.113.9"


@pytest.mark.django_db
def test_one_client_behind_a_proxy_does_not_lock_the_others_out(settings, ada):
    """Ten failed sign-ins a minute are one address's; the proxy's address would be everybody's."""
    settings.PORTAL_TRUSTED_PROXIES = PROXIES
    cache.clear()
    page = reverse("account_login")

    def sign_in(address, claimed, login, password):
        return Client().post(
            page, {"login": login, "password": password},
            REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=f"{claimed}, {address}",
        )  # fmt: skip

    codes = [
        sign_in("203.0.113.9", f"198.51.100.{number}", f"nobody{number}@x.example", "wrong").status_code
        for number in range(12)
    ]
    refused = sign_in("203.0.113.9", "198.51.100.99", "one.more@x.example", "wrong")
    assert "Too many failed login attempts" in refused.content.decode() or 429 in codes
    assert sign_in("203.0.113.10", "203.0.113.9", ada.email, PASSWORD).status_code == 302
    cache.clear()


@pytest.mark.django_db
def test_the_access_log_notes_the_client(settings, cleo, as_person):
    settings.PORTAL_TRUSTED_PROXIES = PROXIES
    answer = as_person(cleo).get(
        reverse("registry:model-list"), {"export": "csv"},
        REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="1.2.3.4, 203.0.113.9",
    )  # fmt: skip
    assert b"".join(answer.streaming_content)
    assert set(AccessLog.objects.values_list("client", flat=True)) == {"203.0.113.9"}


def test_a_network_that_is_none_is_named():
    with pytest.raises(ImproperlyConfigured, match=r"10\.0\.0\.300"):
        networks(["10.0.0.300"])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param("", "['127.0.0.1', '::1']", id="this machine by default"),
        pytest.param("10.1.0.0/16, 10.2.0.1", "['10.1.0.0/16', '10.2.0.1']", id="those named"),
        pytest.param("0.0.0.0/0", "not everybody", id="everybody is refused"),
        pytest.param("10.1.0.1/16", "PORTAL_TRUSTED_PROXIES", id="a network with a host in it"),
    ],
)
def test_production_names_its_proxies(given, expected):
    said = subprocess.run(
        [sys.executable, "-c", "from mlops_portal.settings import prod; print(prod.PORTAL_TRUSTED_PROXIES)"],
        env={**production_environment(), "PORTAL_TRUSTED_PROXIES": given, "PATH": os.environ["PATH"]},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert expected in said.stdout + said.stderr
