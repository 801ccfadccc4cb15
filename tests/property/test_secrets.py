"""RFC 5849 §4: no secret is in what a client says of itself, of a failure, or in any log."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, quote_plus

import aiohttp
import attrs
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from oauthkit import (
    AsyncOAuth1Client,
    GrantKey,
    OAuth1Credentials,
    OAuth1Provider,
    OAuthError,
    OAuthKitError,
    Record,
    Token,
    connect,
)
from oauthkit.testing.servers import OAuth1Server
from property import strategies as draw
from property.leaks import SPELLINGS, Planted, find, planted, render
from support import run

pytestmark = pytest.mark.proves(
    "Where secrets may go",
    "OAuth 1.0a: no secret in an error, a repr or a log",
    rfc="RFC 5849 §4",
    judge="none but ours",
)

REQUEST_TOKEN, ACCESS_TOKEN = "/oauth/request_token", "/oauth/access_token"


@pytest.fixture(scope="module")
def server() -> Iterator[OAuth1Server]:
    """Play a service on loopback without TLS, where connections cost nothing."""
    with OAuth1Server(hosts=["127.0.0.1"]) as playing:
        yield playing


def declare(server: OAuth1Server, **changes: Any) -> OAuth1Provider:
    """Declare that service."""
    site = f"http://127.0.0.1:{server.port}"
    return OAuth1Provider(
        name="example",
        temporary_credential_endpoint=site + REQUEST_TOKEN,
        authorization_endpoint=f"{site}/oauth/authorize",
        token_endpoint=site + ACCESS_TOKEN,
        api_base=site,
        **changes,
    )


def respond(server: OAuth1Server, *args: Any, **kwargs: Any) -> None:
    """Answer so at both token endpoints."""
    for path in (REQUEST_TOKEN, ACCESS_TOKEN):
        server.respond(path, *args, **kwargs)


def fail(server: OAuth1Server, sent: Planted, **changes: Any) -> list[OAuthKitError]:
    """Take the first and the third step with these secrets; return what they raise."""
    errors: list[OAuthKitError] = []
    provider = declare(server, **changes)
    creds = {"client_id": "id", "client_secret": sent.client_secret}
    callback = f"https://app.example/cb?state={quote(sent.state, safe='')}"
    extra: dict[str, Any] = {
        "params": {"p": sent.param},
        "data": {"d": sent.datum},
        "headers": {"X-H": sent.header},
    }

    async def main() -> None:
        async with (
            aiohttp.ClientSession() as session,
            connect(provider, creds, session=session, redirect_uri=callback) as client,
        ):
            with pytest.raises(OAuthKitError) as first:
                await client.fetch_request_token(**extra)
            client.token = {"oauth_token": sent.token, "oauth_token_secret": sent.token_secret}
            with pytest.raises(OAuthKitError) as third:
                await client.fetch_access_token(verifier=sent.verifier, **extra)
            errors.extend([first.value, third.value])

    run(main())
    return errors


# -- what was sent, and comes back -----------------------------------------------------------------

_SENT_IN_BOTH = ("client_secret", "param", "datum", "header")


@given(planted, st.sampled_from(sorted(SPELLINGS)))
def test_echoes(server: OAuth1Server, sent: Planted, spelling: str) -> None:
    """A value that was sent and comes back is masked in every spelling; the rest is shown."""
    spell = SPELLINGS[spelling]

    async def answer(request: web.Request) -> web.Response:
        names = (
            (*_SENT_IN_BOTH, "state")
            if request.path == REQUEST_TOKEN
            else (*_SENT_IN_BOTH, "token", "token_secret", "verifier")
        )
        echoed = " ".join(f"<{name}|{spell(getattr(sent, name))}>" for name in names)
        told = {"error": "denied", "error_description": f"Sorry: {echoed} (see the manual)"}
        return web.json_response(told, status=401)

    respond(server, body=answer)
    first, third = fail(server, sent)
    for error, names in (
        (first, (*_SENT_IN_BOTH, "state")),
        (third, (*_SENT_IN_BOTH, "token", "token_secret", "verifier")),
    ):
        assert isinstance(error, OAuthError)
        shown = " ".join(f"<{name}|***>" for name in names)
        assert f"Sorry: {shown} (see the manual)" == error.error_description
        assert str(error).endswith(f"denied: {error.error_description}")
        assert [] == find(render(error), sent.all())


@given(planted, st.sampled_from(["HMAC-SHA1", "HMAC-SHA256", "PLAINTEXT"]), st.booleans())
def test_whole_requests_echoed(
    server: OAuth1Server, sent: Planted, method: str, in_body: bool
) -> None:
    """A server that repeats the request and its base string shows nothing of either in an error."""
    echoed: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen = server.log[-1]
        signature = seen.parameter("oauth_signature") or ""
        echoed.extend([signature, seen.parameter("oauth_nonce") or ""])
        parts = [
            seen.url,
            seen.body.decode(),
            seen.header("Authorization") or "",
            seen.header("X-H") or "",
        ]
        which = int(request.query.get("part", len(echoed) % 5))
        told = [*parts, seen.base_string][which]
        return web.json_response({"errors": [{"code": 32, "message": told[:990]}]}, status=400)

    respond(server, body=answer)
    placement = "body" if in_body else "header"
    for error in fail(server, sent, signature_methods=(method,), placement=placement):
        assert [] == find(render(error), [*sent.all(), *(echo for echo in echoed if echo)])


# -- what was never sent ---------------------------------------------------------------------------

_BODIES: dict[str, Callable[[str], str]] = {
    "nothing": lambda _: "",
    "text": str,
    "form": lambda secret: f"oauth_token={quote_plus(secret)}&a=b",
    "form name": lambda secret: f"{quote_plus(secret)}=1&oauth_token=b",
    "JSON value": lambda secret: json.dumps({"access_token": secret}),
    "JSON name": lambda secret: json.dumps({secret: 1}),
    "JSON deep": lambda secret: json.dumps({"a": [{secret: [secret]}]}),
    "JSON text": json.dumps,
    "broken JSON": lambda secret: json.dumps({"oauth_token": secret})[:-1],
    "title": lambda secret: f"<html><title>No {secret} here</title><p>{secret}",
}
_HEADERS: dict[str, Callable[[str], dict[str, str]]] = {
    "none": lambda _: {},
    "cookie": lambda secret: {"Set-Cookie": f"session={secret}"},
    "type": lambda secret: {"Content-Type": f"text/{secret}"},
    "type's parameter": lambda secret: {"Content-Type": f"text/html; charset={secret}"},
    "encoding": lambda secret: {"Content-Encoding": secret},
    "realm": lambda secret: {"WWW-Authenticate": f'OAuth realm="{secret}"'},
    "location": lambda secret: {"Location": f"https://h/{secret}?oauth_token={secret}"},
    "date": lambda secret: {"Date": secret},
    "name": lambda secret: {f"X-{secret.translate(dict.fromkeys(map(ord, '/~+'), '-'))}": secret},
}
_NOTHING = Planted(**{field.name: f"sent-{field.name}-9" for field in attrs.fields(Planted)})


@given(
    draw.secrets,
    st.sampled_from(sorted(_BODIES)),
    st.sampled_from(sorted(_HEADERS)),
    st.sampled_from([200, 302, 400, 401, 503]),
)
def test_answers(server: OAuth1Server, secret: str, body: str, header: str, status: int) -> None:
    """Wherever a secret stands in an answer that is none, it stands in no error."""
    respond(server, status, _HEADERS[header](secret), _BODIES[body](secret))
    for error in fail(server, _NOTHING, clock_from_date=True):
        assert [] == find(render(error), [secret])


@given(draw.secrets, st.integers(0, 4))
def test_half_an_answer(server: OAuth1Server, secret: str, cut: int) -> None:
    """A connection that breaks inside status line, headers or body quotes none of it."""
    text = (
        f"HTTP/1.1 200 {secret}\r\nX-Secret: {secret}\r\nSet-Cookie: a={secret}\r\n"
        f"Content-Length: 500\r\n\r\noauth_token={secret}"
    )
    where = [text.index("\r\n"), text.index("Set-"), text.index("\r\n\r\n"), len(text)]
    sent = f"HTTP/1.1 {secret}\r\n\r\n" if cut == 4 else text[: where[cut]]

    async def answer(request: web.Request) -> web.Response:
        transport = request.transport
        assert transport is not None
        transport.write(sent.encode())
        transport.close()
        return web.Response()

    respond(server, body=answer)
    for error in fail(server, _NOTHING):
        assert [] == find(render(error), [secret, *_NOTHING.all()])


# -- what objects say of themselves ----------------------------------------------------------------


@given(planted)
def test_reprs(sent: Planted) -> None:
    """Clients, tokens, credentials, records and declarations hide what they hold."""
    secrets = sent.all()
    credentials = OAuth1Credentials(
        client_id="id",
        client_secret=sent.client_secret,
        token=sent.token,
        token_secret=sent.token_secret,
        rsa_key=sent.param,
    )
    token = Token(
        {
            "oauth_token": sent.token,
            "oauth_token_secret": sent.token_secret,
            "oauth_verifier": sent.verifier,
            "session_handle": sent.datum,
            sent.header: sent.state,
        }
    )
    client = AsyncOAuth1Client(
        None, "id", sent.client_secret, sent.token, sent.token_secret, verifier=sent.verifier
    )
    client.token = token
    pending = client.get("https://api.example/")
    signing = client._verbs or client._wire()
    objects = [
        credentials,
        token,
        dict(enumerate([token])),
        client,
        client.token,
        client._the_grant,
        client._flow(),
        signing,
        signing.signer,
        signing.fence,
        pending,
        Record(access_tokens={("", ""): token}, refresh_token=sent.param),
        GrantKey(issuer="https://api.example", client_id="id"),
        attrs.evolve(credentials, client_id="other"),
    ]
    text = "\n".join(f"{one!r} {one} {[one]}" for one in objects)
    pending._coroutine.close()
    assert [] == find(text, secrets)
    with pytest.raises(KeyError) as caught:
        _ = token["access_token"]
    assert [] == find("".join(traceback.format_exception(caught.value)), secrets)


# -- logs ------------------------------------------------------------------------------------------


class _Lines(logging.Handler):
    """Keeps every record as it would be written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self.lines.append(f"{self.format(record)} {record.args!r}")


@contextmanager
def logged() -> Generator[list[str]]:
    """Collect all that is logged, at DEBUG, by whomever."""
    handler, root = _Lines(), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield handler.lines
    finally:
        root.setLevel(before)
        root.removeHandler(handler)


@pytest.mark.parametrize("placement", ["header", "body"])
@settings(max_examples=10)
@given(sent=planted)
def test_logs(server: OAuth1Server, placement: str, sent: Planted) -> None:
    """With asyncio in debug mode, where it logs each step that it takes, no secret is logged."""
    good = "&".join(
        f"{name}={quote(value, safe='')}"
        for name, value in (
            ("oauth_token", sent.token),
            ("oauth_token_secret", sent.token_secret),
            ("oauth_callback_confirmed", "true"),
        )
    )
    bad = json.dumps({"error": "x", "error_description": sent.verifier})
    provider = declare(server, placement=placement)
    creds = {"client_id": "id", "client_secret": sent.client_secret, "redirect_uri": "oob"}

    async def main() -> None:
        asyncio.get_running_loop().slow_callback_duration = 0
        async with (
            aiohttp.ClientSession() as session,
            connect(provider, creds, session=session) as client,
        ):
            server.respond(REQUEST_TOKEN, body=good)
            server.respond(ACCESS_TOKEN, 401, body=bad)
            await client.fetch_request_token()
            with pytest.raises(OAuthError):
                await client.fetch_access_token(verifier=sent.verifier)
            server.respond(ACCESS_TOKEN, body=good)
            task = asyncio.create_task(client.fetch_access_token(verifier=sent.verifier))
            task.add_done_callback(lambda done: logging.getLogger("asyncio").debug("%r", done))
            await task
            async with client.post("/echo", data={"a": "b"}) as response:
                await response.read()
            # Nobody waits for this one: its failure is no log line with a traceback.
            server.respond(ACCESS_TOKEN, 401, body=bad)
            abandoned = asyncio.create_task(client.fetch_access_token(verifier=sent.verifier))
            await asyncio.sleep(0)
            abandoned.cancel()

    with logged() as lines, asyncio.Runner(debug=True) as runner:
        runner.run(main())
    assert any(line.startswith("asyncio ") for line in lines)
    assert [] == find("\n".join(lines), sent.all())


# -- anything at all -------------------------------------------------------------------------------

_STATUSES = st.one_of(st.just(200), st.integers(200, 599))


@given(draw.answers, _STATUSES, st.sampled_from(sorted(_HEADERS)), draw.secrets)
def test_any_answer(
    server: OAuth1Server, body: bytes, status: int, header: str, value: str
) -> None:
    """Any octets under any status give a token that can sign, or an error of ours."""
    respond(server, status, _HEADERS[header](value), body)
    provider = declare(server, allow_unconfirmed_callback=True, clock_from_date=True)
    creds = {"client_id": "id", "client_secret": "secret"}

    async def main() -> None:
        async with (
            aiohttp.ClientSession() as session,
            connect(provider, creds, session=session) as client,
        ):
            try:
                token = await client.fetch_request_token()
            except OAuthKitError as error:
                assert isinstance(error, OAuthError)  # noqa: PT017 - either is right
                render(error)
                assert client.token is None
            else:
                assert token["oauth_token"]
                async with client.get("/echo") as response:
                    assert 401 == response.status

    run(main())


@given(draw.wild_texts, st.booleans())
def test_any_callback(query: str, whole: bool) -> None:
    """Any text as a callback gives the token with its verifier, or an error of ours."""
    client = AsyncOAuth1Client(None, "id", "s", token="a", token_secret="b")
    url = query if whole else f"https://app.example/?oauth_token=a&{query}"
    try:
        token = client.parse_authorization_response(url)
    except OAuthKitError as error:
        render(error)
        assert {"oauth_token": "a", "oauth_token_secret": "b"} == client.token
    else:
        assert {"oauth_token", "oauth_token_secret", "oauth_verifier"} == set(token)
        assert token["oauth_verifier"]
