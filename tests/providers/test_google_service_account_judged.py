"""google-auth judges our service accounts: it verifies what we sign, and we send what it sends."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

import attrs
import google.auth.exceptions
import google.auth.jwt
import google.auth.transport
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from google.auth import _helpers
from google.auth.crypt import es
from google.oauth2 import service_account

from oauthkit import connect
from oauthkit.testing.servers.loopback import LoopbackServer
from oauthkit_providers.google_service_account import provider
from support import run

pytestmark = pytest.mark.proves("Assertions", "Google's key file", rfc=None, judge="google-auth")
proves_assertions = pytest.mark.proves(
    "Assertions",
    "assertions on the wire: signature and audience",
    rfc="RFC 7523 §3",
    judge="google-auth",
)

NOW = 1_700_000_000
KEY_ID = "0123abcd"
EMAIL = "robot@example.iam.gserviceaccount.com"
ENDPOINT = "https://oauth2.googleapis.com/token"
ANSWER = {"access_token": "made up", "expires_in": 3599, "token_type": "Bearer"}
STORAGE = "https://www.googleapis.com/auth/devstorage.read_only"

# At run time: what of it has types has too few.
_jwt: Any = google.auth.jwt
_service_account: Any = service_account
_es: Any = es


@attrs.frozen
class Sent:
    """A request for a token, as it arrived."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> list[tuple[str, str]]:
        """Read the body."""
        return parse_qsl(self.body.decode(), keep_blank_values=True, strict_parsing=True)

    @property
    def assertion(self) -> str:
        """Return the signed JWT."""
        return dict(self.form)["assertion"]


@cache
def keys(alg: str) -> tuple[str, str]:
    """Make the private key of an account and its certificate, which is what Google publishes."""
    key: Any = (
        rsa.generate_private_key(public_exponent=65537, key_size=2048)
        if alg == "RS256"
        else ec.generate_private_key(ec.SECP256R1())
    )
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "robot")])
    start = dt.datetime(2023, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_file(alg: str) -> dict[str, str]:
    """Return a key file, as the console writes it."""
    return {
        "type": "service_account",
        "project_id": "example",
        "private_key_id": KEY_ID,
        "private_key": keys(alg)[0],
        "client_email": EMAIL,
        "client_id": "1234567890",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": ENDPOINT,
        "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
        "client_x509_cert_url": "https://www.googleapis.com/robot/v1/metadata/x509/robot",
        "universe_domain": "googleapis.com",
    }


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop google-auth's clock."""
    now = dt.datetime.fromtimestamp(NOW, dt.UTC).replace(tzinfo=None)
    monkeypatch.setattr(_helpers, "utcnow", lambda: now)


def ours(alg: str, **options: Any) -> tuple[Sent, Any]:
    """Let our client fetch a token; return its request and the token."""
    requests: list[Sent] = []
    changes: dict[str, Any] = {"alg": alg}

    async def answer(request: web.Request) -> web.Response:
        body = await request.read()
        requests.append(Sent(request.method, str(request.url), request.headers.copy(), body))
        return web.json_response(ANSWER)

    def make_app() -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        return app

    async def main() -> Any:
        async with server.session() as session:
            declared = attrs.evolve(provider, **changes)
            client = connect(declared, key_file(alg), session=session, clock=lambda: NOW, **options)
            return await client.fetch_token()

    with LoopbackServer(app=make_app, hosts=["oauth2.googleapis.com"]) as server:
        token = run(main())
    (sent,) = requests
    return sent, token


class Recorder(google.auth.transport.Request):
    """Takes google-auth's requests, and sends them nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Sent] = []

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> Any:
        """Keep the request; answer with a token."""
        self.requests.append(Sent(method, url, dict(headers or {}), body or b""))
        return Answer()


@attrs.frozen
class Answer:
    """What google-auth reads of an answer."""

    status: int = 200
    data: bytes = json.dumps(ANSWER).encode()


def theirs(
    alg: str,
    scope: list[str] | None = None,
    subject: str | None = None,
    claims: Mapping[str, str] | None = None,
) -> tuple[Sent, Any]:
    """Let google-auth fetch a token; return its request and its credentials."""
    file = key_file(alg)
    kind = _service_account.Credentials
    options = {"scopes": scope, "subject": subject, "additional_claims": dict(claims or {})}
    if alg == "RS256":
        credentials = kind.from_service_account_info(file, **options)
    else:  # its reader of key files takes RSA keys only
        signer = _es.EsSigner.from_string(file["private_key"], file["private_key_id"])
        credentials = kind(signer, file["client_email"], file["token_uri"], **options)
    recorder = Recorder()
    credentials.refresh(recorder)
    (sent,) = recorder.requests
    return sent, credentials


def verified(assertion: str, alg: str, audience: str = ENDPOINT) -> dict[str, Any]:
    """Let google-auth verify signature, key, times and audience; return the claims."""
    found: dict[str, Any] = _jwt.decode(assertion, {KEY_ID: keys(alg)[1]}, audience=audience)
    return found


@proves_assertions
@pytest.mark.parametrize("alg", ["RS256", "ES256"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scope": [STORAGE]},
        {"scope": [f"{STORAGE} b", "a"], "subject": "ann é@example.com"},
        {"scope": [STORAGE], "claims": {"tenant": "é & ☃"}},
    ],
)
def test_the_same_assertion(alg: str, options: dict[str, Any]) -> None:
    """Header and claims are google-auth's, member for member; only JSON's spelling may differ."""
    (sent, token), (wanted, credentials) = ours(alg, **options), theirs(alg, **options)
    claims = verified(sent.assertion, alg)
    assert verified(wanted.assertion, alg) == claims
    assert _jwt.decode_header(wanted.assertion) == _jwt.decode_header(sent.assertion)
    assert {"alg": alg, "kid": KEY_ID, "typ": "JWT"} == _jwt.decode_header(sent.assertion)
    assert (NOW, NOW + 3600, EMAIL) == (claims["iat"], claims["exp"], claims["iss"])
    assert options.get("subject") == claims.get("sub")
    # What is made of the same answer, too.
    expiry = credentials.expiry.replace(tzinfo=dt.UTC).timestamp()
    assert (credentials.token, expiry) == (token["access_token"], token["expires_at"])


def test_the_same_request() -> None:
    """Method, URL, content type and members are google-auth's; what differs is listed."""
    (sent, _), (wanted, _) = ours("RS256", scope=[STORAGE]), theirs("RS256", [STORAGE])
    assert (wanted.method, wanted.url) == (sent.method, sent.url)
    # The order of a form's members means nothing (RFC 6749 §3.2).
    assert ["assertion", "grant_type"] == [name for name, _ in wanted.form]
    assert ["grant_type", "assertion"] == [name for name, _ in sent.form]
    assert dict(wanted.form)["grant_type"] == dict(sent.form)["grant_type"]
    mine = {name.lower(): value for name, value in sent.headers.items()}
    other = {name.lower(): value for name, value in wanted.headers.items()}
    assert other["content-type"] == mine["content-type"]
    # Its statistics for Google, which we do not make.
    assert {"x-goog-api-client"} == other.keys() - mine.keys()
    # What any HTTP client adds, and RFC 6749 §5.1's format by name.
    added = {"accept", "accept-encoding", "content-length", "host", "user-agent"}
    assert added == mine.keys() - other.keys()
    assert "application/json" == mine["accept"]


@proves_assertions
@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_the_judge_says_no(alg: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another audience, key, time or octet is refused, so that "yes" means something."""
    assertion = ours(alg)[0].assertion
    verified(assertion, alg)
    refusal = google.auth.exceptions.GoogleAuthError
    with pytest.raises(refusal, match="audience"):
        verified(assertion, alg, audience="https://accounts.google.com")
    head, claims, signature = assertion.split(".")
    changed = f"{head}.{claims}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"
    with pytest.raises(refusal, match="signature"):
        verified(changed, alg)
    keys.cache_clear()
    with pytest.raises(refusal, match="signature"):
        verified(assertion, alg)
    late = dt.datetime.fromtimestamp(NOW + 3601, dt.UTC).replace(tzinfo=None)
    monkeypatch.setattr(_helpers, "utcnow", lambda: late)
    with pytest.raises(refusal, match="expired"):
        verified(ours(alg)[0].assertion, alg)
