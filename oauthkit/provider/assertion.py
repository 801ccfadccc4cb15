"""Declarations of services that take signed assertions (RFC 7523 §2.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

import attrs
from yarl import URL

from oauthkit.errors import OAuthKitError
from oauthkit.protocol.grants import JWT_BEARER
from oauthkit.protocol.jose import ALGORITHMS, Algorithm
from oauthkit.protocol.origins import origin_of, parse_origin
from oauthkit.protocol.responses import parse_token_response
from oauthkit.protocol.statuses import RETRY_STATUSES
from oauthkit.provider.base import Check, Provider, as_pairs, as_texts

if TYPE_CHECKING:
    from oauthkit.clients import AsyncAssertionClient  # noqa: F401 - named in a base class's string
    from oauthkit.provider.oauth2 import TokenPlacement

__all__ = ["AssertionProvider", "find_stray"]

_FIELDS = ("issuer", "private_key", "key_id", "subject", "scope", "token_endpoint")


@attrs.frozen(kw_only=True, repr=False)
class AssertionProvider(Provider["AsyncAssertionClient"]):
    """
    A service whose clients sign JWTs and exchange them for tokens (RFC 7521, RFC 7523).

    Needed are *name*, *token_endpoint*, and *api_base* or *origins*. Services hand out keys as JSON
    files with names of their own: *credential_names* maps ``AssertionCredentials``' fields to them,
    *ignored_credentials* lists the members that are of no use here, and *credential_constants* tell
    its files from others of that service. Raises DeclarationError, which lists every fault.
    """

    protocol: ClassVar[str] = "assertion"

    token_endpoint: str | None = None
    """Where assertions are exchanged (RFC 7521 §4.1)."""

    audience: str | None = None
    """The ``aud`` of every assertion (RFC 7523 §3); the token endpoint where none is given."""

    alg: Algorithm = "RS256"
    """How assertions are signed (RFC 7518 §3.1, RFC 8037)."""

    lifetime: int = 3600
    """How long an assertion is good, in seconds: its ``exp`` less its ``iat``."""

    scope: str | None = None
    """What is asked for where the caller asks for nothing."""

    scope_in_claims: bool = False
    """Whether the scope is a claim of the assertion, not a member of the form (RFC 7521 §4.1)."""

    token_placement: TokenPlacement = "header"
    """Where the token goes (RFC 6750 §2): ``header``, ``body`` or ``query``."""

    retry_statuses: tuple[int, ...] = attrs.field(default=RETRY_STATUSES, converter=tuple)
    """The HTTP statuses after which a token request is sent again."""

    credential_names: tuple[tuple[str, str], ...] = attrs.field(default=(), converter=as_pairs)
    """What the fields of the credentials are called in this service's key files: pairs."""

    ignored_credentials: tuple[str, ...] = attrs.field(default=(), converter=as_texts)
    """Members of this service's key files that are of no use here."""

    credential_constants: tuple[tuple[str, str], ...] = attrs.field(default=(), converter=as_pairs)
    """What some members of its key files say, if they are of this kind: pairs of name and value."""

    grant_types: tuple[str, ...] = attrs.field(default=(JWT_BEARER,), init=False)

    def prepare_claims(self, claims: Mapping[str, Any]) -> Mapping[str, Any]:
        """
        Return the claims of an assertion (RFC 7523 §3) before it is signed.

        Override this where a service wants others. *claims* are all that would be signed, ``iat``
        and ``exp`` in seconds since the epoch. It must not do I/O.
        """
        return claims

    def prepare_token(self, form: Mapping[str, str]) -> Mapping[str, str]:
        """Return the form of a token request; as ``OAuth2Provider.prepare_token``."""
        return form

    def parse_token(self, status: int, body: bytes, *, now: float) -> Mapping[str, Any]:
        """
        Read the answer of the token endpoint (RFC 6749 §5).

        As ``OAuth2Provider.parse_token``: override it where a service answers in a form of its own.
        """
        return parse_token_response(status, body, now=now)

    def _validate(self, check: Check) -> None:
        super()._validate(check)
        check.url("token_endpoint", self.token_endpoint)
        if self.token_endpoint is None:
            check.fault("token_endpoint", None, "the URL where assertions are exchanged")
        check.text("audience", self.audience)
        check.one_of("alg", self.alg, ALGORITHMS)
        lifetime = cast("object", self.lifetime)
        if isinstance(lifetime, bool) or not isinstance(lifetime, int) or lifetime < 1:
            check.fault("lifetime", lifetime, "a positive whole number of seconds")
        check.text("scope", self.scope)
        check.statuses("retry_statuses", self.retry_statuses)
        check.boolean("scope_in_claims", self.scope_in_claims)
        check.one_of("token_placement", self.token_placement, ("header", "body", "query"))
        check.texts("ignored_credentials", self.ignored_credentials)
        check.pairs("credential_constants", self.credential_constants)
        for field in check.pairs("credential_names", self.credential_names):
            if field not in _FIELDS:
                check.fault("credential_names", field, f"one of {', '.join(_FIELDS)}")

    def _leniencies(self) -> list[tuple[str, object]]:
        own: list[tuple[str, object]] = []
        if self.token_placement != "header":
            own.append(("token_placement", self.token_placement))
        return [*super()._leniencies(), *own]


def find_stray(provider: AssertionProvider, endpoint: str, origins: Iterable[str] = ()) -> str:
    """
    Say why assertions may not go to *endpoint*; nothing where they may.

    It must lie where the provider's own does, at an origin that it declares, or at one of
    *origins*: a signed assertion goes to no address that only a file names.
    """
    hosts = provider.plain_http_hosts
    try:
        url = URL(endpoint)
        asked = parse_origin(origin_of(url), plain_http_hosts=hosts)
    except (ValueError, OAuthKitError):
        return "expected an absolute https URL"
    if url.raw_user is not None or url.raw_password is not None or "#" in endpoint:
        return "expected a URL without user information and fragment"
    own = parse_origin(origin_of(URL(provider.token_endpoint or "")), plain_http_hosts=hosts)
    added = (parse_origin(origin, plain_http_hosts=hosts) for origin in origins)
    allowed = dict.fromkeys((own, *provider.token_origins, *added))
    if any(origin.matches(asked.scheme, asked.host, asked.port) for origin in allowed):
        return ""
    listed = ", ".join(map(str, allowed))
    return f"assertions go to {listed} only: leave it out, or pass its origin in origins=[…]"
