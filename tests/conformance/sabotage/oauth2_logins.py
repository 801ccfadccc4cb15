"""Services that send users away wrongly, or take anybody back, one mistake each (RFC 6749 §4.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import attrs

from conformance.saboteurs import Saboteur
from oauthkit import OAuth2Provider

Params = Mapping[str, str]


def declare(kind: type[OAuth2Provider], **fields: Any) -> OAuth2Provider:
    """Declare a service of *kind*: nothing but the overridden method is wrong."""
    return kind(
        name="sabotaged",
        documentation="https://developer.sabotaged.example/oauth",
        authorization_endpoint="https://sabotaged.example/authorize",
        token_endpoint="https://api.sabotaged.example/token",
        api_base="https://api.sabotaged.example/v1/",
        **fields,
    )


def without(members: Params, *names: str) -> dict[str, str]:
    """Leave some members out."""
    return {name: value for name, value in members.items() if name not in names}


@attrs.frozen(kw_only=True, repr=False)
class ScopeEncodedTwice(OAuth2Provider):
    """Encodes the scope by hand, and hands it to what encodes it."""

    def prepare_authorization(self, params: Params) -> Params:
        """Encode the scope once too often."""
        return {**params, "scope": quote(params.get("scope", ""))}


@attrs.frozen(kw_only=True, repr=False)
class ExtrasLost(OAuth2Provider):
    """Sends the parameters that its author knew, and no other."""

    def prepare_authorization(self, params: Params) -> Params:
        """Pick what the service documents."""
        known = ("response_type", "client_id", "redirect_uri", "scope", "state")
        pkce = ("code_challenge", "code_challenge_method")
        return {name: params[name] for name in (*known, *pkce) if name in params}


@attrs.frozen(kw_only=True, repr=False)
class SignedUpWithDefaults(OAuth2Provider):
    """Lets its own defaults win over what the caller asked for."""

    def prepare_authorization(self, params: Params) -> Params:
        """Ask for the registered redirect URI, whatever was asked for."""
        return {**params, "redirect_uri": "https://client.example/"}


@attrs.frozen(kw_only=True, repr=False)
class StateNotSent(OAuth2Provider):
    """Leaves the state out, since the service does not document it."""

    def prepare_authorization(self, params: Params) -> Params:
        """Send no state."""
        return without(params, "state")


@attrs.frozen(kw_only=True, repr=False)
class SecretInTheBrowser(OAuth2Provider):
    """Sends the client's secret to the authorization endpoint, as one page of the service shows."""

    def prepare_authorization(self, params: Params) -> Params:
        """Add the secret of the one application that this provider was written for."""
        return {**params, "client_secret": "made-up-for-a-test"}


@attrs.frozen(kw_only=True, repr=False)
class ConstantState(OAuth2Provider):
    """Sends the state that the service's own example shows."""

    def prepare_authorization(self, params: Params) -> Params:
        """Send what everybody sends."""
        return {**params, "state": "security_token_138r5719ru3e1"}


@attrs.frozen(kw_only=True, repr=False)
class ShortState(OAuth2Provider):
    """Cuts the state to the length that the service's database column has."""

    def prepare_authorization(self, params: Params) -> Params:
        """Keep eight characters: 48 bits."""
        return {**params, "state": params["state"][:8]}


@attrs.frozen(kw_only=True, repr=False)
class MethodNotSent(OAuth2Provider):
    """Leaves code_challenge_method out: the service then takes the challenge for a plain one."""

    def prepare_authorization(self, params: Params) -> Params:
        """Send the challenge alone."""
        return without(params, "code_challenge_method")


@attrs.frozen(kw_only=True, repr=False)
class PlainAllTheSame(OAuth2Provider):
    """Says that the challenge is plain, since that is what the service's example says."""

    def prepare_authorization(self, params: Params) -> Params:
        """Change the method."""
        return {**params, "code_challenge_method": "plain"}


@attrs.frozen(kw_only=True, repr=False)
class ChallengeNotSent(OAuth2Provider):
    """Leaves PKCE out for a service that ignores it, and does not declare so."""

    def prepare_authorization(self, params: Params) -> Params:
        """Send no challenge."""
        return without(params, "code_challenge", "code_challenge_method")


@attrs.frozen(kw_only=True, repr=False)
class CodeDecodedTwice(OAuth2Provider):
    """Decodes a code that is decoded already."""

    def read_callback(self, url: str) -> Params:
        """Decode the code once too often."""
        values = super().read_callback(url)
        return {**values, "code": unquote(values.get("code", ""))}


@attrs.frozen(kw_only=True, repr=False)
class StateRestored(OAuth2Provider):
    """Puts back a state that it remembered, since the service sometimes loses it."""

    sent: list[str] = attrs.field(factory=list[str], init=False, eq=False)

    def prepare_authorization(self, params: Params) -> Params:
        """Remember the state."""
        self.sent.append(params["state"])
        return params

    def read_callback(self, url: str) -> Params:
        """Restore the state where the callback has none."""
        values = super().read_callback(url)
        return values if values.get("state") else {**values, "state": self.sent[-1]}


@attrs.frozen(kw_only=True, repr=False)
class StateRemembered(OAuth2Provider):
    """Takes any state, as long as it has sent one: it keeps the last for all users."""

    sent: list[str] = attrs.field(factory=list[str], init=False, eq=False)

    def prepare_authorization(self, params: Params) -> Params:
        """Remember the state."""
        self.sent.append(params["state"])
        return params

    def read_callback(self, url: str) -> Params:
        """Say what was sent last."""
        return {**super().read_callback(url), "state": self.sent[-1]}


@attrs.frozen(kw_only=True, repr=False)
class IssuerFilledIn(OAuth2Provider):
    """Fills in the issuer where the callback has none, which is what somebody else's has."""

    def read_callback(self, url: str) -> Params:
        """Say the own issuer."""
        return {"iss": str(self.issuer), **super().read_callback(url)}


@attrs.frozen(kw_only=True, repr=False)
class IssuerTidied(OAuth2Provider):
    """Compares issuers after it has tidied them: others may have the tidy one."""

    def read_callback(self, url: str) -> Params:
        """Take a slash off the end."""
        values = super().read_callback(url)
        return {**values, "iss": values["iss"].rstrip("/")} if "iss" in values else values


@attrs.frozen(kw_only=True, repr=False)
class RefusalsUnread(OAuth2Provider):
    """Reads code and state out of a callback, and nothing else."""

    def read_callback(self, url: str) -> Params:
        """Keep what a login needs."""
        values = super().read_callback(url)
        return {name: values[name] for name in ("code", "state", "iss") if name in values}


@attrs.frozen(kw_only=True, repr=False)
class CodeAlwaysThere(OAuth2Provider):
    """Takes the code out of the query, where there may be none."""

    def read_callback(self, url: str) -> Params:
        """Read the callback as the service's example does."""
        values = parse_qs(urlsplit(url).query)
        return {"code": values["code"][0], "state": values["state"][0]}


@attrs.frozen(kw_only=True, repr=False)
class ListsInACallback(OAuth2Provider):
    """Hands out what parse_qs returns, lists of texts."""

    def read_callback(self, url: str) -> Params:
        """Read the callback as the standard library does."""
        values: Any = parse_qs(urlsplit(url).query)
        return dict(values)


SABOTEURS = [
    Saboteur("authorization_request_holds_what_was_asked", declare(ScopeEncodedTwice)),
    Saboteur("authorization_request_holds_what_was_asked", declare(ExtrasLost)),
    Saboteur("authorization_request_holds_what_was_asked", declare(SignedUpWithDefaults)),
    Saboteur("authorization_request_holds_no_secret", declare(SecretInTheBrowser)),
    Saboteur("state_is_sent_and_is_new_each_time", declare(StateNotSent)),
    Saboteur("state_is_sent_and_is_new_each_time", declare(ConstantState)),
    Saboteur("state_is_sent_and_is_new_each_time", declare(ShortState)),
    Saboteur("code_challenge_is_as_declared", declare(MethodNotSent)),
    Saboteur("code_challenge_is_as_declared", declare(PlainAllTheSame)),
    Saboteur("code_challenge_is_as_declared", declare(ChallengeNotSent)),
    Saboteur("callback_gives_its_code", declare(CodeDecodedTwice)),
    Saboteur("callback_for_another_state_is_refused", declare(StateRestored)),
    Saboteur("callback_for_another_state_is_refused", declare(StateRemembered)),
    Saboteur(
        "callback_from_another_issuer_is_refused",
        declare(
            IssuerFilledIn,
            issuer="https://sabotaged.example",
            authorization_response_iss_parameter_supported=True,
        ),
    ),
    Saboteur(
        "callback_from_another_issuer_is_refused",
        declare(IssuerTidied, issuer="https://sabotaged.example"),
    ),
    Saboteur("refusal_in_a_callback_is_told", declare(RefusalsUnread)),
    Saboteur("any_callback_gives_a_code_or_an_error_of_ours", declare(CodeAlwaysThere)),
    Saboteur("any_callback_gives_a_code_or_an_error_of_ours", declare(ListsInACallback)),
]
