"""Declarations of OAuth 2 services (RFC 6749 §3)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar, cast, get_args

import attrs

from oauthkit.errors import DeclarationError
from oauthkit.protocol.client_auth import CLIENT_AUTH_METHODS, ClientAuthMethod
from oauthkit.protocol.pkce import CodeChallengeMethod
from oauthkit.protocol.responses import parse_token_response, read_authorization_response
from oauthkit.protocol.statuses import RETRY_STATUSES, UNSPENT_STATUSES
from oauthkit.provider.base import Check, Provider, as_pairs, as_texts

if TYPE_CHECKING:
    from typing import Literal

    from oauthkit.clients import AsyncOAuth2Client  # noqa: F401 - named in a base class's string

    TokenPlacement = Literal["header", "body", "query"]

__all__ = ["GRANT_TYPES", "OAuth2Provider", "OAuth2Template"]

GRANT_TYPES = ("authorization_code", "client_credentials", "password", "refresh_token")
"""The grant types that ``AsyncOAuth2Client`` speaks (IANA OAuth Parameters)."""

_PLACEMENTS = ("header", "body", "query")
_CHALLENGES: tuple[str | None, ...] = (*get_args(CodeChallengeMethod), None)
_ENDPOINTS = (
    "authorization_endpoint",
    "token_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
)
_FLAGS = (
    "authorization_response_iss_parameter_supported",
    "raw_basic",
    "rotates_refresh_tokens",
)


@attrs.frozen(kw_only=True, repr=False)
class OAuth2Provider(Provider["AsyncOAuth2Client"]):
    """
    A service that speaks OAuth 2 (RFC 6749).

    Needed are *name*, *token_endpoint*, and *api_base* or *origins*; *authorization_endpoint* where
    *grant_types* begins with ``authorization_code``, as it does where none are given. A quirk that
    no field covers is a subclass that overrides ``prepare_authorization``, ``read_callback``,
    ``prepare_token`` or ``parse_token``. Raises DeclarationError, which lists every fault.
    """

    protocol: ClassVar[str] = "oauth2"

    token_endpoint: str | None = None
    """Where tokens come from (RFC 6749 §3.2)."""

    authorization_endpoint: str | None = None
    """Where the user is sent (RFC 6749 §3.1)."""

    revocation_endpoint: str | None = None
    """Where tokens are revoked (RFC 7009 §2)."""

    introspection_endpoint: str | None = None
    """Where a token is explained (RFC 7662 §2)."""

    issuer: str | None = None
    """The server's issuer identifier (RFC 8414 §2); an ``iss`` in a callback must equal it."""

    authorization_response_iss_parameter_supported: bool = False
    """Whether every callback holds ``iss`` (RFC 9207 §3): one without it is then refused."""

    grant_types: tuple[str, ...] = attrs.field(
        default=("authorization_code", "refresh_token"), converter=as_texts
    )
    """The grant types that it offers; the first is what ``connect()`` uses."""

    token_endpoint_auth_method: ClientAuthMethod = "client_secret_basic"
    """How a client with a secret authenticates (RFC 6749 §2.3, IANA names)."""

    code_challenge_method: CodeChallengeMethod | None = "S256"
    """The PKCE method (RFC 7636 §4.3). ``plain`` and None are leniencies."""

    scope: str | None = None
    """What is asked for where the caller asks for nothing (RFC 6749 §3.3)."""

    scope_separator: str = " "
    """What joins scopes in requests; RFC 6749 §3.3 says a space. A leniency otherwise."""

    token_placement: TokenPlacement = "header"
    """Where the token goes (RFC 6750 §2): ``header``, ``body`` or ``query``."""

    authorization_params: tuple[tuple[str, str], ...] = attrs.field(default=(), converter=as_pairs)
    """What else every authorization request holds: a mapping or pairs."""

    raw_basic: bool = False
    """A leniency: ``client_secret_basic`` without the form encoding of RFC 6749 §2.3.1."""

    rotates_refresh_tokens: bool = True
    """Whether a refresh token may be good once (RFC 9700 §4.14.2). False: they are not marked."""

    refresh_grace: float = 0.0
    """A leniency: how long (seconds) a refresh token that was spent may be sent again."""

    retry_statuses: tuple[int, ...] = attrs.field(default=RETRY_STATUSES, converter=tuple)
    """The HTTP statuses after which a token request is sent again, where that is safe."""

    unspent_statuses: tuple[int, ...] = attrs.field(default=UNSPENT_STATUSES, converter=tuple)
    """The HTTP statuses that say that a refresh token was not used; more is a leniency."""

    def prepare_authorization(self, params: Mapping[str, str]) -> Mapping[str, str]:
        """
        Return the parameters of the authorization request (RFC 6749 §4.1.1), none of them empty.

        Override this where a service names them otherwise, or refuses some. *params* are all that
        would be sent, with what is declared and what the caller added. What is left out or changed
        is not checked: ``state`` and ``code_challenge`` protect the user's login. It must not do
        I/O.
        """
        return params

    def read_callback(self, url: str) -> Mapping[str, str]:
        """
        Read the redirect back (RFC 6749 §4.1.2): the members of its query, under the RFC's names.

        Override this where a service names ``code``, ``state``, ``error`` or ``iss`` otherwise, or
        dirties their values. The client then compares ``state`` and ``iss`` itself: return them as
        they came. Raise CallbackError for a URL that cannot be read. It must not do I/O.
        """
        return read_authorization_response(url)

    def prepare_token(self, form: Mapping[str, str]) -> Mapping[str, str]:
        """
        Return the form of a token request (RFC 6749 §3.2), of any grant type.

        Override this where a service names its members otherwise, or wants others. *form* is all
        that would be sent: with ``client_secret_post`` the secret, with a code its
        ``code_verifier``. It must not do I/O.
        """
        return form

    def parse_token(self, status: int, body: bytes, *, now: float) -> Mapping[str, Any]:
        """
        Read the answer of the token endpoint (RFC 6749 §5).

        Override this where a service answers in a form of its own. *body* is decompressed, at most
        as long as the client's ``answer_limit``; *now* is in seconds since the epoch. Return the
        token's members under their RFC names, with ``expires_at`` (seconds since the epoch) where
        the lifetime is known. Raise OAuthError, with the server's ``error``, where *body* holds no
        token, and put no part of *body* into its text. It must not do I/O.
        """
        return parse_token_response(status, body, now=now)

    def _validate(self, check: Check) -> None:
        super()._validate(check)
        for field in _ENDPOINTS:
            check.url(field, getattr(self, field))
        check.url("issuer", self.issuer)
        offered = check.texts("grant_types", self.grant_types)
        if not offered:
            check.fault("grant_types", self.grant_types, f"at least one of {_any(GRANT_TYPES)}")
        for kind in offered:
            if kind not in GRANT_TYPES:
                check.fault("grant_types", kind, f"one of {_any(GRANT_TYPES)}")
        if self.token_endpoint is None:
            check.fault("token_endpoint", None, "the URL where tokens come from")
        if offered[:1] == ("authorization_code",) and self.authorization_endpoint is None:
            check.fault("authorization_endpoint", None, "grant type authorization_code needs it")
        check.one_of(
            "token_endpoint_auth_method", self.token_endpoint_auth_method, CLIENT_AUTH_METHODS
        )
        if offered[:1] == ("client_credentials",) and self.token_endpoint_auth_method == "none":
            check.fault(
                "token_endpoint_auth_method",
                "none",
                "client_credentials is for clients that authenticate (RFC 6749 §4.4)",
            )
        check.one_of("code_challenge_method", self.code_challenge_method, _CHALLENGES)
        check.one_of("token_placement", self.token_placement, _PLACEMENTS)
        check.text("scope", self.scope)
        if self.scope_separator != " ":
            check.text("scope_separator", self.scope_separator, optional=False)
        check.pairs("authorization_params", self.authorization_params)
        for field in _FLAGS:
            check.boolean(field, getattr(self, field))
        grace = cast("object", self.refresh_grace)
        if isinstance(grace, bool) or not isinstance(grace, int | float) or not 0 <= grace < inf:
            check.fault("refresh_grace", grace, "seconds, 0 or more")
        check.statuses("retry_statuses", self.retry_statuses)
        check.statuses("unspent_statuses", self.unspent_statuses)
        if self.authorization_response_iss_parameter_supported and self.issuer is None:
            check.fault("issuer", None, "which issuer must the callbacks name?")

    def _leniencies(self) -> list[tuple[str, object]]:
        own: list[tuple[str, object]] = [("raw_basic", self.raw_basic)]
        if self.refresh_grace:
            own.append(("refresh_grace", self.refresh_grace))
        if not self.rotates_refresh_tokens:
            own.append(("rotates_refresh_tokens", "False"))
        if more := sorted(set(self.unspent_statuses).difference(UNSPENT_STATUSES)):
            own.append(("unspent_statuses", ", ".join(map(str, more))))
        if self.code_challenge_method != "S256":
            own.append(("code_challenge_method", str(self.code_challenge_method)))
        if self.scope_separator != " ":
            own.append(("scope_separator", self.scope_separator))
        if self.token_placement != "header":
            own.append(("token_placement", self.token_placement))
        return [*super()._leniencies(), *own]


@attrs.frozen(kw_only=True, repr=False)
class OAuth2Template(Provider["AsyncOAuth2Client"]):
    """
    Any OAuth 2 service: what other declarations say comes with the credentials, in one mapping.

    Needed is *name*. ``connect()`` reads *settings* and the credentials from the same mapping, file
    or environment; no leniency can be set so: for a service that needs one, declare an
    ``OAuth2Provider``.
    """

    protocol: ClassVar[str] = "oauth2"

    settings: ClassVar[tuple[str, ...]] = (
        "grant_type",
        *_ENDPOINTS,
        "issuer",
        "api_base",
        "origins",
        "token_endpoint_auth_method",
        "code_challenge_method",
    )
    """What ``declare`` reads: one grant type, and fields of an ``OAuth2Provider``."""

    grant_types: tuple[str, ...] = attrs.field(default=GRANT_TYPES, init=False)

    def declare(self, settings: Mapping[str, Any]) -> OAuth2Provider:
        """
        Return the provider that *settings* declare; the same ones give the same object.

        ``origins`` may be a text, with spaces or commas between them, as the environment has it.
        Raises DeclarationError, which lists every fault.
        """
        read = dict(settings)
        if (origins := read.get("origins")) is not None:
            read["origins"] = _split(origins)
        key = (self.name, self.title, *map(read.get, self.settings))
        try:
            return _declare(*key)
        except TypeError:  # a value that cannot be hashed is a fault; it is named below
            return _declare.__wrapped__(*key)

    def _validate(self, check: Check) -> None:
        check.name(self.name)
        if self.title is not self.name:
            check.text("title", self.title, optional=False)
        check.url("documentation", self.documentation, https_only=True)
        for field in ("api_base", "origins", "plain_http_hosts"):
            if value := getattr(self, field):
                check.fault(field, value, "nothing here: it comes with the settings")


# Clients are made by the thousand, and their providers are few.
@lru_cache(maxsize=128)
def _declare(name: str, title: str, grant_type: str | None, *values: Any) -> OAuth2Provider:
    fields = dict(zip(OAuth2Template.settings[1:], values, strict=True))
    known = grant_type if grant_type in GRANT_TYPES else "refresh_token"
    offered = dict.fromkeys([known, "refresh_token"])
    if known == "client_credentials":
        offered.pop("refresh_token")
    declared = {field: value for field, value in fields.items() if value is not None}
    faults: list[str] = []
    hints: list[tuple[str, str]] = []
    if known != grant_type:
        expected = f"one of {_any(GRANT_TYPES)}"
        faults.append(f"grant_type = {grant_type!r}: {expected}")
        hints.append(("grant_type", expected))
    try:
        provider = OAuth2Provider(name=name, title=title, grant_types=tuple(offered), **declared)
    except DeclarationError as exc:
        faults += exc.faults
        hints += exc.hints
    else:
        if not faults:
            return provider
    raise DeclarationError(name, faults, hints)


def _split(origins: Any) -> Any:
    """Make a text a tuple of origins; a list is one for the provider's own check."""
    if isinstance(origins, str):
        return tuple(origins.replace(",", " ").split())
    return as_texts(origins)


def _any(names: tuple[str, ...]) -> str:
    return ", ".join(map(repr, names))
