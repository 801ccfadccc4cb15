"""The laws let services be as they are: what is declared, or renamed, or left to the RFC, breaks none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import attrs

from conformance.sabotage.assertions import declare as declare_assertions
from conformance.sabotage.base_strings import declare as declare_oauth1
from conformance.sabotage.oauth2_logins import declare
from oauthkit import AssertionProvider, OAuth1Provider, OAuth2Provider
from oauthkit.testing import ProviderSuite

Members = Mapping[str, Any]


@attrs.frozen(kw_only=True, repr=False)
class OtherNames(OAuth2Provider):
    """Calls client and scope otherwise, and wants one member more."""

    def _reword(self, members: Mapping[str, str]) -> Mapping[str, str]:
        names = {"client_id": "client_key", "client_secret": "app_secret", "scope": "user_scope"}
        reworded = {names.get(name, name): value for name, value in members.items()}
        return {**reworded, "version": "2"}

    def prepare_authorization(self, params: Mapping[str, str]) -> Mapping[str, str]:
        """Rename."""
        return self._reword(params)

    def prepare_token(self, form: Mapping[str, str]) -> Mapping[str, str]:
        """Rename."""
        return self._reword(form)


@attrs.frozen(kw_only=True, repr=False)
class HexadecimalState(OAuth2Provider):
    """Takes letters and digits alone for a state."""

    def prepare_authorization(self, params: Mapping[str, str]) -> Mapping[str, str]:
        """Encode the state."""
        return {**params, "state": params["state"].encode().hex()}

    def read_callback(self, url: str) -> Mapping[str, str]:
        """Decode the state; what is none is another login's."""
        values = dict(super().read_callback(url))
        try:
            values["state"] = bytes.fromhex(values.get("state", "")).decode()
        except ValueError:
            del values["state"]
        return values


@attrs.frozen(kw_only=True, repr=False)
class TimesOfExpiry(OAuth2Provider):
    """Says when a token is over, and not how long it is good."""

    def parse_token(self, status: int, body: bytes, *, now: float) -> Members:
        """Leave the lifetime out."""
        token = dict(super().parse_token(status, body, now=now))
        token.pop("expires_in", None)
        return token


@attrs.frozen(kw_only=True, repr=False)
class Lines(OAuth1Provider):
    """Answers with one member in each line: the example of docs/write-a-provider.md."""

    def parse_token(self, body: bytes) -> Mapping[str, str]:
        """Read lines, and leave what else may come to the base."""
        if not body.startswith(b"oauth_token: "):
            return super().parse_token(body)
        return dict(line.split(": ", 1) for line in body.decode().splitlines())


@attrs.frozen(kw_only=True, repr=False)
class Wrapped(OAuth2Provider):
    """Answers with the token below a name of its own."""

    def parse_token(self, status: int, body: bytes, *, now: float) -> Members:
        """Unwrap what is wrapped."""
        with suppress(ValueError, LookupError, TypeError):
            body = json.dumps(json.loads(body)["data"]).encode()
        return super().parse_token(status, body, now=now)


@attrs.frozen(kw_only=True, repr=False)
class AccountOfItsOwn(AssertionProvider):
    """Wants no ``iat``, a ``jti``, an audience in a list, and a subject in any case."""

    def prepare_claims(self, claims: Members) -> Members:
        """Change what RFC 7523 §3 leaves open."""
        rest = {name: value for name, value in claims.items() if name != "iat"}
        subject = claims.get("sub", claims["iss"])
        return {**rest, "jti": "one", "aud": [claims["aud"]], "sub": subject}


class QuirkSuite(ProviderSuite):
    """Fewer examples: these laws are to hold, and others show what breaks them."""

    examples = 20


class TestLeniencies(QuirkSuite):
    """Whatever a declaration can be lenient in."""

    provider = declare(
        OAuth2Provider,
        scope_separator=",",
        raw_basic=True,
        code_challenge_method=None,
        token_placement="query",
        authorization_params={"access_type": "offline", "prompt": "consent"},
        grant_types=["password", "client_credentials", "authorization_code", "refresh_token"],
    )


class TestPlainChallenges(QuirkSuite):
    """PKCE by the method plain, and scopes that a plus sign joins."""

    provider = declare(OAuth2Provider, code_challenge_method="plain", scope_separator="+")


class TestCommaAndSpace(QuirkSuite):
    """Scopes that are joined by more than one character."""

    provider = declare(OAuth2Provider, scope_separator=", ")


class TestAnotherScript(QuirkSuite):
    """Hosts that go on the wire in another form than they are declared (RFC 5891 §4.4)."""

    provider = OAuth2Provider(
        name="books",
        documentation="https://bücher.example/oauth",
        authorization_endpoint="https://www.bücher.example/authorize",
        token_endpoint="https://api.bücher.example/token",
        api_base="https://api.bücher.example/v1/",
        grant_types=["client_credentials", "authorization_code", "refresh_token"],
    )


class TestAudienceToTheLetter(QuirkSuite):
    """A token endpoint whose URL is not in its normal form: the audience is as it is written."""

    provider = AssertionProvider(
        name="letters",
        documentation="https://bücher.example/oauth",
        token_endpoint="https://API.bücher.example:443/%7etoken",
        api_base="https://api.bücher.example/v1/",
    )


class TestNamedIssuers(QuirkSuite):
    """Callbacks that all name their issuer."""

    provider = declare(
        OAuth2Provider,
        issuer="https://sabotaged.example/",
        authorization_response_iss_parameter_supported=True,
    )


class TestOtherNames(QuirkSuite):
    """Names that are not the RFC's."""

    provider = declare(
        OtherNames,
        token_endpoint_auth_method="client_secret_post",
        grant_types=["authorization_code", "client_credentials", "refresh_token"],
    )


class TestHexadecimalState(QuirkSuite):
    """A state that is encoded on its way."""

    provider = declare(HexadecimalState)


class TestTimesOfExpiry(QuirkSuite):
    """Answers that are read otherwise."""

    provider = declare(TimesOfExpiry)


class TestLines(QuirkSuite):
    """Answers of OAuth 1.0a in a form of the service's own."""

    provider = declare_oauth1(Lines)


class TestWrapped(QuirkSuite):
    """Answers of OAuth 2 in a form of the service's own."""

    provider = declare(Wrapped)


class TestAccountOfItsOwn(QuirkSuite):
    """Claims that are not what we would sign."""

    provider = declare_assertions(AccountOfItsOwn, lifetime=180, audience="urn:service")
