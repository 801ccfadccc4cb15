"""Declarations: a provider is data, checked when it is made (RFC 5849 §2 and §3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, Generic, Literal, TypeAlias, TypeVar, cast, get_args

import attrs
from yarl import URL

from oauthkit.errors import ConfigurationError, DeclarationError
from oauthkit.protocol.oauth1 import (
    SIGNATURE_METHODS,
    Placement,
    SignatureMethod,
    parse_token_response,
)
from oauthkit.protocol.origins import Origin, canonical_host, is_secure, parse_origin

if TYPE_CHECKING:
    from oauthkit.clients import (
        AsyncOAuth1Client,  # noqa: F401 - named in a base class's string
        Client,
    )

__all__ = ["OAuth1Provider", "Provider"]

C_co = TypeVar("C_co", covariant=True)

_PLACEMENTS: tuple[str, ...] = get_args(Placement)
TokenMethod = Literal["POST", "GET"]
_TOKEN_METHODS: tuple[str, ...] = get_args(TokenMethod)
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*").fullmatch
_LONGEST_SHOWN = 120


def _texts(values: Iterable[str]) -> tuple[str, ...]:
    """Make a list a tuple; what is no list of texts stays, so that the check can name it."""
    return (
        tuple(values)
        if isinstance(values, (list, set, frozenset))
        else cast("tuple[str, ...]", values)
    )


def _methods(values: Iterable[SignatureMethod]) -> tuple[SignatureMethod, ...]:
    return cast("tuple[SignatureMethod, ...]", _texts(values))


# Only its kinds are made and compared: half of what attrs would build here is never called.
@attrs.frozen(kw_only=True, repr=False, eq=False, init=False)
class Provider(Generic[C_co]):
    """
    What every declaration has, whatever its protocol; generic over the client that it is made for.

    Declare one of its kinds, such as ``OAuth1Provider``: this class itself makes nothing.
    """

    protocol: ClassVar[str]
    """The protocol's short name."""

    name: str
    """What ``connect()`` is called with: words of a-z and 0-9, joined by ``-``."""

    title: str = attrs.field(default=attrs.Factory(lambda self: self.name, takes_self=True))
    """The service's name for people; *name* where none is given."""

    documentation: str | None = None
    """An https URL: the page that this declaration was written from."""

    api_base: str | None = None
    """The URL that a client's relative URLs are put after; tokens may go to its origin."""

    origins: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    """Other origins that tokens may go to: ``https://api.example.com``, ``https://*.example.com``."""

    plain_http_hosts: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    """Hosts that may be reached by http. A leniency: what is sent there can be read on its way."""

    grant_types: tuple[str, ...] = attrs.field(default=(), init=False)
    """The grant types that it offers; the first is what ``connect()`` uses."""

    _token_origins: tuple[Origin, ...] = attrs.field(default=(), init=False, eq=False)

    @property
    def token_origins(self) -> tuple[Origin, ...]:
        """Give every origin that a token may go to: that of *api_base*, then *origins*."""
        return self._token_origins

    def __attrs_post_init__(self) -> None:
        """Check the declaration, all of it."""
        check = _Check(self)
        self._validate(check)
        if check.faults:
            raise DeclarationError(str(self.name), check.faults)
        object.__setattr__(self, "plain_http_hosts", tuple(check.plain_http_hosts))
        object.__setattr__(self, "_token_origins", tuple(dict.fromkeys(check.token_origins)))

    def _validate(self, check: _Check) -> None:
        check.name(self.name)
        if self.title is not self.name:
            check.text("title", self.title, optional=False)
        check.url("documentation", self.documentation, https_only=True)
        check.where_tokens_go()

    def __repr__(self) -> str:
        shown = [f"name={self.name!r}"]
        shown += [f"{field}={value!r}" for field, value in self._leniencies() if value]
        return f"{type(self).__name__}({', '.join(shown)})"

    def _leniencies(self) -> list[tuple[str, object]]:
        return [("plain_http_hosts", self.plain_http_hosts)]


if TYPE_CHECKING:
    # What connect() takes where nothing more is known: a declaration of some client's.
    AnyProvider: TypeAlias = Provider[Client]


@attrs.frozen(kw_only=True, repr=False)
class OAuth1Provider(Provider["AsyncOAuth1Client"]):
    """
    A service that speaks OAuth 1.0a (RFC 5849).

    Needed are *name*, the endpoints that the service has (none, where its site hands out tokens),
    and *api_base* or *origins*. A quirk that no field covers is a subclass that overrides
    ``parse_token``. Raises DeclarationError, which lists every fault.
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

    def _validate(self, check: _Check) -> None:
        super()._validate(check)
        for field in ("temporary_credential_endpoint", "authorization_endpoint", "token_endpoint"):
            check.url(field, getattr(self, field))
        if self.temporary_credential_endpoint is not None and self.token_endpoint is None:
            check.fault(
                "token_endpoint", None, "a temporary_credential_endpoint is of no use without it"
            )
        check.signature_methods(self.signature_methods)
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


class _Check:
    """The faults of one declaration; each line names the field, its value and what is expected."""

    def __init__(self, provider: Provider[object]) -> None:
        self.provider = provider
        self.faults: list[str] = []
        self.plain_http_hosts: list[str] = []
        self.token_origins: list[Origin] = []

    def fault(self, field: str, value: object, expected: str) -> None:
        self.faults.append(f"{field} = {_show(value)}: {expected}")

    def name(self, value: object) -> None:
        if not isinstance(value, str) or not _NAME(value):
            self.fault("name", value, "lower-case letters and digits, in words joined by '-'")

    def where_tokens_go(self) -> None:
        for host in self.texts("plain_http_hosts", self.provider.plain_http_hosts):
            try:
                self.plain_http_hosts.append(canonical_host(host))
            except ConfigurationError as exc:
                self.fault(
                    "plain_http_hosts", host, f"host names alone, no scheme and no port; {exc}"
                )
        base = self.url("api_base", self.provider.api_base)
        if base is not None:
            if base.raw_query_string:
                self.fault(
                    "api_base", self.provider.api_base, "no query: relative URLs are put after it"
                )
            try:
                origin = parse_origin(str(base.origin()), plain_http_hosts=self.plain_http_hosts)
                self.token_origins.append(origin)
            except ConfigurationError as exc:
                self.fault("api_base", self.provider.api_base, str(exc))
        for text in self.texts("origins", self.provider.origins):
            try:
                self.token_origins.append(
                    parse_origin(text, plain_http_hosts=self.plain_http_hosts)
                )
            except ConfigurationError as exc:
                self.faults.append(f"origins: {exc}")
        if self.provider.api_base is None and not self.provider.origins:
            self.fault("api_base", None, "api_base or origins must say where tokens may go")

    def url(self, field: str, value: object, *, https_only: bool = False) -> URL | None:
        """Return the URL where it can be asked for its origin, else None."""
        if value is None:
            return None
        if not isinstance(value, str):
            self.fault(field, value, "a URL as text")
            return None
        wanted = "an absolute URL such as 'https://api.example.com/…'"
        try:
            url = URL(value) if value.isprintable() and " " not in value else URL()
        except ValueError:
            url = URL()
        # Not shown: what stands before an @ is a user name, and comes with a password.
        shown = f"***@{value.rpartition('@')[2]}" if "@" in value else value
        if not url.raw_host:
            self.fault(field, shown, wanted)
            return None
        if url.raw_user is not None or url.raw_password is not None:
            self.fault(field, shown, "no user information in a URL")
            return None
        if "#" in value:
            self.fault(field, value, "no fragment")
        if url.scheme not in ("http", "https"):
            self.fault(field, value, wanted)
            return None
        if not is_secure(url, self.plain_http_hosts) or (https_only and url.scheme == "http"):
            port = None if url.port == 80 else url.explicit_port
            secure = url.with_scheme("https").with_port(port)
            self.fault(field, value, f"https only: {str(secure)!r}")
            return None
        try:
            canonical_host(url.raw_host)
        except ConfigurationError as exc:
            self.fault(field, value, str(exc))
            return None
        return url

    def texts(self, field: str, values: object, *, silent: bool = False) -> tuple[str, ...]:
        """Return the texts of a tuple; report, unless *silent*, what is not a text, or no tuple."""
        found: list[str] = []
        if not isinstance(values, tuple):
            if not silent:
                self.fault(field, values, "a tuple of texts")
            return ()
        for value in cast("tuple[object, ...]", values):
            if isinstance(value, str):
                found.append(value)
            elif not silent:
                self.fault(field, value, "a tuple of texts")
        return tuple(found)

    def signature_methods(self, values: object) -> None:
        known = ", ".join(SIGNATURE_METHODS)
        if values == ():
            self.fault("signature_methods", values, f"at least one of {known}")
        for method in self.texts("signature_methods", values):
            if method not in SIGNATURE_METHODS:
                self.fault("signature_methods", method, f"one of {known}")

    def one_of(self, field: str, value: object, known: tuple[str, ...]) -> None:
        if value not in known:
            self.fault(field, value, f"one of {', '.join(map(repr, known))}")

    def text(self, field: str, value: object, *, optional: bool = True) -> None:
        if optional and value is None:
            return
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            self.fault(field, value, "text in one line")

    def boolean(self, field: str, value: object) -> None:
        if not isinstance(value, bool):
            self.fault(field, value, "True or False")


def _show(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"
