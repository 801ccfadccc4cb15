"""What type checkers know of declarations and typed credentials: read by mypy and pyright, not run."""

from __future__ import annotations

from typing import assert_type

from oauthkit import (
    AssertionCredentials,
    AssertionProvider,
    AsyncAssertionClient,
    AsyncOAuth1Client,
    AsyncOAuth2Client,
    OAuth1Credentials,
    OAuth1Provider,
    OAuth2Credentials,
    OAuth2Provider,
    OAuth2Template,
    Provider,
    Token,
)

provider = OAuth1Provider(
    name="acme",
    temporary_credential_endpoint="https://api.acme.example/oauth/initiate",
    authorization_endpoint="https://acme.example/oauth/authorize",
    token_endpoint="https://api.acme.example/oauth/token",
    api_base="https://api.acme.example/v1/",
    origins=("https://upload.acme.example",),
    signature_methods=("HMAC-SHA256", "RSA-SHA1"),
    placement="query",
)
base: Provider[AsyncOAuth1Client] = provider

two = OAuth2Provider(
    name="acme",
    token_endpoint="https://api.acme.example/oauth/token",
    api_base="https://api.acme.example/v1/",
    grant_types=["client_credentials"],
    token_endpoint_auth_method="client_secret_post",
    authorization_params={"prompt": "consent"},
)
base_of_two: Provider[AsyncOAuth2Client] = two
template: Provider[AsyncOAuth2Client] = OAuth2Template(name="acme")
assert_type(OAuth2Template(name="acme").declare({"grant_type": "password"}), OAuth2Provider)

robot: Provider[AsyncAssertionClient] = AssertionProvider(
    name="acme",
    token_endpoint="https://api.acme.example/oauth/token",
    origins=("https://*.acme.example",),
    alg="ES256",
    credential_names={"issuer": "client_email"},
    credential_constants={"type": "service_account"},
)


def tokens(token: Token) -> None:
    """A token is a mapping of strings under the wire names."""
    assert_type("oauth_token" in token, bool)
    token["oauth_token"] = "t"  # type: ignore[index]


def refused(credentials: OAuth1Credentials) -> None:
    """Misspelt and misplaced arguments are seen, and that these values are frozen."""
    OAuth1Provider("acme")  # type: ignore[call-arg]
    OAuth1Provider(name="acme", api_bsae="https://api.acme.example")  # type: ignore[call-arg]
    OAuth1Provider(name="acme", placement="cookie")  # type: ignore[arg-type]
    OAuth1Provider(name="acme", signature_methods=("MD5",))  # type: ignore[arg-type]
    provider.name = "other"  # type: ignore[misc]
    OAuth1Credentials(client_id=1)  # type: ignore[arg-type]
    OAuth1Credentials("i")  # type: ignore[call-arg]
    credentials.client_id = "j"  # type: ignore[misc]
    OAuth2Provider(name="acme", token_endpoint_auth_method="basic")  # type: ignore[arg-type]
    OAuth2Credentials(client_id="i", token="t")  # type: ignore[call-arg]
    OAuth2Template(name="acme", token_endpoint="https://x")  # type: ignore[call-arg]
    AssertionProvider(name="acme", alg="HS256")  # type: ignore[arg-type]
    AssertionCredentials(issuer="i")  # type: ignore[call-arg]
