"""Declarations of OAuth 1.0a services (RFC 5849 §2 and §3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, cast, get_args

import attrs

from oauthkit.protocol.oauth1 import (
    SIGNATURE_METHODS,
    Placement,
    SignatureMethod,
    parse_token_response,
    signature_base_string,
)
from oauthkit.provider.base import Check, Provider, as_texts

if TYPE_CHECKING:
    from oauthkit.clients import AsyncOAuth1Client  # noqa: F401 - named in a base class's string

__all__ = ["OAuth1Provider"]

_PLACEMENTS: tuple[str, ...] = get_args(Placement)
TokenMethod = Literal["POST", "GET"]
_TOKEN_METHODS: tuple[str, ...] = get_args(TokenMethod)


def _methods(values: Iterable[SignatureMethod]) -> tuple[SignatureMethod, ...]:
    return cast("tuple[SignatureMethod, ...]", as_texts(values))


@attrs.frozen(kw_only=True, repr=False)
class OAuth1Provider(Provider["AsyncOAuth1Client"]):
    """
    A service that speaks OAuth 1.0a (RFC 5849).

    Needed are *name*, the endpoints that the service has (none, where its site hands out tokens),
    and *api_base* or *origins*. A quirk that no field covers is a subclass that overrides
    ``signature_base_string`` or ``parse_token``. Raises DeclarationError, which lists every fault.
    """

    protocol: ClassVar[str] = "oauth1"

    temporary_credential_endpoint: str | None = None
    """Where temporary credentials (a request token) come from (RFC 5849 §2.1)."""

    authorization_endpoint: str | None = None
    """Where the user is sent to approve (RFC 5849 §2.2)."""

    token_endpoint: str | None = None
    """Where token credentials come from (RFC 5849 §2.3)."""

    signature_methods: tuple[SignatureMethod, ...] = attrs.field(
        default=("HMAC-SHA1",), converter=_methods
    )
    """The signature methods that the service takes (RFC 5849 §3.4); the first is the default."""

    placement: Placement = "header"
    """Where the protocol parameters go (RFC 5849 §3.5): ``header``, ``body`` or ``query``."""

    realm: str | None = None
    """The realm of the Authorization header (RFC 5849 §3.5.1), where the service wants one."""

    token_method: TokenMethod = "POST"
    """What both protocol requests are sent with, ``POST`` or ``GET`` (RFC 5849 §2.1, §2.3)."""

    body_hash: bool = False
    """Whether a body that is no form is signed too (OAuth Request Body Hash 1.0)."""

    allow_unconfirmed_callback: bool = False
    """A leniency: take an answer without ``oauth_callback_confirmed=true`` (RFC 5849 §2.1)."""

    allow_missing_verifier: bool = False
    """A leniency: exchange without ``oauth_verifier`` (RFC 5849 §2.3), as before OAuth 1.0a."""

    clock_from_date: bool = False
    """A leniency: after a 401, set the clock by the answer's ``Date``, try once more (§3.3)."""

    grant_types: tuple[str, ...] = attrs.field(default=("oauth1",), init=False)

    def signature_base_string(
        self,
        method: str,
        url: str,
        oauth_params: Iterable[tuple[str | bytes, str | bytes]],
        body: bytes = b"",
        content_type: str | None = None,
        /,
    ) -> str:
        """
        Return what is signed of a request (RFC 5849 §3.4.1).

        Override this where a service signs something else. *url* is the URL as it goes on the wire,
        *oauth_params* the decoded pairs of the protocol parameters, without ``realm`` and
        ``oauth_signature``; *body* is a form or empty, by *content_type*. It must not do I/O. With
        an override every request is signed on the plain path.
        """
        return signature_base_string(method, url, oauth_params, body, content_type)

    def parse_token(self, body: bytes) -> Mapping[str, str]:
        """
        Read the answer of the temporary credential or token endpoint (RFC 5849 §2.1, §2.3).

        Override this where a service answers in a form of its own. *body* is a successful answer,
        decompressed, at most as long as the client's ``answer_limit``. Return the members under
        their wire names, with ``oauth_token`` and ``oauth_token_secret`` among them; other members
        are kept in the token. Raise OAuthError where *body* holds none, and put no part of *body*
        into it. It must not do I/O.
        """
        return parse_token_response(body)

    def _validate(self, check: Check) -> None:
        super()._validate(check)
        for field in ("temporary_credential_endpoint", "authorization_endpoint", "token_endpoint"):
            check.url(field, getattr(self, field))
        if self.temporary_credential_endpoint is not None and self.token_endpoint is None:
            check.fault(
                "token_endpoint", None, "a temporary_credential_endpoint is of no use without it"
            )
        _check_methods(check, self.signature_methods)
        check.one_of("placement", self.placement, _PLACEMENTS)
        check.one_of("token_method", self.token_method, _TOKEN_METHODS)
        check.text("realm", self.realm)
        for field in (
            "body_hash",
            "allow_unconfirmed_callback",
            "allow_missing_verifier",
            "clock_from_date",
        ):
            check.boolean(field, getattr(self, field))
        if self.placement == "body" and self.token_method == "GET":
            check.fault("token_method", "GET", "placement 'body' needs a body: 'POST'")
        if "PLAINTEXT" in check.texts("signature_methods", self.signature_methods, silent=True):
            if self.placement == "query":
                check.fault(
                    "placement", "query", "with PLAINTEXT the secrets would be part of every URL"
                )
            if self.plain_http_hosts:
                check.fault(
                    "plain_http_hosts",
                    self.plain_http_hosts,
                    "with PLAINTEXT the secrets would travel in the clear (RFC 5849 §3.4.4)",
                )

    def _leniencies(self) -> list[tuple[str, object]]:
        own = ("allow_unconfirmed_callback", "allow_missing_verifier", "clock_from_date")
        return [*super()._leniencies(), *((field, getattr(self, field)) for field in own)]


def _check_methods(check: Check, values: object) -> None:
    known = ", ".join(SIGNATURE_METHODS)
    if values == ():
        check.fault("signature_methods", values, f"at least one of {known}")
    for method in check.texts("signature_methods", values):
        if method not in SIGNATURE_METHODS:
            check.fault("signature_methods", method, f"one of {known}")
