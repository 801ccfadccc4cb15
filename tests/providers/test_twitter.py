"""The declaration of X (Twitter), against the facts that its docstring cites."""

from __future__ import annotations

import ast
import inspect

import pytest
from yarl import URL

import oauthkit
import oauthkit_providers.twitter
from oauthkit import OAuth1Provider
from oauthkit_providers.twitter import provider

proves_endpoints = pytest.mark.proves(
    "Providers and credentials",
    "the providers' endpoints, as documented",
    rfc=None,
    judge="none but ours",
)


@proves_endpoints
def test_endpoints_are_those_of_the_service() -> None:
    """The three endpoints lie on api.x.com, and requests are signed with HMAC-SHA1 in the header."""
    assert isinstance(provider, OAuth1Provider)
    assert "twitter" == provider.name
    assert "X (Twitter)" == provider.title
    assert "https://api.x.com/oauth/request_token" == provider.temporary_credential_endpoint
    assert "https://api.x.com/oauth/authorize" == provider.authorization_endpoint
    assert "https://api.x.com/oauth/access_token" == provider.token_endpoint
    assert "https://api.x.com" == provider.api_base
    assert ("HMAC-SHA1",) == provider.signature_methods
    assert ("header", "POST") == (provider.placement, provider.token_method)


def test_the_only_leniency_is_the_clock() -> None:
    """The callback must be confirmed and the verifier sent; nothing goes by plain http."""
    assert "OAuth1Provider(name='twitter', clock_from_date=True)" == repr(provider)


@proves_endpoints
@pytest.mark.parametrize(
    "url",
    [
        "https://api.x.com/2/users/me",
        "https://api.twitter.com/1.1/statuses/home_timeline.json",
        "https://ads-api.x.com/12/accounts",
        "https://upload.x.com/1.1/media/upload.json",
        "https://upload.twitter.com/1.1/media/upload.json",
    ],
)
def test_tokens_go_to_the_documented_hosts(url: str) -> None:
    """Old and new names of the API, ads and uploads."""
    sent = URL(url)
    assert any(o.matches(sent.scheme, sent.raw_host, sent.port) for o in provider.token_origins)


@pytest.mark.parametrize(
    "url", ["https://x.com/", "https://twitter.com/", "http://api.x.com/", "https://a.api.x.com/"]
)
def test_tokens_go_nowhere_else(url: str) -> None:
    """Neither the web site, nor plain http, nor what lies below the API's host."""
    sent = URL(url)
    assert not any(o.matches(sent.scheme, sent.raw_host, sent.port) for o in provider.token_origins)


def test_it_is_written_with_public_names_only() -> None:
    """A first-party provider takes the road that is open to anybody."""
    tree = ast.parse(inspect.getsource(oauthkit_providers.twitter))
    imported = {
        (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module != "__future__"
        for alias in node.names
    }
    assert {("oauthkit", "OAuth1Provider")} == imported
    assert "OAuth1Provider" in oauthkit.__all__
