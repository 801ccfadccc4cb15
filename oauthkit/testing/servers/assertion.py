"""
Play a service that exchanges signed assertions for tokens: RFC 7523, section 2.1 and 3.

One service account exists, with a key file as services hand them out; what is signed with its key
is verified step by step and logged, and the tokens are good at the same server (RFC 6750).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, Self

import attrs
from aiohttp import web

from oauthkit.testing.servers import rfc7515
from oauthkit.testing.servers.bearer import BearerServer, Endpoint, as_tuple
from oauthkit.testing.servers.embedded import hosts_of, path_of
from oauthkit.testing.servers.ledger import Grant, random_text
from oauthkit.testing.servers.oauth2_clients import ScopeRules
from oauthkit.testing.servers.oauth2_tokens import token_answer
from oauthkit.testing.servers.received import Received
from oauthkit.testing.servers.rfc5849 import MalformedError
from oauthkit.testing.servers.rfc7515 import Jws

if TYPE_CHECKING:
    from oauthkit import AssertionProvider

__all__ = ["JWT_BEARER", "AssertionServer"]

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
"""The grant type (RFC 7523, section 2.1)."""

_LATEST = 10**12  # seconds since the epoch
_LONGEST = 3600  # seconds between iat and exp


def _seconds(value: object) -> float | None:
    """Give a NumericDate (RFC 7519, section 2), or None where *value* is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    # Beyond that no clock goes, and a float no further than 10 ** 308.
    return float(value) if abs(value) < _LATEST else None


@attrs.define(eq=False, kw_only=True)
class AssertionServer(BearerServer):
    """
    Play a service for service accounts: ``with AssertionServer(hosts=["auth.example"]) as server``.

    Assertions are signed with *alg* and this process's key for it, and meant for *audience*, to the
    letter (None: the token endpoint). *subjects* are the users that the account may act for (None:
    any). *leeway* is how many seconds ``iat`` may be ahead of *clock*. *scopes* are those to be had
    (None: any). *universe_domain* is what the key file says, where it says so. For the other
    options see `BearerServer`.
    """

    expires_in: object = 3599
    audience: str | None = None
    alg: str = attrs.field(default="RS256", on_setattr=attrs.setters.frozen)
    subjects: tuple[str, ...] | None = attrs.field(
        default=(), converter=attrs.converters.optional(as_tuple)
    )
    leeway: float = 0.0
    scopes: tuple[str, ...] | None = attrs.field(
        default=None, converter=attrs.converters.optional(as_tuple)
    )
    universe_domain: str | None = None
    client_email: str = "robot@oauthkit-test.iam.example"
    key_id: str = attrs.field(factory=random_text)

    @classmethod
    def for_provider(cls, provider: AssertionProvider, **options: Any) -> Self:
        """
        Play the service that *provider* declares: hosts, token path, audience, algorithm.

        *options* are those of the constructor; they win over the declaration.
        """
        hosts = hosts_of((provider.token_endpoint, provider.api_base, *provider.origins))
        settings: dict[str, Any] = {
            "hosts": hosts,
            "token_path": path_of(provider.token_endpoint, "/token"),
            "audience": provider.audience or provider.token_endpoint,
            "alg": provider.alg,
            "placements": (provider.token_placement,),
        }
        suffixes = [host.removeprefix("*.") for host in hosts if host.startswith("*.")]
        if suffixes:
            settings["universe_domain"] = suffixes[0]
        return cls(**{**settings, **options})

    @property
    def endpoint_paths(self) -> dict[str, str]:
        """Name the one endpoint, and give its path."""
        return {"token": self.token_path}

    # Credentials

    @property
    def token_endpoint(self) -> str:
        """Give the URL of the token endpoint."""
        return f"https://{self.hosts[0]}{self.token_path}"

    @property
    def key_file(self) -> dict[str, str]:
        """Give the account's key file, as ``json.dump`` would write it; a new mapping each time."""
        origin = f"https://{self.hosts[0]}"
        file = {
            "type": "service_account",
            "project_id": "oauthkit-test",
            "private_key_id": self.key_id,
            "private_key": self.private_key,
            "client_email": self.client_email,
            "client_id": "100000000000000000001",
            "auth_uri": f"{origin}/o/oauth2/auth",
            "token_uri": self.token_endpoint,
            "auth_provider_x509_cert_url": f"{origin}/oauth2/v1/certs",
            "client_x509_cert_url": f"{origin}/robot/v1/metadata/x509/{self.client_email}",
        }
        if self.universe_domain is not None:
            file["universe_domain"] = self.universe_domain
        return file

    @property
    def private_key(self) -> str:
        """Give the account's private key as PEM; generated when first asked for."""
        return rfc7515.pem_of(rfc7515.signing_key(self.alg))

    @property
    def creds(self) -> dict[str, str]:
        """Give what signs an assertion: ``issuer``, ``private_key`` and ``key_id``."""
        return {
            "issuer": self.client_email,
            "private_key": self.private_key,
            "key_id": self.key_id,
        }

    def issue(self, user: str | None = None, scope: str = "") -> dict[str, Any]:
        """
        Issue a token without an assertion, and give the answer that holds it.

        *user* is None for the account itself; *scope* is joined by spaces.
        """
        grant = Grant(client_id=self.client_email, user=user or self.client_email, scope=scope)
        return self._answer(grant, scope)

    # How a request is answered

    def _endpoints(self) -> dict[str, Endpoint]:
        return {self.token_path: self._examine}

    def _examine(self, received: Received) -> Callable[[], web.Response]:
        """Take a token request (RFC 7523, section 2.1)."""
        received.take_form(("assertion",))
        grant_type = received.require("grant_type")
        if grant_type != JWT_BEARER:
            problem = f"grant_type is not {JWT_BEARER}"
            received.reject("grant_type", "unsupported_grant_type", problem)
        received.passed("grant_type")
        claims = self._verified(received, received.require("assertion"))
        user = self._subject(received, claims)
        scope = self._scope(received, claims)
        grant = Grant(client_id=self.client_email, user=user, scope=scope)
        return lambda: token_answer(self._answer(grant, scope))

    def _verified(self, received: Received, assertion: str) -> dict[str, Any]:
        """Verify the assertion (section 3), and give its claims."""

        def refuse(name: str, description: str) -> NoReturn:
            received.reject(name, "invalid_grant", f"Invalid JWT: {description}")

        try:
            jws = Jws.parse(assertion)
        except MalformedError as error:
            refuse("assertion", str(error))
        received.passed("assertion")
        if jws.header.get("kid") != self.key_id:
            refuse("kid", "kid names no key of this account")
        received.passed("kid")
        if jws.header.get("alg") != self.alg:
            refuse("alg", f"alg is not {self.alg}, which the key is for")
        received.passed("alg", self.alg)
        public = rfc7515.signing_key(self.alg).public_key()
        if not rfc7515.verify(jws, alg=self.alg, key=public):
            received.reject("signature", "invalid_grant", "Invalid JWT Signature.")
        received.passed("signature")
        claims = jws.claims
        if claims.get("iss") != self.client_email:
            refuse("iss", "iss is not the account")
        received.passed("iss")
        if claims.get("aud") != (self.audience or self.token_endpoint):
            refuse("aud", "aud is not this service, to the letter")
        received.passed("aud")
        self._times(claims, refuse)
        received.passed("exp")
        return claims

    def _times(self, claims: dict[str, Any], refuse: Callable[[str, str], NoReturn]) -> None:
        """Look at iat, nbf and exp (section 3, points 4 to 6)."""
        now, start, end = self.clock(), _seconds(claims.get("iat")), _seconds(claims.get("exp"))
        if start is None or end is None:
            refuse("exp", "iat and exp are needed, as numbers")
        if start > now + self.leeway:
            refuse("iat", "iat is in the future")
        earliest = _seconds(claims.get("nbf", start))
        if earliest is None or earliest > now + self.leeway:
            refuse("nbf", "nbf is in the future")
        if end <= now:
            refuse("exp", "exp is over")
        if not 0 < end - start <= _LONGEST:
            refuse("exp", f"good for more than {_LONGEST} seconds")

    def _subject(self, received: Received, claims: dict[str, Any]) -> str:
        """Find out for whom the account acts."""
        subject: object = claims.get("sub", self.client_email)
        if not isinstance(subject, str):
            received.reject("sub", "invalid_grant", "Invalid JWT: sub is no text")
        allowed = self.subjects is None or subject in {*self.subjects, self.client_email}
        if not allowed:
            problem = "the account may not act for this subject"
            received.reject("sub", "unauthorized_client", problem)
        received.passed("sub", "delegated" if subject != self.client_email else "the account")
        return subject

    def _scope(self, received: Received, claims: dict[str, Any]) -> str:
        """Find the scope, in the claims or in the form."""
        asked: object = received.parameters.get("scope")
        if "scope" in claims:
            if asked is not None:
                received.reject("scope", "invalid_request", "scope in the claims and in the form")
            asked = claims["scope"] or None
        rules = ScopeRules(supported=self.scopes, default="", separator=self.scope_separator)
        granted = rules.granted(asked) if asked is None or isinstance(asked, str) else None
        if granted is None:
            received.reject("scope", "invalid_scope", "the scope is malformed, or not to be had")
        received.passed("scope", granted)
        return granted
