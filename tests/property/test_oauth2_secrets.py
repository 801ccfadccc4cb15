"""RFC 6749 §10.3, RFC 9700 §4: no secret of OAuth 2 is in what an error or a repr says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oauthkit import MemoryStore, OAuthError, OAuthKitError, Record, Token
from oauthkit.clients.oauth2_flow import OAuth2Exchange, OAuth2Flow
from oauthkit.protocol import grants
from oauthkit.protocol.authorization_request import AuthorizationRequest
from oauthkit.protocol.client_auth import CLIENT_AUTH_METHODS, ClientAuthMethod, authenticate
from oauthkit.protocol.jose import JwtSigner
from oauthkit.protocol.responses import parse_authorization_response, parse_token_response
from oauthkit.protocol.token import oauth2_token
from oauthkit.tokens.grants import grant_of
from oauthkit.tokens.sources import StoredSource
from oauthkit.transport.seams import Answer
from property import strategies as draw
from property.leaks import SPELLINGS, find, hard_secrets, render
from support import run
from tokens.grants import KEY

pytestmark = pytest.mark.proves(
    "Where secrets may go",
    "OAuth 2: no secret in an error or a repr",
    rfc="RFC 6749 §10.3",
    judge="none but ours",
)

TOKEN_ENDPOINT = "https://as.example/token"


@attrs.define(eq=False)
class Echo:
    """A server that answers as it is told, and keeps what it was sent."""

    status: int
    body: bytes
    content_type: str = "application/json"
    seen: list[str] = attrs.field(factory=list[str])

    async def call(
        self, method: str, url: str, *, form: str | None = None, headers: Mapping[str, str]
    ) -> Answer:
        """Answer."""
        self.seen.append(f"{form} {dict(headers)}")
        return Answer(
            endpoint=url,
            status=self.status,
            headers={"content-type": self.content_type},
            body=self.body,
        )


def fails(echo: Echo, secret: str, form: Mapping[str, str], method: ClientAuthMethod) -> OAuthError:
    """Make a request that the server refuses; return the error."""
    flow = OAuth2Flow(
        whose="example", client_id="id", client_secret=secret, auth_method=method, caller=echo
    )
    with pytest.raises(OAuthError) as caught:
        run(flow.fetch(TOKEN_ENDPOINT, form))
    return caught.value


_FORMS: dict[str, Callable[[str], Mapping[str, str]]] = {
    "code": lambda s: grants.authorization_code(s, redirect_uri="https://h/cb"),
    "verifier": lambda s: grants.authorization_code("c0de", code_verifier=s),
    "refresh_token": grants.refresh_token,
    "password": lambda s: grants.password("user", s),
    "assertion": grants.jwt_bearer,
    "client_secret": lambda _: grants.client_credentials(),
}


@pytest.mark.parametrize("form", _FORMS)
@settings(max_examples=50)
@given(
    secret=hard_secrets,
    spelling=st.sampled_from(sorted(SPELLINGS)),
    method=st.sampled_from(CLIENT_AUTH_METHODS),
)
def test_echoes(form: str, secret: str, spelling: str, method: ClientAuthMethod) -> None:
    """A value that was sent and comes back in a refusal is masked; the rest is shown."""
    echoed = SPELLINGS[spelling](secret)
    told = {
        "error": "invalid_grant",
        "error_description": f"Sorry: <{echoed}> (see the manual)",
        "error_uri": f"https://as.example/?e={echoed}",
    }
    error = fails(Echo(400, json.dumps(told).encode()), secret, _FORMS[form](secret), method)
    assert [] == find(render(error), [secret])
    assert "invalid_grant" == error.error
    assert (error.error_description or "").startswith("Sorry: <***")
    assert (error.error_description or "").endswith("> (see the manual)")


_BODIES: dict[str, Callable[[str], str]] = {
    "text": str,
    "form": lambda secret: f"access_tokens={quote_plus(secret)}&a=b",
    "form name": lambda secret: f"{quote_plus(secret)}=1&a=b",
    "JSON value": lambda secret: json.dumps({"accessToken": secret}),
    "JSON name": lambda secret: json.dumps({secret: 1}),
    "JSON deep": lambda secret: json.dumps({"data": [{secret: [secret]}]}),
    "JSON text": json.dumps,
    "JSONP": lambda secret: f"cb({json.dumps({'accessToken': secret})})",
    "broken JSON": lambda secret: json.dumps({"access_token": secret})[:-1],
    "header injection": lambda secret: json.dumps({"access_token": f"{secret}\r\nX: y"}),
    "no ASCII": lambda secret: json.dumps({"access_token": f"{secret}é"}),
    "title": lambda secret: f"<html><title>No {secret} here</title><p>{secret}",
}


@pytest.mark.parametrize("body", _BODIES)
@settings(max_examples=30)
@given(secret=draw.secrets, status=st.sampled_from([200, 400, 503]))
def test_answers(body: str, secret: str, status: int) -> None:
    """Wherever a secret stands in an answer that is none, it stands in no error."""
    text = _BODIES[body](secret)
    for answer in (text, text.encode()):
        with pytest.raises(OAuthError) as caught:
            parse_token_response(status, answer, now=0.0)
        assert [] == find(render(caught.value), [secret])
    echo = Echo(status, text.encode(), content_type=f"text/{secret}")
    error = fails(echo, "other-secret", grants.client_credentials(), "none")
    assert [] == find(render(error), [secret])


@given(draw.secrets, st.integers(150, 1200))
def test_cut_descriptions(secret: str, before: int) -> None:
    """A long text is cut between words: masking what is left leaves no half of a secret."""
    told = f"{'no ' * (before // 3)}code {secret} is {secret} unknown"
    body = json.dumps({"error": told, "error_description": told}).encode()
    error = fails(Echo(400, body), "other-secret", grants.authorization_code(secret), "none")
    for text in (error.error, error.error_description or ""):
        assert secret[:6] not in text


@given(
    draw.secrets,
    st.sampled_from(
        [
            "code={0}&state={0}",
            "state={0}&state={0}&code={0}",
            "code={0}&state=s&iss={0}",
            "state=s&{0}=1",
            "code=&state=s&id_token={0}",
            "code={0}&state=s&error=denied&error_description=code+{0}+is+gone&error_uri={0}",
            "code={0}&state=s&error={0}",
        ]
    ),
)
def test_callbacks(secret: str, query: str) -> None:
    """Neither code nor state is in the error that a callback gives."""
    url = f"https://app.example/cb?{query.format(quote(secret, safe=''))}"
    with pytest.raises(OAuthKitError) as caught:
        parse_authorization_response(url, state="s", issuer="https://as.example")
    assert [] == find(render(caught.value), [secret])


_KEPT: list[Callable[[str], Any]] = [
    lambda s: {"access_token": f"{s}\n"},
    lambda s: {"access_token": s, "expires_at": s},
    lambda s: {"access_token": s, "expires_in": [s], "refresh_token": [s]},
    lambda s: {s: s},
    lambda s: s,
]


@given(hard_secrets, st.sampled_from(_KEPT))
def test_what_somebody_kept(secret: str, make: Callable[[str], Any]) -> None:
    """An error about a token that is none, or JSON that is none, does not quote it."""
    kept = make(secret)
    with pytest.raises(OAuthKitError) as caught:
        oauth2_token(kept, whose="example", now=0.0)
    assert [] == find(render(caught.value), [secret])
    with pytest.raises(OAuthKitError) as caught:
        AuthorizationRequest.from_json(json.dumps(kept))
    assert [] == find(render(caught.value), [secret])
    with pytest.raises(OAuthKitError) as caught:
        JwtSigner(json.dumps(kept), "ES256")
    assert [] == find(render(caught.value), [secret])


@given(hard_secrets)
def test_reprs(secret: str) -> None:
    """What holds secrets says nothing of them."""
    flow = OAuth2Flow(whose="x", client_id="id", client_secret=secret, caller=Echo(200, b""))
    exchange: Any = OAuth2Exchange(
        flow=flow, key=KEY, token_endpoint=None, grant_type="password", password=secret
    )
    asked = StoredSource(grant=grant_of(MemoryStore(), KEY), exchange=exchange)
    members = {"access_token": secret, "refresh_token": secret, "id_token": secret, secret: secret}
    asked.grant.assign(Token(members))
    start = asked.grant.start()
    request = AuthorizationRequest(
        url=f"https://as.example/?nonce={quote(secret, safe='')}&a=b",
        state="s",
        code_verifier=secret,
        nonce=secret,
    )
    objects = [
        *(authenticate(method, "id", secret) for method in CLIENT_AUTH_METHODS),
        exchange,
        flow,
        asked,
        asked.grant,
        start,
        Token(members),
        request,
        Record(access_tokens={("", ""): Token(members)}, refresh_token=secret),
    ]
    assert [] == find("\n".join(f"{one!r} {one}" for one in objects), [secret])
