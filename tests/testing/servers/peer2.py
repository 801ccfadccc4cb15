"""Clients of OAuth 2 that are not ours: oauthlib makes and reads messages, plain aiohttp sends."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

import aiohttp

from oauthkit.testing.servers import OAuth2Server
from oauthkit.testing.servers.embedded import EmbeddedServer
from support import run
from testing.servers.peer import FORM, Answer, send

AUTH = "https://auth.example"
CALLBACK = "https://app.example/cb?x=1"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636, appendix B
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CLIENT = {"grant_type": "client_credentials"}

Talk = Callable[[aiohttp.ClientSession], Awaitable[Any]]


def basic(client_id: str, client_secret: str) -> dict[str, str]:
    """Make the field of RFC 6749, section 2.3.1."""
    joined = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return {"Authorization": f"Basic {base64.b64encode(joined.encode()).decode()}"}


def own(server: OAuth2Server) -> dict[str, str]:
    """Authenticate as the server's own client."""
    return basic(server.client_id, server.client_secret)


def bearer(token: str) -> dict[str, str]:
    """Make the field of RFC 6750, section 2.1."""
    return {"Authorization": f"Bearer {token}"}


async def post(
    session: aiohttp.ClientSession,
    url: str,
    form: Mapping[str, str] | str,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Post a form."""
    body = form if isinstance(form, str) else urlencode(form)
    return await send(session, "POST", url, {"Content-Type": FORM, **(headers or {})}, body)


def talk(server: EmbeddedServer, *requests: Talk) -> list[Any]:
    """Send *requests*, one after the other, on one session."""

    async def main() -> list[Any]:
        async with server.session() as session:
            return [await request(session) for request in requests]

    return run(main())


def ask(
    server: OAuth2Server,
    form: Mapping[str, str] | str,
    headers: Mapping[str, str] | None = None,
    path: str | None = None,
) -> Answer:
    """Post one form to the token endpoint, as the server's own client unless *headers* say else."""
    fields = own(server) if headers is None else headers
    url = AUTH + (path or server.token_path)
    (answer,) = talk(server, lambda session: post(session, url, form, fields))
    assert isinstance(answer, Answer)
    return answer


def get(server: EmbeddedServer, url: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Get one URL."""
    (answer,) = talk(server, lambda session: send(session, "GET", url, headers))
    assert isinstance(answer, Answer)
    return answer


def asked(server: OAuth2Server, **changes: str | None) -> str:
    """Make an authorization URL; None leaves a parameter out."""
    given: dict[str, str | None] = {
        "response_type": "code",
        "client_id": server.client_id,
        "redirect_uri": CALLBACK,
        "state": "st",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changes,
    }
    pairs = {name: value for name, value in given.items() if value is not None}
    return f"{AUTH}/authorize?{urlencode(pairs)}"


def query_of(url: str) -> dict[str, str]:
    """Give the parameters of a callback."""
    return dict(parse_qsl(urlsplit(url).query))


def refused(
    server: EmbeddedServer, answer: Answer, error: str, check: str, status: int = 400
) -> None:
    """Judge an error of RFC 6749, section 5.2, and the check that is logged."""
    assert (status, error) == (answer.status, answer.json["error"]), answer.text
    assert {"error", "error_description"} == set(answer.json)
    assert "no-store" == answer.headers["Cache-Control"]
    assert (check,) == server.log[-1].failed
    assert status == server.log[-1].status
