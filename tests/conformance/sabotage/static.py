"""Declarations that can be seen to be wrong before anything is sent, one mistake each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from conformance.saboteurs import Saboteur
from oauthkit import AssertionProvider, OAuth2Provider

RIGHT: dict[str, Any] = {
    "name": "sabotaged",
    "documentation": "https://developer.sabotaged.example/oauth",
    "authorization_endpoint": "https://login.sabotaged.example/authorize",
    "token_endpoint": "https://login.sabotaged.example/token",
    "api_base": "https://api.sabotaged.example/v1/",
}


def declare(kind: type[OAuth2Provider] = OAuth2Provider, **changes: Any) -> OAuth2Provider:
    """Declare a service that is right, but for *kind* or *changes*."""
    return kind(**{**RIGHT, **changes})


@attrs.frozen(kw_only=True, repr=False)
class Undocumented(OAuth2Provider):
    """Does not say where its facts are from."""


@attrs.frozen(kw_only=True, repr=False)
class InTheClear(OAuth2Provider):
    """Sends tokens where anybody on the way can read them."""


@attrs.frozen(kw_only=True, repr=False)
class LeftOverOfATest(OAuth2Provider):
    """Fetches tokens from the server of somebody's last test."""


@attrs.frozen(kw_only=True, repr=False)
class NotFilledIn(OAuth2Provider):
    """Has the URL as the service's documentation shows it."""


@attrs.frozen(kw_only=True, repr=False)
class CopiedAndNotChanged(OAuth2Provider):
    """Sends the user to the token endpoint."""


@attrs.frozen(kw_only=True, repr=False)
class MistypedEndpoint(OAuth2Provider):
    """Sends codes and secrets to a name that somebody else may register."""


@attrs.frozen(kw_only=True, repr=False)
class MistypedOrigin(OAuth2Provider):
    """Lets tokens go to a name that somebody else may register."""


@attrs.frozen(kw_only=True, repr=False)
class WholeCountry(OAuth2Provider):
    """Lets tokens go to every company of a country."""


@attrs.frozen(kw_only=True, repr=False)
class SharedHosting(OAuth2Provider):
    """Lets tokens go to every customer of a hosting service."""


@attrs.frozen(kw_only=True, repr=False)
class SharedPages(OAuth2Provider):
    """Lets tokens go to every site of a host of pages."""


@attrs.frozen(kw_only=True, repr=False)
class OneStateForAll(OAuth2Provider):
    """Declares a state, which then protects nobody (RFC 6749 §10.12)."""


@attrs.frozen(kw_only=True, repr=False)
class StateInTheEndpoint(OAuth2Provider):
    """Has a parameter of the client's in its endpoint's query."""


@attrs.frozen(kw_only=True, repr=False)
class ScopeWithCommas(OAuth2Provider):
    """Asks for one scope that nobody knows: "read,write"."""


@attrs.frozen(kw_only=True, repr=False)
class QuietRepr(OAuth2Provider):
    """Hides that it does without PKCE."""

    def __repr__(self) -> str:
        return f"<{self.name}>"


@attrs.frozen(kw_only=True, repr=False)
class HoldsAList(OAuth2Provider):
    """Has a field of its own that cannot be hashed."""

    regions: list[str] = attrs.field(factory=lambda: ["eu"])


@attrs.frozen(kw_only=True, repr=False)
class MisspeltOverride(OAuth2Provider):
    """Names its method nearly right."""

    def prepare_tokens(self, form: Mapping[str, str]) -> Mapping[str, str]:
        """Do what nobody asks for."""
        return {**form, "audience": "https://api.sabotaged.example"}


@attrs.frozen(kw_only=True, repr=False)
class ForgottenArgument(OAuth2Provider):
    """Takes no ``now``."""

    def parse_token(  # type: ignore[override]
        self, status: int, body: bytes
    ) -> Mapping[str, Any]:
        """Take fewer arguments than it is handed."""
        return super().parse_token(status, body, now=0.0)


@attrs.frozen(kw_only=True, repr=False)
class Coroutine(AssertionProvider):
    """Makes a coroutine of a method that is not awaited."""

    async def prepare_claims(  # type: ignore[override]
        self, claims: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return claims to somebody who waits for them."""
        return claims


COROUTINE = Coroutine(
    name="sabotaged",
    documentation="https://developer.sabotaged.example/keys",
    token_endpoint="https://login.sabotaged.example/token",
    api_base="https://api.sabotaged.example/v1/",
)

SABOTEURS = [
    Saboteur("documentation_is_declared", declare(Undocumented, documentation=None)),
    Saboteur(
        "urls_are_https",
        declare(
            InTheClear,
            api_base="http://api.sabotaged.example/v1/",
            plain_http_hosts=("api.sabotaged.example",),
        ),
    ),
    Saboteur(
        "hosts_are_full_names",
        declare(LeftOverOfATest, token_endpoint="http://localhost:8080/token"),
    ),
    Saboteur(
        "hosts_are_full_names", declare(LeftOverOfATest, token_endpoint="https://127.0.0.1/token")
    ),
    Saboteur(
        "urls_are_filled_in",
        declare(NotFilledIn, token_endpoint="https://login.sabotaged.example/{tenant}/token"),
    ),
    Saboteur(
        "urls_are_filled_in",
        declare(NotFilledIn, token_endpoint="https://your-domain.sabotaged.example/token"),
    ),
    Saboteur(
        "endpoints_differ",
        declare(
            CopiedAndNotChanged, authorization_endpoint="https://login.sabotaged.example/token"
        ),
    ),
    Saboteur(
        "endpoints_are_at_home",
        declare(MistypedEndpoint, token_endpoint="https://login.sabotagde.example/token"),
    ),
    Saboteur(
        "endpoints_are_at_home",
        declare(
            MistypedEndpoint,
            documentation="https://sabotaged.co.uk/api",
            authorization_endpoint="https://login.sabotaged.co.uk/authorize",
            token_endpoint="https://login.sabotagde.co.uk/token",
            api_base="https://api.sabotaged.co.uk/",
        ),
    ),
    Saboteur(
        "origins_are_at_home",
        declare(MistypedOrigin, origins=("https://upload.sabotaged.exmaple",)),
    ),
    Saboteur(
        "wildcards_are_narrow",
        declare(
            WholeCountry,
            authorization_endpoint="https://sabotaged.co.uk/authorize",
            token_endpoint="https://sabotaged.co.uk/token",
            api_base="https://api.sabotaged.co.uk/v1/",
            documentation="https://sabotaged.co.uk/api",
            origins=("https://*.co.uk",),
        ),
    ),
    Saboteur("wildcards_are_narrow", declare(SharedPages, origins=("https://*.deno.dev",))),
    Saboteur("wildcards_are_narrow", declare(SharedHosting, origins=("https://*.cloudfront.net",))),
    Saboteur(
        "authorization_params_are_extra",
        declare(OneStateForAll, authorization_params={"state": "x", "prompt": "consent"}),
    ),
    Saboteur(
        "authorization_params_are_extra",
        declare(
            StateInTheEndpoint,
            authorization_endpoint="https://login.sabotaged.example/authorize?response_type=code",
        ),
    ),
    Saboteur("scope_uses_its_separator", declare(ScopeWithCommas, scope="read,write")),
    Saboteur(
        "scope_uses_its_separator",
        declare(ScopeWithCommas, scope="read write", scope_separator=","),
    ),
    Saboteur("leniencies_show_in_the_repr", declare(QuietRepr, code_challenge_method=None)),
    Saboteur("declaration_can_be_hashed", declare(HoldsAList)),
    Saboteur("overrides_are_named_right", declare(MisspeltOverride)),
    Saboteur("overrides_take_what_they_are_handed", declare(ForgottenArgument)),
    Saboteur("overrides_take_what_they_are_handed", COROUTINE),
]
