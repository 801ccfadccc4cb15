"""
Check a signed request step by step: RFC 5849, section 3.2, with the statuses it asks for.

Each step is a `Check`; the first that fails ends the verification and names the answer.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import NoReturn

import attrs
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from oauthkit.testing.servers import rfc5849
from oauthkit.testing.servers.accounts import AccessToken, Accounts, TemporaryCredentials
from oauthkit.testing.servers.records import Check
from oauthkit.testing.servers.resources import text
from oauthkit.testing.servers.rfc5849 import MalformedError, Pair

__all__ = ["Refusal", "SignedRequest", "Verifier"]

_REQUIRED = ("oauth_consumer_key", "oauth_signature_method", "oauth_signature")
_FRESHNESS = ("oauth_timestamp", "oauth_nonce")


class Refusal(Exception):  # noqa: N818 (what a server answers, not what went wrong in it)
    """End a verification: the check that failed, the status and the service's error code."""

    def __init__(self, name: str, status: int, code: int, message: str) -> None:
        """Refuse for the check *name*."""
        super().__init__(message)
        self.name = name
        self.status = status
        self.code = code
        self.message = message


@attrs.define(eq=False, kw_only=True)
class SignedRequest:
    """
    Hold a request as it came from the wire, and what its verification found.

    *secure* says whether it came over TLS; *authorization* are all fields of that name.
    """

    method: str
    url: str = attrs.field(repr=False)
    secure: bool
    authorization: tuple[str, ...] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    content_type: str | None

    realm: str | None = attrs.field(default=None, init=False)
    placement: str = attrs.field(default="", init=False)
    pairs: list[Pair] = attrs.field(factory=list[Pair], init=False, repr=False)
    base_string: str = attrs.field(default="", init=False, repr=False)
    checks: list[Check] = attrs.field(factory=list[Check], init=False)
    refusal: Refusal | None = attrs.field(default=None, init=False)
    access: AccessToken | None = attrs.field(default=None, init=False)
    temporary: TemporaryCredentials | None = attrs.field(default=None, init=False)

    @property
    def parameters(self) -> dict[str, str]:
        """Give the protocol parameters, decoded (the last of each name)."""
        return {text(name): text(value) for name, value in self.pairs}

    def passed(self, name: str, detail: str = "") -> None:
        """Note a check that was passed."""
        self.checks.append(Check(name=name, ok=True, detail=detail))

    def refuse(self, name: str, status: int, code: int, message: str) -> NoReturn:
        """Note a check that failed, and end the verification."""
        self.checks.append(Check(name=name, ok=False, detail=message))
        raise Refusal(name, status, code, message)

    def collect(self) -> None:
        """Find the protocol parameters in the one place where they are (section 3.5)."""
        if len(self.authorization) > 1:
            self.refuse("placement", 400, 215, "more than one Authorization header")
        header: tuple[Pair, ...] = ()
        if self.authorization and rfc5849.is_oauth(self.authorization[0]):
            try:
                parsed = rfc5849.parse_authorization(self.authorization[0])
            except MalformedError as error:
                self.refuse("placement", 400, 215, str(error))
            else:
                header, self.realm = parsed.pairs, parsed.realm
        form = rfc5849.form_pairs(self.body) if rfc5849.is_form(self.content_type) else []
        places = {
            "header": list(header),
            "body": _protocol(form),
            "query": _protocol(rfc5849.form_pairs(rfc5849.split_query(self.url))),
        }
        used = [place for place, pairs in places.items() if pairs]
        self.pairs = [pair for place in used for pair in places[place]]
        self.placement = "+".join(used)
        if not used:
            self.refuse("placement", 401, 215, "no OAuth protocol parameters")
        self.base_string = rfc5849.base_string(
            self.method, self.url, header, self.body, self.content_type
        )
        if len(used) > 1:
            self.refuse("placement", 400, 215, f"protocol parameters in {' and '.join(used)}")
        self.passed("placement", self.placement)


def _protocol(pairs: list[Pair]) -> list[Pair]:
    return [pair for pair in pairs if pair[0].startswith(b"oauth_")]


@attrs.define(eq=False, kw_only=True)
class Verifier:
    """Verify requests against *accounts*; *clock* gives seconds, *max_age* is in seconds."""

    accounts: Accounts
    clock: Callable[[], float]
    max_age: float
    signature_methods: tuple[str, ...]
    two_legged: bool
    public_key: Callable[[], RSAPublicKey]

    def verify(self, request: SignedRequest, *, token_kind: str = "access") -> None:
        """
        Verify *request*, whose token is of *token_kind* ("none", "temporary" or "access").

        Notes every check in the request, and the first refusal.
        """
        try:
            request.collect()
            self._parameters(request)
            self._freshness(request)
            self._credentials(request, token_kind)
            self._signature(request)
            self._replay(request)
            self._body_hash(request)
        except Refusal as refusal:
            request.refusal = refusal

    def _parameters(self, request: SignedRequest) -> None:
        """Look at the parameters as such: section 3.1 and the 400s of section 3.2."""
        names = [text(name) for name, _ in request.pairs]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            request.refuse("parameters", 400, 215, f"more than once: {', '.join(repeated)}")
        given = request.parameters
        method = given.get("oauth_signature_method", "")
        required = _REQUIRED if method == "PLAINTEXT" else (*_REQUIRED, *_FRESHNESS)
        missing = [name for name in required if not given.get(name)]
        if missing:
            request.refuse("parameters", 400, 215, f"missing: {', '.join(missing)}")
        request.passed("parameters", f"{len(names)} protocol parameters, none twice")
        if given.get("oauth_version", "1.0") != "1.0":
            request.refuse("version", 400, 215, "oauth_version is not 1.0")
        request.passed("version", given.get("oauth_version", "left out"))
        if method not in self.signature_methods:
            allowed = ", ".join(self.signature_methods)
            request.refuse("method", 400, 215, f"oauth_signature_method is none of {allowed}")
        if method == "PLAINTEXT" and not request.secure:
            request.refuse("method", 400, 215, "PLAINTEXT without TLS")
        request.passed("method", method)

    def _freshness(self, request: SignedRequest) -> None:
        """Look at the timestamp: section 3.3. PLAINTEXT may do without."""
        given = request.parameters.get("oauth_timestamp")
        if given is None:
            request.passed("timestamp", "left out")
            return
        # Twenty digits are beyond any clock; int() has a limit of its own, and an error for it.
        if not (given.isascii() and given.isdigit() and len(given) <= 20 and int(given) > 0):
            request.refuse("timestamp", 400, 215, "oauth_timestamp is not a positive integer")
        away = int(given) - self.clock()
        if abs(away) > self.max_age:
            side = "ahead of" if away > 0 else "behind"
            request.refuse("timestamp", 401, 135, f"{abs(away):.0f} s {side} the server's clock")
        request.passed("timestamp", f"within {self.max_age:.0f} s")

    def _credentials(self, request: SignedRequest, token_kind: str) -> None:
        """Look up client and token: section 3.2."""
        given = request.parameters
        client = given["oauth_consumer_key"].encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(client, self.accounts.client_id.encode()):
            request.refuse("client", 401, 32, "Could not authenticate you: unknown client")
        request.passed("client")
        # Section 2.1 and 3.1: an empty token is as good as none.
        token = given.get("oauth_token", "")
        if token_kind == "temporary":
            request.temporary = self.accounts.temporary(token, self.clock())
        elif token_kind == "access":
            request.access = self.accounts.token(token)
        if token and request.temporary is None and request.access is None:
            request.refuse("token", 401, 89, "Invalid or expired token")
        if not token and (
            token_kind == "temporary" or (token_kind == "access" and not self.two_legged)
        ):
            request.refuse("token", 401, 89, "Invalid or expired token: none was given")
        request.passed("token", token_kind if token else "none")

    def _signature(self, request: SignedRequest) -> None:
        """Recompute the signature: section 3.4."""
        found = request.access or request.temporary
        given = request.parameters
        method = given["oauth_signature_method"]
        right = rfc5849.signature_matches(
            given["oauth_signature"].encode("utf-8", "surrogateescape"),
            signature_method=method,
            base=request.base_string,
            client_secret=self.accounts.client_secret,
            token_secret=found.secret if found is not None else "",
            public_key=self.public_key() if method in rfc5849.RSA_METHODS else None,
        )
        if not right:
            request.refuse("signature", 401, 32, "Could not authenticate you: wrong signature")
        request.passed("signature", f"{method} over the base string recomputed here")

    def _replay(self, request: SignedRequest) -> None:
        """Refuse a nonce used before: section 3.2. PLAINTEXT has none to speak of."""
        given = request.parameters
        if given["oauth_signature_method"] == "PLAINTEXT":
            request.passed("nonce", "not used by PLAINTEXT")
            return
        names = ("oauth_timestamp", "oauth_nonce", "oauth_consumer_key", "oauth_token")
        if not self.accounts.use_nonce(given.get(name, "") for name in names):
            request.refuse("nonce", 401, 32, "Could not authenticate you: nonce used before")
        request.passed("nonce", "not seen before")

    def _body_hash(self, request: SignedRequest) -> None:
        """Check ``oauth_body_hash``: OAuth Request Body Hash 1.0, section 4."""
        given = request.parameters.get("oauth_body_hash")
        if given is None:
            return
        if rfc5849.is_form(request.content_type):
            request.refuse("body_hash", 400, 215, "oauth_body_hash with a form body")
        method = request.parameters["oauth_signature_method"]
        if given != rfc5849.body_hash(request.body, method):
            request.refuse("body_hash", 401, 32, "Could not authenticate you: wrong body hash")
        request.passed("body_hash", f"{len(request.body)} octets")
