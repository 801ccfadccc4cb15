"""The laws hold for what this distribution brings: any OAuth 2 server, in several settings, and Google."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from oauthkit.testing import ProviderSuite
from oauthkit_providers.generic import provider as generic
from oauthkit_providers.google_service_account import provider as google_service_account

pytestmark = pytest.mark.proves(
    "Providers and credentials",
    "the first-party providers keep the laws",
    rfc=None,
    judge="none but ours",
)

SETTINGS: dict[str, Any] = {
    "grant_type": "authorization_code",
    "authorization_endpoint": "https://login.example.com/authorize?tenant=a%2Fb",
    "token_endpoint": "https://login.example.com/token",
    "revocation_endpoint": "https://login.example.com/revoke",
    "introspection_endpoint": "https://login.example.com/introspect",
    "issuer": "https://login.example.com",
    "api_base": "https://api.example.com/v1/",
    "origins": "https://upload.example.com https://*.cdn.example.com",
}


class TestCodes(ProviderSuite):
    """Codes with PKCE, by a client that authenticates in the header."""

    provider = generic
    settings: ClassVar[Mapping[str, Any]] = SETTINGS


class TestCodesOfPublicClients(ProviderSuite):
    """Codes with PKCE, by a client without a secret."""

    provider = generic
    settings: ClassVar[Mapping[str, Any]] = {**SETTINGS, "token_endpoint_auth_method": "none"}


class TestCodesBySecretInTheForm(ProviderSuite):
    """Codes with PKCE, by a client whose secret is in the form."""

    provider = generic
    settings: ClassVar[Mapping[str, Any]] = {
        **SETTINGS,
        "token_endpoint_auth_method": "client_secret_post",
    }


class TestClientCredentials(ProviderSuite):
    """A client on its own behalf."""

    provider = generic
    settings: ClassVar[Mapping[str, Any]] = {**SETTINGS, "grant_type": "client_credentials"}


class TestPasswords(ProviderSuite):
    """A user's password."""

    provider = generic
    settings: ClassVar[Mapping[str, Any]] = {**SETTINGS, "grant_type": "password"}


class TestRefreshTokens(ProviderSuite):
    """A refresh token that came from elsewhere."""

    provider = generic
    settings: ClassVar[Mapping[str, Any]] = {**SETTINGS, "grant_type": "refresh_token"}


class TestGoogleServiceAccount(ProviderSuite):
    """Assertions, signed with the key of a service account."""

    provider = google_service_account
